"""Compare as many networks as the argument says, in groups of ten, and print the peak memory in KiB."""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import MetricOptions
from rnnkit.stages.compare import Scale, compare


@dataclass(frozen=True)
class Drawn:
    """A network that is drawn when it is opened."""

    number: int

    @property
    def name(self) -> str:
        return f"n{self.number}"

    def open(self) -> Checkpoint:
        gamma = 1.0 + self.number // 10
        shape = Architecture(family="vanilla", units=20, inputs=2, outputs=2, gamma=gamma)
        rng = np.random.default_rng(self.number)
        weights = {k: rng.normal(size=s).astype(np.float32) / 4 for k, s in shape.shapes().items()}
        task = {"bits": 2, "steps": 50}
        return Checkpoint(self.name, shape, weights, task="flipflop", task_parameters=task)

    def activity(self) -> None:
        return None


if __name__ == "__main__":
    networks = [Drawn(k) for k in range(int(sys.argv[1]))]
    options = MetricOptions(delay=1, components=4, starts=0)
    rows = sum(
        part.num_rows
        for part in compare(networks, ("svcca",), within=["gamma"], options=options, scale=Scale(memory=16 << 20))
    )
    assert rows == 45 * len(networks) // 10
    status = Path("/proc/self/status").read_text().splitlines()
    sys.stdout.write(next(line for line in status if line.startswith("VmHWM")).split()[1])
