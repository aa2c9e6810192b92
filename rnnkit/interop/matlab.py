"""Arrays of a MATLAB file (level 5: `save` up to `-v7`), read without risk to the process.

`scipy.io.loadmat` indexes a table in C by type codes from the file, so that one changed byte can end the
interpreter. This reader knows only what weights need, numeric and sparse arrays and text, checks each code
and length, and passes by the rest (cells, structures, objects) unread. Layout after "MAT-File Format"
(The MathWorks, version 5): a header of 128 bytes, then tagged elements, each possibly compressed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import FileError

__all__ = ["read_mat"]

_MATRIX, _COMPRESSED = 14, 15
_CHAR, _SPARSE, _OPAQUE = 4, 5, 17
_COMPLEX, _LOGICAL = 0x0800, 0x0200
#: Element type to numpy type; 16 to 18 are UTF-8, UTF-16 and UTF-32.
_STORED = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",
}
_STORED |= {17: "u2", 18: "u4"}
#: Array class to numpy type.
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
#: A sparse array of more entries than this is taken for damage rather than filled in.
_MOST_DENSE = 10**8


@dataclass(frozen=True)
class _Element:
    kind: int
    data: bytes
    order: str

    def array(self) -> NDArray[Any]:
        """Return the values as stored, in native byte order."""
        if self.kind not in _STORED:
            raise ValueError(f"element type {self.kind}")
        values = np.frombuffer(self.data, dtype=self.order + _STORED[self.kind])
        return values.astype(values.dtype.newbyteorder("="))


def read_mat(path: Path) -> dict[str, NDArray[Any]]:
    """Return the numeric arrays of a MATLAB file by name, and its texts as arrays of one string.

    Arrays have two or more dimensions and the class that MATLAB shows (a double stored as small integers is a
    double). Sparse arrays are filled in.

    Raises
    ------
    FileError
        When the file is damaged or of another version.

    Examples
    --------
    >>> import tempfile
    >>> import scipy.io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     scipy.io.savemat(Path(folder) / "net.mat", {"W": np.eye(2), "note": "text"})
    ...     read_mat(Path(folder) / "net.mat")
    {'W': array([[1., 0.],
           [0., 1.]]), 'note': array(['text'], dtype='<U4')}
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(str(path), f"cannot be read: {error.strerror}", "check its permissions") from error
    again = "save it again with save(FILE, ..., '-v7')"
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise FileError(str(path), "is damaged or no MATLAB file of version 5 to 7", again)
    (version,) = struct.unpack(order + "H", content[124:126])
    if version == 0x0200:
        raise FileError(str(path), "is a MATLAB v7.3 (HDF5) file", again)
    arrays: dict[str, NDArray[Any]] = {}
    try:
        for element in _elements(content[128:], order):
            plain = element
            if element.kind == _COMPRESSED:
                plain = next(_elements(zlib.decompress(element.data), order))
            if plain.kind == _MATRIX and (found := _named_array(plain)):
                arrays[found[0]] = found[1]
    except (
        ValueError,
        IndexError,
        struct.error,
        zlib.error,
        StopIteration,
        OverflowError,
        MemoryError,
    ) as error:
        raise FileError(str(path), "is a damaged MATLAB file", "write or copy the file again") from error
    return arrays


def _elements(content: bytes, order: str) -> Iterator[_Element]:
    """Yield the tagged elements that stand one after the other."""
    position = 0
    while position < len(content):
        kind, size = struct.unpack_from(order + "II", content, position)
        start, step = position + 8, 8
        if kind >> 16:  # a short element: size and type share a word, the data the next one
            kind, size, start, step = kind & 0xFFFF, kind >> 16, position + 4, 4
        if size > len(content) - start or (step == 4 and size > 4):
            raise ValueError(f"element of {size} bytes at {position}")
        yield _Element(kind, content[start : start + size], order)
        # Only compressed elements go without padding.
        position = start + (size if kind == _COMPRESSED else -(-size // step) * step)
        position = max(position, start + 4) if step == 4 else position


def _named_array(matrix: _Element) -> tuple[str, NDArray[Any]] | None:
    """Return an array element's name and values, or None if it is no array of numbers or text."""
    parts = _elements(matrix.data, matrix.order)
    head = next(parts, None)
    if head is None:
        return None
    flags = int(head.array()[0])
    kind = flags & 0xFF
    if kind not in _CLASSES and kind not in (_CHAR, _SPARSE):
        if 1 <= kind <= _OPAQUE:
            return None
        raise ValueError(f"array class {kind}")
    shape = tuple(int(extent) for extent in next(parts).array())
    if len(shape) < 2 or min(shape) < 0:
        raise ValueError(f"shape {shape}")
    name = next(parts).data.decode("ascii")
    if kind == _CHAR:
        text = _text(next(parts))
        return (name, np.array([text])) if shape[0] == 1 else None
    if kind == _SPARSE:
        if flags & _LOGICAL:  # MATLAB gives their values a wrong type code; no weights are of this kind
            return None
        rows, starts = next(parts).array(), next(parts).array()
        values = _numbers(parts, flags)
        return name, _filled(shape, rows, starts, values)
    values = _numbers(parts, flags)
    if values.dtype.kind != "c":
        values = values.astype(_CLASSES[kind])
    return name, values.reshape(shape, order="F")


def _numbers(parts: Iterator[_Element], flags: int) -> NDArray[Any]:
    """Return the values of an array, real or complex, flat."""
    real = next(parts).array()
    return real + 1j * next(parts).array() if flags & _COMPLEX else real


def _text(element: _Element) -> str:
    codes = element.array()
    if codes.itemsize == 1:
        return element.data.decode("utf-8", errors="replace")
    return codes.tobytes().decode(f"utf-{8 * codes.itemsize}-{'le' if np.little_endian else 'be'}", errors="replace")


def _filled(shape: tuple[int, ...], rows: NDArray[Any], starts: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Return a sparse array, given by columns, as a dense one of doubles."""
    if len(shape) != 2 or shape[0] * shape[1] > _MOST_DENSE or len(starts) != shape[1] + 1:
        raise ValueError(f"sparse array of shape {shape}")
    ends = starts.astype(np.int64)
    columns = np.repeat(np.arange(shape[1]), ends[1:] - ends[:-1])
    dense = np.zeros(shape, dtype=np.result_type(values, np.float64))
    rows, values = rows[: len(columns)], values[: len(columns)]
    if len(rows) and rows.min() < 0:
        raise ValueError("negative row")
    dense[rows, columns] = values
    return dense
