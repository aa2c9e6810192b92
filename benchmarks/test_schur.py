"""Ordered Schur forms beside scipy's binary split, and the ablations of an ensemble beside a loop over them.

``pytest benchmarks/test_schur.py --benchmark-only -s``; figures are printed and in `extra_info`. One thread on every
side. Forms: time beside residual, orthogonality and order, for random matrices, and for a thousand of all classes.
Rollouts: eight trained networks of 64 units, seven ablations each, by `schur_ablate` and by `torch.nn.RNN`, one copy at
a time, on the same trials; both must give the same errors.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.numerics.ordered_schur import ordered_schur
from rnnkit.numerics.schur_ablations import ablated, removals, split
from rnnkit.numerics.threads import one_thread
from rnnkit.random_streams import stream
from rnnkit.stages import schur_ablate
from rnnkit.tasks import make_task
from tests.oracles.schur_matrices import CLASSES

FIXTURE = Path(__file__).parents[1] / "fixtures" / "recurrent_weights.npz"
#: A thousand matrices by class, of 64 rows.
COUNTS = dict(zip(CLASSES, (250, 150, 150, 150, 150, 100, 50), strict=True))
ROUNDS = 5
TRIALS, STEPS, NETWORKS = 512, 25, 8


@pytest.fixture(autouse=True)
def _threads():  # type: ignore[no-untyped-def]
    with one_thread():
        yield


def flaws(w: Any, found: Any) -> dict[str, float]:
    """Residual, orthogonality and order of a form, and the most that is below its diagonal blocks."""
    unit = np.abs(w).max() or 1.0
    q, t = found.vectors, found.form / unit
    block = np.repeat(np.arange(len(found.starts)), found.sizes)
    return {
        "residual": float(np.linalg.norm(q @ t @ q.T - w / unit) / (np.linalg.norm(w / unit) or 1.0)),
        "orthogonality": float(np.linalg.norm(q.T @ q - np.eye(len(q)))),
        "violation": found.violation,
        "below": float(np.abs(t[block[:, None] > block]).max(initial=0.0)),
    }


@pytest.mark.parametrize("units", [64, 256, 512])
def test_ordered_forms(benchmark: Any, units: int) -> None:
    w = np.random.default_rng(units).normal(size=(units, units)) / np.sqrt(units)
    radius = float(np.abs(np.linalg.eigvals(w)).max())
    times: dict[str, list[float]] = {"ordered": [], "binary split": [], "not sorted": []}
    runs = {
        "ordered": lambda: ordered_schur(w),
        "binary split": lambda: scipy.linalg.schur(w, sort=lambda re, im: np.hypot(re, im) >= 0.9 * radius),
        "not sorted": lambda: scipy.linalg.schur(w),
    }
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started = time.process_time()
            run()
            times[name].append(time.process_time() - started)
    info = {f"{name} ms": 1e3 * statistics.median(held) for name, held in times.items()}
    info |= flaws(w, ordered_schur(w))
    benchmark.extra_info.update(units=units, **info)
    print(f"\n{units} units:", *(f"{name} {value:.3g}" for name, value in info.items()), sep="  ")
    assert info["residual"] < 1e-13
    assert info["violation"] < 1e-10
    benchmark.pedantic(runs["ordered"], rounds=1)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_thousand_matrices(benchmark: Any, kind: str) -> None:
    rng = np.random.default_rng(sum(map(ord, kind)))
    matrices = [CLASSES[kind](rng, 64) for _ in range(COUNTS[kind])]
    found = benchmark.pedantic(lambda: [ordered_schur(w) for w in matrices], rounds=1)
    each = [flaws(w, form) for w, form in zip(matrices, found, strict=True)]
    worst = {name: max(one[name] for one in each) for name in each[0]}
    late = sum(one["violation"] > 1e-10 for one in each)
    benchmark.extra_info.update(matrices=len(matrices), inexact=late, **worst)
    print(f"\n{kind}: {len(matrices)} matrices, {late} inexact,", *(f"{n} {v:.2g}" for n, v in worst.items()), sep="  ")
    assert worst["residual"] <= 1e-13
    assert worst["orthogonality"] <= 1e-13
    assert worst["below"] == 0
    assert worst["violation"] <= (1e-6 if kind == "ill-conditioned jordan" else 1e-10)


def networks() -> list[Checkpoint]:
    shape = Architecture(family="vanilla", units=64, inputs=3, outputs=3)
    names = {"recurrent.weight": "recurrent", "input.weight": "input", "recurrent.bias": "bias"}
    with np.load(FIXTURE) as held:
        arrays = {name: held[key] for name, key in (names | {"readout.weight": "readout"}).items()}
    task = {"task": "flipflop", "task_parameters": {"bits": 3, "steps": STEPS}}
    return [
        Checkpoint(f"n{k}", shape, {name: value[k] for name, value in arrays.items()}, **task) for k in range(NETWORKS)
    ]


def loop(nets: list[Checkpoint]) -> list[float]:
    """Run one ablated copy after the other in a module of its own."""
    trials = make_task("flipflop", {"bits": 3, "steps": STEPS}).sample([stream(0, "evaluation")], TRIALS)
    inputs, targets = torch.from_numpy(trials.inputs[0]), torch.from_numpy(trials.targets[0]).double()
    spread = ((targets - targets.mean((0, 1))) ** 2).sum()
    errors = []
    for net in nets:
        w = net.weights["recurrent.weight"]
        schur = ordered_schur(w)
        rnn = torch.nn.RNN(3, 64, batch_first=True)
        readout = torch.from_numpy(net.weights["readout.weight"])
        for copy in ablated(w, schur.vectors, removals(schur, split(schur, 0.9).dim_r)):
            with torch.inference_mode():
                rnn.weight_ih_l0.copy_(torch.from_numpy(net.weights["input.weight"]))
                rnn.weight_hh_l0.copy_(torch.from_numpy(copy))
                rnn.bias_ih_l0.zero_()
                rnn.bias_hh_l0.copy_(torch.from_numpy(net.weights["recurrent.bias"]))
                outputs = rnn(inputs)[0] @ readout.T
                errors.append(float(((outputs.double() - targets) ** 2).sum() / spread))
    return errors


def test_ablations_of_an_ensemble(benchmark: Any) -> None:
    nets = networks()
    ours = schur_ablate(nets, trials=TRIALS).ablations["fvu"].to_pylist()
    assert ours == pytest.approx(loop(nets), rel=1e-4)
    times: dict[str, list[float]] = {"ours": [], "loop": []}
    for _ in range(ROUNDS):
        for name, run in (("ours", lambda: schur_ablate(nets, trials=TRIALS)), ("loop", lambda: loop(nets))):
            started = time.process_time()
            run()
            times[name].append(time.process_time() - started)
    seconds = {name: statistics.median(held) for name, held in times.items()}
    ratio = seconds["loop"] / seconds["ours"]
    benchmark.extra_info.update(copies=7 * NETWORKS, ratio=ratio, **seconds)
    print(f"\n{7 * NETWORKS} copies: ours {seconds['ours']:.2f} s, loop {seconds['loop']:.2f} s, ratio {ratio:.2f}")
    benchmark.pedantic(lambda: schur_ablate(nets, trials=TRIALS), rounds=1)
