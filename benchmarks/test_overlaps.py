"""Overlaps of a history of 1,000 snapshots: time, and the memory that it takes beside the size of the file.

``pytest benchmarks/test_overlaps.py --benchmark-only -s``. The command runs in a process of its own; its memory is what
it adds to the peak of a process that only imports the same modules.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, save_history, save_native

#: Family, units, rank given, snapshots.
CASES = [("lowrank", 4096, 0, 1000), ("current", 256, 1, 1000)]

CODE = """
import resource, sys
from pathlib import Path
from rnnkit.checkpoints import load_native
from rnnkit.history import open_history
from rnnkit.stages.overlaps import overlaps
from rnnkit.tables import open_writer
path, target, rank, work = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "work"
if work:
    history = open_history(path.with_name(path.stem + ".history.safetensors"))
    with open_writer(target, "parquet", {}) as writer:
        for part in overlaps([load_native(path)], [rank] if rank else [], histories=[history]):
            writer.write(part)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def _write(folder: Path, family: str, units: int, snapshots: int) -> Path:
    shape = Architecture(
        family=family, units=units, inputs=1, outputs=1, rank=int(family == "lowrank"), rate=0.2, bias=False
    )
    rng = np.random.default_rng(0)
    shapes = {name: size for name, size in shape.shapes().items() if name != "initial_state"}
    stacked = {name: rng.standard_normal((snapshots, *size), dtype=np.float32) for name, size in shapes.items()}
    save_native(
        Checkpoint("net", shape, {name: value[-1] for name, value in stacked.items()}), folder / "net.safetensors"
    )
    save_history(folder / "net.history.safetensors", np.arange(snapshots), stacked, "net")
    return folder / "net.safetensors"


def _peak(*words: str) -> float:
    done = subprocess.run([sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.parametrize(("family", "units", "rank", "snapshots"), CASES)
def test_history(benchmark: Any, tmp_path: Path, family: str, units: int, rank: int, snapshots: int) -> None:
    path = _write(tmp_path, family, units, snapshots)
    size = path.with_name("net.history.safetensors").stat().st_size / 1024**2
    words = [str(path), str(tmp_path / "t.parquet"), str(rank)]
    idle = _peak(*words, "idle")
    peak = benchmark.pedantic(_peak, (*words, "work"), rounds=1)
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.num_rows == 10 * snapshots
    assert set(table["status"].to_pylist()) == {"ok"}
    benchmark.extra_info |= {"file_mib": size, "added_mib": peak - idle, "rows": table.num_rows}
    print(f"{family} N={units}, {snapshots} snapshots: file {size:.0f} MiB, memory added {peak - idle:.0f} MiB")
    assert peak - idle < size / 2 or peak - idle < 64
