"""The map at a constant input is the model's step, and its Jacobian that of finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.models.autonomous import autonomous_map
from rnnkit.numerics.autonomous_maps import AutonomousMap

from .helpers import CASES, random_ensemble


def _maps(family: str, phi: str) -> tuple[AutonomousMap, np.ndarray, np.ndarray]:
    """An ensemble's map, states away from relu's kinks, and the states one step later."""
    model, weights = random_ensemble(family, phi)
    networks = [
        Checkpoint(str(k), model.architecture, {name: value[k].numpy() for name, value in weights.items()})
        for k in range(3)
    ]
    draw = np.random.default_rng(3)
    constant = draw.normal(size=3)
    system = autonomous_map(networks, constant)
    states = draw.normal(size=(3, 4, system.size))
    inputs = torch.from_numpy(np.broadcast_to(constant, (3, 4, 3)).copy())
    return system, states, model.step(weights, torch.from_numpy(states), inputs).numpy()


@pytest.mark.parametrize(("family", "phi"), CASES)
def test_the_map_is_the_step(family: str, phi: str) -> None:
    system, states, after = _maps(family, phi)
    assert system.size == states.shape[-1] == (14 if family == "lstm" else 7)
    np.testing.assert_allclose(system.value(states), after, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(system.only(1).value(states[1:2]), system.value(states)[1:2])


@pytest.mark.parametrize(("family", "phi"), CASES)
def test_the_jacobian_is_that_of_finite_differences(family: str, phi: str) -> None:
    system, states, _ = _maps(family, phi)
    step = 1e-6
    columns = [
        (system.value(states + step * e) - system.value(states - step * e)) / (2 * step) for e in np.eye(system.size)
    ]
    np.testing.assert_allclose(system.jacobian(states), np.stack(columns, -1), rtol=0, atol=2e-9)


def test_relus_slope_at_its_kink_is_0() -> None:
    one = AutonomousMap("inner", "relu", 0.0, 1.0, np.eye(2)[None], np.zeros((1, 2)), np.zeros((1, 2)))
    np.testing.assert_array_equal(one.jacobian(np.array([[[0.0, 1e-300]]]))[0, 0], [[0, 0], [0, 1]])


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="give 3 x 2 rows"):
        AutonomousMap("gru", "tanh", 0.0, 1.0, np.zeros((1, 4, 2)), np.zeros((1, 4)), np.zeros((1, 4)))
    with pytest.raises(InputError, match=r"drive: has shape \(1, 3\), expected \(1, 2\)"):
        AutonomousMap("outer", "tanh", 0.0, 1.0, np.zeros((1, 2, 2)), np.zeros((1, 3)), np.zeros((1, 2)))
    with pytest.raises(InputError, match="unknown form 'round'"):
        AutonomousMap("round", "tanh", 0.0, 1.0, np.zeros((1, 2, 2)), np.zeros((1, 2)), np.zeros((1, 2)))
