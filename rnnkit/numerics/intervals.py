"""Bounds that hold in floating point: gamma_k, sums rounded up, and intervals rounded outward.

Rounding to nearest is all that is used. Where ``u`` is the unit roundoff, a result of one operation is the exact one
times 1 + e with |e| <= u, plus an underflow of less than 1e-323. A bound of k operations on numbers that are not
negative is therefore too small by a factor (1 - u)^k at the worst, and :func:`raised` gives that back with a margin.
Source of gamma_k: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "TANH_ERROR",
    "UNIT_ROUNDOFF",
    "Interval",
    "gamma",
    "interval_sigmoid",
    "interval_tanh",
    "raised",
    "sigmoid_slope",
    "tanh_slope",
]

FloatArray = NDArray[np.float64]

UNIT_ROUNDOFF = 2.0**-53
#: Assumed bound of |fl(tanh x) - tanh x|, absolute: 8 u, which is 4 to 10 times what libraries do.
TANH_ERROR = 2.0**-50
#: More than anything that underflow can take away in one of our sums, far below every bound that matters.
_TINY = 1e-300


def gamma(operations: int) -> float:
    """Return k u / (1 - k u), rounded up: the relative error of k roundings in a row.

    Examples
    --------
    >>> gamma(4) > 4 * UNIT_ROUNDOFF
    True
    """
    share = operations * UNIT_ROUNDOFF
    return share / (1 - share) * (1 + 8 * UNIT_ROUNDOFF)


def raised(bound: FloatArray, operations: int) -> FloatArray:
    """Return an upper bound of the exact value of nonnegative sums and products computed in `operations` roundings.

    (1 - u)^k (1 + 4 k u) (1 - u)^2 >= 1 for 1 <= k < 1e12; what underflow took is less than what is added.

    Parameters
    ----------
    bound : array of float64
        As computed in floating point.
    operations : int
        Roundings between the numbers that went in and `bound`, along the longest path.

    Examples
    --------
    >>> bool(raised(np.array(0.1) + 0.2, 1) > 0.3)
    True
    """
    return bound * (1 + 4 * max(operations, 1) * UNIT_ROUNDOFF) + _TINY


@dataclass(frozen=True)
class Interval:
    """Numbers between `lower` and `upper`, element by element; operations round outward.

    Attributes
    ----------
    lower, upper : arrays of float64 that broadcast
        NaN, where something was not finite, stays NaN.

    Examples
    --------
    >>> product = Interval.around(np.array([0.1]), np.array([0.0])) * Interval(np.array([-1.0]), np.array([3.0]))
    >>> bool(product.lower[0] < -0.1), bool(product.upper[0] > 0.3)
    (True, True)
    """

    lower: FloatArray
    upper: FloatArray

    @classmethod
    def around(cls, centre: FloatArray, spread: FloatArray) -> Interval:
        """Return centre - spread to centre + spread, rounded outward."""
        return _outward(centre - spread, centre + spread)

    def __add__(self, other: Interval) -> Interval:
        return _outward(self.lower + other.lower, self.upper + other.upper)

    def __sub__(self, other: Interval) -> Interval:
        return _outward(self.lower - other.upper, self.upper - other.lower)

    def __mul__(self, other: Interval) -> Interval:
        a, b = self.lower * other.lower, self.lower * other.upper
        c, d = self.upper * other.lower, self.upper * other.upper
        return _outward(np.minimum(np.minimum(a, b), np.minimum(c, d)), np.maximum(np.maximum(a, b), np.maximum(c, d)))

    def scaled(self, factor: float) -> Interval:
        """Return the interval times a number."""
        a, b = self.lower * factor, self.upper * factor
        return _outward(np.minimum(a, b), np.maximum(a, b))

    def one_minus(self) -> Interval:
        """Return 1 minus the interval."""
        return _outward(1 - self.upper, 1 - self.lower)

    def clipped(self, low: float, high: float) -> Interval:
        """Return the part between two numbers, where the truth is known to lie."""
        return Interval(np.clip(self.lower, low, high), np.clip(self.upper, low, high))

    def middle(self) -> FloatArray:
        """Return a number near the middle; which one does not matter."""
        return self.lower + (self.upper - self.lower) / 2

    def farthest(self, centre: FloatArray) -> FloatArray:
        """Return an upper bound of the distance from `centre` to any number of the interval."""
        return raised(np.maximum(self.upper - centre, centre - self.lower), 1)

    def holds_zero(self) -> NDArray[np.bool_]:
        """Return where 0 lies inside; where the interval is NaN it might."""
        inside: NDArray[np.bool_] = ~((self.lower > 0) | (self.upper < 0))
        return inside


def _outward(lower: FloatArray, upper: FloatArray) -> Interval:
    """Widen the results of one operation each: 4 u of them, where their own error and that of widening take 2 u."""
    return Interval(
        lower - (4 * UNIT_ROUNDOFF * np.abs(lower) + _TINY), upper + (4 * UNIT_ROUNDOFF * np.abs(upper) + _TINY)
    )


def interval_tanh(x: Interval) -> Interval:
    """Return an enclosure of tanh: monotone, so its ends and the assumed error of the library's function.

    Examples
    --------
    >>> found = interval_tanh(Interval(np.array([-1.0]), np.array([40.0])))
    >>> found.lower.round(3).item(), found.upper.item()
    (-0.762, 1.0)
    """
    return _outward(np.tanh(x.lower) - TANH_ERROR, np.tanh(x.upper) + TANH_ERROR).clipped(-1.0, 1.0)


def interval_sigmoid(x: Interval) -> Interval:
    """Return an enclosure of (1 + tanh(x / 2)) / 2: half the error of tanh, and u for the sum."""
    lower, upper = (0.5 * (1 + np.tanh(0.5 * end)) for end in (x.lower, x.upper))
    return _outward(lower - 2 * TANH_ERROR, upper + 2 * TANH_ERROR).clipped(0.0, 1.0)


def tanh_slope(rate: Interval) -> Interval:
    """Return an enclosure of 1 - t^2, t a value of tanh: largest where |t| is least.

    Examples
    --------
    >>> tanh_slope(Interval(np.array([-0.5]), np.array([0.25]))).lower.round(6).item()
    0.75
    """
    least = np.where(rate.holds_zero(), 0.0, np.minimum(np.abs(rate.lower), np.abs(rate.upper)))
    most = np.maximum(np.abs(rate.lower), np.abs(rate.upper))
    # Not cut at 1: at 0 the middle is then the slope itself, and eigenvalues come out as they would without bounds.
    return (Interval(least, most) * Interval(least, most)).one_minus().clipped(0.0, np.inf)


def sigmoid_slope(gate: Interval) -> Interval:
    """Return an enclosure of s (1 - s), s a value of the sigmoid: it rises up to 1/2 and falls after it."""
    ends = [Interval(end, end) * Interval(end, end).one_minus() for end in (gate.lower, gate.upper)]
    peak = (gate.lower <= 0.5) & (gate.upper >= 0.5)
    upper = np.where(peak, 0.25, np.maximum(ends[0].upper, ends[1].upper))
    return Interval(np.minimum(ends[0].lower, ends[1].lower), upper).clipped(0.0, np.inf)
