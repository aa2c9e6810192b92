"""Statistics of one value a network beside slow references, and how often their intervals hold."""

import numpy as np
import pytest
import scipy.stats

from rnnkit.errors import InputError
from rnnkit.numerics.network_statistics import correlation, mean, spread, variation
from rnnkit.numerics.resampling import skewed_interval


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="generator"):
        spread([1.0, 2.0, 3.0], bootstrap=100)
    with pytest.raises(InputError, match="confidence"):
        spread([1.0, 2.0, 3.0], confidence=1.0)
    with pytest.raises(InputError, match="draws"):
        spread([1.0, 2.0, 3.0], bootstrap=-1)
    with pytest.raises(InputError, match="infinite"):
        spread([1.0, np.inf])
    with pytest.raises(InputError, match="shapes"):
        correlation([1.0, 2.0], [1.0])


STATISTICS = {
    spread: lambda x: np.std(x, ddof=1),
    mean: np.mean,
    variation: lambda x: np.std(x, ddof=1) / np.mean(x),
}


@pytest.mark.parametrize("statistic", STATISTICS)
def test_values_errors_and_draws_are_the_naive_ones(statistic):
    naive = STATISTICS[statistic]
    values = np.random.default_rng(8).gamma(2.0, size=11)
    result = statistic(values)
    left_out = np.array([naive(np.delete(values, i)) for i in range(11)])
    assert result.value == pytest.approx(naive(values), rel=1e-12)
    assert result.se == pytest.approx(np.sqrt(10 / 11 * np.sum((left_out - naive(values)) ** 2)), rel=1e-10)
    if statistic is mean:
        ends = skewed_interval(values.mean(), values)
    else:
        ends = np.exp(skewed_interval(np.log(naive(values)), 11 * np.log(naive(values)) - 10 * np.log(left_out)))
    assert (result.ci_low, result.ci_high) == pytest.approx(tuple(ends), rel=1e-9)
    drawn = statistic(values, 400, np.random.default_rng(1))
    counts = np.random.default_rng(1).multinomial(11, np.full(11, 1 / 11), size=400)
    draws = [naive(np.repeat(values, draw)) for draw in counts]
    assert (drawn.ci_low, drawn.ci_high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), rel=1e-9)
    assert (drawn.value, drawn.se) == (result.value, result.se)


def quantile(sample, tail):
    """Student's, with the degrees of freedom of a variance of such kurtosis."""
    n, excess = len(sample), max(scipy.stats.kurtosis(sample, bias=False), 0)
    return scipy.stats.t.ppf(tail, 2 / (2 / (n - 1) + excess / n))


@pytest.mark.parametrize("curvature", [0.0, 0.3])
@pytest.mark.parametrize("draw", ["exponential", "uniform"])
def test_skewed_interval_inverts_halls_transformation(draw, curvature):
    sample = getattr(np.random.default_rng(3), draw)(size=12)
    low, high = skewed_interval(sample.mean(), sample, 0.9, curvature)
    k = scipy.stats.skew(sample, bias=False) / np.sqrt(12)
    for end, sign in ((low, 1), (high, -1)):
        t = (sample.mean() - end) / (sample.std(ddof=1) / np.sqrt(12))
        a = k / 3 + curvature / 2
        hall = t + a * t**2 + a**2 * t**3 / 3 + k / 6 + curvature / 2
        assert hall == pytest.approx(sign * quantile(sample, 0.95))
    assert skewed_interval(3.0, [3.0, 3.0, 3.0]) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("statistic", "draw", "truth", "least"),
    [
        (spread, lambda rng: rng.normal(size=8), 1.0, 0.92),
        (spread, lambda rng: np.exp(rng.normal(size=8) / 2), np.sqrt(np.expm1(0.25) * np.exp(0.25)), 0.9),
        (mean, lambda rng: rng.exponential(size=8), 1.0, 0.89),
        (variation, lambda rng: 3 + rng.normal(size=8), 1 / 3, 0.9),
    ],
)
def test_intervals_of_eight_networks_hold_the_truth(statistic, draw, truth, least):
    """Wide margins: benchmarks/interval_coverage.py has 1,000 runs, more laws and sizes."""
    rng = np.random.default_rng(13)
    held = [r.ci_low <= truth <= r.ci_high for r in (statistic(draw(rng)) for _ in range(300))]
    assert least <= np.mean(held) <= 0.99


def test_spread_of_normal_values_has_the_normal_error():
    """se/sd = 1 / sqrt(2(n-1)), 10 % at n = 50; and the formula is the true scatter of sd."""
    rng = np.random.default_rng(9)
    results = [spread(rng.normal(size=50)) for _ in range(2000)]
    assert np.mean([r.se / r.value for r in results]) == pytest.approx(1 / np.sqrt(98), rel=0.06)
    assert np.std([r.value for r in results]) == pytest.approx(np.mean([r.se for r in results]), rel=0.08)


def test_spread_scales_shifts_and_counts_what_is_missing():
    values = np.array([1.0, 2.5, np.nan, 4.0, 0.5])
    plain, moved = spread(values), spread(100 - 3 * values)
    for name in ("value", "se", "ci_low", "ci_high"):
        assert getattr(moved, name) == pytest.approx(3 * getattr(plain, name), rel=1e-10)
    assert (plain.networks, plain.missing) == (4, 1)


def test_spread_of_few_or_equal_values():
    assert np.isnan(spread([1.0]).value)
    two = spread([1.0, 3.0])
    assert two.value == pytest.approx(np.sqrt(2))
    assert np.isnan([two.se, two.ci_low]).all()
    equal = spread([2.0] * 5)
    assert (equal.value, equal.se, equal.ci_low, equal.ci_high) == (0, 0, 0, 0)


def test_correlation_is_numpys_with_the_naive_jackknife():
    rng = np.random.default_rng(10)
    x = rng.normal(size=9)
    y = 0.6 * x + rng.normal(size=9)
    result = correlation(x, y, 400, np.random.default_rng(2))
    left_out = np.array([np.corrcoef(np.delete(x, i), np.delete(y, i))[0, 1] for i in range(9)])
    assert result.value == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-13)
    assert result.se == pytest.approx(np.sqrt(8 / 9 * np.sum((left_out - result.value) ** 2)), abs=1e-12)
    counts = np.random.default_rng(2).multinomial(9, np.full(9, 1 / 9), size=400)
    drawn = [np.corrcoef(np.repeat(x, draw), np.repeat(y, draw))[0, 1] for draw in counts]
    assert (result.ci_low, result.ci_high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=1e-10)


def test_correlation_without_variation_is_not_a_number():
    flat = correlation([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 5.0])
    assert np.isnan([flat.value, flat.se, flat.ci_low]).all()
    missing = correlation([1.0, 2.0, np.nan, 4.0], [1.0, 2.0, 3.0, 4.5])
    assert (missing.networks, missing.missing) == (3, 1)


def test_the_interval_of_a_correlation_is_one_of_fishers_z():
    rng = np.random.default_rng(14)
    x, noise = rng.normal(size=(2, 10))
    y = x + noise
    result = correlation(x, y)
    z = np.arctanh([np.corrcoef(np.delete(x, i), np.delete(y, i))[0, 1] for i in range(10)])
    half = quantile(10 * np.arctanh(result.value) - 9 * z, 0.975) * np.sqrt(9 / 10 * np.sum((z - z.mean()) ** 2))
    middle = np.arctanh(result.value)
    assert np.arctanh([result.ci_low, result.ci_high]) == pytest.approx([middle - half, middle + half])
    line = correlation([1.0, 2.0, 3.0, 5.0], [2.0, 4.0, 6.0, 10.0])
    assert (line.value, line.se, line.ci_low, line.ci_high) == pytest.approx((1, 0, 1, 1))


def test_a_network_that_alone_makes_the_spread_leaves_no_interval():
    """Without it nothing varies, and the logarithm of nothing is no number."""
    result = spread([1.0, 1.0, 1.0, 2.0])
    assert result.se > 0
    assert np.isnan([result.ci_low, result.ci_high]).all()
