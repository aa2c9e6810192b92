"""The theory of overlaps beside training itself: 1,000 steps of descent, at 200 units and at 200,000.

``pytest benchmarks/test_overlap_theory.py --benchmark-only -s``. From vectors to the overlaps of every step: the matrix
product that measures them before training, and the map. Training is the package's own backpropagation in the same
process; 10 of its steps are timed.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from rnnkit.numerics.loading_vectors import Layout, overlaps_of
from rnnkit.numerics.overlap_descent import DescentRule, descend
from rnnkit.numerics.reduced_activity import ReducedModel, Trials
from tests.pipelines.scripts import load

networks = load("overlaps", "tanh_floor")

STEPS, TRAINED = 1000, 10
#: The most that 1,000 steps may take, in seconds.
LIMIT = 0.5


def _filter() -> Trials:
    inputs = np.zeros((1, 100, 1))
    inputs[0, 0] = 1 / networks.ALPHA
    return Trials.of(inputs, np.exp(-0.2 * networks.ALPHA * np.arange(100.0))[None, :, None])


def _followed(vectors: np.ndarray, trials: Trials) -> np.ndarray:
    model = ReducedModel(layout=Layout(inputs=1, rank=1, outputs=1), alpha=networks.ALPHA, linear=True)
    return descend(model, overlaps_of(vectors), trials, DescentRule(rate=0.1), range(STEPS + 1)).overlaps


@pytest.mark.parametrize("units", [200, 200_000])
def test_thousand_steps(benchmark: Any, units: int) -> None:
    trials, vectors = _filter(), networks.vectors_of(networks.START, units, range(1))
    path = benchmark.pedantic(_followed, (vectors, trials), rounds=5, warmup_rounds=1)
    began = time.perf_counter()
    trained = networks.train(vectors, trials, 0.1, TRAINED, linear=True)
    training = (time.perf_counter() - began) / TRAINED * STEPS
    assert np.abs(path[:, : TRAINED + 1] - trained.overlaps).max() < 1e-10
    seconds = benchmark.stats.stats.min
    benchmark.extra_info |= {"training_seconds": training, "ratio": training / seconds}
    print(f"{units} units, {STEPS} steps: theory {1e3 * seconds:.1f} ms, training {training:.1f} s")
    assert seconds < LIMIT
