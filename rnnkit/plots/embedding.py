"""Networks in a plane, by classical scaling of their distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from rnnkit.errors import unknown_name
from rnnkit.plots.frames import frame, groups, having
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, BLUE, Picture, colours_of, finish, legend, panels
from rnnkit.plots.words import listed, many
from rnnkit.tables import group_columns

__all__ = ["draw"]


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a panel for each metric and group of an `embedding` table.

    Colours are by cluster, or by another column of the table or of a `summary` table. A ring marks the medoid, the
    network nearest to all others on average. Both axes have one scale, that of the distances.
    """
    table = tables["embedding"]
    rows = having(frame(table), "metric", settings.metrics, "--metric")
    keys = group_columns(table, "embedding")
    by = settings.colour or ("cluster" if rows["cluster"].notna().any() else None)
    if by is not None:
        rows = rows.assign(colour=_colour(rows, tables, by))
    placed = rows[rows["x"].notna() & rows["y"].notna()]
    shades = {} if by is None else colours_of(placed["colour"].tolist())
    parts = groups(rows, [*keys, "metric"])
    figure, places = panels(len(parts), settings, aspect=0.95)
    left_out, points = [], []
    for axes, (group, part) in zip(places, parts, strict=True):
        named = ", ".join(f"{key}={group[key]}" for key in keys)
        title = f"{group['metric']}\n{named}" if named else str(group["metric"])
        missing = part[part["x"].isna() | part["y"].isna()]
        left_out += [f"{n}: no place by {group['metric']} ({s})" for n, s in missing[["network", "status"]].to_numpy()]
        part = part.drop(missing.index)
        points.append((_panel(axes, part, by, shades), tuple(part["network"])))
        axes.set_title(title)
    _key(places[0], by, shades)
    legend(figure, places[0])
    finish(figure, places, settings)
    each = [f"{group['metric']}, {_said(part)}" for group, part in parts]
    coloured = "" if by is None else f", coloured by {by}"
    alt = f"{many(rows['network'].nunique(), 'network')} as points in a plane{coloured}: {listed(each)}."
    return Picture(figure, alt, tuple(left_out), tuple(points))


def _said(part: pd.DataFrame) -> str:
    """Return how far the plane can be trusted."""
    known = part[part["explained"].notna() & part["stress"].notna()]
    if known.empty:
        return "no places"
    return f"{known['explained'].iloc[0]:.0%} explained, stress {known['stress'].iloc[0]:.2f}"


def _colour(rows: pd.DataFrame, tables: Mapping[str, pa.Table], by: str) -> pd.Series:
    """Return the value to colour by of each row, as text."""
    if by in rows.columns:
        values = rows[by]
    else:
        beside = frame(tables["summary"]) if "summary" in tables else pd.DataFrame()
        if by not in beside.columns:
            raise unknown_name("--colour", by, {*rows.columns, *beside.columns}, "column")
        values = rows["network"].map(beside.drop_duplicates("network").set_index("network")[by])
    whole = pd.api.types.is_float_dtype(values) and bool((values.dropna() % 1 == 0).all())
    return values.map(lambda v: "none" if pd.isna(v) else str(int(v)) if whole else str(v))


def _panel(axes: Axes, part: pd.DataFrame, by: str | None, shades: Mapping[str, Any]) -> PathCollection:
    colours = BLUE if by is None else [shades[value] for value in part["colour"]]
    points = axes.scatter(part["x"], part["y"], s=16, c=colours, linewidths=0.3, edgecolors="white", gid="networks")
    middle = part[part["medoid"].fillna(False).astype(bool)]
    axes.scatter(
        middle["x"],
        middle["y"],
        s=50,
        facecolors="none",
        edgecolors=BLACK,
        linewidths=0.8,
        label="medoid",
        gid="medoid",
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.12)
    axes.set_xlabel("first coordinate")
    axes.set_ylabel("second coordinate")
    if len(part):
        axes.text(0.02, 0.98, _said(part), transform=axes.transAxes, va="top", fontsize="small")
    return points


def _key(axes: Axes, by: str | None, shades: Mapping[str, Any]) -> None:
    """Put a label for each colour into the legend, unless there are too many to tell apart."""
    if by is not None and len(shades) <= 12:
        for value, shade in shades.items():
            axes.scatter([], [], s=16, c=[shade], label=f"{by} {value}")
