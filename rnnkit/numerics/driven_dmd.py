"""Linear forward operators of driven activity: what carries the state forward, and what the inputs add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.dmd import RANK_TOLERANCE, FitStatus, delay_embed, leading_directions, solve_normal

__all__ = ["DrivenOperator", "fit_driven_operator"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DrivenOperator:
    """One network's operators: state(t + 1) = operator @ state(t) + drive @ input(t + 1).

    Attributes
    ----------
    operator : (size, size) float64
        NaN where the status is ``underdetermined`` or ``no_variance``.
    drive : (size, inputs) float64
    rank : int
        Directions in which the embedded activity varies; below `size` the status is ``rank_deficient``.
    status : str
    """

    operator: Floats
    drive: Floats
    rank: int
    status: FitStatus


def fit_driven_operator(
    projected: ArrayLike,
    inputs: ArrayLike,
    delays: int = 1,
    basis: Literal["whitened", "pc"] = "whitened",
    rank_tolerance: float = RANK_TOLERANCE,
) -> DrivenOperator:
    """Fit one network's operators by least squares on states and inputs jointly, over all steps inside trials.

    The embedding, the bases and the rank are those of :func:`rnnkit.numerics.dmd.fit_operators`. So that the two
    operators have one scale, ``whitened`` coordinates have unit mean square here, and inputs are centred and
    divided by their standard deviation, channel by channel; a channel that does not vary drives nothing. Where
    inputs repeat each other or follow from the state, the solution of least norm is taken.

    Parameters
    ----------
    projected : (trials, steps, components)
        Centred activity.
    inputs : (trials, steps, inputs)
        The input at t acts in the step that ends in the state at t.
    delays, basis, rank_tolerance
        As in `fit_operators`.

    Raises
    ------
    InputError
        If the shapes do not fit or trials are not longer than `delays`.

    References
    ----------
    Proctor, Brunton & Kutz 2016, "Dynamic mode decomposition with control".

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, u = np.zeros((20, 30, 2)), rng.choice([-1.0, 1.0], size=(20, 30, 1))
    >>> for t in range(1, 30):
    ...     x[:, t] = x[:, t - 1] @ np.array([[0.9, 0.2], [-0.2, 0.8]]).T + u[:, t] * [1.0, 2.0]
    >>> found = fit_driven_operator(x - x.mean((0, 1)), u, basis="pc")
    >>> found.operator.round(3).tolist(), (found.drive / u.std()).round(1).tolist()
    ([[0.9, 0.2], [-0.2, 0.8]], [[1.0], [2.0]])
    """
    states, given = np.asarray(projected, dtype=np.float64), np.asarray(inputs, dtype=np.float64)
    if states.ndim != 3 or given.ndim != 3 or states.shape[:2] != given.shape[:2]:
        what = f"shapes {states.shape} and {given.shape}"
        raise InputError("projected, inputs", what, "give (trials, steps, channels), the first two in common")
    trials, steps, components = states.shape
    if not 1 <= delays < steps:
        raise InputError("delays", f"{delays} delays in trials of {steps} steps", "leave one step to predict")
    size, channels = components * delays, given.shape[2]
    none = np.full((size, size), np.nan), np.full((size, channels), np.nan)
    if size + channels >= trials * (steps - delays) / 2:
        return DrivenOperator(*none, 0, "underdetermined")
    hankel = delay_embed(states[None], delays)[0]
    axes, scale = leading_directions(hankel, rank_tolerance)
    rank = len(scale)
    if rank == 0:
        return DrivenOperator(*none, 0, "no_variance")
    scale = scale / np.sqrt(hankel.shape[0] * hankel.shape[1])
    coordinates = hankel @ axes / scale
    regressors = np.concatenate([coordinates[:, :-1], _standardised(given)[:, delays:]], axis=2)
    regressors, after = regressors.reshape(-1, rank + channels), coordinates[:, 1:].reshape(-1, rank)
    found = solve_normal(regressors.T @ regressors, regressors.T @ after, rank_tolerance).T
    forward, driven = found[:, :rank], found[:, rank:]
    status: FitStatus = "ok" if rank == size else "rank_deficient"
    if basis == "pc":
        return DrivenOperator((axes * scale) @ forward @ (axes / scale).T, (axes * scale) @ driven, rank, status)
    operator, drive = np.zeros((size, size)), np.zeros((size, channels))
    operator[:rank, :rank], drive[:rank] = forward, driven
    return DrivenOperator(operator, drive, rank, status)


def _standardised(inputs: Floats) -> Floats:
    centred = inputs - inputs.mean(axis=(0, 1))
    spread = centred.std(axis=(0, 1))
    # A constant differs from its mean by rounding only.
    varies = spread > 1e-6 * np.abs(inputs).max(axis=(0, 1), initial=0.0)
    return np.asarray(np.where(varies, centred / np.where(varies, spread, 1.0), 0.0))
