"""Delayed addition against its definition, the laws of its draws, and its scoring."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks.base import Trials
from rnnkit.tasks.chance import chance
from rnnkit.tasks.delayed_addition import DelayedAddition
from rnnkit.tasks.sine import Sine


def drawn(task, trials, seed=0):
    return task.sample([stream(seed, "training", 0)], trials)


def test_the_target_is_the_sum_at_the_cues():
    trials = DelayedAddition(steps=21).sample([stream(0, "training", 0), stream(1, "training", 0)], 40)
    for network in range(2):
        for trial in range(40):
            numbers, cue = trials.inputs[network, trial].T.astype(float)
            places = [t + 1 for t in range(21) if cue[t] != 0]
            assert len(places) == 2
            assert set(cue) == {0, 1}
            assert sum(numbers[t - 1] for t in places) == pytest.approx(trials.targets[network, trial, 20, 0], abs=1e-6)
            assert not trials.targets[network, trial, :20].any()
            assert trials.mask[network, trial].tolist() == [0] * 20 + [1]


@pytest.mark.parametrize("steps", [10, 14, 20, 40])
def test_cues_have_their_laws(steps):
    """Joint law of the earlier and the later cue, by enumeration: t1 on 1..9, t2 on 1..T/2-1 without t1."""
    last = steps // 2 - 1
    wanted = np.zeros((steps + 1, steps + 1))
    for first in range(1, 10):
        others = [t for t in range(1, last + 1) if t != first]
        for second in others:
            wanted[min(first, second), max(first, second)] += 1 / 9 / len(others)
    cue = drawn(DelayedAddition(steps=steps), 40000).inputs[0, :, :, 1]
    places = np.argwhere(cue)[:, 1].reshape(-1, 2) + 1
    found = np.zeros_like(wanted)
    np.add.at(found, (places[:, 0], places[:, 1]), 1 / 40000)
    assert not found[wanted == 0].any()
    np.testing.assert_allclose(found, wanted, atol=4.5 * np.sqrt(wanted.max() / 40000))


def test_numbers_are_uniform_and_the_cue_takes_any_of_them():
    trials = drawn(DelayedAddition(steps=20), 20000)
    numbers = trials.inputs[..., 0]
    assert (numbers.min(), numbers.max()) == pytest.approx((0, 1), abs=1e-4)
    assert numbers.max() < 1
    assert numbers.var() == pytest.approx(1 / 12, rel=0.01)
    assert trials.targets[0, :, -1, 0].var() == pytest.approx(1 / 6, rel=0.04)


def test_fixed_times_change_the_cues_only():
    free, fixed = (drawn(DelayedAddition(steps=20, fixed_times=held), 50) for held in (False, True))
    np.testing.assert_array_equal(free.inputs[..., 0], fixed.inputs[..., 0])
    assert (np.argwhere(fixed.inputs[0, :, :, 1])[:, 1].reshape(-1, 2) + 1 == [5, 9]).all()


def test_chance_is_a_sixth_and_eight_in_a_hundred():
    """A million trials, a hundred thousand at a time; the mean of u1 + u2 is 1, its density there 1."""
    task = DelayedAddition(steps=10)
    found = [chance(task, drawn(task, 100_000, seed)) for seed in range(10)]
    assert np.mean([one.loss for one in found]) == pytest.approx(1 / 6, abs=1e-3)
    assert np.mean([one.accuracy for one in found]) == pytest.approx(2 * 0.04 - 0.04**2, abs=1e-3)


def test_who_knows_one_number_has_half_of_it_and_no_better_accuracy():
    task = DelayedAddition(steps=20, fixed_times=True)
    trials = drawn(task, 100_000)
    answers = np.zeros_like(trials.targets)
    answers[0, :, -1, 0] = trials.inputs[0, :, 4, 0] + 0.5
    apart = answers[0, :, -1, 0] - trials.targets[0, :, -1, 0]
    assert (apart**2).mean() == pytest.approx(1 / 12, abs=1e-3)
    assert task.accuracy(answers, trials)[0] == pytest.approx(0.08, abs=0.005)


def test_accuracy():
    task = DelayedAddition(steps=10)
    targets = np.full((2, 4, 10, 1), 1, np.float32)
    outputs = np.full_like(targets, 9)  # all but the last step is of no account
    outputs[0, :, -1, 0] = [1.039, 0.961, 1.041, 0.9]
    outputs[1, :, -1, 0] = [1, np.inf, 1, 1]
    found = task.accuracy(outputs, Trials(outputs, targets))
    assert found[0] == 0.5
    assert np.isnan(found[1])


def test_out_of_distribution_is_twice_as_long():
    assert DelayedAddition(steps=20, fixed_times=True).ood() == DelayedAddition(steps=40, fixed_times=True)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"steps": 9}, "'steps': 9 is not allowed .*10 or more"),
        ({"steps": 13, "fixed_times": True}, "'steps': 13 is not allowed .*14 or more"),
    ],
)
def test_refusals(parameters, message):
    with pytest.raises(InputError, match=message):
        DelayedAddition(**parameters)


def test_both_numbers_and_their_sum_are_what_a_trial_is_about():
    task = DelayedAddition(steps=14)
    trials = task.sample([np.random.default_rng(k) for k in range(2)], 50)
    found = task.quantities(trials)
    for net, trial in np.ndindex(2, 50):
        numbers, cue = trials.inputs[net, trial].T
        first, second = np.flatnonzero(cue)
        assert (found["cue1"][net, trial], found["cue2"][net, trial]) == (numbers[first], numbers[second])
        assert found["sum"][net, trial] == trials.targets[net, trial, -1, 0]
    assert DelayedAddition(**task.aligned).fixed_times
    assert Sine().quantities(trials) == {}
