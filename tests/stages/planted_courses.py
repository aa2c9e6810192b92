"""Networks trained in phases, whose overlaps are those of the theory's descent, exactly: a few units hold them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnkit.checkpoints import Checkpoint, save_history, save_native
from rnnkit.history import History, history_beside, open_history
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.overlap_descent import DescentRule, descend
from rnnkit.numerics.reduced_activity import ReducedModel, Trials
from rnnkit.stages.low_rank_networks import Constants, network_of
from tests.numerics.test_overlap_descent import floor

LAYOUT = Layout(inputs=1, rank=1, outputs=1)
ALPHA, STEPS, UNITS = 0.2, 40, 8
#: Filters by the name of a phase: gain and decay.
FILTERS = {"A": (1.0, 0.4), "B": (2.0, 0.8), "C": (1.5, 0.3)}
STOP = 1e-6


def filter_trials(gain: float, decay: float) -> Trials:
    """An impulse and the answer to it."""
    inputs = np.zeros((1, STEPS, 1))
    inputs[0, 0] = 1 / ALPHA
    return Trials.of(inputs, gain * np.exp(-decay * ALPHA * np.arange(STEPS))[None, :, None])


@functools.cache
def course(
    protocol: str, length: int = 4000, rate: float = 0.1, every: int = 100, shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """Steps, overlaps at each of them, and what a checkpoint says of the phases; `shift` is of the start's diagonal."""
    start = floor.START + shift * np.eye(4)
    model = ReducedModel(layout=LAYOUT, alpha=ALPHA, linear=True)
    steps, path, legs = [np.zeros(1, np.int64)], [start[None]], []
    for k, name in enumerate(protocol):
        gain, decay = FILTERS[name]
        found = descend(
            model, path[-1][-1][None], filter_trials(gain, decay), DescentRule(rate=rate), range(0, length + 1, every)
        )
        steps.append(found.steps[1:] + k * length)
        path.append(found.overlaps[0, 1:])
        legs.append(
            {
                "name": name,
                "parameters": {"gain": gain, "decay": decay},
                "first_step": k * length,
                "last_step": (k + 1) * length,
                "loss": float(found.losses[0, -1]),
            }
        )
    return np.concatenate(steps), np.concatenate(path), legs


def vectors_with(overlaps: np.ndarray) -> np.ndarray:
    """Vectors (..., UNITS, n) with these overlaps."""
    values, basis = np.linalg.eigh(overlaps)
    root = (basis * np.sqrt(values)[..., None, :]) @ basis.swapaxes(-1, -2)
    frame = np.linalg.qr(np.random.default_rng(0).normal(size=(UNITS, overlaps.shape[-1])))[0]
    found: np.ndarray = np.sqrt(UNITS) * frame @ root
    return found


def save_course(
    folder: Path, name: str, protocol: str, *, training: dict[str, Any] | None = None, seed: int = 0, **more: Any
) -> tuple[Checkpoint, History]:
    """Write a network and its snapshots, and return what reads them."""
    steps, path, legs = course(protocol, **more)
    vectors = vectors_with(path)
    network = saved(folder, name, steps, vectors, legs, training or {}, seed)
    return network, open_history(history_beside(folder / f"{name}.safetensors"))


def saved(
    folder: Path,
    name: str,
    steps: np.ndarray,
    vectors: np.ndarray,
    legs: Sequence[dict[str, Any]],
    training: dict[str, Any],
    seed: int,
) -> Checkpoint:
    """Write vectors (K, UNITS, n) as a network and its snapshots."""
    constants = Constants(alpha=ALPHA, nonlinearity="identity", task="filter")
    first, last = (network_of(name, LAYOUT, vectors[k], constants, seed) for k in (0, -1))
    held = {"optimizer": "sgd", "lr": 0.1, "stop_loss": STOP, "protocol": list(legs)} | training
    network = Checkpoint(
        name,
        last.architecture,
        last.weights,
        initial=first.weights,
        task="filter",
        task_parameters=legs[-1]["parameters"],
        training=held,
        seed=seed,
        status="converged",
    )
    names = {"input.weight": 0, "recurrent.left": 1, "recurrent.right": 2}
    tensors = {key: np.ascontiguousarray(vectors[:, :, k : k + 1]) for key, k in names.items()}
    tensors["readout.weight"] = np.ascontiguousarray(vectors[:, None, :, 3])
    folder.mkdir(parents=True, exist_ok=True)
    save_native(network, folder / f"{name}.safetensors")
    save_history(history_beside(folder / f"{name}.safetensors"), steps.astype(np.int64), tensors, name)
    return network
