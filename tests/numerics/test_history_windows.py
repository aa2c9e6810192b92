"""Windows of trials laid end to end, against loops over trials and steps."""

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.history_windows import history_windows
from tests.oracles.history_regression import window

TRIALS, STEPS, LONGEST = 5, 7, 4


def series(inputs=2, outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    draw = lambda channels: rng.normal(3, 2, size=(TRIALS, STEPS, channels)).astype(np.float32)  # noqa: E731
    return draw(inputs), draw(outputs)


def standardised(values):
    own = values[:3].astype(np.float64)
    return lambda raw: (raw - own.mean((0, 1))) / own.std((0, 1))


@pytest.mark.parametrize("inputs_until", ["t", "t-1"])
@pytest.mark.parametrize("outputs", ["window", "previous", "none"])
@pytest.mark.parametrize("history", [1, 3, 4])
def test_windows_are_those_of_a_loop(inputs_until, outputs, history):
    x, y = series()
    made = history_windows(x, y, None, LONGEST, training=3, inputs_until=inputs_until, outputs=outputs).up_to(history)
    # Zeros before a trial are zeros of the task, standardised with the rest.
    centre = {0: standardised(x), 1: standardised(y)}
    for trial in range(TRIALS):
        for step in range(1, STEPS):
            raw = window(x, y, trial, step, history, inputs_until, outputs)
            found = made.series[made.channel, trial * made.stride + made.rest + step - made.lag]
            mean = np.concatenate([-f(np.zeros(2)) for f in centre.values()])[made.channel]
            scale = np.concatenate([f(np.ones(2)) - f(np.zeros(2)) for f in centre.values()])[made.channel]
            np.testing.assert_allclose(found, raw * scale - mean, rtol=0, atol=1e-5)


def test_targets_weights_and_what_a_history_holds():
    x, y = series()
    made = history_windows(x, y, None, LONGEST, training=3)
    weights = made.weights.reshape(TRIALS, -1)
    assert weights.sum() == TRIALS * (STEPS - 1)
    assert weights[:, : LONGEST + 1].sum() == 0
    counted = y[:3, 1:].astype(np.float64)
    assert made.scale == pytest.approx(np.sqrt(counted.var((0, 1)).mean()), rel=1e-6)
    expected = (y - counted.mean((0, 1))) / made.scale
    found = made.targets.reshape(2, TRIALS, -1)[:, :, LONGEST:]
    np.testing.assert_allclose(np.moveaxis(found, 0, -1), expected, atol=1e-5)
    assert [made.features(h) for h in (1, 2, 4)] == [4, 8, 16]
    assert len(made.up_to(2).channel) == 8


def test_a_mask_decides_which_targets_count():
    x, y = series()
    mask = np.zeros((TRIALS, STEPS), np.float32)
    mask[:, 0], mask[:, 4] = 9, 0.5
    y[:, 5] = 1e6  # does not count
    made = history_windows(x, y, mask, LONGEST, training=3)
    weights = made.weights.reshape(TRIALS, -1)[:, LONGEST:]
    assert np.flatnonzero(weights[0]).tolist() == [4]
    assert weights[:, 4].tolist() == [0.5] * TRIALS
    assert made.scale == pytest.approx(np.sqrt(y[:3, 4].astype(np.float64).var(0).mean()), rel=1e-5)


def test_held_out_trials_do_not_enter_the_standardisation():
    x, y = series()
    before = history_windows(x, y, None, 2, training=3)
    x[3:], y[3:] = 100, -100
    after = history_windows(x, y, None, 2, training=3)
    kept = 3 * before.stride
    assert np.array_equal(before.series[:, :kept], after.series[:, :kept])
    assert np.array_equal(before.targets[:, :kept], after.targets[:, :kept])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8])
def test_a_constant_channel_is_only_centred(value):
    x, y = series()
    x[..., 1] = value
    made = history_windows(x, y, None, 2, training=3)
    inside = made.series[1].reshape(TRIALS, -1)[:, 2:]
    assert np.abs(inside).max() <= 1e-6 * value
    assert made.series[0].std() > 0.5


def test_what_cannot_be_predicted_at_all_is_refused():
    x, y = series()
    with pytest.raises(InputError, match="do not vary"):
        history_windows(x, np.ones_like(y), None, 2, training=3)
    mask = np.zeros((TRIALS, STEPS), np.float32)
    mask[:, 0] = 1
    with pytest.raises(InputError, match="no step after the first"):
        history_windows(x, y, mask, 2, training=3)
