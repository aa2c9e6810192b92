"""Sine generation against its formula, with the frequency read back from the input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks.sine import Sine


def test_targets_are_sines_of_the_frequency_the_input_names():
    trials = Sine(channels=2).sample([stream(0, "training", 0)], 50)
    assert (trials.inputs == trials.inputs[:, :, :1]).all()
    grid = [1 + 29 * index / 99 for index in range(100)]
    for trial in range(50):
        for channel in range(2):
            named = 15.5 + 14.5 * float(trials.inputs[0, trial, 0, channel])
            frequency = min(grid, key=lambda candidate: abs(candidate - named))
            assert abs(frequency - named) < 1e-5
            for step in range(100):
                expected = math.sin(2 * math.pi * frequency * step * 0.01)
                assert abs(trials.targets[0, trial, step, channel] - expected) < 1e-6


@settings(max_examples=30, deadline=None)
@given(
    steps=st.integers(1, 40),
    dt=st.floats(0.001, 0.02),
    frequencies=st.integers(2, 20),
    low=st.floats(0, 10),
    width=st.floats(0.5, 14),
)
def test_any_range_is_scaled_to_one(steps, dt, frequencies, low, width):
    task = Sine(steps=steps, dt=dt, frequencies=frequencies, frequency_min=low, frequency_max=low + width)
    trials = task.sample([stream(1, "training", 0)], 30)
    named = trials.inputs[0, :, 0, 0].astype(float)
    index = np.rint((named + 1) / 2 * (frequencies - 1))
    np.testing.assert_allclose(named, 2 * index / (frequencies - 1) - 1, atol=1e-6)
    frequency = low + width * index / (frequencies - 1)
    expected = np.sin(2 * np.pi * frequency[:, None] * np.arange(steps) * dt)
    np.testing.assert_allclose(trials.targets[0, :, :, 0], expected, atol=1e-6)


def test_frequencies_are_equally_likely_and_channels_independent():
    trials = Sine(channels=2, frequencies=5, steps=2).sample([stream(2, "training", 0)], 20000)
    first, second = trials.inputs[0, :, 0].T
    values, counts = np.unique(first, return_counts=True)
    np.testing.assert_allclose(values, [-1, -0.5, 0, 0.5, 1], atol=1e-6)
    assert (abs(counts / 20000 - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 20000)).all()
    assert abs((first * second).mean()) < 4 * 0.5 / np.sqrt(20000)


def test_variance_is_that_of_a_sine():
    targets = Sine().sample([stream(3, "training", 0)], 4000).targets
    assert targets[:, :, 0].max() == 0
    assert targets.var() == pytest.approx(0.497, abs=0.004)


def test_a_single_frequency_is_the_lowest():
    trials = Sine(frequencies=1, frequency_min=2, frequency_max=4).sample([stream(4, "training", 0)], 3)
    assert (trials.inputs == -1).all()
    expected = np.sin(2 * np.pi * 2 * np.arange(100) * 0.01)
    np.testing.assert_allclose(trials.targets[0, 0, :, 0], expected, atol=1e-6)


def test_out_of_distribution_carries_the_same_sines_on():
    task = Sine(channels=2, steps=30)
    assert task.ood() == Sine(channels=2, steps=60)
    short = task.sample([stream(5, "training", 0)], 8)
    long = task.ood().sample([stream(5, "training", 0)], 8)
    np.testing.assert_array_equal(long.targets[:, :, :30], short.targets)
    np.testing.assert_array_equal(long.inputs[:, :, :30], short.inputs)


def test_a_continuous_range_and_a_cue_of_one_sign():
    """The setting of paper "schur": f uniform in [1, 3] cycles of 50 steps, input f/3, target sin(2 pi f t/50)."""
    task = Sine(steps=50, dt=0.02, frequencies=0, frequency_min=1, frequency_max=3, cue="share", first=1, channels=2)
    trials = task.sample([stream(7, "training", 0)], 4000)
    assert (trials.inputs == trials.inputs[:, :, :1]).all()
    named = 3 * trials.inputs[0, :, 0].astype(float)
    assert named.min() >= 1
    assert named.max() <= 3
    for quantile in (0.1, 0.5, 0.9):
        assert abs(np.quantile(named, quantile) - (1 + 2 * quantile)) < 5 / np.sqrt(8000)
    assert len(np.unique(named)) > 7900
    for trial in range(5):
        for channel in range(2):
            for step in range(50):
                expected = math.sin(2 * math.pi * named[trial, channel] * (step + 1) / 50)
                assert abs(trials.targets[0, trial, step, channel] - expected) < 1e-5


def test_no_accuracy_is_defined():
    task = Sine(steps=5)
    trials = task.sample([stream(6, "training", 0)], 2)
    assert task.accuracy(trials.targets, trials) is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"channels": 0}, "sine parameter 'channels': 0 is not allowed"),
        ({"steps": 0}, "'steps'"),
        ({"dt": 0}, "'dt': 0.0 is not allowed"),
        ({"frequencies": -1}, "'frequencies'"),
        ({"cue": "pitch"}, "'cue'.*centred or share"),
        ({"first": 2}, "'first'.*0 or 1"),
        ({"frequency_min": -1}, "'frequency_min'"),
        ({"frequency_max": 1}, r"'frequency_max'.*more than frequency_min \(1\)"),
        ({"frequency_max": 51}, r"'frequency_max'.*at most 1/\(2 dt\) \(50\)"),
    ],
)
def test_refusals(parameters, message):
    with pytest.raises(InputError, match=message):
        Sine(**parameters)
