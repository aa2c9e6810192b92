"""Evidence accumulation against its definition, the laws of its draws, and its scoring."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks.base import Trials
from rnnkit.tasks.chance import chance
from rnnkit.tasks.evidence_accumulation import EvidenceAccumulation, _break_ties


def drawn(task, trials, seed=0):
    return task.sample([stream(seed, "training", 0)], trials)


def test_the_target_is_the_input_with_more_pulses():
    task = EvidenceAccumulation(evidence=7, delay=3, response=4)
    trials = task.sample([stream(0, "training", 0), stream(1, "training", 0)], 200)
    assert trials.mask is None
    assert set(np.unique(trials.inputs)) == {0, 1}
    assert not trials.inputs[:, :, 7:].any()
    answers = set()
    for network in range(2):
        for trial in range(200):
            counts = [int(channel.sum()) for channel in trials.inputs[network, trial].T]
            assert counts[0] != counts[1]
            answer = [float(counts[0] > counts[1]), float(counts[1] > counts[0])]
            assert trials.targets[network, trial].tolist() == [[0, 0]] * 10 + [answer] * 4
            answers.add(tuple(answer))
    assert len(answers) == 2


def test_rates_and_coherences_have_their_laws():
    """The difference of the counts is 2 steps rate c in the mean; ties are rare with so many steps."""
    task = EvidenceAccumulation(evidence=2000, levels=2, coherence=0.5)
    pulses = drawn(task, 1500).inputs[0, :, :2000]
    both = pulses.mean(axis=1)
    coherence = (both[:, 0] - both[:, 1]) / 0.5
    nearest = np.round(coherence / 0.25) * 0.25
    assert np.abs(coherence - nearest).max() < 0.12
    values, counts = np.unique(nearest, return_counts=True)
    assert values.tolist() == [-0.5, -0.25, 0.25, 0.5]
    np.testing.assert_allclose(counts / 1500, 0.25, atol=0.05)
    assert both.sum(axis=1).mean() == pytest.approx(0.5, abs=0.005)


def test_ties_go_to_the_favoured_input():
    pulses = np.zeros((1, 4, 3, 2), bool)
    pulses[0, 1, [0, 2]] = True  # two each
    pulses[0, 2] = True  # all
    pulses[0, 3, 0, 0] = True  # no tie
    _break_ties(pulses, np.array([[True, False, True, False]]))
    assert pulses[0, 0].T.tolist() == [[True, False, False], [False] * 3]
    assert pulses[0, 1].T.tolist() == [[True, False, True], [True] * 3]
    assert pulses[0, 2].T.tolist() == [[True] * 3, [False, True, True]]
    assert pulses[0, 3].sum() == 1


def test_chance_is_a_tenth_and_a_half():
    task = EvidenceAccumulation()
    found = [chance(task, drawn(task, 20_000, seed)) for seed in range(3)]
    assert np.mean([one.loss for one in found]) == pytest.approx(0.1, abs=1e-3)
    assert np.mean([one.accuracy for one in found]) == pytest.approx(0.5, abs=0.01)


def test_accuracy():
    task = EvidenceAccumulation(evidence=1, delay=0, response=2)
    targets = np.zeros((2, 4, 3, 2), np.float32)
    targets[:, :2, 1:, 0], targets[:, 2:, 1:, 1] = 1, 1
    outputs = np.zeros_like(targets)
    outputs[:, :, 0, 1] = 9  # before the response
    outputs[0, 0, 1:, 0] = 2, -1  # right in the mean
    outputs[0, 1, 1:, 1] = 1  # wrong
    outputs[0, 2, 2, 1] = 0.1  # right; the fourth says neither: wrong
    outputs[1, 0, 1, 0] = np.nan
    found = task.accuracy(outputs, Trials(outputs, targets))
    assert found[0] == 0.5
    assert np.isnan(found[1])


def test_out_of_distribution_has_more_to_count_and_to_keep():
    assert EvidenceAccumulation(evidence=3, delay=2).ood() == EvidenceAccumulation(evidence=6, delay=4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"evidence": 0}, "'evidence'"),
        ({"delay": -1}, "'delay'"),
        ({"response": 0}, "'response'"),
        ({"levels": 0}, "'levels'"),
        ({"coherence": 0}, "'coherence'"),
        ({"rate": 0.6, "coherence": 0.8}, "'rate'.*at most 0.556"),
    ],
)
def test_refusals(parameters, message):
    with pytest.raises(InputError, match=message):
        EvidenceAccumulation(**parameters)
