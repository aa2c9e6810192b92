"""Bracketed roots against SciPy's Brent, on functions that are easy, steep, flat and kinked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from rnnkit.numerics.bracketed_roots import bracketed_roots

SHAPES = {
    "cubic": lambda x, c: x**3 - c,
    "steep": lambda x, c: np.tanh(1e3 * (x - c)),
    "kink": lambda x, c: np.where(x > c, 5 * (x - c), 1e-3 * (x - c)),
    "jump": lambda x, c: np.where(x > c, 1.0, -1.0),
}


@pytest.mark.parametrize("name", SHAPES)
def test_as_brent(name):
    rng = np.random.default_rng(0)
    at = rng.uniform(-1, 1, 50)
    low, high = -1.5 - rng.random(50), 1.5 + rng.random(50)
    found = bracketed_roots(lambda k, x: SHAPES[name](x, at[k]), low, high)
    for k in range(50):
        expected = brentq(lambda x, c=at[k]: float(SHAPES[name](x, c)), low[k], high[k], xtol=1e-15, rtol=1e-14)
        assert found.roots[k] == pytest.approx(expected, abs=1e-13)
        assert found.values[k] == pytest.approx(float(SHAPES[name](found.roots[k], at[k])), abs=1e-15)
    assert found.widths.max() < 1e-14


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.floats(0.1, 20))
def test_every_root_is_inside_and_small(places, gain):
    at = np.array(places)
    found = bracketed_roots(lambda k, x: np.tanh(gain * (x - at[k])), at - 3, at + 40)
    assert (found.roots >= at - 3).all()
    assert (found.roots <= at + 40).all()
    np.testing.assert_allclose(found.roots, at, rtol=1e-13, atol=1e-13)


def test_ends_that_are_roots_and_no_brackets():
    found = bracketed_roots(lambda _, x: x * (x - 1), np.array([0.0, -1.0]), np.array([0.5, 0.0]))
    assert found.roots.tolist() == [0.0, 0.0]
    assert found.widths.tolist() == [0.0, 0.0]
    assert len(bracketed_roots(lambda _, x: x, np.empty(0), np.empty(0)).roots) == 0


def test_a_ninefold_root():
    """The function is below the smallest number over a stretch: any place there is as good."""
    found = bracketed_roots(lambda _, x: (x - 0.3) ** 9, np.array([-1.0]), np.array([2.0]))
    assert abs(found.values[0]) < 1e-100
    assert found.roots[0] == pytest.approx(0.3, abs=1e-10)


def test_few_evaluations():
    """Interpolation takes a few steps where bisection alone takes fifty."""
    calls = []

    def function(_, x):
        calls.append(len(x))
        return np.exp(x) - 2

    bracketed_roots(function, np.array([0.0]), np.array([3.0]))
    assert len(calls) < 15


def test_no_bracket():
    with pytest.raises(ValueError, match="same sign"):
        bracketed_roots(lambda _, x: x**2 + 1, np.array([-1.0]), np.array([1.0]))
