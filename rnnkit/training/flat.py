"""All trained tensors of all networks in one (networks, parameters) block, with views by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.models.base import Weights

__all__ = ["pack", "trained_shapes", "unpack"]


def trained_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors that training changes: all but `initial_state`."""
    return {name: shape for name, shape in architecture.shapes().items() if name != "initial_state"}


def pack(architecture: Architecture, networks: Sequence[dict[str, NDArray[np.float32]]]) -> Tensor:
    """Return (networks, parameters) float32 from one dictionary of arrays per network."""
    names = trained_shapes(architecture)
    rows = [np.concatenate([network[name].ravel() for name in names]) for network in networks]
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def unpack(architecture: Architecture, flat: Tensor) -> Weights:
    """Return views of (networks, parameters) by name, each (networks, ...)."""
    weights: Weights = {}
    start = 0
    for name, shape in trained_shapes(architecture).items():
        size = int(np.prod(shape))
        weights[name] = flat[:, start : start + size].unflatten(1, shape)
        start += size
    return weights
