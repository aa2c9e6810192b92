"""Differences between two groups of networks: errors, intervals, and permutation tests over networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rnnkit.errors import InputError
from rnnkit.numerics.resampling import NAN, Estimate, Floats

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
    first: ArrayLike, second: ArrayLike, permutations: int, rng: np.random.Generator
) -> tuple[float, int]:
    """Test whether two groups' contributions have one mean, by relabelling the networks.

    T = (m1 - m2) / e, e^2 = s1^2 / n1 + s2^2 / n2, is corrected for skewness as the intervals are: with the
    third central moments t, k = (t1 / n1^2 - t2 / n2^2) / e^3, it becomes T + k T^2/3 + k^2 T^3/27 + k/6. The
    contributions are dealt out anew to groups of the same sizes; p is the share of relabellings, the given one
    among them, that give as large a magnitude. Dividing by the error makes the test hold, for large groups,
    also when the groups are spread or skewed differently.
    Only distances within the groups are needed. Relabelling the networks in a full table of distances would
    instead ask whether the groups are the same in every way, also in where their networks are.

    Parameters
    ----------
    first, second : (networks,)
        Contributions of an :class:`Estimate`; fewer than three, or infinite ones, give NaN.
    permutations : int
    rng : numpy Generator

    Returns
    -------
    p_value : float
    permutations : int
        Relabellings drawn; 0 if there is no test.

    References
    ----------
    Chung and Romano 2013, "Exact and asymptotically robust permutation tests", Ann. Statist. 41, 484-507.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p, drawn = permute_contributions(rng.normal(size=20), 3 + rng.normal(size=20), 999, rng)
    >>> p, drawn
    (0.001, 999)
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    pooled = np.concatenate([x, y])

    return _permuted(pooled, len(x), None, _means, permutations, rng)


def permute_spreads(
    first: ArrayLike, second: ArrayLike, permutations: int, rng: np.random.Generator
) -> tuple[float, int]:
    """Test whether two groups' values have one standard deviation, whatever their means.

    T = (log s1 - log s2) / sqrt(e1^2 + e2^2), with the jackknife's errors e of log s. The deviations from each
    group's median are dealt out anew to groups of the same sizes, and T is computed from them.

    Parameters
    ----------
    first, second : (networks,)
        Fewer than three give NaN.
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
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(len(x), len(y)) < 3:
        return NAN, 0
    deviations = np.concatenate([x - np.median(x), y - np.median(y)])
    given = float(_log_spreads(x[None], y[None])[0])
    return _permuted(deviations, len(x), given, _log_spreads, permutations, rng)


def _means(one: Floats, other: Floats) -> Floats:
    """Return the studentised difference of means, corrected for skewness, row by row."""
    (first, first_square, first_cube), (second, second_square, second_cube) = _moments(one), _moments(other)
    error = np.sqrt(first_square + second_square)
    t, k = _ratio(first - second, error), _ratio(first_cube - second_cube, error**3)
    # Without an error, t is infinite or 0, and there is nothing to correct.
    sound = error > 0
    t_sound, k_sound = np.where(sound, t, 0.0), np.where(sound, k, 0.0)
    corrected = t_sound + k_sound * t_sound**2 / 3 + k_sound**2 * t_sound**3 / 27 + k_sound / 6
    return np.where(sound, corrected, t)


def _moments(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each row's mean, and the variance and the third central moment of that mean, (rows,) each."""
    n = values.shape[1]
    means = values.mean(axis=1)
    deviations = values - means[:, None]
    squares = (deviations**2).sum(axis=1) / (n * (n - 1))
    cubes = (deviations**3).sum(axis=1) / (n * (n - 1) * (n - 2))
    return means, squares, cubes


def _log_spreads(one: Floats, other: Floats) -> Floats:
    """Return the studentised difference of log standard deviations, row by row."""
    (first, first_error), (second, second_error) = _log_spread(one), _log_spread(other)
    return _ratio(first - second, np.sqrt(first_error + second_error))


def _log_spread(values: Floats) -> tuple[Floats, Floats]:
    """Return the logarithm of each row's standard deviation and its jackknife variance, (rows,) each."""
    n = values.shape[1]
    squares = (values - values.mean(axis=1, keepdims=True)) ** 2
    total = squares.sum(axis=1)
    # Without value i, the sum of squares loses n / (n - 1) times its square; a sum of 0 stays finite.
    tiny = np.finfo(float).tiny
    left_out = np.log(np.maximum((total[:, None] - squares * n / (n - 1)) / (n - 2), tiny)) / 2
    variance = (n - 1) / n * ((left_out - left_out.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return np.log(np.maximum(total / (n - 1), tiny)) / 2, variance


def _ratio(difference: Floats, error: Floats) -> Floats:
    """Divide by the error; without one, a difference is infinitely many errors wide, and none is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = np.where(difference == 0, 0.0, difference / error)
    return ratio


def _permuted(
    pooled: Floats,
    size: int,
    given: float | None,
    studentised: Callable[[Floats, Floats], Floats],
    permutations: int,
    rng: np.random.Generator,
) -> tuple[float, int]:
    """Return the two-sided p-value of the first `size` values against the rest."""
    if permutations < 1:
        raise InputError("permutations", f"{permutations} relabellings", "give 1 or more")
    if min(size, len(pooled) - size) < 3 or not np.isfinite(pooled).all():
        return NAN, 0
    if given is None:
        given = float(studentised(pooled[None, :size], pooled[None, size:])[0])
    # The same relabelling, summed in another order, must count as equal.
    threshold = abs(given) * (1 - 1e-9)
    extreme = 0
    for start in range(0, permutations, _BATCH):
        rows = min(_BATCH, permutations - start)
        dealt = rng.permuted(np.tile(pooled, (rows, 1)), axis=1)
        extreme += int((np.abs(studentised(dealt[:, :size], dealt[:, size:])) >= threshold).sum())
    return (1 + extreme) / (1 + permutations), permutations
