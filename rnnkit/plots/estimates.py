"""Values of networks as points beside their mean, with its interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

__all__ = ["mean_interval", "spread"]


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of independent numbers and half its 95 % interval (Student's t), NaN for a single one.

    Examples
    --------
    >>> mean, half = mean_interval(np.array([1.0, 2.0, 3.0]))
    >>> mean, round(half, 3)
    (2.0, 2.484)
    """
    n = len(values)
    if n < 2:
        return float(values.mean()), float("nan")
    return float(values.mean()), float(student.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))


def spread(count: int, width: float) -> NDArray[np.float64]:
    """Return places from -width to width; the middle for one. In the order of the table, so always the same.

    Examples
    --------
    >>> spread(3, 0.1).tolist(), spread(1, 0.1).tolist()
    ([-0.1, 0.0, 0.1], [0.0])
    """
    return np.linspace(-width, width, count) if count > 1 else np.zeros(count)
