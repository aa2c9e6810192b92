"""Kernel alignment: ours beside dense Jacobians by torch.func, in one process: time, memory and the difference.

``pytest benchmarks/test_feature_learning.py --benchmark-only -s``. The peer forms J by vmap over vjp, a pull-back per
output, then K_f and K_0 as matrices, in the same float64 on the same trials. The memory of either side is what it adds
to the peak of a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.models import Model, Weights, make_model
from rnnkit.models.initialisation import default_initialisation, draw_weights
from rnnkit.models.jacobians import OutputJacobian, trained_tensors
from rnnkit.numerics.tangent_kernel import align_kernels

#: Family, units, trials, steps.
CASES = [("vanilla", 64, 6, 40), ("gru", 32, 6, 40), ("vanilla", 128, 6, 40)]
OUTPUTS = 3
MEMORY = 256 << 20


def drawn(family: str, units: int, trials: int, steps: int) -> tuple[Model, Weights, Tensor]:
    """Weights before training and others, standing for those after, and inputs (trials, steps, inputs)."""
    shape = Architecture(family=family, units=units, inputs=3, outputs=OUTPUTS)
    rng = np.random.default_rng(0)
    held = [draw_weights(shape, default_initialisation(family), 1.0, rng) for _ in range(2)]
    weights = {name: torch.from_numpy(np.stack([one[name] for one in held])).double() for name in held[0]}
    inputs = torch.from_numpy(rng.choice([-1.0, 0.0, 1.0], size=(trials, steps, 3), p=[0.15, 0.7, 0.15]))
    return make_model(shape), weights, inputs


def ours(model: Model, weights: Weights, inputs: Tensor) -> float:
    """Return the alignment as the command has it."""
    with torch.inference_mode():
        names = trained_tensors(model.architecture, "recurrent")
        batch = inputs.transpose(0, 1).expand(2, inputs.shape[1], inputs.shape[0], 3).contiguous()
        rows = OutputJacobian(model, weights, torch.ones(2, dtype=torch.float64), batch, names)
        return float(align_kernels(rows.size, rows.factors, MEMORY).value[0])


def peer(model: Model, weights: Weights, inputs: Tensor) -> float:
    """Return it from dense Jacobians."""
    kernels = []
    for k in range(2):
        held = {name: value[k : k + 1] for name, value in weights.items()}

        def outputs(recurrent: Tensor, held: Weights = held) -> Tensor:
            own = {**held, "recurrent.weight": recurrent}
            state, found = model.initial_state(own, len(inputs)), []
            for t in range(inputs.shape[1]):
                state = model.step(own, state, inputs[None, :, t])
                found.append(model.readout(own, torch.ones(1, dtype=torch.float64), model.features(state)))
            return torch.stack(found, 2).flatten()

        jacobian = torch.func.jacrev(outputs, chunk_size=180)(held["recurrent.weight"]).flatten(1)
        kernels.append(jacobian @ jacobian.T)
    after, before = kernels
    return float((after * before).sum() / after.norm() / before.norm())


def peak() -> float:
    """Return the peak memory of this process, MiB. (`ru_maxrss` begins at that of the parent.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def added_memory(side: str, case: tuple[str, int, int, int]) -> float:
    """Return the MiB that one side adds to the peak of a process of its own."""
    words = [sys.executable, str(Path(__file__)), side, *map(str, case)]
    root = str(Path(__file__).parents[1])
    done = subprocess.run(words, capture_output=True, check=True, cwd=root, env={"PYTHONPATH": root})
    return float(done.stdout)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_beside_dense_jacobians(benchmark: Any, case: tuple[str, int, int, int]) -> None:
    made = drawn(*case)
    peer(*drawn(case[0], 8, 2, 5))
    started = time.perf_counter()
    reference = peer(*made)
    seconds = time.perf_counter() - started
    value = benchmark.pedantic(ours, args=made, rounds=2, warmup_rounds=1)
    memory = {side: added_memory(side, case) for side in ("ours", "peer")}
    taken = benchmark.stats.stats.min
    benchmark.extra_info.update(
        value=value,
        difference=abs(value - reference),
        rows=case[2] * case[3] * OUTPUTS,
        seconds=taken,
        seconds_peer=seconds,
        ratio_of_times=seconds / taken,
        mebibytes=memory["ours"],
        mebibytes_peer=memory["peer"],
        threads=torch.get_num_threads(),
    )
    print(f"\n{case}: {benchmark.extra_info}")
    assert abs(value - reference) < 1e-10
    assert memory["ours"] < memory["peer"]


if __name__ == "__main__":
    side, family, *sizes = sys.argv[1:]
    run = ours if side == "ours" else peer
    run(*drawn(family, 8, 2, 5))
    made = drawn(family, *map(int, sizes))
    before = peak()
    run(*made)
    print(peak() - before)
