"""Decoding beside the textbook's regression, planted memories, and every status."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.stages import TaskChoice, decode, moments
from rnnkit.tasks import make_task
from tests.oracles.linear_decoding import decoded
from tests.stages.planted import relabelled
from tests.stages.planted_activity import history, network, random_network, states

FEW = {"fit_trials": 60, "test_trials": 30}


def rows(*networks, choice=None, **rest):
    found = pa.concat_tables(decode(list(networks), choice, **{**FEW, **rest})).to_pylist()
    return {(row["network"], row["time"], row["units"], row["target"]): row for row in found}


def drawn(task, seed=0):
    fit = task.sample([stream(seed, "evaluation", 1)], FEW["fit_trials"])
    return fit, task.sample([stream(seed, "evaluation")], FEW["test_trials"])


def close(one, other):
    assert one.keys() == other.keys()
    for key, row in one.items():
        for name, value in row.items():
            if isinstance(value, float):
                value = pytest.approx(value, abs=1e-8)
            assert other[key][name] == value or name == "network"


def test_every_readout_is_the_textbook_s():
    nets = [random_network(seed, name=f"n{seed}", training={"memory_units": 1}) for seed in range(2)]
    found = rows(*nets, seed=3)
    task = make_task("delayed-addition", {"steps": 14, "fixed_times": True})
    fit, test = drawn(task, 3)
    compared = 0
    for net in nets:
        x, tested = states(net, fit.inputs[0]), states(net, test.inputs[0])
        for time in range(14):
            for place, target in enumerate(["cue1", "cue2", "sum"]):
                at = [[4], [5], [4, 5]][place]  # steps 5 and T/2 - 1, counted from 1
                y, wanted = (trials.inputs[0][:, at, 0].astype(float).sum(axis=1) for trials in (fit, test))
                for name, units in {"all": range(4), "memory": [0], "computation": [1, 2, 3]}.items():
                    row = found[net.name, time, name, target]
                    if row["status"] != "ok":
                        continue
                    expected = decoded(x[:, time, list(units)], y, tested[:, time, list(units)], wanted)
                    assert [row[k] for k in ("r2", "mse", "r2_fit")] == pytest.approx(expected, abs=1e-6)
                    assert row["rank"] == len(units)
                    compared += 1
    assert len(found) == 2 * 14 * 9
    assert compared > 0.8 * len(found)


def test_a_memory_is_read_while_it_lasts():
    # A line of units that hand on what comes in: step t holds the numbers of t, t-1 and t-2.
    net = network(np.eye(3, k=-1), np.eye(3, 1)[:, [0, 0]] * [1, 0], training={"memory_units": 1})
    found = rows(net)
    for time in range(14):
        one, two, both = (found["a", time, "all", name] for name in ("cue1", "cue2", "sum"))
        for row, steps in ((one, (4, 5, 6)), (two, (5, 6, 7)), (both, (5, 6))):
            if time in steps:
                assert row["r2"] == pytest.approx(1, abs=1e-12)
                assert row["mse"] < 1e-13  # the sum is in single precision
            elif row is not both or time not in (4, 7):
                assert row["r2"] < 0.15
    assert found["a", 4, "memory", "cue1"]["r2"] == pytest.approx(1)
    assert found["a", 4, "computation", "cue1"]["r2"] < 0.15
    assert found["a", 5, "memory", "cue1"]["r2"] < 0.15
    assert found["a", 0, "all", "sum"]["status"] == "rank_deficient"
    assert [found["a", time, "all", "sum"]["rank"] for time in range(4)] == [1, 2, 3, 3]
    # Noise of its own size on every unit leaves half of the variance.
    noisy = rows(net, noise=1.0, fit_trials=2000, test_trials=2000)
    assert noisy["a", 5, "all", "cue1"]["r2"] == pytest.approx(0.5, abs=0.03)


def test_cues_are_at_fixed_steps_unless_it_is_said_otherwise():
    net = network(np.zeros((1, 1)), [[1.0, 0.0]])
    fixed = rows(net)
    assert fixed["a", 4, "all", "cue1"]["r2"] == pytest.approx(1)
    free = rows(net, choice=TaskChoice(None, {"fixed_times": "false"}))
    assert free["a", 4, "all", "cue1"]["r2"] < 0.5
    with pytest.raises(InputError, match="14 or more"):
        rows(net, choice=TaskChoice(None, {"steps": "12"}))
    assert len(rows(net, choice=TaskChoice(None, {"steps": "12", "fixed_times": "false"}))) == 12 * 3


def test_of_other_tasks_the_inputs_and_targets_of_each_step():
    held = {"task": "flipflop", "task_parameters": {"bits": 2, "steps": 6}}
    net = network(np.zeros((2, 2)), np.eye(2), outputs=2, **held)
    found = rows(net)
    assert {key[3] for key in found} == {"input1", "input2", "target1", "target2"}
    assert all(row["r2"] == pytest.approx(1) for key, row in found.items() if key[3].startswith("input"))
    assert found["a", 5, "all", "target1"]["r2"] < 0.8
    copying = make_task("copy")
    shape = (copying.inputs, copying.outputs)
    echo = network(np.zeros((shape[0],) * 2), np.eye(shape[0]), outputs=shape[1], task="copy", task_parameters={})
    task = make_task("copy")
    mask = task.sample([stream(0, "evaluation")], 3).mask[0]
    times = {key[1] for key in rows(echo) if key[3] == "target1"}
    assert times == set(np.flatnonzero(mask.all(axis=0)).tolist()) != set(range(task.length))


def test_what_has_no_number_says_why():
    still = network(np.zeros((2, 2)), np.zeros((2, 2)), bias=[1, 0], name="still")
    found = rows(still)
    assert {(row["status"], row["rank"]) for row in found.values()} == {("rank_deficient", 0)}
    assert all(row["r2"] <= 0 for row in found.values())
    wide = random_network(units=8, name="wide")
    few = rows(wide, fit_trials=8)
    assert few["wide", 13, "all", "sum"] | {"step": 0} == {
        "network": "wide",
        "step": 0,
        "time": 13,
        "units": "all",
        "target": "sum",
        "rank": 7,
        "r2": None,
        "mse": None,
        "r2_fit": None,
        "status": "too_few_trials",
    }
    nan = network(np.full((2, 2), np.nan), np.zeros((2, 2)), name="nan")
    grows = network(1e40 * np.eye(2), np.ones((2, 2)), name="grows")
    found = rows(still, nan, grows)
    assert {row["status"] for key, row in found.items() if key[0] == "nan"} == {"not_finite:recurrent.weight"}
    assert found["grows", 0, "all", "sum"]["status"] == "rank_deficient"
    for key, row in found.items():
        if key[0] == "nan" or (key[0] == "grows" and key[1] > 3):
            assert row["r2"] is row["mse"] is row["r2_fit"] is row["rank"] is None
            assert row["status"] in ("diverged", "not_finite:recurrent.weight")
    # Between evidence and response nothing comes in.
    waits = network(np.eye(2), np.eye(2), outputs=2, task="evidence-accumulation", task_parameters={})
    row = rows(waits)["a", 25, "all", "input1"]
    assert (row["status"], row["r2"], row["mse"], row["rank"]) == ("constant_target", None, pytest.approx(0), 2)
    with pytest.raises(InputError, match="holds NaN"):
        rows(nan)


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ({"fit_trials": 1}, "--fit-trials"),
        ({"test_trials": 1}, "--test-trials"),
        ({"noise": -1}, "--noise"),
        ({"memory_units": 4}, "--memory-units"),
    ],
)
def test_options_out_of_range(option, names):
    with pytest.raises(InputError, match=names):
        rows(random_network(), **option)


def test_a_relabelled_network_tells_the_same():
    net = random_network(units=6)
    close(rows(net), rows(relabelled(net, np.random.default_rng(1).permutation(6)).named("a")))


def test_blocks_of_trials_and_of_steps_do_not_matter(monkeypatch):
    nets = [random_network(seed, name=f"n{seed}") for seed in range(3)]
    whole = rows(*nets)
    order = list(whole)
    monkeypatch.setattr(moments, "_STATE_BYTES", 4000)
    monkeypatch.setattr(importlib.import_module("rnnkit.stages.decode"), "_FACTOR_BYTES", 5000)
    cut = rows(*nets)
    assert list(cut) == order
    close(whole, cut)


def test_along_training_and_before_it(tmp_path):
    net = random_network(training={"epochs_trained": 2, "steps_per_epoch": 7})
    scales = [0.5, 2.0, 1.0]
    found = pa.concat_tables(decode([net], histories=[history(net, tmp_path, scales)], **FEW))
    for k, scale in enumerate(scales):
        weights = net.weights | {"recurrent.weight": scale * net.weights["recurrent.weight"]}
        (alone,) = decode([replace(net, weights=weights)], **FEW)
        here = found.filter(pa.compute.equal(found["step"], 10 * k))
        np.testing.assert_allclose(here["mse"].to_numpy(), alone["mse"].to_numpy(), rtol=1e-6)
        assert alone["step"].to_pylist()[0] == 14
    (before,) = decode([net], initial=True, **FEW)
    (same,) = decode([replace(net, weights=net.initial)], **FEW)
    assert before["step"].to_pylist()[0] == 0
    assert before["r2"].equals(same["r2"])
