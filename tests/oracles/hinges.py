"""Hinges by least squares, one knot and one series at a time."""

from __future__ import annotations

import numpy as np


def hinge(series):
    """Knot, level, slope and sum of squares of the best hinge that falls; the first where several do."""
    best = (0, float(series.mean()), 0.0, float(((series - series.mean()) ** 2).sum()))
    for knot in range(len(series) - 1):
        since = np.maximum(0.0, np.arange(len(series)) - knot)
        design = np.stack([np.ones(len(series)), -since], axis=1)
        (level, slope), *_ = np.linalg.lstsq(design, series, rcond=None)
        squares = float(((series - design @ [level, slope]) ** 2).sum())
        if slope > 0 and squares < best[3] - 1e-12 * best[3]:
            best = (knot, float(level), float(slope), squares)
    return best


def crossing(curve, level):
    """The first evaluation at the level or below whose window of nine, all there, has a median there too."""
    for k in range(len(curve) - 8):
        if curve[k] <= level and np.median(curve[k : k + 9]) <= level:
            return k
    return -1


def relapses(curve, level, after):
    """Stretches of windows behind a crossing whose median is above the level."""
    count, above = 0, False
    for k in range(after + 1, len(curve) - 8):
        now = np.median(curve[k : k + 9]) > level
        count += now and not above
        above = now
    return count
