"""Context-dependent integration against its definition, and the laws of its draws."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks.context_integration import ContextIntegration


def test_targets_are_the_cued_stream_s_running_sums():
    task = ContextIntegration(steps=20, scale=5)
    trials = task.sample([stream(0, "training", 0), stream(1, "training", 0)], 30)
    cued = set()
    for network in range(2):
        for trial in range(30):
            x = trials.inputs[network, trial].astype(float)
            cue = x[:, 2:]
            assert (cue == cue[0]).all()
            assert sorted(cue[0]) == [0, 1]
            cued.add(tuple(cue[0]))
            total = 0.0
            for step in range(20):
                total += x[step, 0] if cue[0, 0] == 1 else x[step, 1]
                assert abs(trials.targets[network, trial, step, 0] - total / 5) < 1e-5
    assert len(cued) == 2
    assert trials.mask is None


def test_means_noise_and_cues_have_their_laws():
    trials = ContextIntegration(steps=100, noise=0.5).sample([stream(2, "training", 0)], 4000)
    streams = trials.inputs[0, :, :, :2].astype(float)
    means = streams.mean(axis=1)
    # U[-.5, .5] has variance 1/12; a mean over 100 steps adds .25/100
    np.testing.assert_allclose(means.var(axis=0), 1 / 12 + 0.0025, rtol=0.1)
    assert abs(np.corrcoef(means.T)[0, 1]) < 4 / np.sqrt(4000)
    np.testing.assert_allclose((streams - means[:, None]).std(), 0.5, rtol=0.02)
    cue = trials.inputs[0, :, 0, 2]
    assert abs(cue.mean() - 0.5) < 4 * 0.5 / np.sqrt(4000)
    assert abs(np.corrcoef(cue, means[:, 0])[0, 1]) < 4 / np.sqrt(4000)


def test_variance_of_the_target_is_that_of_a_walk_with_drift():
    """Var y_t = (t noise^2 + t^2 drift^2 / 3) / scale^2."""
    targets = ContextIntegration().sample([stream(3, "training", 0)], 20000).targets[0, :, :, 0].astype(float)
    t = np.arange(1, 49)
    np.testing.assert_allclose(targets.var(axis=0), (t + t**2 / 12) / 48**2, rtol=0.06)


def test_the_size_of_the_noise_changes_nothing_else():
    quiet, loud = (ContextIntegration(noise=size).sample([stream(4, "training", 0)], 9) for size in (0.0, 2.0))
    np.testing.assert_array_equal(quiet.inputs[..., 2:], loud.inputs[..., 2:])
    assert (quiet.inputs[0, :, :1] == quiet.inputs[0]).all()
    noise = (loud.inputs - quiet.inputs)[..., :2]
    assert noise.std() == pytest.approx(2, rel=0.1)


def test_out_of_distribution_is_twice_as_long():
    assert ContextIntegration(steps=7).ood() == ContextIntegration(steps=14)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"steps": 0}, "'steps': 0 is not allowed"),
        ({"drift": -1}, "'drift'"),
        ({"noise": -1}, "'noise'"),
        ({"scale": 0}, "'scale'.*more than 0"),
        ({"noise": 0, "drift": 0}, "'noise'.*as drift is 0"),
    ],
)
def test_refusals(parameters, message):
    with pytest.raises(InputError, match=message):
        ContextIntegration(**parameters)
