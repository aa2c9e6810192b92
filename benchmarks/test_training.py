"""Training an ensemble against a loop over torch.nn.RNN + Adam: same data, same weights, same steps.

Runs are taken in turn and medians compared; both may use all cores. Each case also checks that the two end at the
same losses, so that a faster wrong answer would show. Peak memory is what a run adds to a fresh process.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from rnnkit.devices import set_threads
from rnnkit.models.initialisation import draw_weights
from rnnkit.random_streams import stream
from rnnkit.tasks import make_task
from rnnkit.training.loop import train_group
from rnnkit.training.plans import plan_networks
from rnnkit.training.settings import NetworkPlan

STEPS = 8
ROUNDS = 5

#: networks, units, trials in a batch, steps of a trial, and the ratio to reach.
CASES = {"N128": (8, 128, 256, 100, 1.5), "N64": (10, 64, 64, 50, 2.2), "N40": (20, 40, 64, 40, 3.5)}


def _plans(case: str) -> list[NetworkPlan]:
    networks, units, batch, length, _ = CASES[case]
    settings = {"units": units, "batch": batch, "epochs": 1, "steps_per_epoch": STEPS, "validation_trials": 1}
    return plan_networks("flipflop", {"bits": 3, "steps": length}, settings, range(networks))


def _ours(plans: list[NetworkPlan], threads: int) -> list[float]:
    *_, report = train_group(plans, torch.device("cpu"), threads)
    return [row["loss"] for row in report.rows]


def _module(plan: NetworkPlan) -> tuple[torch.nn.RNN, torch.nn.Linear]:
    shape = plan.architecture
    drawn = draw_weights(shape, "uniform", 1.0, stream(plan.seed, "weights"))
    weights = {name: torch.from_numpy(value) for name, value in drawn.items()}
    rnn = torch.nn.RNN(shape.inputs, shape.units, batch_first=True)
    readout = torch.nn.Linear(shape.units, shape.outputs)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(weights["input.weight"])
        rnn.weight_hh_l0.copy_(weights["recurrent.weight"])
        rnn.bias_ih_l0.zero_().requires_grad_(False)  # one bias, as ours
        rnn.bias_hh_l0.copy_(weights["recurrent.bias"])
        readout.weight.copy_(weights["readout.weight"])
        readout.bias.copy_(weights["readout.bias"])
    return rnn, readout


def _peer(plans: list[NetworkPlan]) -> list[float]:
    """One network after the other, drawing the same trials."""
    means = []
    task = make_task("flipflop", {"bits": 3, "steps": plans[0].task.length})
    for plan in plans:
        rnn, readout = _module(plan)
        parameters = [p for p in (*rnn.parameters(), *readout.parameters()) if p.requires_grad]
        optimiser = torch.optim.Adam(parameters, lr=plan.settings.lr)
        losses = []
        batch = plan.settings.batch
        for first in range(0, STEPS, 8):
            trials = task.sample([stream(plan.seed, "training", 0, first)], 8 * batch)
            inputs, targets = torch.from_numpy(trials.inputs[0]), torch.from_numpy(trials.targets[0])
            for k in range(8):
                part = slice(k * batch, (k + 1) * batch)
                optimiser.zero_grad()
                hidden, _ = rnn(inputs[part])
                loss = torch.nn.functional.mse_loss(readout(hidden), targets[part])
                loss.backward()
                optimiser.step()
                losses.append(loss.item())
        means.append(statistics.fmean(losses))
    return means


def _peak(case: str, run: str) -> float:
    """Peak memory in MiB that a run adds to a fresh process that has loaded the same code (Linux only)."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_training as b\n"
        "def rss(): return next(int(x.split()[1]) for x in open('/proc/self/status') if x.startswith('VmHWM')) / 1024\n"
        "plans = b._plans(sys.argv[2]); before = rss()\n"
        "b._ours(plans, b.set_threads(None)) if sys.argv[3] == 'ours' else b._peer(plans)\n"
        "print(rss() - before)"
    )
    line = [sys.executable, "-c", code, str(Path(__file__).parent), case, run]
    return float(subprocess.run(line, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("case", CASES)
def test_training(benchmark, case):  # type: ignore[no-untyped-def]
    plans, threads = _plans(case), set_threads(None)
    networks, _, _, _, wanted = CASES[case]
    for loss, reference in zip(_ours(plans, threads), _peer(plans), strict=True):
        assert loss == pytest.approx(reference, rel=1e-3)
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(ROUNDS):
        for name, run in (("ours", lambda: _ours(plans, threads)), ("peer", lambda: _peer(plans))):
            set_threads(None)
            started = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - started) / (networks * STEPS) * 1e3)
    ours, peer = (statistics.median(times[name]) for name in ("ours", "peer"))
    memory = {run: _peak(case, run) for run in times}
    benchmark.extra_info.update(
        {"ratio": peer / ours, "wanted": wanted, "ours_ms": ours, "peer_ms": peer, "peak_mib": memory}
    )
    print(
        f"\n{case}: ours {ours:.2f} ms, torch.nn.RNN {peer:.2f} ms a network and step, ratio {peer / ours:.2f} "
        f"(wanted {wanted}), peak memory {memory['ours']:.0f} and {memory['peer']:.0f} MiB"
    )
    benchmark.pedantic(lambda: _ours(plans, threads), rounds=1)
