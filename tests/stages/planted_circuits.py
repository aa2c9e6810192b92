"""Networks of rank one with snapshots, for whole commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, save_history, save_native

__all__ = ["fill_rank_one"]


def fill_rank_one(folder: Path) -> Path:
    """Write two networks with three snapshots each, the last one theirs."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    shape = Architecture(family="leaky", units=10, inputs=2, outputs=1, rank=1, rate=0.5, readout="latent", bias=False)
    for name in "ab":
        held = {k: rng.normal(size=(3, *size)) for k, size in shape.shapes().items() if k != "initial_state"}
        held["recurrent.left"] *= 0.5
        held["recurrent.right"] += 4 * held["recurrent.left"]
        save_native(Checkpoint(name, shape, {k: v[-1] for k, v in held.items()}), folder / f"{name}.safetensors")
        save_history(folder / f"{name}.history.safetensors", np.array([0, 5, 10]), held, name)
    return folder
