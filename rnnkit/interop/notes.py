"""The metadata that rides along with an exported network, so that importing it gives the same checkpoint.

The note is JSON: architecture, task, training settings and the rest of a native file's metadata, with a
digest of the arrays beside it. Arrays that were edited since the export no longer are the network that the
training record describes: they are read as they stand, with the constants and the task kept and the record
dropped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.architectures import CAYLEY_TENSORS, Architecture
from rnnkit.checkpoints import Checkpoint, Tensors
from rnnkit.errors import FileError, RnnkitError
from rnnkit.interop.arrays import from_arrays, to_matlab_names
from rnnkit.interop.fitting import architecture_of
from rnnkit.interop.reading import ForeignFile
from rnnkit.interop.torch_layout import from_state_dict

__all__ = ["initial_digest", "parse_note", "restore", "tensors_digest", "write_note"]

_FORMAT = 1


def tensors_digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over every array's name, type and bytes; a vector and its column have the same.

    Examples
    --------
    >>> tensors_digest({"b": np.ones(2)}) == tensors_digest({"b": np.ones((2, 1))})
    True
    """
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(f"{name}|{tensors[name].dtype.str}|{tensors[name].size}|".encode())
        total.update(tensors[name].tobytes())
    return total.hexdigest()


def write_note(checkpoint: Checkpoint, arrays: Tensors, layout: str, initial: str | None) -> str:
    """Return the note for a checkpoint that is written as these arrays.

    Parameters
    ----------
    checkpoint : Checkpoint
    arrays : dict of arrays
        As they stand in the file.
    layout : str
        `torch` or `arrays`: how they are to be read.
    initial : str or None
        Digest of the file with the weights before training.
    """
    note = {
        "format": _FORMAT,
        "layout": layout,
        "tensors": list(checkpoint.weights),
        "digest": tensors_digest(arrays),
        "initial": initial,
        **checkpoint.metadata(),
    }
    # JSON has no NaN or infinity: they become null, as in native files.
    plain = json.loads(json.dumps(note), parse_constant=lambda _: None)
    return json.dumps(plain, allow_nan=False, separators=(",", ":"))


def parse_note(path: Path, text: str) -> dict[str, Any]:
    """Return the note as a dictionary.

    Raises
    ------
    FileError
        When it is damaged.
    """
    try:
        note = json.loads(text)
    except (ValueError, RecursionError):
        note = None
    if not isinstance(note, dict):
        raise FileError(str(path), "its rnnkit metadata is damaged", "export or copy it again")
    return note


def initial_digest(note: Mapping[str, Any]) -> str | None:
    """Return the digest of the weights before training that were exported along, or None."""
    found = note.get("initial")
    return found if isinstance(found, str) else None


def restore(path: Path, file: ForeignFile, note: Mapping[str, Any]) -> tuple[Checkpoint, bool]:
    """Return the exported checkpoint, and whether its arrays are as they were written.

    Raises
    ------
    FileError
        When the note is damaged or newer than this version.
    InputError
        When edited arrays no longer make a network.
    """
    try:
        return _restore(path, file, note)
    except RnnkitError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileError(str(path), "its rnnkit metadata is damaged", "export or copy it again") from error


def _apart(tensors: Tensors, noted: Architecture) -> tuple[Tensors, Tensors]:
    """Return the arrays that any network of the family has, and those that a `cayley` network has besides."""
    extra: Tensors = {}
    rest = dict(tensors)
    for name in CAYLEY_TENSORS if noted.recurrent == "cayley" else ():
        for array in (name, *to_matlab_names({name: np.empty(0)})):
            if array in rest:
                extra[name] = rest.pop(array).reshape(-1)
    return rest, extra


def _restore(path: Path, file: ForeignFile, note: Mapping[str, Any]) -> tuple[Checkpoint, bool]:
    if note["format"] != _FORMAT:
        raise FileError(str(path), f"has format version {note['format']}, expected {_FORMAT}", "update rnnkit")
    noted = Architecture.from_json(note["model"])
    if note["layout"] == "torch":
        family, weights = from_state_dict(file.tensors, str(path))
    else:
        plain_arrays, extra = _apart(file.tensors, noted)
        family, weights = from_arrays(plain_arrays, str(path), family=noted.family)
        weights |= extra
        lost = [name for name in note["tensors"] if name not in weights]
        if lost:
            fix = "export or copy it again, or read it with --layout arrays"
            raise FileError(str(path), f"the array '{lost[0]}' that was exported is missing", fix)
    intact = tensors_digest(file.tensors) == note["digest"]
    # PyTorch's readout has gamma folded in; only the tensors kept beside it give the unfolded one exactly.
    gamma = noted.gamma if intact or note["layout"] != "torch" else 1.0
    rate = noted.rate if noted.spec.rate_name else None
    architecture = architecture_of(family, weights, alpha=rate, nonlinearity=noted.nonlinearity, gamma=gamma)
    if intact:
        architecture = noted
    else:  # an edited matrix no longer is what these make
        weights = {name: value for name, value in weights.items() if name not in CAYLEY_TENSORS}
    plain = Checkpoint(
        name=path.stem,
        architecture=architecture,
        weights=weights,
        task=note["task"]["name"],
        task_parameters=dict(note["task"]["parameters"]),
    )
    if not intact:
        return plain, False
    weights |= file.exact
    shapes = architecture.shapes()
    # Modules have both biases or none, and no readout without outputs: back to the tensors there were.
    kept = {name: weights.get(name, np.zeros(shapes[name], np.float32)) for name in note["tensors"]}
    restored = replace(
        plain,
        weights=kept,
        training=dict(note["training"]),
        seed=note["seed"],
        losses=dict(note["losses"]),
        status=note["status"],
        provenance=dict(note["provenance"]),
    )
    return restored, True
