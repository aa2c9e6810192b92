"""A run killed at any moment and resumed gives the uninterrupted run's result, and leaves no unreadable file."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from rnnkit.checkpoints import load_history, load_native
from tests.conftest import run_cli, without_seconds

#: Two groups (one for each number of units), networks that stop at different epochs, and snapshots.
LINE = [
    *("train", "flipflop", "-t", "steps=6", "-t", "bits=1", "--vary", "units=6,7", "--seeds", "0:2"),
    *("--batch", "4", "--epochs", "40", "--steps-per-epoch", "12", "--validation-trials", "4"),
    *("--snapshots", "10", "--stop-loss", "0.3", "--patience", "8", "-q"),
]


def result(folder: Path) -> tuple[list, list]:
    """All tensors, snapshots included, and the table but for its times."""
    tensors = []
    for path in sorted(folder.glob("*.safetensors")):
        if path.name.endswith(".history.safetensors"):
            steps, held = load_history(path)
            held["step"] = steps
        else:
            network = load_native(path)
            held = {**network.weights, **{f"init.{k}": v for k, v in network.initial.items()}}
            held["losses"] = np.array([v for v in network.losses.values() if v is not None])
        tensors += [(path.name, name, value.tobytes()) for name, value in sorted(held.items())]
    return tensors, without_seconds(pq.read_table(folder / "training.parquet")).to_pylist()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> tuple[tuple[list, list], float]:
    folder = tmp_path_factory.mktemp("whole") / "out"
    started = time.monotonic()
    assert run_cli(*LINE, "-o", folder).code == 0
    return result(folder), time.monotonic() - started


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    # The state is written at every epoch here, not every few seconds, so that kills fall on writes.
    code = "import rnnkit.training.folder as f; f._STATE_SECONDS = 0.0\nfrom rnnkit.cli.main import main; main()"
    words = [sys.executable, "-c", code, *LINE, *more, "-o", str(folder)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def readable(folder: Path) -> None:
    """Whatever stands under a final name can be read."""
    for path in folder.glob("*.safetensors"):
        if path.name.endswith(".history.safetensors"):
            load_history(path)
        else:
            load_native(path)
    for path in folder.rglob("*.parquet"):
        if not path.name.startswith("."):
            pq.read_table(path)


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments(uninterrupted, tmp_path, seed):
    expected, seconds = uninterrupted
    moments = random.Random(seed)
    folder = tmp_path / "out"
    kills = 0
    for attempt in range(3):
        more = ["--resume"] if attempt else []
        with start(folder, *more) as process:
            plan = folder / ".rnnkit-train" / "plan.json"
            deadline = time.monotonic() + 60
            while not plan.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(moments.uniform(0, seconds / 2))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
            kills += process.returncode == -signal.SIGKILL
        readable(folder)
    assert kills >= 1
    done = run_cli(*LINE, "--resume", "-o", folder)
    assert (done.code, done.out) == (0, b"")
    assert result(folder) == expected
    left = [path.name for path in folder.iterdir() if not path.name.endswith((".part", ".safetensors"))]
    assert left == ["training.parquet"]


def test_killed_between_epochs_at_every_epoch(uninterrupted, tmp_path, monkeypatch):
    """The same without a process: stopped after each epoch in turn."""
    from rnnkit.training import folder as module

    monkeypatch.setattr(module, "_STATE_SECONDS", 0.0)
    save = module.TrainingFolder.save_state
    stopped = 0

    def stop(self, *words, **options):
        nonlocal stopped
        save(self, *words, **options)
        stopped += 1
        if stopped % 5 == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(module.TrainingFolder, "save_state", stop)
    target = tmp_path / "out"
    for attempt in range(60):
        done = run_cli(*LINE, *(["--resume"] if attempt else []), "-o", target)
        readable(target)
        if done.code == 0:
            break
        assert done.code == 130
    assert attempt >= 3
    assert result(target) == uninterrupted[0]


def test_what_resuming_refuses(tmp_path):
    folder = tmp_path / "out"
    with start(folder) as process:
        while not (folder / ".rnnkit-train" / "plan.json").exists() and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        process.communicate()
    plain = run_cli(*LINE, "-o", folder)
    assert plain.code == 2
    assert "--resume or --overwrite" in plain.err
    other = run_cli(*LINE, "--lr", "0.5", "--resume", "-o", folder)
    assert other.code == 2
    assert "other settings" in other.err
    assert run_cli(*LINE, "--epochs", "1", "--overwrite", "-o", folder).code == 0
    assert not (folder / ".rnnkit-train").exists()


def test_resuming_what_is_complete_or_not_begun(tmp_path):
    line = ["train", "-t", "steps=4", "--units", "3", "--batch", "2", "--epochs", "1", "--steps-per-epoch", "1"]
    line += ["--validation-trials", "2", "--seeds", "0:2", "-o", tmp_path / "out", "--resume"]
    assert run_cli(*line).code == 0
    before = result(tmp_path / "out")
    again = run_cli(*line)
    assert again.code == 0
    assert "nothing to resume, all 2 networks are there" in again.err
    assert result(tmp_path / "out") == before
    more = run_cli(*["0:3" if word == "0:2" else word for word in line])
    assert more.code == 2
    assert "holds" in more.err
    assert "a folder of their own" in more.err
