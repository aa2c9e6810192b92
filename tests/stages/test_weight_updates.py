"""Weights along training: every family against whole matrices, planted events, statuses, bounded memory."""

from __future__ import annotations

import math
import sys
import tracemalloc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint, save_history
from rnnkit.errors import InputError
from rnnkit.history import History, open_history
from rnnkit.models.initialisation import draw_weights
from rnnkit.numerics.restructuring import EventRule
from rnnkit.stages import weight_correlation, weight_updates
from rnnkit.stages.weight_events import Onset, Sides, onsets_of
from rnnkit.tables import build

from .planted import relabelled
from .planted_updates import course, network_of, save_walk

UNITS = 8
STEPS = np.array([0, 10, 20, 25])


def shape_of(family: str) -> Architecture:
    spec = FAMILIES[family]
    rate = 0.4 if spec.rate_name else 1.0
    return Architecture(
        family=family, units=UNITS, inputs=2, outputs=2, rate=rate, rank=2 if spec.low_rank else 0
    )  # fmt: skip


def snapshots(family: str, count: int = 4) -> list[Checkpoint]:
    rng = np.random.default_rng(3)
    shape = shape_of(family)
    held = [{name: rng.normal(size=size) for name, size in shape.shapes().items()} for _ in range(count)]
    return [Checkpoint("net", shape, weights) for weights in held]


def matrix(net: Checkpoint) -> np.ndarray:
    if "recurrent.left" in net.weights:
        return net.weights["recurrent.left"] @ net.weights["recurrent.right"].T / UNITS
    return net.weights["recurrent.weight"] / (UNITS if net.architecture.family == "mup" else 1)


def kept(folder: Path, nets: list[Checkpoint], steps: np.ndarray = STEPS, names: tuple[str, ...] = ()) -> History:
    path = folder / "net.history.safetensors"
    path.unlink(missing_ok=True)
    chosen = names or tuple(nets[0].weights)
    save_history(path, steps, {name: np.stack([net.weights[name] for net in nets]) for name in chosen}, "net")
    return open_history(path)


def walked(folder: Path, matrices: np.ndarray) -> tuple[list[Checkpoint], list[History]]:
    """A network whose recurrent weights are these (K, N, N) along training, ten steps apart."""
    return [network_of(matrices)], [open_history(save_walk(folder, matrices))]


def rows_of(networks: list[Checkpoint], histories: list[History], **more: object) -> list[dict[str, object]]:
    return pa.concat_tables([one.updates for one in weight_updates(networks, histories, **more)]).to_pylist()


def blocks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for name in ("update_measures", "weight_correlation", "weight_events"):
        monkeypatch.setattr(sys.modules[f"rnnkit.stages.{name}"], "_BLOCK_BYTES", size)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_its_matrix(family, tmp_path, monkeypatch):
    nets = snapshots(family)
    history, whole = kept(tmp_path, nets), [matrix(net) for net in nets]
    for size in (1, 1 << 30):  # a snapshot at a time, and all at once
        blocks(monkeypatch, size)
        rows = rows_of(nets[-1:], [history])
        assert [row["step"] for row in rows] == STEPS.tolist()
        assert [row["gap"] for row in rows] == [10, 10, 5, None]
        assert [row["status"] for row in rows] == ["ok", "ok", "ok", "last"]
        for k, row in enumerate(rows):
            expected = np.linalg.svd(whole[k])[1][: len(row["weight_singular_values"])]
            np.testing.assert_allclose(row["weight_singular_values"], expected, atol=1e-12)
            assert len(expected) == (2 if FAMILIES[family].low_rank else UNITS)
        norms = [np.linalg.norm(b - a) for a, b in pairwise(whole)]
        for k, row in enumerate(rows[:-1]):
            update, way = whole[k + 1] - whole[k], whole[-1] - whole[k]
            found = row["update_singular_values"]
            np.testing.assert_allclose(found, np.linalg.svd(update)[1][: len(found)], atol=1e-12)
            assert np.linalg.norm(found) == pytest.approx(norms[k], rel=1e-12)  # none is left out
            assert row["update_norm"] == pytest.approx(norms[k], rel=1e-12)
            cosine = (update * way).sum() / np.linalg.norm(update) / np.linalg.norm(way)
            assert row["alignment"] == pytest.approx(cosine, abs=1e-12)
            assert row["alignment_null"] == pytest.approx(norms[k] / math.hypot(*norms[k:]), rel=1e-12)
            assert (row["score"], row["event"]) == (None, None)
        pairs = pa.concat_tables(weight_correlation(nets[-1:], [history])).to_pylist()
        assert [(row["step_a"], row["step_b"]) for row in pairs] == [
            (a, b) for k, a in enumerate(STEPS) for b in STEPS[k + 1 :]
        ]
        place = {step: k for k, step in enumerate(STEPS)}
        for row in pairs:
            a, b = (whole[place[row[name]]].ravel() for name in ("step_a", "step_b"))
            assert row["correlation"] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)
            assert row["status"] == "ok"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_relabelled_network_has_the_same_tables(family, tmp_path):
    nets = snapshots(family, 12)
    order = np.random.default_rng(1).permutation(UNITS)
    steps = np.arange(12) * 7
    rule, sides = EventRule(window=4, threshold=0.5, margin=1), Sides(8, (8, 30), (8, 30))
    tables = []
    for own in (nets, [relabelled(net, order).named("net") for net in nets]):
        history = [kept(tmp_path, own, steps)]
        (found,) = weight_updates(own[-1:], history, rule=rule, sides=sides)
        tables.append([found.updates, found.events, *weight_correlation(own[-1:], history)])
    assert tables[0][1].num_rows > 0
    for one, other in zip(*tables, strict=True):
        for name in one.column_names:
            for a, b in zip(one[name].to_pylist(), other[name].to_pylist(), strict=True):
                assert a == (b if b is None or isinstance(b, str) else pytest.approx(b, abs=1e-10))


def test_what_is_trained_of_a_product_is_enough(tmp_path):
    nets = snapshots("lowrank")
    left = nets[-1].weights["recurrent.left"]
    nets = [replace(net, weights=net.weights | {"recurrent.left": left}) for net in nets]
    rows = rows_of(nets[-1:], [kept(tmp_path, nets, names=("recurrent.right",))])
    for net, row in zip(nets, rows, strict=True):
        np.testing.assert_allclose(row["weight_singular_values"], np.linalg.svd(matrix(net))[1][:2], atol=1e-12)


def test_snapshots_of_a_cayley_network_form_its_matrix(tmp_path):
    shape = Architecture(family="vanilla", units=UNITS, inputs=2, outputs=2, recurrent="cayley")
    nets = [Checkpoint("net", shape, draw_weights(shape, "cayley", 1.0, np.random.default_rng(k))) for k in range(4)]
    names = tuple(name for name in nets[0].weights if name != "recurrent.weight")
    rows = rows_of(nets[-1:], [kept(tmp_path, nets, names=names)])
    for k, row in enumerate(rows[:-1]):
        update = nets[k + 1].weights["recurrent.weight"].astype(float) - nets[k].weights["recurrent.weight"]
        np.testing.assert_allclose(row["update_singular_values"], np.linalg.svd(update)[1], atol=1e-5)


def test_histories_that_do_not_fit(tmp_path):
    nets = snapshots("current")
    with pytest.raises(InputError, match="they were not trained"):
        rows_of(nets[-1:], [kept(tmp_path, nets, names=("readout.weight",))])
    with pytest.raises(InputError, match="not in order of their steps"):
        rows_of(nets[-1:], [kept(tmp_path, nets, np.array([0, 10, 10, 20]))])
    with pytest.raises(InputError, match="keep the files of a network together"):
        rows_of(snapshots("gru")[-1:], [kept(tmp_path, nets)])


# events


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1 << 12, 1 << 30])
def test_planted_events_are_found_and_told_apart(seed, size, tmp_path, monkeypatch):
    blocks(monkeypatch, size)
    matrices = course(seed)
    held = walked(tmp_path, matrices)
    # The search ended between steps 1050 and 1105: the jump from 1100 to 1110 is at its end.
    ends = {"net": Onset(1080.0, 1050.0, 1105.0)}
    (found,) = weight_updates(*held, rule=EventRule(), onsets=ends, sides=Sides())
    marks = found.updates["event"].to_pylist()
    expected = ["none"] * 200 + [None]
    expected[60] = expected[61] = "hidden"
    expected[110] = "explicit"
    assert marks == expected
    assert found.updates["score"].to_pylist()[160] > 3.5
    onset, *events = found.events.to_pylist()
    assert [(row["number"], row["kind"]) for row in (onset, *events)] == [
        (0, "onset"), (1, "hidden"), (2, "explicit"), (3, "transient"),
    ]  # fmt: skip
    assert [(row["begin"], row["end"]) for row in events] == [(600, 620), (1100, 1110), (1600, 1620)]
    assert (onset["centre"], events[1]["centre"]) == (1080, 1105)
    flat = matrices.reshape(201, -1)
    for row, (before, after) in zip(events, ((57, 64), (107, 113), (157, 164)), strict=True):
        apart = [1 - np.corrcoef(flat[k], flat[k + after - before])[0, 1] for k in range(201 - after + before)]
        assert row["change"] == pytest.approx(apart[before], rel=1e-6)
        assert row["usual_change"] == pytest.approx(np.median(apart), rel=1e-6)
        assert (row["change"] > 3 * row["usual_change"]) == (row["kind"] != "transient")
    # Without onsets nothing can be said to be at the end of the search.
    assert {row["event"] for row in rows_of(*held, rule=EventRule())} == {"none", "hidden", None}


def test_a_network_that_never_ended_its_search_has_hidden_events(tmp_path):
    held = walked(tmp_path, course())
    ends = {"net": Onset(math.nan, math.nan, math.nan)}
    (found,) = weight_updates(*held, rule=EventRule(), onsets=ends, align="onset", sides=Sides())
    assert set(found.updates["event"].to_pylist()) == {"none", "hidden", None}
    assert set(found.updates["status"].to_pylist()) == {"no_onset", "last"}
    assert set(found.updates["relative_step"].to_pylist()) == {None}
    onset = found.events.to_pylist()[0]
    assert (onset["kind"], onset["status"], onset["centre"], onset["update"]) == ("onset", "no_onset", None, None)


def test_a_random_walk_has_few_sudden_updates_and_no_event(tmp_path):
    rng = np.random.default_rng(7)
    sudden = events = 0
    for _ in range(10):
        updates = 0.01 * rng.normal(size=(200, 8, 8)) * np.exp(0.2 * rng.normal(size=200))[:, None, None]
        held = walked(tmp_path, rng.normal(size=(8, 8)) + np.cumsum(updates, axis=0))
        (found,) = weight_updates(*held, rule=EventRule(), sides=Sides())
        sudden += found.events.num_rows
        events += sum(row["kind"] != "transient" for row in found.events.to_pylist())
    assert sudden <= 10
    assert events == 0


def test_sides_are_means_over_windows(tmp_path):
    matrices = course()
    held = walked(tmp_path, matrices)
    sides = Sides(around=25, before=(100, 300), after=(50, 80))
    ends = {"net": Onset(1000.0, 900.0, 1200.0)}
    (found,) = weight_updates(*held, onsets=ends, align="crossing", sides=sides)
    assert found.updates["relative_step"].to_pylist()[:2] == [-1200, -1190]
    (row,) = found.events.to_pylist()
    updates = np.linalg.svd(np.diff(matrices, axis=0), compute_uv=False)[:, 0] / np.sqrt(10)
    weights = np.linalg.svd(matrices, compute_uv=False)[:, 0]
    # Updates count by their middles: 975-985 to 1015-1025; snapshots by their steps: 980 to 1020.
    for end, first, last in (("", 975, 1025), ("_before", 700, 900), ("_after", 1050, 1080)):
        middles, steps = np.arange(200) * 10 + 5, np.arange(201) * 10
        assert row[f"update{end}"] == pytest.approx(updates[(middles >= first) & (middles <= last)].mean(), rel=1e-12)
        assert row[f"weight{end}"] == pytest.approx(weights[(steps >= first) & (steps <= last)].mean(), rel=1e-12)
    assert row["status"] == "ok"


@pytest.mark.parametrize(
    ("onset", "sides", "status"),
    [
        (50.0, Sides(), "nothing_before"),
        (1900.0, Sides(), "nothing_after"),
        (1000.0, Sides(around=1), "nothing_around"),
        (9000.0, Sides(), "nothing_around"),
    ],
)
def test_sides_without_snapshots(onset, sides, status, tmp_path):
    held = walked(tmp_path, course())
    (found,) = weight_updates(*held, onsets={"net": Onset(onset, onset, onset)}, sides=sides)
    (row,) = found.events.to_pylist()
    assert row["status"] == status
    assert row[{"nothing_around": "update"}.get(status, f"update{status[7:]}")] is None


def test_onsets_of_a_table():
    row = {"network": "a", "onset": 5.0, "onset_low": 4.0, "crossing": None, "censored": False, "status": "ok"}
    row |= {
        "criterion": "hinge",
        "relapses": 0,
        "evaluations": 9,
        "steps_per_epoch": 50,
        "chance": 1.0,
        "search_steps": 5,
    }
    found = onsets_of(build("onsets", [row]))
    assert (found["a"].onset, found["a"].low) == (5.0, 4.0)
    assert math.isnan(found["a"].crossing)
    with pytest.raises(InputError, match="'a' stands in two rows"):
        onsets_of(build("onsets", [row, row]))


def test_networks_without_an_onset_are_refused(tmp_path):
    held = walked(tmp_path, course())
    with pytest.raises(InputError, match="no row of network 'net'"):
        rows_of(*held, rule=EventRule(), onsets={})
    with pytest.raises(InputError, match="--align: needs the ends"):
        rows_of(*held, align="onset")
    with pytest.raises(InputError, match="did you mean 'onset'"):
        rows_of(*held, align="onse", onsets={"net": Onset(0, 0, 0)})


# statuses


def test_one_snapshot_is_too_few(tmp_path):
    held = walked(tmp_path, np.ones((1, 3, 3)))
    (row,) = rows_of(*held, rule=EventRule())
    assert (row["status"], row["gap"], row["alignment"]) == ("too_few_snapshots", None, None)
    np.testing.assert_allclose(row["weight_singular_values"], [3, 0, 0], atol=1e-12)
    assert pa.concat_tables(weight_correlation(*held)).num_rows == 0


def test_a_short_history_has_no_scores(tmp_path):
    held = walked(tmp_path, course()[:40])
    rows = rows_of(*held, rule=EventRule())
    assert {row["status"] for row in rows} == {"too_few_snapshots"}
    assert {(row["score"], row["event"]) for row in rows} == {(None, None)}
    assert all(row["alignment"] is not None for row in rows[:-1])
    assert {row["status"] for row in rows_of(*held, rule=EventRule(window=5))} == {"ok", "last"}


def test_snapshots_that_are_not_finite(tmp_path):
    matrices = course()[:8].copy()
    matrices[3, 2, 1] = np.inf
    held = walked(tmp_path, matrices)
    rows = rows_of(*held)
    bad = "not_finite:recurrent.weight"
    assert [row["status"] for row in rows] == ["not_finite_later"] * 3 + [bad] + ["ok"] * 3 + ["last"]
    for k, row in enumerate(rows):
        assert (row["weight_singular_values"] is None) == (k == 3)
        assert (row["update_singular_values"] is None) == (row["update_norm"] is None) == (k in (2, 3, 7))
        assert (row["alignment"] is None) == (k in (2, 3, 7))
        assert (row["alignment_null"] is None) == (k in (0, 1, 2, 3, 7))
    pairs = pa.concat_tables(weight_correlation(*held)).to_pylist()
    for row in pairs:
        touched = 30 in (row["step_a"], row["step_b"])
        assert (row["correlation"] is None, row["status"]) == ((True, bad) if touched else (False, "ok"))
    matrices = course()[:8].copy()
    matrices[7] = np.nan
    rows = rows_of(*walked(tmp_path, matrices))
    assert [row["status"] for row in rows] == ["not_finite_later"] * 7 + [bad]
    assert {(row["alignment"], row["alignment_null"]) for row in rows} == {(None, None)}
    assert rows[0]["update_norm"] is not None


def test_updates_that_are_zero_have_no_direction(tmp_path):
    matrices = course()[:6].copy()
    matrices[3] = matrices[2]
    matrices[5] = matrices[4] - matrices[4] + matrices[0]
    rows = rows_of(*walked(tmp_path, matrices))
    # The first snapshot is where it ends: there is no way left.
    assert [row["status"] for row in rows] == ["no_direction", "ok", "no_direction", "ok", "ok", "last"]
    assert [row["alignment"] is None for row in rows] == [True, False, True, False, False, True]
    assert rows[2]["update_norm"] == 0.0


# memory


def test_memory_does_not_grow_with_the_history(tmp_path, monkeypatch):
    """Of 1,000 snapshots, 32 MB in double precision, no more is held than of 100, but for the tables' rows."""
    blocks(monkeypatch, 1 << 19)
    peaks = []
    for count in (100, 1000):
        rng = np.random.default_rng(0)
        held = walked(tmp_path, np.cumsum(rng.standard_normal((count, 64, 64), dtype=np.float32), axis=0))
        tracemalloc.start()
        for found in weight_updates(*held, rule=EventRule(threshold=2.0), sides=Sides()):
            assert found.updates.num_rows == count
            assert found.events.num_rows > 0
        assert sum(part.num_rows for part in weight_correlation(*held)) == count * (count - 1) // 2
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 5e6
