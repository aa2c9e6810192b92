"""Bounds against exact rational arithmetic, tanh against 120 bits."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from rnnkit.numerics.intervals import (
    TANH_ERROR,
    UNIT_ROUNDOFF,
    Interval,
    gamma,
    interval_sigmoid,
    interval_tanh,
    raised,
    sigmoid_slope,
    tanh_slope,
)

finite = st.floats(-1e100, 1e100, allow_subnormal=True)
POINTS = 100_000


def between(a, b, share):
    """A rational number between two floats."""
    low, high = sorted((Fraction(a), Fraction(b)))
    return low + (high - low) * Fraction(share)


def interval(a, b):
    return Interval(np.array([min(a, b)]), np.array([max(a, b)]))


def holds(found, exact):
    return Fraction(found.lower.item()) <= exact <= Fraction(found.upper.item())


@settings(max_examples=300, deadline=None)
@given(finite, finite, finite, finite, st.fractions(0, 1, max_denominator=64), st.fractions(0, 1, max_denominator=64))
def test_operations_hold_the_exact_results(a, b, c, d, s, t):
    x, y = between(a, b, s), between(c, d, t)
    one, other = interval(a, b), interval(c, d)
    assert holds(one + other, x + y)
    assert holds(one - other, x - y)
    assert holds(one * other, x * y)
    assert holds(one.one_minus(), 1 - x)
    assert holds(one.scaled(c), x * Fraction(c))
    assert Fraction(one.farthest(np.array([c])).item()) >= abs(x - Fraction(c))
    assert one.holds_zero().item() or x != 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1e50), min_size=1, max_size=60))
def test_raised_sums_are_upper_bounds(terms):
    assert Fraction(raised(np.sum(np.array(terms)), len(terms)).item()) >= sum(map(Fraction, terms))
    total = np.float64(0.0)
    for term in terms:
        total = total + term * 0.1
    assert Fraction(raised(total, 2 * len(terms)).item()) >= sum(Fraction(term) * Fraction(0.1) for term in terms)


@pytest.mark.parametrize("k", [1, 7, 1000, 10**6])
def test_gamma_is_not_below_its_definition(k):
    u = Fraction(UNIT_ROUNDOFF)
    exact = k * u / (1 - k * u)
    assert exact <= Fraction(gamma(k)) <= exact * Fraction(1 + 1e-14)


def test_inner_products_err_by_no_more_than_gamma():
    rng = np.random.default_rng(0)
    for n in (3, 64, 512):
        x, y = rng.normal(size=(2, 20, n)) * 10 ** rng.uniform(-8, 8, (2, 20, n))
        found = (x[:, None] @ y[:, :, None])[:, 0, 0]
        for k in range(20):
            exact = sum(Fraction(a) * Fraction(b) for a, b in zip(x[k], y[k], strict=True))
            size = sum(abs(Fraction(a) * Fraction(b)) for a, b in zip(x[k], y[k], strict=True))
            assert abs(Fraction(found[k]) - exact) <= Fraction(gamma(n)) * size


def arguments():
    """Every scale that matters, both signs, and where the library may change its method."""
    rng = np.random.default_rng(1)
    x = np.concatenate(
        [rng.uniform(-3, 3, POINTS // 2), rng.normal(size=POINTS // 4) * 10 ** rng.uniform(-9, 1.4, POINTS // 4)]
    )
    near = np.repeat([0.25, 0.5, 0.625, 1.0, 19.0, 22.0], 40) * (1 + 1e-9 * np.tile(np.arange(-20, 20), 6))
    return np.concatenate([x, near, -near, rng.uniform(-25, 25, POINTS - len(x) - 2 * len(near))])


def test_tanh_is_within_half_of_what_is_assumed():
    x = arguments()
    assert len(x) == POINTS
    values = np.tanh(x)
    with mp.workprec(120):
        worst = max(abs(mp.tanh(mpf(a)) - mpf(b)) for a, b in zip(x.tolist(), values.tolist(), strict=True))
    assert float(worst) <= 4 * UNIT_ROUNDOFF
    assert TANH_ERROR == 8 * UNIT_ROUNDOFF


def test_sigmoid_is_within_half_of_what_is_assumed():
    x = arguments()[::5]
    found = 0.5 * (1 + np.tanh(0.5 * x))
    box = interval_sigmoid(Interval(x, x))
    with mp.workprec(120):
        truth = [1 / (1 + mp.exp(-mpf(a))) for a in x.tolist()]
        worst = max(abs(a - mpf(b)) for a, b in zip(truth, found.tolist(), strict=True))
        for low, exact, high in zip(box.lower.tolist(), truth, box.upper.tolist(), strict=True):
            assert low <= exact <= high
    assert float(worst) <= 4 * UNIT_ROUNDOFF


@settings(max_examples=150, deadline=None)
@given(st.floats(-30, 30), st.floats(0, 4), st.fractions(0, 1, max_denominator=16))
def test_rates_and_slopes_hold_the_exact_ones(a, width, share):
    box = interval(a, a + width)
    with mp.workprec(120):
        at = between(a, a + width, share)
        x = mpf(at.numerator) / at.denominator
        t, s = mp.tanh(x), 1 / (1 + mp.exp(-x))
        rate, gate = interval_tanh(box), interval_sigmoid(box)
        for found, exact in (
            (rate, t),
            (gate, s),
            (tanh_slope(rate), 1 - t * t),
            (sigmoid_slope(gate), s * (1 - s)),
        ):
            assert mpf(found.lower.item()) <= exact <= mpf(found.upper.item())


def test_slopes_are_as_narrow_as_they_can_be():
    wide = interval(-1.0, 2.0)
    assert tanh_slope(interval_tanh(wide)).upper.item() == pytest.approx(1, abs=1e-14)
    assert tanh_slope(interval_tanh(wide)).lower.item() == pytest.approx(1 - np.tanh(2.0) ** 2, abs=1e-14)
    gate = interval_sigmoid(interval(1.0, 2.0))
    ends = [1 / (1 + np.exp(-x)) for x in (1.0, 2.0)]
    assert sigmoid_slope(gate).upper.item() == pytest.approx(ends[0] * (1 - ends[0]), abs=1e-14)
    assert sigmoid_slope(gate).lower.item() == pytest.approx(ends[1] * (1 - ends[1]), abs=1e-14)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:overflow:RuntimeWarning")
def test_what_is_not_finite_never_becomes_a_number():
    bad = Interval(np.array([np.nan]), np.array([np.nan]))
    good = interval(0.0, 1.0)
    for found in (bad + good, bad * good, interval_tanh(bad), sigmoid_slope(bad), tanh_slope(interval_tanh(bad))):
        assert np.isnan(found.upper).all()
    assert bad.holds_zero().all()
    assert np.isnan(bad.farthest(np.zeros(1))).all()
