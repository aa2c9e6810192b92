"""Means over pairs beside slow references, and how often their intervals hold."""

import itertools

import numpy as np
import pytest
from scipy.stats import t

from rnnkit.errors import InputError
from rnnkit.numerics.pair_statistics import pair_mean, pair_ratio
from rnnkit.numerics.resampling import skewed_interval
from tests.oracles.pair_resampling import bootstrap_interval, jackknife_error, mean_over_pairs, network_and_pair_error


def distances_between(networks, rng, spread_of_networks=1.0):
    """Distances that share networks: each network has a part of its own in all its pairs."""
    a, b = np.triu_indices(networks, k=1)
    own = spread_of_networks * rng.random(networks)
    return 3 + own[a] + own[b] + 0.1 * rng.normal(size=len(a)), a, b


def as_table(distances, a, b, networks):
    table = np.full((networks, networks), np.nan)
    table[a, b] = table[b, a] = distances
    return table


@pytest.mark.parametrize("spread_of_networks", [0.0, 1.0])
@pytest.mark.parametrize("lost", [[], [0, 7, 12]])
def test_pair_mean_is_the_naive_jackknife_and_bootstrap(lost, spread_of_networks):
    rng = np.random.default_rng(1)
    distances, a, b = distances_between(7, rng, spread_of_networks)
    distances[lost] = np.nan
    table = as_table(distances, a, b, 7)
    result = pair_mean(distances, a, b, 7, bootstrap=300, rng=np.random.default_rng(5))
    counts = np.random.default_rng(5).multinomial(7, np.full(7, 1 / 7), size=300)
    assert result.value == pytest.approx(mean_over_pairs(table, range(7)), abs=1e-14)
    assert result.se == pytest.approx(network_and_pair_error(table), abs=1e-12)
    assert (result.ci_low, result.ci_high) == pytest.approx(bootstrap_interval(table, counts), abs=1e-12)
    assert (result.networks, result.pairs, result.missing) == (7, 21 - len(lost), len(lost))


def test_order_of_pairs_and_of_their_members_does_not_matter():
    rng = np.random.default_rng(2)
    distances, a, b = distances_between(6, rng)
    order = rng.permutation(len(a))
    swapped = pair_mean(distances[order], b[order], a[order], 6, bootstrap=100, rng=np.random.default_rng(0))
    plain = pair_mean(distances, a, b, 6, bootstrap=100, rng=np.random.default_rng(0))
    assert swapped.value == pytest.approx(plain.value, abs=1e-14)
    assert swapped.se == pytest.approx(plain.se, abs=1e-14)
    assert swapped.ci_low == pytest.approx(plain.ci_low, abs=1e-13)


def test_nan_pairs_and_absent_pairs_are_the_same_and_networks_without_pairs_leave():
    rng = np.random.default_rng(3)
    distances, a, b = distances_between(6, rng)
    dead = (a == 4) | (b == 4)
    marked = pair_mean(np.where(dead, np.nan, distances), a, b, 6, bootstrap=100, rng=np.random.default_rng(0))
    absent = pair_mean(distances[~dead], a[~dead], b[~dead], 6, bootstrap=100, rng=np.random.default_rng(0))
    assert marked == absent
    assert (marked.networks, marked.pairs, marked.missing) == (5, 10, 5)
    five = pair_mean(distances[~dead], *np.triu_indices(5, k=1), 5, bootstrap=100, rng=np.random.default_rng(0))
    assert five.se == pytest.approx(marked.se, abs=1e-14)
    assert five.missing == 0


def test_error_over_networks_exceeds_the_naive_error_over_pairs_by_about_sqrt_n():
    ratios = []
    for networks in (8, 50):
        rng = np.random.default_rng(4)
        distances, a, b = distances_between(networks, rng)
        result = pair_mean(distances, a, b, networks)
        ratios.append(result.se / (distances.std(ddof=1) / np.sqrt(len(distances))))
    assert ratios[0] > 1.8
    assert ratios[1] / ratios[0] == pytest.approx(np.sqrt(50 / 8), rel=0.3)


def test_intervals_cover_the_planted_mean():
    """Wide margins: benchmarks/interval_coverage.py has 1,000 runs, more populations and sizes."""
    rng = np.random.default_rng(6)
    covered = {"jackknife": 0, "bootstrap": 0, "pairs": 0}
    for _ in range(200):
        distances, a, b = distances_between(10, rng)
        result, drawn = pair_mean(distances, a, b, 10), pair_mean(distances, a, b, 10, 200, rng)
        covered["jackknife"] += result.ci_low <= 4 <= result.ci_high
        covered["bootstrap"] += drawn.ci_low <= 4 <= drawn.ci_high
        covered["pairs"] += abs(result.value - 4) <= 1.96 * distances.std(ddof=1) / np.sqrt(len(distances))
    assert 0.9 <= covered["jackknife"] / 200 <= 0.99
    assert 0.8 <= covered["bootstrap"] / 200 <= 0.95
    assert covered["pairs"] / 200 < 0.75


def test_contributions_are_pseudo_values_spread_as_students_interval_needs():
    distances, a, b = distances_between(7, np.random.default_rng(11), 0.15)
    table = as_table(distances, a, b, 7)
    result = pair_mean(distances, a, b, 7)
    left_out = [mean_over_pairs(table, [j for j in range(7) if j != i]) for i in range(7)]
    pseudo = 7 * result.value - 6 * np.array(left_out)
    # What networks and pairs contribute.
    design = np.eye(7)[a] + np.eye(7)[b]
    own = np.linalg.lstsq(design, distances, rcond=None)[0]
    rest, c = distances - design @ own, own - own.mean()
    curvature = np.mean(c[a] * c[b] * rest) / np.std(c, ddof=1) ** 3 / np.sqrt(7)
    # A chi-square error of the networks, that is cut off at 0, and one of the pairs.
    jackknife, noise = jackknife_error(table) ** 2, np.sum(rest**2) / 14
    networks = np.random.default_rng(0).normal(jackknife - noise * 4 / 35, jackknife / np.sqrt(3), size=1_000_000)
    spread = np.maximum(networks, 0).var() + 2 * (noise / 21) ** 2 / 14
    freedom = 2 * result.se**4 / spread
    assert freedom < 5.5
    stretch = result.se / np.sqrt(jackknife) * t.ppf(0.975, freedom) / t.ppf(0.975, 6)
    assert result.contributions == pytest.approx(result.value + stretch * (pseudo - result.value), rel=1e-3)
    assert result.curvature == pytest.approx(curvature)
    ends = skewed_interval(result.value, result.contributions, curvature=curvature)
    assert (result.ci_low, result.ci_high) == pytest.approx(ends)


def test_without_noise_of_pairs_nothing_but_the_networks_counts():
    """Sums of two networks' parts: the contributions are twice those parts, with Student's n - 1 degrees of freedom."""
    own = np.random.default_rng(15).exponential(size=9)
    a, b = np.triu_indices(9, k=1)
    result = pair_mean(own[a] + own[b], a, b, 9)
    assert result.contributions == pytest.approx(2 * own)
    assert result.se == pytest.approx(2 * own.std(ddof=1) / 3)
    assert result.curvature == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("spread_of_networks", "least", "most"), [(1.0, 0.9, 1.1), (0.05, 0.9, 1.4), (0.0, 1.0, 1.6)])
def test_the_noise_of_pairs_counts_once(spread_of_networks, least, most):
    """The mean square error is the variance of the mean; the jackknife's would be 2.25 times it without own parts."""
    rng = np.random.default_rng(16)
    found = [pair_mean(*distances_between(10, rng, spread_of_networks), 10).se for _ in range(500)]
    truth = 4 * spread_of_networks**2 / 12 / 10 + 0.01 / 45
    assert least <= np.mean(np.square(found)) / truth <= most


def test_pairs_whose_noise_is_unknown_leave_the_jackknife():
    """Three networks: as many pairs as parts."""
    result = pair_mean([1.0, 2.0, 6.0], [0, 0, 1], [1, 2, 2], 3)
    assert result.se == pytest.approx(np.sqrt(2 / 3 * ((6 - 3) ** 2 + (2 - 3) ** 2 + (1 - 3) ** 2)))
    assert result.curvature == 0


def test_a_mean_of_distances_is_not_negative():
    """One network far from the others, which are close together."""
    place = np.array([0.0, 0.01, 0.02, 9.0])
    a, b = np.triu_indices(4, k=1)
    assert pair_mean(abs(place[a] - place[b]), a, b, 4).ci_low == 0
    assert pair_mean(abs(place[a] - place[b]) - 1, a, b, 4).ci_low < 0


def test_ratio_of_means_with_its_naive_jackknife():
    rng = np.random.default_rng(12)
    distances, a, b = distances_between(6, rng)
    before = distances * 2 + rng.random(len(a))
    distances[3] = np.nan
    before[5] = np.nan
    tables = [as_table(d + 0 * distances + 0 * before, a, b, 6) for d in (distances, before)]
    result = pair_ratio(distances, before, a, b, 6)

    def ratio(members):
        return mean_over_pairs(tables[0], members) / mean_over_pairs(tables[1], members)

    left_out = np.array([ratio([j for j in range(6) if j != i]) for i in range(6)])
    assert result.value == pytest.approx(ratio(range(6)))
    # The logarithm of the ratio is, to first order, a mean over pairs with its own noise.
    kernel = tables[0] / mean_over_pairs(tables[0], range(6)) - tables[1] / mean_over_pairs(tables[1], range(6))
    share = network_and_pair_error(kernel) / jackknife_error(kernel)
    assert result.se == pytest.approx(share * np.sqrt(5 / 6 * np.sum((left_out - result.value) ** 2)))
    assert result.ci_low < result.value < result.ci_high
    assert (result.networks, result.pairs, result.missing) == (6, 13, 2)
    scaled = pair_ratio(10 * distances, before / 3, a, b, 6)
    assert (scaled.ci_low, scaled.ci_high) == pytest.approx((30 * result.ci_low, 30 * result.ci_high))
    drawn = pair_ratio(distances, before, a, b, 6, 300, np.random.default_rng(0))
    assert drawn.value == result.value
    assert drawn.ci_low < result.value < drawn.ci_high
    assert np.isnan(pair_ratio(distances, 0 * before, a, b, 6).value)


def test_confidence_widens_the_interval_and_the_generator_decides_it():
    distances, a, b = distances_between(8, np.random.default_rng(7))
    wide, narrow, again, other = (
        pair_mean(distances, a, b, 8, 500, np.random.default_rng(seed), confidence)
        for seed, confidence in [(0, 0.99), (0, 0.5), (0, 0.5), (1, 0.5)]
    )
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high
    assert narrow == again
    assert narrow.ci_low != other.ci_low
    plain, sure = pair_mean(distances, a, b, 8), pair_mean(distances, a, b, 8, confidence=0.99)
    assert plain.se == wide.se
    assert sure.ci_low < plain.ci_low < plain.ci_high < sure.ci_high


def test_too_few_networks_have_no_error():
    two = pair_mean([1.5], [0], [1], 2, bootstrap=100, rng=np.random.default_rng(0))
    assert two.value == 1.5
    assert np.isnan([two.se, two.ci_low, two.ci_high]).all()
    none = pair_mean([np.nan], [0], [1], 2, bootstrap=100, rng=np.random.default_rng(0))
    assert np.isnan(none.value)
    assert (none.networks, none.pairs, none.missing) == (0, 0, 1)
    # Every pair has network 0: without it no pair is left.
    star = pair_mean([1.0, 2.0, 3.0], [0, 0, 0], [1, 2, 3], 4)
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
        pair_mean(distances, a, b, 3)


def test_all_draws_of_three_networks_are_used_or_dropped():
    """With three networks, one draw in nine is three times the same one and has no pair."""
    a, b = zip(*itertools.combinations(range(3), 2), strict=True)
    result = pair_mean([1.0, 2.0, 6.0], a, b, 3, bootstrap=2000, rng=np.random.default_rng(0))
    assert (result.ci_low, result.ci_high) == (1.0, 6.0)


@pytest.mark.parametrize("within", [0.0, 1e-6, 1e-3, 1e-2])
@pytest.mark.parametrize("seed", range(4))
def test_the_interval_holds_the_value_when_networks_hardly_differ(within, seed):
    """Two tight clusters of equal size: every network is as far from the others, and only pairs differ."""
    rng = np.random.default_rng(seed)
    points = np.repeat([0.0, 1.0], 4)[:, None] + within * rng.normal(size=(8, 3))
    a, b = np.triu_indices(8, k=1)
    found = pair_mean(np.linalg.norm(points[a] - points[b], axis=1), a, b, 8)
    assert found.ci_low < found.value < found.ci_high
    assert found.value - found.ci_low > found.se > 0.1
    assert abs(found.curvature) < 0.1


def test_an_error_from_pairs_alone_is_continuous():
    """All networks have the mean distance 2, to within a little; pairs differ."""
    a, b = np.triu_indices(4, k=1)
    found = [pair_mean([1 + extra, 2, 3, 3, 2, 1], a, b, 4) for extra in (0, 1e-13, 1e-9, 1e-5)]
    assert [one.se for one in found] == pytest.approx([np.sqrt(1 / 3)] * 4, rel=1e-4)
    assert [one.ci_high for one in found] == pytest.approx([found[0].ci_high] * 4, rel=1e-2)
    assert np.isnan(found[0].contributions).all()
    same = pair_mean(np.ones(6), a, b, 4)
    assert (same.se, same.ci_low, same.ci_high) == (0, 1, 1)


@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_units_do_not_matter(unit):
    a, b = np.triu_indices(6, k=1)
    distances = 1 + np.random.default_rng(0).random(15)
    plain, scaled = pair_mean(distances, a, b, 6), pair_mean(distances * unit, a, b, 6)
    for name in ("value", "se", "ci_low", "ci_high"):
        assert getattr(scaled, name) / unit == pytest.approx(getattr(plain, name))
