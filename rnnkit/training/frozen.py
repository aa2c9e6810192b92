"""Weights that training leaves as they are: whole tensors, or one loading vector of a tensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.training.flat import trained_shapes

__all__ = ["NOTHING", "check_zero_diagonal", "frozen_entries", "frozen_names"]

#: What `--freeze` says when everything is trained.
NOTHING = "none"


def frozen_names(text: str) -> list[tuple[str, int | None]]:
    """Read `TENSOR[:COLUMN],...`; `+` does for the comma where a comma separates other things, as in --vary.

    Examples
    --------
    >>> frozen_names("recurrent.left:0,readout.weight")
    [('recurrent.left', 0), ('readout.weight', None)]
    >>> frozen_names("none")
    []
    """
    if text.strip() == NOTHING:
        return []
    found: list[tuple[str, int | None]] = []
    for part in text.replace("+", ",").split(","):
        name, colon, column = (piece.strip() for piece in part.partition(":"))
        if not name or (colon and not column.isdecimal()):
            what = f"'{part.strip()}' is not TENSOR or TENSOR:COLUMN"
            raise InputError("--freeze", what, "for example recurrent.left:0,readout.weight")
        one = (name, int(column) if colon else None)
        if one in found:
            raise InputError("--freeze", f"'{part.strip()}' is given twice", "give it once")
        found.append(one)
    return found


def frozen_entries(architecture: Architecture, text: str, zero_diagonal: bool = False) -> NDArray[np.bool_]:
    """Return which of a network's trained numbers stay as they are, (parameters,).

    With `zero_diagonal` those on the diagonal of the recurrent weights do.

    A vector of a tensor is a column: what one input, one latent variable or one unit sends to the units. Of the
    readout it is a row: what one output receives.

    Raises
    ------
    InputError
        For a tensor or column that the network does not have.

    Examples
    --------
    >>> shape = Architecture(family="lowrank", units=2, inputs=1, outputs=1, rank=2, bias=False)
    >>> frozen_entries(shape, "recurrent.left:1").astype(int).tolist()  # input, left row by row, right, readout
    [0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]
    """
    shapes = trained_shapes(architecture)
    masks = {name: np.zeros(shape, dtype=np.bool_) for name, shape in shapes.items()}
    for name, column in frozen_names(text):
        if name not in masks:
            raise unknown_name("--freeze", name, shapes, f"tensor that '{architecture.family}' trains")
        if column is None:
            masks[name][...] = True
            continue
        # One vector to a row in the readout, to a column elsewhere: a view, so that writing there writes to the mask.
        vectors = masks[name] if name == "readout.weight" else masks[name].T
        if vectors.ndim == 1:
            raise InputError("--freeze", f"'{name}' is one vector", f"leave out ':{column}'")
        if column >= len(vectors):
            has = f"it has those from 0 to {len(vectors) - 1}" if len(vectors) else "it has none"
            raise InputError("--freeze", f"'{name}' has no vector {column}", has)
        vectors[column] = True
    if zero_diagonal:
        np.fill_diagonal(masks["recurrent.weight"], True)
    return np.concatenate([mask.ravel() for mask in masks.values()])


def check_zero_diagonal(architecture: Architecture, asked: bool, start: Checkpoint | None) -> None:
    """Raise InputError where the recurrent weights cannot be kept with a zero diagonal."""
    if not asked:
        return
    if not architecture.spec.diagonal:
        raise InputError("--zero-diagonal", f"does not fit the '{architecture.family}' family", "use --model plrnn")
    if start is not None and np.diagonal(start.weights["recurrent.weight"]).any():
        raise InputError("--zero-diagonal", f"the weights of '{start.name}' have a diagonal", "leave it out")
