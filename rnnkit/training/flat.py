"""All trained tensors of all networks in one (networks, parameters) block, with views by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.models.base import Weights
from rnnkit.models.recurrence import form_cayley

__all__ = ["pack", "trained_shapes", "unpack", "unpack_whole"]


def trained_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors that training changes: all but `initial_state`, and but the W that `cayley` makes."""
    derived = {"initial_state"} | ({"recurrent.weight"} if architecture.recurrent == "cayley" else set())
    return {name: shape for name, shape in architecture.shapes().items() if name not in derived}


def pack(architecture: Architecture, networks: Sequence[Mapping[str, NDArray[Any]]], dtype: str = "float32") -> Tensor:
    """Return (networks, parameters) of a type from one dictionary of arrays per network."""
    names = trained_shapes(architecture)
    rows = [np.concatenate([network[name].ravel() for name in names]) for network in networks]
    return torch.from_numpy(np.stack(rows).astype(dtype))


def unpack(architecture: Architecture, flat: Tensor) -> Weights:
    """Return views of (networks, parameters) by name, each (networks, ...)."""
    weights: Weights = {}
    start = 0
    for name, shape in trained_shapes(architecture).items():
        size = int(np.prod(shape))
        weights[name] = flat[:, start : start + size].unflatten(1, shape)
        start += size
    return weights


def unpack_whole(architecture: Architecture, flat: Tensor) -> dict[str, NDArray[Any]]:
    """Return copies by name of (networks, parameters), each (networks, ...), what follows from others included.

    Examples
    --------
    >>> shape = Architecture(family="vanilla", units=2, inputs=1, outputs=1, bias=False, recurrent="cayley")
    >>> held = unpack_whole(shape, torch.tensor([[1.0, 1.0, 0.0, 3.0, 4.0, 5.0, 5.0]]))
    >>> held["recurrent.weight"].tolist()
    [[[3.0, -4.0], [4.0, 3.0]]]
    """
    views = unpack(architecture, flat.cpu())
    if architecture.recurrent == "cayley":
        views["recurrent.weight"] = form_cayley(views).matrix.to(flat.dtype)
    return {name: views[name].numpy().copy() for name in architecture.shapes() if name in views}
