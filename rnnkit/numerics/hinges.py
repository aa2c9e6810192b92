"""A level, then a fall: hinges fitted to many series at once by exhaustive least squares, with intervals."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import ceil

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError

__all__ = ["Hinges", "block_length", "fit_hinges", "knot_intervals"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Numbers of bootstrap series that are worked on at a time.
_BLOCK = 1 << 18
#: A sum of squares below this share of the series' own is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Hinges:
    """Least-squares hinges z_k = level - slope max(0, k - knot), and what else could be said of the same points.

    Attributes
    ----------
    knot : (series,) int64
        The last point on the level, from 0.
    level, slope : (series,) float64
        The slope is 0 or more.
    squares : (series,) float64
        Sum of squared residuals.
    flat, line : (series,) float64
        The same of a constant, and of a fall from the first point on.
    """

    knot: Counts
    level: Floats
    slope: Floats
    squares: Floats
    flat: Floats
    line: Floats

    def rows(self, chosen: NDArray[np.bool_]) -> Hinges:
        """Return those of some of the series."""
        return Hinges(**{entry.name: getattr(self, entry.name)[chosen] for entry in fields(Hinges)})

    def values(self, points: int) -> Floats:
        """Return the hinges at the first `points` points, (series, points)."""
        since = np.maximum(0, np.arange(points) - self.knot[:, None])
        found: Floats = self.level[:, None] - self.slope[:, None] * since
        return found

    def evidence(self, lengths: Counts) -> Floats:
        """Return how much better a hinge is than the better of a constant and a line, in units of BIC, (series,).

        n log(S_other / S_hinge) less log n for each parameter that the other does without: two of a constant (slope
        and knot), one of a line (the knot).
        """
        least = np.maximum(self.squares, _ROUNDING * self.flat)
        n = lengths.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = n * np.log(self.flat / least) - 2 * np.log(n)
            line = n * np.log(np.maximum(self.line, least) / least) - np.log(n)
        # A series without spread: nothing is better than a constant.
        return np.where(self.flat > 0, np.minimum(flat, line), -2 * np.log(n))


def fit_hinges(series: Floats, lengths: Counts) -> Hinges:
    """Fit a hinge to each series, by trying every knot.

    With z centred, the covariance of z with x_k = max(0, k - t) is the sum of sum_{k > j} z_k over j >= t: two
    cumulative sums from the right give it for all t at once, without cancellation. A knot explains cov^2 / var(x); one
    where z would rise explains nothing. O(points) a series.

    Parameters
    ----------
    series : (series, points) float64
        Finite within the lengths.
    lengths : (series,) int64
        Points that count, 2 or more; the rest of a row is ignored.

    Raises
    ------
    InputError
        When a series has fewer than two points, or one of them is not finite.

    Examples
    --------
    >>> z = np.array([[5.0, 5, 5, 5, 3, 1, -1]])
    >>> found = fit_hinges(z, np.array([7]))
    >>> found.knot.tolist(), found.level.round(9).tolist(), found.slope.round(9).tolist()
    ([3], [5.0], [2.0])
    """
    points = series.shape[1]
    inside = np.arange(points) < lengths[:, None]
    if len(lengths) and (lengths.min() < 2 or lengths.max() > points or not np.isfinite(series[inside]).all()):
        raise InputError("series", "has fewer than two points, or one that is not finite", "leave such points out")
    n = lengths[:, None].astype(np.float64)
    held = np.where(inside, series, 0.0)
    mean = held.sum(axis=1, keepdims=True) / n
    centred = np.where(inside, held - mean, 0.0)
    covariance, explained = _explained(centred, lengths)
    knot = explained.argmax(axis=1)
    rows = np.arange(len(series))
    after, variance = _after(points, lengths)
    fall = np.where(explained[rows, knot] > 0, -covariance[rows, knot] / variance[rows, knot], 0.0)
    mean_since = (after * (after + 1) / 2 / n)[rows, knot]
    flat = (centred**2).sum(axis=1)
    return Hinges(
        knot,
        mean[:, 0] + fall * mean_since,
        fall,
        np.maximum(flat - explained[rows, knot], 0.0),
        flat,
        np.maximum(flat - explained[:, 0], 0.0),
    )


def _after(points: int, lengths: Counts) -> tuple[Floats, Floats]:
    """Return for every knot the points after it, and sum x^2 - (sum x)^2 / n of x = max(0, k - knot)."""
    n = lengths[:, None].astype(np.float64)
    after = np.maximum(0.0, n - 1 - np.arange(points))
    total = after * (after + 1) / 2
    variance = total * (2 * after + 1) / 3 - total**2 / n
    return after, np.where(after > 0, variance, np.inf)


def _explained(centred: Floats, lengths: Counts) -> tuple[Floats, Floats]:
    """Return the covariance with every hinge, and the squares that it explains, both (series, points)."""
    tails = np.zeros_like(centred)
    tails[:, :-1] = np.cumsum(centred[:, :0:-1], axis=1)[:, ::-1]
    covariance = np.cumsum(tails[:, ::-1], axis=1)[:, ::-1]
    falls = np.minimum(covariance, 0.0)
    explained: Floats = falls**2 / _after(centred.shape[1], lengths)[1]
    return covariance, explained


def block_length(points: int) -> int:
    """Return the length of the blocks that residuals are drawn in: the cube root of their number, rounded up.

    Examples
    --------
    >>> block_length(64), block_length(65), block_length(1)
    (4, 5, 1)
    """
    root = max(1, int(np.rint(np.cbrt(points))))
    return root if root**3 >= points else root + 1


def knot_intervals(
    series: Floats,
    lengths: Counts,
    fitted: Hinges,
    draws: int,
    generator: np.random.Generator,
    confidence: float = 0.95,
) -> tuple[Counts, Counts]:
    """Return the ends of an interval around each knot, by a moving-block bootstrap of residuals.

    Blocks of consecutive residuals, drawn with replacement, are put behind one another onto the fitted hinge, which is
    fitted again (Kunsch 1989, "The jackknife and the bootstrap for general stationary observations", Ann. Statist. 17,
    1217-1241). The ends are the order statistics that leave no more than (1 - confidence) / 2 of the draws outside on
    either side, and never exclude the knot itself. All series share the random numbers: one's interval does not
    depend on which others are there. Memory is bounded, whatever their number.

    Parameters
    ----------
    series : (series, points) float64
    lengths : (series,) int64
    fitted : Hinges
        As :func:`fit_hinges` gave them.
    draws : int
        0 for no interval: then both ends are the knot.
    generator : numpy.random.Generator
    confidence : float

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> z = np.maximum(0, np.arange(60) - 40)[None] * -0.2 + 0.1 * rng.standard_normal((1, 60))
    >>> low, high = knot_intervals(z, np.array([60]), fit_hinges(z, np.array([60])), 200, rng)
    >>> bool(low[0] <= 40 <= high[0])
    True
    """
    low, high = fitted.knot.copy(), fitted.knot.copy()
    if draws == 0 or not len(series):
        return low, high
    blocks = max(ceil(n / block_length(n)) for n in set(lengths.tolist()))
    uniform = generator.random((blocks, draws)).T
    out = int((1 - confidence) / 2 * draws)
    centres = fitted.values(series.shape[1])
    # A loop over series, whose lengths differ: what is hot is the fit of all draws, and that is of arrays.
    for k, points in enumerate(lengths.tolist()):
        size = block_length(points)
        starts = (uniform[:, : ceil(points / size)] * (points - size + 1)).astype(np.int64)
        parts = np.array_split(starts, ceil(draws * points / _BLOCK))
        centre, left = centres[k, :points], series[k, :points] - centres[k, :points]
        knots = np.sort(np.concatenate([_drawn_knots(centre, left, part, size) for part in parts if len(part)]))
        low[k], high[k] = min(knots[out], low[k]), max(knots[-1 - out], high[k])
    return low, high


def _drawn_knots(centre: Floats, left: Floats, starts: Counts, size: int) -> Counts:
    """Return the knots of hinges fitted to a series with other residuals.

    Parameters
    ----------
    centre, left : (points,) float64
        The fitted series and its residuals.
    starts : (draws, blocks) int64
        Where each block of residuals begins.
    size : int
        Of a block.
    """
    places = (starts[:, :, None] + np.arange(size)).reshape(len(starts), -1)[:, : len(centre)]
    series = centre + left[places]
    series -= series.mean(axis=1, keepdims=True)
    explained = _explained(series, np.full(len(series), len(centre)))[1]
    found: Counts = explained.argmax(axis=1)
    return found
