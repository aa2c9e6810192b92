"""Plain arrays under any names, such as those of a script's `.npz` or `.mat` file.

Which array is which native tensor is said by a mapping; native names are the default (`input.weight`, or
`input_weight` where a name cannot hold a dot). Nothing in such a file says what the step is, so the family
has to be given (only `recurrent.left` and `recurrent.right` speak for themselves: `lowrank`, unless `leaky` is given;
without a readout its outputs are then the latent variables).

Arrays stand as in the checkpoint format, receiving unit first: `recurrent.weight[i, j]` goes from unit j to
unit i. An array that fits only when transposed shows that the file may follow the other convention; a square
array beside it would then be read wrongly without anyone noticing. So it is transposed of itself only where
no array is square; otherwise the arrays to transpose have to be named, and then exactly those are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.architectures import FAMILIES, OPTIONAL_TENSORS, Architecture
from rnnkit.checkpoints import Tensors
from rnnkit.errors import InputError, unknown_name
from rnnkit.interop.fitting import as_vector, listing

__all__ = ["from_arrays", "holds_native_names", "to_matlab_names"]


def _probe(family: str, found: Collection[str], units: int = 1) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a family's tensors with one input, one output and rank one.

    `leaky` is of low rank where its vectors are among those found, and then has latent outputs without a readout.
    """
    spec = FAMILIES[family]
    thin = spec.may_be_low_rank and "recurrent.left" in found
    return Architecture(
        family=family,
        units=units,
        inputs=1,
        outputs=1,
        rank=int(spec.low_rank or thin),
        rate=spec.default_rate,
        readout="latent" if thin and "readout.weight" not in found else "linear",
    ).shapes()


#: The native names of all families.
_NATIVE = tuple(dict.fromkeys(name for family in FAMILIES for name in _probe(family, ())))


def to_matlab_names(tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """Return the tensors under names that MATLAB can hold: `input_weight` for `input.weight`."""
    return {name.replace(".", "_"): value for name, value in tensors.items()}


def holds_native_names(tensors: Mapping[str, NDArray[Any]]) -> bool:
    """Tell whether a recurrent matrix stands under its native name."""
    return not to_matlab_names(tensors).keys().isdisjoint({"recurrent_weight", "recurrent_left"})


def from_arrays(
    tensors: Mapping[str, NDArray[Any]],
    where: str,
    *,
    family: str | None = None,
    names: Mapping[str, str] | None = None,
    transpose: Collection[str] = (),
) -> tuple[str, Tensors]:
    """Return the family and the native tensors of plain arrays.

    Parameters
    ----------
    tensors : mapping of arrays
        Any real or integer type; integers become float64. A vector stands for a single row or column.
    where : str
        The file, for messages.
    family : str, optional
        One of :data:`rnnkit.architectures.FAMILIES`.
    names : mapping, optional
        Native name to the array's name in the file. Without it, the file must hold native names only.
    transpose : collection of str
        Native names of the arrays to transpose; if any is given, no other is.

    Raises
    ------
    InputError
        For an array that is missing, does not fit, or fits in two ways.

    Examples
    --------
    >>> file = {"Wrec": np.eye(3), "Win": np.ones((3, 2)), "Wout": np.ones(3), "notes": np.arange(9)}
    >>> names = {"recurrent.weight": "Wrec", "input.weight": "Win", "readout.weight": "Wout"}
    >>> family, weights = from_arrays(file, "net.npz", family="leaky", names=names)
    >>> {name: value.shape for name, value in weights.items()}
    {'input.weight': (3, 2), 'recurrent.weight': (3, 3), 'readout.weight': (1, 3)}
    """
    found = _by_native_name(tensors, where, names or {})
    if family is None:
        if "recurrent.left" not in found:
            raise InputError("--model", "not given, and plain arrays do not tell", f"one of {', '.join(FAMILIES)}")
        family = "lowrank"
    if family not in FAMILIES:
        raise unknown_name("--model", family, FAMILIES, "model family")
    for name in transpose:
        if name not in found:
            raise unknown_name("--transpose", name, found, "tensor")
    _check_names(found, where, family)
    return family, _fitted(found, where, family, transpose)


def _by_native_name(tensors: Mapping[str, NDArray[Any]], where: str, names: Mapping[str, str]) -> Tensors:
    """Return the arrays that the mapping, then the native names, point to."""
    for name, array in names.items():
        if name not in _NATIVE:
            raise unknown_name("--array", name, _NATIVE, "tensor")
        if array not in tensors:
            raise unknown_name(where, array, tensors, "array")
    found = {}
    for name in _NATIVE:
        array = names.get(name, name if name in tensors else name.replace(".", "_"))
        if array in tensors:
            value = tensors[array]
            found[name] = value.astype(np.float64) if value.dtype.kind in "iub" else value
    strangers = [name for name in tensors if name.replace("_", ".", 1) not in found and name not in found]
    if strangers and not names:
        raise InputError(
            where,
            f"arrays with no place: {listing(strangers)}",
            f"say which is which; known: {', '.join(_NATIVE)}",
        )
    return found


def _check_names(found: Tensors, where: str, family: str) -> None:
    """Raise InputError unless the family has a place for every tensor and none that it needs is missing."""
    places = _probe(family, found)
    for name in found:
        if name not in places:
            raise InputError(where, f"tensor '{name}' has no place in a {family} network", "leave it out")
    for name in places:
        if name not in found and name not in OPTIONAL_TENSORS:
            raise InputError(
                where,
                f"no array for '{name}' among {listing(found)}",
                f"a {family} network needs it; name the array",
            )


def _fitted(found: Tensors, where: str, family: str, transpose: Collection[str]) -> Tensors:
    """Return every array in the shape that the checkpoint format gives it."""
    spec = FAMILIES[family]
    thin = "recurrent.left" in found
    key = "recurrent.left" if thin else "recurrent.weight"
    units = _units(found[key].shape, spec.gates, thin, where, key)
    shapes = _probe(family, found, units)
    weights: Tensors = {}
    turned: list[str] = []
    for name, value in found.items():
        if len(shapes[name]) == 1:
            length = weights["readout.weight"].shape[0] if name == "readout.bias" else shapes[name][0]
            weights[name] = as_vector(where, name, value, length)
            continue
        axis = 1 if name == "readout.weight" else 0
        extent = shapes[name][axis]  # the other one is for the array to say
        if value.ndim == 1 and value.size == extent:
            value = np.expand_dims(value, 1 - axis)
        elif name in transpose:
            value = value.T
        elif value.ndim == 2 and value.shape[axis] != extent == value.shape[1 - axis]:
            value = value.T
            turned.append(name)
        if value.ndim != 2 or value.shape[axis] != extent:
            expected = f"({extent}, any)" if axis == 0 else f"(any, {extent})"
            what = f"tensor '{name}' has shape {found[name].shape}, expected {expected}"
            raise InputError(where, what, f"as {family} with {units} units")
        weights[name] = np.ascontiguousarray(value)
    square = [name for name, value in weights.items() if value.ndim == 2 and value.shape[0] == value.shape[1] > 1]
    if turned and (transpose or square):
        doubt = f", and {', '.join(square)} is square" if square else ""
        raise InputError(
            where,
            f"{', '.join(turned)} fits only when transposed{doubt}",
            f"name all the arrays to transpose: --transpose {' --transpose '.join(turned)} ...",
        )
    return weights


def _units(shape: tuple[int, ...], gates: int, low_rank: bool, where: str, name: str) -> int:
    """Return the number of units that a recurrent array's shape stands for."""
    if low_rank and shape and len(shape) <= 2:
        return max(shape)  # the rank is at most the number of units
    if len(shape) == 2 and max(shape) == gates * min(shape):
        return min(shape)
    blocks = f"{gates}N, N" if gates > 1 else "N, N"
    expected = "N, R" if low_rank else blocks
    raise InputError(where, f"tensor '{name}' has shape {shape}, expected ({expected})", "for N units")
