"""Repeat copy against its definition, read literally."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks.copying import Copy


@settings(max_examples=30, deadline=None)
@given(symbols=st.integers(1, 9), channels=st.integers(1, 4), lags=st.integers(1, 40), seed=st.integers(0, 99))
def test_every_entry_is_the_definitions(symbols, channels, lags, seed):
    """z_1 .. z_s, then y at lag l = z_{1 + (l - 1) mod s}, and only lags count."""
    task = Copy(symbols=symbols, channels=channels, lags=lags)
    trials = task.sample([stream(seed, "training", 0), stream(seed + 1, "training", 0)], 3)
    for network in range(2):
        for trial in range(3):
            x, y = trials.inputs[network, trial], trials.targets[network, trial]
            assert set(x[:symbols].ravel().tolist()) <= {-1.0, 1.0}
            assert not x[symbols:].any()
            assert not y[:symbols].any()
            for lag in range(1, lags + 1):
                assert y[symbols + lag - 1].tolist() == x[(lag - 1) % symbols].tolist()
            assert trials.mask[network, trial].tolist() == [0.0] * symbols + [1.0] * lags


def test_signs_are_fair_and_independent():
    trials = Copy().sample([stream(0, "training", 0)], 4000)
    shown = trials.inputs[0, :, :8].reshape(4000, 64).astype(float)
    assert abs(shown.mean(axis=0)).max() < 5 / np.sqrt(4000)
    products = shown.T @ shown / 4000 - np.eye(64)
    assert abs(products).max() < 5.5 / np.sqrt(4000)


def test_more_lags_are_the_same_trials_carried_on():
    task = Copy(lags=10)
    short, long = (one.sample([stream(5, "training", 0)], 8) for one in (task, task.ood()))
    assert task.ood() == Copy(lags=20)
    np.testing.assert_array_equal(long.inputs[:, :, :18], short.inputs)
    np.testing.assert_array_equal(long.targets[:, :, :18], short.targets)


def test_accuracy_counts_lags_alone_and_zero_is_wrong():
    task = Copy(symbols=2, channels=2, lags=4)
    trials = task.sample([stream(6, "training", 0)], 5)
    right = trials.targets.copy()
    right[:, :, :2] = -7  # while the sequence is shown, anything goes
    assert task.accuracy(right, trials).tolist() == [1.0]
    assert task.accuracy(-right, trials).tolist() == [0.0]
    right[0, 0, 2, 0] *= -1
    right[0, 1, 5, 1] = 0
    assert task.accuracy(right, trials)[0] == pytest.approx(1 - 2 / 40)
    right[0, 2, 3, 1] = np.inf
    assert np.isnan(task.accuracy(right, trials)[0])


def test_a_network_that_shifts_replays_for_ever():
    """A ring of s d units that shifts by d a step is the task's solution: sum of squares 0 at any number of lags."""
    task = Copy(symbols=3, channels=2, lags=50)
    trials = task.sample([stream(7, "training", 0)], 4)
    state = np.zeros((4, 6))
    for step in range(task.length):
        state = np.roll(state, 2, axis=1)
        shown = trials.inputs[0, :, step]
        state[:, :2] = np.where(shown != 0, shown, state[:, :2])
        if step >= 3:
            # After three symbols the oldest stands last; it comes first again with the first lag.
            np.testing.assert_array_equal(state[:, :2], trials.targets[0, :, step])


@pytest.mark.parametrize("name", ["symbols", "channels", "lags"])
def test_refusals(name):
    with pytest.raises(InputError, match=f"copy parameter '{name}': 0 is not allowed"):
        Copy(**{name: 0})
