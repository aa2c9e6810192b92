"""Matching of two networks' units: brute force, planted answers, invariances, bounds."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy.optimize import linear_sum_assignment

from rnnkit.errors import InputError
from rnnkit.numerics import permutation_bounds, permutation_matching
from rnnkit.numerics.assignment_search import normalised
from rnnkit.numerics.frank_wolfe import Relaxation, assign
from rnnkit.numerics.permutation_bounds import permutation_lower_bound
from rnnkit.numerics.permutation_matching import match_permutation
from rnnkit.numerics.two_exchange import Assignment, exchange, exchange_gains, overlap
from tests.oracles.permutation_matching import (
    ascent,
    brute_force,
    exchanged_squares,
    slope_at,
    squared_distance,
    tabu_search,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"
FIXTURE = FIXTURES / "recurrent_weights.npz"
SMALL = {"starts": 8, "crossings": 8}
TENURE = np.array([40, 50, 45])


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
    np.testing.assert_allclose(found.lower_bound, found.distance, rtol=1e-12)
    assert (found.lower_bound <= found.distance).all()


@pytest.mark.parametrize("gates", [2, 3])
@pytest.mark.parametrize("features", [0, 2])
def test_brute_force_over_gates(gates, features):
    for units in (2, 4, 6):
        generator = np.random.default_rng(units)
        a, b = generator.normal(size=(2, 3, gates, units, units))
        x, y = generator.normal(size=(2, 3, units, features))
        found = match_permutation(a, b, linear_a=x, linear_b=y)
        best = [brute_force(*pair) for pair in zip(a, b, x, y, strict=True)]
        np.testing.assert_allclose(found.distance, best, rtol=1e-12)


@pytest.mark.parametrize("gates", [1, 2, 3])
def test_search_finds_what_brute_force_finds(monkeypatch, gates):
    """The same through the search that larger networks get."""
    monkeypatch.setattr(permutation_matching, "_ENUMERATED", 0)
    pairs = 20 if gates == 1 else 5
    a, b = np.random.default_rng(gates).normal(size=(2, pairs, gates, 6, 6))
    found = match_permutation(a, b)
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
    residual = np.linalg.norm(a - relabelled(b, order)) if noise else 0.0
    np.testing.assert_allclose(found.distance[0], residual, rtol=1e-14)
    assert found.status[0] == ("converged" if noise else "optimal")


def trained_weights(units):
    """Recurrent weights and, one row for a unit, its input weights, bias and readout weights."""
    if units == 64:
        held = np.load(FIXTURE)
        return held["recurrent"], np.concatenate([held["input"], held["bias"][..., None], held["readout"].mT], axis=2)
    held = np.load(FIXTURES / "wide_recurrent_weights.npz")
    return held[f"recurrent_{units}"], held[f"features_{units}"]


@pytest.mark.parametrize("with_features", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3, 0.6])
@pytest.mark.parametrize(("units", "cases"), [(64, 5), (128, 2), (256, 1)])
def test_planted_permutation_of_trained_weights(units, cases, noise, with_features):
    """Noise as a share of the norm, in the recurrent weights; with input weights, biases and readout, and without."""
    a, x = (np.asarray(part[:cases], dtype=np.float64) for part in trained_weights(units))
    x = x if with_features else x[..., :0]
    generator = np.random.default_rng(units)
    drawn, orders = generator.normal(size=a.shape), generator.permuted(np.tile(np.arange(units), (cases, 1)), axis=1)
    drawn *= noise * np.linalg.norm(a) / np.linalg.norm(drawn)
    b = np.array([relabelled(other, order) for other, order in zip(a + drawn, orders, strict=True)])
    y = np.array([other[order] for other, order in zip(x, orders, strict=True)])
    found = match_permutation(a, b, linear_a=x, linear_b=y, **SMALL)
    np.testing.assert_array_equal(found.permutation, np.argsort(orders, axis=1))
    np.testing.assert_allclose(found.distance, np.linalg.norm(drawn, axis=(1, 2)), rtol=1e-13)
    assert set(found.status) == {"converged" if noise else "optimal"}
    assert (found.distance == 0).all() == (noise == 0)
    back = match_permutation(b, a, linear_a=y, linear_b=x, **SMALL)
    np.testing.assert_array_equal(back.distance, found.distance)
    np.testing.assert_array_equal(back.permutation, orders)


def test_nearly_relabelled_copy_meets_the_bound():
    a = random_weights(0, 1, 32)
    order = np.random.default_rng(1).permutation(32)
    b = relabelled(a, order) * (1 + 1e-15)
    found = match_permutation(a, b)
    assert found.status.tolist() == ["optimal"]
    assert 0 < found.distance[0] < 1e-12 * np.linalg.norm(a)
    assert found.starts[0] == 1  # proved at once


def test_distance_is_that_of_the_permutation():
    a, b, x, y = (*random_weights(0, 2, 20)[:, None], *np.random.default_rng(5).normal(size=(2, 1, 20, 3)))
    found = match_permutation(a, b, linear_a=x, linear_b=y, **SMALL)
    square = squared_distance(a[0], b[0], found.permutation[0], x[0], y[0])
    np.testing.assert_allclose(found.distance[0] ** 2, square, rtol=1e-13)


@pytest.mark.parametrize("gates", [1, 3])
def test_labels_and_order_do_not_matter(gates):
    a, b = np.random.default_rng(gates).normal(size=(2, 1, gates, 24, 24))
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


def test_gated_copy_is_recognised():
    a = np.random.default_rng(0).normal(size=(2, 4, 24, 24))
    order = np.random.default_rng(1).permutation(24)
    found = match_permutation(a, relabelled(a, order))
    np.testing.assert_array_equal(found.distance, 0)
    np.testing.assert_array_equal(order[found.permutation], np.tile(np.arange(24), (2, 1)))


def test_one_gate_is_no_gate():
    a, b = random_weights(0, 2, 16)[:, None]
    plain, gated = match_permutation(a, b, **SMALL), match_permutation(a[:, None], b[:, None], **SMALL)
    np.testing.assert_array_equal(plain.distance, gated.distance)
    np.testing.assert_array_equal(plain.permutation, gated.permutation)


def test_planted_permutation_shows_in_the_gates_together():
    """Too much noise for one gate alone."""
    generator = np.random.default_rng(0)
    b = generator.normal(size=(1, 4, 32, 32))
    order = generator.permutation(32)
    a = relabelled(b, order) + 0.8 * generator.normal(size=b.shape)
    found = match_permutation(a, b, **SMALL)
    np.testing.assert_array_equal(found.permutation[0], order)


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
@pytest.mark.parametrize("gates", [1, 3])
def test_no_single_exchange_is_better(features, gates):
    a, b = np.random.default_rng(0).normal(size=(2, 1, gates, 40, 40))
    x, y = np.random.default_rng(0).normal(size=(2, 1, 40, features))
    found = match_permutation(a, b, linear_a=x, linear_b=y, **SMALL)
    assert found.status.tolist() == ["converged"]
    after = exchanged_squares(a[0], b[0], found.permutation[0], x[0], y[0])
    assert min(after.values()) >= found.distance[0] ** 2 * (1 - 1e-12)


@pytest.mark.parametrize("gates", [1, 3])
def test_exchange_gains_against_recomputation(gates):
    a, b = np.random.default_rng(0).normal(size=(2, gates, 9, 9))
    permutation = np.random.default_rng(1).permutation(9)
    problem = Assignment(a, b, random_weights(2, 1, 9)[0])
    gains = exchange_gains(slope_at(a, b, problem.linear, permutation), a, relabelled(b, permutation))
    for u in range(9):
        for v in range(9):
            swapped = permutation.copy()
            swapped[[u, v]] = swapped[[v, u]]
            np.testing.assert_allclose(
                gains[u, v], overlap(problem, swapped) - overlap(problem, permutation), atol=1e-12
            )


@pytest.mark.parametrize("units", [1, 2, 5, 13, 16])
@pytest.mark.parametrize("gates", [1, 2])
@pytest.mark.parametrize("patience", [0, 20])
def test_exchanges_against_a_slow_search(units, gates, patience):
    """Incremental updates make the choices that evaluating every exchange makes."""
    a, b = np.random.default_rng(units).normal(size=(2, gates, units, units))
    problem = normalised(a, b, random_weights(1, 1, units)[0])
    start = np.random.default_rng(2).permutation(units)
    tenure = np.array([units, units + 1, units + 2])
    found = exchange(problem, start, 1000, patience, tenure, 1e-12)
    permutation, made = tabu_search(problem.a, problem.b, problem.linear, start, patience, tenure, 1e-12)
    np.testing.assert_array_equal(found.permutation, permutation)
    assert found.exchanges == made
    assert found.converged
    np.testing.assert_allclose(found.value, overlap(problem, permutation), rtol=1e-12)


def test_updates_over_a_long_search_agree_with_recomputation():
    problem = normalised(random_weights(0, 1, 48), random_weights(1, 1, 48), random_weights(2, 1, 48)[0])
    start = np.random.default_rng(1).permutation(48)
    descent = exchange(problem, start, 10_000, 0, TENURE, 1e-12)
    longer = exchange(problem, start, 10_000, 3000, TENURE, 1e-12)
    assert overlap(problem, start) < descent.value < longer.value
    assert descent.exchanges > 20
    assert longer.exchanges >= descent.exchanges + 3000
    for found in (descent, longer):
        slope = slope_at(problem.a, problem.b, problem.linear, found.permutation)
        b = relabelled(problem.b, found.permutation)
        assert exchange_gains(slope, problem.a, b).max() <= 2e-12
        assert found.converged


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_exchanges_obey_their_limit(limit):
    problem = normalised(random_weights(0, 1, 30), random_weights(1, 1, 30), np.zeros((30, 30)))
    found = exchange(problem, np.arange(30), limit, 10, TENURE, 1e-12)
    assert found.exchanges == limit
    assert not found.converged


@pytest.mark.parametrize("units", [1, 2, 3, 17, 64])
def test_linear_assignment_against_scipy(units):
    generator = np.random.default_rng(units)
    partner, prices = np.zeros(units, dtype=np.int64), np.zeros(units, dtype=np.float32)
    worth = generator.normal(size=(units, units)).astype(np.float32)
    for _ in range(10):  # prices carry over to a problem nearby
        assign(worth, prices, partner)
        np.testing.assert_array_equal(partner, linear_sum_assignment(worth, maximize=True)[1])
        worth = (worth + 0.3 * generator.normal(size=worth.shape)).astype(np.float32)


def test_linear_assignment_with_ties():
    generator = np.random.default_rng(0)
    for worth in (np.zeros((20, 20)), np.ones((20, 20)), *generator.integers(0, 3, size=(10, 20, 20))):
        partner, prices = np.zeros(20, dtype=np.int64), generator.normal(size=20).astype(np.float32)
        assign(worth.astype(np.float32), prices, partner)
        assert sorted(partner) == list(range(20))
        best = worth[linear_sum_assignment(worth, maximize=True)].sum()
        assert worth[np.arange(20), partner].sum() == best


@pytest.mark.parametrize("gates", [1, 2, 3])
@pytest.mark.parametrize("units", [4, 5, 7])
def test_ascent_against_matrices(gates, units):
    """Step by step, from the points it may start at."""
    a, b = np.random.default_rng(units).normal(size=(2, gates, units, units))
    problem = normalised(a, b, random_weights(1, 1, units)[0])
    generator = np.random.default_rng(3)
    for weights in ([], [0.3], [0.35, 0.35, 0.3]):
        points = np.array([generator.permutation(units) for _ in weights], dtype=np.int64).reshape(-1, units)
        for steps in (1, 2, 10):
            found = Relaxation.of(problem).climb(points, np.array(weights), steps, 1e-3)
            permutation, taken = ascent(problem.a, problem.b, problem.linear, points, weights, steps, 1e-3)
            np.testing.assert_array_equal(found.permutation, permutation)
            assert found.steps == taken
            np.testing.assert_allclose(found.value, overlap(problem, permutation), rtol=1e-5)


def test_bound_over_gates():
    a, b = np.random.default_rng(0).normal(size=(2, 2, 12, 12))
    none = np.zeros((12, 0))
    found = match_permutation(a[None], b[None])
    apart = [permutation_lower_bound(a[[g]], b[[g]], none, none) for g in range(2)]
    assert max(apart) < permutation_lower_bound(a, b, none, none) == found.lower_bound[0] < found.distance[0]
    assert permutation_bounds._orthogonal(a, b) == pytest.approx(
        sum(permutation_bounds._orthogonal(a[[g]], b[[g]]) for g in range(2))
    )


matrices = st.integers(1, 6).flatmap(
    lambda units: st_numpy.arrays(np.float64, (2, units, units + 1), elements=st.floats(-100, 100, width=32))
)


@given(matrices, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_bound_below_any_permutation(both, random):
    a, b, x, y = both[0][:, :-1], both[1][:, :-1], both[0][:, -1:], both[1][:, -1:]
    order = list(range(len(a)))
    random.shuffle(order)
    bound = permutation_lower_bound(a[None], b[None], x, y)
    assert 0 <= bound <= np.sqrt(squared_distance(a, b, np.array(order), x, y))
    assert permutation_lower_bound(a[None], relabelled(a[None], order), x, x[order]) == 0
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
    assert permutation_bounds._row_bound(ring[None], two_rings[None], none) == 0
    spectral = np.sqrt(permutation_bounds._spectral(ring, two_rings))
    assert spectral > 0.5
    assert permutation_lower_bound(ring[None], two_rings[None], none[:, :0], none[:, :0]) >= spectral - 1e-9
    # dense matrices: the rows see most, sums of rows more than spectra alone
    a, b = random_weights(0, 2, 16)[:, None]
    rows, projected = (f(a, b, none) for f in (permutation_bounds._row_bound, permutation_bounds._projected))
    assert rows > projected > np.sqrt(permutation_bounds._spectral(a[0], b[0]))
    # features count in each
    x, y = np.zeros((2, 16, 1))
    x[0], y[0] = 5, -5
    assert permutation_lower_bound(a, b, x, y) > rows + 1
    assert permutation_lower_bound(none[None], none[None], x, y) == pytest.approx(np.sqrt(50))


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


def test_small_networks_are_searched_for_longer():
    expected = {1: 400, 38: 400, 40: 315, 50: 103, 64: 30, 256: 30}
    assert {units: permutation_matching._patience(units) for units in expected} == expected
    a, b = random_weights(0, 24, 20).reshape(2, 12, 20, 20)
    usual, short = match_permutation(a, b), match_permutation(a, b, patience=30)
    assert (usual.iterations > short.iterations).all()
    assert usual.distance.mean() < short.distance.mean()
    best = match_permutation(a, b, starts=100, crossings=50, patience=500, seed=1).distance
    assert (usual.distance <= best * (1 + 1e-12)).mean() >= 0.9


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
    assert match_permutation(a, b, starts=1, crossings=0, patience=0).distance[0] > few.distance[0]
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
        ("patience", {"patience": -1}),
        ("workers", {"workers": 0}),
        ("a", {"a": np.zeros((1, 0, 2, 2))}),
        ("b", {"a": np.zeros((1, 2, 2, 2))}),
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
