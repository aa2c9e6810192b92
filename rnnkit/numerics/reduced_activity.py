"""What a low-rank network does, from its overlaps alone: outputs, loss, and the loss's gradient by the overlaps.

The state of h <- (1 - alpha) h + alpha (U V^T phi(h) / N + M x + b) never leaves the span of the inner vectors:
h = A w with w = (s; k), s <- (1 - alpha) s + alpha x and k <- (1 - alpha) k + alpha F, F = V^T phi(h) / N; the bias is
an input that is always 1, the initial state one that starts at 1 and decays. With S the overlaps,

- phi linear: F = S_VA w, Z^T phi(h) / N = S_ZA w, at any N;
- phi = tanh, rows of (M, U, V, Z) jointly Gaussian, N without bound: both times G(w^T S_AA w), where
  G(D) = <tanh'(sqrt(D) xi)>, xi ~ N(0, 1), by Stein's lemma (Mastrogiuseppe & Ostojic, 2018, Neuron 99: 609-623).

The number of units never enters. The loss is that of training: sum(mask e^2) / (sum(mask) outputs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnkit.errors import InputError
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.reduced_kernels import Array, Sizes, gaussian_gain, loss_gradient_, outputs_

__all__ = ["LossGradient", "ReducedModel", "Trials", "gaussian_gains", "loss_gradient", "reduced_outputs"]


@dataclass(frozen=True, kw_only=True)
class ReducedModel:
    """What an ensemble of low-rank networks has in common, besides its overlaps.

    Attributes
    ----------
    layout : Layout
    alpha : float
        Share of the state that a step replaces, in (0, 1].
    linear : bool
        phi is the identity; else it is tanh.
    scale : float or (networks,) float64
        Factor on the outputs, 1 / gamma: y = scale (Z^T phi(h) / N + offset).

    Raises
    ------
    InputError
        When alpha is out of range.
    """

    layout: Layout
    alpha: float
    linear: bool
    scale: float | Array = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha <= 1.0:
            raise InputError("alpha", f"{self.alpha} is not in (0, 1]", "give a share of the state")

    @property
    def sizes(self) -> Sizes:
        """(inputs, bias, initial, rank, outputs), as the compiled loops take them."""
        held = self.layout
        return held.inputs, int(held.bias), int(held.initial), held.rank, held.outputs

    def parameters(self, overlaps: Array, offset: Array | None) -> tuple[Array, Array, Array]:
        """Return overlaps (networks, n, n), offsets (networks, outputs), scales (networks,): new, checked.

        Raises
        ------
        InputError
            When a shape does not fit the layout.
        """
        n, outputs = self.layout.size, self.layout.outputs
        overlaps = np.array(overlaps, dtype=np.float64, order="C")
        if overlaps.ndim != 3 or overlaps.shape[1:] != (n, n):
            raise InputError(
                "overlaps", f"have shape {overlaps.shape}", f"give (networks, {n}, {n}): {', '.join(self.layout.names)}"
            )
        networks = len(overlaps)
        given = np.zeros((networks, outputs)) if offset is None else np.array(offset, dtype=np.float64, order="C")
        if given.shape != (networks, outputs):
            raise InputError("offset", f"has shape {given.shape}", f"give {(networks, outputs)}")
        return overlaps, given, np.array(np.broadcast_to(np.asarray(self.scale, dtype=np.float64), (networks,)))


@dataclass(frozen=True, kw_only=True)
class Trials:
    """A batch of trials; `sets` is 1 where all networks share them, else the number of networks.

    Attributes
    ----------
    inputs : (sets, trials, steps, inputs) float64
    targets : (sets, trials, steps, outputs) float64
    mask : (sets, trials, steps) float64
        Weight of each step in the loss; ones where none is given.

    Raises
    ------
    InputError
        When shapes do not fit each other or a set has no weight at all.

    Examples
    --------
    >>> Trials.of(np.ones((2, 5, 1)), np.ones((2, 5, 1))).mask.shape
    (1, 2, 5)
    """

    inputs: Array
    targets: Array
    mask: Array

    def __post_init__(self) -> None:
        shape = self.inputs.shape[:3]
        if self.inputs.ndim != 4 or self.targets.ndim != 4 or self.targets.shape[:3] != shape:
            raise InputError(
                "trials", f"inputs {self.inputs.shape}, targets {self.targets.shape}", "give (sets, trials, steps, k)"
            )
        if self.mask.shape != shape:
            raise InputError("mask", f"has shape {self.mask.shape}", f"give {shape}")
        if not np.all(self.mask.sum((1, 2)) > 0):
            raise InputError("mask", "leaves no step of a set to be judged", "let some weight be positive")

    @classmethod
    def of(cls, inputs: Array, targets: Array, mask: Array | None = None) -> Trials:
        """Make trials from arrays with or without the axis of sets, of any floating type."""
        full = [np.ascontiguousarray(held, dtype=np.float64) for held in (inputs, targets)]
        inputs, targets = (held[None] if held.ndim == 3 else held for held in full)
        if mask is None:
            return cls(inputs=inputs, targets=targets, mask=np.ones(inputs.shape[:3]))
        mask = np.ascontiguousarray(mask, dtype=np.float64)
        return cls(inputs=inputs, targets=targets, mask=mask[None] if mask.ndim == 2 else mask)

    def arrays(self, model: ReducedModel, networks: int) -> tuple[Array, Array, Array]:
        """Return inputs, targets and mask.

        Raises
        ------
        InputError
            When they are not for this many networks, or for other inputs and outputs than the model's.
        """
        sets, layout = len(self.inputs), model.layout
        if sets not in (1, networks):
            raise InputError("trials", f"{sets} sets for {networks} networks", "give one, or one for each")
        if (self.inputs.shape[3], self.targets.shape[3]) != (layout.inputs, layout.outputs):
            raise InputError(
                "trials",
                f"{self.inputs.shape[3]} inputs and {self.targets.shape[3]} outputs",
                f"the vectors are of {layout.inputs} and {layout.outputs}",
            )
        return self.inputs, self.targets, self.mask


@dataclass(frozen=True, kw_only=True)
class LossGradient:
    """The loss and its gradient by overlaps and offset.

    Attributes
    ----------
    loss : (networks,) float64
        Mean squared error.
    gamma : (networks, n, n) float64
        Gamma: off the diagonal the derivative by the overlap, on it twice that; 0 where the loss does not see it. A
        step of gradient descent on the vectors, X <- X - rate N dLoss/dX, is X <- X (1 - rate Gamma).
    offset : (networks, outputs) float64
        Derivative by the readout's offset.
    """

    loss: Array
    gamma: Array
    offset: Array


def reduced_outputs(model: ReducedModel, overlaps: Array, inputs: Array, offset: Array | None = None) -> Array:
    """Return what networks with these overlaps answer: exact if linear, with many Gaussian units if not.

    Parameters
    ----------
    overlaps : (networks, n, n)
    inputs : (trials, steps, inputs) or (networks, trials, steps, inputs)
    offset : (networks, outputs), optional

    Returns
    -------
    (networks, trials, steps, outputs) float64
        After each step.

    Raises
    ------
    InputError
        When shapes do not fit.

    Examples
    --------
    A linear network of rank one answers an impulse by s_zm mu^t + s_zu s_vm (lambda^t - mu^t) / s_vu, with
    mu = 1 - alpha and lambda = mu + alpha s_vu:

    >>> model = ReducedModel(layout=Layout(inputs=1, rank=1, outputs=1), alpha=0.5, linear=True)
    >>> overlaps = np.eye(4)[None].copy()
    >>> overlaps[0, 0, 3] = overlaps[0, 3, 0] = 0.3
    >>> impulse = np.array([[[2.0], [0.0], [0.0]]])
    >>> reduced_outputs(model, overlaps, impulse)[0, 0, :, 0]
    array([0.3  , 0.15 , 0.075])
    """
    overlaps, offset, scale = model.parameters(overlaps, offset)
    inputs = np.ascontiguousarray(inputs, dtype=np.float64)
    inputs = inputs[None] if inputs.ndim == 3 else inputs
    if inputs.ndim != 4 or inputs.shape[3] != model.layout.inputs or len(inputs) not in (1, len(overlaps)):
        raise InputError(
            "inputs", f"have shape {inputs.shape}", f"give ({len(overlaps)}, trials, steps, {model.layout.inputs})"
        )
    out = np.empty((len(overlaps), *inputs.shape[1:3], model.layout.outputs))
    outputs_(overlaps, offset, scale, model.sizes, model.alpha, model.linear, inputs, out)
    return out


def loss_gradient(model: ReducedModel, overlaps: Array, trials: Trials, offset: Array | None = None) -> LossGradient:
    """Return the loss of networks with these overlaps and its gradient, by one pass back through the steps.

    Parameters
    ----------
    overlaps : (networks, n, n)
    trials : Trials
    offset : (networks, outputs), optional

    Raises
    ------
    InputError
        When shapes do not fit.

    Examples
    --------
    At no overlap but that of readout and input, only it moves the output at the first step after an impulse:

    >>> model = ReducedModel(layout=Layout(inputs=1, rank=1, outputs=1), alpha=0.5, linear=True)
    >>> impulse = Trials.of(np.array([[[2.0]]]), np.array([[[1.0]]]))
    >>> found = loss_gradient(model, np.eye(4)[None], impulse)
    >>> found.loss, found.gamma[0, 0]
    (array([1.]), array([ 0.,  0.,  0., -2.]))
    """
    overlaps, offset, scale = model.parameters(overlaps, offset)
    inputs, targets, mask = trials.arrays(model, len(overlaps))
    loss, gamma, by_offset = np.empty(len(overlaps)), np.empty_like(overlaps), np.empty_like(offset)
    loss_gradient_(
        *(overlaps, offset, scale, model.sizes, model.alpha, model.linear),
        *(inputs, targets, mask, loss, gamma, by_offset),
    )
    return LossGradient(loss=loss, gamma=gamma, offset=by_offset)


def gaussian_gains(variance: Array) -> tuple[Array, Array]:
    """Return G(D) = <tanh'(sqrt(D) xi)> over xi ~ N(0, 1) and dG/dD = <tanh'''(sqrt(D) xi)> / 2.

    Parameters
    ----------
    variance : (...) float64
        D, 0 or more. NaN below.

    Returns
    -------
    gain, slope : (...) float64
        To 1e-15 (see :func:`rnnkit.numerics.reduced_kernels.gaussian_gain`).

    Examples
    --------
    >>> [float(held[0].round(12)) for held in gaussian_gains(np.array([1.0]))]
    [0.605705509602, -0.18179768814]
    """
    variance = np.asarray(variance, dtype=np.float64)
    pairs = np.array([gaussian_gain(float(d)) for d in variance.ravel()]).reshape(-1, 2)
    return pairs[:, 0].reshape(variance.shape), pairs[:, 1].reshape(variance.shape)
