"""Small networks whose activity is known, and a run of theirs one step at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, save_history, save_native
from rnnkit.history import History, history_beside, open_history

#: Delayed addition as short as cues at fixed steps allow.
ADDITION: dict[str, Any] = {"task": "delayed-addition", "task_parameters": {"steps": 14}}


def network(
    recurrent: NDArray[np.float64],
    inputs: NDArray[np.float64],
    *,
    name: str = "a",
    nonlinearity: str = "identity",
    bias: NDArray[np.float64] | None = None,
    outputs: int = 1,
    **rest: Any,
) -> Checkpoint:
    """A vanilla network h <- phi(W h + U x + b)."""
    units, channels = np.shape(inputs)
    shape = Architecture(family="vanilla", units=units, inputs=channels, outputs=outputs, nonlinearity=nonlinearity)
    held = {key: np.zeros(size) for key, size in shape.shapes().items()}
    held |= {"recurrent.weight": np.array(recurrent, float), "input.weight": np.array(inputs, float)}
    if bias is not None:
        held["recurrent.bias"] = np.array(bias, float)
    return Checkpoint(name, shape, held, {k: 0.5 * v for k, v in held.items()}, **(ADDITION | rest))


def random_network(seed: int = 0, units: int = 4, name: str = "a", **rest: Any) -> Checkpoint:
    """A tanh network on delayed addition."""
    rng = np.random.default_rng(seed)
    recurrent = 0.9 * rng.normal(size=(units, units)) / units**0.5
    return network(
        recurrent,
        rng.normal(size=(units, 2)),
        name=name,
        nonlinearity="tanh",
        bias=0.1 * rng.normal(size=units),
        **rest,
    )


def states(net: Checkpoint, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Activity over trials (trials, steps, inputs), one step of one trial at a time."""
    w = net.weights
    phi = {"identity": lambda x: x, "tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[net.architecture.nonlinearity]
    found = np.zeros((*inputs.shape[:2], net.architecture.units))
    for trial, steps in enumerate(inputs.astype(np.float64)):
        h = w["initial_state"]
        for t, x in enumerate(steps):
            h = phi(w["recurrent.weight"] @ h + w["input.weight"] @ x + w["recurrent.bias"])
            found[trial, t] = h
    return found


def history(net: Checkpoint, folder: Path, scales: list[float]) -> History:
    """Save a network, and snapshots whose recurrent weights are its own times these; open them."""
    save_native(net, folder / f"{net.name}.safetensors")
    path = history_beside(folder / f"{net.name}.safetensors")
    stacked = {key: np.stack([value] * len(scales)) for key, value in net.weights.items()}
    stacked["recurrent.weight"] = np.stack([scale * net.weights["recurrent.weight"] for scale in scales])
    save_history(path, 10 * np.arange(len(scales)), stacked, net.name)
    return open_history(path)
