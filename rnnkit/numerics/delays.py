"""How many delays an embedding takes: by the error of predicting one step ahead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.dmd import RANK_TOLERANCE, FitStatus, four_axes, one_step_errors, underdetermined

__all__ = ["DelayChoice", "choose_delays", "delay_errors", "settle_delays"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class DelayChoice:
    """The number of delays chosen for all networks, and the errors it was chosen by.

    Attributes
    ----------
    delays : int
    candidates : (candidates,) int64
    errors : (networks, candidates) float64
        One-step error of the newest block over its variance; NaN for underdetermined candidates.
    mean, standard_error : (candidates,) float64
        Over the networks that vary; the standard error is NaN with a single one.
    rule : str
    status : tuple of str, one a candidate
    """

    delays: int
    candidates: Ints
    errors: Floats
    mean: Floats
    standard_error: Floats
    rule: Literal["heldout", "training"]
    status: tuple[FitStatus, ...]


def choose_delays(
    projected: ArrayLike,
    candidates: Iterable[int] = range(1, 31),
    rule: Literal["heldout", "training"] = "heldout",
    rank_tolerance: float = RANK_TOLERANCE,
) -> DelayChoice:
    """Choose one number of delays for all networks by the one-step error of the newest block.

    ``heldout``: fitted to the even trials, scored on the odd ones; the smallest candidate whose mean over
    networks is within one standard error (over networks) of the best, the best itself with one network.
    ``training``: fitted and scored on all trials, the lowest mean. That is the paper's rule (appendix I.1)
    and ends at the largest candidate, since more delays always fit their own rows better.

    The error is the squared residual over the variance of the newest block alone: over the whole embedded
    vector it would fall as 1/d, the older blocks being copies. Every candidate is fitted to all its rows
    and scored on the steps that all of them can predict (from the largest delay on). Candidates whose size
    is at least half the rows of the whole set are skipped as ``underdetermined``.

    Parameters
    ----------
    projected : (networks, trials, steps, components)
    candidates, rule
        As above.
    rank_tolerance : float
        As in :func:`fit_operators`.

    Raises
    ------
    InputError
        If no candidate is determined, no network varies, or ``heldout`` is given a single trial.

    Examples
    --------
    >>> x = np.zeros((3, 10, 40, 1))
    >>> noise = np.random.default_rng(0).normal(size=x.shape)
    >>> for t in range(2, 40):
    ...     x[:, :, t] = 1.2 * x[:, :, t - 1] - 0.5 * x[:, :, t - 2] + noise[:, :, t]
    >>> choose_delays(x, range(1, 11)).delays, choose_delays(x, range(1, 11), "training").delays
    (2, 10)
    """
    errors = delay_errors(projected, candidates, rule, rank_tolerance)
    return settle_delays(errors, candidates, rule)


def delay_errors(
    projected: ArrayLike,
    candidates: Iterable[int],
    rule: Literal["heldout", "training"] = "heldout",
    rank_tolerance: float = RANK_TOLERANCE,
) -> Floats:
    """Return the errors that :func:`choose_delays` chooses by; each network's are its own.

    Parameters
    ----------
    projected : (networks, trials, steps, components)
    candidates, rule, rank_tolerance
        As in :func:`choose_delays`.

    Returns
    -------
    (networks, candidates) float64
        By increasing candidate; NaN where it is underdetermined, or the network does not vary.

    Examples
    --------
    >>> delay_errors(np.random.default_rng(0).normal(size=(2, 6, 20, 1)), [1, 2, 500]).shape
    (2, 3)
    """
    states = four_axes("projected", projected)
    if rule not in ("heldout", "training"):
        raise InputError("rule", f"unknown rule {rule!r}", "give 'heldout' or 'training'")
    if rule == "heldout" and states.shape[1] < 2:
        raise InputError("projected", "a single trial", "the held-out rule splits trials: give two or more")
    given = _increasing(candidates)
    fits = np.array([not underdetermined(states.shape, int(delays)) for delays in given])
    errors = np.full((len(states), len(given)), np.nan)
    if not fits.any():
        return errors
    for index in np.flatnonzero(states.any(axis=(1, 2, 3))):
        state = states[index : index + 1]
        halves = (state[:, ::2], state[:, 1::2]) if rule == "heldout" else (state, state)
        errors[index, fits] = one_step_errors(*halves, given[fits], rank_tolerance)
    return errors


def settle_delays(
    errors: Floats, candidates: Iterable[int], rule: Literal["heldout", "training"] = "heldout"
) -> DelayChoice:
    """Choose the number of delays as :func:`choose_delays` does, from the errors of all networks.

    Parameters
    ----------
    errors : (networks, candidates) float64
        As :func:`delay_errors` gives them, a row a network.
    candidates, rule
        As in :func:`choose_delays`.

    Examples
    --------
    >>> settle_delays(np.array([[0.5, 0.2, 0.3], [0.6, 0.3, 0.2]]), [1, 2, 3]).delays
    2
    """
    given = _increasing(candidates)
    fits = np.asarray(np.isfinite(errors).any(axis=0))
    counted = errors[np.isfinite(errors[:, fits]).all(axis=1) & fits.any()]
    if not len(counted):
        what = "no network's activity varies, or all delays are underdetermined"
        raise InputError("projected", what, "leave dead networks out, give more trials or fewer components")
    mean = counted.mean(axis=0)
    error = np.full(len(given), np.nan)
    if len(counted) > 1:
        error = counted.std(axis=0, ddof=1) / np.sqrt(len(counted))
    best = int(np.nanargmin(mean))
    chosen = best
    if rule == "heldout":
        chosen = int(np.flatnonzero(mean <= mean[best] + np.nan_to_num(error[best]))[0])
    status: tuple[FitStatus, ...] = tuple("ok" if fit else "underdetermined" for fit in fits.tolist())
    return DelayChoice(int(given[chosen]), given, errors, mean, error, rule, status)


def _increasing(candidates: Iterable[int]) -> Ints:
    given = np.unique(np.fromiter(candidates, dtype=np.int64))
    if given.size == 0 or given[0] < 1:
        raise InputError("candidates", f"{given.tolist()}", "give one or more delays of 1 or more")
    return given
