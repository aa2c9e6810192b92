"""What only real processes show: pipes, signals, what is imported."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rnnkit.cli.main import app
from tests.conftest import QUICK

COMMANDS = [info.name for info in app.registered_commands]
RNNKIT = [sys.executable, "-m", "rnnkit"]
SHELL_ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def shell(line: str, folder: Path, **options) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        env=SHELL_ENVIRONMENT,
        capture_output=True,
        timeout=120,
        check=False,
        **options,
    )


@pytest.fixture
def folder(ensemble, tmp_path) -> Path:
    (tmp_path / "ckpts").symlink_to(ensemble)
    return tmp_path


def test_the_pipeline_of_the_contract(tmp_path):
    line = f"""
        rnnkit train flipflop {" ".join(QUICK)} --seeds 0:4 -o ckpts &&
        rnnkit compare ckpts/*.safetensors --metric svcca > dist.parquet &&
        rnnkit rollout ckpts --ood --summary | rnnkit degeneracy --comparisons dist.parquet --summary - \\
            --include-unconverged | cat > degeneracy.parquet
    """
    done = shell(line, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"ckpts: 4 budget\n")
    assert pq.read_table(tmp_path / "dist.parquet").num_rows == 6
    assert "ood-loss" in pq.read_table(tmp_path / "degeneracy.parquet")["metric"].to_pylist()


@pytest.mark.parametrize(
    "line",
    [
        "rnnkit sample flipflop --trials 1000 --format csv | head -n 2",
        "rnnkit sample flipflop --trials 2000 | head -c 4",
        "rnnkit rollout ckpts --trials 2000 --format jsonl | head -n 1",
        "rnnkit compare ckpts/*.safetensors --metric svcca | head -c 0",
        "rnnkit tasks | head -n 1",
        "rnnkit tasks | true",
    ],
)
def test_a_closed_pipe_is_no_error(folder, line):
    done = shell(line, folder)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_table_that_goes_to_a_file_is_summed_up(folder):
    said = shell("rnnkit compare ckpts --metric svcca -o d.csv", folder).stderr.decode().splitlines()
    assert re.fullmatch(r"d.csv: \d+ rows", said[0])
    assert re.fullmatch(r"  Distances between networks: svcca .* pairs\)\.", said[1])
    assert shell("rnnkit compare ckpts --metric svcca -q -o d.csv", folder).stderr == b""
    assert shell("rnnkit sample flipflop -t steps=3 --trials 1 -o s.csv", folder).stderr == b"s.csv: 3 rows\n"


@pytest.mark.parametrize("command", ["sample flipflop", "sample flipflop --format csv", "tasks", "tasks flipflop"])
def test_a_full_disk_is_one_line(tmp_path, command):
    done = shell(f"rnnkit {command} > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"rnnkit {command.split()[0]}: standard output: No space left on device "
        "(check that there is space, and the right to read or write)\n"
    )


FORBIDDEN = ("torch", "scipy", "pandas", "pyarrow")


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_imports_nothing_heavy(words):
    code = (
        "import sys; from rnnkit.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code)\n"
        "print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=True)
    *shown, status, modules = run.stdout.splitlines()
    assert status == "0"
    assert run.stderr == ""
    assert shown
    assert not {name.split(".")[0] for name in modules.split()} & set(FORBIDDEN)


def interrupt(words: list[object], folder: Path, ready, sent: int = signal.SIGINT) -> tuple[int, bytes, bytes]:
    """Start a command, send a signal as soon as `ready()`, and return code, output and messages."""
    words = [*RNNKIT, *map(str, words)]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not ready() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


def parts(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


def test_interrupted_while_writing_a_table(ensemble, tmp_path):
    words = ["rollout", ensemble, "--trials", 30000, "-o", "rollout.jsonl"]
    assert interrupt(words, tmp_path, lambda: bool(parts(tmp_path))) == (130, b"", b"rnnkit rollout: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_interrupted_in_a_pipe_leaves_no_table_that_looks_whole(ensemble, tmp_path):
    words = [*RNNKIT, "rollout", str(ensemble), "--trials", "20000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        begun = process.stdout.read(4)
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    assert begun == b"PAR1"
    assert (process.returncode, err) == (130, b"rnnkit rollout: interrupted\n")
    assert not rest.endswith(b"PAR1")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_training_says_so_and_can_go_on(tmp_path, sent):
    words = ["train", *QUICK, "--epochs", 100000, "--seeds", "0:2", "-o", "ckpts"]
    plan = tmp_path / "ckpts" / ".rnnkit-train" / "plan.json"
    said = b"rnnkit train: interrupted (the same command with --resume goes on)\n"
    assert interrupt(words, tmp_path, plan.exists, sent) == (130, b"", said)
    assert parts(tmp_path) == []
    assert not list(tmp_path.glob("ckpts/*.safetensors"))
    assert plan.exists()
