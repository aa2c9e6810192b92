"""Low-rank networks made from their loading vectors, and the overlaps that a table holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.numerics.loading_vectors import Layout

__all__ = ["Constants", "Gram", "gram_of_table", "network_of"]

_NAME = re.compile(r"([mbhuvz])(\d*)")


@dataclass(frozen=True, kw_only=True)
class Constants:
    """What a low-rank network has besides its loading vectors.

    Attributes
    ----------
    alpha : float
    nonlinearity : str
    readout_bias : (O,) float64 or None
    task : str or None
    task_parameters : dict
    """

    alpha: float = 0.2
    nonlinearity: str = "tanh"
    readout_bias: NDArray[np.float64] | None = None
    task: str | None = None
    task_parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Gram:
    """Overlaps, whose they are, and at which step of training.

    Attributes
    ----------
    layout : Layout
    values : (n, n) float64
    network : str or None
    step : int or None
        None where the table does not say.
    """

    layout: Layout
    values: NDArray[np.float64]
    network: str | None = None
    step: int | None = None


def network_of(name: str, layout: Layout, vectors: NDArray[np.float64], constants: Constants, seed: int) -> Checkpoint:
    """Return the `lowrank` network with these loading vectors, in double precision.

    Parameters
    ----------
    name : str
    layout : Layout
    vectors : (N, n) float64
        Columns in the order of `layout.names`.
    constants : Constants
    seed : int
        What the vectors were drawn with.

    Examples
    --------
    >>> layout = Layout(inputs=1, rank=1, outputs=1)
    >>> net = network_of("a", layout, np.arange(8.0).reshape(2, 4), Constants(), 0)
    >>> net.weights["recurrent.right"].tolist(), net.weights["readout.weight"].tolist(), net.architecture.bias
    ([[2.0], [6.0]], [[3.0, 7.0]], False)
    """
    first, second = layout.drives, layout.inner + layout.rank
    weights = {
        "input.weight": vectors[:, : layout.inputs],
        "recurrent.left": vectors[:, first : layout.inner],
        "recurrent.right": vectors[:, layout.inner : second],
        "readout.weight": vectors[:, second:].T,
    }
    if layout.bias:
        weights["recurrent.bias"] = vectors[:, layout.inputs]
    if layout.initial:
        weights["initial_state"] = vectors[:, first - 1]
    if constants.readout_bias is not None:
        weights["readout.bias"] = constants.readout_bias
    architecture = Architecture(
        family="lowrank",
        units=len(vectors),
        inputs=layout.inputs,
        outputs=layout.outputs,
        rank=layout.rank,
        rate=constants.alpha,
        nonlinearity=constants.nonlinearity,
        bias=layout.bias or constants.readout_bias is not None,
    )
    return Checkpoint(
        name,
        architecture,
        {key: np.ascontiguousarray(value) for key, value in weights.items()},
        task=constants.task,
        task_parameters=constants.task_parameters,
        seed=seed,
    )


def gram_of_table(table: pa.Table, where: str, network: str | None = None, step: int | None = None) -> Gram:
    """Return the overlaps of a table with columns `left`, `right` and `value`, a row for each pair.

    Parameters
    ----------
    table : pyarrow.Table
        An `overlaps` table, or any other with these columns. `network`, `step` and `rank` may stand there too.
    where : str
        What to call it in an error.
    network, step : optional
        Which ones, where the table holds several.

    Raises
    ------
    InputError
        When a column or pair is missing, a pair stands there twice or has no value, or no names make a network.

    Examples
    --------
    >>> table = pa.table({"left": ["m", "v"], "right": ["z", "z"], "value": [0.5, 1.0]})
    >>> gram_of_table(table, "mine.csv")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    rnnkit.errors.InputError: mine.csv: holds the vectors m, v, z, which make no network (give m, u, v and z, ...)
    """
    for column in ("left", "right", "value"):
        if column not in table.column_names:
            raise InputError(where, f"column '{column}' is missing", "give left, right and value, a row for each pair")
    rows = table.to_pylist()
    rows, network = _chosen(rows, where, "network", network)
    rows, step = _chosen(rows, where, "step", step)
    rows, _ = _chosen(rows, where, "rank", None)
    names = {str(row[side]) for row in rows for side in ("left", "right")}
    layout = _layout(names, where)
    place = {name: k for k, name in enumerate(layout.names)}
    values = np.full((layout.size, layout.size), np.nan)
    for row in rows:
        i, j = place[str(row["left"])], place[str(row["right"])]
        if not np.isnan(values[i, j]):
            raise InputError(where, f"the pair {row['left']}, {row['right']} stands there twice", "give it once")
        values[i, j] = values[j, i] = _number(row, where)
    if np.isnan(values).any():
        i, j = np.argwhere(np.isnan(values))[0]
        lacking = f"the pair {layout.names[i]}, {layout.names[j]} is missing"
        raise InputError(where, lacking, f"give all {len(layout.pairs()[0])}")
    return Gram(layout, values, None if network is None else str(network), step)


def _number(row: dict[str, Any], where: str) -> float:
    """Return a row's value; one cell that is text makes text of the whole column."""
    try:
        value = float(row["value"])
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        what = f"the pair {row['left']}, {row['right']} has the value {row['value']}"
        raise InputError(where, what, "give a finite number")
    return value


def _chosen(rows: list[dict[str, Any]], where: str, column: str, wanted: Any) -> tuple[list[dict[str, Any]], Any]:
    """Return the rows of one network, step or rank, and which it is."""
    held = list(dict.fromkeys(row.get(column) for row in rows))
    if wanted is not None:
        if held == [None]:
            raise InputError(f"--{column}", f"{where} has no column '{column}'", "leave it out")
        if wanted not in held:
            raise unknown_name(f"--{column}", str(wanted), [str(one) for one in held], column)
        return [row for row in rows if row.get(column) == wanted], wanted
    if len(held) > 1:
        fix = "write it with one --rank" if column == "rank" else f"add --{column} {held[0]}"
        raise InputError(where, f"holds {len(held)} values of '{column}'", fix)
    return rows, held[0] if held else None


def _layout(names: set[str], where: str) -> Layout:
    """Return the layout that has these names."""
    found = [_NAME.fullmatch(name) for name in names]
    kinds = Counter(match[1] for match in found if match is not None)
    layout = Layout(inputs=kinds["m"], rank=kinds["u"], outputs=kinds["z"], bias=kinds["b"] > 0, initial=kinds["h"] > 0)
    if set(layout.names) != names or layout.rank == 0:
        what = f"holds the vectors {', '.join(sorted(names))}, which make no network"
        fix = "give m, u, v and z, with numbers from 1 where there are several; b and h as needed"
        raise InputError(where, what, fix)
    return layout
