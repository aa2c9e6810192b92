"""Latent circuits: planted ones with known roots, an oracle that goes one by one, tangencies and what a grid hides."""

import numpy as np
import pytest

from rnnkit.numerics.latent_circuits import Circuits, flat_length, velocities, velocities_at
from rnnkit.numerics.latent_fixed_points import outside, still_points
from tests.oracles import latent_circuits as oracle

GRID = np.linspace(-3, 3, 100)
CELL = 6 / 99
#: Where -k + 1.5 tanh(k + BIAS) touches 0.
FOLD = np.arctanh(np.sqrt(1 / 3))
TOUCH = 1.5 * np.sqrt(1 / 3)
BIAS = FOLD - TOUCH


def planted(gains, bias=0.0, units=8, nonlinearity="tanh"):
    """f(k) = -k + g phi(k + bias), one circuit for each g."""
    shape = (len(gains), units)
    right = np.broadcast_to(np.array(gains, dtype=float)[:, None], shape)
    return Circuits(np.ones(shape), right, np.full(shape, bias), nonlinearity)


def random(count=30, units=12, seed=0, nonlinearity="tanh"):
    """Circuits with several fixed points: steep units, of both signs."""
    rng = np.random.default_rng(seed)
    left, right = 3 * rng.standard_normal((count, units)), 5 * rng.standard_normal((count, units))
    return Circuits(left, right + left, rng.standard_normal((count, units)), nonlinearity)


def points_of(circuits, grid=GRID):
    return still_points(circuits, grid, *velocities(circuits, grid))


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "identity"])
def test_velocity_and_slope(nonlinearity):
    circuits = random(40, nonlinearity=nonlinearity)  # more than are worked on at a time
    velocity, slope = velocities(circuits, GRID)
    d = 1e-6
    for k in (0, 31, 39):
        own = (circuits.left[k], circuits.right[k], circuits.drive[k])
        for j in (0, 17, 99):
            expected = oracle.velocity(*own, GRID[j], nonlinearity)
            assert velocity[k, j] == pytest.approx(expected, abs=1e-12)
            change = [oracle.velocity(*own, GRID[j] + s * d, nonlinearity) for s in (-1, 1)]
            assert slope[k, j] == pytest.approx((change[1] - change[0]) / (2 * d), abs=1e-6)
    which, place = np.array([39, 0, 39]), GRID[[5, 6, 7]]
    held = velocities_at(circuits, which, place)
    np.testing.assert_allclose(held[0], velocity[which, [5, 6, 7]], atol=1e-12)
    np.testing.assert_allclose(held[1], slope[which, [5, 6, 7]], atol=1e-12)


@pytest.mark.parametrize("grid", [GRID, np.linspace(-3, 3, 101), np.linspace(-3, 3, 2001)], ids=len)
def test_planted_circuits(grid):
    """g = .9, 1, 1.5: 1, 1, 3 fixed points, also where 0 is a point of the grid."""
    found = points_of(planted([0.9, 1.0, 1.5]), grid)
    assert found.counts().tolist() == [1, 1, 3]
    assert found.stable.tolist() == [True, True, True, False, True]
    far = 1.2878388
    np.testing.assert_allclose(found.kappa, [0, 0, -far, 0, far], atol=1e-5)
    np.testing.assert_allclose(found.slope[[0, 3]], [-0.1, 0.5], atol=1e-9)
    assert found.least.tolist() == [0, 0, 0]
    assert not found.continuum.any()


def test_flatness_of_planted_circuits():
    """To one cell, but where flat stretches are too short to hold one: those of g = 1.5 are four of half a cell."""
    circuits, fine = planted([0.9, 1.0, 1.5]), np.linspace(-3, 3, 2001)
    coarse, near = (flat_length(grid, *velocities(circuits, grid), 0.2) for grid in (GRID, fine))
    exact = [
        oracle.flat_length(circuits.left[k, :1], circuits.right[k, :1], circuits.drive[k, :1], -3, 3, 0.2)
        for k in range(3)
    ]
    np.testing.assert_allclose(coarse[:2], exact[:2], atol=CELL)
    np.testing.assert_allclose(near, exact, atol=0.03)
    assert coarse[1] > coarse[0] > 0.6
    assert coarse[2] == 0
    assert near[2] > 0.2


def test_flatness_needs_both_ends_of_a_cell():
    grid = np.array([0.0, 1.0, 3.0, 6.0])
    velocity, slope = np.array([[0.1, 0.1, 0.1, 0.1]]), np.array([[0.0, 0.0, 0.0, 0.3]])
    assert flat_length(grid, velocity, slope, 0.2).tolist() == [3.0]
    assert flat_length(grid, velocity, slope, 0.1).tolist() == [0.0]  # below, not at
    assert flat_length(grid, -velocity, slope, 0.2).tolist() == [3.0]


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_the_oracle_finds_the_same(nonlinearity):
    circuits = random(nonlinearity=nonlinearity)
    found = points_of(circuits)
    several = 0
    for k in range(len(circuits)):
        own = (circuits.left[k], circuits.right[k], circuits.drive[k])
        fine = oracle.roots(*own, -3, 3, 1981, nonlinearity)
        several += len(fine) > 1
        np.testing.assert_allclose(found.kappa[found.circuit == k], fine, atol=1e-12)
        falls = [oracle.velocity(*own, root + 1e-6, nonlinearity) < 0 for root in fine]
        assert found.stable[found.circuit == k].tolist() == falls
    assert several >= 3


def test_two_fixed_points_between_two_points_of_the_grid():
    circuits = planted([1.5], BIAS + 1e-5)
    velocity, slope = velocities(circuits, GRID)
    assert (np.diff(np.sign(velocity[0])) != 0).sum() == 1  # what sign changes alone show
    found = still_points(circuits, GRID, velocity, slope)
    assert found.counts().tolist() == [3]
    assert found.stable.tolist() == [True, False, True]
    assert 0 < found.kappa[2] - found.kappa[1] < CELL
    np.testing.assert_allclose(velocities_at(circuits, found.circuit, found.kappa)[0], 0, atol=1e-14)


def test_a_tangency_counts_once():
    found = points_of(planted([1.5, 1.5], BIAS))
    assert found.counts().tolist() == [2, 2]
    assert found.stable.tolist() == [True, False, True, False]
    np.testing.assert_allclose(found.kappa[1], TOUCH, atol=1e-7)
    np.testing.assert_allclose(found.slope[1], 0, atol=1e-7)
    # On a point of the grid too.
    grid = np.array([-3.0, -2.0, 0.0, TOUCH, 1.5, 3.0])
    circuits = planted([1.5], BIAS)
    velocity, slope = velocities(circuits, grid)
    velocity[0, 3] = slope[0, 3] = 0.0
    touching = still_points(circuits, grid, velocity, slope)
    assert (touching.counts().tolist(), touching.stable.tolist()) == ([2], [True, False])


def test_past_the_tangency_there_is_a_ghost():
    found = points_of(planted([1.5], BIAS - 1e-3), np.linspace(0, 3, 50))
    assert found.counts().tolist() == [0]
    # At the extremum f is what the bias moved it by, g tanh' = 1 there; the grid's own points miss it.
    assert found.least[0] == pytest.approx(1e-3, rel=1e-2)
    grid = np.linspace(0, 3, 50)
    assert np.abs(velocities(planted([1.5], BIAS - 1e-3), grid)[0]).min() > found.least[0]


def test_a_line_of_fixed_points():
    found = points_of(planted([1.0, 0.5], nonlinearity="identity"))
    assert found.continuum.tolist() == [True, False]
    assert found.counts()[1] == 1


@pytest.mark.parametrize(
    ("nonlinearity", "gain", "low", "high", "expected"),
    [
        ("tanh", 1.5, -1, 3, 1),
        ("tanh", 1.5, -1, 1, 2),
        ("tanh", 1.5, -3, 3, 0),
        ("identity", 2.0, -3, -1, 1),
        ("identity", 2.0, -3, 1, 0),
        ("relu", 0.5, -3, -1, 1),
        ("relu", 2.0, -3, -1, 0),  # -k below 0 and k above: f touches 0, which its signs do not tell
        ("relu", 0.5, 1, 3, 1),
    ],
)
def test_what_lies_outside(nonlinearity, gain, low, high, expected):
    circuits = planted([gain], nonlinearity=nonlinearity)
    assert outside(circuits, velocities(circuits, np.linspace(low, high, 7))[0]).tolist() == [expected]
