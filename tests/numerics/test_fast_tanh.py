"""The fast hyperbolic tangent against the exact one."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.numerics.fast_tanh import tanh_step_


def _applied(values: np.ndarray) -> np.ndarray:
    block = np.stack([np.zeros_like(values), values], axis=0).astype(np.float32)[None, :, None]
    tanh_step_(block, 1)
    assert not block[0, 0].any(), "other steps are left alone"
    return block[0, 1, 0]


def test_error_is_a_few_units_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(-12, 12, 200_001), np.geomspace(1e-30, 10, 100_000)]).astype(np.float32)
    exact = np.tanh(x.astype(np.float64))
    error = np.abs(_applied(x) - exact) / np.spacing(np.abs(exact).astype(np.float32))
    assert error.max() < 4.7
    assert np.abs(_applied(x)).max() <= 1


def test_odd_and_exact_at_the_ends() -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, 1e-30, 3.0, -3.0], dtype=np.float32)
    y = _applied(x)
    assert y[0] == y[1] == 0
    assert y[2] == pytest.approx(1, abs=3e-7)
    assert y[3] == -y[2]
    assert y[4] == pytest.approx(1e-30, rel=3e-7)
    assert y[6] == -y[5]


def test_nan_stays() -> None:
    assert np.isnan(_applied(np.array([np.nan], dtype=np.float32)))[0]
