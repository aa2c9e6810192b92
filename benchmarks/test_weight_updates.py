"""Weight updates of histories: time, and how the memory grows with the number of snapshots.

``pytest benchmarks/test_weight_updates.py --benchmark-only -s``. Each history is read in a process of its own, with
events, both sides and all correlations, and its memory is that process's peak: of 1,000 snapshots it is to be that of
250, but for the tables' own rows.
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

#: Family, units, snapshots.
CASES = [("lowrank", 4096, 1000), ("current", 128, 1000)]

CODE = """
import re, sys
from pathlib import Path
from rnnkit.checkpoints import load_native
from rnnkit.history import open_history
from rnnkit.numerics.restructuring import EventRule
from rnnkit.stages import weight_correlation, weight_updates
from rnnkit.stages.weight_events import Sides
from rnnkit.tables import open_writer
path, target = Path(sys.argv[1]), Path(sys.argv[2])
held = [load_native(path)], [open_history(path.with_name(path.stem + ".history.safetensors"))]
with open_writer(target / "updates.parquet", "parquet", {}) as writer:
    for part in weight_updates(*held, rule=EventRule(), sides=Sides()):
        writer.write(part.updates)
with open_writer(target / "correlation.parquet", "parquet", {}) as writer:
    for part in weight_correlation(*held):
        writer.write(part)
# Not by getrusage: that also counts what the process was forked from.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024)
"""


def _write(folder: Path, family: str, units: int, snapshots: int) -> Path:
    rank = int(family == "lowrank")
    shape = Architecture(family=family, units=units, inputs=1, outputs=1, rank=rank, rate=0.2, bias=False)
    rng = np.random.default_rng(0)
    shapes = {name: size for name, size in shape.shapes().items() if name != "initial_state"}
    stacked = {name: rng.standard_normal((snapshots, *size), dtype=np.float32) for name, size in shapes.items()}
    last = {name: value[-1] for name, value in stacked.items()}
    save_native(Checkpoint("net", shape, last), folder / "net.safetensors")
    save_history(folder / "net.history.safetensors", np.arange(snapshots), stacked, "net")
    return folder / "net.safetensors"


def _peak(*words: str) -> float:
    done = subprocess.run([sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.parametrize(("family", "units", "snapshots"), CASES)
def test_history(benchmark: Any, tmp_path: Path, family: str, units: int, snapshots: int) -> None:
    sizes, peaks = [], []
    for count in (snapshots // 4, snapshots):
        path = _write(tmp_path, family, units, count)
        sizes.append(path.with_name("net.history.safetensors").stat().st_size / 1024**2)
        words = [str(path), str(tmp_path)]
        peaks.append(benchmark.pedantic(_peak, words, rounds=1) if count == snapshots else _peak(*words))
    table = pq.read_table(tmp_path / "updates.parquet")
    assert set(table["status"].to_pylist()) == {"ok", "last"}
    assert pq.read_metadata(tmp_path / "correlation.parquet").num_rows == snapshots * (snapshots - 1) // 2
    benchmark.extra_info |= {"file_mib": sizes[1], "peak_mib": peaks[1], "grown_mib": peaks[1] - peaks[0]}
    grown = f"peak {peaks[0]:.0f} and {peaks[1]:.0f} MiB"
    print(f"{family} N={units}, {snapshots // 4} and {snapshots} snapshots: {sizes[1]:.0f} MiB of files, {grown}")
    # Their recurrent weights, held in double precision as they are worked on, would take the size of the file (of a
    # low-rank network, half of which is input and readout) or twice that.
    assert peaks[1] - peaks[0] < sizes[1] - sizes[0]
