"""Differences between groups: slow references, what does not matter, and how often nothing is found to be something."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import kstat

from rnnkit.errors import InputError
from rnnkit.numerics.group_differences import difference, permute_contributions, permute_spreads
from rnnkit.numerics.network_statistics import mean, spread
from rnnkit.numerics.pair_statistics import pair_mean
from rnnkit.numerics.resampling import Estimate


def means(x, y, permutations, rng):
    """The test of contributions, of values."""
    return permute_contributions(mean(x), mean(y), permutations, rng)


TESTS = (means, permute_spreads)


def welch(x, y, of=np.mean):
    """Welch's t with Hall's correction, from SciPy's unbiased cumulants."""
    n, m = len(x), len(y)
    error = np.sqrt(kstat(x, 2) / n + kstat(y, 2) / m)
    t, k = (of(x) - of(y)) / error, (kstat(x, 3) / n**2 - kstat(y, 3) / m**2) / error**3
    return t + k * t**2 / 3 + k**2 * t**3 / 27 + k / 6


def log_ratio(x, y):
    """The same of log standard deviations and their pseudo-values, with Python loops."""
    logs, pseudo = [], []
    for values in (x, y):
        n = len(values)
        logs.append(np.log(np.std(values, ddof=1)))
        left_out = np.array([np.log(np.std(np.delete(values, i), ddof=1)) for i in range(n)])
        pseudo.append(n * logs[-1] - (n - 1) * left_out)
    value = dict(zip(map(id, pseudo), logs, strict=True))
    return welch(*pseudo, of=lambda sample: value[id(sample)])


@pytest.mark.parametrize("test", TESTS)
def test_p_is_the_share_of_all_relabellings(test):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=4), 1 + 2 * rng.normal(size=4)
    statistic = welch if test is means else log_ratio
    given = abs(statistic(x, y))
    pooled = np.concatenate([x, y] if statistic is welch else [x - np.median(x), y - np.median(y)])
    extreme = []
    for chosen in itertools.combinations(range(8), 4):
        rest = [k for k in range(8) if k not in chosen]
        extreme.append(abs(statistic(pooled[list(chosen)], pooled[rest])) >= given * (1 - 1e-9))
    p, drawn = test(x, y, 20_000, np.random.default_rng(0))
    assert drawn == 70
    assert p == np.mean(extreme)
    p, drawn = test(x, y, 69, np.random.default_rng(0))
    assert drawn == 69
    assert p == pytest.approx(np.mean(extreme), abs=0.2)


def test_the_curvature_counts_for_every_relabelling():
    rng = np.random.default_rng(6)
    one, other = mean(rng.exponential(size=4)), mean(0.3 + rng.exponential(size=4))
    curved = replace(one, curvature=0.4)

    def statistic(x, y):
        variances = kstat(x, 2) / 4, kstat(y, 2) / 4
        error = np.sqrt(sum(variances))
        k = (kstat(x, 3) - kstat(y, 3)) / 16 / error**3
        t, g = (x.mean() - y.mean()) / error, 0.4 * variances[0] ** 1.5 / error**3
        a = k / 3 + g / 2
        return abs(t + a * t**2 + a**2 * t**3 / 3 + k / 6 + g / 2)

    pooled = np.concatenate([one.contributions, other.contributions])
    splits = [list(chosen) for chosen in itertools.combinations(range(8), 4)]
    given = statistic(one.contributions, other.contributions) * (1 - 1e-9)
    extreme = [statistic(pooled[s], np.delete(pooled, s)) >= given for s in splits]
    assert permute_contributions(curved, other, 70, rng) == (np.mean(extreme), 70)
    assert permute_contributions(curved, other, 60, rng)[1] == 60
    assert abs(np.mean(extreme) - permute_contributions(one, other, 70, rng)[0]) > 0.01


def test_no_p_is_below_what_the_relabellings_allow():
    """Four networks against four that lie eight times as far apart, pairs having a part of their own."""
    a, b = np.triu_indices(4, k=1)
    rng = np.random.default_rng(0)
    for _ in range(20):
        near, far = (pair_mean(pdist(width * rng.normal(size=(4, 3))), a, b, 4) for width in (1, 8))
        for most in (69, 70, 4999):
            p, drawn = permute_contributions(near, far, most, rng)
            assert drawn == min(most, 70)
            assert p >= 1 / 70


@pytest.mark.parametrize("test", TESTS)
def test_what_does_not_change_the_test(test):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=9), 1 + rng.normal(size=12)
    p, _ = test(x, y, 4999, np.random.default_rng(0))
    assert test(x, y, 4999, np.random.default_rng(0))[0] == p
    for one, other in ((y, x), (x[::-1], rng.permutation(y)), (3 * x - 7, 3 * y - 7)):
        assert test(one, other, 4999, np.random.default_rng(1))[0] == pytest.approx(p, abs=0.04)
    if test is permute_spreads:
        assert test(x + 100, y, 4999, np.random.default_rng(0))[0] == pytest.approx(p, abs=1e-9)


def test_few_networks_and_equal_ones():
    rng = np.random.default_rng(0)
    for test in TESTS:
        p, drawn = test([1.0, 2.0], [1.0, 2.0, 3.0], 99, rng)
        assert np.isnan(p)
        assert drawn == 0
        assert test([1.0] * 4, [1.0] * 5, 99, rng) == (1.0, 99)
        with pytest.raises(InputError, match="permutations: 0 relabellings"):
            test([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0, rng)
    assert means([1.0] * 6, [2.0] * 6, 999, rng)[0] < 0.02


def test_a_difference_has_the_errors_of_both():
    first, second = mean([1.0, 2.0, 3.0, 6.0]), mean([0.0, 1.0, 1.0, 4.0, 2.0])
    found, turned = difference(first, second), difference(second, first)
    assert found.value == pytest.approx(3.0 - 1.6)
    assert found.se == pytest.approx(np.hypot(first.se, second.se))
    assert (turned.value, turned.ci_low, turned.ci_high) == (-found.value, -found.ci_high, -found.ci_low)
    exact = Estimate(1.0, 0.0, 1.0, 1.0, 5, 0)
    assert difference(first, exact).ci_low == pytest.approx(first.ci_low - 1)
    assert np.isnan(difference(first, mean([1.0])).se)


@pytest.mark.parametrize("n", [(8, 8), (8, 20)])
def test_groups_without_a_difference_seldom_differ(n):
    """Wide margins: benchmarks/interval_coverage.py has 1,000 runs, more populations and sizes."""
    rng = np.random.default_rng(3)
    found, held = {"distances": [], "spreads": []}, {"distances": [], "spreads": []}
    for _ in range(200):
        groups = []
        for size in n:
            points = rng.normal(size=(size, 3)) + rng.normal(scale=9, size=3)
            a, b = np.triu_indices(size, k=1)
            groups.append(pair_mean(np.linalg.norm(points[a] - points[b], axis=1), a, b, size))
        found["distances"].append(permute_contributions(*groups, 199, rng)[0])
        held["distances"].append(difference(*groups))
        losses = [rng.gamma(4, size=size) + 10 * k for k, size in enumerate(n)]
        found["spreads"].append(permute_spreads(*losses, 199, rng)[0])
        held["spreads"].append(difference(*map(spread, losses)))
    for name, p_values in found.items():
        assert 0.005 <= np.mean(np.array(p_values) <= 0.05) <= 0.1
        assert np.mean([d.ci_low <= 0 <= d.ci_high for d in held[name]]) >= 0.9


def test_planted_differences_are_found():
    rng = np.random.default_rng(4)
    points = rng.normal(size=(2, 15, 3)) * [[[1.0]], [[2.0]]]
    a, b = np.triu_indices(15, k=1)
    one, other = (pair_mean(np.linalg.norm(p[a] - p[b], axis=1), a, b, 15) for p in points)
    assert permute_contributions(one, other, 999, rng)[0] < 0.01
    assert difference(other, one).ci_low > 0
    assert permute_spreads(rng.normal(size=15), 4 * rng.normal(size=15), 999, rng)[0] < 0.01


def test_a_spread_that_one_value_makes_is_not_compared():
    rng = np.random.default_rng(0)
    for single in ([0.0, 0.0, 0.6], [1000.1, 1000.1, 1000.7]):
        p, drawn = permute_spreads(single, rng.normal(size=8), 99, rng)
        assert np.isnan(p)
        assert drawn == 0
