"""How far each weight matrix of a network moved in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import acting_readout, acting_weights

__all__ = ["weight_changes"]


def _input(network: Checkpoint, initial: bool) -> NDArray[np.float64]:
    tensors = network.initial if initial else network.weights
    return np.asarray(tensors["input.weight"], dtype=np.float64)


def _readout(network: Checkpoint, initial: bool) -> NDArray[np.float64]:
    tensors = network.initial if initial else network.weights
    return acting_readout(network.architecture, tensors)


#: The matrices, by the first word of their columns; `weight` is the recurrent one.
_MATRICES: Mapping[str, Callable[[Checkpoint, bool], NDArray[np.float64]]] = {
    "weight": acting_weights,
    "input": _input,
    "readout": _readout,
}


def _norm(values: NDArray[np.float64]) -> float:
    """Frobenius norm, by the largest element so that no square overflows."""
    largest = float(np.abs(values).max(initial=0.0))
    return largest * float(np.linalg.norm(values / largest)) if largest > 0 and np.isfinite(largest) else largest


def weight_changes(network: Checkpoint) -> dict[str, float | None]:
    """Return the change of the recurrent, input and readout weights that act, from before training to after.

    For each, |W_T - W_0|_F as `_absolute`, divided by the number of entries (paper "degeneracy", appendix N), and
    divided by |W_0|_F as `_relative`; None where W_0 is zero or there are no entries.

    Parameters
    ----------
    network : Checkpoint
        With its weights before training.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="mup", units=2, inputs=1, outputs=1)
    >>> held = {"recurrent.weight": np.eye(2), "input.weight": np.ones((2, 1)), "readout.weight": np.ones((1, 2))}
    >>> moved = held | {"recurrent.weight": 3 * np.eye(2)}
    >>> changes = weight_changes(Checkpoint("a", shape, moved, held))
    >>> round(changes["weight_change_norm_absolute"], 6), changes["weight_change_norm_relative"]
    (1.414214, 2.0)
    """
    found: dict[str, float | None] = {}
    for name, take in _MATRICES.items():
        after, before = take(network, False), take(network, True)
        change, start = _norm(after - before), _norm(before)
        found[f"{name}_change_norm"] = change / after.size if after.size else None
        found[f"{name}_change_norm_relative"] = change / start if start > 0 else None
        found[f"{name}_change_norm_absolute"] = change
    return found
