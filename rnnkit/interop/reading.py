"""Foreign files as plain arrays: `.pt`, `.pth`, `.safetensors`, `.npz` and `.mat`.

Nothing is ever unpickled as an arbitrary object: PyTorch files load with `weights_only`, numpy files without
pickle. Half-precision tensors come back as float32, which holds each of their values; no other value changes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Tensors, read_safetensors
from rnnkit.errors import FileError, InputError
from rnnkit.interop.fitting import listing
from rnnkit.interop.matlab import read_mat

__all__ = ["NOTE_KEY", "ForeignFile", "read_file", "read_safetensors_widened", "read_tensors"]

#: Where an exported file keeps the metadata that its arrays cannot show.
NOTE_KEY = "rnnkit"

_DAMAGED = "write or copy the file again"


@dataclass(frozen=True)
class ForeignFile:
    """What a file holds.

    Attributes
    ----------
    tensors : dict of arrays
        Every numeric array, by its name in the file.
    note : str or None
        The metadata of an exported checkpoint, as JSON.
    exact : dict of arrays
        Tensors that the exported arrays give back only up to rounding.
    """

    tensors: Tensors
    note: str | None = None
    exact: Tensors = field(default_factory=dict)


def read_tensors(path: Path) -> Tensors:
    """Return the arrays of a `.pt`, `.pth`, `.safetensors`, `.npz` or `.mat` file by their names in it.

    A state dict that stands within dictionaries (`{"epoch": 3, "state_dict": {...}}`) is found if there is
    only one. What is no numeric array (strings, structures, cells) is left out.

    Raises
    ------
    FileError
        When the file is missing, empty, damaged, of unknown kind, or holds pickled objects.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "net.npz", W=np.eye(2, dtype=np.float16))
    ...     read_tensors(Path(folder) / "net.npz")
    {'W': array([[1., 0.],
           [0., 1.]], dtype=float32)}
    """
    return read_file(path).tensors


def read_file(path: Path) -> ForeignFile:
    """Return everything in a file that an import uses; raises as :func:`read_tensors`."""
    readers = {
        ".pt": _read_torch,
        ".pth": _read_torch,
        ".safetensors": _read_safetensors,
        ".npz": _read_npz,
        ".mat": _read_mat,
    }
    if path.is_dir():
        raise FileError(str(path), "is a folder, not a file", "give the files in it")
    if not path.exists():
        raise FileError(str(path), "no such file", "check the name")
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FileError(str(path), f"has the unknown ending '{path.suffix}'", f"known: {', '.join(readers)}")
    if path.stat().st_size == 0:
        raise FileError(str(path), "is empty", _DAMAGED)
    found = reader(path)
    if not found.tensors:
        raise FileError(str(path), "holds no numeric array", "give a file of weights")
    for name in found.tensors:
        if not name.isprintable():
            raise FileError(str(path), f"has an array with the unprintable name {name!a}", _DAMAGED)
    return found


def _usable(value: NDArray[Any]) -> NDArray[Any]:
    """Return the array in native byte order and row-major, with float16 widened to float32."""
    kind = np.float32 if value.dtype == np.float16 else value.dtype.newbyteorder("=")
    return np.array(value, dtype=kind, order="C")


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiubc"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _read_torch(path: Path) -> ForeignFile:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError) as error:
        text = str(error).lower()
        if any(sign in text for sign in ("unsupported global", "unsupported class", "torchscript")):
            raise FileError(
                str(path),
                "holds pickled objects, which are never loaded, instead of plain tensors",
                "save the state dict: torch.save(model.state_dict(), FILE)",
            ) from error
        raise FileError(
            str(path), "is damaged or was not written by torch.save", "save the state dict again"
        ) from error
    except Exception as error:  # PyTorch documents no closed set of errors for a damaged file
        raise FileError(str(path), f"cannot be read: {_first_line(error)}", _DAMAGED) from error
    found = list(_state_dicts(content))
    if not found:
        raise FileError(str(path), "holds no state dict (names with matrices)", "save model.state_dict()")
    if len(found) > 1:
        where = listing([f"'{name}'" if name else "the top level" for name, _ in found])
        raise FileError(str(path), f"holds several state dicts: {where}", "save the one to import on its own")
    state = found[0][1]
    tensors = {name: _to_array(path, name, value) for name, value in state.items() if hasattr(value, "detach")}
    extra = getattr(state, "_metadata", None)
    note = extra.get(NOTE_KEY) if isinstance(extra, Mapping) else None
    if not isinstance(note, Mapping) or not isinstance(note.get("json"), str):
        return ForeignFile(tensors)
    exact = {name: _to_array(path, name, value) for name, value in note.items() if hasattr(value, "detach")}
    return ForeignFile(tensors, note["json"], exact)


def _state_dicts(content: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every dictionary with names for keys that directly holds a matrix, to a depth of 4.

    The buffers of an optimiser are keyed by number and so are passed by.
    """
    import torch

    if not isinstance(content, Mapping) or depth > 4 or not all(isinstance(key, str) for key in content):
        return
    if any(isinstance(value, torch.Tensor) and value.dim() >= 2 for value in content.values()):
        yield name, content
    for key, value in content.items():
        yield from _state_dicts(value, f"{name}.{key}" if name else key, depth + 1)


def _to_array(path: Path, name: str, tensor: Any) -> NDArray[Any]:
    import torch

    try:
        tensor = tensor.detach()
        if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
            tensor = tensor.to(torch.float32)
        return _usable(tensor.resolve_conj().resolve_neg().numpy())
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise InputError(
            f"{path}: tensor '{name}'",
            "is no plain dense tensor",
            "store it with .to_dense() or .dequantize()",
        ) from error


def read_safetensors_widened(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Return the tensors and string metadata of a safetensors file, half precision widened.

    Raises
    ------
    FileError
        When the file is missing, damaged or no safetensors file.
    """
    try:
        tensors, metadata = read_safetensors(path)
        return {name: _usable(value) for name, value in tensors.items()}, metadata
    except FileError as error:
        # numpy knows no bfloat16 and no float8; PyTorch does.
        if not isinstance(error.__cause__, AttributeError | TypeError):
            raise
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as handle:
            wide = {name: _to_array(path, name, handle.get_tensor(name)) for name in handle.keys()}  # noqa: SIM118
            return wide, dict(handle.metadata() or {})
    except InputError:
        raise
    except Exception as error:  # safetensors and PyTorch each raise their own for types they lack
        raise FileError(str(path), f"cannot be read: {_first_line(error)}", _DAMAGED) from error


def _read_safetensors(path: Path) -> ForeignFile:
    return ForeignFile(read_safetensors_widened(path)[0])


def _read_npz(path: Path) -> ForeignFile:
    arrays: dict[str, Any] = {}
    try:
        with warnings.catch_warnings(), path.open("rb") as handle:
            warnings.simplefilter("ignore")
            archive = np.load(handle, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise FileError(str(path), "is one bare array, not an archive", "write it with numpy.savez")
            with archive:
                for name in archive.files:
                    try:
                        arrays[name] = archive[name]
                    except ValueError as error:  # an array of Python objects: left out, never unpickled
                        if "allow_pickle" not in str(error):
                            raise
    except FileError:
        raise
    except Exception as error:  # zip, zlib and the header parser each raise their own
        raise FileError(str(path), "is damaged or no .npz file", _DAMAGED) from error
    return _from_arrays(arrays)


def _read_mat(path: Path) -> ForeignFile:
    return _from_arrays(read_mat(path))


def _from_arrays(arrays: Mapping[str, Any]) -> ForeignFile:
    """Set the metadata apart from the numeric arrays, and leave out the rest."""
    note, text = arrays.get(NOTE_KEY), None
    if isinstance(note, np.ndarray) and note.dtype.kind == "U" and note.size == 1:
        text = str(note.reshape(-1)[0])
    tensors = {name: _usable(value) for name, value in arrays.items() if _is_numeric(value)}
    return ForeignFile(tensors, text)
