"""What temporal consistency costs a training, and the same penalty in a loop over torch.nn.RNNCell.

Three runs in turn in one process, on one thread: without the penalty, with it, and the peer's. Times are the
processor's, so that another program on the machine weighs little. The peer trains one network after the
other cell by cell, keeping every state, as one writes the penalty without a scan; it draws the same trials and starts
from the same weights. That all end at the same losses is checked, so that a faster wrong answer would show.
"""

from __future__ import annotations

import statistics
import time

import pytest
import torch

from rnnkit.devices import set_threads
from rnnkit.models.initialisation import draw_weights
from rnnkit.random_streams import stream
from rnnkit.training.loop import train_group
from rnnkit.training.plans import plan_networks
from rnnkit.training.settings import NetworkPlan

NETWORKS, UNITS, BATCH, LENGTH, STEPS, ROUNDS = 10, 50, 32, 50, 8, 5
STRENGTH = 0.1
#: Time with the penalty over that without, and the peer's over ours.
WANTED_COST, WANTED_RATIO = 1.15, 3.0


def _plans(tcr: float, model: str = "vanilla") -> list[NetworkPlan]:
    settings = {"model": model, "units": UNITS, "batch": BATCH, "epochs": 1, "steps_per_epoch": STEPS, "tcr": tcr}
    return plan_networks("flipflop", {"bits": 3, "steps": LENGTH}, settings | {"validation_trials": 1}, range(NETWORKS))


def _ours(plans: list[NetworkPlan]) -> list[float]:
    *_, report = train_group(plans, torch.device("cpu"), 1)
    return [row["task_loss"] + (row["tcr_loss"] or 0.0) for row in report.rows]


def _module(plan: NetworkPlan) -> tuple[torch.nn.RNNCell, torch.nn.Linear]:
    shape = plan.architecture
    drawn = draw_weights(shape, "uniform", 1.0, stream(plan.seed, "weights"))
    weights = {name: torch.from_numpy(value) for name, value in drawn.items()}
    cell, readout = torch.nn.RNNCell(shape.inputs, shape.units), torch.nn.Linear(shape.units, shape.outputs)
    with torch.no_grad():
        cell.weight_ih.copy_(weights["input.weight"])
        cell.weight_hh.copy_(weights["recurrent.weight"])
        cell.bias_ih.zero_().requires_grad_(False)  # one bias, as ours
        cell.bias_hh.copy_(weights["recurrent.bias"])
        readout.weight.copy_(weights["readout.weight"])
        readout.bias.copy_(weights["readout.bias"])
    return cell, readout


def _peer(plans: list[NetworkPlan]) -> list[float]:
    """Return the mean of task loss and penalty of each network."""
    means = []
    for plan in plans:
        cell, readout = _module(plan)
        parameters = [p for p in (*cell.parameters(), *readout.parameters()) if p.requires_grad]
        optimiser = torch.optim.Adam(parameters, lr=plan.settings.lr)
        losses = []
        for first in range(0, STEPS, 8):
            trials = plan.task.sample([stream(plan.seed, "training", 0, first)], 8 * BATCH)
            inputs, targets = torch.from_numpy(trials.inputs[0]), torch.from_numpy(trials.targets[0])
            for k in range(8):
                part = slice(k * BATCH, (k + 1) * BATCH)
                state, states = torch.zeros(BATCH, UNITS), []
                for t in range(LENGTH):
                    state = cell(inputs[part, t], state)
                    states.append(state)
                hidden = torch.stack(states, 1)
                loss = torch.nn.functional.mse_loss(readout(hidden), targets[part])
                moves = ((hidden[:, 1:] - hidden[:, :-1]) ** 2).sum((1, 2)).mean() / LENGTH
                optimiser.zero_grad()
                (loss + STRENGTH * moves).backward()
                optimiser.step()
                losses.append((loss + STRENGTH * moves).item())
        means.append(statistics.fmean(losses))
    return means


@pytest.mark.parametrize("model", ["vanilla", "leaky", "plrnn"])
def test_temporal_consistency(benchmark, model):  # type: ignore[no-untyped-def]
    """The cost of the penalty in three families (in `leaky` on rates and currents), and the peer of `vanilla`."""
    set_threads(1)
    without, given = _plans(0.0, model), _plans(STRENGTH, model)
    runs = {"without": lambda: _ours(without), "given": lambda: _ours(given)}
    if model == "vanilla":
        runs["peer"] = lambda: _peer(given)
        for loss, reference in zip(_ours(given), _peer(given), strict=True):
            assert loss == pytest.approx(reference, rel=1e-3)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in (runs["without"], runs["given"]):  # once for the buffers
        run()
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started = time.process_time()
            run()
            times[name].append((time.process_time() - started) / (NETWORKS * STEPS) * 1e3)
    each = {name: statistics.median(values) for name, values in times.items()}
    cost = statistics.median(g / w for g, w in zip(times["given"], times["without"], strict=True))
    benchmark.extra_info.update({"cost": cost, "wanted_cost": WANTED_COST, **{f"{k}_ms": v for k, v in each.items()}})
    said = f"\n{model}: {each['without']:.3f} ms a network and step, {each['given']:.3f} with --tcr: {cost:.3f} times"
    if "peer" in each:
        ratio = each["peer"] / each["given"]
        benchmark.extra_info.update({"ratio": ratio, "wanted_ratio": WANTED_RATIO})
        said += f" (wanted {WANTED_COST}); torch.nn.RNNCell {each['peer']:.3f} ms: {ratio:.1f} times ours"
    print(said)
    benchmark.pedantic(runs["given"], rounds=1)
