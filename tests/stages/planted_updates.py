"""Courses of training whose updates are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, save_history, save_native


def course(seed: int = 0) -> np.ndarray:
    """A random walk of 200 small updates: jumps at 60-61 and 110 that last, and a spike at 160 that is taken back."""
    rng = np.random.default_rng(seed)
    updates = 0.01 * rng.normal(size=(200, 10, 10)) * np.exp(0.1 * rng.normal(size=200))[:, None, None]
    jumps = rng.normal(size=(3, 10, 10))
    updates[60] += 0.1 * jumps[0]
    updates[61] += 0.1 * jumps[0]
    updates[110] += 0.15 * jumps[1]
    updates[160] += 0.15 * jumps[2]
    updates[161] -= 0.15 * jumps[2]
    start = rng.normal(size=(1, 10, 10))
    return np.concatenate([start, start + np.cumsum(updates, axis=0)])


def network_of(matrices: np.ndarray, name: str = "net") -> Checkpoint:
    """A `current` network whose recurrent weights ended as the last of these (K, N, N)."""
    shape = Architecture(family="current", units=matrices.shape[-1], inputs=1, outputs=1, rate=0.2, bias=False)
    weights = {tensor: np.zeros(size) for tensor, size in shape.shapes().items() if tensor != "initial_state"}
    return Checkpoint(name, shape, weights | {"recurrent.weight": matrices[-1]})


def save_walk(folder: Path, matrices: np.ndarray, every: int = 10) -> Path:
    """Write such a network and its snapshots; return the file of these."""
    path = folder / "net.history.safetensors"
    for old in (path, folder / "net.safetensors"):
        old.unlink(missing_ok=True)
    save_native(network_of(matrices), folder / "net.safetensors")
    save_history(path, np.arange(len(matrices)) * every, {"recurrent.weight": matrices}, "net")
    return path
