import itertools

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.resampling import correlation, pair_mean, spread
from tests.oracles.pair_resampling import bootstrap_interval, jackknife_error, mean_over_pairs


def distances_between(networks, rng, spread_of_networks=1.0):
    """Distances that share networks: each network has a part of its own in all its pairs."""
    a, b = np.triu_indices(networks, k=1)
    own = spread_of_networks * rng.random(networks)
    return 3 + own[a] + own[b] + 0.1 * rng.normal(size=len(a)), a, b


def as_table(distances, a, b, networks):
    table = np.full((networks, networks), np.nan)
    table[a, b] = table[b, a] = distances
    return table


@pytest.mark.parametrize("lost", [[], [0, 7, 12]])
def test_pair_mean_is_the_naive_jackknife_and_bootstrap(lost):
    rng = np.random.default_rng(1)
    distances, a, b = distances_between(7, rng)
    distances[lost] = np.nan
    table = as_table(distances, a, b, 7)
    result = pair_mean(distances, a, b, 7, bootstrap=300, rng=np.random.default_rng(5))
    counts = np.random.default_rng(5).multinomial(7, np.full(7, 1 / 7), size=300)
    assert result.value == pytest.approx(mean_over_pairs(table, range(7)), abs=1e-14)
    assert result.se == pytest.approx(jackknife_error(table), abs=1e-14)
    assert (result.ci_low, result.ci_high) == pytest.approx(bootstrap_interval(table, counts), abs=1e-12)
    assert (result.networks, result.pairs, result.missing) == (7, 21 - len(lost), len(lost))


def test_order_of_pairs_and_of_their_members_does_not_matter():
    rng = np.random.default_rng(2)
    distances, a, b = distances_between(6, rng)
    order = rng.permutation(len(a))
    swapped = pair_mean(distances[order], b[order], a[order], 6, rng=np.random.default_rng(0))
    plain = pair_mean(distances, a, b, 6, rng=np.random.default_rng(0))
    assert swapped.value == pytest.approx(plain.value, abs=1e-14)
    assert swapped.se == pytest.approx(plain.se, abs=1e-14)
    assert swapped.ci_low == pytest.approx(plain.ci_low, abs=1e-13)


def test_nan_pairs_and_absent_pairs_are_the_same_and_networks_without_pairs_leave():
    rng = np.random.default_rng(3)
    distances, a, b = distances_between(6, rng)
    dead = (a == 4) | (b == 4)
    marked = pair_mean(np.where(dead, np.nan, distances), a, b, 6, rng=np.random.default_rng(0))
    absent = pair_mean(distances[~dead], a[~dead], b[~dead], 6, rng=np.random.default_rng(0))
    assert marked == absent
    assert (marked.networks, marked.pairs, marked.missing) == (5, 10, 5)
    five = pair_mean(distances[~dead], *np.triu_indices(5, k=1), 5, rng=np.random.default_rng(0))
    assert five.se == pytest.approx(marked.se, abs=1e-14)
    assert five.missing == 0


def test_error_over_networks_exceeds_the_naive_error_over_pairs_by_about_sqrt_n():
    ratios = []
    for networks in (8, 50):
        rng = np.random.default_rng(4)
        distances, a, b = distances_between(networks, rng)
        result = pair_mean(distances, a, b, networks, bootstrap=0)
        ratios.append(result.se / (distances.std(ddof=1) / np.sqrt(len(distances))))
    assert ratios[0] > 1.8
    assert ratios[1] / ratios[0] == pytest.approx(np.sqrt(50 / 8), rel=0.3)


def test_intervals_cover_the_planted_mean():
    rng = np.random.default_rng(6)
    truth = 3 + 2 * 0.5
    by_bootstrap = by_jackknife = by_pairs = 0
    for _ in range(300):
        distances, a, b = distances_between(20, rng)
        result = pair_mean(distances, a, b, 20, bootstrap=300, rng=rng)
        by_bootstrap += result.ci_low <= truth <= result.ci_high
        by_jackknife += abs(result.value - truth) <= 2.09 * result.se
        by_pairs += abs(result.value - truth) <= 1.96 * distances.std(ddof=1) / np.sqrt(len(distances))
    assert 0.88 <= by_bootstrap / 300 <= 0.98
    assert 0.92 <= by_jackknife / 300 <= 0.98
    assert by_pairs / 300 < 0.7


def test_confidence_widens_the_interval_and_the_generator_decides_it():
    distances, a, b = distances_between(8, np.random.default_rng(7))
    wide, narrow, again, other = (
        pair_mean(distances, a, b, 8, 500, np.random.default_rng(seed), confidence)
        for seed, confidence in [(0, 0.99), (0, 0.5), (0, 0.5), (1, 0.5)]
    )
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high
    assert narrow == again
    assert narrow.ci_low != other.ci_low
    none = pair_mean(distances, a, b, 8, bootstrap=0)
    assert np.isnan(none.ci_low)
    assert none.se == wide.se


def test_too_few_networks_have_no_error():
    two = pair_mean([1.5], [0], [1], 2, rng=np.random.default_rng(0))
    assert two.value == 1.5
    assert np.isnan([two.se, two.ci_low, two.ci_high]).all()
    none = pair_mean([np.nan], [0], [1], 2, rng=np.random.default_rng(0))
    assert np.isnan(none.value)
    assert (none.networks, none.pairs, none.missing) == (0, 0, 1)
    # Every pair has network 0: without it no pair is left.
    star = pair_mean([1.0, 2.0, 3.0], [0, 0, 0], [1, 2, 3], 4, bootstrap=0)
    assert np.isnan(star.se)


@pytest.mark.parametrize(
    ("distances", "a", "b", "what"),
    [
        ([1.0], [0], [0], "itself"),
        ([1.0, 2.0], [0, 1], [1, 0], "twice"),
        ([1.0], [0], [3], "0 to 3"),
        ([1.0, 2.0], [0], [1], "shapes"),
        ([np.inf], [0], [1], "infinite"),
        ([1.0], [0.5], [1], "integers"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(distances, a, b, what):
    with pytest.raises(InputError, match=what):
        pair_mean(distances, a, b, 3, bootstrap=0)


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="generator"):
        spread([1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="confidence"):
        spread([1.0, 2.0, 3.0], bootstrap=0, confidence=1.0)
    with pytest.raises(InputError, match="draws"):
        spread([1.0, 2.0, 3.0], bootstrap=-1)
    with pytest.raises(InputError, match="infinite"):
        spread([1.0, np.inf], bootstrap=0)
    with pytest.raises(InputError, match="shapes"):
        correlation([1.0, 2.0], [1.0], bootstrap=0)


def test_spread_is_the_formula_and_its_interval_the_naive_bootstrap():
    values = np.random.default_rng(8).gamma(2.0, size=11)
    result = spread(values, 400, np.random.default_rng(1))
    second, fourth = (np.mean((values - values.mean()) ** power) for power in (2, 4))
    assert result.value == pytest.approx(np.std(values, ddof=1), rel=1e-14)
    assert result.se == pytest.approx(result.value * np.sqrt((fourth / second**2 - 8 / 10) / (4 * 11)), rel=1e-12)
    counts = np.random.default_rng(1).multinomial(11, np.full(11, 1 / 11), size=400)
    sds = [np.std(np.repeat(values, draw), ddof=1) for draw in counts]
    assert (result.ci_low, result.ci_high) == pytest.approx(np.quantile(sds, [0.025, 0.975]), rel=1e-10)


def test_spread_of_normal_values_has_the_normal_error():
    """se/sd = 1 / sqrt(2(n-1)), 10 % at n = 50; and the formula is the true scatter of sd."""
    rng = np.random.default_rng(9)
    results = [spread(rng.normal(size=50), bootstrap=0) for _ in range(2000)]
    assert np.mean([r.se / r.value for r in results]) == pytest.approx(1 / np.sqrt(98), rel=0.06)
    assert np.std([r.value for r in results]) == pytest.approx(np.mean([r.se for r in results]), rel=0.08)


def test_spread_scales_shifts_and_counts_what_is_missing():
    values = np.array([1.0, 2.5, np.nan, 4.0, 0.5])
    plain = spread(values, rng=np.random.default_rng(0))
    moved = spread(100 - 3 * values, rng=np.random.default_rng(0))
    for name in ("value", "se", "ci_low", "ci_high"):
        assert getattr(moved, name) == pytest.approx(3 * getattr(plain, name), rel=1e-10)
    assert (plain.networks, plain.missing) == (4, 1)


def test_spread_of_few_or_equal_values():
    assert np.isnan(spread([1.0], bootstrap=0).value)
    two = spread([1.0, 3.0], rng=np.random.default_rng(0))
    assert two.value == pytest.approx(np.sqrt(2))
    assert np.isnan([two.se, two.ci_low]).all()
    equal = spread([2.0] * 5, rng=np.random.default_rng(0))
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
    flat = correlation([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 5.0], rng=np.random.default_rng(0))
    assert np.isnan([flat.value, flat.se, flat.ci_low]).all()
    missing = correlation([1.0, 2.0, np.nan, 4.0], [1.0, 2.0, 3.0, 4.5], bootstrap=0)
    assert (missing.networks, missing.missing) == (3, 1)


def test_all_draws_of_three_networks_are_used_or_dropped():
    """With three networks, one draw in nine is three times the same one and has no pair."""
    a, b = zip(*itertools.combinations(range(3), 2), strict=True)
    result = pair_mean([1.0, 2.0, 6.0], a, b, 3, rng=np.random.default_rng(0))
    assert (result.ci_low, result.ci_high) == (1.0, 6.0)
