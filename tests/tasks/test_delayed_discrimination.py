"""Delayed discrimination against a loop over one trial, both timelines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks.delayed_discrimination import DelayedDiscrimination

STANDARD = DelayedDiscrimination()
PULSED = DelayedDiscrimination(timeline="pulsed")


def sample(task, trials, seed=0):
    return task.sample([stream(seed, "training", 0)], trials)


def delay_of(inputs: np.ndarray, pulsed: bool) -> int:
    """Steps between the nominal and the actual onset of the second pulse of one trial, (steps, inputs)."""
    second = inputs[:, inputs.shape[1] // 2] if pulsed else np.where(np.arange(len(inputs)) < 10, 0, inputs[:, 0])
    return int(np.flatnonzero(second)[0]) - (15 if pulsed else 10)


def trial_by_loop(task, delay: int, first: list[float], second: list[float]) -> tuple[np.ndarray, ...]:
    """Inputs, main targets and response of one trial from its delay and amplitudes, a step at a time."""
    inputs = np.zeros((task.length, task.inputs))
    targets, response = np.zeros((task.length, task.channels)), np.zeros(task.length)
    for step in range(task.length):
        for channel in range(task.channels):
            if task.timeline == "pulsed":
                if 5 <= step <= 9:
                    inputs[step, channel] = first[channel]
                if 15 + delay <= step <= 19 + delay:
                    inputs[step, task.channels + channel] = second[channel]
                if 30 + delay <= step <= 34 + delay:
                    response[step] = 1
                    targets[step, channel] = 1 if first[channel] > second[channel] else -1
            else:
                if 5 <= step < 10:
                    inputs[step, channel] = first[channel]
                if 10 + delay <= step < 15 + delay:
                    inputs[step, channel] = second[channel]
                if step >= 15 + delay:
                    response[step] = 1
                    targets[step, channel] = 1 if second[channel] > first[channel] else -1
    return inputs, targets, response


@settings(max_examples=40, deadline=None)
@given(
    timeline=st.sampled_from(["standard", "pulsed"]),
    channels=st.integers(1, 3),
    delays=st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted),
    amplitudes=st.sampled_from(["real", "integer"]),
    further_steps=st.integers(0, 4),
    seed=st.integers(0, 1000),
)
def test_timing_is_exact(timeline, channels, delays, amplitudes, further_steps, seed):
    shortest, longest = delays
    task = DelayedDiscrimination(
        timeline=timeline, channels=channels, delay_min=shortest, delay_max=longest,
        amplitudes=amplitudes, steps=45 + longest + further_steps, loss="response",
    )  # fmt: skip
    trials = sample(task, 6, seed)
    pulsed = timeline == "pulsed"
    for trial in range(6):
        inputs = trials.inputs[0, trial]
        delay = delay_of(inputs, pulsed)
        assert shortest <= delay <= longest
        # From the end of f1, step 10, to the response.
        assert np.flatnonzero(trials.mask[0, trial])[0] - 10 == delay + (20 if pulsed else 5)
        second = inputs[15 + delay, channels:] if pulsed else inputs[10 + delay]
        expected = trial_by_loop(task, delay, list(inputs[5, :channels]), list(second))
        found = (inputs, trials.targets[0, trial], trials.mask[0, trial])
        for got, wanted in zip(found, expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("task", "low", "high"), [(STANDARD, 5, 20), (PULSED, 0, 19)])
def test_delays_are_uniform(task, low, high):
    inputs = sample(task, 8000).inputs[0]
    delays = np.array([delay_of(trial, task is PULSED) for trial in inputs])
    values, counts = np.unique(delays, return_counts=True)
    assert values.tolist() == list(range(low, high + 1))
    share = 1 / len(values)
    assert (abs(counts / 8000 - share) < 4 * np.sqrt(share * (1 - share) / 8000)).all()


def test_real_amplitudes_are_uniform_and_independent():
    inputs = sample(DelayedDiscrimination(delay_min=5, delay_max=5), 10000).inputs[0, :, :, 0]
    first, second = inputs[:, 5], inputs[:, 15]
    for amplitude in (first, second):
        assert amplitude.min() >= 2
        assert amplitude.max() <= 10
        assert abs(amplitude.mean() - 6) < 4 * np.sqrt(64 / 12 / 10000)
        assert amplitude.var() == pytest.approx(64 / 12, rel=0.04)
    assert abs(((first - 6) * (second - 6)).mean()) < 4 * (64 / 12) / np.sqrt(10000)


def test_integer_amplitudes_are_every_unequal_pair_alike():
    task = DelayedDiscrimination(timeline="pulsed", delay_max=0, amplitude_min=1.5, amplitude_max=4.2)
    inputs = sample(task, 6000).inputs[0]
    pairs, counts = np.unique(np.stack([inputs[:, 5, 0], inputs[:, 15, 1]]), axis=1, return_counts=True)
    assert pairs.T.tolist() == [[2, 3], [2, 4], [3, 2], [3, 4], [4, 2], [4, 3]]
    assert (abs(counts / 6000 - 1 / 6) < 4 * np.sqrt(5 / 36 / 6000)).all()


def test_variances():
    assert sample(STANDARD, 5000).targets.var() == pytest.approx(0.54, abs=0.01)
    # Five of sixty steps.
    assert np.square(sample(PULSED, 100).targets).mean() == pytest.approx(5 / 60)


def test_channels_share_the_delay_and_nothing_else():
    trials = sample(DelayedDiscrimination(channels=3), 500)
    responding = trials.targets != 0
    assert (responding == responding[..., :1]).all()
    signs = trials.targets[0, :, -1]
    assert abs((signs[:, 0] * signs[:, 1]).mean()) < 4 / np.sqrt(500)


def test_timeline_decides_what_is_not_given():
    assert (STANDARD.delay_min, STANDARD.delay_max, STANDARD.amplitudes, STANDARD.steps) == (
        5,
        20,
        "real",
        60,
    )
    assert (PULSED.delay_min, PULSED.delay_max, PULSED.amplitudes, PULSED.steps) == (0, 19, "integer", 60)
    assert DelayedDiscrimination(delay_max=30).steps == 70
    assert DelayedDiscrimination(delay_max=30, steps=50).steps == 50
    given_all = DelayedDiscrimination(timeline="pulsed", delay_min=5, delay_max=20, amplitudes="real", steps=60)
    assert (given_all.delay_min, given_all.delay_max, given_all.amplitudes) == (5, 20, "real")
    assert (STANDARD.inputs, PULSED.inputs, STANDARD.outputs, PULSED.outputs) == (1, 2, 1, 1)


@pytest.mark.parametrize("timeline", ["standard", "pulsed"])
def test_auxiliary_outputs_follow_the_signs(timeline):
    plain = DelayedDiscrimination(timeline=timeline, channels=2, scale=0.1)
    task = DelayedDiscrimination(timeline=timeline, channels=2, scale=0.1, auxiliary=True)
    assert (task.outputs, task.main_outputs, plain.main_outputs) == (4, 2, 2)
    trials = sample(task, 40)
    np.testing.assert_array_equal(trials.targets[..., :2], sample(plain, 40).targets)
    for trial in range(40):
        inputs = trials.inputs[0, trial]
        delay = delay_of(inputs, timeline == "pulsed")
        if timeline == "pulsed":
            difference = inputs[5, :2] - inputs[15 + delay, 2:]
        else:
            difference = inputs[10 + delay] - inputs[5]
        responding = trials.targets[0, trial, :, :1] != 0
        np.testing.assert_allclose(trials.targets[0, trial, :, 2:], responding * difference / 0.8, atol=1e-6)
    assert abs(trials.targets[..., 2:]).max() <= 1


def test_scale_multiplies_the_inputs_only():
    plain, scaled = sample(STANDARD, 20), sample(DelayedDiscrimination(scale=0.1), 20)
    np.testing.assert_allclose(scaled.inputs, 0.1 * plain.inputs, rtol=1e-6)
    np.testing.assert_array_equal(scaled.targets, plain.targets)


def test_loss_over_the_response():
    assert sample(STANDARD, 3).mask is None
    for timeline in ("standard", "pulsed"):
        trials = sample(DelayedDiscrimination(timeline=timeline, loss="response"), 50)
        np.testing.assert_array_equal(trials.mask, abs(trials.targets[..., 0]))


def test_out_of_distribution_doubles_the_delay_and_keeps_the_longest_delay_answerable():
    ood = STANDARD.ood()
    assert (ood.delay_min, ood.delay_max, ood.steps, ood.amplitudes) == (10, 40, 80, "real")
    assert (sample(ood, 300).targets != 0).sum(axis=2).min() == 25
    ood = PULSED.ood()
    assert (ood.delay_min, ood.delay_max, ood.steps, ood.amplitudes) == (0, 38, 79, "integer")
    assert ((sample(ood, 300).targets != 0).sum(axis=2) == 5).all()
    longer = DelayedDiscrimination(delay_max=10, steps=70, channels=2, auxiliary=True)
    assert longer.ood() == DelayedDiscrimination(delay_min=10, delay_max=20, steps=80, channels=2, auxiliary=True)


def test_accuracy_is_of_the_mean_over_the_response():
    task = DelayedDiscrimination(channels=2, auxiliary=True)
    trials = task.sample([stream(seed, "training", 0) for seed in range(4)], 10)
    outputs = trials.targets.copy()
    outputs[..., 2:] *= -1
    outputs[0][trials.targets[0] == 0] = -5
    # Wrong at the last step only, and not by enough.
    outputs[0, :, -1, :2] *= -1
    outputs[1, :, :, 0] *= -1
    outputs[2, :3, :, 1] = 0
    outputs[3, 0, 0, 0] = np.inf
    np.testing.assert_allclose(task.accuracy(outputs, trials), [1, 0.5, 17 / 20, np.nan])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"channels": 0}, "delayed-discrimination parameter 'channels': 0 is not allowed"),
        ({"delay_min": -1}, "'delay_min': -1 is not allowed"),
        ({"delay_max": 4}, r"'delay_max': 4 is not allowed \(give delay_min \(5\) or more\)"),
        ({"steps": 35}, r"'steps': 35 is not allowed \(give 36 or more.*longest delay \(20\)"),
        ({"timeline": "pulsed", "steps": 53}, "'steps': 53 is not allowed .give 54 or more"),
        ({"amplitude_max": 2}, r"'amplitude_max': 2\.0 is not allowed \(give more than amplitude_min \(2\)"),
        (
            {"amplitudes": "integer", "amplitude_min": 2.1, "amplitude_max": 3.9},
            r"'amplitudes': 'integer' is not allowed \(give real, or two integers from amplitude_min \(2.1\)",
        ),
        ({"scale": 0}, "'scale'"),
        ({"loss": "none"}, "'loss': 'none' is not all or response"),
        ({"timeline": "other"}, "'timeline': 'other' is not standard or pulsed"),
        ({"amplitudes": "even"}, "'amplitudes': 'even' is not real or integer"),
    ],
)  # fmt: skip
def test_refusals(parameters, message):
    with pytest.raises(InputError, match=message):
        DelayedDiscrimination(**parameters)


def test_the_shortest_trials_allowed_hold_a_whole_response():
    standard = sample(DelayedDiscrimination(delay_min=20, steps=36), 5)
    assert ((standard.targets != 0).sum(axis=2) == 1).all()
    pulsed = sample(DelayedDiscrimination(timeline="pulsed", delay_min=19, steps=54), 5)
    assert ((pulsed.targets != 0).sum(axis=2) == 5).all()
