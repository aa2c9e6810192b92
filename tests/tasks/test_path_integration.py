"""Path integration against a literal walk: angles kept as angles, and set anew at each wall."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks.path_integration import PathIntegration

QUIET = {"noise_std": 0.0}


def sample(task, trials, seed=0):
    return task.sample([stream(seed, "training", 0)], trials)


def unit_vector(angles: list[float]) -> list[float]:
    if len(angles) == 1:
        return [math.cos(angles[0]), math.sin(angles[0])]
    flat = math.cos(angles[1])
    return [flat * math.cos(angles[0]), flat * math.sin(angles[0]), math.sin(angles[1])]


def walk_by_loop(task, position, angles, speed, going, noise: random.Random):
    """Positions, speeds and number of wall contacts of one trial, by the rules as they are written."""
    position, positions, speeds, contacts = list(position), [], [], 0
    for _ in range(task.steps):
        going = noise.random() >= 1 / task.mean_go if going else noise.random() < 1 / task.mean_stop
        angles = [angle + noise.gauss(0, task.direction_std) for angle in angles]
        if len(angles) == 2 and abs(angles[1]) > math.pi / 2:
            angles = [angles[0] + math.pi, math.copysign(math.pi, angles[1]) - angles[1]]
        speed += noise.gauss(0, task.speed_std)
        while not 0 <= speed <= task.max_speed:
            speed = -speed if speed < 0 else 2 * task.max_speed - speed
        moved = speed if going else 0.0
        heading = unit_vector(angles)
        for axis, component in enumerate(heading):
            if abs(position[axis] + moved * component) > task.box / 2:
                heading[axis] = -component
                contacts += 1
        angles = [math.atan2(heading[1], heading[0]), *[math.asin(z) for z in heading[2:]]]
        position = [p + moved * component for p, component in zip(position, heading, strict=True)]
        positions.append(position)
        speeds.append(moved)
    return np.array(positions), np.array(speeds), contacts


def drawn_by_loop(task, trials: int, seed: int):
    """Starts, positions, speeds and contacts of trials drawn one by one."""
    noise, rows = random.Random(seed), []
    for _ in range(trials):
        start = [noise.uniform(-task.box / 2, task.box / 2) for _ in range(task.dimensions)]
        angles = [noise.uniform(0, 2 * math.pi)]
        if task.dimensions == 3:
            angles.append(math.asin(noise.uniform(-1, 1)))
        going = noise.random() < task.mean_go / (task.mean_go + task.mean_stop)
        speed = noise.uniform(0, task.max_speed)
        rows.append((start, *walk_by_loop(task, start, angles, speed, going, noise)))
    return [np.array(column) for column in zip(*rows, strict=True)]


def contacts_of(dimensions: int, trials: int) -> np.ndarray:
    """Wall contacts a trial: where the heading is mirrored, beside the same draws in a box without walls."""
    task = PathIntegration(dimensions=dimensions, **QUIET)
    endless = PathIntegration(dimensions=dimensions, box=1e9, **QUIET)
    heading, free = (sample(each, trials).inputs[0, ..., :dimensions] for each in (task, endless))
    mirror = np.concatenate([np.ones_like(heading[:, :1]), np.sign(heading * free)], axis=1)
    return (mirror[:, 1:] != mirror[:, :-1]).sum(axis=(1, 2))


def assert_same_mean(first: np.ndarray, second: np.ndarray) -> None:
    """Means over trials agree to four standard errors."""
    error = math.sqrt(first.var() / len(first) + second.var() / len(second))
    assert abs(first.mean() - second.mean()) < 4 * error


@pytest.mark.parametrize(
    ("dimensions", "variance", "repeat_loss", "contacts"), [(2, 8.03, 7.7, 1.5), (3, 8.03, 4.9, 1.7)]
)
def test_walks_have_the_law_of_the_literal_ones(dimensions, variance, repeat_loss, contacts):
    task = PathIntegration(dimensions=dimensions, unit=1, **QUIET)
    trials = sample(task, 8000)
    start = 5 * trials.inputs[0, :, 0, -dimensions:]
    positions, speeds = trials.targets[0], trials.inputs[0, ..., dimensions]
    met = contacts_of(dimensions, 8000)
    repeat = np.square(positions - start[:, None]).mean(axis=(1, 2))

    slow_start, slow_positions, slow_speeds, slow_met = drawn_by_loop(task, 1200, 1)
    assert_same_mean(met, slow_met)
    assert_same_mean(speeds.mean(axis=1), slow_speeds.mean(axis=1))
    assert_same_mean(np.square(positions).mean(axis=(1, 2)), np.square(slow_positions).mean(axis=(1, 2)))
    assert_same_mean(repeat, np.square(slow_positions - slow_start[:, None]).mean(axis=(1, 2)))

    # A speed uniform up to 0.4, five eighths of the time.
    assert speeds.mean() == pytest.approx(0.126, abs=0.003)
    assert positions.var() == pytest.approx(variance, abs=0.2)
    assert repeat.mean() == pytest.approx(repeat_loss, abs=0.3)
    assert met.mean() == pytest.approx(contacts, abs=0.1)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_walk_without_chance_is_the_literal_one(dimensions):
    task = PathIntegration(
        dimensions=dimensions, steps=300, direction_std=0, speed_std=0, mean_go=1e15, unit=1, **QUIET
    )  # fmt: skip
    trials = sample(task, 10)
    met = 0
    for inputs, targets in zip(trials.inputs[0].astype(float), trials.targets[0], strict=True):
        speed, start = inputs[0, dimensions], 5 * inputs[0, dimensions + 1 :]
        # The heading of the first step, walls and all, is in the input: from there on nothing is drawn.
        angles = [math.atan2(inputs[0, 1], inputs[0, 0]), *[math.asin(z) for z in inputs[0, 2:dimensions]]]
        positions, _, contacts = walk_by_loop(task, start, angles, speed, True, random.Random(0))
        np.testing.assert_allclose(targets, positions, atol=1e-3)
        met += contacts
    assert met > 50


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("unit", [1.0, 0.2])
def test_velocity_inputs_sum_to_the_displacement(dimensions, unit):
    task = PathIntegration(dimensions=dimensions, encoding="velocity", unit=unit, channels=2, **QUIET)
    trials = sample(task, 100)
    inputs = trials.inputs.astype(float).reshape(100, 100, 2, 2 * dimensions)
    targets = trials.targets.reshape(100, 100, 2, dimensions)
    velocity, start = np.split(inputs, 2, axis=-1)
    summed = unit * np.cumsum(velocity, axis=1)
    np.testing.assert_allclose(targets - targets[:, :1], summed - summed[:, :1], atol=1e-5)
    np.testing.assert_allclose(targets - 5 * unit * start[:, :1], summed, atol=1e-5)
    assert abs(targets).max() <= 5 * unit
    assert (start[:, 1:] == 0).all()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_encodings_say_the_same(dimensions):
    by_name = {
        encoding: sample(PathIntegration(dimensions=dimensions, encoding=encoding, **QUIET), 50)
        for encoding in ("direction", "velocity", "angle")
    }
    direction, velocity, angle = (trials.inputs for trials in by_name.values())
    heading, speed = direction[..., :dimensions], direction[..., dimensions : dimensions + 1]
    np.testing.assert_allclose(np.square(heading).sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(heading * speed, velocity[..., :dimensions], atol=1e-6)
    azimuth = angle[..., 0]
    assert abs(azimuth).max() <= np.float32(np.pi)
    vector = [np.cos(azimuth), np.sin(azimuth)]
    if dimensions == 3:
        assert abs(angle[..., 1]).max() <= np.float32(np.pi / 2)
        vector = [np.cos(angle[..., 1]) * flat for flat in vector] + [np.sin(angle[..., 1])]
    np.testing.assert_allclose(heading, np.stack(vector, axis=-1), atol=1e-3)
    np.testing.assert_array_equal(angle[..., dimensions - 1 : dimensions], speed)
    for trials in by_name.values():
        np.testing.assert_array_equal(trials.targets, by_name["direction"].targets)
        np.testing.assert_array_equal(trials.inputs[..., -dimensions:], direction[..., -dimensions:])


def test_increments_away_from_walls():
    trials = sample(PathIntegration(box=1e6, encoding="angle", max_speed=50, mean_go=1e15, **QUIET), 400)
    angle, speed = trials.inputs[0, :, :, 0].astype(float), trials.inputs[0, :, :, 1].astype(float)
    turns = np.angle(np.exp(1j * np.diff(angle))).ravel()
    assert turns.std() == pytest.approx(np.pi / 10, rel=4 / np.sqrt(2 * turns.size))
    assert abs(turns.mean()) < 4 * turns.std() / np.sqrt(turns.size)
    changes = np.diff(speed)[(speed[:, 1:] > 1) & (speed[:, 1:] < 49)]
    assert changes.std() == pytest.approx(0.1, rel=4 / np.sqrt(2 * changes.size))


def test_speed_is_uniform_and_stops_and_starts_are_geometric():
    speed = sample(PathIntegration(**QUIET), 8000).inputs[0, :, :, 2]
    going = speed > 0
    for now, chance in ((True, 1 / 50), (False, 1 / 30)):
        switched = going[:, 1:][going[:, :-1] == now] != now
        assert abs(switched.mean() - chance) < 4 * np.sqrt(chance * (1 - chance) / switched.size)
    share = going.mean(axis=1)
    assert abs(share.mean() - 5 / 8) < 4 * share.std() / np.sqrt(len(share))
    assert speed.max() <= np.float32(0.4)
    last = speed[:, -1][going[:, -1]]
    counts = np.histogram(last, 8, (0, 0.4))[0]
    assert (abs(counts / len(last) - 1 / 8) < 4 * np.sqrt(7 / 64 / len(last))).all()


def test_starts_and_headings_are_uniform():
    trials = sample(PathIntegration(dimensions=3, steps=1, direction_std=0, **QUIET), 20000)
    heading, start = trials.inputs[0, :, 0, :3], trials.inputs[0, :, 0, 4:]
    for uniform in (*heading.T, *start.T):
        counts = np.histogram(uniform, 10, (-1, 1))[0]
        assert (abs(counts / 20000 - 0.1) < 4 * np.sqrt(0.09 / 20000)).all()


def test_noise_is_on_every_input_and_on_nothing_else():
    quiet = sample(PathIntegration(dimensions=3, channels=2, **QUIET), 100)
    noisy = sample(PathIntegration(dimensions=3, channels=2, noise_std=0.01), 100)
    np.testing.assert_array_equal(quiet.targets, noisy.targets)
    noise = (noisy.inputs - quiet.inputs)[0].reshape(-1, noisy.inputs.shape[-1])
    np.testing.assert_allclose(noise.std(axis=0), 0.01, rtol=4 / np.sqrt(2 * len(noise)))
    assert (abs(noise.mean(axis=0)) < 4 * 0.01 / np.sqrt(len(noise))).all()
    assert np.median(abs(sample(PathIntegration(), 10).inputs[:, :, 1:, 3:])) == pytest.approx(6.745e-5, rel=0.1)


def test_arenas_are_independent():
    trials = sample(PathIntegration(channels=2, steps=5), 4000)
    start = trials.inputs[0, :, 0].reshape(4000, 2, 5)[:, :, 3:]
    assert (abs((start[:, 0] * start[:, 1]).mean(axis=0)) < 4 / 3 / np.sqrt(4000)).all()


def test_the_fastest_animal_never_leaves_the_smallest_box():
    task = PathIntegration(box=2, max_speed=1, unit=1, steps=200, mean_stop=1, **QUIET)
    trials = sample(task, 200)
    assert abs(trials.targets).max() <= 1 + 1e-6
    assert abs(trials.targets).max() > 0.99


@pytest.mark.parametrize(
    ("parameters", "inputs", "outputs"),
    [
        ({}, 5, 2),
        ({"dimensions": 3}, 7, 3),
        ({"encoding": "velocity"}, 4, 2),
        ({"encoding": "angle", "dimensions": 3, "channels": 2}, 12, 6),
    ],
)
def test_channels(parameters, inputs, outputs):
    task = PathIntegration(**parameters)
    assert (task.inputs, task.outputs) == (inputs, outputs)


def test_out_of_distribution_doubles_the_steps():
    assert PathIntegration(dimensions=3, steps=40).ood() == PathIntegration(dimensions=3, steps=80)


def test_no_accuracy_is_defined():
    task = PathIntegration(steps=5)
    trials = sample(task, 2)
    assert task.accuracy(trials.targets, trials) is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dimensions": 4}, "path-integration parameter 'dimensions': 4 is not 2 or 3"),
        ({"channels": 0}, "'channels'"),
        ({"steps": 0}, "'steps'"),
        (
            {"max_speed": 6},
            r"'max_speed': 6\.0 is not allowed \(give more than 0, at most half the box \(5\)\)",
        ),
        ({"max_speed": 0}, "'max_speed'"),
        ({"direction_std": -1}, "'direction_std'"),
        ({"speed_std": -1}, "'speed_std'"),
        ({"noise_std": -1}, "'noise_std'"),
        ({"mean_stop": 0.5}, "'mean_stop': 0.5 is not allowed .give 1 step or more"),
        ({"mean_go": 0}, "'mean_go'"),
        ({"box": 0}, "'box'"),
        ({"unit": 0}, "'unit'"),
        ({"encoding": "polar"}, "'encoding': 'polar' is not direction or velocity or angle"),
    ],
)
def test_refusals(parameters, message):
    with pytest.raises(InputError, match=message):
        PathIntegration(**parameters)
