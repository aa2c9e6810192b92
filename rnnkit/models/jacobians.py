"""Rows of the Jacobian of a network's outputs by its weights: for every output, trial and step one row, on demand.

Rows are made by the hand-written backward of the family (:meth:`rnnkit.models.base.Model.gradient_products`): all
rows of some steps of a trial go back through the trial together, in place of the trials of a training batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.models.base import Model, Product, Trace, Weights, Workspace
from rnnkit.numerics.tangent_kernel import Factor, JacobianSize

__all__ = ["PARAMETERS", "OutputJacobian", "held_bytes", "jacobian_size", "trained_tensors"]

#: What `parameters` may be.
PARAMETERS = ("recurrent", "all")


def trained_tensors(architecture: Architecture, parameters: str) -> list[str]:
    """Return the tensors that the Jacobian is by.

    `recurrent`: the recurrent weights, of low rank both factors, in `plrnn` A too; `all`: every tensor that training
    moves.

    Examples
    --------
    >>> shape = Architecture(family="vanilla", units=4, inputs=2, outputs=1)
    >>> trained_tensors(shape, "recurrent")
    ['recurrent.weight']
    >>> trained_tensors(shape, "all")
    ['input.weight', 'recurrent.weight', 'recurrent.bias', 'readout.weight', 'readout.bias']
    """
    names = [name for name in architecture.shapes() if name != "initial_state"]
    if parameters == "all":
        return names
    return [name for name in names if name.startswith("recurrent.") and name != "recurrent.bias"]


def held_bytes(architecture: Architecture, trials: int, steps: int) -> int:
    """Return an upper bound on the bytes of one network's weights and of its activity, kept for the backward."""
    weights = sum(torch.Size(shape).numel() for shape in architecture.shapes().values())
    width = architecture.units * (architecture.spec.gates + 3) + architecture.inputs + architecture.outputs
    return 8 * (weights + trials * (steps + 1) * width)


def jacobian_size(
    architecture: Architecture, names: Sequence[str], networks: int, trials: int, steps: int
) -> JacobianSize:
    """Return the sizes of Jacobians by these tensors.

    Examples
    --------
    >>> shape = Architecture(family="gru", units=4, inputs=2, outputs=1)
    >>> jacobian_size(shape, ["recurrent.weight", "recurrent.bias"], 2, 5, 10).widths
    [(12, 4), (12, 1)]
    """
    widths = []
    for name in names:
        shape = architecture.shapes()[name]
        rows, columns = shape[0], shape[1] if len(shape) > 1 else 1
        widths.append((columns, rows) if name == "recurrent.right" else (rows, columns))
    # The gradient, those by the gates' drives on either side, and a copy of the rates.
    scratch = steps * architecture.units * (2 + 2 * architecture.spec.gates)
    return JacobianSize(networks, trials, steps, architecture.outputs, widths, scratch)


class OutputJacobian:
    """Rows of dy / dW of networks of one architecture on common trials, in float64.

    Parameters
    ----------
    model : Model
    weights : dict of (networks, ...) float64 tensors
        With a readout of their own: latent outputs have none.
    gamma : (networks,)
    inputs : (networks, steps, trials, inputs)
        Time-major, as a scan takes them.
    names : sequence of str
        The tensors W.

    Attributes
    ----------
    trace : Trace
        Of the scan over the inputs.
    size : JacobianSize
    """

    def __init__(self, model: Model, weights: Weights, gamma: Tensor, inputs: Tensor, names: Sequence[str]) -> None:
        self._model, self._weights, self._gamma, self._inputs = model, weights, gamma, inputs
        self._names = list(names)
        self._work = Workspace()
        self.trace = model.scan(weights, inputs, Workspace())
        networks, steps, trials, _ = inputs.shape
        self.size = jacobian_size(model.architecture, self._names, networks, trials, steps)

    def readout(self) -> Tensor:
        """Return the outputs, (networks, steps, trials, outputs)."""
        out = self._model.readout(self._weights, self._gamma, self.trace.features.flatten(1, 2))
        return out.view(*self._inputs.shape[:3], self.size.outputs)

    def factors(self, trial: int, first: int, last: int) -> list[Factor]:
        """Return the factors of the rows of a trial at steps `first` to `last`, exclusive.

        Returns
        -------
        list of Factor
            One per tensor: `back` (networks, last, rows, k), `forward` (networks, last, m); rows by step, then
            output. `back` is overwritten by the next call.
        """
        rows = (last - first) * self.size.outputs
        grad = self._work.get("grad", (self.size.networks, last, rows, self._model.architecture.units), self._inputs)
        grad.zero_()
        scale = self._model.architecture.readout_scale / self._gamma[:, None, None]
        for step in range(first, last):
            low = (step - first) * self.size.outputs
            torch.mul(self._weights["readout.weight"], scale, out=grad[:, step, low : low + self.size.outputs])
        inputs, trace = self._repeated(trial, last, rows)
        found = self._model.gradient_products(self._weights, inputs, trace, grad, self._work)
        products = {product.name: product for product in [*found, *self._readout_products(trace, first, last)]}
        return [_factor(products[name]) for name in self._names]

    def _repeated(self, trial: int, last: int, rows: int) -> tuple[Tensor, Trace]:
        """One trial up to a step, as if it were `rows` trials; nothing is copied."""

        def repeat(value: Tensor) -> Tensor:
            steps = value.shape[1] - (self.size.steps - last)
            return value[:, :steps, trial : trial + 1].expand(-1, -1, rows, -1)

        trace = self.trace
        saved = {name: repeat(value) for name, value in trace.saved.items()}
        return repeat(self._inputs), replace(
            trace, states=repeat(trace.states), features=repeat(trace.features), saved=saved
        )

    def _readout_products(self, trace: Trace, first: int, last: int) -> list[Product]:
        """The readout's own rows: an output at a step depends on the features of that step alone."""
        if not any(name.startswith("readout.") for name in self._names):
            return []
        networks, outputs, count = self.size.networks, self.size.outputs, last - first
        chosen = self._inputs.new_zeros(networks, last, count * outputs, outputs)
        own = torch.eye(outputs, dtype=chosen.dtype, device=chosen.device) / self._gamma[:, None, None]
        for step in range(count):
            chosen[:, first + step, step * outputs : (step + 1) * outputs] = own
        scale = self._model.architecture.readout_scale
        return [
            Product("readout.weight", chosen, trace.features, scale),
            Product("readout.bias", chosen, None),
        ]


def _factor(product: Product) -> Factor:
    back = product.grad if product.scale == 1.0 else product.grad * product.scale
    if product.value is None:
        return Factor(back, back.new_ones(*back.shape[:2], 1))
    return Factor(back, product.value[:, :, 0])
