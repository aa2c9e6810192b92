"""Means over pairs of networks, and ratios of such means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from rnnkit.errors import InputError
from rnnkit.numerics.resampling import NAN, Estimate, Floats, Refinement, check_bootstrap, divide, jackknifed

__all__ = ["PairEstimate", "pair_mean", "pair_ratio"]

#: Squared residuals of pairs, over the largest distance squared, that are rounding.
_ROUNDING = 1e-28


@dataclass(frozen=True)
class PairEstimate(Estimate):
    """A mean over pairs of networks; `pairs` is the number of pairs that entered."""

    pairs: int


def pair_mean(
    distances: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    networks: int,
    bootstrap: int = 0,
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
) -> PairEstimate:
    """Average a distance over unordered pairs of networks, with errors over networks.

    Without a network means without all its pairs. Pairs that are NaN or not given are left out and counted;
    so are networks left without any pair. A bootstrap draws networks; a pair counts as often as the product
    of its two networks' counts, and pairs of a network with itself are dropped.

    Parameters
    ----------
    distances : (pairs,)
    a, b : (pairs,) int
        The networks of each pair, from 0 to `networks` - 1.
    networks : int
    bootstrap : int
        With 0, the jackknife's interval; otherwise the percentile bootstrap's with so many draws.
    rng : numpy Generator
        Needed if `bootstrap` is above 0.
    confidence : float in (0, 1)

    Raises
    ------
    InputError
        If the lengths differ, a pair is of one network, out of range or given twice, or a
        distance is infinite.

    References
    ----------
    Huang et al., section 2 (degeneracy as the average pairwise distance); Efron and Tibshirani 1993, ch. 11.

    Examples
    --------
    >>> a, b = np.triu_indices(4, k=1)
    >>> place = np.array([0.0, 1.0, 2.0, 4.0])
    >>> mean = pair_mean(abs(place[a] - place[b]), a, b, 4)
    >>> round(mean.value, 3), round(mean.se, 3), mean.pairs, mean.ci_low < mean.value < mean.ci_high
    (2.167, 0.833, 6, True)
    """
    check_bootstrap(bootstrap, rng, confidence)
    (table,), paired, missing = _pair_tables(a, b, networks, distances=distances)
    n, pairs = len(table), int(paired.sum()) // 2
    if n < 3:
        value = float(table.sum() / 2 / pairs) if pairs else NAN
        return PairEstimate(value, NAN, NAN, NAN, n, missing, pairs)
    value, left_out = _pair_statistics(table, paired)

    def weighted(counts: Floats) -> Floats:
        return _over_pairs(table, paired, counts)

    refinement = _refined(table, paired)
    found = jackknifed(value, left_out, missing, weighted, bootstrap, rng, confidence, refinement=refinement)
    # A mean of distances is a distance.
    low = max(found.ci_low, 0.0) if (table >= 0).all() and np.isfinite(found.ci_low) else found.ci_low
    return PairEstimate(**{**vars(found), "ci_low": low}, pairs=pairs)


def pair_ratio(
    distances: ArrayLike,
    initial: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    networks: int,
    bootstrap: int = 0,
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
) -> PairEstimate:
    """Divide a mean distance by the mean of another over the same pairs, such as that before training.

    Both means lose a network together, so the error knows that they go up and down together.

    Parameters
    ----------
    distances, initial : (pairs,)
        Pairs where either is NaN are left out and counted.
    a, b, networks, bootstrap, rng, confidence
        As in :func:`pair_mean`.

    Raises
    ------
    InputError
        As :func:`pair_mean`.

    Examples
    --------
    >>> a, b = np.triu_indices(4, k=1)
    >>> before = np.array([2.0, 3.0, 2.5, 2.0, 3.0, 2.5])
    >>> ratio = pair_ratio(before / 2, before, a, b, 4)
    >>> ratio.value, round(ratio.se, 12), ratio.pairs
    (0.5, 0.0, 6)
    """
    check_bootstrap(bootstrap, rng, confidence)
    (upper, lower), paired, missing = _pair_tables(a, b, networks, distances=distances, initial=initial)
    n, pairs = len(upper), int(paired.sum()) // 2
    if not pairs or not lower.sum() > 0:
        return PairEstimate(NAN, NAN, NAN, NAN, n, missing, pairs)
    if n < 3:
        return PairEstimate(float(upper.sum() / lower.sum()), NAN, NAN, NAN, n, missing, pairs)
    (first, firsts), (second, seconds) = _pair_statistics(upper, paired), _pair_statistics(lower, paired)

    def weighted(counts: Floats) -> Floats:
        return divide(_over_pairs(upper, paired, counts), _over_pairs(lower, paired, counts))

    left_out = divide(firsts, seconds)
    # To first order, the logarithm of the ratio is a mean over pairs as well.
    refinement = _refined(upper / first - lower / second, paired) if first else None
    found = jackknifed(first / second, left_out, missing, weighted, bootstrap, rng, confidence, "log", refinement)
    return PairEstimate(**vars(found), pairs=pairs)


def _pair_statistics(table: Floats, paired: Floats) -> tuple[float, Floats]:
    """Return the mean over pairs, and that without each network, (networks,); NaN where no pair is left."""
    total, pairs = table.sum() / 2, paired.sum() / 2
    return float(total / pairs), divide(total - table.sum(axis=1), pairs - paired.sum(axis=1))


def _refined(table: Floats, paired: Floats) -> Refinement | None:
    """Return the error of a mean over pairs from what networks and what single pairs contribute; None if unknown.

    Least squares split d_ab = m + c_a + c_b + e_ab. The e of different pairs are uncorrelated, so the variance of
    a complete table's mean is 4 var(c)/n + 2 var(e)/(n(n - 1)), and that of any table has var(e) over its number
    N of pairs. The jackknife counts var(e) (n - 1)/n sum_a k_a / (N (N - k_a)) times instead, with k_a pairs of
    network a: twice, in large tables. The difference is taken off, but never more than var(c) = 0 would ask.

    The degrees of freedom are twice the squared variance over the variance of that variance. What is above
    var(e)/N is taken as normal, with the variance of a chi-square variable of n - 1 degrees of freedom, and cut
    off at 0.

    Parameters
    ----------
    table, paired : (networks, networks)
        Values and which pairs have one, as from :func:`_pair_tables`.

    References
    ----------
    Hoeffding 1948, "A class of statistics with asymptotically normal distribution", Ann. Math. Statist. 19,
    293-325, section 5, for the variance; Efron and Stein 1981, "The jackknife estimate of variance", Ann. Statist.
    9, 586-596, section 2, for what the jackknife counts too often; Satterthwaite 1946 for the degrees of freedom.
    """
    n = len(table)
    unit = float(np.abs(table).max())
    if not unit > 0:
        return None
    table = table / unit
    degrees = paired.sum(axis=1)
    pairs = degrees.sum() / 2
    own, _, rank, _ = np.linalg.lstsq(np.diag(degrees) + paired, table.sum(axis=1), rcond=None)
    mean, left_out = _pair_statistics(table, paired)
    jackknife = (n - 1) / n * ((left_out - mean) ** 2).sum()
    if rank == pairs:
        return None
    rest = (table - own - own[:, None]) * paired
    noise = (rest**2).sum() / 2 / (pairs - rank)
    least = noise / pairs if noise > _ROUNDING else 0.0
    if not jackknife > 0:
        return Refinement(1.0, float(min(pairs - rank, n - 1)), size=unit * float(np.sqrt(least)))
    counted = (n - 1) / n * (degrees / (pairs - degrees)).sum() * least
    networks = jackknife - counted
    variance = max(networks, 0.0) + least
    # Mean and variance of a normal variable cut off at 0, in its standard deviations.
    spread = jackknife * np.sqrt(2 / (n - 1))
    z = networks / spread
    above, density = ndtr(z), np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    cut = (z**2 + 1) * above + z * density - (z * above + density) ** 2
    uncertainty = spread**2 * cut + 2 * least**2 / (pairs - rank)
    freedom = min(2 * variance**2 / uncertainty, n - 1)
    c = own - own.mean()
    # Over the whole error, pairs included: 4 sd(c)^2 / n alone may be as good as nothing.
    deviation = max(float(c.std(ddof=1)), float(np.sqrt(n * variance)) / 2)
    curvature = float(c @ rest @ c) / (2 * pairs * deviation**3 * np.sqrt(n)) if deviation > 0 else 0.0
    error, size = np.sqrt(variance / jackknife), unit * np.sqrt(variance)
    return Refinement(float(error), float(freedom), curvature, float(size))


def _over_pairs(table: Floats, paired: Floats, counts: Floats) -> Floats:
    """Return the mean over pairs under each row of `counts`, (draws, networks)."""
    return divide(((counts @ table) * counts).sum(axis=1), ((counts @ paired) * counts).sum(axis=1))


def _pair_tables(a: ArrayLike, b: ArrayLike, networks: int, **columns: ArrayLike) -> tuple[list[Floats], Floats, int]:
    """Return symmetric tables of the columns and of which pairs have all of them, and how many have not.

    Tables are (entered, entered), over the networks that have a pair, and 0 where there is none.
    """
    arrays = [np.asarray(column, dtype=np.float64) for column in columns.values()]
    left, right = np.asarray(a), np.asarray(b)
    for values in arrays:
        _check_pairs(values, left, right, networks)
    given = np.all([np.isfinite(values) for values in arrays], axis=0)
    left, right = left[given].astype(int), right[given].astype(int)
    paired = np.zeros((networks, networks))
    paired[left, right] = paired[right, left] = 1.0
    entered = np.flatnonzero(paired.any(axis=1))
    tables = []
    for values in arrays:
        table = np.zeros((networks, networks))
        table[left, right] = table[right, left] = values[given]
        tables.append(table[np.ix_(entered, entered)])
    return tables, paired[np.ix_(entered, entered)], networks * (networks - 1) // 2 - int(given.sum())


def _check_pairs(values: Floats, a: NDArray[np.generic], b: NDArray[np.generic], networks: int) -> None:
    if values.ndim != 1 or a.shape != values.shape or b.shape != values.shape:
        raise InputError("a, b", f"shapes {a.shape}, {b.shape}", f"give one a distance, {values.shape}")
    if not len(values):
        return
    if a.dtype.kind not in "iu" or b.dtype.kind not in "iu":
        raise InputError("a, b", "not integers", "give the indices of networks")
    first, second = np.minimum(a, b).astype(int), np.maximum(a, b).astype(int)
    if first.min() < 0 or second.max() >= networks:
        raise InputError("a, b", f"{first.min()} to {second.max()}", f"give networks from 0 to {networks - 1}")
    if (first == second).any():
        raise InputError("a, b", "a network paired with itself", "leave such pairs out")
    if len(np.unique(first * networks + second)) < len(first):
        raise InputError("a, b", "a pair given twice", "give each unordered pair once")
    if np.isinf(values).any():
        raise InputError("distances", "infinite values", "leave these pairs out or mark them NaN")
