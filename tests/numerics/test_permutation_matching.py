"""Matching of two networks' units: brute force, planted answers, invariances, bounds."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from rnnkit.errors import InputError
from rnnkit.numerics import permutation_bounds, permutation_matching
from rnnkit.numerics.assignment_search import normalised
from rnnkit.numerics.frank_wolfe import ascend, barycentre, moved, vertices
from rnnkit.numerics.permutation_bounds import permutation_lower_bound
from rnnkit.numerics.permutation_matching import match_permutation
from rnnkit.numerics.two_exchange import Assignment, curvature, descend, exchange_gains, gradient, overlap
from tests.oracles.permutation_matching import brute_force, exchanged_squares, squared_distance

FIXTURE = Path(__file__).parents[2] / "fixtures" / "recurrent_weights.npz"
SMALL = {"starts": 4, "crossings": 8}


def random_weights(seed, pairs, units):
    return np.random.default_rng(seed).normal(size=(pairs, units, units))


def relabelled(weights, order):
    return weights[..., order, :][..., order]


def uniform_weights(seed, pairs, units):
    weights = np.random.default_rng(seed).uniform(-1, 1, size=(2, pairs, units, units))
    return weights / np.sqrt(units)


@pytest.mark.parametrize("units", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("features", [0, 2])
def test_brute_force(units, features):
    pairs = 4 if units < 7 else 2
    a, b = random_weights(units, 2 * pairs, units).reshape(2, pairs, units, units)
    x, y = np.random.default_rng(units).normal(size=(2, pairs, units, features))
    found = match_permutation(a, b, linear_a=x, linear_b=y)
    best = [brute_force(*pair) for pair in zip(a, b, x, y, strict=True)]
    np.testing.assert_allclose(found.distance, best, rtol=1e-12)
    assert found.status.tolist() == ["optimal"] * pairs
    np.testing.assert_array_equal(found.lower_bound, found.distance)


def test_search_finds_what_brute_force_finds(monkeypatch):
    """The same through the search that larger networks get."""
    monkeypatch.setattr(permutation_matching, "_ENUMERATED", 0)
    a, b = random_weights(0, 2 * 20, 6).reshape(2, 20, 6, 6)
    found = match_permutation(a, b, starts=64)
    assert ((found.starts_at_best > 0) & (found.starts_at_best <= found.starts)).all()
    best = np.array([brute_force(*pair) for pair in zip(a, b, strict=True)])
    assert (found.lower_bound <= best).all()
    np.testing.assert_allclose(found.distance, best, rtol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_planted_permutation(noise, seed):
    generator = np.random.default_rng(seed)
    b = generator.normal(size=(1, 64, 64))
    order = generator.permutation(64)
    a = relabelled(b, order) + noise * generator.normal(size=b.shape)
    found = match_permutation(a, b, **SMALL)
    np.testing.assert_array_equal(found.permutation[0], order)
    np.testing.assert_array_equal(found.distance[0], np.linalg.norm(a - relabelled(b, order)) if noise else 0.0)
    assert found.status[0] == ("converged" if noise else "optimal")


def test_nearly_relabelled_copy_meets_the_bound():
    a = random_weights(0, 1, 32)
    order = np.random.default_rng(1).permutation(32)
    b = relabelled(a, order) * (1 + 1e-15)
    found = match_permutation(a, b)
    assert found.status.tolist() == ["optimal"]
    assert 0 < found.distance[0] < 1e-12 * np.linalg.norm(a)
    assert found.starts[0] <= 16  # proved after the first group


def test_distance_is_that_of_the_permutation():
    a, b, x, y = (*random_weights(0, 2, 20)[:, None], *np.random.default_rng(5).normal(size=(2, 1, 20, 3)))
    found = match_permutation(a, b, linear_a=x, linear_b=y, **SMALL)
    square = squared_distance(a[0], b[0], found.permutation[0], x[0], y[0])
    np.testing.assert_allclose(found.distance[0] ** 2, square, rtol=1e-13)


def test_labels_and_order_do_not_matter():
    a, b = random_weights(0, 1, 24), random_weights(1, 1, 24)
    x, y = np.random.default_rng(2).normal(size=(2, 1, 24, 2))
    first, second = np.random.default_rng(3).permuted(np.tile(np.arange(24), (2, 1)), axis=1)
    found = match_permutation(a, b, linear_a=x, linear_b=y, **SMALL)
    other = match_permutation(
        relabelled(b, second), relabelled(a, first), linear_a=y[:, second], linear_b=x[:, first], **SMALL
    )
    assert other.distance[0] == found.distance[0]
    assert other.lower_bound[0] == found.lower_bound[0]
    # unit i of the relabelled b is second[i]; it is matched to the same unit of a as before
    partner_of_b = np.argsort(found.permutation[0])
    np.testing.assert_array_equal(first[other.permutation[0]], partner_of_b[second])


def test_company_repetition_workers_and_arguments():
    a, b = random_weights(0, 3, 20), random_weights(1, 3, 20)
    before = a.copy(), b.copy()
    together = match_permutation(a, b, **SMALL)
    again = match_permutation(a, b, **SMALL, workers=3)
    alone = [match_permutation(a[i : i + 1], b[i : i + 1], **SMALL) for i in range(3)]
    np.testing.assert_array_equal(together.distance, again.distance)
    np.testing.assert_array_equal(together.distance, [f.distance[0] for f in alone])
    np.testing.assert_array_equal(together.permutation, [f.permutation[0] for f in alone])
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])


def test_linear_features_decide_where_weights_cannot():
    # every unit has the same weights: any permutation is as good until the features have their say
    a = np.ones((1, 6, 6))
    x = np.arange(6.0)[None, :, None]
    order = np.array([3, 1, 5, 0, 2, 4])
    found = match_permutation(a, a, linear_a=x, linear_b=x[:, order])
    np.testing.assert_array_equal(order[found.permutation[0]], np.arange(6))
    assert found.distance[0] == 0


def test_linear_features_change_the_match():
    a, b = random_weights(0, 2, 16)[:, None]
    x = 10 * np.random.default_rng(1).normal(size=(1, 16, 1))
    order = np.random.default_rng(2).permutation(16)
    plain = match_permutation(a, b)
    pulled = match_permutation(a, b, linear_a=x, linear_b=x[:, order])
    assert pulled.distance[0] > plain.distance[0]
    assert (pulled.permutation != plain.permutation).any()
    strong = match_permutation(a, b, linear_a=1e3 * x, linear_b=1e3 * x[:, order])
    np.testing.assert_array_equal(order[strong.permutation[0]], np.arange(16))


def test_large_offsets_do_not_hide_the_match():
    """Single precision would lose the differences beside a constant of 1e6."""
    generator = np.random.default_rng(0)
    b, y = generator.normal(size=(1, 32, 32)) + 1e6, generator.normal(size=(1, 32, 2)) - 1e6
    order = generator.permutation(32)
    a = relabelled(b, order) + 0.2 * generator.normal(size=b.shape)
    found = match_permutation(a, b, linear_a=y[:, order], linear_b=y, **SMALL)
    np.testing.assert_array_equal(found.permutation[0], order)


@pytest.mark.parametrize("features", [0, 2])
def test_no_single_exchange_is_better(features):
    a, b = uniform_weights(0, 1, 40)
    x, y = np.random.default_rng(0).normal(size=(2, 1, 40, features))
    found = match_permutation(a, b, linear_a=x, linear_b=y, **SMALL)
    assert found.status.tolist() == ["converged"]
    after = exchanged_squares(a[0], b[0], found.permutation[0], x[0], y[0])
    assert min(after.values()) >= found.distance[0] ** 2 * (1 - 1e-12)


def test_exchange_gains_against_recomputation():
    a, b, linear = random_weights(0, 3, 9)
    permutation = np.random.default_rng(1).permutation(9)
    problem = Assignment.of(a, b, linear)
    slope = gradient(problem, permutation[None])[:, :, permutation]
    gains = exchange_gains(slope, curvature(a), curvature(relabelled(b, permutation))[None])[0]

    def value(p):
        return np.sum(a * relabelled(b, p)) + linear[np.arange(9), p].sum()

    for u in range(9):
        for v in range(9):
            swapped = permutation.copy()
            swapped[[u, v]] = swapped[[v, u]]
            np.testing.assert_allclose(gains[u, v], value(swapped) - value(permutation), atol=1e-12)


def test_updates_over_a_long_descent_agree_with_recomputation():
    a, b, linear = random_weights(0, 3, 48)
    start = np.random.default_rng(1).permuted(np.tile(np.arange(48), (3, 1)), axis=1)
    problem = normalised(a, b, linear)
    result = descend(problem, start, 1000, 1e-12)
    assert (result.exchanges > 20).all()
    assert result.converged.all()
    slope = gradient(problem, result.permutation)
    np.testing.assert_allclose(result.value, overlap(slope, problem.linear, result.permutation), rtol=1e-12)
    assert (result.value > overlap(gradient(problem, start), problem.linear, start)).all()


def test_points_against_matrices():
    problem = Assignment.of(*random_weights(0, 3, 6))
    order = np.array([[4, 0, 5, 2, 1, 3]])
    share = np.array([0.3])
    point = moved(barycentre(problem), vertices(problem, order), order, share)
    matrix = 0.7 * np.full((6, 6), 1 / 6) + 0.3 * np.eye(6)[order[0]]
    slope = problem.a @ matrix @ problem.b.T + problem.a.T @ matrix @ problem.b + problem.linear
    np.testing.assert_allclose(point.slope[0], slope, atol=1e-12)
    np.testing.assert_allclose(point.along[0], np.sum(slope * matrix), rtol=1e-12)
    np.testing.assert_allclose(point.linear[0], np.sum(problem.linear * matrix), rtol=1e-12)


def test_ascent_climbs_and_obeys_its_limit():
    problem = normalised(*random_weights(0, 3, 30))
    value = [ascend(problem, barycentre(problem), steps, 1e-6) for steps in (1, 30)]
    assert value[0].steps[0] == 1 < value[1].steps[0] <= 30
    assert value[0].value[0] < value[1].value[0]
    reached = overlap(gradient(problem, value[1].permutation), problem.linear, value[1].permutation)
    np.testing.assert_allclose(value[1].value, reached, rtol=1e-12)


matrices = st.integers(1, 6).flatmap(
    lambda units: st_numpy.arrays(np.float64, (2, units, units + 1), elements=st.floats(-100, 100, width=32))
)


@given(matrices, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_bound_below_any_permutation(both, random):
    a, b, x, y = both[0][:, :-1], both[1][:, :-1], both[0][:, -1:], both[1][:, -1:]
    order = list(range(len(a)))
    random.shuffle(order)
    bound = permutation_lower_bound(a, b, x, y)
    assert 0 <= bound <= np.sqrt(squared_distance(a, b, np.array(order), x, y))
    assert permutation_lower_bound(a, relabelled(a, order), x, x[order]) == 0
    found = match_permutation(a[None], b[None], linear_a=x[None], linear_b=y[None], **SMALL)
    assert found.lower_bound[0] <= found.distance[0]


def cycles(*lengths):
    """Permutation matrix of 0/1 with cycles of these lengths."""
    order = np.concatenate([np.roll(np.arange(n), 1) + sum(lengths[:i]) for i, n in enumerate(lengths)])
    return np.eye(sum(lengths))[order]


def test_bounds_see_different_things():
    none = np.zeros((16, 16))
    # the same rows and columns once sorted, but other spectra
    ring, two_rings = cycles(16), cycles(8, 8)
    assert permutation_bounds._row_bound(ring, two_rings, none) == 0
    spectral = np.sqrt(permutation_bounds._spectral(ring, two_rings))
    assert spectral > 0.5
    assert permutation_lower_bound(ring, two_rings, none[:, :0], none[:, :0]) >= spectral - 1e-9
    # dense matrices: the rows see most, sums of rows more than spectra alone
    a, b = random_weights(0, 2, 16)
    rows, projected = (f(a, b, none) for f in (permutation_bounds._row_bound, permutation_bounds._projected))
    assert rows > projected > np.sqrt(permutation_bounds._spectral(a, b))
    # features count in each
    x, y = np.zeros((2, 16, 1))
    x[0], y[0] = 5, -5
    assert permutation_lower_bound(a, b, x, y) > rows + 1
    assert permutation_lower_bound(none, none, x, y) == pytest.approx(np.sqrt(50))


def test_not_finite():
    a, b = random_weights(0, 3, 8), random_weights(1, 3, 8)
    a[1, 2, 3] = np.nan
    x, y = np.zeros((2, 3, 8, 1))
    y[2, 0, 0] = np.inf
    found = match_permutation(a, b, linear_a=x, linear_b=y)
    assert found.status.tolist() == ["converged", "invalid", "invalid"]
    assert np.isnan(found.distance[1:]).all()
    assert np.isnan(found.lower_bound[1:]).all()
    assert (found.permutation[1:] == -1).all()
    assert found.distance[0] == match_permutation(a[:1], b[:1]).distance[0]


@pytest.mark.parametrize("exponent", [-1000, 0, 1000])
def test_scale(exponent):
    a, b = random_weights(0, 2, 10)[:, None]
    found = match_permutation(np.ldexp(a, exponent), np.ldexp(b, exponent))
    np.testing.assert_array_equal(found.distance, np.ldexp(match_permutation(a, b).distance, exponent))


def test_all_zero():
    found = match_permutation(np.zeros((1, 9, 9)), np.zeros((1, 9, 9)))
    assert found.distance[0] == 0
    assert found.status.tolist() == ["optimal"]


def test_one_side_zero():
    a = random_weights(0, 1, 10)
    found = match_permutation(a, np.zeros_like(a))
    np.testing.assert_allclose(found.distance, np.linalg.norm(a), rtol=1e-14)
    assert found.status.tolist() == ["optimal"]


def test_options_have_effects():
    a, b = uniform_weights(3, 1, 48)
    full = match_permutation(a, b)
    few = match_permutation(a, b, starts=1, crossings=0)
    assert full.starts[0] == 80 > few.starts[0] == 1
    assert full.distance[0] < few.distance[0]
    assert full.distance[0] < match_permutation(a, b, crossings=0).distance[0]
    assert len({match_permutation(a, b, starts=3, crossings=0, seed=s).distance[0] for s in range(4)}) > 1
    short = match_permutation(a, b, starts=1, crossings=0, steps=1)
    assert short.iterations[0] != few.iterations[0]
    stopped = match_permutation(a, b, starts=1, crossings=0, steps=1, exchanges=0)
    assert stopped.status.tolist() == ["budget"]
    assert stopped.distance[0] > short.distance[0]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("a", {"a": np.zeros((1, 2, 3))}),
        ("b", {"b": np.zeros((1, 3, 3))}),
        ("linear_a, linear_b", {"linear_a": np.zeros((1, 2, 1))}),
        ("linear_a", {"linear_a": np.zeros((1, 3, 1)), "linear_b": np.zeros((1, 2, 1))}),
        ("linear_b", {"linear_a": np.zeros((1, 2, 1)), "linear_b": np.zeros((1, 2, 2))}),
        ("starts", {"starts": 0}),
        ("workers", {"workers": 0}),
    ],
)
def test_errors(kind, change):
    arguments = {"a": np.zeros((1, 2, 2)), "b": np.zeros((1, 2, 2))} | change
    with pytest.raises(InputError) as raised:
        match_permutation(arguments.pop("a"), arguments.pop("b"), **arguments)
    assert raised.value.where == kind


def test_no_pairs():
    found = match_permutation(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)))
    assert found.distance.shape == (0,)
    assert found.permutation.shape == (0, 4)
    assert found.status.shape == (0,)


def test_untrained_pairs_over_widths():
    """The distance over units^2 falls as the 1.45th power with no training; relative to norms it rises."""
    widths = np.array([32, 64, 128, 256])
    values, relative = [], []
    for units in widths:
        a, b = uniform_weights(units, 2 if units < 256 else 1, units)
        distance = match_permutation(a, b, starts=1, crossings=0).distance
        values.append(distance.mean() / units**2)
        relative.append(np.mean(distance / np.sqrt((a**2).sum(axis=(1, 2)) + (b**2).sum(axis=(1, 2)))))
    slope = np.polyfit(np.log(widths), np.log(values), 1)[0]
    assert -1.55 < slope < -1.35
    assert (np.diff(relative) > 0).all()
    assert 0.80 < relative[0] < relative[-1] < 0.93


def test_trained_weights():
    weights = np.load(FIXTURE)["recurrent"].astype(np.float64)
    found = match_permutation(weights[:2], weights[2:4])
    assert (found.distance < 7.1).all()
    assert (found.lower_bound > 1.4).all()
    copies = match_permutation(weights[:2], relabelled(weights[:2], np.random.default_rng(0).permutation(64)))
    np.testing.assert_array_equal(copies.distance, 0)
