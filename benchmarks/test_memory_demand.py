"""The ensemble of predictors of `memory-demand`, against one torch.nn.Sequential after the other.

The same initial weights, samples, optimiser and schedule on both sides, one thread each, in turn, in one process.
That the held-out errors agree shows that the faster one does the same.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnnkit.numerics.history_regression import fit_predictors, initial_predictors, squared_errors
from rnnkit.numerics.history_windows import HistoryWindows, history_windows
from rnnkit.numerics.threads import one_thread
from rnnkit.random_streams import stream
from rnnkit.tasks import make_task

HISTORIES, SEEDS, HIDDEN, STEPS, BATCH, LR = tuple(range(1, 41)), 3, 128, 30, 512, 0.02
TRIALS, TRAINED, ROUNDS = 800, 600, 3
#: Histories that are trained at a time, as the command does.
GROUP = 4
CPU = torch.device("cpu")


def _windows(task: str) -> HistoryWindows:
    drawn = make_task(task).sample([stream(0, "evaluation")], TRIALS)
    return history_windows(drawn.inputs[0], drawn.targets[0], None, HISTORIES[-1], training=TRAINED)


def _streams(histories: tuple[int, ...]) -> list[list[np.random.Generator]]:
    return [[stream(0, "weights", seed, h) for h in histories] for seed in range(SEEDS)]


def _batches(windows: HistoryWindows) -> NDArray[np.int64]:
    places = np.flatnonzero(windows.weights[: TRAINED * windows.stride])
    return np.random.default_rng(0).choice(places, size=(SEEDS, STEPS, BATCH))


def _ours(windows: HistoryWindows, batches: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return held-out errors, (histories, seeds)."""
    parts = []
    for begin in range(0, len(HISTORIES), GROUP):
        chosen = HISTORIES[begin : begin + GROUP]
        own = windows.up_to(chosen[-1])
        fitted = fit_predictors(own, initial_predictors(own, chosen, HIDDEN, _streams(chosen), CPU), batches, LR)
        parts.append(squared_errors(own, fitted, range(TRAINED, TRIALS)).sum(-1))
    return np.concatenate(parts) / windows.weights[TRAINED * windows.stride :].sum()


def _peer(windows: HistoryWindows, batches: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the same, of a loop over histories and seeds, with features looked up from tensors as torch does best."""
    series, targets = torch.from_numpy(windows.series), torch.from_numpy(windows.targets)
    held_out = np.flatnonzero(windows.weights[TRAINED * windows.stride :]) + TRAINED * windows.stride
    errors = np.empty((len(HISTORIES), SEEDS))
    for k, history in enumerate(HISTORIES):
        own = windows.up_to(history)
        channel, lag = torch.from_numpy(own.channel), torch.from_numpy(own.lag)
        for seed, row in enumerate(_streams((history,))):
            start = initial_predictors(own, (history,), HIDDEN, [row], CPU)
            layers = torch.nn.Sequential(
                torch.nn.Linear(len(channel), HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, len(targets))
            )
            weights = (start.first[0, 0, :, :-1], start.first[0, 0, :, -1], start.second[0, 0], start.bias[0, 0])
            with torch.no_grad():
                for parameter, value in zip(layers.parameters(), weights, strict=True):
                    parameter.copy_(value)
            optimiser = torch.optim.Adam(layers.parameters(), lr=LR, fused=True)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=LR, total_steps=STEPS)
            for positions in torch.from_numpy(batches[seed]):
                optimiser.zero_grad()
                found = layers(series[channel, positions[:, None] - lag])
                torch.nn.functional.mse_loss(found, targets[:, positions].T).backward()
                optimiser.step()
                schedule.step()
            with torch.no_grad():
                positions = torch.from_numpy(held_out)
                error = layers(series[channel, positions[:, None] - lag]) - targets[:, positions].T
            errors[k, seed] = (error**2).mean().item()
    return errors


@pytest.mark.parametrize("task", ["flipflop", "delayed-discrimination"])
def test_memory_demand(benchmark, task):  # type: ignore[no-untyped-def]
    windows = _windows(task)
    batches = _batches(windows)
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    errors = {}
    with one_thread():
        for _ in range(ROUNDS):
            for name, run in (("ours", _ours), ("peer", _peer)):
                started = time.process_time()
                errors[name] = run(windows, batches)
                times[name].append((time.process_time() - started) / (len(HISTORIES) * SEEDS * STEPS) * 1e3)
        difference = float(np.abs(errors["ours"] / errors["peer"] - 1).max())
        assert difference < 0.01
        ours, peer = (statistics.median(times[name]) for name in ("ours", "peer"))
        benchmark.extra_info.update(
            {"ratio": peer / ours, "ours_ms": ours, "peer_ms": peer, "largest_relative_difference_of_mse": difference}
        )
        print(
            f"\n{task}: ours {ours:.2f} ms, torch.nn.Sequential {peer:.2f} ms a network and step (CPU time), ratio "
            f"{peer / ours:.2f}, largest relative difference of the errors {difference:.1e}"
        )
        benchmark.pedantic(lambda: _ours(windows, batches), rounds=1)
