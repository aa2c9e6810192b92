"""`rollout` and `summary` beside slow references: one step of one trial at a time."""

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.stages import TaskChoice, rollout, summary
from rnnkit.tasks import make_task

TASK = {"bits": 2, "steps": 7}


def network(name="net", units=3, family="vanilla", seed=0, **rest) -> Checkpoint:
    leaky = {"rate": 0.4} if family == "current" else {}
    shape = Architecture(family=family, units=units, inputs=2, outputs=2, gamma=rest.pop("gamma", 1.0), **leaky)
    rng = np.random.default_rng(seed)
    weights = {key: rng.normal(size=size).astype(np.float32) for key, size in shape.shapes().items()}
    held = {"task": "flipflop", "task_parameters": TASK, "status": "converged", **rest}
    return Checkpoint(name, shape, weights, **held)


def one_trial(net, inputs):
    """States and outputs by the formula, one step at a time."""
    w = {key: value.astype(np.float64) for key, value in net.weights.items()}
    h, states, outputs = w["initial_state"], [], []
    for x in inputs.astype(np.float64):
        drive = w["input.weight"] @ x + w["recurrent.bias"]
        if net.architecture.family == "vanilla":
            h = np.tanh(w["recurrent.weight"] @ h + drive)
            seen = h
        else:
            h = h + 0.4 * (-h + w["recurrent.weight"] @ np.tanh(h) + drive)
            seen = np.tanh(h)
        states.append(h)
        outputs.append((w["readout.weight"] @ seen + w["readout.bias"]) / net.architecture.gamma)
    return np.array(states), np.array(outputs)


def drawn(seed=0, trials=4, ood=False):
    task = make_task("flipflop", TASK)
    task = task.ood() if ood else task
    return task, task.sample([stream(seed, "ood" if ood else "evaluation")], trials)


@pytest.mark.parametrize("family", ["vanilla", "current"])
@pytest.mark.parametrize("ood", [False, True])
def test_rows_are_the_formulas(family, ood):
    nets = [network("a", family=family, gamma=2.0), network("b", family=family, seed=1)]
    table = pa.concat_tables(rollout(nets, trials=4, seed=3, ood=ood))
    _, trials = drawn(3, 4, ood)
    steps = 14 if ood else 7
    assert table.num_rows == 2 * 4 * steps
    rows = {(row["network"], row["trial"], row["step"]): row for row in table.to_pylist()}
    for net in nets:
        for trial in range(4):
            states, outputs = one_trial(net, trials.inputs[0, trial])
            for step in range(steps):
                row = rows[net.name, trial, step]
                assert row["status"] == "ok"
                assert row["input"] == trials.inputs[0, trial, step].tolist()
                assert row["target"] == trials.targets[0, trial, step].tolist()
                np.testing.assert_allclose(row["hidden"], states[step], rtol=1e-6, atol=1e-7)
                np.testing.assert_allclose(row["output"], outputs[step], rtol=1e-6, atol=1e-7)


def test_given_inputs_have_no_targets():
    inputs = np.random.default_rng(0).normal(size=(2, 5, 2)).astype(np.float32)
    net = network()
    table = pa.concat_tables(rollout([net], inputs=inputs))
    assert table["target"].null_count == 10
    np.testing.assert_allclose(table["hidden"].to_pylist()[:5], one_trial(net, inputs[0])[0], rtol=1e-6, atol=1e-7)
    with pytest.raises(InputError, match="net: has 2 inputs, the trials have 3 channels"):
        list(rollout([net], inputs=np.zeros((2, 5, 3), np.float32)))


def test_networks_of_different_sizes_share_a_table():
    table = pa.concat_tables(rollout([network("a", 3), network("b", 5)], trials=2))
    assert pa.types.is_list(table.schema.field("hidden").type)
    assert {len(row) for row in table["hidden"].to_pylist()} == {3, 5}
    assert pa.types.is_fixed_size_list(table.schema.field("output").type)


def test_networks_of_one_name_are_told_apart_by_nothing_but_run():
    table = pa.concat_tables(rollout([network(seed=0), network(seed=1)], trials=2))
    assert table.num_rows == 2 * 2 * 7


@pytest.mark.parametrize(
    ("tensor", "value", "status"),
    [("recurrent.weight", np.nan, "not_finite:recurrent.weight"), ("readout.bias", np.inf, "not_finite:readout.bias")],
)
def test_a_bad_network_is_flagged_beside_a_good_one(tensor, value, status):
    bad = network("bad")
    bad.weights[tensor].flat[0] = value
    rows = pa.concat_tables(rollout([bad, network("good")], trials=2)).to_pylist()
    for row in rows:
        failed = row["network"] == "bad"
        assert row["status"] == (status if failed else "ok")
        assert (row["hidden"] is None) == (row["output"] is None) == failed
    (flagged, sound) = summary([bad, network("good")], trials=3).to_pylist()
    assert (flagged["status"], sound["status"]) == (status, "ok")
    assert flagged["loss"] is flagged["fvu"] is flagged["accuracy"] is None
    with pytest.raises(InputError, match=f"bad: tensor '{tensor}' holds NaN or infinity"):
        list(rollout([bad], trials=2))


@pytest.mark.parametrize(("weight", "dtype"), [(1e30, np.float64), (1e300, np.float64), (1e20, np.float32)])
def test_a_network_that_blows_up_is_flagged(weight, dtype):
    shape = Architecture(family="vanilla", units=2, inputs=2, outputs=2, nonlinearity="relu")
    weights = {key: np.full(size, weight, dtype) for key, size in shape.shapes().items()}
    net = Checkpoint("net", shape, weights, task="flipflop", task_parameters=TASK)
    rows = pa.concat_tables(rollout([net], trials=2)).to_pylist()
    assert {row["status"] for row in rows} == {"diverged"}
    assert all(row["hidden"] is None for row in rows)
    (row,) = summary([net], trials=2).to_pylist()
    assert row["loss"] is None or np.isfinite(row["loss"])
    assert row["loss"] is not None or row["status"] == "diverged"


def test_summary_by_hand():
    net = network(losses={"training": 0.5})
    table = summary([net], trials=6, seed=2, ood=True, by=["bits", "seed"])
    for row, ood in zip(table.to_pylist(), (False, True), strict=True):
        _, trials = drawn(2, 6, ood)
        squares, targets, right, counted = [], [], 0, 0
        for x, y in zip(trials.inputs[0], trials.targets[0], strict=True):
            _, outputs = one_trial(net, x)
            for out, target in zip(outputs, y, strict=True):
                squares.append((out - target) ** 2)
                targets.append(target)
                right += sum(np.sign(o) == t for o, t in zip(out, target, strict=True) if t != 0)
                counted += np.count_nonzero(target)
        loss = np.mean(squares)
        assert row["loss"] == pytest.approx(loss, rel=1e-6)
        variance = np.mean((np.array(targets) - np.mean(targets, axis=0)) ** 2)
        assert row["fvu"] == pytest.approx(loss / variance, rel=1e-6)
        assert row["accuracy"] == pytest.approx(right / counted)
        assert row["condition"] == ("ood" if ood else "train")
        assert (row["steps"], row["trials"], row["bits"], row["seed"]) == (14 if ood else 7, 6, "2", "None")
        assert (row["training_loss"], row["converged"], row["task"]) == (0.5, True, "flipflop")


def test_summary_weighs_steps_by_the_mask():
    task = make_task("delayed-discrimination", {"loss": "response"})
    shape = Architecture(family="vanilla", units=2, inputs=task.inputs, outputs=task.outputs)
    rng = np.random.default_rng(0)
    weights = {key: rng.normal(size=size).astype(np.float32) for key, size in shape.shapes().items()}
    net = Checkpoint("net", shape, weights, task=task.name, task_parameters={"loss": "response"})
    (row,) = summary([net], trials=5).to_pylist()
    trials = task.sample([stream(0, "evaluation")], 5)
    assert trials.mask is not None
    mask = trials.mask[0]
    total, weight = 0.0, 0.0
    for k in range(5):
        _, outputs = one_trial(net, trials.inputs[0, k])
        for step in range(mask.shape[1]):
            total += mask[k, step] * ((outputs[step] - trials.targets[0, k, step]) ** 2).sum()
            weight += mask[k, step] * task.outputs
    assert row["loss"] == pytest.approx(total / weight, rel=1e-5)


def test_all_networks_of_a_task_see_the_same_trials():
    nets = [network("a"), network("b", seed=5)]
    table = pa.concat_tables(rollout(nets, trials=3))
    parts = [table.filter(pa.compute.equal(table["network"], name))["input"].to_pylist() for name in "ab"]
    assert parts[0] == parts[1]


def test_another_task():
    net = network()
    table = pa.concat_tables(rollout([net], TaskChoice("flipflop", {"bits": 2, "steps": 3}), trials=1))
    assert table.num_rows == 3
    table = pa.concat_tables(rollout([net], TaskChoice(None, {"steps": "4"}), trials=1))
    assert table.num_rows == 4
    with pytest.raises(InputError, match="has 2 inputs, the task 'flipflop' has 3"):
        list(rollout([net], TaskChoice("flipflop", {"bits": 3})))
    with pytest.raises(InputError, match="net: has no task of its own"):
        summary([network(task=None)])


def test_rows_keep_the_order_of_the_networks_in_a_summary():
    nets = [network("z"), network("a", task_parameters={**TASK, "steps": 9}), network("m")]
    assert summary(nets, trials=2)["network"].to_pylist() == ["z", "a", "m"]
