"""Gradient descent on the vectors of a low-rank network, followed in its overlaps: step by step, without the vectors.

Wherever the loss is a function of the overlaps S = X^T X / N, a step X <- X - rate N dLoss/dX is X <- X (1 - rate
Gamma): every X_t is X_0 L_t, and S_t = L_t^T S_0 L_t. The n x n matrix L is what is carried, so that S stays positive
semidefinite. For linear networks this is training itself, of any number of units, at any learning rate and with any
minibatches; for tanh it is training as long as the rows stay Gaussian (docs: "The theory of overlaps").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rnnkit.errors import InputError
from rnnkit.numerics.reduced_activity import ReducedModel, Trials
from rnnkit.numerics.reduced_kernels import Array, descend_, descend_overlaps_
from rnnkit.numerics.threads import one_thread

__all__ = ["Descent", "DescentRule", "carry", "descend", "descend_directly"]


@dataclass(frozen=True, kw_only=True)
class DescentRule:
    """How the vectors are trained.

    Attributes
    ----------
    rate : float
        Learning rate on the mean squared error: X <- X - rate N dLoss/dX.
    momentum : float
        Heavy ball, as torch.optim.SGD: velocity <- momentum velocity + gradient, from rest.
    decay : float
        Weight decay of the vectors, added to the gradient as decay X (the offset does not decay).
    relative : tuple of float
        Factor on the rate of each vector in the layout's order, 0 for one that is never trained; empty: all 1. An
        initial state is never trained in rnnkit, so its factor is 0.
    offset : float
        Factor on the rate of the readout's offset, where there is one.

    Raises
    ------
    InputError
        For a negative or infinite rate, a momentum out of [0, 1), a negative decay.
    """

    rate: float
    momentum: float = 0.0
    decay: float = 0.0
    relative: tuple[float, ...] = ()
    offset: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("rate", self.rate), ("decay", self.decay), ("offset", self.offset)):
            if not 0.0 <= value < np.inf:
                raise InputError(name, f"{value} is not a number from 0 up", "give a finite one")
        if not 0.0 <= self.momentum < 1.0:
            raise InputError("momentum", f"{self.momentum} is not in [0, 1)", "0 is plain descent")
        if any(not 0.0 <= value < np.inf for value in self.relative):
            raise InputError("relative", f"{self.relative}", "give factors from 0 up")

    def rates(self, model: ReducedModel) -> Array:
        """Return the learning rate of each vector, (n,).

        Raises
        ------
        InputError
            When there is not one factor for each vector.
        """
        return self.rate * self.factors(model)

    def factors(self, model: ReducedModel) -> Array:
        """Return the factor of each vector, (n,): `relative`, or 1 but for the initial state."""
        names = model.layout.names
        if not self.relative:
            return np.array([float(not (model.layout.initial and name == "h")) for name in names])
        if len(self.relative) != len(names):
            raise InputError("relative", f"{len(self.relative)} factors", f"one for each of {', '.join(names)}")
        return np.array(self.relative)


@dataclass(frozen=True, kw_only=True)
class Descent:
    """Where a descent went. What diverged is infinite or NaN from there on.

    Attributes
    ----------
    steps : (kept,) int64
        Steps taken when each of the following was kept.
    overlaps : (networks, kept, n, n) float64
    offset : (networks, kept, outputs) float64
    losses : (networks, steps) float64
        Before each step, on that step's trials.
    transfer : (networks, n, n) float64
        L after the last step kept: X = X_0 L. NaN of a descent on the overlaps, which moves no vectors.
    """

    steps: np.ndarray[tuple[int], np.dtype[np.int64]]
    overlaps: Array
    offset: Array
    losses: Array
    transfer: Array


def descend(
    model: ReducedModel,
    overlaps: Array,
    trials: Trials | Callable[[int], Trials],
    rule: DescentRule,
    keep: Sequence[int],
    offset: Array | None = None,
) -> Descent:
    """Follow gradient descent on the vectors, from rest, in the overlaps.

    The cost of a step is that of the reduced activity, O(trials steps n^2), whatever the number of units. A phase of
    another task starts from the last overlaps kept: its velocity restarts.

    Parameters
    ----------
    overlaps : (networks, n, n)
        S_0.
    trials : Trials or callable
        The same trials at every step; or a function of the step, from 0, that returns its minibatch.
    rule : DescentRule
    keep : sequence of int
        After how many steps overlaps are kept, rising; the last ends the descent. 0 is the start.
    offset : (networks, outputs), optional
        The readout's at the start; without it there is none, and none is learned.

    Raises
    ------
    InputError
        When shapes do not fit or the steps to keep do not rise from 0 on.

    Examples
    --------
    A readout that learns by itself: dLoss/ds_zm = 2 (s_zm - 1), the vectors m and z both of size one.

    >>> from rnnkit.numerics.loading_vectors import Layout
    >>> model = ReducedModel(layout=Layout(inputs=1, rank=1, outputs=1), alpha=0.5, linear=True)
    >>> once = Trials.of(np.array([[[2.0]]]), np.array([[[1.0]]]))
    >>> rule = DescentRule(rate=0.1, relative=(0.0, 0.0, 0.0, 1.0))
    >>> path = descend(model, np.eye(4)[None], once, rule, keep=(0, 1, 2))
    >>> path.overlaps[0, :, 0, 3], path.losses
    (array([0.  , 0.2 , 0.36]), array([[1.  , 0.64]]))
    """
    offset_rate = 0.0 if offset is None else rule.rate * rule.offset
    start, offset, scale = model.parameters(overlaps, offset)
    ends = _rising(keep)
    networks, n = start.shape[:2]
    transfer = np.broadcast_to(np.eye(n), start.shape).copy()
    velocity, offset_velocity = np.zeros_like(start), np.zeros_like(offset)
    rates = rule.rates(model)
    kept, kept_offset = np.empty((networks, len(ends), n, n)), np.empty((networks, len(ends), offset.shape[1]))
    losses, done = np.empty((networks, int(ends[-1]))), 0
    for i, end in enumerate(ends):
        for first, last, batch in _batches(trials, done, int(end)):
            part = np.empty((networks, last - first))
            descend_(
                *(start, transfer, velocity, offset, offset_velocity, scale, model.sizes, model.alpha, model.linear),
                *(*batch.arrays(model, networks), rates, offset_rate, rule.momentum, rule.decay, part),
            )
            losses[:, first:last] = part
        done = int(end)
        kept[:, i], kept_offset[:, i] = carry(start, transfer), offset
    return Descent(steps=ends, overlaps=kept, offset=kept_offset, losses=losses, transfer=transfer)


def descend_directly(
    model: ReducedModel,
    overlaps: Array,
    trials: Trials | Callable[[int], Trials],
    rate: float,
    keep: Sequence[int],
    offset: Array | None = None,
) -> Descent:
    """Follow gradient descent on the overlaps as if they were the parameters: what training does not do.

    For comparison only (Ger & Barak, Fig. 4b). It leaves the overlaps that the loss does not see where they are, and
    soon reaches values that no vectors have: S is not positive semidefinite any more. Parameters and result as of
    :func:`descend`; a tanh network whose states would have a negative variance is NaN.
    """
    offset_rate = 0.0 if offset is None else rate
    overlaps, offset, scale = model.parameters(overlaps, offset)
    ends = _rising(keep)
    networks, n = overlaps.shape[:2]
    kept, kept_offset = np.empty((networks, len(ends), n, n)), np.empty((networks, len(ends), offset.shape[1]))
    losses, done = np.empty((networks, int(ends[-1]))), 0
    for i, end in enumerate(ends):
        for first, last, batch in _batches(trials, done, int(end)):
            part = np.empty((networks, last - first))
            descend_overlaps_(
                *(overlaps, offset, scale, model.sizes, model.alpha, model.linear),
                *(*batch.arrays(model, networks), rate, offset_rate, part),
            )
            losses[:, first:last] = part
        done = int(end)
        kept[:, i], kept_offset[:, i] = overlaps, offset
    return Descent(
        steps=ends, overlaps=kept, offset=kept_offset, losses=losses, transfer=np.full_like(overlaps, np.nan)
    )


def carry(start: Array, transfer: Array) -> Array:
    """Return S = L^T S_0 L, (networks, n, n), exactly symmetric.

    Parameters
    ----------
    start, transfer : (networks, n, n)

    Examples
    --------
    >>> carry(np.eye(2)[None], 2 * np.eye(2)[None])
    array([[[4., 0.],
            [0., 4.]]])
    """
    # What diverged is infinite: numpy would warn of it, and it is there to be seen.
    with np.errstate(all="ignore"), one_thread():
        carried = transfer.swapaxes(-1, -2) @ start @ transfer
        symmetric: Array = (carried + carried.swapaxes(-1, -2)) / 2
    return symmetric


def _rising(keep: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    ends = np.array(keep, dtype=np.int64)
    if len(ends) == 0 or ends[0] < 0 or np.any(np.diff(ends) <= 0):
        raise InputError("keep", "the steps to keep do not rise from 0 on", "give each once, in order")
    return ends


def _batches(trials: Trials | Callable[[int], Trials], first: int, last: int) -> Iterator[tuple[int, int, Trials]]:
    """Yield runs of steps on one batch: its first step, one past its last, its trials."""
    if isinstance(trials, Trials):
        if last > first:
            yield first, last, trials
        return
    for step in range(first, last):
        yield step, step + 1, trials(step)
