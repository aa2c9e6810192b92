"""Trials' inputs from an `.npz` array, or from a `sample` or `rollout` table."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rnnkit.errors import FileError, InputError
from rnnkit.tables import FORMATS, read_any

__all__ = ["read_inputs", "stack_trials"]


def read_inputs(source: Path | IO[bytes]) -> NDArray[np.float32]:
    """Return inputs, (trials, steps, inputs) float32.

    An `.npz` holds one array of that shape, or one called `inputs`; a table (`.parquet`, `.csv`, `.jsonl`, or
    Parquet from a stream) is one written by `rnnkit sample` or `rnnkit rollout` (the trials of its first network).

    Raises
    ------
    FileError
        When the file is missing or damaged.
    InputError
        When it holds no such array, or numbers that are not finite.
    """
    where = str(source) if isinstance(source, Path) else "standard input"
    if isinstance(source, Path) and not source.is_file():
        raise FileError(where, "is a folder" if source.is_dir() else "no such file", "give an .npz or .parquet file")
    if isinstance(source, Path) and source.suffix.lstrip(".") not in FORMATS:
        values = _from_arrays(source)
    else:
        values = _from_table(source, where)
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(where, f"inputs have shape {values.shape}", "expected (trials, steps, inputs)")
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise InputError(where, f"inputs have type {values.dtype}", "store real numbers")
    with np.errstate(over="ignore"):
        # A copy: what pyarrow gives cannot be written to, and PyTorch warns of such arrays.
        inputs = np.array(values, dtype=np.float32, order="C")
    if not np.isfinite(inputs).all():
        raise InputError(where, "inputs hold NaN, infinity or what float32 cannot hold", "give finite numbers")
    return inputs


def _from_arrays(path: Path) -> NDArray[np.generic]:
    try:
        # Opened here: np.load leaves a damaged file open.
        with path.open("rb") as handle:
            held = np.load(handle, allow_pickle=False)
            if isinstance(held, np.ndarray):
                raise InputError(str(path), "is an .npy file", "save it with numpy.savez")
            names = list(held)
            name = "inputs" if "inputs" in names else names[0] if len(names) == 1 else None
            if name is None:
                raise InputError(str(path), f"holds the arrays {', '.join(names) or 'none'}", "name one 'inputs'")
            found: NDArray[np.generic] = held[name]
            return found
    except InputError:
        raise
    except Exception as error:  # zip, zlib and the header parser each raise their own
        raise FileError(str(path), "is no readable .npz file", "write it with numpy.savez") from error


def _from_table(source: Path | IO[bytes], where: str) -> NDArray[np.generic]:
    table, name = read_any(source, ("sample", "rollout"))
    if not table.num_rows:
        raise InputError(where, "holds no rows", "give at least one trial")
    if name == "rollout":
        network = table.column("network")
        table = table.filter(pc.equal(network, network[0]))
    return stack_trials(table, "input", where)


def stack_trials(table: pa.Table, column: str, where: str) -> NDArray[np.generic]:
    """Return a column of lists of one network, (trials, steps, length), by `trial` and `step`.

    Raises
    ------
    InputError
        When trials differ in their steps, or lists in their length.
    """
    table = table.select(["trial", "step", column]).sort_by([("trial", "ascending"), ("step", "ascending")])
    trial, step = (table.column(key).to_numpy() for key in ("trial", "step"))
    trials, steps = len(np.unique(trial)), len(np.unique(step))
    if trials * steps != table.num_rows or (step.reshape(trials, steps) != step[:steps]).any():
        raise InputError(where, "trials differ in their steps", "give trials of equal length, each step once")
    lists = table.column(column).combine_chunks()
    channels = pc.unique(pc.list_value_length(lists)).to_pylist()
    if len(channels) != 1:
        raise InputError(
            where, f"column '{column}' has lists of different lengths", "give as many numbers at each step"
        )
    if channels[0] is None:
        return np.full((trials, steps, 1), np.nan)
    stacked: NDArray[np.generic] = np.asarray(pc.list_flatten(lists)).reshape(trials, steps, channels[0])
    return stacked
