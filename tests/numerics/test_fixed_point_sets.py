"""Which ends are one point, index sums, coverage."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.numerics import fixed_point_sets
from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.fixed_point_completion import MIDPOINTS, find_points
from rnnkit.numerics.fixed_point_sets import (
    FixedPoints,
    add_points,
    coverage,
    distinct,
    index_sum,
    midpoints,
    no_points,
)
from rnnkit.numerics.krawczyk import Certificates, certify_many


def scalar(weight: float, drive: float = 0.0) -> AutonomousMap:
    return AutonomousMap(
        "outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), weight), np.full((1, 1), drive), np.zeros((1, 1))
    )


def proofs(points: np.ndarray, radius: float, unique: float, status: str = "certified") -> Certificates:
    count, sure = len(points), status == "certified"
    held = np.full(count, sure), np.full(count, status), points
    radii = np.full(count, radius if sure else np.nan), np.full(count, unique if sure else np.nan)
    return Certificates(*held, *radii, np.full(count, 1 if sure else 0))


def gathered(ends: list[float], radius: float, unique: float, status: str = "certified") -> FixedPoints:
    states = np.array(ends)[:, None]
    return add_points(no_points(1), states, lambda points: proofs(points, radius, unique, status))


def test_twins_at_a_fold_stay_two() -> None:
    """Two fixed points 2e-6 apart, told apart by their certificates; none of the ends is given to the wrong one."""
    fold = 0.5**0.5
    system = scalar(2.0, 1e-12 - (2 * fold - np.arctanh(fold)))
    lower, upper = fold - 1e-6, fold + 1e-6
    signs = np.array([1, -1, 1, 1, -1])
    ends = np.where(signs > 0, upper, lower)[:, None] + 1e-8 * np.arange(5)[:, None]
    found = add_points(no_points(1), ends, lambda points: certify_many(system, 0, points))
    if not found.certified.all():
        pytest.fail(f"not certified: {found.status}")
    assert len(found) == 2
    np.testing.assert_array_equal(found.reached, [0, 1, 0, 0, 1])
    assert found.index.sum() == 0


def test_one_if_within_the_ball_two_if_beyond_both_radii_else_unresolved() -> None:
    assert len(gathered([0.0, 0.4], 1e-3, 0.5)) == 1
    assert len(gathered([0.0, 0.6], 1e-3, 0.5)) == 2
    assert gathered([0.0, 0.6], 1e-3, 0.5).status.tolist() == ["certified"] * 2
    # Uniqueness reaches no further than the radius: neither the same nor apart.
    unclear = gathered([0.0, 0.3], 0.2, 0.2)
    assert unclear.status.tolist() == ["unresolved"] * 2
    assert index_sum(unclear) is None
    assert unclear.reached.tolist() == [0, 1]


def test_points_without_a_certificate_are_merged_within_a_millionth() -> None:
    found = gathered([0.0, 5e-7, 2e-6, 1.0], 0, 0, "singular")
    assert found.states.ravel().tolist() == [0.0, 2e-6, 1.0]
    assert found.reached.tolist() == [0, 0, 1, 2]
    assert index_sum(found) is None


def test_an_end_whose_proof_leads_to_a_known_point_is_given_to_it() -> None:
    """A polished point may lie in a ball that its end lay outside of."""
    first = gathered([0.0], 1e-9, 0.1)
    moved = add_points(first, np.array([[0.2]]), lambda points: proofs(points * 0 + 0.05, 1e-9, 0.1))
    assert len(moved) == 1
    assert moved.reached.tolist() == [0, 0]


def test_index_sum_shows_what_is_missing() -> None:
    system = scalar(3.0)
    sides = np.array([[-0.99], [0.99]])
    sides = np.tanh(3 * np.tanh(3 * np.tanh(3 * sides)))
    some = add_points(no_points(1), sides, lambda points: certify_many(system, 0, points))
    assert index_sum(some) == 2
    every = add_points(some, np.zeros((1, 1)), lambda points: certify_many(system, 0, points))
    assert index_sum(every) == 1
    assert every.reached.tolist() == [0, 1, 2]


def test_midpoints_find_what_the_starts_missed() -> None:
    system = scalar(3.0)
    starts = np.array([[[0.99], [-0.98], [0.95]]])
    report: list[int] = []
    (found,) = find_points(
        system, starts, np.array(["a", "b", "a"]), lambda: np.random.default_rng(0), report=report.append
    )
    assert sorted(found.points.states.ravel().round(3) + 0.0) == [-0.995, 0.0, 0.995]
    assert found.arrivals("a").tolist() == [0, 0]
    assert found.arrivals("b").tolist() == [1]
    assert found.arrivals(MIDPOINTS).tolist()[0] == 2
    assert report == [3]
    (descended,) = find_points(
        system, starts, np.array(["a", "b", "a"]), lambda: np.random.default_rng(0), method="descent"
    )
    assert MIDPOINTS not in descended.kind


def test_starts_that_are_not_finite_are_left_out() -> None:
    (found,) = find_points(scalar(0.5), np.array([[[np.nan], [0.3]]]), np.array(["a", "b"]), np.random.default_rng)
    assert found.kind.tolist() == ["b"]
    assert len(found.points) == 1


def test_midpoints_are_of_pairs_with_a_fresh_point_and_not_too_many() -> None:
    states, fresh = np.arange(20.0)[:, None] ** 2, np.arange(20) > 16
    every = midpoints(states, fresh, 1000, np.random.default_rng(0))
    wanted = [(i**2 + j**2) / 2 for i in range(20) for j in range(i + 1, 20) if fresh[i] or fresh[j]]
    np.testing.assert_array_equal(every.ravel(), wanted)
    some = midpoints(states, fresh, 7, np.random.default_rng(0))
    assert len(some) == 7
    assert set(some.ravel()) <= set(wanted)


def test_distinct_takes_the_first_of_each_group() -> None:
    first, group = distinct(np.array([[0.0, 0.0], [0.0, 2.0], [0.0, 0.09], [0.05, 2.0]]), 0.1)
    assert first.tolist() == [0, 1]
    assert group.tolist() == [0, 1, 0, 1]


@given(st.lists(st.integers(0, 8), max_size=60))
def test_coverage_is_what_a_count_says(reached: list[int]) -> None:
    found = coverage(np.array(reached, dtype=np.int64))
    times = Counter(Counter(reached).values())
    assert (found.arrived, found.points) == (len(reached), len(set(reached)))
    assert (found.once, found.twice) == (times[1], times[2])
    if not reached:
        assert np.isnan(found.missing_mass)
        return
    assert found.missing_mass == times[1] / len(reached)
    assert found.missing_mass <= found.missing_mass_bound <= 1
    assert found.chao1 == len(set(reached)) + times[1] * (times[1] - 1) / (2 * (times[2] + 1))


def test_the_bound_as_published() -> None:
    """.41 at 512 starts and .20 at 2048 when no point was seen once."""
    for count, bound in ((512, 0.408), (2048, 0.204)):
        assert coverage(np.repeat(np.arange(2), count // 2)).missing_mass_bound == pytest.approx(bound, abs=5e-4)


def test_good_turing_estimates_the_mass_of_points_not_seen() -> None:
    """Averaged over many samples of a known distribution, to three standard errors."""
    draw = np.random.default_rng(0)
    shares = draw.dirichlet(np.full(40, 0.3))
    errors = []
    for _ in range(400):
        reached = draw.choice(40, 60, p=shares)
        errors.append(coverage(reached).missing_mass - (1 - shares[np.unique(reached)].sum()))
    assert abs(np.mean(errors)) < 3 * np.std(errors) / 20 + 0.002


def test_the_distance_to_a_ball_is_rounded_up() -> None:
    def proven(points: np.ndarray) -> Certificates:
        first, ones = points[:, 0] == 0, np.ones(len(points))
        radius, unique = np.where(first, 1e-18, 1e-17), np.where(first, 0.5, 1e-17)
        return Certificates(ones > 0, np.full(len(points), "certified"), points, radius, unique, ones.astype(np.int64))

    # 0.5 + 1e-17 is 0.5 in float64, and 1e-17 beyond the ball.
    found, _ = fixed_point_sets._add(
        add_points(no_points(1), np.zeros((1, 1)), proven), proven(np.full((1, 1), 0.5)), 0
    )
    assert len(found) == 2
