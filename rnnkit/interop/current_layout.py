"""Leaky-current networks as saved by the code of Dubreuil, Valente et al. (Nature Neuroscience 2022).

A file holds `wi` (I, N), `si` (I,), `wo` (N, O), `so` (O,), `h0` (N,), and either `wrec` (N, N) or `m` and
`n` (N, R). With phi = tanh and alpha = 0.2:

    h <- h + alpha (-h + wrec phi(h) + sum_i si_i wi_i x_i),       y = (wo * so)^T phi(h)          `current`
    h <- h + alpha (-h + m n^T phi(h) / N + sum_i si_i wi_i x_i),  y = (wo * so)^T phi(h) / N      `lowrank`

So left = m, right = n; `input.weight` is (si wi)^T and `readout.weight` is (wo * so)^T, with the division by
N left to the family. The initial state is kept as it stands, zeros included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Tensors
from rnnkit.errors import InputError
from rnnkit.interop.fitting import as_vector, listing, shapes_of

__all__ = ["from_current", "holds_current"]

_COMMON = ("wi", "si", "wo", "so", "h0")


def _bare(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the tensors by the last part of their names, or as they are if that is ambiguous."""
    bare = {name.rsplit(".", 1)[-1]: value for name, value in tensors.items()}
    return bare if len(bare) == len(tensors) else dict(tensors)


def holds_current(tensors: Mapping[str, NDArray[Any]]) -> bool:
    """Tell whether the names are those of this layout."""
    names = _bare(tensors).keys()
    return {"wi", "wo"} <= names and ("wrec" in names or {"m", "n"} <= names)


def from_current(tensors: Mapping[str, NDArray[Any]], where: str) -> tuple[str, Tensors]:
    """Return the family, `current` or `lowrank`, and the native tensors.

    Raises
    ------
    InputError
        For a tensor that is missing, has the wrong shape or has no place.

    Examples
    --------
    >>> file = {"wi": np.ones((1, 3)), "si": np.full(1, 2.0), "wo": np.ones((3, 1)), "so": np.full(1, 0.5)}
    >>> family, weights = from_current({**file, "h0": np.zeros(3), "wrec": np.eye(3)}, "net.pt")
    >>> family, weights["input.weight"].tolist(), weights["readout.weight"].tolist()
    ('current', [[2.0], [2.0], [2.0]], [[0.5, 0.5, 0.5]])
    """
    found = _bare(tensors)
    low_rank = "wrec" not in found
    recurrent = ("m", "n") if low_rank else ("wrec",)
    missing = [name for name in (*_COMMON, *recurrent) if name not in found]
    if missing:
        raise InputError(
            where,
            f"tensor '{missing[0]}' is missing among {listing(tensors)}",
            "the layout holds wi, si, wo, so, h0 and either wrec or m and n",
        )
    strangers = {name: value for name, value in found.items() if name not in (*_COMMON, *recurrent)}
    if strangers:
        raise InputError(where, f"has tensors with no place: {shapes_of(strangers)}", "remove them")
    units = found["h0"].size
    _check_matrix(where, "wi", found["wi"], (None, units))
    _check_matrix(where, "wo", found["wo"], (units, None))
    inputs, outputs = found["wi"].shape[0], found["wo"].shape[1]
    scale_in = as_vector(where, "si", found["si"], inputs)
    scale_out = as_vector(where, "so", found["so"], outputs)
    weights: Tensors = {"input.weight": np.ascontiguousarray((found["wi"] * scale_in[:, None]).T)}
    if low_rank:
        _check_matrix(where, "m", found["m"], (units, None))
        _check_matrix(where, "n", found["n"], found["m"].shape)
        weights |= {"recurrent.left": found["m"], "recurrent.right": found["n"]}
    else:
        _check_matrix(where, "wrec", found["wrec"], (units, units))
        weights["recurrent.weight"] = found["wrec"]
    weights["readout.weight"] = np.ascontiguousarray((found["wo"] * scale_out).T)
    weights["initial_state"] = as_vector(where, "h0", found["h0"], units)
    return ("lowrank" if low_rank else "current"), weights


def _check_matrix(where: str, name: str, value: NDArray[Any], shape: tuple[int | None, ...]) -> None:
    """Raise InputError unless the shape is this one; None stands for any extent."""
    fits = value.ndim == 2 and all(want in (None, have) for want, have in zip(shape, value.shape, strict=True))
    if not fits:
        expected = ", ".join("any" if want is None else str(want) for want in shape)
        raise InputError(
            where,
            f"tensor '{name}' has shape {value.shape}, expected ({expected})",
            "as the length of h0 has it",
        )
