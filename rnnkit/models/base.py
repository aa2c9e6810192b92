"""What every model family is: one step, a batched scan, and the scan's hand-written backward.

Inside a model, arrays are time-major, (networks, steps, trials, units), so that one step of all networks and
trials is one batched matrix product, and all steps together are one product per weight gradient. Outside
(tables, tasks, stages) the order is (networks, trials, steps, units).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.numerics.fast_tanh import tanh_step_

__all__ = [
    "Model",
    "Product",
    "Trace",
    "Weights",
    "Workspace",
    "activate_step_",
    "apply_nonlinearity_",
    "nonlinearity_backward_",
]

#: Tensors by the names of the checkpoint format, each with a leading network axis.
Weights = dict[str, Tensor]


class Workspace:
    """Buffers that a scan writes into, kept between calls: fresh memory costs more than the arithmetic."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def get(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return an uninitialised buffer of this shape, with the type and device of `like`."""
        size = 1
        for extent in shape:
            size *= extent
        found = self._buffers.get(name)
        if found is None or found.numel() < size or found.dtype != like.dtype or found.device != like.device:
            found = torch.empty(size, dtype=like.dtype, device=like.device)
            self._buffers[name] = found
        return found[:size].view(shape)


@dataclass
class Trace:
    """What a scan leaves behind.

    Attributes
    ----------
    states : (networks, steps, trials, units)
        h after each step.
    features : (networks, steps, trials, units)
        What the readout sees: h, or phi(h).
    saved : dict of tensors
        What the family's backward needs besides.
    """

    states: Tensor
    features: Tensor
    saved: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """The gradient of one tensor: `scale` times the outer products of `grad` and `value`, summed over steps and rows.

    Attributes
    ----------
    name : str
        The tensor, by the names of the checkpoint format.
    grad : (networks, steps, trials, k)
        What came back through the scan.
    value : (networks, steps, trials, m) or None
        What the tensor multiplied on the way forward; None for a bias.
    scale : float
    transposed : bool
        The tensor's rows are those of `value`, its columns those of `grad`.
    """

    name: str
    grad: Tensor
    value: Tensor | None
    scale: float = 1.0
    transposed: bool = False

    def add_to(self, grads: Weights) -> None:
        """Add the gradient to that of its tensor: one matrix product over all steps and trials."""
        rows = merge_time(self.grad)
        if self.value is None:
            grads[self.name].add_(rows.sum(1), alpha=self.scale)
            return
        left, right = (merge_time(self.value), rows) if self.transposed else (rows, merge_time(self.value))
        grads[self.name].baddbmm_(left.transpose(1, 2), right, alpha=self.scale)


def apply_nonlinearity_(name: str, x: Tensor) -> Tensor:
    """Apply phi in place."""
    if name == "tanh":
        return x.tanh_()
    return x.relu_() if name == "relu" else x


def activate_step_(name: str, block: Tensor, step: int) -> None:
    """Apply phi in place to one step of a contiguous block (networks, steps, trials, units)."""
    if name == "tanh" and block.device.type == "cpu" and block.dtype == torch.float32:
        tanh_step_(block.numpy(), step)
    else:
        apply_nonlinearity_(name, block[:, step])


def nonlinearity_backward_(name: str, grad: Tensor, value: Tensor) -> Tensor:
    """Multiply `grad` in place by phi' where phi took `value` (phi' of relu at 0 is 0)."""
    if name == "tanh":
        torch.ops.aten.tanh_backward.grad_input(grad, value, grad_input=grad)
    elif name == "relu":
        torch.ops.aten.threshold_backward.grad_input(grad, value, 0.0, grad_input=grad)
    return grad


def merge_time(x: Tensor) -> Tensor:
    """View (networks, steps, trials, k) as (networks, steps * trials, k)."""
    return x.flatten(1, 2)


class Model(ABC):
    """One family with its sizes and constants; weights are passed in, stacked over networks.

    Parameters
    ----------
    architecture : Architecture
        Its `gamma` is not used here: gamma may differ between networks of one batch and is passed to
        :meth:`readout`.
    """

    family: ClassVar[str]
    #: Units of state per unit of the network: 2 for cells that carry (h, c).
    state_blocks: ClassVar[int] = 1
    #: Whether the drive of the nonlinearity is a state of its own that a penalty may act on (:meth:`scan`).
    has_currents: ClassVar[bool] = False

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        #: Keep that drive in `Trace.saved["currents"]`; a gradient by it, `Trace.saved["current_gradient"]`, is then
        #: carried back with the rest.
        self.keep_currents = False

    @abstractmethod
    def step(self, weights: Weights, state: Tensor, inputs: Tensor) -> Tensor:
        """Return the state one step later, in plain differentiable operations.

        Parameters
        ----------
        state : (networks, trials, state_blocks * units)
        inputs : (networks, trials, inputs)
        """

    @abstractmethod
    def scan(self, weights: Weights, inputs: Tensor, work: Workspace) -> Trace:
        """Run all networks over all steps.

        Parameters
        ----------
        inputs : (networks, steps, trials, inputs)
        """

    @abstractmethod
    def gradient_products(
        self, weights: Weights, inputs: Tensor, trace: Trace, grad: Tensor, work: Workspace
    ) -> list[Product]:
        """Go back through the scan; return the gradients of the step's weights as products not yet summed.

        A gradient of every step and trial on its own is what a tangent kernel needs
        (:mod:`rnnkit.models.jacobians`); training sums them (:meth:`scan_backward`).

        Parameters
        ----------
        grad : (networks, steps, trials, units)
            Gradient of the loss by `trace.features`; overwritten, and read by the products.
        work : Workspace
            Holds what the products read, until its next use.

        Returns
        -------
        list of Product
            For every tensor of the step that `weights` holds but `initial_state`.
        """

    def scan_backward(
        self, weights: Weights, inputs: Tensor, trace: Trace, grad: Tensor, grads: Weights, work: Workspace
    ) -> None:
        """Add the gradients of the step's weights to `grads`.

        Parameters
        ----------
        grad : (networks, steps, trials, units)
            Gradient of the loss by `trace.features`; overwritten.
        grads : dict of tensors
            Accumulated into, for every trained tensor but the readout's.
        """
        for product in self.gradient_products(weights, inputs, trace, grad, work):
            if product.name in grads:
                product.add_to(grads)

    def features(self, state: Tensor) -> Tensor:
        """Return what the readout sees of a state: h, or phi(h)."""
        hidden = state[..., : self.architecture.units]
        if not self.architecture.spec.reads_rates:
            return hidden
        return apply_nonlinearity_(self.architecture.nonlinearity, hidden.clone())

    def initial_state(self, weights: Weights, trials: int) -> Tensor:
        """Return the state before the first step, (networks, trials, state_blocks * units)."""
        like = weights["input.weight"]
        units = self.architecture.units
        state = like.new_zeros(like.shape[0], trials, self.state_blocks * units)
        if "initial_state" in weights:
            state[..., :units] = weights["initial_state"][:, None]
        return state

    def readout_matrix(self, weights: Weights) -> Tensor:
        """Return what the features are multiplied by, (networks, outputs, units), before `readout_scale` and gamma."""
        if self.architecture.readout == "latent":
            return weights["recurrent.right"].transpose(1, 2)
        return weights["readout.weight"]

    def readout(self, weights: Weights, gamma: Tensor, features: Tensor) -> Tensor:
        """Return the outputs, (networks, rows, outputs), of features (networks, rows, units).

        Parameters
        ----------
        gamma : (networks,)
        """
        scale = self.architecture.readout_scale
        out = torch.bmm(features, self.readout_matrix(weights).transpose(1, 2))
        if scale != 1.0:
            out.mul_(scale)
        if "readout.bias" in weights:
            out += weights["readout.bias"][:, None]
        return out.div_(gamma[:, None, None])

    def readout_backward(
        self, weights: Weights, gamma: Tensor, features: Tensor, error: Tensor, grads: Weights, out: Tensor
    ) -> None:
        """Add the readout's gradients to `grads` and write the gradient by the features to `out`.

        Parameters
        ----------
        features : (networks, rows, units)
        error : (networks, rows, outputs)
            Gradient of the loss by the outputs; overwritten.
        out : (networks, rows, units)
        """
        error.div_(gamma[:, None, None])
        if "readout.bias" in grads:
            grads["readout.bias"].add_(error.sum(1))
        scale = self.architecture.readout_scale
        if scale != 1.0:
            error.mul_(scale)
        if self.architecture.readout == "latent":
            grads["recurrent.right"].baddbmm_(features.transpose(1, 2), error)
        else:
            grads["readout.weight"].baddbmm_(error.transpose(1, 2), features)
        torch.bmm(error, self.readout_matrix(weights), out=out)


def project_inputs(inputs: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, scale: float = 1.0) -> None:
    """Write scale * (x weight^T + bias) to `out`, (networks, steps * trials, rows).

    Parameters
    ----------
    inputs : (networks, steps, trials, inputs)
    weight : (networks, rows, inputs)
    bias : (networks, rows) or None
    """
    x = merge_time(inputs)
    if bias is None:
        torch.bmm(x, weight.transpose(1, 2), out=out)
        if scale != 1.0:
            out.mul_(scale)
    else:
        torch.baddbmm(bias[:, None], x, weight.transpose(1, 2), beta=scale, alpha=scale, out=out)


def step_products(
    weights: Weights, inputs: Tensor, grad: Tensor, previous: Tensor, scale: float = 1.0
) -> list[Product]:
    """Return the products of the input and recurrent weights and the recurrent bias, those that `weights` holds.

    Parameters
    ----------
    inputs : (networks, steps, trials, inputs)
    grad : (networks, steps, trials, rows)
        Gradient by what the step adds up; `scale` times it is by the weights' products.
    previous : (networks, steps, trials, units)
        What the recurrent weights multiplied.
    """
    values = {"input.weight": inputs, "recurrent.weight": previous, "recurrent.bias": None}
    return [Product(name, grad, value, scale) for name, value in values.items() if name in weights]
