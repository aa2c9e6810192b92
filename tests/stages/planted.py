"""Copies of a network with its units in another order, exact or under noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import acting_weights
from rnnkit.numerics.permutation_matching import match_permutation
from rnnkit.stages import compare


def relabelled(net: Checkpoint, order: NDArray[np.int64]) -> Checkpoint:
    """Permute the units everywhere they stand; in gated cells within every gate."""
    shape = net.architecture
    rows = np.concatenate([order + gate * shape.units for gate in range(shape.spec.gates)])
    moved = {}
    for name, value in net.weights.items():
        if name == "recurrent.weight":
            moved[name] = value[rows][:, order]
        elif name == "readout.weight":
            moved[name] = value[:, order]
        elif name == "readout.bias":
            moved[name] = value
        else:
            moved[name] = value[rows] if len(value) == len(rows) else value[order]
    return Checkpoint(f"{net.name}-relabelled", shape, moved, moved, net.task, net.task_parameters)


def noisy(net: Checkpoint, share: float, rng: np.random.Generator) -> Checkpoint:
    """Add normal noise of `share` times the root mean square to every tensor."""
    weights = {
        name: (value + share * np.sqrt((value**2).mean()) * rng.normal(size=value.shape)).astype(np.float32)
        for name, value in net.weights.items()
    }
    return replace(net, name=f"{net.name}-noisy", weights=weights)


def planted_is_recovered(net: Checkpoint, seed: int, share: float = 0.1) -> None:
    """Check that `compare` and its solver find the order a copy under noise was given."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(net.architecture.units)
    blurred = noisy(net, share, rng)
    copy = relabelled(blurred, order)
    first, second, straight = (acting_weights(n) for n in (net, copy, blurred))
    match = match_permutation(first[None], second[None])
    np.testing.assert_array_equal(match.permutation[0], np.argsort(order))
    (row,) = next(compare([net, copy], ["pif"])).to_pylist()
    np.testing.assert_allclose(row["distance"], np.linalg.norm(first - straight), rtol=1e-6)
