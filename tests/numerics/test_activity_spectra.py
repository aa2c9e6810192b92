"""Planted sinusoids, and every sum written out."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.numerics.activity_spectra import mean_spectra, unit_spectra
from tests.oracles.unit_activity import two_sided


@pytest.mark.parametrize("steps", [12, 13, 3, 2])
def test_half_of_what_the_shifted_transform_shows(steps):
    activity = np.random.default_rng(0).normal(size=(2, steps, 3))
    found = unit_spectra(activity)
    mean = mean_spectra(found, np.array([2, 0]), steps)
    for net in range(2):
        shown = []
        for unit in range(3):
            turns, amplitude = two_sided(list(activity[net, :, unit]))
            shown.append(amplitude)
            for f, value in zip(turns, amplitude, strict=True):
                place = np.argmin(abs(found.frequency - abs(f)))
                assert found.frequency[place] == pytest.approx(abs(f))
                assert found.amplitude[net, place, unit] == pytest.approx(value, abs=1e-12)
            rest = np.where(turns == 0, 0, amplitude)
            assert found.amplitude_no_dc[net, 1, unit] * rest.max() == pytest.approx(found.amplitude[net, 1, unit])
        whole = (shown[0] + shown[2]) / 2
        assert mean.centroid[net] == pytest.approx((abs(turns) * whole).sum() / whole.sum())


def test_planted_sinusoids():
    t = np.arange(200)
    slow, fast = np.cos(2 * np.pi * 0.05 * t), 5 * np.sin(2 * np.pi * 0.4 * t)
    found = unit_spectra(np.stack([slow, 9 + fast], axis=1))
    assert found.frequency[found.amplitude_no_dc[:, 0] > 1e-9] == pytest.approx([0.05])
    assert found.frequency[found.amplitude_no_dc[:, 1] > 1e-9] == pytest.approx([0.4])
    assert found.amplitude[[0, 80], 1] == pytest.approx([1, 5 / 18])
    one = mean_spectra(found, np.array([0]), 200)
    both = mean_spectra(found, np.array([0, 1]), 200)
    assert (float(one.centroid), float(one.centroid_no_dc)) == pytest.approx((0.05, 0.05))
    assert float(both.centroid_no_dc) == pytest.approx(0.225)
    # The offset of one unit, kept, draws the mean down: 1, .5, twice at 0, two each at .05 and .4.
    assert float(both.centroid) == pytest.approx((2 * 0.05 * 0.5 + 2 * 0.4 * 5 / 36) / (0.5 + 1 + 5 / 18), abs=1e-9)


def test_units_that_stand_still_are_left_out_of_the_mean():
    t = np.arange(40)
    moving = np.cos(np.pi * t / 2)
    found = unit_spectra(np.stack([moving, np.full(40, -3.0), np.zeros(40)], axis=1))
    mean = mean_spectra(found, np.arange(3), 40)
    assert (int(mean.units), int(mean.units_moving)) == (2, 1)
    assert float(mean.centroid_no_dc) == pytest.approx(0.25)
    assert mean.amplitude[[0, 10]] == pytest.approx([0.5, 0.5])
    nothing = mean_spectra(found, np.array([2]), 40)
    assert np.isnan(nothing.amplitude).all()
    assert np.isnan(nothing.centroid)
    still = mean_spectra(found, np.array([1]), 40)
    assert still.amplitude[0] == 1
    assert (float(still.centroid), int(still.units), int(still.units_moving)) == (pytest.approx(0), 1, 0)
    assert np.isnan(still.amplitude_no_dc).all()


def test_a_run_that_is_no_number_has_no_spectrum():
    activity = np.ones((2, 10, 1))
    activity[0, 3], activity[1, 3] = np.nan, np.inf
    found = unit_spectra(activity)
    assert np.isnan(found.amplitude).all()
    assert np.isnan(found.amplitude_no_dc).all()
