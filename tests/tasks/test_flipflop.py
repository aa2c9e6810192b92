"""The flip-flop against a loop over one trial, and against the numbers of its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks.flipflop import FlipFlop


def held_by_loop(pulses: np.ndarray) -> np.ndarray:
    """Targets of one trial, (steps, bits), one bit and one step at a time."""
    targets = np.zeros_like(pulses)
    for bit in range(pulses.shape[1]):
        last = 0.0
        for step in range(pulses.shape[0]):
            if pulses[step, bit] != 0:
                last = pulses[step, bit]
            targets[step, bit] = last
    return targets


@settings(max_examples=40, deadline=None)
@given(
    bits=st.integers(1, 5),
    steps=st.integers(1, 70),
    probability=st.floats(0.01, 1),
    start=st.sampled_from(["zero", "pulse"]),
    seed=st.integers(0, 1000),
)
def test_targets_are_the_last_pulse(bits, steps, probability, start, seed):
    task = FlipFlop(bits=bits, steps=steps, probability=probability, start=start)
    trials = task.sample([stream(seed, "training", 0), stream(seed + 1, "training", 0)], 2)
    assert set(np.unique(trials.inputs)) <= {-1, 0, 1}
    for network in range(2):
        for trial in range(2):
            expected = held_by_loop(trials.inputs[network, trial])
            np.testing.assert_array_equal(trials.targets[network, trial], expected)


@pytest.mark.parametrize("probability", [0.3, 0.05, 0.8])
def test_pulse_rate_and_sign_balance(probability):
    task = FlipFlop(probability=probability, steps=50)
    inputs = task.sample([stream(0, "training", 0)], 2000).inputs
    pulses = inputs != 0
    rate_error = np.sqrt(probability * (1 - probability) / pulses.size)
    assert abs(pulses.mean() - probability) < 4 * rate_error
    assert abs(inputs[pulses].mean()) < 4 / np.sqrt(pulses.sum())
    # Independent over bits and over steps: products average to 0, with standard deviation p.
    for product in (inputs[..., 0] * inputs[..., 1], inputs[:, :, 1:] * inputs[:, :, :-1]):
        assert abs(product.mean()) < 4 * probability / np.sqrt(product.size)
    both = pulses[:, :, 1:] & pulses[:, :, :-1]
    assert abs(both.mean() - probability**2) < 6 * probability / np.sqrt(both.size)


def test_share_of_zero_targets():
    task = FlipFlop()
    targets = task.sample([stream(1, "training", 0)], 4000).targets
    zeros = (targets == 0).mean(axis=(0, 2, 3))
    expected = sum(0.7**step for step in range(1, 101)) / 100
    assert abs(zeros.mean() - expected) < 4 * zeros.std() / np.sqrt(len(zeros))
    assert targets.var() == pytest.approx(0.977, abs=0.002)


def test_a_bit_changes_with_half_the_probability():
    task = FlipFlop(start="pulse")
    targets = task.sample([stream(2, "training", 0)], 1000).targets
    changed = targets[:, :, 1:] != targets[:, :, :-1]
    assert abs(changed.mean() - 0.15) < 4 * np.sqrt(0.15 * 0.85 / changed.size)


def test_start_with_a_pulse():
    ordinary, pulsed = FlipFlop(probability=0.1), FlipFlop(probability=0.1, start="pulse")
    first = pulsed.sample([stream(3, "training", 0)], 2000)
    assert (first.inputs[:, :, 0] != 0).all()
    assert (first.targets != 0).all()
    assert abs(first.inputs[:, :, 0].mean()) < 4 / np.sqrt(first.inputs[:, :, 0].size)
    rest = ordinary.sample([stream(3, "training", 0)], 2000)
    np.testing.assert_array_equal(first.inputs[:, :, 1:], rest.inputs[:, :, 1:])


def test_every_step_has_a_pulse_at_probability_one():
    trials = FlipFlop(probability=1, steps=20).sample([stream(4, "training", 0)], 50)
    assert (trials.inputs != 0).all()
    np.testing.assert_array_equal(trials.inputs, trials.targets)


def test_out_of_distribution_doubles_the_steps():
    assert FlipFlop(bits=2, steps=30, start="pulse").ood() == FlipFlop(bits=2, steps=60, start="pulse")


def test_accuracy_counts_signs_and_leaves_zero_targets_out():
    task = FlipFlop(bits=2, steps=10)
    trials = task.sample([stream(seed, "training", 0) for seed in range(4)], 6)
    outputs = 0.1 * trials.targets
    outputs[trials.targets == 0] = 7
    outputs[1] *= -1
    outputs[2, :, :, 1] = 0
    outputs[3, 0, 0, 0] = np.inf
    second = trials.targets[2, :, :, 1] != 0
    expected = 1 - second.sum() / (trials.targets[2] != 0).sum()
    np.testing.assert_allclose(task.accuracy(outputs, trials), [1, 0, expected, np.nan])


def test_accuracy_without_a_pulse_is_no_number():
    task = FlipFlop(probability=1e-7, steps=2)
    trials = task.sample([stream(0, "training", 0)], 3)
    assert (trials.targets == 0).all()
    assert np.isnan(task.accuracy(trials.targets, trials)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bits": 0}, r"flipflop parameter 'bits': 0 is not allowed \(give 1 or more\)"),
        ({"probability": 0}, r"flipflop parameter 'probability': 0\.0 is not allowed"),
        ({"probability": 1.1}, "'probability': 1.1 is not allowed"),
        ({"probability": float("nan")}, "'probability': nan is not a finite number"),
        ({"steps": 0}, "'steps': 0 is not allowed"),
        ({"steps": 2.5}, "'steps': 2.5 is not an integer"),
        ({"start": "one"}, r"'start': 'one' is not zero or pulse \(give zero or pulse\)"),
    ],
)
def test_refusals(parameters, message):
    with pytest.raises(InputError, match=message):
        FlipFlop(**parameters)
