"""Statistics of one value a network: mean, spread, variation, correlation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from rnnkit.errors import InputError
from rnnkit.numerics.resampling import NAN, Estimate, Floats, check_bootstrap, divide, jackknifed

__all__ = ["correlation", "mean", "spread", "variation"]


def mean(
    values: ArrayLike, bootstrap: int = 0, rng: np.random.Generator | None = None, confidence: float = 0.95
) -> Estimate:
    """Average over networks; parameters and errors as in :func:`spread`.

    Examples
    --------
    >>> result = mean([1.0, 2.0, 3.0, 6.0])
    >>> result.value, round(result.se, 4), result.ci_low < 3 < result.ci_high
    (3.0, 1.0801, True)
    """
    return _over_networks(values, lambda x, c: divide(c @ x, c.sum(axis=1)), "plain", bootstrap, rng, confidence)


def spread(
    values: ArrayLike, bootstrap: int = 0, rng: np.random.Generator | None = None, confidence: float = 0.95
) -> Estimate:
    """Estimate the standard deviation over networks (n - 1 in the denominator), with its error.

    The interval is one of the logarithm. For normal values `se` tends to sd / sqrt(2(n - 1)).

    Parameters
    ----------
    values : (networks,)
        NaN are left out and counted.
    bootstrap, rng, confidence
        As in :func:`pair_mean`.

    Raises
    ------
    InputError
        If `values` is not one-dimensional, or is infinite somewhere.

    Examples
    --------
    >>> result = spread([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> round(result.value, 4), round(result.se, 4), result.ci_low < result.value < result.ci_high
    (1.5811, 0.4563, True)
    """
    return _over_networks(values, _weighted_spread, "log", bootstrap, rng, confidence)


def variation(
    values: ArrayLike, bootstrap: int = 0, rng: np.random.Generator | None = None, confidence: float = 0.95
) -> Estimate:
    """Estimate the standard deviation over the mean; parameters and errors as in :func:`spread`.

    NaN where the mean is not positive.

    Examples
    --------
    >>> round(variation([1.0, 2.0, 3.0]).value, 4)
    0.5
    """

    def weighted(x: Floats, counts: Floats) -> Floats:
        return divide(_weighted_spread(x, counts), counts @ x / counts.sum(axis=1))

    return _over_networks(values, weighted, "log", bootstrap, rng, confidence)


def correlation(
    x: ArrayLike,
    y: ArrayLike,
    bootstrap: int = 0,
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Estimate Pearson's correlation over networks; its interval is one of Fisher's z = artanh(r).

    The spread of z is the jackknife's: 1 / sqrt(n - 3) holds for normal values only. Networks with a NaN in
    either are left out and counted. Samples in which either does not vary have no correlation: draws are
    dropped, a left-out sample makes the standard error NaN.

    Parameters
    ----------
    x, y : (networks,)
    bootstrap, rng, confidence
        As in :func:`pair_mean`.

    Raises
    ------
    InputError
        If the lengths differ, or a value is infinite.

    Examples
    --------
    >>> result = correlation([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0])
    >>> round(result.value, 3), result.networks
    (0.8, 4)
    """
    check_bootstrap(bootstrap, rng, confidence)
    (first, second), missing = _finite_columns(x=x, y=y)
    n = len(first)
    if n < 2:
        return Estimate(NAN, NAN, NAN, NAN, n, missing)
    value = float(_weighted_correlation(first, second, np.ones((1, n)))[0])
    if n < 3:
        return Estimate(value, NAN, NAN, NAN, n, missing)

    def weighted(counts: Floats) -> Floats:
        return _weighted_correlation(first, second, counts)

    left_out = weighted(1.0 - np.eye(n))
    return jackknifed(value, left_out, missing, weighted, bootstrap, rng, confidence, "correlation")


def _over_networks(
    values: ArrayLike,
    statistic: Callable[[Floats, Floats], Floats],
    scale: str,
    bootstrap: int,
    rng: np.random.Generator | None,
    confidence: float,
) -> Estimate:
    """Estimate a statistic of one value a network, given as statistic(values, counts)."""
    check_bootstrap(bootstrap, rng, confidence)
    (sample,), missing = _finite_columns(values=values)
    n = len(sample)
    value = float(statistic(sample, np.ones((1, n)))[0]) if n > 1 else NAN
    if n < 3 or np.isnan(value):
        return Estimate(value, NAN, NAN, NAN, n, missing)
    left_out = statistic(sample, 1.0 - np.eye(n))
    return jackknifed(value, left_out, missing, lambda c: statistic(sample, c), bootstrap, rng, confidence, scale)


def _weighted_spread(x: Floats, counts: Floats) -> Floats:
    """Return the standard deviation under each row of `counts`, (draws, networks)."""
    x = x - x.mean()
    total = counts.sum(axis=1)
    squares = counts @ x**2 - (counts @ x) ** 2 / total
    # A sample of one network many times has a variance of rounding only.
    squares = np.where(squares > 1e-14 * total * (x**2).max(), squares, 0.0)
    spreads: Floats = np.sqrt(squares / (total - 1))
    return spreads


def _weighted_correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return the correlation under each row of `weights`, (draws, networks); NaN where it has none."""
    x, y = x - x.mean(), y - y.mean()
    share = weights / weights.sum(axis=1, keepdims=True)
    mean_x, mean_y = share @ x, share @ y
    variances = (share @ x**2 - mean_x**2) * (share @ y**2 - mean_y**2)
    # A draw of one network many times has a variance of rounding only.
    rounding = 1e-14 * (x**2).max() * (y**2).max()
    correlations = divide(share @ (x * y) - mean_x * mean_y, np.sqrt(np.where(variances > rounding, variances, 0)))
    return np.clip(correlations, -1.0, 1.0)


def _finite_columns(**columns: ArrayLike) -> tuple[list[Floats], int]:
    """Return the columns without the rows where any is NaN, and the number of those rows."""
    arrays = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    if len({array.shape for array in arrays.values()}) != 1 or any(array.ndim != 1 for array in arrays.values()):
        what = f"shapes {[array.shape for array in arrays.values()]}"
        raise InputError(", ".join(arrays), what, "give one value a network")
    for name, array in arrays.items():
        if np.isinf(array).any():
            raise InputError(name, "infinite values", "leave these networks out or mark them NaN")
    kept = ~np.any([np.isnan(array) for array in arrays.values()], axis=0)
    return [array[kept] for array in arrays.values()], int((~kept).sum())
