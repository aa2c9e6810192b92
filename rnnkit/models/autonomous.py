"""Saved networks at a constant input, as maps of their state in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.models.ensembles import stack_weights
from rnnkit.numerics.autonomous_maps import AutonomousMap

__all__ = ["autonomous_map"]

_FORMS = {
    "vanilla": "outer",
    "leaky": "outer",
    "gru": "gru",
    "lstm": "lstm",
    "mup": "inner",
    "current": "inner",
    "lowrank": "inner",
    "plrnn": "inner",
}


def autonomous_map(networks: Sequence[Checkpoint], inputs: NDArray[np.float64]) -> AutonomousMap:
    """Return the step of networks of one architecture at a constant input.

    What the stored weights leave to be worked out is worked out once, in float64: J / N (`mup`), left right^T / N
    (of low rank) and the drive U u + b.

    Parameters
    ----------
    networks : sequence of Checkpoint
        Alike in family, sizes and constants but for `gamma`.
    inputs : (inputs,) float64
        The constant input u.

    Raises
    ------
    InputError
        For a family whose map is not known here.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=1, inputs=1, outputs=1)
    >>> held = {"input.weight": [[2.0]], "recurrent.weight": [[0.5]], "readout.weight": [[1.0]]}
    >>> one = Checkpoint("a", shape, {name: np.array(value) for name, value in held.items()})
    >>> autonomous_map([one], np.array([3.0])).drive
    array([[6.]])
    """
    architecture = networks[0].architecture
    if architecture.family not in _FORMS:
        what = f"the map of the '{architecture.family}' family is not known"
        raise InputError(networks[0].name, what, f"give networks of {', '.join(_FORMS)}")
    held = {name: value.numpy() for name, value in stack_weights(networks, torch.device("cpu")).items()}
    units, family = architecture.units, architecture.family
    if architecture.low_rank:
        recurrent = held["recurrent.left"] @ held["recurrent.right"].transpose(0, 2, 1) / units
    else:
        recurrent = held["recurrent.weight"] / (units if family == "mup" else 1)
    drive = held["input.weight"] @ np.asarray(inputs, dtype=np.float64) + held.get("input.bias", 0.0)
    bias = np.zeros_like(drive)
    if "recurrent.bias" in held:
        apart = slice(2 * units, None) if family == "gru" else slice(0, 0)
        bias[:, apart] = held["recurrent.bias"][:, apart]
        drive = drive + (held["recurrent.bias"] - bias)
    rate = architecture.rate
    keep = held["recurrent.diagonal"] if architecture.spec.diagonal else 1.0 - rate
    return AutonomousMap(_FORMS[family], architecture.nonlinearity, keep, rate, recurrent, drive, bias)
