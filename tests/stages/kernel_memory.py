"""Align the kernels of a network within as many MiB as the argument says; print what that added to the peak, in KiB."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.stages import feature_learning


def peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def network(units: int, steps: int) -> Checkpoint:
    shape = Architecture(family="vanilla", units=units, inputs=2, outputs=2)
    rng = np.random.default_rng(0)
    after, before = ({k: rng.normal(size=s) / 8 for k, s in shape.shapes().items()} for _ in range(2))
    return Checkpoint("net", shape, after, before, task="flipflop", task_parameters={"bits": 2, "steps": steps})


if __name__ == "__main__":
    # Libraries and their buffers first.
    feature_learning([network(8, 5)], trials=2)
    before = peak()
    table = feature_learning([network(64, 40)], trials=16, memory=int(sys.argv[1]) << 20)
    assert table["status"].to_pylist() == ["ok"]
    sys.stdout.write(str(peak() - before))
