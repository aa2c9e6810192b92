"""Where a curve of errors over history lengths levels off, and how surely.

With MSE(h) the mean squared error of the predictors of history h over held-out trials and seeds, the memory demand is

    h* = min {h : MSE(h) - min MSE <= max(tolerance (MSE(h_1) - min MSE), floor)},

h_1 the shortest history. Both trials and seeds are samples: other trials, or other initial weights, would have given
another curve. Each bootstrap draw resamples both, the same for all histories, and takes h* of its own curve.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError

__all__ = ["MemoryCurve", "memory_curve", "plateau"]

Floats = NDArray[np.float64]

#: Draws that are taken at a time: the weights of trials are (draws, trials).
_BLOCK = 100
_TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class MemoryCurve:
    """MSE(h) and h*, with 95 % intervals over held-out trials and seeds.

    Attributes
    ----------
    mse, ci_low, ci_high : (histories,)
        NaN where a seed's error is not finite.
    seed_sd : (histories,)
        Standard deviation over seeds of their mean squared errors.
    share : (histories,)
        Of the draws whose h* is this history; NaN without `place`.
    place : int or None
        Index of h*. None when some error is not finite, or h* is the longest history: the curve may go on falling.
        0 when nothing was learned.
    place_low, place_high : int or None
        Ends of the interval of h*, as indices.
    threshold : float
        How far above the least error the plateau reaches; NaN when some error is not finite.
    learned : bool
        The least error is surely below that of predicting the mean: the interval of their ratio ends below 1.
    """

    mse: Floats
    ci_low: Floats
    ci_high: Floats
    seed_sd: Floats
    share: Floats
    place: int | None
    place_low: int | None
    place_high: int | None
    threshold: float
    learned: bool


def plateau(mse: Floats, tolerance: float, floor: float) -> NDArray[np.int64]:
    """Return the index of the first history on the plateau, for each curve.

    Parameters
    ----------
    mse : (..., histories)
        Sorted by history, finite.
    tolerance : float
        Share of the fall from the first history to the least error.
    floor : float
        In units of `mse`: differences below it count as none.

    Examples
    --------
    >>> plateau(np.array([[1.0, 0.5, 0.09, 0.0], [0.0005, 0.0001, 0.0, 0.0]]), 0.1, 1e-3)
    array([2, 0])
    """
    least = mse.min(-1, keepdims=True)
    reach = np.maximum(tolerance * (mse[..., :1] - least), floor)
    return np.asarray(np.argmax(mse - least <= reach, axis=-1), dtype=np.int64)


def memory_curve(
    errors: Floats,
    reference: Floats,
    weights: Floats,
    *,
    tolerance: float,
    floor: float,
    draws: int,
    rng: np.random.Generator,
) -> MemoryCurve:
    """Return the curve of errors with intervals, and where it levels off.

    Parameters
    ----------
    errors : (histories, seeds, trials)
        Squared error of each predictor on each held-out trial, summed over its steps.
    reference : (trials,)
        The same of predicting the mean.
    weights : (trials,)
        What the steps of each trial count together.
    tolerance, floor : float
        As in :func:`plateau`.
    draws : int
        Of the bootstrap.
    rng : numpy.random.Generator

    Raises
    ------
    InputError
        With fewer than two histories, seeds or trials.

    Notes
    -----
    Trials and seeds are crossed, and resampled independently of each other (Owen 2007, "The pigeonhole bootstrap",
    Ann. Appl. Stat. 1, 386-411). Of S seeds S - 1 are drawn, with replacement: with as few as two or three, drawing S
    would make the variance over seeds too small, by (S - 1)/S (Rao & Wu 1988, "Resampling inference with complex
    survey data", J. Am. Stat. Assoc. 83, 231-241).

    Examples
    --------
    >>> errors = np.array([1.0, 0.3, 0.01, 0.01])[:, None, None] * np.ones((4, 2, 20))
    >>> ones = np.ones(20)
    >>> rng = np.random.default_rng(0)
    >>> curve = memory_curve(errors, ones, ones, tolerance=0.1, floor=1e-3, draws=50, rng=rng)
    >>> curve.place, curve.share.tolist()
    (2, [0.0, 0.0, 1.0, 0.0])
    """
    counted = weights > 0
    errors, reference, weights = errors[..., counted], reference[counted], weights[counted]
    histories, seeds, trials = errors.shape
    for count, name in ((histories, "histories"), (seeds, "seeds"), (trials, "held-out trials")):
        if count < 2:
            raise InputError(name, f"{count} of them", "give at least two")
    by_seed = errors.sum(-1) / weights.sum()
    mse = by_seed.mean(-1)
    drawn, means = _draws(errors, reference, weights, draws, rng)
    with np.errstate(invalid="ignore"):
        low, high = np.quantile(drawn, _TAILS, axis=0)
        spread = by_seed.std(-1, ddof=1)
    bare = MemoryCurve(mse, low, high, spread, np.full(histories, np.nan), None, None, None, np.nan, False)
    if not np.isfinite(mse).all():
        return bare
    best = int(mse.argmin())
    threshold = max(tolerance * float(mse[0] - mse[best]), floor)
    bare = replace(bare, threshold=threshold, learned=bool(np.quantile(drawn[:, best] / means, _TAILS[1]) < 1))
    if not bare.learned:
        return replace(bare, place=0)
    place = int(plateau(mse, tolerance, floor))
    if place == histories - 1:
        return bare
    places = np.sort(plateau(drawn, tolerance, floor))
    return replace(
        bare,
        share=np.bincount(places, minlength=histories) / draws,
        place=place,
        place_low=int(np.quantile(places, _TAILS[0], method="lower")),
        place_high=int(np.quantile(places, _TAILS[1], method="higher")),
    )


def _draws(
    errors: Floats, reference: Floats, weights: Floats, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return MSE of each history, (draws, histories), and of predicting the mean, (draws,), for resampled data."""
    histories, seeds, trials = errors.shape
    drawn, means = np.empty((draws, histories)), np.empty(draws)
    even = [np.full(n, 1 / n) for n in (seeds, trials)]
    for begin in range(0, draws, _BLOCK):
        block = slice(begin, min(begin + _BLOCK, draws))
        count = block.stop - block.start
        of_seed = rng.multinomial(seeds - 1, even[0], size=count) / (seeds - 1)
        of_trial = rng.multinomial(trials, even[1], size=count).astype(np.float64)
        total = of_trial @ weights
        with np.errstate(invalid="ignore"):
            by_seed = (errors.reshape(-1, trials) @ of_trial.T).reshape(histories, seeds, count) / total
            drawn[block] = np.einsum("hsd,ds->dh", by_seed, of_seed)
        means[block] = of_trial @ reference / total
    return drawn, means
