"""Trials' inputs from a file: an `.npz` array, or a `sample` or `rollout` table."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import FileError, InputError

__all__ = ["read_inputs"]


def read_inputs(path: Path) -> NDArray[np.float32]:
    """Return inputs, (trials, steps, inputs) float32.

    An `.npz` holds one array of that shape, or one called `inputs`; a Parquet file is a table written by
    `rnnkit sample` or `rnnkit rollout` (the trials of its first network).

    Raises
    ------
    FileError
        When the file is missing or damaged.
    InputError
        When it holds no such array, or numbers that are not finite.
    """
    if not path.is_file():
        raise FileError(str(path), "is a folder" if path.is_dir() else "no such file", "give an .npz or .parquet file")
    values = _from_table(path) if path.suffix == ".parquet" else _from_arrays(path)
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(str(path), f"inputs have shape {values.shape}", "expected (trials, steps, inputs)")
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise InputError(str(path), f"inputs have type {values.dtype}", "store real numbers")
    if not np.isfinite(values).all():
        raise InputError(str(path), "inputs hold NaN or infinity", "give finite numbers")
    return np.ascontiguousarray(values, dtype=np.float32)


def _from_arrays(path: Path) -> NDArray[np.generic]:
    try:
        with np.load(path, allow_pickle=False) as held:
            if isinstance(held, np.ndarray):
                raise InputError(str(path), "is an .npy file", "save it with numpy.savez")
            names = list(held)
            name = "inputs" if "inputs" in names else names[0] if len(names) == 1 else None
            if name is None:
                raise InputError(str(path), f"holds the arrays {', '.join(names) or 'none'}", "name one 'inputs'")
            found: NDArray[np.generic] = held[name]
            return found
    except (OSError, EOFError, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise FileError(str(path), f"is no readable .npz file: {error}", "write it with numpy.savez") from error


def _from_table(path: Path) -> NDArray[np.generic]:
    from rnnkit.tables import read_any

    table, name = read_any(path, ("sample", "rollout"))
    frame = table.select(["trial", "step", "input"]).to_pandas()
    if name == "rollout":
        network = table.column("network").to_pandas()
        frame = frame[(network == network.iloc[0]).to_numpy()]
    frame = frame.sort_values(["trial", "step"])
    trials, steps = frame["trial"].nunique(), frame["step"].nunique()
    if trials * steps != len(frame):
        raise InputError(str(path), "trials differ in their number of steps", "give trials of equal length")
    stacked: NDArray[np.generic] = np.stack(frame["input"].to_list()).reshape(trials, steps, -1)
    return stacked
