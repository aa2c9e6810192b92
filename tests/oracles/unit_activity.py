"""Ramps and spectra of one unit at a time, by definition."""

from __future__ import annotations

import cmath

import numpy as np


def ramp(mean, first, after):
    """Slope and r2 of the line through one unit's mean activity over its peak."""
    seen = [value / max(abs(v) for v in mean) for value in mean][first:after]
    time = list(range(first, after))
    slope, offset = np.polyfit(time, seen, 1)
    errors = [value - slope * t - offset for t, value in zip(time, seen, strict=True)]
    return slope, 1 - np.var(errors) / np.var(seen)


def two_sided(activity):
    """Frequencies from -1/2 and shifted amplitudes of one unit's activity, each sum written out."""
    steps = len(activity)
    seen = [value / max(abs(v) for v in activity) for value in activity]
    turns = sorted((k if 2 * k < steps else k - steps) / steps for k in range(steps))
    sums = [abs(sum(x * cmath.exp(-2j * cmath.pi * f * t) for t, x in enumerate(seen))) for f in turns]
    return np.array(turns), np.array(sums) / max(sums)
