"""Distances between networks: a matrix in the order of a tree, with the tree above it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.dendrograms import average_tree
from rnnkit.numerics.heterogeneity import largest_complete
from rnnkit.plots.frames import chosen_column, frame, groups, having, short_names
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, GREY, Picture, axis_label, finish, panels
from rnnkit.plots.words import listed, many, value_range
from rnnkit.tables import group_columns

__all__ = ["VALUES", "distance_table", "draw"]

VALUES = ("distance", "relative_distance", "per_parameter", "lower_bound")
#: More names than these cannot be read at a column's width.
_NAMED = 24


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a panel for each metric and group of a `comparisons` table.

    Networks without a distance to some others stand last, outside the tree; where there is no distance, grey.
    """
    value = chosen_column(settings, "distance", VALUES)
    table = tables["comparisons"]
    rows = having(frame(table), "metric", settings.metrics, "--metric")
    if settings.networks:
        known = sorted(set(rows["a"]) | set(rows["b"]))
        having(pd.DataFrame({"network": known}), "network", settings.networks, "--network")
        rows = rows[rows["a"].isin(settings.networks) & rows["b"].isin(settings.networks)]
        if rows.empty:
            raise InputError("--network", "no two of them were compared", "name more networks")
    keys = group_columns(table, "comparisons")
    parts = groups(rows, [*keys, "metric"])
    figure, places = panels(len(parts), settings, aspect=1.05)
    left_out = []
    for axes, (group, pairs) in zip(places, parts, strict=True):
        named = ", ".join(f"{key}={group[key]}" for key in keys)
        missing = int(pairs[value].isna().sum())
        if missing:
            left_out.append(
                f"{', '.join(filter(None, [str(group['metric']), named]))}: {missing} pairs without {value}"
            )
        _panel(figure, axes, pairs, value, str(group["metric"]), named)
    finish(figure, places, settings)
    each = [f"{group['metric']} {value_range(pairs[value])}" for group, pairs in parts]
    count = many(len(set(rows["a"]) | set(rows["b"])), "network")
    alt = f"Matrices with dendrograms, {axis_label('comparisons', value)} between {count}: {listed(each)}."
    return Picture(figure, alt, tuple(left_out))


def distance_table(pairs: pd.DataFrame, value: str = "distance") -> tuple[list[str], NDArray[np.float64]]:
    """Return sorted names and the symmetric table (networks, networks), NaN where there is no number.

    Examples
    --------
    >>> names, table = distance_table(pd.DataFrame({"a": ["x"], "b": ["y"], "distance": [2.0]}))
    >>> names, table.tolist()
    (['x', 'y'], [[0.0, 2.0], [2.0, 0.0]])
    """
    names = sorted(set(pairs["a"]) | set(pairs["b"]))
    place = {name: k for k, name in enumerate(names)}
    a, b = pairs["a"].map(place).to_numpy(dtype=int), pairs["b"].map(place).to_numpy(dtype=int)
    table = np.full((len(names), len(names)), np.nan)
    table[a, b] = table[b, a] = pairs[value].to_numpy(dtype=float)
    np.fill_diagonal(table, 0.0)
    return names, table


def _panel(figure: Figure, axes: Axes, pairs: pd.DataFrame, value: str, metric: str, named: str) -> None:
    names, table = distance_table(pairs, value)
    whole = np.flatnonzero(largest_complete(table))
    tree = average_tree(table[np.ix_(whole, whole)])
    rest = np.setdiff1d(np.arange(len(names)), whole)
    order = np.concatenate([whole[tree.order], rest])
    shades = mpl.colormaps[mpl.rcParams["image.cmap"]].with_extremes(bad=GREY)
    image = axes.imshow(np.ma.masked_invalid(table[np.ix_(order, order)]), cmap=shades, vmin=0.0, aspect="equal")
    axes.spines[:].set_visible(False)
    above = axes.inset_axes((0.0, 1.02, 1.0, 0.2), sharex=axes)
    brackets: Any = np.stack([tree.across, tree.heights], axis=-1)
    above.add_collection(LineCollection(brackets, colors=BLACK, linewidths=0.6))
    above.set_ylim(0.0, float(tree.heights.max(initial=0.0)) * 1.05 or 1.0)
    above.axis("off")
    above.set_title("\n".join(filter(None, [metric, named])))
    shown = [names[k] for k in order]
    axes.set_xlim(-0.5, len(names) - 0.5)
    if len(names) <= _NAMED:
        axes.set_yticks(range(len(names)), short_names(shown))
        axes.set_xticks([])
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.set_xlabel("network")
    axes.set_ylabel("network")
    words = axis_label("comparisons", value)
    figure.colorbar(image, ax=axes, label=f"{words}, {metric}", shrink=0.8, pad=0.02)
