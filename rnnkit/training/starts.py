"""Training that goes on from saved networks: their sizes and constants, and their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.tasks.base import Task
from rnnkit.training.flat import trained_shapes

__all__ = ["start_architecture", "start_type", "start_weights", "untrained_tensors"]

Arrays = dict[str, NDArray[Any]]


def start_architecture(start: Checkpoint, given: Mapping[str, Any], task: Task) -> Architecture:
    """Return the architecture that a saved network is trained on in.

    Parameters
    ----------
    start : Checkpoint
    given : dict
        Settings of the model that were asked for: they must be those of the file.
    task : Task

    Raises
    ------
    InputError
        When a setting differs, the task has other channels, or a weight is not finite.

    Notes
    -----
    A network that holds no bias at all, as some of those trained elsewhere, is trained without; where it holds some,
    those that are missing are zero and trained.
    """
    tensor = start.bad_tensor()
    if tensor is not None:
        raise InputError(f"--start: {start.name}", f"tensor '{tensor}' holds NaN or infinity", "give finite weights")
    held = start.architecture.to_json()
    held["bias"] = any(name.endswith(".bias") for name in start.weights)
    own = {"model": held["family"], "recurrent": start.architecture.recurrent, **held}
    for key, value in given.items():
        if key not in own:
            raise InputError(f"--{key}", f"does not fit the '{own['model']}' family of '{start.name}'", "leave it out")
        if value != own[key]:
            what = f"{value} contradicts '{start.name}', which has {own[key]}"
            raise InputError(f"--{key}", what, "leave it out: it comes from the file")
    for kind, has, needs in (
        ("inputs", start.architecture.inputs, task.inputs),
        ("outputs", start.architecture.outputs, task.outputs),
    ):
        if has != needs:
            what = f"has {has} {kind}, the task '{task.name}' has {needs}"
            raise InputError(f"--start: {start.name}", what, "choose the task's parameters with -t")
    return Architecture.from_json(held)


def start_type(start: Checkpoint) -> str:
    """Return the type to train in unless another is asked for: `float64` where the file has any such tensor.

    Examples
    --------
    >>> shape = Architecture(family="vanilla", units=1, inputs=1, outputs=1)
    >>> start_type(Checkpoint("a", shape, {"recurrent.weight": np.eye(1)}))
    'float64'
    """
    return "float64" if any(value.dtype == np.float64 for value in start.weights.values()) else "float32"


def start_weights(start: Checkpoint, architecture: Architecture) -> Arrays:
    """Return the tensors to be trained, biases that the file lacks as zeros."""
    return {name: start.weights.get(name, np.zeros(shape)) for name, shape in trained_shapes(architecture).items()}


def untrained_tensors(start: Checkpoint | None, dtype: str) -> Arrays:
    """Return what a network that starts from a saved one keeps besides: a state before the first step."""
    if start is None or "initial_state" not in start.weights:
        return {}
    return {"initial_state": start.weights["initial_state"].astype(dtype)}
