"""What holds of every task: names, parameters as text, shapes, and independence of company."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks import PRESETS, TASKS, describe, make_task, task_class, task_names, task_parameters
from rnnkit.tasks.base import Preset

# Another value of every parameter, with what else has to be given for it to be allowed.
OTHERS = {
    "flipflop": {"bits": 2, "probability": 0.4, "steps": 50, "start": "pulse"},
    "delayed-discrimination": {
        "channels": 2,
        "delay_min": 10,
        "delay_max": 10,
        "amplitude_min": 3,
        "amplitude_max": 9,
        "amplitudes": "integer",
        "scale": 0.1,
        "steps": 70,
        "auxiliary": True,
        "loss": "response",
        "timeline": "pulsed",
    },
    "delayed-addition": {"steps": 20, "fixed_times": True},
    "evidence-accumulation": {
        "evidence": 10, "delay": 5, "response": 8, "rate": 0.4, "coherence": 0.4, "levels": 2,
    },
    "filter": {"gain": 2.0, "decay": 0.5, "steps": 50, "dt": 0.1, "drive": "noise"},
    "damped-filter": {"gain": 2.0, "decay": 0.5, "steps": 50, "dt": 0.1, "drive": "noise", "frequency": 1.0},
    "flipflop-pulse": {
        "steps": 80, "pulse_steps": 3, "gap": 5.0, "amplitude": 2.0, "level": 1.0, "loss": "all",
    },
    "sine": {
        "channels": 2, "steps": 50, "dt": 0.005, "frequencies": 10, "frequency_min": 2, "frequency_max": 20,
        "cue": "share", "first": 1,
    },
    "copy": {"symbols": 5, "channels": 3, "lags": 30},
    "context-integration": {"steps": 30, "drift": 0.2, "noise": 0.0, "scale": 24},
    "path-integration": {
        "dimensions": 3, "channels": 2, "steps": 50, "max_speed": 0.5, "direction_std": 0.1,
        "speed_std": 0.2, "noise_std": 0.0, "mean_stop": 10, "mean_go": 20, "box": 8, "unit": 1,
        "encoding": "velocity",
    },
}  # fmt: skip
#: Tasks whose trials are all the same one, and what makes them differ.
FIXED = {"filter": {"drive": "noise"}, "damped-filter": {"drive": "noise"}}
CASES = [(name, key, value) for name, others in OTHERS.items() for key, value in others.items()]


def drawn(task, seeds, trials=7, epoch=0):
    return task.sample([stream(seed, "training", epoch) for seed in seeds], trials)


def same(first, second) -> bool:
    pairs = ((first.inputs, second.inputs), (first.targets, second.targets), (first.mask, second.mask))
    return all(a is b is None or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs)


def test_every_task_is_registered_under_its_name():
    assert task_names() == sorted(TASKS)
    for name in task_names():
        assert task_class(name).name == name
        assert make_task(name).name == name
        assert task_class(name).summary
        assert re.search("app|section", task_class(name).source)


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("flipflop", Preset(lr=1e-3, batch=256, epochs=300, stop_loss=0.001)),
        (
            "delayed-discrimination",
            Preset(lr=1e-3, batch=256, epochs=500, stop_loss=0.01, schedule="cosine", tau=0.1),
        ),
        ("sine", Preset(lr=5e-4, batch=32, epochs=500, stop_loss=0.05)),
        (
            "path-integration",
            Preset(lr=1e-3, batch=64, epochs=1000, stop_loss=0.05, schedule="plateau", tau=0.1),
        ),
    ],
)
def test_presets_are_the_paper_s(name, preset):
    assert task_class(name).preset == preset
    assert (preset.steps_per_epoch, preset.patience) == (128, 3)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_their_tasks_with_other_defaults(name):
    preset = PRESETS[name]
    task = make_task(name)
    assert task == make_task(preset.task, preset.parameters)
    assert task_class(name) is task_class(preset.task)
    for key, value in OTHERS[preset.task].items():
        assert make_task(name, {key: value}) == make_task(preset.task, {**preset.parameters, key: value})


def test_the_schur_tasks_are_those_of_the_paper():
    assert task_parameters(make_task("schur/flipflop")) | {"probability": 0} == {
        "bits": 3, "steps": 25, "start": "zero", "probability": 0,
    }  # fmt: skip
    assert (make_task("schur/sine").inputs, make_task("schur/sine").length) == (1, 50)
    context, copy = make_task("schur/context-integration"), make_task("schur/copy")
    assert (context.inputs, context.outputs, context.length) == (4, 1, 48)
    assert (copy.symbols, copy.channels, copy.lags) == (8, 8, 24)


def test_another_value_is_listed_for_every_parameter():
    for name in task_names():
        assert set(OTHERS[name]) == {item.name for item in fields(task_class(name))}


@pytest.mark.parametrize(("name", "key", "value"), CASES)
def test_every_parameter_has_an_effect(name, key, value):
    task, changed = make_task(name), make_task(name, {key: value})
    assert task != changed
    assert not same(drawn(task, [0]), drawn(changed, [0]))


@pytest.mark.parametrize(("name", "key", "value"), CASES)
def test_shapes_of_every_variant(name, key, value):
    for task in (make_task(name, {key: value}), make_task(name, {key: value}).ood()):
        trials = drawn(task, [1, 2, 3])
        assert trials.inputs.shape == (3, 7, task.length, task.inputs)
        assert trials.targets.shape == (3, 7, task.length, task.outputs)
        assert trials.mask is None or trials.mask.shape == (3, 7, task.length)
        for array in (trials.inputs, trials.targets, trials.mask):
            assert array is None or (array.dtype == np.float32 and array.flags.c_contiguous)
            assert array is None or np.isfinite(array).all()
        assert 0 < task.main_outputs <= task.outputs


@pytest.mark.parametrize(("name", "key", "value"), CASES)
def test_parameters_survive_json_and_text(name, key, value):
    task = make_task(name, {key: value})
    plain = json.loads(json.dumps(task_parameters(task)))
    assert make_task(name, plain) == task
    assert make_task(name, {key: str(value)}) == task
    assert make_task(name, {key: text(given) for key, given in plain.items()}) == task
    assert hash(make_task(name, plain)) == hash(task)


def text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(("name", "key", "value"), CASES)
def test_a_network_alone_gets_what_it_gets_in_company(name, key, value):
    task = make_task(name, {key: value})
    company = drawn(task, [5, 6, 7])
    for place, seed in enumerate([5, 6, 7]):
        alone = drawn(task, [seed])
        np.testing.assert_array_equal(alone.inputs[0], company.inputs[place])
        np.testing.assert_array_equal(alone.targets[0], company.targets[place])
        if alone.mask is not None:
            np.testing.assert_array_equal(alone.mask[0], company.mask[place])


@pytest.mark.parametrize("name", task_names())
def test_seeds_epochs_and_repetition(name):
    if name in FIXED:
        assert same(drawn(make_task(name), [3]), drawn(make_task(name), [4]))
    task = make_task(name, FIXED.get(name))
    assert same(drawn(task, [3]), drawn(task, [3]))
    assert not same(drawn(task, [3]), drawn(task, [4]))
    assert not same(drawn(task, [3]), drawn(task, [3], epoch=1))
    generator = stream(3, "training", 0)
    assert not same(task.sample([generator], 4), task.sample([generator], 4))


@pytest.mark.parametrize("name", task_names())
def test_out_of_distribution_keeps_the_channels(name):
    task = make_task(name)
    assert task.ood() != task
    assert task.ood().length > task.length
    assert (task.ood().inputs, task.ood().outputs) == (task.inputs, task.outputs)


@pytest.mark.parametrize("name", task_names())
def test_descriptions(name):
    for parameter in describe(task_class(name)):
        assert parameter.help
        assert "\n" not in parameter.help
    assert [parameter.name for parameter in describe(task_class(name))] == list(OTHERS[name])


def test_description_of_types_and_defaults():
    described = {parameter.name: parameter for parameter in describe(task_class("delayed-discrimination"))}
    assert (described["auxiliary"].type, described["auxiliary"].default) == ("true|false", False)
    assert (described["delay_min"].type, described["delay_min"].default) == ("integer", None)
    assert (described["amplitudes"].type, described["scale"].type) == ("real|integer", "number")
    assert next(iter(describe(task_class("path-integration")))).type == "2|3"


def test_unknown_names():
    with pytest.raises(InputError, match=r"TASK: unknown task 'flipflip' \(did you mean 'flipflop'\?"):
        task_class("flipflip")
    with pytest.raises(InputError, match="TASK: unknown task 'sin'"):
        make_task("sin")
    message = (
        r"flipflop: unknown parameter 'bitz' "
        r"\(did you mean 'bits'\? known: bits, probability, start, steps\)"
    )
    with pytest.raises(InputError, match=message):
        make_task("flipflop", {"bitz": "3"})


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("flipflop", "bits", "three", "'three' is not an integer"),
        ("flipflop", "bits", "3.0", "'3.0' is not an integer"),
        ("flipflop", "bits", True, "True is not an integer"),
        ("flipflop", "bits", None, "None is not an integer"),
        ("flipflop", "bits", [3], r"\[3\] is not an integer"),
        ("flipflop", "probability", "often", "'often' is not a finite number"),
        ("flipflop", "probability", "inf", "'inf' is not a finite number"),
        ("flipflop", "probability", False, "False is not a finite number"),
        ("flipflop", "probability", 10**400, "is not a finite number"),
        ("flipflop", "start", 0, "0 is not zero or pulse"),
        ("delayed-discrimination", "auxiliary", "maybe", "'maybe' is not true or false"),
        ("delayed-discrimination", "auxiliary", 2, "2 is not true or false"),
        ("delayed-discrimination", "delay_max", "long", "'long' is not an integer"),
        ("path-integration", "dimensions", "two", "'two' is not 2 or 3"),
    ],
)
def test_wrong_types(name, key, value, message):
    with pytest.raises(InputError, match=f"{name} parameter '{key}': .*{message}"):
        make_task(name, {key: value})


def test_values_take_their_declared_type():
    task = make_task("flipflop", {"bits": np.int64(2), "probability": np.float32(0.5), "steps": " 7 "})
    assert [type(value) for value in task_parameters(task).values()] == [int, float, int, str]
    assert type(make_task("sine", {"dt": "1e-2", "frequency_max": 20}).frequency_max) is float
    for given_text, value in (("True", True), ("yes", True), ("1", True), ("FALSE", False), ("no", False)):
        task = make_task("delayed-discrimination", {"auxiliary": given_text})
        assert task.auxiliary is value


@settings(max_examples=50, deadline=None)
@given(bits=st.integers(1, 50), probability=st.floats(1e-6, 1), steps=st.integers(1, 1000))
def test_text_reads_back_exactly(bits, probability, steps):
    as_text = {"bits": str(bits), "probability": repr(probability), "steps": str(steps)}
    task = make_task("flipflop", as_text)
    assert task_parameters(task) == {
        "bits": bits, "probability": probability, "steps": steps, "start": "zero",
    }  # fmt: skip


def test_tasks_load_when_asked_for_and_load_nothing_heavy():
    code = """
import sys
import rnnkit.tasks
assert not {"rnnkit.tasks.flipflop", "rnnkit.tasks.sine"} & set(sys.modules)
for name in rnnkit.tasks.task_names():
    rnnkit.tasks.make_task(name)
assert not {"torch", "scipy", "pandas", "pyarrow"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
