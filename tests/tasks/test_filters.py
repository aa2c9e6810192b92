"""Filters: targets are convolutions with the response, and the networks that the theory names do them exactly."""

import math

import numpy as np
import pytest

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.stages import summary
from rnnkit.tasks import Task, make_task, task_parameters

EXPONENTIAL = {"gain": 1.5, "decay": 0.3, "steps": 40, "dt": 0.25}
DAMPED = {**EXPONENTIAL, "frequency": 0.7}


def response(task: Task, step: int) -> float:
    time = step * task.dt
    return task.gain * math.exp(-task.decay * time) * math.cos(getattr(task, "frequency", 0.0) * time)


@pytest.mark.parametrize(("name", "parameters"), [("filter", EXPONENTIAL), ("damped-filter", DAMPED)])
def test_an_impulse_is_answered_by_the_response(name, parameters):
    task = make_task(name, parameters)
    trials = task.sample([stream(0, "training", 0), stream(1, "training", 0)], 3)
    assert trials.mask is None
    assert (trials.inputs[:, :, 0] == 4).all()
    assert not trials.inputs[:, :, 1:].any()
    expected = [response(task, step) for step in range(40)]
    np.testing.assert_allclose(trials.targets, np.broadcast_to(np.reshape(expected, (40, 1)), (2, 3, 40, 1)), atol=1e-7)


def test_a_single_trial_can_be_written_to():
    trials = make_task("filter", EXPONENTIAL).sample([stream(0, "training")], 1)
    trials.targets[...] = 0


@pytest.mark.parametrize(("name", "parameters"), [("filter", EXPONENTIAL), ("damped-filter", DAMPED)])
def test_noise_is_answered_by_its_convolution(name, parameters):
    task = make_task(name, {**parameters, "drive": "noise"})
    trials = task.sample([stream(0, "training", 0)], 500)
    noise, targets = trials.inputs[0, ..., 0].astype(float), trials.targets[0, ..., 0]
    assert abs(noise.mean()) < 4 / math.sqrt(noise.size)
    assert abs(noise.var() - 1) < 4 * math.sqrt(2 / noise.size)
    for trial in range(3):
        for step in range(40):
            expected = task.dt * sum(response(task, k) * noise[trial, step - k] for k in range(step + 1))
            assert abs(targets[trial, step] - expected) < 1e-6


def network(drives, left, right, outputs, alpha: float, task: Task, units: int = 64) -> Checkpoint:
    """A linear network whose overlaps between the groups are these and whose vectors are orthonormal otherwise."""
    rank = len(right)
    inner = np.linalg.qr(np.random.default_rng(0).standard_normal((units, 1 + rank)))[0] * math.sqrt(units)
    readers = inner @ np.array([[*row] for row in (*zip(drives, *left, strict=True), outputs)]).T
    shape = Architecture(
        family="lowrank", units=units, inputs=1, outputs=1, rank=rank, rate=alpha, nonlinearity="identity", bias=False
    )
    weights = {
        "input.weight": inner[:, :1],
        "recurrent.left": inner[:, 1:],
        "recurrent.right": readers[:, :rank],
        "readout.weight": readers[:, rank:].T,
    }
    return Checkpoint("net", shape, weights, task=task.name, task_parameters=task_parameters(task))


@pytest.mark.parametrize("drive", ["impulse", "noise"])
def test_the_optimum_of_rank_one(drive):
    """s_vu = (exp(-decay dt) - 1 + dt) / dt, s_zm = gain, s_zu s_vm = gain s_vu: .80395 at .2 and .2."""
    task = make_task("filter", {"gain": 1.5, "drive": drive})
    slope = (math.exp(-task.decay * task.dt) - 1 + task.dt) / task.dt
    assert slope == pytest.approx(0.80395, abs=5e-6)
    net = network([2.0], [[slope]], [[slope]], [1.5, 1.5 * slope / 2.0], 0.2, task)
    assert summary([net], trials=4)["loss"].to_pylist()[0] < 1e-13
    off = network([2.0], [[slope + 0.01]], [[slope]], [1.5, 1.5 * slope / 2.0], 0.2, task)
    assert summary([off], trials=4)["loss"].to_pylist()[0] > 1e-5


@pytest.mark.parametrize("drive", ["impulse", "noise"])
def test_the_optimum_of_rank_two(drive):
    """S_vu = (P - (1 - dt) 1) / dt, S_vm = S_vu q, S_zu = (1, 0), s_zm = gain, q = (gain, 0)."""
    task = make_task("damped-filter", {"gain": 1.5, "drive": drive})
    angle, modulus = task.frequency * task.dt, math.exp(-task.decay * task.dt)
    turn = modulus * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    slopes = (turn - (1 - task.dt) * np.eye(2)) / task.dt
    net = network(slopes @ [1.5, 0.0], slopes.T, slopes, [1.5, 1.0, 0.0], 0.2, task)
    assert summary([net], trials=4)["loss"].to_pylist()[0] < 1e-13


@pytest.mark.parametrize("name", ["filter", "damped-filter"])
def test_out_of_distribution_carries_the_response_on(name):
    short, long = (task.sample([stream(0, "ood")], 1) for task in (make_task(name), make_task(name).ood()))
    assert long.targets.shape[2] == 200
    np.testing.assert_array_equal(long.targets[:, :, :100], short.targets)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("filter", {"gain": 0}, "'gain'.*not 0"),
        ("filter", {"decay": 0}, "'decay'.*more than 0"),
        ("filter", {"steps": 0}, "'steps'"),
        ("filter", {"dt": 1.5}, "'dt'.*at most 1"),
        ("filter", {"drive": "step"}, "'drive'.*impulse or noise"),
        ("damped-filter", {"frequency": 16}, r"'frequency'.*pi / dt \(15"),
        ("damped-filter", {"frequency": -1}, "'frequency'"),
    ],
)
def test_refusals(name, parameters, message):
    with pytest.raises(InputError, match=message):
        make_task(name, parameters)
