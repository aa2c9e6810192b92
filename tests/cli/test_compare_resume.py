"""`compare` killed at any moment and resumed: no pair lost or doubled, the table that of an uninterrupted run."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from rnnkit.interop.activity import find_recordings
from tests.conftest import QUICK, run_cli, table_note, without_seconds


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many") / "ckpts"
    words = [word if word != "8" or k != 1 else "24" for k, word in enumerate(QUICK)]
    assert run_cli("train", *words, "--epochs", 1, "--seeds", "0:14", "-o", folder, "-q").code == 0
    return folder


def line(folder, *more):
    settings = ("--metric", "dsa,pif,svcca", "--trials", "10", "--delay", "1", "--starts", "60")
    return ["compare", str(folder), *settings, "--threads", "1", *map(str, more)]


@pytest.fixture(scope="module")
def whole(networks, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "t.parquet"
    assert run_cli(*line(networks, "-o", path)).code == 0
    assert not path.with_name("t.parquet.part").exists()
    return without_seconds(pq.read_table(path))


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_three_times(networks, whole, tmp_path, workers):
    path, part = tmp_path / "t.parquet", tmp_path / "t.parquet.part"
    moments = random.Random(workers)
    kills, sizes = 0, []
    for attempt in range(3):
        more = ["--resume", path] if attempt else []
        words = [sys.executable, "-m", "rnnkit", *line(networks, "-o", path, "--workers", workers, *more)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            before = part.stat().st_size if part.exists() else 0
            deadline = time.monotonic() + 60
            while (part.stat().st_size if part.exists() else 0) <= before and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
            kills += process.returncode == -signal.SIGKILL
        sizes.append(part.stat().st_size if part.exists() else 0)
    assert kills >= 2
    assert sizes == sorted(sizes) or kills < 3
    if kills == 3:
        refused = run_cli(*line(networks, "-o", path))
        assert refused.code == 2
        assert "add --resume" in refused.err
        done = run_cli(*line(networks, "-o", path, "--resume", path))
        assert done.code == 0
        assert "going on after" in done.err
    found = pq.read_table(path)
    assert without_seconds(found).equals(whole)
    assert not part.exists()


def test_interrupted_after_every_few_batches(networks, whole, tmp_path, monkeypatch):
    from rnnkit.stages.kept import Kept

    path = tmp_path / "t.parquet"
    keep, count = Kept.keep, 0

    def stop(self, *words):
        nonlocal count
        keep(self, *words)
        count += 1
        if count % 7 == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Kept, "keep", stop)
    for _attempt in range(30):
        done = run_cli(*line(networks, "-o", path, "--resume", path))
        if done.code == 0:
            break
        assert done.code == 130
        assert done.err.endswith("rnnkit compare: interrupted (the same command with --resume goes on)\n")
        assert not path.exists()
    assert count == 30  # four blocks: ten tiles for each metric, each of them once
    assert without_seconds(pq.read_table(path)).equals(whole)


def test_a_table_of_fewer_networks_is_added_to(networks, whole, tmp_path):
    files = sorted(networks.glob("*.safetensors"))
    fixed = ["--components", "2"]
    few, many, plain = (tmp_path / f"{name}.parquet" for name in ("few", "many", "plain"))
    for path, chosen, more in ((few, files[:9], []), (plain, files, []), (many, files, ["--resume", few])):
        words = line(chosen[0], *chosen[1:], *fixed, "-o", path, *more)
        assert run_cli(*words).code == 0
    found, expected, old = (pq.read_table(path) for path in (many, plain, few))
    seconds = {(r["a"], r["b"], r["metric"]): r["seconds"] for r in old.to_pylist()}
    for row, fresh in zip(found.to_pylist(), expected.to_pylist(), strict=True):
        assert row["distance"] == pytest.approx(fresh["distance"], abs=1e-9)
        key = row["a"], row["b"], row["metric"]
        assert (row["a"], row["b"], row["status"]) == (fresh["a"], fresh["b"], fresh["status"])
        if key in seconds:
            assert row["seconds"] == seconds[key]
    assert set(table_note(many)["parameters"]["resume"]["networks"]) == {path.stem for path in files}


def test_recordings_beside_checkpoints(networks, tmp_path):
    files = sorted(networks.glob("*.safetensors"))[:3]
    rollout = tmp_path / "rollout.parquet"
    assert run_cli("rollout", *files, "--trials", 10, "-o", rollout).code == 0
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mouse.npz", left=rng.normal(size=(10, 10, 4)), right=rng.normal(size=(3, 40, 9)))
    words = ["compare", files[0], "--metric", "dsa,svcca", "--trials", 10, "--delay", 1]
    done = run_cli(*words, "--activity", rollout, tmp_path / "mouse.npz", "-q")
    rows = done.table().to_pylist()
    assert done.code == 1  # different_samples
    own = files[0].stem
    names = [own, f"rollout:{own}", files[1].stem, files[2].stem, "mouse:left", "mouse:right"]
    assert list(dict.fromkeys([r["a"] for r in rows] + [r["b"] for r in rows])) == names
    same = [row for row in rows if (row["a"], row["b"]) == (own, f"rollout:{own}")]
    assert len(same) == 2
    assert all(row["distance"] < 1e-3 for row in same)
    alike = {(r["a"], r["b"]) for r in rows if r["metric"] == "svcca" and r["status"] == "exact"}
    assert len(alike) == 10
    assert all("mouse:right" not in pair for pair in alike)
    only = run_cli("compare", "--activity", tmp_path / "mouse.npz", "--metric", "dsa", "--delay", 1, "-q")
    assert (only.code, only.table().num_rows) == (0, 1)
    assert only.table()["distance"][0].as_py() > 0


def test_names_of_recordings(tmp_path):
    (tmp_path / "b").mkdir()
    np.savez(tmp_path / "a.npz", np.ones((2, 3, 4)))
    np.savez(tmp_path / "b" / "c.npz", x=np.ones((2, 3, 4)), y=np.ones((2, 3, 4)))
    found = find_recordings([tmp_path / "a.npz", tmp_path / "b" / "c.npz"], ["a"])
    assert [one.name for one in found] == ["a:arr_0", "c:x", "c:y"]
    assert found[1].activity().shape == (2, 3, 4)
