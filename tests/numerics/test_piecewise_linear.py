"""Region by region against all regions; lines, kinks and cycles."""

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.krawczyk import certify_many
from rnnkit.numerics.piecewise_linear import solve_regions
from tests.oracles.affine_regions import all_fixed_points
from tests.oracles.precise_maps import permuted, random_map


def relu(weight, drive, form="outer", keep=0.0, gain=1.0):
    weight, drive = np.asarray(weight, dtype=float), np.asarray(drive, dtype=float)
    return AutonomousMap(form, "relu", keep, gain, weight[None], drive[None], np.zeros((1, len(drive))))


def as_set(points):
    return sorted(map(tuple, np.asarray(points).round(9) + 0.0))


@pytest.mark.parametrize("form", ["outer", "inner"])
@pytest.mark.parametrize("seed", range(6))
def test_starts_in_every_region_find_all_fixed_points(form, seed):
    system = random_map(form, 7, seed, "relu", size=2.0)
    expected = all_fixed_points(system, 0)
    starts = 3 * np.random.default_rng(seed).normal(size=(3000, 7))
    found = solve_regions(system, 0, starts)
    assert not found.kink.any()
    assert as_set(found.points) == as_set(expected)
    residual = np.abs(system.value(found.points[None])[0] - found.points).max(initial=0)
    assert residual < 1e-13
    argument = found.points @ system.recurrent[0].T + system.drive[0] if form == "outer" else found.points
    assert np.array_equal(found.active, argument > 0)
    assert set(found.reached[found.end == "point"].tolist()) == set(range(len(expected)))
    assert (found.reached[found.end != "point"] == -1).all()
    assert found.solved <= 2**7


def test_enough_networks_have_more_than_one_point():
    counts = [len(all_fixed_points(random_map("outer", 7, seed, "relu", size=2.0), 0)) for seed in range(6)]
    assert max(counts) > 1, counts


def test_found_points_are_certified_to_the_last_digits():
    system = random_map("outer", 40, 3, "relu", size=1.2)
    found = solve_regions(system, 0, np.random.default_rng(0).normal(size=(200, 40)))
    assert len(found.points)
    certificates = certify_many(system, 0, found.points, polish=0)
    assert (certificates.status == "certified").all()
    assert certificates.radius.max() < 1e-11


def test_identity_networks_have_one_region_and_one_solve():
    system = random_map("inner", 9, 1, "identity", size=0.7)
    found = solve_regions(system, 0, np.random.default_rng(0).normal(size=(50, 9)))
    exact = np.linalg.solve(
        (1 - system.keep) * np.eye(9) - system.gain * system.recurrent[0], system.gain * system.drive[0]
    )
    assert found.solved == 1
    assert found.reached.tolist() == [0] * 50
    np.testing.assert_allclose(found.points, exact[None], rtol=0, atol=1e-12)
    assert found.active.all()


def test_a_line_of_fixed_points_is_a_singular_region():
    found = solve_regions(relu([[1.0, 0.0], [0.0, 0.5]], [0.0, 1.0]), 0, np.array([[2.0, 1.0], [-2.0, 1.0]]))
    assert found.end.tolist() == ["singular", "point"]
    assert found.singular.tolist() == [[True, True]]
    assert found.reached.tolist() == [-1, 0]
    assert found.points.tolist() == [[0.0, 2.0]]
    near = solve_regions(relu([[1.0 + 1e-16, 0.0], [0.0, 0.5]], [0.0, 1.0]), 0, np.array([[2.0, 1.0]]))
    assert near.end.tolist() == ["singular"]


@pytest.mark.parametrize("form", ["outer", "inner"])
def test_the_origin_without_drive_is_one_point_at_its_kink(form):
    weight = np.random.default_rng(1).normal(size=(6, 6)) / 4
    found = solve_regions(relu(weight, np.zeros(6), form), 0, np.random.default_rng(2).normal(size=(60, 6)))
    assert as_set(found.points) == [(0.0,) * 6]
    assert found.kink.tolist() == [True]
    assert (found.reached == 0).all()


def test_walks_that_come_round_end_as_cycles():
    """On: h = 3 h + 1 at -1/2, which is off. Off: h = 0, whose argument 1 is on. No fixed point at all."""
    system = relu([[3.0]], [1.0])
    found = solve_regions(system, 0, np.array([[1.0], [-1.0]]))
    assert found.end.tolist() == ["cycle", "cycle"]
    assert found.points.shape == (0, 1)
    assert found.reached.tolist() == [-1, -1]
    assert found.solved == 2
    assert all_fixed_points(system, 0).shape == (0, 1)


def test_the_limit_ends_walks_and_broken_starts_do_not_begin():
    rng = np.random.default_rng(4)
    system = random_map("outer", 20, 5, "relu", size=1.2)
    starts = 5 * rng.normal(size=(40, 20))
    short, long = (solve_regions(system, 0, starts, limit) for limit in (1, 100))
    assert (short.end == "limit").any()
    assert short.solved < long.solved
    assert set(long.end) == {"point", "cycle"}
    broken = solve_regions(system, 0, np.concatenate([starts[:2], np.full((1, 20), np.nan)]))
    assert broken.end[2] == "not_finite"
    assert broken.end[:2].tolist() == long.end[:2].tolist()


def test_relabelled_units_have_the_same_points():
    system = random_map("inner", 16, 9, "relu", size=2.0)
    order = np.random.default_rng(1).permutation(16)
    starts = 3 * np.random.default_rng(2).normal(size=(300, 16))
    first = solve_regions(system, 0, starts)
    second = solve_regions(permuted(system, order), 0, starts[:, order])
    assert as_set(second.points) == as_set(first.points[:, order])
    assert np.array_equal(first.end, second.end)
    assert first.solved == second.solved


def test_what_is_not_piecewise_linear_is_an_error():
    with pytest.raises(InputError, match="outer tanh is not piecewise linear"):
        solve_regions(random_map("outer", 3, 0), 0, np.zeros((1, 3)))
    with pytest.raises(InputError, match=r"starts: shape \(3,\)"):
        solve_regions(random_map("outer", 3, 0, "relu"), 0, np.zeros(3))
    with pytest.raises(InputError, match="there is no network 1"):
        solve_regions(random_map("outer", 3, 0, "relu"), 1, np.zeros((1, 3)))
