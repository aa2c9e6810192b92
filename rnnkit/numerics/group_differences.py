"""Differences between two groups of networks: errors, intervals, and permutation tests over networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.resampling import NAN, Estimate, Floats, skewness_correction

__all__ = ["Difference", "difference", "permute_contributions", "permute_spreads"]

#: Relabellings in one batch.
_BATCH = 1000


@dataclass(frozen=True)
class Difference:
    """A statistic of one group minus that of another; NaN where either has none."""

    value: float
    se: float
    ci_low: float
    ci_high: float


def difference(first: Estimate, second: Estimate) -> Difference:
    """Return the difference of two independent estimates.

    se^2 = se1^2 + se2^2. The ends put together those of the two intervals (l1, u1), (l2, u2), which need not
    be symmetric: low = d - sqrt((v1 - l1)^2 + (u2 - v2)^2), high = d + sqrt((u1 - v1)^2 + (v2 - l2)^2).

    References
    ----------
    Zou and Donner 2008, "Construction of confidence limits about effect measures", Statist. Med. 27, 1693-1702.

    Examples
    --------
    >>> low, high = Estimate(1.0, 0.3, 0.6, 1.8, 8, 0), Estimate(3.0, 0.4, 2.7, 3.6, 8, 0)
    >>> found = difference(high, low)
    >>> found.value, round(found.se, 6), round(found.ci_low, 6), round(found.ci_high, 6)
    (2.0, 0.5, 1.1456, 2.72111)
    """
    value = first.value - second.value
    down = np.hypot(first.value - first.ci_low, second.ci_high - second.value)
    up = np.hypot(first.ci_high - first.value, second.value - second.ci_low)
    return Difference(value, float(np.hypot(first.se, second.se)), float(value - down), float(value + up))


def permute_contributions(
    first: Estimate, second: Estimate, permutations: int, rng: np.random.Generator
) -> tuple[float, int]:
    """Test whether two groups' contributions have one mean, by relabelling the networks.

    T = (m1 - m2) / e, e^2 = s1^2 / n1 + s2^2 / n2, is corrected for skewness as the intervals are
    (:func:`skewness_correction`). The contributions are dealt out anew to groups of the same sizes; p is the share
    of relabellings, the given one among them, that give as large a magnitude. Dividing by the error makes the
    test hold, for large groups, also when the groups are spread or skewed differently.
    Only distances within the groups are needed. Relabelling the networks in a full table of distances would
    instead ask whether the groups are the same in every way, also in where their networks are.

    Parameters
    ----------
    first, second : Estimate
        Fewer than three contributions, or infinite ones, give NaN.
    permutations : int
        Relabellings to draw. Where there are no more than so many, each is looked at once.
    rng : numpy Generator

    Returns
    -------
    p_value : float
    permutations : int
        Relabellings looked at; 0 if there is no test.

    References
    ----------
    Chung and Romano 2013, "Exact and asymptotically robust permutation tests", Ann. Statist. 41, 484-507.

    Examples
    --------
    >>> from rnnkit.numerics.network_statistics import mean
    >>> rng = np.random.default_rng(0)
    >>> p, drawn = permute_contributions(mean(rng.normal(size=20)), mean(3 + rng.normal(size=20)), 999, rng)
    >>> p, drawn
    (0.001, 999)
    """

    def compared(x: Floats, y: Floats) -> Floats:
        return _studentised(_mean(x, first.curvature), _mean(y, second.curvature))

    x, y = first.contributions, second.contributions
    return _permuted(x, y, np.concatenate([x, y]), compared, permutations, rng)


def permute_spreads(
    first: ArrayLike, second: ArrayLike, permutations: int, rng: np.random.Generator
) -> tuple[float, int]:
    """Test whether two groups' values have one standard deviation, whatever their means.

    T = (log s1 - log s2) / sqrt(e1^2 + e2^2), with the jackknife's errors e of log s, is corrected for the
    skewness of its contributions. The deviations from each group's median are dealt out anew to groups of the
    same sizes, and T is computed from them.

    Parameters
    ----------
    first, second : (networks,)
        Fewer than three give NaN, and so do values of which all but one are the same.
    permutations, rng
        As in :func:`permute_contributions`, and so is what is returned.

    References
    ----------
    Brown and Forsythe 1974, "Robust tests for the equality of variances", J. Am. Statist. Assoc. 69, 364-367,
    for the median; Chung and Romano 2013 for the studentised permutations.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p, _ = permute_spreads(rng.normal(size=30), 5 * rng.normal(size=30), 999, rng)
    >>> p < 0.01
    True
    """

    def compared(x: Floats, y: Floats) -> Floats:
        return _studentised(_log_spread(x), _log_spread(y))

    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if any(_single(v) for v in (x, y)):
        return NAN, 0
    centred = np.concatenate([v - np.median(v) if len(v) else v for v in (x, y)])
    return _permuted(x, y, centred, compared, permutations, rng)


def _single(values: Floats) -> bool:
    """Whether a single value makes all of the spread: then the spread has no error."""
    if len(values) < 3:
        return False
    ordered, rounding = np.sort(values), 1e-14 * np.abs(values).max()
    return bool(min(np.ptp(ordered[1:]), np.ptp(ordered[:-1])) <= rounding < np.ptp(ordered))


@dataclass(frozen=True)
class _Moments:
    """A statistic of each row, its variance, and its skewness and curvature times the 3/2 power of that, (rows,)."""

    value: Floats
    variance: Floats
    third: Floats
    curved: Floats | float = 0.0


def _studentised(first: _Moments, second: _Moments) -> Floats:
    """Return the differences over their errors, corrected for skewness, (rows,)."""
    difference, error = first.value - second.value, np.sqrt(first.variance + second.variance)
    # Without an error, a difference is infinitely many errors wide, and none is 0.
    sound = error > 0
    unit = np.where(sound, error, 1.0)
    t = difference / unit
    a, b = skewness_correction((first.third - second.third) / unit**3, (first.curved - second.curved) / unit**3)
    certain = np.where(difference == 0, 0.0, np.inf)
    corrected: Floats = np.where(sound, t + a * t**2 + a**2 * t**3 / 3 + b, certain)
    return corrected


def _mean(values: Floats, curvature: float = 0.0) -> _Moments:
    """Return the moments of each row's mean."""
    n = values.shape[1]
    means = values.mean(axis=1)
    deviations = values - means[:, None]
    variance = (deviations**2).sum(axis=1) / (n * (n - 1))
    third = (deviations**3).sum(axis=1) / (n * (n - 1) * (n - 2))
    return _Moments(means, variance, third, curvature * variance**1.5)


def _log_spread(values: Floats) -> _Moments:
    """Return the moments of the logarithm of each row's standard deviation, from its jackknife."""
    n = values.shape[1]
    squares = (values - values.mean(axis=1, keepdims=True)) ** 2
    total = squares.sum(axis=1)
    # Without value i, the sum of squares loses n / (n - 1) times its square; a sum of 0 stays finite.
    tiny = np.finfo(float).tiny
    left_out = np.log(np.maximum((total[:, None] - squares * n / (n - 1)) / (n - 2), tiny)) / 2
    return replace(_mean(-(n - 1) * left_out), value=np.log(np.maximum(total / (n - 1), tiny)) / 2)


def _permuted(
    x: Floats,
    y: Floats,
    pooled: Floats,
    compared: Callable[[Floats, Floats], Floats],
    permutations: int,
    rng: np.random.Generator,
) -> tuple[float, int]:
    """Return the two-sided p-value of compared(x, y) among those of two parts of `pooled`, row by row."""
    if permutations < 1:
        raise InputError("permutations", f"{permutations} relabellings", "give 1 or more")
    size = len(x)
    if min(size, len(y)) < 3 or not np.isfinite(pooled).all():
        return NAN, 0
    # The same relabelling, summed in another order, must count as equal.
    threshold = abs(float(compared(x[None], y[None])[0])) * (1 - 1e-9)
    extreme = drawn = 0
    for order in _relabellings(len(pooled), size, permutations, rng):
        shuffled = pooled[order]
        extreme += int((np.abs(compared(shuffled[:, :size], shuffled[:, size:])) >= threshold).sum())
        drawn += len(order)
    if drawn == comb(len(pooled), size):
        return extreme / drawn, drawn
    return (1 + extreme) / (1 + drawn), drawn


def _relabellings(networks: int, size: int, most: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield orders of the networks, (rows, networks), the first `size` for one group: all there are, or random ones."""
    every = np.arange(networks)
    if comb(networks, size) <= most:
        chosen = combinations(range(networks), size)
        while batch := list(islice(chosen, _BATCH)):
            yield np.array([[*one, *np.delete(every, one)] for one in batch])
        return
    for start in range(0, most, _BATCH):
        yield rng.permuted(np.tile(every, (min(_BATCH, most - start), 1)), axis=1)
