"""Frequencies in the activity of units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["GroupSpectra", "UnitSpectra", "mean_spectra", "unit_spectra"]

#: Activity over its peak that moves by no more than this stands still: the rest is rounding.
_STILL = 1e-12


@dataclass(frozen=True)
class UnitSpectra:
    """Amplitudes of each unit's activity.

    Attributes
    ----------
    frequency : (frequencies,) float64
        In cycles per step, from 0 to 1/2.
    amplitude : (..., frequencies, units) float64
        |FFT| over its largest value; NaN for a silent unit.
    amplitude_no_dc : (..., frequencies, units) float64
        The same with frequency 0 set aside, where it is NaN; NaN throughout for a unit that stands still.
    """

    frequency: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    amplitude_no_dc: NDArray[np.float64]


@dataclass(frozen=True)
class GroupSpectra:
    """Means over the units of a group.

    Attributes
    ----------
    amplitude, amplitude_no_dc : (..., frequencies) float64
        Means over the units that have one; NaN where none has.
    centroid, centroid_no_dc : (...) float64
        sum |f| A(f) / sum A(f) over positive and negative frequencies, A the mean amplitude.
    units, units_moving : (...) int64
        Units that the means are over: those that are not silent; those that do not stand still.
    """

    amplitude: NDArray[np.float64]
    amplitude_no_dc: NDArray[np.float64]
    centroid: NDArray[np.float64]
    centroid_no_dc: NDArray[np.float64]
    units: NDArray[np.int64]
    units_moving: NDArray[np.int64]


def unit_spectra(activity: NDArray[np.float64]) -> UnitSpectra:
    """Return the amplitude of each frequency in each unit's activity.

    Each unit is divided by its largest absolute value, transformed, and its amplitudes divided by the largest (paper
    "abrupt-learning", Methods 8). The paper shows both halves of the transform, which mirror each other as activity is
    real: here are the frequencies from 0 on.

    Parameters
    ----------
    activity : (..., steps, units) float64
        One run; two steps or more.

    Examples
    --------
    >>> t = np.arange(40)[:, None]
    >>> found = unit_spectra(np.hstack([3 + np.cos(np.pi * t / 4), 0 * t + 2.0]))
    >>> place = found.amplitude_no_dc[:, 0] == 1
    >>> float(found.frequency[place][0]), float(found.amplitude[place][0, 0].round(9)), found.amplitude[0].tolist()
    (0.125, 0.166666667, [1.0, 1.0])
    >>> bool(np.isnan(found.amplitude_no_dc[:, 1]).all())
    True
    """
    steps = activity.shape[-2]
    with np.errstate(invalid="ignore", over="ignore"):
        peak = np.abs(activity).max(axis=-2, keepdims=True)
        # A run that is not finite has no spectrum at all, not that of its sound part.
        silent = ~((peak >= np.finfo(np.float64).tiny) & np.isfinite(peak))
        held = np.where(silent, 0.0, activity / np.where(silent, 1.0, peak))
        still = ~(np.ptp(held, axis=-2, keepdims=True) > _STILL)
    found = np.abs(np.fft.rfft(held, axis=-2))
    whole = found / np.where(silent, np.nan, found.max(axis=-2, keepdims=True))
    rest = found.copy()
    rest[..., 0, :] = 0.0
    moving = rest / np.where(still, np.nan, rest.max(axis=-2, keepdims=True))
    moving[..., 0, :] = np.nan
    return UnitSpectra(np.asarray(np.fft.rfftfreq(steps), dtype=np.float64), whole, moving)


def mean_spectra(spectra: UnitSpectra, units: NDArray[np.int64], steps: int) -> GroupSpectra:
    """Return the mean spectra of a group of units and their centroids.

    Parameters
    ----------
    spectra : UnitSpectra
    units : (k,) int64
        Places of the group's units.
    steps : int
        Of the run: an even number has a highest frequency that is its own mirror image.

    Examples
    --------
    >>> t = np.arange(40)[:, None]
    >>> found = mean_spectra(unit_spectra(np.hstack([np.cos(np.pi * t / 4), 0.0 * t])), np.arange(2), 40)
    >>> float(found.centroid.round(9)), int(found.units)
    (0.125, 1)
    """
    # Frequencies between 0 and the highest stand for two, f and -f.
    twice = np.full(len(spectra.frequency), 2.0)
    twice[0] = 1.0
    if steps % 2 == 0:
        twice[-1] = 1.0
    found = []
    for amplitude, held in (
        (spectra.amplitude, ~np.isnan(spectra.amplitude[..., :1, :])),
        (spectra.amplitude_no_dc, ~np.isnan(spectra.amplitude_no_dc[..., 1:2, :])),
    ):
        among = held[..., 0, :][..., units]
        count = among.sum(axis=-1)
        some = np.where(count > 0, count, 1)
        total = np.where(among[..., None, :], amplitude[..., units], 0.0).sum(axis=-1)
        mean = np.where(count[..., None] > 0, total / some[..., None], np.nan)
        weight = np.where(np.isnan(mean), 0.0, mean) * twice
        with np.errstate(invalid="ignore"):
            centroid = (weight * spectra.frequency).sum(axis=-1) / np.where(count > 0, weight.sum(axis=-1), np.nan)
        found.append((mean, centroid, count))
    (whole, centre, units_held), (moving, centre_moving, units_moving) = found
    return GroupSpectra(whole, moving, centre, centre_moving, units_held, units_moving)
