"""The flip-flop with pulses that last: its rule, its times, and which steps count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks.flipflop_pulse import FlipFlopPulse


@settings(max_examples=30, deadline=None)
@given(
    steps=st.integers(1, 40),
    pulse_steps=st.integers(1, 7),
    gap=st.one_of(st.just(1.0), st.floats(1, 30)),
    amplitude=st.floats(0.1, 3),
    level=st.floats(0.1, 3),
)
def test_the_rule(steps, pulse_steps, gap, amplitude, level):
    task = FlipFlopPulse(steps=steps, pulse_steps=pulse_steps, gap=gap, amplitude=amplitude, level=level)
    trials = task.sample([stream(0, "training", 0)], 20)
    for inputs, targets, mask in zip(trials.inputs[0, ..., 0], trials.targets[0, ..., 0], trials.mask[0], strict=True):
        held, run, began = 0.0, 0, False
        for x, y, counts in zip(inputs, targets, mask, strict=True):
            if x == 0:
                assert run in (0, pulse_steps)
                run = 0
            else:
                assert abs(x) == np.float32(amplitude)
                assert run == 0 or np.sign(x) == held
                held, run, began = np.sign(x), run + 1, True
                assert run <= pulse_steps
            assert counts == (x == 0)
            assert y == np.float32(level * held)
        assert began or not targets.any()


def test_gaps_are_geometric_and_signs_even():
    trials = FlipFlopPulse(steps=4000, gap=7).sample([stream(1, "training", 0)], 50)
    pulses = trials.inputs[0, ..., 0]
    begins = (pulses != 0) & (np.roll(pulses, 1, axis=1) == 0)
    assert not pulses[:, 0].any()
    between = np.concatenate([np.diff(np.flatnonzero(row)) for row in begins]) - 5
    assert between.min() == 1
    assert abs(between.mean() - 7) < 4 * np.sqrt(42 / len(between))
    assert abs((between == 1).mean() - 1 / 7) < 4 * np.sqrt(6 / 49 / len(between))
    signs = pulses[begins]
    assert abs(signs.mean()) < 4 / np.sqrt(len(signs))


def test_all_steps_count_where_asked():
    held, every = (FlipFlopPulse(loss=loss).sample([stream(2, "training", 0)], 5) for loss in ("held", "all"))
    assert every.mask is None
    np.testing.assert_array_equal(every.inputs, held.inputs)
    np.testing.assert_array_equal(every.targets, held.targets)


def test_accuracy_is_of_the_steps_that_count():
    task = FlipFlopPulse()
    trials = task.sample([stream(3, "training", 0)], 30)
    late = np.where(trials.mask[..., None] > 0, trials.targets, -trials.targets)
    assert task.accuracy(late, trials).tolist() == [1.0]
    every = FlipFlopPulse(loss="all")
    unmasked = every.sample([stream(3, "training", 0)], 30)
    assert 0.5 < every.accuracy(late, unmasked)[0] < 0.9


def test_out_of_distribution_is_twice_as_long():
    assert FlipFlopPulse().ood() == FlipFlopPulse(steps=120)


@pytest.mark.parametrize(
    ("name", "value"), [("steps", 0), ("pulse_steps", 0), ("gap", 0.5), ("amplitude", 0), ("level", -1)]
)
def test_refusals(name, value):
    with pytest.raises(InputError, match=f"flipflop-pulse parameter '{name}': .* is not allowed"):
        FlipFlopPulse(**{name: value})
