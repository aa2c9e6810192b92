"""Descent on the speed: against a plain loop, what its ends are called, and planted points of piecewise-linear maps."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.fixed_point_completion import Found, find_points
from rnnkit.numerics.fixed_point_search import Descent, descend, search


def piecewise(networks: int = 2, units: int = 5, seed: int = 0) -> tuple[AutonomousMap, np.ndarray]:
    """Maps A x + W relu(x) + v with a fixed point planted in an orthant, and the points, (networks, units)."""
    rng = np.random.default_rng(seed)
    keep, weight = rng.uniform(0.1, 0.9, (networks, units)), rng.normal(size=(networks, units, units)) / units
    planted = rng.choice([-1.0, 1.0], (networks, units)) * rng.uniform(0.5, 2, (networks, units))
    drive = (1 - keep) * planted - (weight @ np.maximum(planted, 0)[..., None])[..., 0]
    return AutonomousMap("inner", "relu", keep, 1.0, weight, drive, np.zeros_like(drive)), planted


def loop(system: AutonomousMap, network: int, start: np.ndarray, rate: float, steps: int) -> tuple[np.ndarray, float]:
    """Algorithm 1 as it stands in the paper, one state and one step at a time: the end, and |F - x|^2 / 2 there."""
    keep, weight, drive = system.keep[network], system.recurrent[network], system.drive[network]
    x = start.copy()
    for _ in range(steps):
        jacobian = np.diag(keep) + weight * (x > 0)
        gap = keep * x + weight @ np.maximum(x, 0) + drive - x
        x = x - rate * 2 * (jacobian - np.eye(len(x))).T @ gap
    gap = keep * x + weight @ np.maximum(x, 0) + drive - x
    return x, float(gap @ gap / 2)


@pytest.mark.parametrize(("rate", "steps"), [(0.1, 40), (0.03, 7)])
def test_descent_is_the_papers_loop(rate: float, steps: int) -> None:
    system, _ = piecewise()
    starts = np.random.default_rng(1).normal(size=(2, 6, 5))
    ends = descend(system, starts, how=Descent(rate, steps))
    for k in range(2):
        for j in range(6):
            state, speed = loop(system, k, starts[k, j], rate, steps)
            np.testing.assert_allclose(ends.states[k, j], state, rtol=0, atol=1e-12)
            assert ends.speed[k, j] == pytest.approx(speed, rel=1e-9)


def found(system: AutonomousMap, starts: np.ndarray, how: Descent | None = None) -> Found:
    kind = np.full(starts.shape[1], "states")
    (one,) = find_points(system, starts, kind, np.random.default_rng, "descent", how=how or Descent())
    return one


def test_a_planted_point_of_a_piecewise_linear_map_is_found_and_proven() -> None:
    """The specification's tolerance: a speed below 1e-24, in the orthant that was planted."""
    system, planted = piecewise(networks=8, units=12, seed=3)
    starts = planted[:, None] + 0.3 * np.random.default_rng(0).normal(size=(8, 20, 12))
    ends = search(system, starts)
    for k in range(8):
        near = np.abs(ends.states[k] - planted[k]).max(-1) < 1e-9
        assert near.any()
        assert (ends.speed[k][near] < 1e-24).all()
        assert (np.sign(ends.states[k][near]) == np.sign(planted[k])).all()
    sets = find_points(system, starts, np.full(20, "near"), np.random.default_rng)
    for k, one in enumerate(sets):
        here = np.abs(one.points.states - planted[k]).max(-1) <= one.points.radius
        assert here.sum() == 1
        assert one.points.certified[here].all()


def test_on_the_way_to_a_fixed_point_a_small_gradient_is_no_minimum() -> None:
    """x / 2 stands still at 0 alone; 300 steps leave x at 6e-8, where speed and gradient are both small."""
    half = AutonomousMap("outer", "identity", 0.0, 1.0, np.full((1, 1, 1), 0.5), np.zeros((1, 1)), np.zeros((1, 1)))
    ends = found(half, np.array([[[0.3]]]), Descent(0.1, 300)).ends
    assert ends.speed[0] > 1e-24
    assert ends.gradient[0] < 1e-6
    assert not ends.slow[0]
    assert not ends.still[0]


def test_a_smooth_minimum_that_is_no_zero_is_slow() -> None:
    """tanh(2 x + b) a little below its fold: the speed has a minimum where the ghost is."""
    fold = 0.5**0.5
    drive = np.full((1, 1), -0.01 - (2 * fold - np.arctanh(fold)))
    ghost = AutonomousMap("outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), 2.0), drive, np.zeros((1, 1)))
    one = found(ghost, np.array([[[0.75]]]), Descent(0.1, 5000))
    assert one.ends.slow.tolist() == [True]
    assert one.ends.speed[0] == pytest.approx(0.01**2 / 8, rel=0.02)
    assert one.solver is not None
    assert one.solver.ends.slow.tolist() == [True]


def test_a_minimum_on_a_kink_is_slow_and_flagged() -> None:
    """F(x) - x is 1 - x / 2 below 0 and 1 + x / 2 above: a valley with its bottom at the kink, at a speed of 1/2."""
    keep, weight, drive = np.full((1, 1), 0.5), np.full((1, 1, 1), 1.0), np.full((1, 1), 1.0)
    valley = AutonomousMap("inner", "relu", keep, 1.0, weight, drive, np.zeros((1, 1)))
    ends = search(valley, np.array([[[-0.7], [0.9]]]))
    assert ends.kink.all()
    assert ends.slow.all()
    np.testing.assert_allclose(ends.speed, 0.5, atol=1e-4)
    one = found(valley, np.array([[[-0.7], [0.9]]]))
    assert one.solver is not None
    assert one.solver.ends.kink.all()
    # Descent steps over the kink and back for ever.
    assert not one.ends.slow.any()
    assert (np.abs(one.ends.states) < 0.2).all()


def test_a_rate_that_is_too_large_ends_at_no_number() -> None:
    system, _ = piecewise(networks=1)
    ends = found(system, np.random.default_rng(0).normal(size=(1, 3, 5)), Descent(50.0, 400)).ends
    assert not np.isfinite(ends.speed).any()
    assert not ends.slow.any()


@pytest.mark.parametrize("given", [{"rate": 0.0}, {"rate": -1.0}, {"rate": np.inf}, {"rate": np.nan}, {"steps": 0}])
def test_rates_and_steps_that_are_none(given: dict[str, float]) -> None:
    with pytest.raises(InputError, match="--descent-"):
        Descent(**given)
