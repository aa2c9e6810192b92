"""Freeze-in as it is written down: one network, one cue, one step at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def present(
    recurrent: FloatArray,
    state: FloatArray,
    drive: FloatArray,
    noise: FloatArray | None,
    alpha: float,
    rate: float,
    cue_steps: int,
    plastic_steps: int,
    plastic: str,
) -> tuple[FloatArray, FloatArray]:
    """Return W (N, N) and r (N,) after a presentation; noise is (steps, N)."""
    weights, r = recurrent.copy(), state.copy()
    for step in range(cue_steps if plastic == "during" else cue_steps + plastic_steps):
        current = weights @ r
        if step < cue_steps:
            current = current + drive
        if noise is not None:
            current = current + noise[step]
        after = (1 - alpha) * r + alpha * np.tanh(current)
        if plastic == "both" or (plastic == "during") == (step < cue_steps):
            weights = weights - rate * np.outer(after - r, r)
            np.fill_diagonal(weights, 0.0)
        r = after
    return weights, r


def respond(recurrent: FloatArray, drive: FloatArray, alpha: float, cue_steps: int, free_steps: int) -> FloatArray:
    """Return r (N,) after the cue and the free steps."""
    r = np.zeros(len(recurrent))
    for step in range(cue_steps + free_steps):
        current = recurrent @ r + (drive if step < cue_steps else 0.0)
        r = (1 - alpha) * r + alpha * np.tanh(current)
    return r
