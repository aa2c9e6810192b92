"""Planted ramps, and every line beside numpy's own."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.ramps import find_ramps
from tests.oracles.unit_activity import ramp

T = np.arange(40.0)


def test_every_line_is_polyfit_s():
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(3, 40, 5)).cumsum(axis=1)
    found = find_ramps(mean, (11, 37))
    for net, unit in np.ndindex(3, 5):
        slope, r2 = ramp(list(mean[net, :, unit]), 11, 37)
        assert found.slope[net, unit] == pytest.approx(slope, rel=1e-9)
        assert found.r2[net, unit] == pytest.approx(r2, rel=1e-9)
        assert found.ramping[net, unit] == (abs(slope) > 0.005 and r2 > 0.9)


def test_planted_ramps():
    late = np.where(T < 20, 0.0, T - 19)
    wave = np.sin(np.pi * T / 2)
    step = np.where(T < 30, 0.0, 1.0)
    slow = 1 + 1e-4 * T
    found = find_ramps(np.stack([T, -7 * late, wave, step, slow], axis=1), (20, 40))
    assert found.ramping.tolist() == [True, True, False, False, False]
    assert found.slope[:2] == pytest.approx([1 / 39, -1 / 20])
    assert found.r2[:2] == pytest.approx([1, 1])
    assert found.peak.tolist() == [39, 140, 1, 1, pytest.approx(1.0039)]
    # It is the slope that keeps the slow one out, and the shape the step.
    assert found.r2[4] == pytest.approx(1)
    assert abs(found.slope[3]) > 0.005
    assert find_ramps(np.stack([slow, step], axis=1), (20, 40), min_slope=1e-5, min_r2=0.5).ramping.all()


def test_what_stands_still_or_is_no_number():
    bad = np.where(T == 3, np.nan, T)
    large = np.where(T == 3, np.inf, T)
    found = find_ramps(np.stack([0 * T, 0 * T - 2.5, 1 + 1e-16 * T, bad, large], axis=1), (20, 40))
    assert not found.ramping.any()
    assert np.isnan(found.r2).all()
    assert np.isnan(found.slope).tolist() == [True, False, False, True, True]
    assert (found.slope[1], found.peak[1]) == (0, 2.5)
    assert np.isnan(found.peak).tolist() == [False, False, False, True, True]


@pytest.mark.parametrize("window", [(0, 2), (38, 41), (-1, 5), (5, 5)])
def test_windows_that_are_none(window):
    with pytest.raises(InputError, match="--window"):
        find_ramps(np.zeros((40, 1)), window)
