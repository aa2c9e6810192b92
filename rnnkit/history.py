"""Snapshots of training read a few at a time: a file of any size in bounded memory."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import HISTORY_SUFFIX, check_metadata, digest_head
from rnnkit.errors import FileError

__all__ = ["History", "history_beside", "open_history"]

_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8")}
#: Bytes read at once while the digest is taken.
_PIECE = 1 << 22


@dataclass(frozen=True)
class _Place:
    """Where a tensor stands in the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    size: int


@dataclass(frozen=True)
class History:
    """A file of snapshots whose digest was found to fit.

    Attributes
    ----------
    path : Path
    steps : (K,) int64
        Optimiser step of each snapshot.
    names : tuple of str
        Its tensors, sorted.
    """

    path: Path
    steps: NDArray[np.int64]
    names: tuple[str, ...]
    places: dict[str, _Place]

    @property
    def snapshot_bytes(self) -> int:
        """Bytes of one snapshot."""
        return sum(self.places[name].size for name in self.names) // max(1, len(self.steps))

    def blocks(
        self, most: int, names: Sequence[str] | None = None
    ) -> Iterator[tuple[NDArray[np.int64], dict[str, NDArray[Any]]]]:
        """Yield steps (k,) and tensors (k, ...) of up to `most` snapshots at a time.

        Parameters
        ----------
        most : int
            1 or more.
        names : sequence of str, optional
            All tensors by default.
        """
        # Plain reads, not the safetensors library: what its memory map has touched counts as the process's memory.
        with self.path.open("rb") as handle:
            for first in range(0, len(self.steps), most):
                count = min(most, len(self.steps) - first)
                found = {name: _rows(handle, self.places[name], first, count) for name in names or self.names}
                yield self.steps[first : first + count], found

    def read(self, first: int, count: int, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Return tensors (count, ...) of some snapshots, by their place from 0; all tensors by default."""
        with self.path.open("rb") as handle:
            return {name: _rows(handle, self.places[name], first, count) for name in names or self.names}

    def at(self, place: int, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Return the tensors of one snapshot, by its place from 0; all tensors by default."""
        return {name: held[0] for name, held in self.read(place, 1, names).items()}


def history_beside(path: Path) -> Path:
    """Return where the snapshots of a checkpoint file stand.

    Examples
    --------
    >>> history_beside(Path("a-s0.safetensors")).name
    'a-s0.history.safetensors'
    """
    return path.with_name(path.name.removesuffix(".safetensors") + HISTORY_SUFFIX)


def open_history(path: Path) -> History:
    """Open a file of snapshots and check its digest, in pieces.

    Raises
    ------
    FileError
        When the file is missing or damaged, or holds a network.

    Examples
    --------
    >>> import tempfile
    >>> from rnnkit.checkpoints import save_history
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.history.safetensors"
    ...     save_history(file, np.array([0, 5, 10]), {"recurrent.bias": np.arange(6.0).reshape(3, 2)}, "a")
    ...     [(steps.tolist(), held["recurrent.bias"].tolist()) for steps, held in open_history(file).blocks(2)]
    [([0, 5], [[0.0, 1.0], [2.0, 3.0]]), ([10], [[4.0, 5.0]])]
    """
    if not path.is_file():
        raise FileError(str(path), "no such file", "train with --snapshots K, or leave out --history")
    try:
        with path.open("rb") as handle:
            text, places = _header(handle, path.stat().st_size)
            if check_metadata(path, text, lambda blank: _digest(handle, places, blank)).get("kind") != "history":
                raise FileError(str(path), "holds one network, not snapshots", "give the .history.safetensors file")
            steps = _rows(handle, places["step"], 0, places["step"].shape[0])
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(str(path), f"is damaged or no safetensors file: {error!r}", "copy it again") from error
    names = tuple(sorted(set(places) - {"step"}))
    return History(path, steps, names, {name: places[name] for name in names})


def _header(handle: BinaryIO, size: int) -> tuple[str, dict[str, _Place]]:
    """Read the metadata, and each tensor's type, shape and place: 8 bytes of length, then JSON, then the tensors.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        When this is no sound header of a file of `size` bytes.
    """
    length = int.from_bytes(handle.read(8), "little")
    if not 2 <= length <= size - 8:
        raise ValueError(f"a header of {length} bytes in a file of {size}")
    header = json.loads(handle.read(length))
    text = header.pop("__metadata__")["rnnkit"]
    found = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        place = _Place(_TYPES[entry["dtype"]], tuple(entry["shape"]), 8 + length + first, last - first)
        whole = math.prod(place.shape) * place.dtype.itemsize
        if (
            not place.shape
            or min(place.shape) < 0
            or place.size != whole
            or not 0 <= first <= last <= size - 8 - length
        ):
            raise ValueError(f"tensor '{name}' has no place in it")
        found[name] = place
    return text, found


def _digest(handle: BinaryIO, places: dict[str, _Place], blank: str) -> str:
    """Take the digest of a checkpoint file (:mod:`rnnkit.checkpoints`) without holding a tensor."""
    total = hashlib.sha256(blank.encode())
    for name in sorted(places):
        place = places[name]
        total.update(digest_head(name, place.dtype, place.shape))
        handle.seek(place.start)
        left = place.size
        while left > 0 and (piece := handle.read(min(left, _PIECE))):
            total.update(piece)
            left -= len(piece)
    return total.hexdigest()


def _rows(handle: BinaryIO, place: _Place, first: int, count: int) -> NDArray[Any]:
    """Read some entries along a tensor's first axis."""
    each = math.prod(place.shape[1:])
    handle.seek(place.start + first * each * place.dtype.itemsize)
    found = np.fromfile(handle, place.dtype, count * each)
    return found.reshape(count, *place.shape[1:])
