"""Small ensembles, tables and an in-process command line, for every test that wants them."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

#: Settings that train in a moment.
QUICK = [
    *("--units", "8", "--batch", "4", "--epochs", "2", "--steps-per-epoch", "4"),
    *("--validation-trials", "8", "-t", "steps=10", "-t", "bits=2"),
]


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: bytes
    err: str

    def table(self) -> pa.Table:
        return pq.read_table(pa.BufferReader(self.out))


class Stream(io.TextIOWrapper):
    """A text stream over bytes that says whether it is a terminal."""

    def __init__(self, held: bytes = b"", terminal: bool = False) -> None:
        super().__init__(io.BytesIO(held), encoding="utf-8", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def held(self) -> bytes:
        self.flush()
        return self.buffer.getvalue()


def run_cli(*words: object, stdin: bytes = b"", terminal: bool = False) -> Outcome:
    """Run `rnnkit WORDS...` in this process."""
    from rnnkit.cli.main import main
    from rnnkit.cli.talk import talk

    out, err = Stream(terminal=terminal), Stream(terminal=terminal)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["rnnkit", *map(str, words)])
        patch.setattr(sys, "stdin", Stream(stdin))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        for name in ("quiet", "verbose", "debug", "resumable"):
            patch.setattr(talk, name, False)
        with pytest.raises(SystemExit) as ended:
            main()
    said = err.held().decode()
    assert "internal error" not in said, said
    return Outcome(ended.value.code, out.held(), said)


@pytest.fixture(scope="session")
def cli() -> Callable[..., Outcome]:
    return run_cli


@pytest.fixture(scope="session")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three trained networks with their snapshots and `training.parquet`; to be read, not written to."""
    folder = tmp_path_factory.mktemp("trained") / "ckpts"
    done = run_cli("train", *QUICK, "--seeds", "0:3", "--snapshots", 1, "-o", folder, "-q")
    assert done == Outcome(0, b"", "")
    return folder


@pytest.fixture(scope="session")
def tables(ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of every kind that later commands read."""
    folder = tmp_path_factory.mktemp("tables")
    words = {
        "comparisons": ["compare", ensemble, "--metric", "svcca", "--trials", 5, "--within", "gamma,model"],
        "summary": ["rollout", ensemble, "--summary", "--ood", "--trials", 6, "--by", "gamma,model"],
        "sample": ["sample", "flipflop", "-t", "bits=2", "-t", "steps=6", "--trials", 3],
        "rollout": ["rollout", ensemble, "--trials", 3],
    }
    for name, line in words.items():
        assert run_cli(*line, "-o", folder / f"{name}.parquet").code == 0
    return folder


def folder_state(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below, hidden ones too, with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def table_note(data: bytes | Path) -> dict[str, object]:
    """The `rnnkit` metadata of a Parquet table."""
    source = pa.BufferReader(data) if isinstance(data, bytes) else data
    return json.loads(pq.read_schema(source).metadata[b"rnnkit"])


def without_seconds(table: pa.Table) -> pa.Table:
    return table.drop_columns([name for name in ("seconds",) if name in table.column_names])


def edit_weights(source: Path, target: Path, change: Callable[[dict[str, np.ndarray]], None]) -> Path:
    """Write a sound, signed checkpoint that differs from `source` in its weights."""
    from rnnkit.checkpoints import load_native, save_native

    network = load_native(source)
    change(network.weights)
    save_native(network.named(target.stem), target)
    return target
