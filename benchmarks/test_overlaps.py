"""Overlaps of histories: time, and how the memory grows with the number of snapshots.

``pytest benchmarks/test_overlaps.py --benchmark-only -s``. Each history is read in a process of its own, as the command
does, and its memory is that process's peak: of 1,000 snapshots it is to be that of 100, but for the table's own rows.
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
import re, sys
from pathlib import Path
from rnnkit.checkpoints import load_native
from rnnkit.history import open_history
from rnnkit.stages.overlaps import overlaps
from rnnkit.tables import open_writer
path, target, rank = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
history = open_history(path.with_name(path.stem + ".history.safetensors"))
with open_writer(target, "parquet", {}) as writer:
    for part in overlaps([load_native(path)], [rank] if rank else [], histories=[history]):
        writer.write(part)
# Not by getrusage: that also counts what the process was forked from.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024)
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
    sizes, peaks = [], []
    for count in (snapshots // 10, snapshots):
        path = _write(tmp_path, family, units, count)
        words = [str(path), str(tmp_path / "t.parquet"), str(rank)]
        sizes.append(path.with_name("net.history.safetensors").stat().st_size / 1024**2)
        peaks.append(benchmark.pedantic(_peak, words, rounds=1) if count == snapshots else _peak(*words))
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.num_rows == 10 * snapshots
    assert set(table["status"].to_pylist()) == {"ok"}
    benchmark.extra_info |= {"file_mib": sizes[1], "peak_mib": peaks[1], "grown_mib": peaks[1] - peaks[0]}
    grown = f"peak {peaks[0]:.0f} and {peaks[1]:.0f} MiB"
    print(f"{family} N={units}, {snapshots // 10} and {snapshots} snapshots: {sizes[1]:.0f} MiB of files, {grown}")
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 4
