"""Hinges against least squares knot by knot; intervals against planted knots."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.hinges import block_length, fit_hinges, knot_intervals
from tests.oracles.hinges import hinge


def ragged(count=30, seed=0):
    """Noisy falls, rises and levels of many lengths, with rubbish behind their ends."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 40, count)
    series = np.full((count, 40), np.nan)
    for row, n in zip(series, lengths, strict=True):
        slope = rng.choice([-0.3, 0.0, 0.5])
        row[:n] = 7 - slope * np.maximum(0, np.arange(n) - n // 2) + rng.choice([0.01, 0.5]) * rng.standard_normal(n)
    return series, lengths


def test_the_best_of_all_knots():
    series, lengths = ragged()
    found = fit_hinges(series, lengths)
    for k, n in enumerate(lengths):
        knot, level, slope, squares = hinge(series[k, :n])
        assert (found.level[k], found.slope[k]) == pytest.approx((level, slope), rel=1e-9, abs=1e-9)
        assert found.squares[k] == pytest.approx(squares, rel=1e-8, abs=1e-12)
        assert found.knot[k] == (knot if slope > 0 else 0)
        assert found.flat[k] == pytest.approx(((series[k, :n] - series[k, :n].mean()) ** 2).sum())
        residuals = series[k, :n] - found.values(40)[k, :n]
        assert (residuals**2).sum() == pytest.approx(squares, rel=1e-8, abs=1e-12)


def test_the_line_is_the_hinge_of_the_first_point():
    z = np.random.default_rng(0).standard_normal((1, 30)) - 0.3 * np.arange(30)
    _, left, *_ = np.polyfit(np.arange(30), z[0], 1, full=True)
    assert fit_hinges(z, np.array([30])).line[0] == pytest.approx(left[0], rel=1e-9)


def test_evidence_is_against_the_better_of_two():
    k = np.arange(80.0)
    noise = 0.05 * np.random.default_rng(0).standard_normal((3, 80))
    z = noise + np.stack([-0.2 * np.maximum(0, k - 60), -0.02 * k, 0 * k])
    found = fit_hinges(z, np.full(3, 80))
    sudden, steady, level = found.evidence(np.full(3, 80))
    assert sudden > 100
    assert steady < 10
    assert level < 10
    # By the squares themselves, less log n for each parameter.
    flat = 80 * np.log(found.flat[0] / found.squares[0]) - 2 * np.log(80)
    line = 80 * np.log(found.line[0] / found.squares[0]) - np.log(80)
    assert sudden == pytest.approx(min(flat, line))
    # Against a constant alone, a steady fall would pass for a sudden one.
    assert 80 * np.log(found.flat[1] / found.squares[1]) - 2 * np.log(80) > 100


def test_without_noise_evidence_is_finite():
    z = np.stack([-np.maximum(0.0, np.arange(20) - 10), np.zeros(20)])
    sudden, constant = fit_hinges(z, np.array([20, 20])).evidence(np.array([20, 20]))
    assert 100 < sudden < 1e3
    assert constant < 0


def test_a_level_far_from_zero_loses_no_digits():
    z = 1e6 - 1e-3 * np.maximum(0, np.arange(2000) - 1500)[None]
    found = fit_hinges(z, np.array([2000]))
    assert found.knot[0] == 1500
    assert found.slope[0] == pytest.approx(1e-3, rel=1e-4)


def test_a_series_is_fitted_alone_as_in_company():
    series, lengths = ragged()
    company = fit_hinges(series, lengths)
    chosen = lengths > 20
    low, high = knot_intervals(series, lengths, company, 50, np.random.default_rng(1))
    few = knot_intervals(series[chosen], lengths[chosen], company.rows(chosen), 50, np.random.default_rng(1))
    np.testing.assert_array_equal(few, [low[chosen], high[chosen]])


def test_intervals_cover_and_shrink_with_the_noise():
    rng = np.random.default_rng(3)
    knots = rng.integers(30, 90, 100)
    fall = -0.25 * np.maximum(0, np.arange(100) - knots[:, None])
    widths = []
    for noise in (0.03, 0.2):
        z, lengths = fall + noise * rng.standard_normal(fall.shape), np.full(100, 100)
        low, high = knot_intervals(z, lengths, fit_hinges(z, lengths), 200, np.random.default_rng(0))
        assert ((low <= knots) & (knots <= high)).mean() >= 0.9
        widths.append((high - low).mean())
    assert widths[0] < widths[1]


def test_no_draws_no_interval_and_many_draws_in_pieces():
    z, lengths = ragged(3)[0][:, :2] * 0 + [[1.0, 0.0]] * 3, np.full(3, 2)
    fitted = fit_hinges(z, lengths)
    np.testing.assert_array_equal(knot_intervals(z, lengths, fitted, 0, np.random.default_rng(0)), [fitted.knot] * 2)
    long = np.random.default_rng(0).standard_normal((1, 4000)) - 0.1 * np.maximum(0, np.arange(4000) - 3000)
    fitted = fit_hinges(long, np.array([4000]))
    low, high = knot_intervals(long, np.array([4000]), fitted, 200, np.random.default_rng(0))
    assert 2980 < low[0] <= 3000 <= high[0] < 3020


def test_block_lengths():
    assert [block_length(n) for n in (1, 8, 9, 27, 28, 1000, 1001)] == [1, 2, 3, 3, 4, 10, 11]


@pytest.mark.parametrize(("series", "lengths"), [([[1.0, 2.0]], [1]), ([[1.0, 2.0]], [3]), ([[1.0, np.nan, 1.0]], [3])])
def test_refusals(series, lengths):
    with pytest.raises(InputError, match="series: has fewer than two points, or one that is not finite"):
        fit_hinges(np.array(series), np.array(lengths))
