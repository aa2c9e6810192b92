"""Onsets of made-up trainings: statuses, chance, phases, snapshots, relabelling, and memory."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import load_native, save_history
from rnnkit.errors import InputError
from rnnkit.history import open_history
from rnnkit.stages import onset, plan_networks, train
from rnnkit.stages.curves import Curve, learning_curves
from rnnkit.stages.onset import parse_criterion
from rnnkit.tables import build, read_parts
from tests.conftest import run_cli

from . import planted_onsets as planted
from .planted import relabelled

EACH = planted.EACH


def found(curves, *, networks=None, **more):
    """Rows by network, from losses by network."""
    table = build("training", [row for name, loss in curves.items() for row in planted.rows(name, loss)])
    held = networks or [planted.network(name) for name in curves]
    metric = more.get("metric", "val_loss")
    rows = onset(held, learning_curves(table, metric, more.get("phase", 1)), **more).to_pylist()
    return {row["network"]: row for row in rows}


def test_the_row_of_a_network_that_learns():
    row = found({"a": planted.falling(29, noise=0.03)})["a"]
    assert row["status"] == "ok"
    assert row["onset"] == row["search_steps"] == 30 * EACH  # evaluation 29 is that of epoch 30
    assert row["search_speed"] == pytest.approx(1 / (30 * EACH))
    assert row["onset_low"] <= 30 * EACH <= row["onset_high"]
    assert 31 * EACH < row["crossing"] <= 33 * EACH
    assert row["plateau"] == pytest.approx(planted.CHANCE, rel=0.03)
    assert (row["chance"], row["chance_accuracy"], row["censored"]) == (planted.CHANCE, 0.08, False)
    assert (row["evaluations"], row["steps_per_epoch"], row["relapses"]) == (80, EACH, 0)
    assert row["delta_bic"] > 10
    assert row["distance_initial"] is None


def test_a_search_that_goes_on_is_censored_and_stays():
    rows = found({"a": planted.falling(29), "b": planted.falling(200), "c": planted.falling(74, rate=3)})
    assert [row["status"] for row in rows.values()] == ["ok", "no_end", "no_end"]
    assert [row["censored"] for row in rows.values()] == [False, True, True]
    assert rows["b"]["onset"] is rows["b"]["crossing"] is rows["b"]["plateau"] is None
    assert rows["b"]["search_steps"] == 80 * EACH
    # The last five evaluations are low: the search was seen up to the one before them.
    assert rows["c"]["search_steps"] == 75 * EACH


def test_losses_that_are_no_numbers():
    lost = planted.falling(200)
    lost[40:] = np.nan
    late = planted.falling(29)
    late[60:] = np.inf
    gap = planted.falling(29, noise=0.03)
    gap[10] = np.nan
    rows = found({"lost": lost, "late": late, "gap": gap, "none": np.full(20, np.nan)})
    assert [row["status"] for row in rows.values()] == ["diverged", "ok", "ok", "diverged"]
    assert (rows["lost"]["search_steps"], rows["lost"]["censored"]) == (40 * EACH, True)
    assert (rows["late"]["relapses"], rows["gap"]["relapses"]) == (1, 0)
    assert (rows["gap"]["onset"], rows["gap"]["evaluations"]) == (30 * EACH, 79)
    assert rows["none"]["search_steps"] is None
    assert all(
        value is None or np.isfinite(value)
        for row in rows.values()
        for value in row.values()
        if value != "lost" and not isinstance(value, str)
    )


def test_a_training_that_diverged_says_so_in_its_status():
    """A loss that is a number still, and the status of the last epoch."""
    table = build("training", planted.rows("a", planted.falling(200), status="diverged"))
    assert onset([planted.network("a")], learning_curves(table))["status"].to_pylist() == ["diverged"]


def test_no_plateau_gradual_and_too_sparse_have_a_crossing_and_no_onset():
    k = np.arange(80)
    curves = {
        "no_plateau": planted.falling(2, rate=1),
        "gradual": planted.CHANCE * np.exp(-0.03 * k) * np.exp(0.02 * np.random.default_rng(0).standard_normal(80)),
        "too_sparse": planted.falling(4, rate=0.04, noise=0.002),
    }
    for name, row in found(curves).items():
        assert row["status"] == name
        assert row["crossing"] > 0
        assert row["onset"] is row["search_steps"] is row["search_speed"] is None
        assert not row["censored"]


def test_the_paper_s_rule_fires_on_a_network_that_never_learns():
    waits = planted.falling(200)
    rows = found({"a": planted.falling(29), "b": waits}, criterion="threshold=0.08", metric="accuracy")
    assert rows["b"]["status"] == "ok"
    assert rows["b"]["onset"] <= 5 * EACH
    assert rows["b"]["relapses"] > 0
    assert found({"b": waits})["b"]["status"] == "no_end"
    assert {row["criterion"] for row in rows.values()} == {"threshold"}
    assert rows["a"]["onset_low"] is rows["a"]["delta_bic"] is rows["a"]["plateau"] is None


def test_a_threshold_of_the_loss_is_a_first_crossing():
    curve = planted.falling(29)
    row = found({"a": curve}, criterion="threshold=0.05")["a"]
    assert row["onset"] == (1 + int(np.argmax(curve <= 0.05))) * EACH
    assert found({"a": curve}, criterion="threshold=1e-9")["a"]["status"] == "no_end"


def test_chance_is_drawn_again_where_a_checkpoint_lacks_it():
    old, new = planted.network("old", 3, chance=False), planted.network("new", 3)
    rows = found({"old": planted.falling(29), "new": planted.falling(29)}, networks=[old, new])
    task = {"units": 4, "batch": 2, "epochs": 1, "steps_per_epoch": 1, "validation_trials": 300}
    trained = train(plan_networks("delayed-addition", {"steps": 20}, task, [3])).networks[0]
    assert rows["old"]["chance"] == trained.training["chance_loss"] != planted.CHANCE
    assert rows["old"]["chance_accuracy"] == trained.training["chance_accuracy"]
    assert rows["new"]["chance"] == planted.CHANCE


def test_chance_counts_the_outputs_that_the_loss_counts():
    quick = {"units": 4, "batch": 2, "epochs": 1, "steps_per_epoch": 1, "validation_trials": 40}
    main, both = (
        train(plan_networks("delayed-discrimination", {"auxiliary": True}, quick | {"stop_on": on}, [0])).networks[0]
        for on in ("main", "all")
    )
    assert main.training["chance_loss"] != both.training["chance_loss"]
    # An untrained network is about at chance; and a network of the same answers everywhere is exactly.
    assert main.training["chance_accuracy"] == both.training["chance_accuracy"]


@pytest.mark.parametrize("level", [0.0, None])
def test_a_task_without_chance(level):
    one = planted.network("a")
    one = replace(one, training=one.training | {"chance_loss": level, "chance_accuracy": None})
    row = found({"a": planted.falling(29)}, networks=[one])["a"]
    assert (row["status"], row["chance"], row["onset"], row["crossing"]) == ("no_chance", level, None, None)
    assert not row["censored"]


def test_phases_of_a_protocol(tmp_path):
    folder = planted.fill_phased(tmp_path)
    one = load_native(folder / "phased.safetensors")
    for phase, begin, after in ((1, 0, 30), (2, 80, 12)):
        parts = read_parts(folder / "training.parquet", "training", ("network", "epoch", "phase", "status", "val_loss"))
        (row,) = onset([one], learning_curves(parts, phase=phase), phase=phase).to_pylist()
        assert row["status"] == "ok"
        assert row["search_steps"] == after * EACH
        assert row["onset"] == (begin + after) * EACH
    with pytest.raises(InputError, match=r"phased: 2 phases began, and the 3. is asked for"):
        onset(
            [one],
            {"phased": learning_curves(build("training", planted.rows("phased", planted.falling(9))))["phased"]},
            phase=3,
        )


def test_how_far_the_weights_had_moved(tmp_path):
    """Snapshots at 0, 1400, 1600 and 4000 have moved by the step in each of 16 entries; the onset is at 1500."""
    done = run_cli("onset", planted.fill(tmp_path / "c", snapshots=True), "-q").table().to_pylist()
    assert (done[0]["distance_step"], done[0]["distance_initial"]) == (1400, pytest.approx(4 * 1400, rel=1e-6))
    assert done[1]["distance_initial"] is done[1]["distance_step"] is None


@pytest.mark.parametrize("family", ["mup", "gru", "lowrank"])
def test_distances_are_of_the_weights_that_act(family, tmp_path):
    rng = np.random.default_rng(0)
    shape = Architecture(family=family, units=5, inputs=2, outputs=1, rank=2 if family == "lowrank" else 0)
    names = [name for name in shape.shapes() if name in ("recurrent.weight", "recurrent.left", "recurrent.right")]
    held = {name: rng.normal(size=(3, *shape.shapes()[name])).astype(np.float32) for name in names}
    save_history(tmp_path / "a.history.safetensors", np.array([0, 1500, 3000]), held, "a")
    base = planted.network("a")
    one = replace(base, architecture=shape)
    table = build("training", planted.rows("a", planted.falling(29, noise=0.03)))
    history = {"a": open_history(tmp_path / "a.history.safetensors")}
    (row,) = onset([one], learning_curves(table), history).to_pylist()
    held = {name: value.astype(float) for name, value in held.items()}
    if family == "lowrank":
        acting = [held["recurrent.left"][k] @ held["recurrent.right"][k].T / 5 for k in range(2)]
    else:
        acting = [held["recurrent.weight"][k] / (5 if family == "mup" else 1) for k in range(2)]
    assert row["distance_step"] == 1500
    assert row["distance_initial"] == pytest.approx(np.linalg.norm(acting[1] - acting[0]), rel=1e-10)


def test_a_relabelled_network_has_the_same_row(tmp_path):
    one, order = planted.network("a"), np.random.default_rng(1).permutation(4)
    table = build("training", planted.rows("a", planted.falling(29)))
    results = []
    rng = np.random.default_rng(2)
    change = rng.normal(size=(4, 4)).astype(np.float32)
    for k, net in enumerate((one, replace(one, weights=relabelled(one, order).weights))):
        moved = change if k == 0 else change[np.ix_(order, order)]
        before = net.weights["recurrent.weight"]
        file = tmp_path / f"{k}.history.safetensors"
        save_history(file, np.array([0, 1500]), {"recurrent.weight": np.stack([before, before + moved])}, "a")
        results += onset([net.named("a")], learning_curves(table), {"a": open_history(file)}).to_pylist()
    distances = [row.pop("distance_initial") for row in results]
    assert distances[0] == pytest.approx(distances[1], rel=1e-6)
    assert results[0] == results[1]


def test_curves_come_in_parts_and_any_order():
    table = build("training", [row for name in "ab" for row in planted.rows(name, planted.falling(29, seed=ord(name)))])
    whole = learning_curves(table)
    mixed = table.take(np.random.default_rng(0).permutation(table.num_rows))
    parts = learning_curves([mixed.slice(k, 7) for k in range(0, mixed.num_rows, 7)])
    for name in "ab":
        np.testing.assert_array_equal(parts[name].values, whole[name].values)
        np.testing.assert_array_equal(parts[name].epochs, np.arange(1, 81))


def test_a_row_that_stands_there_twice():
    table = build("training", planted.rows("a", planted.falling(29)) + planted.rows("a", planted.falling(29))[:1])
    with pytest.raises(InputError, match=r"t\.parquet: epoch 1 of 'a' stands there twice"):
        learning_curves(table, where="t.parquet")


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        ({}, {"criterion": "hinges"}, r"--criterion: 'hinges' is no criterion"),
        ({}, {"criterion": "threshold=soon"}, "--criterion"),
        ({}, {"metric": "accuracy"}, r"--metric: 'accuracy' does not fall .*threshold=VALUE"),
        ({}, {"metric": "lr"}, "--metric: unknown column 'lr'"),
        ({}, {"level": 1.0}, "--level: 1.0"),
        ({}, {"bootstrap": -1}, "--bootstrap: -1"),
        ({}, {"phase": 0}, "--phase: 0"),
        ({}, {"phase": 2}, "a: was not trained in phases"),
        ({"training": {}}, {}, "a: does not say how it was trained"),
        ({"name": "b"}, {}, "b: has no rows in the training table .*--training FILE"),
    ],
)
def test_refusals(change, more, message):
    table = build("training", planted.rows("a", planted.falling(29)))
    one = replace(planted.network("a"), **change)
    with pytest.raises(InputError, match=message):
        onset([one], learning_curves(table), **more)


def test_criteria():
    assert (parse_criterion("hinge"), parse_criterion("threshold=0.12")) == (None, 0.12)
    for text in ("threshold", "threshold=", "threshold=nan", "hinge=3", "0.08"):
        with pytest.raises(InputError, match="--criterion"):
            parse_criterion(text)


def test_names_that_folders_tell_apart(tmp_path):
    for k, onset_at in enumerate((29, 49)):
        folder = planted.fill(tmp_path / f"run{k}")
        held = [r for name in ("learns", "waits") for r in planted.rows(name, planted.falling(onset_at, noise=0.03))]
        planted.write(folder, "training.parquet", build("training", held))
    rows = run_cli("onset", tmp_path / "run0", tmp_path / "run1", "-q").table().to_pylist()
    assert [(row["network"], row["onset"]) for row in rows] == [
        *[(f"run0-{name}", 30 * EACH) for name in ("learns", "waits")],
        *[(f"run1-{name}", 50 * EACH) for name in ("learns", "waits")],
    ]


def test_a_table_from_standard_input_and_of_text(tmp_path):
    folder = planted.fill(tmp_path / "c")
    table = (folder / "training.parquet").read_bytes()
    usual = run_cli("onset", folder, "-q").table().to_pylist()
    assert run_cli("onset", folder, "-q", "--training", "-", stdin=table).table().to_pylist() == usual
    held = build("training", planted.rows("learns", planted.falling(29)) + planted.rows("waits", planted.falling(9)))
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(row) for row in held.to_pylist()))
    rows = run_cli("onset", folder, "-q", "--training", tmp_path / "t.jsonl").table().to_pylist()
    assert rows[1]["crossing"] is not None


def test_what_train_writes_is_read(tmp_path):
    """From the command line to the table, and the chance in the checkpoint is that of its validation set."""
    line = ["train", "evidence-accumulation", "-t", "evidence=6", "-t", "delay=2", "-t", "response=2", "--units", 8]
    line += ["--batch", 4, "--epochs", 12, "--steps-per-epoch", 2, "--seeds", "0:2", "--validation-trials", 60]
    assert run_cli(*line, "--snapshots", 4, "-o", tmp_path / "c", "-q").code == 0
    rows = run_cli("onset", tmp_path / "c", "-q").table().to_pylist()
    for row in rows:
        assert row["chance"] == pytest.approx(0.25 * 2 / 10, rel=0.05)
        assert 0.3 < row["chance_accuracy"] < 0.7
        assert (row["evaluations"], row["steps_per_epoch"]) == (12, 2)


def peak(count, length=400):
    """Bytes that are taken on the way to the onsets of so many networks."""
    curve = planted.falling(200, length)
    curves = {f"n{k}": Curve(np.arange(1, length + 1), curve, False) for k in range(count)}
    one = planted.network("n")
    tracemalloc.start()
    try:
        table = onset((one.named(name) for name in curves), curves, bootstrap=2)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert set(table["status"].to_pylist()) == {"ok"}


def test_memory_is_bounded(monkeypatch):
    """Curves are worked on a few networks at a time: four times as many take what their rows take, some KiB each."""
    monkeypatch.setattr("rnnkit.numerics.search_phase._BLOCK", 20 * 400)
    few, many = peak(40), peak(160)
    assert many - few < 120 * (8 << 10)
    monkeypatch.undo()
    assert peak(160) > 2 * many
