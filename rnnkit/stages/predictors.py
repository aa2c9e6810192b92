"""Predictors of a task's targets from its history: trained group by group, and judged on held-out trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.history_regression import fit_predictors, initial_predictors, squared_errors
from rnnkit.numerics.history_windows import HistoryWindows, InputsUntil, Outputs
from rnnkit.numerics.threads import one_thread
from rnnkit.random_streams import stream

__all__ = ["Predictor", "held_out_errors"]

#: Beyond these no computer has the memory; the system would end the command without a word.
_MOST = {"hidden": 1 << 16, "steps": 10**7, "batch": 1 << 20}
#: Numbers in the hidden layer of one predictor.
_ACTIVITIES = 1 << 27
#: Numbers in the hidden layers that are trained at a time: what stays in a cache.
_ACTIVE = 800_000


@dataclass(frozen=True)
class Predictor:
    """What is trained for each history and seed, and how.

    Attributes
    ----------
    inputs_until : {"t", "t-1"}
        Whether a history ends with the input of the step that is predicted.
    outputs : {"window", "previous", "none"}
        Which targets before that step it holds.
    hidden : int
        Units of the hidden layer (ReLU).
    steps, batch : int
        Adam steps, of so many samples.
    lr : float
        Peak of the one-cycle learning rate.
    """

    inputs_until: InputsUntil = "t"
    outputs: Outputs = "window"
    hidden: int = 128
    steps: int = 1200
    batch: int = 512
    lr: float = 0.02

    def __post_init__(self) -> None:
        for name in ("hidden", "steps", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name}", f"{getattr(self, name)} is too few", "give 1 or more")
            if getattr(self, name) > _MOST[name]:
                raise InputError(f"--{name}", f"{getattr(self, name)} is too many", f"give {_MOST[name]} or fewer")
        if self.hidden * self.batch > _ACTIVITIES:
            what = f"{self.hidden} units on {self.batch} samples take more than 512 MiB"
            raise InputError("--hidden, --batch", what, "give fewer of either")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise InputError("--lr", f"{self.lr} is no learning rate", "give a positive number")


def held_out_errors(
    windows: HistoryWindows,
    lengths: Sequence[int],
    predictor: Predictor,
    held_out: range,
    seeds: Sequence[int],
    seed: int,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Train the predictors, some histories at a time, and return their errors on held-out trials.

    As many groups of histories are trained at once as there are threads, each on one: what comes out does not depend
    on their number, and none waits for another after every product.

    Parameters
    ----------
    windows : HistoryWindows
    lengths : sequence of int
        Histories, in rising order.
    predictor : Predictor
    held_out : range
        Trials to judge by; those before it are trained on.
    seeds : sequence of int
    seed : int
        What a predictor starts from and is trained on comes from this one, its own seed and its history.
    device : torch.device
    progress : callable, optional
        Called with the networks' steps done and those to do.

    Returns
    -------
    (histories, seeds, trials) float64
        As :func:`rnnkit.numerics.history_regression.squared_errors`.
    """
    batches = _samples(windows, held_out.start, predictor, seeds, seed)
    size = max(1, _ACTIVE // (len(seeds) * predictor.hidden * predictor.batch))
    groups = [lengths[begin : begin + size] for begin in range(0, len(lengths), size)]
    lock, done = Lock(), 0

    def tick(count: int) -> None:
        nonlocal done
        with lock:
            done += count
            if progress is not None:
                progress(done, len(lengths) * predictor.steps)

    def errors(chosen: Sequence[int]) -> NDArray[np.float64]:
        own = windows.up_to(chosen[-1])
        streams = [[stream(seed, "weights", s, h) for h in chosen] for s in seeds]
        start = initial_predictors(own, chosen, predictor.hidden, streams, device)
        fitted = fit_predictors(own, start, batches, predictor.lr, lambda: tick(len(chosen)))
        return squared_errors(own, fitted, held_out)

    threads = torch.get_num_threads() if device.type == "cpu" else 1
    with one_thread(), ThreadPoolExecutor(threads) as pool:
        # The longest take longest: they go first.
        found = list(pool.map(errors, reversed(groups)))
    return np.concatenate(found[::-1])


def _samples(
    windows: HistoryWindows, trained: int, predictor: Predictor, seeds: Sequence[int], seed: int
) -> NDArray[np.int64]:
    """Draw positions in the training trials, as often as they count, (seeds, steps, batch)."""
    weights = windows.weights[: trained * windows.stride]
    (counted,) = np.nonzero(weights)
    below = np.cumsum(weights[counted])
    shape = (predictor.steps, predictor.batch)
    drawn = np.stack([stream(seed, "training", s).random(shape) for s in seeds])
    places = np.searchsorted(below, drawn * below[-1], side="right").clip(max=len(counted) - 1)
    positions: NDArray[np.int64] = counted[places]
    return positions
