"""`compare` at the scale of a study: tiles, workers, memory, what is kept. The plain way is the oracle."""

import itertools
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.errors import FileError, InputError
from rnnkit.interop.activity import Recording
from rnnkit.journal import Journal
from rnnkit.metrics import MetricOptions, Network, PairDistance, Reduction, get_metric
from rnnkit.metrics.dsa import Dsa
from rnnkit.models.ensembles import run_networks
from rnnkit.stages import TaskChoice, compare, sensitivity
from rnnkit.stages.compare import Scale
from rnnkit.stages.evaluation import sample_trials
from rnnkit.stages.kept import Earlier, Kept
from rnnkit.stages.pairs import InOrder, blocks, pairs_of, tiles
from rnnkit.stages.reductions import Recent, ReductionFolder
from tests.stages.test_compare import QUICK, network

NETS = [network(f"n{k}", k, units=5 + k % 2) for k in range(10)]
METRICS = ("dsa", "svcca", "pif", "pif-initial")


def table(networks=NETS, metrics=METRICS, **rest) -> pa.Table:
    rest = {"trials": 6, "options": QUICK, **rest}
    return pa.concat_tables(compare(networks, metrics, **rest)).drop_columns(["seconds"])


@pytest.mark.parametrize("sizes", [(2,), (5, 1, 7), (64,), (70, 3)])
def test_tiles_hold_each_pair_once_and_come_back_in_order(sizes):
    members = itertools.count()
    groups = [list(itertools.islice(members, size)) for size in sizes]
    found = list(tiles(groups, ["x", "y"]))
    expected = [pair for group in groups for pair in itertools.combinations(group, 2)]
    assert len(expected) == pairs_of(groups)
    for metric in "xy":
        assert sorted(p for t in found if t.metric == metric for p in t.pairs) == sorted(expected)
    assert [t.number for t in found] == list(range(len(found)))
    assert max(len({k for pair in t.pairs for k in pair}) for t in found) <= (16 if max(sizes) >= 64 else 8)
    for seed in range(3):
        order, rows = InOrder(), []
        shuffled = random.Random(seed).sample(found, len(found))
        for tile in shuffled if seed else found:
            rows += itertools.chain(*order.add(tile, [(tile.metric, *pair) for pair in tile.pairs]))
        assert rows == [(metric, *pair) for metric in "xy" for pair in expected]
    assert [k for block in blocks(groups[0]) for k in block] == groups[0]


@pytest.mark.parametrize("delay", [1, None])
def test_values_are_those_of_all_networks_prepared_at_once(delay):
    options = MetricOptions(delay=delay, max_delay=4, starts=2)
    trials = sample_trials(TaskChoice().of(NETS[0]), 6, 0).inputs[0]
    runs = sorted(run_networks(NETS, trials, options.device), key=lambda run: run.index)
    ready = [Network(net, run.hidden) for net, run in zip(NETS, runs, strict=True)]
    pairs = list(itertools.combinations(range(len(NETS)), 2))
    rows = table(options=options).to_pylist()
    for metric in METRICS:
        plain = get_metric(metric)
        expected = plain.distances(plain.prepare(ready, options), pairs, options)
        found = [row for row in rows if row["metric"] == metric]
        for row, one in zip(found, expected, strict=True):
            assert row["status"] == one.status
            assert row["distance"] == (None if np.isnan(one.distance) else pytest.approx(one.distance, abs=1e-9))


def test_the_table_does_not_depend_on_threads_workers_memory_or_cache(tmp_path):
    expected = table()
    threads = MetricOptions(delay=1, starts=2, threads=3)
    assert table(options=threads).equals(expected)
    assert table(scale=Scale(workers=2)).equals(expected)
    assert table(scale=Scale(memory=200_000)).equals(expected)
    assert table(scale=Scale(cache=tmp_path)).equals(expected)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert len(files) == 4 * len(NETS)
    assert table(scale=Scale(cache=tmp_path, workers=2)).equals(expected)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == files


def test_what_the_cache_is_asked_by(tmp_path):
    counts = []
    for rest in ({}, {"seed": 1}, {"options": MetricOptions(delay=1, starts=3)}, {"options": MetricOptions(delay=2)}):
        table(NETS[:3], ("dsa",), scale=Scale(cache=tmp_path), **rest)
        counts.append(len(list(tmp_path.rglob("*.npz"))))
    # Other trials and another delay are other reductions; more starts of the solver are not.
    assert counts == [3, 6, 6, 9]
    for path in tmp_path.rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:50])
    assert table(NETS[:3], ("dsa",), scale=Scale(cache=tmp_path)).equals(table(NETS[:3], ("dsa",)))


def test_metrics_of_the_same_operators_share_them(tmp_path):
    apart = [table(NETS[:3], (name,)) for name in ("dsa", "dsa-angular", "dsa-wasserstein")]
    found = table(NETS[:3], ("dsa", "dsa-angular", "dsa-wasserstein"), scale=Scale(cache=tmp_path))
    assert len(list(tmp_path.rglob("*.npz"))) == 3
    assert found.equals(pa.concat_tables(apart))


def test_reductions_are_kept_whole_or_not_at_all(tmp_path):
    folder = ReductionFolder(tmp_path)
    folder.save("ab12", Reduction({"x": np.arange(3.0), "empty": np.zeros((4, 0))}, "odd"))
    held = folder.load("ab12")
    assert held is not None
    assert (held.status, held.arrays["x"].tolist(), held.arrays["empty"].shape) == ("odd", [0, 1, 2], (4, 0))
    assert folder.load("cd34") is None
    assert ReductionFolder(None).load("ab12") is None
    (path,) = tmp_path.rglob("*.npz")
    np.savez(path, x=np.array([{}], dtype=object))
    assert folder.load("ab12") is None
    recent = Recent(100)
    for key in "abc":
        recent.put(key, Reduction({"x": np.zeros(5)}))
    assert [recent.get(key) is not None for key in "abc"] == [False, True, True]
    assert recent.bytes <= 100


def test_too_little_memory_is_said():
    with pytest.raises(InputError, match=r"--memory: 8 networks of (dsa|svcca) take .* MiB at once"):
        table(scale=Scale(memory=3000))


class Whole(Dsa):
    """Written last, so that it is used: all networks at once."""

    def prepare(self, networks, options):
        return len(networks)

    def distances(self, prepared, pairs, options):
        return [PairDistance(float(100 * prepared + 10 * i + j), "exact") for i, j in pairs]

    def parameters(self, prepared):
        return {"networks": prepared}


@pytest.mark.parametrize("wild", [False, True])
def test_a_metric_that_sees_all_networks_at_once(monkeypatch, wild):
    monkeypatch.setattr("rnnkit.metrics.dsa.Dsa", Whole)
    assert (Dsa.reduces(), Whole.reduces()) == (True, False)
    nets = NETS[:4]
    if wild:
        blown = {key: np.full(value.shape, 1e300) for key, value in nets[1].weights.items()}
        nets = [nets[0], type(nets[1])("w", nets[1].architecture, blown, task="flipflop"), *nets[2:]]
        nets[1] = nets[1].named("w")
        object.__setattr__(nets[1], "task_parameters", nets[0].task_parameters)
    chosen = {}
    found = pa.concat_tables(
        compare(nets, ("dsa",), trials=4, report=lambda name, what: chosen.update({name: what}))
    ).to_pylist()
    values = [row["distance"] for row in found if row["status"] == "exact"]
    wild = any(row["status"] == "diverged" for row in found)
    assert values == ([301, 302, 312] if wild else [401, 402, 403, 412, 413, 423])
    assert chosen == {"dsa": {"networks": 3 if wild else 4}}


def test_memory_does_not_grow_with_the_number_of_networks(tmp_path):
    code = Path(__file__).with_name("peak_memory.py")

    def peak(networks: int) -> int:
        words = [sys.executable, str(code), str(networks)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True, cwd=code.parents[2])
        return int(done.stdout)

    few, many = peak(30), peak(120)
    # In KiB. Held together, the activity and the bases of 90 more networks would be 90 x 2 x 800 KiB.
    assert many - few < 30_000, (few, many)


# What is kept


class Stopped(Exception):
    pass


def stop_after(batches: int) -> "callable":
    seen = []

    def progress(done, total):
        seen.append(done)
        if len(seen) >= batches:
            raise Stopped

    return progress


@pytest.mark.parametrize("cut", [0, 1, 10])
def test_a_run_that_is_cut_off_goes_on(tmp_path, cut):
    expected = table()
    path = tmp_path / "t.part"
    calls = 0
    for attempt in range(20):
        kept = Kept(Journal(path))
        try:
            found = table(kept=kept, progress=stop_after(5) if attempt < 19 else None)
        except Stopped:
            kept.journal.close()
            path.write_bytes(path.read_bytes()[: -cut or None])  # the last record is torn
            calls += 1
            continue
        break
    else:
        found = table(kept=kept)
    kept.journal.close(remove=True)
    assert calls >= 3 if cut == 0 else True
    assert found.equals(expected)
    assert not path.exists()


def test_another_runs_part_is_refused(tmp_path):
    kept = Kept(Journal(tmp_path / "t.part"))
    with pytest.raises(Stopped):
        table(kept=kept, progress=stop_after(2))
    kept.journal.close()
    for rest, says in (
        ({"trials": 7}, "trials was 6, is 7"),
        ({"rates": True}, "rates was False, is True"),
        ({"options": MetricOptions(delay=1, starts=3)}, "starts was 2, is 3"),
        ({"metrics": ("dsa",)}, "metric was"),
        ({"networks": NETS[:9]}, "its networks are others"),
    ):
        again = Kept(Journal(tmp_path / "t.part"))
        with pytest.raises(InputError, match=f"is part of another run: {says}"):
            table(**rest, kept=again)


def test_what_is_no_journal(tmp_path):
    (tmp_path / "a").write_text("rows\n")
    with pytest.raises(FileError, match="is no part of a table"):
        Journal(tmp_path / "a")
    (tmp_path / "a").write_text("0000")  # killed while the first line was written
    assert Journal(tmp_path / "a").header is None


def earlier(networks, **rest) -> Earlier:
    kept = Kept()
    rest = {"trials": 6, "options": QUICK, **rest}
    old = pa.concat_tables(compare(networks, METRICS, kept=kept, **rest))
    return Earlier(old, kept.note, "old")


def test_rows_of_an_earlier_table_are_used():
    fixed = {"options": MetricOptions(delay=1, components=2, starts=2)}
    old = earlier(NETS[2:6][::-1], **fixed)
    for key, row in old._rows.items():
        row["seconds"] = 77.0
        if key[0] == "pif":
            row["distance"] += 1
    nets = [net.named(net.name + "x") for net in NETS]
    kept = Kept(earlier=old)
    rows = pa.concat_tables(compare(nets, METRICS, kept=kept, trials=6, **fixed)).to_pylist()
    plain = table(nets, **fixed).to_pylist()
    for row, fresh in zip(rows, plain, strict=True):
        known = {row["a"], row["b"]} <= {f"n{k}x" for k in range(2, 6)} and row["distance"] is not None
        assert (row["seconds"] == 77.0) == known
        shift = 1 if known and row["metric"] == "pif" else 0
        if row["distance"] is not None:
            assert row["distance"] - shift == pytest.approx(fresh["distance"], abs=1e-9)
        assert (row["size_a"], row["size_b"]) == (fresh["size_a"], fresh["size_b"])


def test_a_stale_table_is_refused():
    old = earlier(NETS[:4])
    for rest, says in (
        ({"trials": 7}, "its dsa is of trials 6, this one of trials 7"),
        (
            {"options": MetricOptions(delay=2, starts=2)},
            "its dsa is of delays 1, this one of delays 2 .fix it with --delay",
        ),
        ({"options": MetricOptions(delay=1, starts=3)}, "of starts 2"),
        ({"networks": NETS[6:]}, "has no two of these networks"),
    ):
        with pytest.raises(InputError, match=says):
            table(**{"networks": NETS[:5], **rest}, kept=Kept(earlier=old))
    with pytest.raises(InputError, match="does not say which networks"):
        Earlier(table(NETS[:2]), None, "old")


# Recordings


def recordings(tmp_path, **shapes) -> list[Recording]:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "r.npz", **{name: rng.normal(size=shape).cumsum(1) for name, shape in shapes.items()})
    return [Recording(name, tmp_path / "r.npz", name) for name in shapes]


def test_recordings_and_networks_meet(tmp_path):
    found = recordings(tmp_path, same=(6, 8, 3), other=(4, 30, 6))
    rows = {(r["metric"], r["a"], r["b"]): r for r in table([*NETS[:2], *found], ("dsa", "svcca")).to_pylist()}
    assert all(
        row["status"] in ("optimal", "converged", "rank_deficient") for (m, *_), row in rows.items() if m == "dsa"
    )
    assert rows["svcca", "n0", "same"]["status"] == rows["svcca", "n0", "n1"]["status"] == "exact"
    for a in ("n0", "n1", "same"):
        assert rows["svcca", a, "other"]["status"] == "different_samples"
        assert rows["svcca", a, "other"]["distance"] is None
    with pytest.raises(InputError, match="no common delay can be chosen"):
        table([*NETS[:2], *found], ("dsa",), options=MetricOptions(starts=2))
    with pytest.raises(InputError, match="pif needs more than activity, and same is a recording"):
        table([*NETS[:2], *found], ("pif",))


def test_a_recording_of_a_network_is_the_network(tmp_path):
    trials = sample_trials(TaskChoice().of(NETS[0]), 6, 0).inputs[0]
    (run,) = run_networks(NETS[:1], trials, QUICK.device)
    np.savez(tmp_path / "copy.npz", run.hidden[:, :, ::-1])
    copy = Recording("copy", tmp_path / "copy.npz", "arr_0")
    for row in table([NETS[0], copy, NETS[1]], ("dsa", "svcca")).to_pylist():
        if (row["a"], row["b"]) == ("n0", "copy"):
            assert row["distance"] == pytest.approx(0, abs=1e-9)
        else:
            assert row["distance"] > 1e-3


def test_a_recording_that_is_no_numbers(tmp_path):
    np.savez(tmp_path / "bad.npz", np.full((6, 8, 2), np.nan))
    rows = table([*NETS[:2], Recording("bad", tmp_path / "bad.npz", "arr_0")], ("svcca",)).to_pylist()
    assert [row["status"] for row in rows] == ["exact", "not_finite:activity", "not_finite:activity"]


def test_sensitivity_to_rank_and_delay():
    found = sensitivity(NETS[:5], 2, 1, grid_components=[1, 3, 9], grid_delays=[2, 99], options=QUICK, trials=6)
    rows = {(row["components"], row["delays"]): row for row in found.to_pylist()}
    assert list(rows) == [(k, d) for k in (1, 2, 3, 9) for d in (1, 2, 99)]
    assert rows[2, 1]["chosen"]
    assert (rows[2, 1]["spearman"], rows[2, 1]["mean_ratio"]) == (pytest.approx(1), pytest.approx(1))
    assert rows[2, 1]["pairs"] == 10

    def distances(k: int, d: int) -> np.ndarray:
        options = MetricOptions(components=k, delay=d, starts=2)
        return np.array(table(NETS[:5], ("dsa",), options=options)["distance"].to_pylist())

    here, there = distances(2, 1), distances(3, 2)
    ranks = [np.argsort(np.argsort(values)) for values in (here, there)]
    assert rows[3, 2]["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert rows[3, 2]["mean_ratio"] == pytest.approx(there.mean() / here.mean())
    assert {rows[9, d]["status"] for d in (1, 2)} == {rows[1, 99]["status"]} == {"out_of_range"}
    assert rows[9, 1]["spearman"] is None
