"""Searches against planted points, ghosts, kinks and a plain loop of the paper's algorithm."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit.numerics import fixed_point_search
from rnnkit.numerics.autonomous_maps import FORMS, AutonomousMap
from rnnkit.numerics.fixed_point_search import FIXED_SPEED, SLOW_GRADIENT, Ends, descend, search

KINDS = [(form, "tanh") for form in FORMS] + [("outer", "relu"), ("inner", "relu"), ("inner", "identity")]


def random_map(form: str, phi: str = "tanh", networks: int = 3, units: int = 6, gain: float = 1.3) -> AutonomousMap:
    draw = np.random.default_rng(7)
    rows = FORMS[form] * units
    recurrent = gain * draw.normal(size=(networks, rows, units)) / np.sqrt(units)
    drive = 0.1 * draw.normal(size=(networks, rows))
    bias = 0.1 * draw.normal(size=(networks, rows)) if form == "gru" else np.zeros((networks, rows))
    return AutonomousMap(form, phi, 0.4, 0.6, recurrent, drive, bias)


def scalar(weight: float, drive: float, form: str = "outer", phi: str = "tanh") -> AutonomousMap:
    return AutonomousMap(form, phi, 0.0, 1.0, np.full((1, 1, 1), weight), np.full((1, 1), drive), np.zeros((1, 1)))


@pytest.mark.parametrize(("form", "phi"), KINDS)
def test_pulling_back_is_the_product_with_the_jacobian(form: str, phi: str) -> None:
    system = random_map(form, phi)
    draw = np.random.default_rng(1)
    x, by = draw.normal(size=(2, 3, 4, system.size))
    coefficients = system.tensors.linearise(torch.from_numpy(x))[1]
    found = system.tensors.pull_back(coefficients, torch.from_numpy(by)).numpy()
    np.testing.assert_allclose(found, np.einsum("nsij,nsi->nsj", system.jacobian(x), by), rtol=0, atol=1e-13)


@pytest.mark.parametrize("form", FORMS)
def test_what_a_search_returns_holds_at_the_state_returned(form: str) -> None:
    system = random_map(form)
    low, high = system.reach
    starts = np.random.default_rng(2).uniform(-1, 1, (3, 20, system.size)) * high[:, None]
    ends = search(system, starts)
    residual = system.value(ends.states) - ends.states
    speed = 0.5 * (residual**2).sum(-1)
    np.testing.assert_allclose(ends.speed, speed, rtol=1e-6, atol=1e-28)
    slope = np.einsum("nsij,nsi->nsj", system.jacobian(ends.states) - np.eye(system.size), residual)
    np.testing.assert_allclose(ends.gradient, np.linalg.norm(slope, axis=-1), rtol=1e-6, atol=1e-14)
    assert (ends.states >= low[:, None]).all()
    assert (ends.states <= high[:, None]).all()
    first = 0.5 * ((system.value(starts) - starts) ** 2).sum(-1)
    assert (ends.speed <= first).all()
    assert ends.still.mean() > 0.5


@pytest.mark.parametrize("form", FORMS)
def test_every_fixed_point_lies_within_reach(form: str) -> None:
    """F maps the box into itself, and every bound is that of some network: one of a unit that pulls all it can."""
    system = random_map(form)
    low, high = system.reach
    x = np.random.default_rng(3).uniform(-1, 1, (3, 500, system.size)).round() * high[:, None]
    after = system.value(x)
    assert (after >= low[:, None]).all()
    assert (after <= high[:, None]).all()
    assert not np.isfinite(random_map("outer", "relu").reach[1]).any()


@pytest.mark.parametrize("large", [1, 10**6], ids=["newton first", "levenberg alone"])
def test_planted_points_are_found(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Units that do not know of each other: 0 and +-0.9575 in each, in any combination."""
    monkeypatch.setattr(fixed_point_search, "_LARGE", large)
    units = 5
    none = np.zeros((1, units))
    system = AutonomousMap("outer", "tanh", 0.0, 1.0, 2 * np.eye(units)[None], none, none)
    ends = search(system, np.random.default_rng(0).uniform(-1, 1, (1, 300, units)))
    assert (ends.speed < 1e-29).all()
    planted = 0.9575040240772687 * np.array([-1, 0, 1])
    assert np.abs(ends.states[..., None] - planted).min(-1).max() < 1e-14
    assert len(np.unique(ends.states.round(3) + 0.0, axis=1)[0]) > 40


@pytest.mark.parametrize("form", ["outer", "gru", "lstm"])
def test_neither_company_nor_blocks_change_where_a_search_ends(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system = random_map(form)
    starts = np.random.default_rng(4).uniform(-1, 1, (3, 9, system.size))
    together = search(system, starts)
    wanted = np.arange(9) != 4
    apart = search(system.only(1), starts[1:2], wanted[None])
    np.testing.assert_allclose(apart.states[0, wanted], together.states[1, wanted], rtol=0, atol=1e-9)
    assert np.isinf(apart.speed[0, 4])
    monkeypatch.setitem(fixed_point_search._BLOCK, "cpu", 2 * system.size**2)
    searched: list[int] = []
    np.testing.assert_allclose(
        search(system, starts, report=searched.append).states, together.states, rtol=0, atol=1e-9
    )
    assert searched == [2, 2, 2, 2, 1] * 3


@pytest.mark.parametrize("short", [1e-2, 1e-6, 1e-9])
def test_a_ghost_is_slow_and_not_still(short: float) -> None:
    """tanh(2 h + b), short of the drive at which a pair of fixed points appears at 1 / sqrt 2, where tanh' is 1 / 2."""
    fold = 0.5**0.5
    system = scalar(2.0, -short - (2 * fold - np.arctanh(fold)))
    ends = search(system, np.array([[[fold + 1e-3], [0.9 * fold]]]))
    ghost = np.abs(ends.states[0, :, 0] - fold) < 0.1
    assert ghost.any()
    assert ends.slow[0, ghost].all()
    assert not ends.still[0, ghost].any()
    np.testing.assert_allclose(ends.speed[0, ghost], 0.125 * short**2, rtol=0.05)
    assert (ends.gradient[0, ghost] < SLOW_GRADIENT).all()


def test_a_kink_is_called_one() -> None:
    """3 relu(h) + 1: the speed has its minimum at the kink, where its slope jumps from -1 to 2."""
    ends = search(scalar(3.0, 1.0, "inner", "relu"), np.array([[[2.0], [-3.0], [5.0]]]))
    stuck = ends.kink[0]
    assert stuck.any()
    assert np.abs(ends.states[0, stuck]).max() < 1e-5
    np.testing.assert_allclose(ends.speed[0, stuck], 0.5, rtol=1e-4)
    assert ends.slow[0, stuck].all()
    assert (ends.gradient[0, stuck] > SLOW_GRADIENT).all()


def test_descent_is_the_papers() -> None:
    system = random_map("outer")
    x = np.random.default_rng(5).uniform(-1, 1, (3, 4, 6))
    ends = descend(system, x)
    for _ in range(1000):
        residual = system.value(x) - x
        slope = 2 * np.einsum("nsij,nsi->nsj", system.jacobian(x) - np.eye(6), residual)
        x = x - 0.1 * slope
    np.testing.assert_allclose(ends.states, x, rtol=0, atol=1e-10)
    assert (ends.speed < FIXED_SPEED).sum() < ends.speed.size


def test_states_that_overflow_are_no_ends() -> None:
    system = AutonomousMap("inner", "identity", 0.0, 1.0, np.array([[[1.0]]]), np.array([[1e200]]), np.zeros((1, 1)))
    ends = search(system, np.array([[[1e200]]]))
    assert np.isinf(ends.speed[0, 0])
    assert not ends.slow.any()
    assert not ends.still.any()


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e6])
@pytest.mark.parametrize("phi", ["relu", "identity"])
def test_rounding_is_judged_beside_the_size_of_the_state(phi: str, scale: float) -> None:
    draw = np.random.default_rng(0)
    recurrent, drive = 0.5 * draw.normal(size=(1, 64, 64)) / 8, scale * draw.normal(size=(1, 64))
    system = AutonomousMap("outer", phi, 0.0, 1.0, recurrent, drive, np.zeros((1, 64)))
    ends = search(system, scale * draw.normal(size=(1, 8, 64)))
    assert ends.still.all()
    assert not ends.slow.any()
    moved = ends.states * (1 + 1e-9)
    speed = 0.5 * ((system.value(moved) - moved) ** 2).sum(-1)
    assert not Ends(moved, speed, ends.gradient, ends.kink, unbounded=True).still.any()
