"""Where each network of a group lies among the others: two coordinates, neighbours, clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.heterogeneity import classical_scaling, clusters, largest_complete
from rnnkit.random_streams import stream
from rnnkit.stages.grouping import chosen_keys, split
from rnnkit.tables import build

__all__ = ["embedding"]

#: Samples of one cluster that a clustering is held against.
REFERENCES = 199


def embedding(
    comparisons: pa.Table,
    by: Sequence[str] | None = None,
    *,
    include_unconverged: bool = False,
    seed: int = 0,
) -> pa.Table:
    """Return two coordinates, neighbours and clusters of the networks of each group and metric.

    Parameters
    ----------
    comparisons : pyarrow.Table
        Of schema `comparisons`.
    by : sequence of str, optional
        Columns to group by; by default every group column that the table holds.
    include_unconverged : bool
        Also place networks that did not get below their stop loss.
    seed : int
        Of the samples that a clustering is held against.

    Returns
    -------
    pyarrow.Table
        Of schema `embedding`. Networks that have no distance to some others have the status `missing_pairs`
        and no numbers.

    Raises
    ------
    InputError
        With a missing column, or without any network that counts.
    """
    by = chosen_keys([(comparisons, "comparisons")], by, "embedding")
    rows: list[dict[str, Any]] = []
    for keys, part in split(comparisons, by):
        counted = part if include_unconverged else part[part["converged"]]
        for (level, metric), pairs in counted.groupby(["level", "metric"], sort=False):
            rows += [{**keys, "level": level, "metric": metric, **row} for row in _rows(pairs, seed)]
    if not rows:
        raise InputError("--comparisons", "no network got below its stop loss", "add --include-unconverged")
    return build("embedding", rows, by)


def _rows(pairs: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Return a row for each network of one group and metric, in the order of their names."""
    names, table = _table(pairs)
    complete = largest_complete(table)
    rows = [
        {"network": name, "status": "ok" if kept else "missing_pairs"}
        for name, kept in zip(names, complete, strict=True)
    ]
    placed = np.flatnonzero(complete)
    if len(placed) < 2:
        return [{**row, "status": "missing_pairs"} for row in rows]
    table = table[np.ix_(placed, placed)]
    columns = {**_plane(table), **_neighbours(table, [names[k] for k in placed]), **_clusters(table, seed)}
    for position, k in enumerate(placed):
        rows[k] |= {column: values[position] for column, values in columns.items()}
    return rows


def _table(pairs: pd.DataFrame) -> tuple[list[str], NDArray[np.float64]]:
    """Return sorted names and the table of distances, NaN where there is none."""
    names = sorted(set(pairs["a"]) | set(pairs["b"]))
    place = {name: k for k, name in enumerate(names)}
    a, b = pairs["a"].map(place).to_numpy(dtype=int), pairs["b"].map(place).to_numpy(dtype=int)
    if len(set(zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), strict=True))) < len(pairs):
        raise InputError("--comparisons", "a pair given twice", "give each unordered pair once")
    table = np.full((len(names), len(names)), np.nan)
    table[a, b] = table[b, a] = pairs["distance"].to_numpy(dtype=float)
    np.fill_diagonal(table, 0.0)
    return names, table


def _plane(table: NDArray[np.float64]) -> dict[str, list[Any]]:
    plane, n = classical_scaling(table), len(table)
    x, y = plane.coordinates.T.tolist()
    return {"x": x, "y": y, "explained": [plane.explained] * n, "stress": [plane.stress] * n}


def _neighbours(table: NDArray[np.float64], names: Sequence[str]) -> dict[str, list[Any]]:
    """The medoid has the smallest mean distance to the others; the first by name on a tie."""
    n = len(table)
    means = table.sum(axis=1) / (n - 1)
    others = np.where(np.eye(n, dtype=bool), np.inf, table)
    nearest = others.argmin(axis=1)
    return {
        "mean_distance": means.tolist(),
        "medoid": [k == int(means.argmin()) for k in range(n)],
        "nearest": [names[k] for k in nearest],
        "nearest_distance": others.min(axis=1).tolist(),
    }


def _clusters(table: NDArray[np.float64], seed: int) -> dict[str, list[Any]]:
    n = len(table)
    if n < 4 or not table.any():
        return {}
    found = clusters(table, REFERENCES, stream(seed, "reference"))
    shared = {
        "clusters": found.count,
        "mean_silhouette": found.silhouette,
        "reference_silhouette": found.reference,
        "cluster_p_value": found.p_value,
    }
    own = {"cluster": found.labels.tolist(), "silhouette": found.silhouettes.tolist()}
    return {**own, **{name: [value] * n for name, value in shared.items()}}
