"""Networks whose training is made up: curves with known onsets, beside checkpoints that say how they came about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, save_history, save_native
from rnnkit.provenance import Provenance
from rnnkit.tables import build, open_writer, table_metadata

CHANCE = 0.17
#: Optimiser steps between two evaluations.
EACH = 50


def falling(onset: int, length: int = 80, rate: float = 0.3, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    """A plateau at chance up to an evaluation (from 0), then a fall."""
    rng = np.random.default_rng(seed)
    since = np.maximum(0, np.arange(length) - onset)
    return CHANCE * np.maximum(np.exp(-rate * since), 0.01) * np.exp(noise * rng.standard_normal(length))


def network(
    name: str, seed: int = 0, *, chance: bool = True, task: dict[str, Any] | None = None, **more: Any
) -> Checkpoint:
    """A small network of delayed addition, with the metadata of one that was trained."""
    shape = Architecture(family="vanilla", units=4, inputs=2, outputs=1)
    rng = np.random.default_rng(seed)
    weights = {k: rng.normal(size=size).astype(np.float32) for k, size in shape.shapes().items()}
    training: dict[str, Any] = {"steps_per_epoch": EACH, "epochs": 80, "validation_trials": 300, "stop_on": "main"}
    training |= {"chance_loss": CHANCE, "chance_accuracy": 0.08} if chance else {}
    return Checkpoint(
        name, shape, weights, weights, task="delayed-addition", task_parameters=task or {"steps": 20},
        training=training | more, seed=seed, status="budget",
    )  # fmt: skip


def rows(
    name: str, loss: np.ndarray, *, status: str = "budget", phase: int = 1, first: int = 1
) -> list[dict[str, Any]]:
    """Rows of a `training` table: accuracies rise as losses fall, training losses are a tenth higher."""
    held = []
    for k, value in enumerate(map(float, loss)):
        accuracy = float(np.clip(0.08 + 0.9 * (1 - value / CHANCE), 0, 1)) if np.isfinite(value) else None
        held.append(
            {"network": name, "epoch": first + k, "phase": phase, "val_loss": value, "loss": 1.1 * value}
            | {"accuracy": accuracy, "lr": 0.01, "seconds": 0.1}
            | {"status": status if k == len(loss) - 1 else "training"}
        )
    return held


def write(folder: Path, name: str, table: pa.Table) -> None:
    with open_writer(folder / name, "parquet", table_metadata("training", Provenance())) as writer:
        writer.write(table)


def history(folder: Path, one: Checkpoint, steps: list[int]) -> None:
    """Snapshots whose recurrent weights have moved by the step, in every entry."""
    weights = one.weights["recurrent.weight"]
    stacked = np.stack([weights + np.float32(step) for step in steps])
    save_history(folder / f"{one.name}.history.safetensors", np.array(steps), {"recurrent.weight": stacked}, one.name)


def fill(folder: Path, *, snapshots: bool = False) -> Path:
    """Two networks, one that learns after thirty evaluations and one that never does; and another run's table."""
    folder.mkdir(parents=True, exist_ok=True)
    curves = {"learns": falling(29, noise=0.3), "waits": falling(200)}
    for seed, name in enumerate(curves):
        one = network(name, seed)
        save_native(one, folder / f"{name}.safetensors")
        if snapshots:
            history(folder, one, [0, 1400, 1600, 4000])
    write(
        folder, "training.parquet", build("training", [r for name, curve in curves.items() for r in rows(name, curve)])
    )
    other = {"learns": falling(49, noise=0.3), "waits": falling(200)}
    write(folder, "other.parquet", build("training", [r for name, curve in other.items() for r in rows(name, curve)]))
    return folder


def fill_phased(folder: Path) -> Path:
    """A network trained on a longer version of its task after a first one: onsets thirty and twelve evaluations in."""
    folder.mkdir(parents=True, exist_ok=True)
    phases = [{"name": name, "parameters": {"steps": steps}} for name, steps in (("A", 20), ("B", 40))]
    one = network("phased", task={"steps": 40}, protocol=phases)
    save_native(one, folder / "phased.safetensors")
    held = rows("phased", falling(29), status="training") + rows("phased", falling(11, seed=1), phase=2, first=81)
    write(folder, "training.parquet", build("training", held))
    return folder
