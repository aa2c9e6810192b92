"""Activity from anywhere: recordings and rollouts, opened one network at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import FileError, InputError
from rnnkit.interop.inputs import stack_trials

__all__ = ["Recording", "find_recordings"]

_NEEDED = ("network", "trial", "step", "hidden")


@dataclass(frozen=True)
class Recording:
    """The activity of one network, model or animal, in a file.

    Attributes
    ----------
    name : str
        Its name in tables.
    path : Path
        An `.npz` file, or a Parquet table of schema `rollout`.
    entry : str
        The array of the `.npz`, or the network of the table.
    """

    name: str
    path: Path
    entry: str

    def activity(self) -> NDArray[np.float64]:
        """Return (trials, steps, units) float64.

        Raises
        ------
        FileError, InputError
            When the file is damaged, or the array is not of that shape or not of real numbers.
        """
        values = self._array() if self.path.suffix == ".npz" else self._rows()
        where = f"{self.path}: {self.entry}"
        if values.ndim != 3 or 0 in values.shape:
            raise InputError(where, f"activity has shape {values.shape}", "expected (trials, steps, units)")
        if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
            raise InputError(where, f"activity has type {values.dtype}", "store real numbers")
        return np.array(values, dtype=np.float64, order="C")

    def open(self) -> Checkpoint:
        """Return a checkpoint without weights, of its name and number of units."""
        shape = Architecture(family="vanilla", units=self.activity().shape[2], inputs=1, outputs=1)
        return Checkpoint(self.name, shape, {})

    def _array(self) -> NDArray[np.generic]:
        try:
            with self.path.open("rb") as handle, np.load(handle, allow_pickle=False) as held:
                found: NDArray[np.generic] = held[self.entry]
                return found
        except Exception as error:  # zip, zlib and the header parser each raise their own
            raise FileError(
                f"{self.path}: {self.entry}", "is no readable array", "write it with numpy.savez"
            ) from error

    def _rows(self) -> NDArray[np.generic]:
        try:
            table = pq.read_table(self.path, columns=list(_NEEDED), filters=[("network", "==", self.entry)])
        except (pa.ArrowException, OSError, ValueError) as error:
            raise FileError(str(self.path), "is no readable Parquet table", "write it again") from error
        return stack_trials(table, "hidden", str(self.path))


def find_recordings(paths: Sequence[Path], taken: Sequence[str] = ()) -> list[Recording]:
    """Return the recordings in these files, in their order, under names that differ from each other and from `taken`.

    The one array of an `.npz` has the file's name, several have FILE:ARRAY; networks of a rollout table keep theirs,
    with the file's before it where names clash.

    Raises
    ------
    FileError
        When a file is missing or damaged.
    InputError
        When it holds something else, or names clash that the files' cannot tell apart.
    """
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise InputError(str(twice), "is given twice", "give it once")
    found = [one for path in paths for one in _listed(path)]
    counts = Counter([*(one.name for one in found), *taken])
    unique = [replace(one, name=f"{one.path.stem}:{one.entry}") if counts[one.name] > 1 else one for one in found]
    counts = Counter([*(one.name for one in unique), *taken])
    for one in unique:
        if counts[one.name] > 1:
            raise InputError(str(one.path), f"there are two of the name '{one.name}'", "rename one of the files")
    return unique


def _listed(path: Path) -> list[Recording]:
    if not path.is_file():
        raise FileError(str(path), "is a folder" if path.is_dir() else "no such file", "give .npz or .parquet files")
    if path.suffix == ".npz":
        try:
            with path.open("rb") as handle, np.load(handle, allow_pickle=False) as held:
                names = list(held.files)
        except Exception as error:  # zip, zlib and the header parser each raise their own
            raise FileError(str(path), "is no readable .npz file", "write it with numpy.savez") from error
        if not names:
            raise InputError(str(path), "holds no array", "give arrays of (trials, steps, units)")
        return [Recording(path.stem if len(names) == 1 else f"{path.stem}:{name}", path, name) for name in names]
    if path.suffix != ".parquet":
        raise InputError(str(path), "its ending is neither .npz nor .parquet", "give arrays, or a rollout table")
    try:
        lacking = [name for name in _NEEDED if name not in pq.read_schema(path).names]
        column = pq.read_table(path, columns=["network"]) if not lacking else None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FileError(str(path), "is no readable Parquet table", "write it again") from error
    if column is None:
        raise InputError(str(path), f"column '{lacking[0]}' is missing", "give a table written by rnnkit rollout")
    return [Recording(str(name), path, str(name)) for name in pc.unique(column.column("network")).to_pylist()]
