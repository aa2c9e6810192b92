"""What of earlier tasks is left in overlaps: planted courses of the theory, and networks that were trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnnkit.checkpoints import Checkpoint, load_native
from rnnkit.errors import InputError
from rnnkit.history import History, history_beside, open_history
from rnnkit.numerics.overlap_memory import memory, separation
from rnnkit.stages import path_dependence
from rnnkit.stages.courses import course_of
from tests.conftest import run_cli
from tests.stages.planted import relabelled
from tests.stages.planted_courses import LAYOUT, STEPS, course, save_course, saved, vectors_with

Pair = tuple[Checkpoint, History]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("planted")
    return {protocol: save_course(folder, protocol.lower(), protocol) for protocol in ("ABA", "AAA", "AC", "BC")}


def table_of(*pairs: Pair, connection: bool = False) -> tuple[list[dict], list[dict]]:
    networks, histories = zip(*pairs, strict=True)
    table, carried = path_dependence(networks, histories, connection=connection)
    return table.to_pylist(), carried.to_pylist()


def by_kind(rows: list[dict], measure: str) -> dict[str, dict]:
    return {row["kind"]: row for row in rows if row["measure"] == measure}


def test_memory_is_that_of_the_planted_overlaps(planted):
    found = by_kind(table_of(planted["ABA"], planted["AAA"])[0], "memory")
    (_, aba, legs), (_, aaa, control) = course("ABA"), course("AAA")
    ends = [aba[40 * k] for k in (1, 2, 3)]
    expected = memory(LAYOUT, *ends, linear=True, control=aaa[-1])
    beyond = separation(LAYOUT, aaa[-1], ends[2], linear=True)
    for kind, name in (("unseen", "invisible"), ("visible", "visible"), ("functional", "functional")):
        row = found[kind]
        assert (row["network"], row["other"], row["protocol"], row["other_protocol"]) == (
            "aba",
            "aaa",
            "A,B,A",
            "A,A,A",
        )
        assert row["excursion"] == pytest.approx(getattr(expected.excursion, name), rel=1e-9)
        assert row["ratio"] == pytest.approx(getattr(expected.left, name), rel=1e-6, abs=1e-10)
        assert row["left"] == pytest.approx(row["ratio"] * row["excursion"], rel=1e-12)
        assert row["beyond_control"] == pytest.approx(getattr(beyond, name), rel=1e-6, abs=1e-10)
        assert row["ratio_beyond_control"] == pytest.approx(row["beyond_control"] / row["excursion"], rel=1e-12)
        assert row["losses"] == [leg["loss"] for leg in legs]
        assert row["other_losses"] == [leg["loss"] for leg in control]
        assert row["status"] == "ok"
    assert found["functional"]["ratio"] < 1e-3 * found["unseen"]["ratio"]


def test_without_a_control_the_row_says_so(planted):
    found = by_kind(table_of(planted["ABA"])[0], "memory")
    assert len(found) == 3
    for row in found.values():
        assert row["status"] == "no_control"
        assert row["other"] == ""
        assert row["ratio"] is not None
        assert row["ratio_beyond_control"] is None


def test_a_phase_that_has_not_converged_is_flagged_and_looks_like_memory(planted, tmp_path):
    short = [save_course(tmp_path, name.lower(), name, length=300, every=10) for name in ("ABA", "AAA")]
    found = by_kind(table_of(*short)[0], "memory")
    settled = by_kind(table_of(planted["ABA"], planted["AAA"])[0], "memory")
    assert {row["status"] for row in found.values()} == {"phase_not_converged"}
    assert found["functional"]["ratio"] > 1000 * settled["functional"]["ratio"]


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"training": {"lr": 0.2}}, {"length": 3900}, {"shift": 0.1}],
    ids=["seed", "lr", "length", "start"],
)
def test_a_control_of_another_origin_is_none(planted, tmp_path, other):
    stranger = save_course(tmp_path, "aaa", "AAA", **other)
    assert {row["status"] for row in table_of(planted["ABA"], stranger)[0]} == {"no_control"}


def test_what_is_recorded_of_a_run_does_not_matter(planted, tmp_path):
    control = save_course(tmp_path, "aaa", "AAA", training={"snapshot_steps": 7, "patience": 3, "epochs_trained": 9})
    assert {row["other"] for row in table_of(planted["ABA"], control)[0]} == {"aaa"}


def test_divergence_is_the_distance_of_two_networks(planted):
    found = by_kind(table_of(planted["AC"], planted["ABA"], planted["BC"])[0], "divergence")
    first, second = course("AC")[1], course("BC")[1]
    before, after = (separation(LAYOUT, first[k], second[k], linear=True) for k in (40, 80))
    for kind, name in (("unseen", "invisible"), ("visible", "visible"), ("functional", "functional")):
        row = found[kind]
        assert (row["network"], row["other"], row["protocol"], row["other_protocol"]) == ("ac", "bc", "A,C", "B,C")
        assert row["excursion"] == pytest.approx(getattr(before, name), rel=1e-9)
        assert row["left"] == pytest.approx(getattr(after, name), rel=1e-6, abs=1e-10)
        assert row["beyond_control"] is None
    assert found["functional"]["ratio"] < 1e-3
    assert found["unseen"]["left"] > 100 * found["functional"]["left"]


def test_what_is_carried_is_what_descent_does_up_to_its_rate(tmp_path):
    off = {}
    for rate in (0.02, 0.01):
        length = int(20 / rate)
        pair = save_course(tmp_path, f"r{rate}", "ABA", rate=rate, length=length, every=length // 50)
        rows = table_of(pair, connection=True)[1]
        assert len(rows) == 3 * 6
        assert {row["status"] for row in rows} == {"ok"}
        assert all(row["deviation"] == row["carried"] - row["measured"] for row in rows)
        last = [row for row in rows if row["phase"] == 3]
        off[rate] = max(abs(row["deviation"]) for row in last)
        assert max(abs(row["measured"] - row["start"]) for row in last) > 20 * off[rate]
        assert max(row["error"] for row in last) < off[rate]
    assert 1.7 < off[0.02] / off[0.01] < 2.3


def test_few_snapshots_carry_nothing(tmp_path):
    rows = table_of(save_course(tmp_path, "few", "ABA", length=400, every=200), connection=True)[1]
    assert {row["status"] for row in rows} == {"few_snapshots"}
    assert {(row["carried"], row["error"]) for row in rows} == {(None, None)}
    assert all(row["measured"] is not None for row in rows)


@pytest.mark.parametrize("training", [{"optimizer": "adam"}, {"momentum": 0.5}, {"l1": 0.1}])
def test_what_is_no_plain_descent_has_no_theory(tmp_path, training):
    pair = save_course(tmp_path, "other", "ABA", length=400, every=50, training=training)
    assert {row["status"] for row in table_of(pair, connection=True)[1]} == {"no_theory"}


def test_a_frozen_vector_stays_in_what_is_carried(tmp_path):
    pair = save_course(tmp_path, "frozen", "ABA", length=400, every=50, training={"freeze": "input.weight"})
    rows = table_of(pair, connection=True)[1]
    frozen = [row for row in rows if row["left"] == row["right"] == "m"]
    assert all(row["carried"] == pytest.approx(row["start"], abs=1e-9) for row in frozen)


def test_units_in_another_order_change_nothing(tmp_path):
    steps, path, legs = course("ABA", length=400, every=50)
    vectors, order = vectors_with(path), np.random.default_rng(3).permutation(8)
    pairs = []
    for folder, held in (("plain", vectors), ("other", vectors[:, order])):
        network = saved(tmp_path / folder, "aba", steps, held, legs, {}, 0)
        pairs.append((network, open_history(tmp_path / folder / "aba.history.safetensors")))
    assert np.array_equal(relabelled(pairs[0][0], order).weights["input.weight"], pairs[1][0].weights["input.weight"])
    (plain, carried), (turned, carried_too) = (table_of(pair, connection=True) for pair in pairs)
    for one, two in zip(plain + carried, turned + carried_too, strict=True):
        for key, value in one.items():
            assert two[key] == (pytest.approx(value, rel=1e-4, abs=1e-8) if isinstance(value, float) else value)


def test_what_cannot_be_measured_is_null(planted, tmp_path):
    network, history = planted["ABA"]
    diverged = replace(network, name="gone", status="diverged")
    rows = [row for row in table_of((diverged, history), planted["ABA"])[0] if row["network"] == "gone"]
    assert {row["status"] for row in rows} == {"diverged"}
    assert {(row["excursion"], row["left"], row["ratio"]) for row in rows} == {(None, None, None)}
    steps, path, legs = course("ABA", length=400, every=100)
    vectors = vectors_with(path)
    vectors[3, 0, 0] = np.nan
    bad = saved(tmp_path, "bad", steps, vectors, legs, {}, 0)
    rows, carried = table_of((bad, open_history(tmp_path / "bad.history.safetensors")), connection=True)
    assert {row["status"] for row in rows + carried} == {"not_finite:input.weight"}
    assert {row["carried"] for row in carried} == {None}


def test_no_excursion_has_no_ratio(tmp_path):
    steps, path, legs = course("ABA", length=400, every=100)
    legs = [leg | {"loss": 0.0} for leg in legs]
    still = np.broadcast_to(vectors_with(path)[0], (len(path), 8, 4))
    network = saved(tmp_path, "still", steps, still, legs, {}, 0)
    rows, _ = table_of((network, open_history(tmp_path / "still.history.safetensors")))
    assert {(row["status"], row["excursion"], row["ratio"]) for row in rows} == {("no_excursion", 0.0, None)}


def test_networks_of_another_kind_are_refused(planted, tmp_path):
    network, history = planted["ABA"]
    for changed, says in (
        (replace(network, training={}), "not trained in phases"),
        (replace(network, training={"protocol": [{"name": "A"}]}), "how its phases ended"),
        (replace(network, architecture=replace(network.architecture, nonlinearity="relu")), "no theory says"),
    ):
        with pytest.raises(InputError, match=says):
            course_of(changed, history)
    with pytest.raises(InputError, match="none returned to a task"):
        table_of(planted["AAA"])
    late = {**network.training, "protocol": [{**leg, "last_step": leg["last_step"] + 1} for leg in course("ABA")[2]]}
    with pytest.raises(InputError, match="no snapshot of step 4001"):
        course_of(replace(network, training=late), history)


SMALL = (
    *("overlaps/filter", "--units", "50", "-t", f"steps={STEPS}", "-t", "decay=0.4", "--validation-trials", "1"),
    *("--steps-per-epoch", "20", "--snapshot-steps", "20", "--threads", "1", "--stop-loss", "1e-5"),
)
PHASES = {"B": ("--phase", "B:gain=1.5", "--phase", "B:decay=0.8")}


def trained(folder: Path, protocol: str, *more: object) -> Pair:
    """A linear network of 50 units that learnt filters one after the other."""
    phases = PHASES["B"] if "B" in protocol else ()
    words = ("train", *SMALL, "--seeds", "1", "--protocol", protocol, *phases, *more, "-o", folder / protocol, "-q")
    assert run_cli(*words).code == 0
    (path,) = (one for one in (folder / protocol).glob("*.safetensors") if "history" not in one.name)
    return load_native(path).named(protocol), open_history(history_beside(path))


def test_a_trained_network_remembers_in_what_is_not_seen(tmp_path):
    rate = ("--lr", "0.3", "--epochs", "25")
    rows, carried = table_of(trained(tmp_path, "A,B,A", *rate), trained(tmp_path, "A,A,A", *rate), connection=True)
    found = by_kind(rows, "memory")
    assert {row["status"] for row in found.values()} == {"ok"}
    assert found["functional"]["ratio"] < 0.02
    assert found["functional"]["ratio_beyond_control"] < 0.02
    assert found["unseen"]["ratio"] > 0
    last = [row for row in carried if row["network"] == "A,B,A" and row["phase"] == 3]
    moved = max(abs(row["measured"] - row["start"]) for row in last)
    assert max(abs(row["deviation"]) for row in last) < 0.1 * moved


def test_adam_is_measured_all_the_same(tmp_path):
    adam = ("--optimizer", "adam", "--lr", "0.02", "--epochs", "12", "--stop-loss", "0.01")
    rows, carried = table_of(trained(tmp_path, "A,B,A", *adam), trained(tmp_path, "A,A,A", *adam), connection=True)
    found = by_kind(rows, "memory")
    assert {row["status"] for row in found.values()} == {"ok"}
    assert 0 < found["unseen"]["ratio_beyond_control"] < 1
    assert {row["status"] for row in carried} == {"no_theory"}
