"""Learning curves of many networks out of `training` tables, a part of the rows at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rnnkit.errors import InputError

__all__ = ["CURVE_COLUMNS", "Curve", "learning_curves"]

#: Columns of a `training` table that a curve is read from, beside its own.
CURVE_COLUMNS = ("network", "epoch", "phase", "status")

Rows = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]


@dataclass(frozen=True)
class Curve:
    """One column of a network's training, at the epochs where it has numbers.

    Attributes
    ----------
    epochs : (evaluations,) int64
        Rising.
    values : (evaluations,) float64
        Finite.
    diverged : bool
        The training ended there with numbers that were none.
    """

    epochs: NDArray[np.int64]
    values: NDArray[np.float64]
    diverged: bool


def learning_curves(
    tables: pa.Table | Iterable[pa.Table], metric: str = "val_loss", phase: int = 1, where: str = "training table"
) -> dict[str, Curve]:
    """Return the learning curve of each network of a `training` table.

    Parameters
    ----------
    tables : pyarrow.Table or iterable of pyarrow.Table
        One table, or parts of it: what is held is 17 bytes for each row of the column asked for.
    metric : str
        A column of the table: `val_loss`, `loss` or `accuracy`.
    phase : int
        Of a protocol, from 1; a table without phases is all of the first.
    where : str
        What to call the table in an error.

    Raises
    ------
    InputError
        When an epoch of a network stands there twice.

    Examples
    --------
    >>> from rnnkit.tables import build
    >>> held = {"network": "a", "phase": 1, "lr": 1, "seconds": 1, "status": "training"}
    >>> table = build("training", [held | {"epoch": k, "val_loss": 1 / k} for k in (1, 2, 4)])
    >>> learning_curves(table)["a"].values.tolist()
    [1.0, 0.5, 0.25]
    """
    found: dict[str, list[Rows]] = {}
    for part in [tables] if isinstance(tables, pa.Table) else tables:
        if "phase" in part.column_names:
            part = part.filter(pa.array(np.nan_to_num(_numbers(part, "phase"), nan=1.0) == phase))
        elif phase > 1:
            continue
        if not part.num_rows:
            continue
        names = part["network"].combine_chunks().dictionary_encode()
        codes = names.indices.to_numpy(zero_copy_only=False)
        order = np.argsort(codes, kind="stable")
        numbers = _numbers(part, metric)[order]
        epochs = part["epoch"].to_numpy()[order]
        bad = pc.equal(part["status"], pa.scalar("diverged")).to_numpy()[order]
        ends = np.flatnonzero(np.diff(codes[order], append=-1)) + 1
        for first, last in zip([0, *ends[:-1]], ends, strict=True):
            rows = slice(first, last)
            held = found.setdefault(names.dictionary[int(codes[order[first]])].as_py(), [])
            held.append((epochs[rows].copy(), numbers[rows].copy(), bad[rows].copy()))
    return {name: _curve(name, held, where) for name, held in found.items()}


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a column, NaN where it has no value."""
    return np.asarray(table[name].cast(pa.float64()).to_numpy())


def _curve(name: str, held: list[Rows], where: str) -> Curve:
    epochs, values, bad = (np.concatenate(parts) for parts in zip(*held, strict=True))
    order = np.argsort(epochs, kind="stable")
    epochs, values = epochs[order], values[order]
    if (np.diff(epochs) == 0).any():
        twice = epochs[:-1][np.diff(epochs) == 0][0]
        raise InputError(where, f"epoch {twice} of '{name}' stands there twice", "give each row once")
    good = np.isfinite(values)
    return Curve(epochs[good], values[good], bool(bad.any()) or not good[-1])
