"""Units whose mean activity rises or falls steadily within a trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError

__all__ = ["Ramps", "find_ramps"]

#: Activity over its peak that moves by no more than this stands still: the rest is rounding.
_STILL = 1e-12


@dataclass(frozen=True)
class Ramps:
    """Least-squares lines through the mean activity of units.

    Attributes
    ----------
    slope : (..., units) float64
        Per step, of activity over its peak. NaN for a unit that is silent.
    r2 : (..., units) float64
        Share of the variance in the window that the line explains; NaN for a unit that stands still.
    peak : (..., units) float64
        Largest absolute value of the mean activity, over all steps.
    ramping : (..., units) bool
        Both thresholds are passed.
    """

    slope: NDArray[np.float64]
    r2: NDArray[np.float64]
    peak: NDArray[np.float64]
    ramping: NDArray[np.bool_]


def find_ramps(
    activity: NDArray[np.float64], window: tuple[int, int], *, min_slope: float = 0.005, min_r2: float = 0.9
) -> Ramps:
    """Fit a line to each unit's mean activity in a window of steps.

    With x(t) the mean over trials and p = max_t |x(t)| over the whole trial, the line is the least-squares one through
    x(t) / p for t in the window. A unit ramps when |slope| > `min_slope` and r2 > `min_r2` (paper "abrupt-learning",
    Fig. 4C: "average slopes"; peak, window and thresholds are ours).

    Parameters
    ----------
    activity : (..., steps, units) float64
        Means over trials; NaN or infinite where the network diverged, which makes NaN here.
    window : (int, int)
        First step, from 0, and the one after the last; three steps or more.
    min_slope : float
        Per step.
    min_r2 : float

    Raises
    ------
    InputError
        For a window that is not in the trial, or too short for a line to miss a point.

    Examples
    --------
    >>> ramp = np.linspace(0, 1, 21)[:, None]
    >>> found = find_ramps(np.hstack([2 * ramp, -3 * ramp, 0 * ramp]), (10, 21))
    >>> found.slope.round(9).tolist(), found.peak.tolist(), found.ramping.tolist()
    ([0.05, -0.05, nan], [2.0, 3.0, 0.0], [True, True, False])
    """
    first, after = window
    steps = activity.shape[-2]
    if not 0 <= first < after <= steps:
        raise InputError("--window", f"{first}:{after} is not within a trial of {steps} steps", f"give 0:{steps}")
    if after - first < 3:
        raise InputError("--window", f"{first}:{after} holds {after - first} steps", "give three steps or more")
    time = np.arange(after - first) - (after - first - 1) / 2
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        peak = np.abs(activity).max(axis=-2)
        seen = activity[..., first:after, :] / np.where(peak < np.finfo(np.float64).tiny, np.nan, peak)[..., None, :]
        centred = seen - seen.mean(axis=-2, keepdims=True)
        slope = np.einsum("t,...tu->...u", time, centred) / (time @ time)
        still = ~(np.ptp(seen, axis=-2) > _STILL)
        variance = np.where(still, np.nan, (centred**2).sum(axis=-2))
        # Of a line through its points alone rounding could make a little more than 1.
        r2 = np.minimum(slope**2 * (time @ time) / variance, 1.0)
        slope = np.where(np.isfinite(peak), slope, np.nan)
        ramping = (np.abs(slope) > min_slope) & (r2 > min_r2)
    return Ramps(slope, r2, np.where(np.isfinite(peak), peak, np.nan), ramping)
