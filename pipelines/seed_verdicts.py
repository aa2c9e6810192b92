"""The rules by which findings are judged: numbers over seeds in, a word out. None knows what the paper concludes."""

from __future__ import annotations

import numpy as np
from claim_tables import FAILS, HOLDS, OPEN
from numpy.typing import NDArray

from rnnkit.plots.estimates import mean_interval

Values = NDArray[np.float64]


def mean_and_error(values: Values) -> tuple[float, float]:
    """Return the mean over seeds and its standard error; nulls are left out.

    Examples
    --------
    >>> mean_and_error(np.array([1.0, 3.0, np.nan]))
    (2.0, 1.0)
    """
    held = values[np.isfinite(values)]
    if len(held) == 0:
        return np.nan, np.nan
    error = float(held.std(ddof=1) / np.sqrt(len(held))) if len(held) > 1 else np.nan
    return float(held.mean()), error


def interval_of(values: Values) -> tuple[float, float, float]:
    """Return the mean over seeds and the ends of its 95 % interval (Student's t); one seed has no interval.

    Examples
    --------
    >>> [round(end, 2) for end in interval_of(np.array([1.0, 3.0, 2.0]))]
    [2.0, -0.48, 4.48]
    """
    held = values[np.isfinite(values)]
    mean, half = mean_interval(held) if len(held) else (np.nan, np.nan)
    return mean, mean - half, mean + half


def verdict_of_sign(values: Values) -> str:
    """Tell whether a mean is above 0: by two standard errors it is, or it is not, or it stays open.

    Examples
    --------
    >>> verdict_of_sign(np.array([1.0, 1.2, 0.9])), verdict_of_sign(np.array([-1.0, 1.2]))
    ('holds', 'undecided')
    """
    mean, error = mean_and_error(values)
    if not np.isfinite(error):
        return OPEN
    return HOLDS if mean > 2 * error else FAILS if mean < -2 * error else OPEN


def verdict_of_size(values: Values, paper: float) -> str:
    """Tell whether a mean is the paper's number within a factor of two, two standard errors considered.

    Examples
    --------
    >>> verdict_of_size(np.array([0.9, 1.1]), 1.5), verdict_of_size(np.array([0.9, 1.1]), 9.0)
    ('holds', 'does not hold')
    """
    mean, error = mean_and_error(values)
    if not np.isfinite(error):
        return OPEN
    low, high = mean - 2 * error, mean + 2 * error
    if paper / 2 <= low and high <= 2 * paper:
        return HOLDS
    return FAILS if high < paper / 2 or low > 2 * paper else OPEN


def verdict_of_no_change(values: Values, small: float) -> str:
    """Tell whether a mean change is at most small in size, two standard errors considered.

    Examples
    --------
    >>> verdict_of_no_change(np.array([0.001, -0.001]), 0.01), verdict_of_no_change(np.array([0.2, 0.21]), 0.01)
    ('holds', 'does not hold')
    """
    mean, error = mean_and_error(values)
    if not np.isfinite(error):
        return OPEN
    if abs(mean) + 2 * error <= small:
        return HOLDS
    return FAILS if abs(mean) - 2 * error > small else OPEN


def under_all_orders(first: tuple[Values, Values], second: tuple[Values, Values]) -> Values:
    """Return per network +1 where first > second under every pair of orders, -1 where never, 0 where orders decide.

    Parameters
    ----------
    first, second : pair of (networks,)
        Least and largest value over the orders.

    Examples
    --------
    >>> low, high = np.array([1.0, 1.0]), np.array([2.0, 2.0])
    >>> under_all_orders((low, high), (np.array([0.0, 1.5]), np.array([0.5, 3.0])))
    array([1., 0.])
    """
    return np.where(first[0] > second[1], 1.0, np.where(first[1] < second[0], -1.0, 0.0))


def shown(values: Values, digits: int = 3) -> str:
    """Return mean, standard error and number of seeds as text; one seed has no error.

    Examples
    --------
    >>> shown(np.array([0.1, 0.2, np.nan]))
    '0.15 ± 0.05 (2)'
    """
    mean, error = mean_and_error(values)
    count = int(np.isfinite(values).sum())
    if count == 0:
        return "none"
    return f"{mean:.{digits}g}" + (f" ± {error:.2g}" if count > 1 else "") + f" ({count})"


def spread(low: Values, high: Values) -> str:
    """Return the range over orders, and the median over networks of largest over least where both are above 0."""
    usable = np.isfinite(low) & np.isfinite(high)
    if not usable.any():
        return "none"
    positive = usable & (low > 0)
    times = f", {np.median(high[positive] / low[positive]):.2g} times" if positive.any() else ""
    return f"{low[usable].min():.3g} to {high[usable].max():.3g}{times}"
