"""What all layouts share: vectors and matrices by shape, and an architecture from its tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.errors import InputError

__all__ = ["architecture_of", "as_vector", "listing", "shapes_of"]


def listing(names: Iterable[str], most: int = 12) -> str:
    """Join names for a message, the first `most` of them.

    Examples
    --------
    >>> listing(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def shapes_of(tensors: Mapping[str, NDArray[Any]]) -> str:
    """List tensors with their shapes, for a message.

    Examples
    --------
    >>> import numpy as np
    >>> shapes_of({"W": np.zeros((2, 3))})
    'W (2, 3)'
    """
    return listing([f"{name} {value.shape}" for name, value in tensors.items()])


def as_vector(where: str, name: str, value: NDArray[Any], length: int) -> NDArray[Any]:
    """Return a vector of this length; a single column or row of it is one too.

    Raises
    ------
    InputError
        For any other shape.

    Examples
    --------
    >>> import numpy as np
    >>> as_vector("net.mat", "b", np.zeros((3, 1)), 3).shape
    (3,)
    """
    if value.size != length or sum(extent != 1 for extent in value.shape) > (1 if length else 2):
        raise InputError(
            where,
            f"tensor '{name}' has shape {value.shape}, expected ({length},)",
            "give a vector of that length",
        )
    return value.reshape(length)


def architecture_of(
    family: str,
    weights: Mapping[str, NDArray[Any]],
    *,
    alpha: float | None = None,
    nonlinearity: str | None = None,
    gamma: float | None = None,
) -> Architecture:
    """Return the architecture whose sizes these tensors have; constants not given take the family's default.

    Raises
    ------
    InputError
        For a constant that makes no sense in the family.

    Examples
    --------
    >>> import numpy as np
    >>> shapes = Architecture(family="lowrank", units=5, inputs=1, outputs=2, rank=3, rate=0.1).shapes()
    >>> weights = {name: np.zeros(shape) for name, shape in shapes.items()}
    >>> found = architecture_of("lowrank", weights, alpha=0.1)
    >>> found.units, found.inputs, found.outputs, found.rank, found.rate
    (5, 1, 2, 3, 0.1)
    """
    spec = FAMILIES[family]
    thin = "recurrent.left" in weights
    units, rank = weights["recurrent.left"].shape if thin else (weights["recurrent.weight"].shape[1], 0)
    latent = thin and spec.may_be_low_rank and "readout.weight" not in weights
    return Architecture(
        family=family,
        units=units,
        inputs=weights["input.weight"].shape[1],
        outputs=rank if latent else weights["readout.weight"].shape[0],
        nonlinearity=nonlinearity or "",
        rate=spec.default_rate if alpha is None else alpha,
        gamma=1.0 if gamma is None else gamma,
        rank=rank,
        readout="latent" if latent else "linear",
    )
