"""Networks in a plane, by classical scaling of their distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from rnnkit.errors import unknown_name
from rnnkit.plots import KINDS
from rnnkit.plots.colouring import Colouring, colouring
from rnnkit.plots.frames import frame, groups, having, short_names
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, BLUE, NAMED, Picture, finish, legend, panels
from rnnkit.plots.words import listed, many, number
from rnnkit.tables import group_columns

__all__ = ["draw"]

#: Up to this share of samples of one cluster, several are drawn as such.
_UNLIKELY = 0.05


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a panel for each metric and group of an `embedding` table.

    Colours are by cluster where one cluster alone is unlikely (p at most .05), or by another column of the table or of
    a table beside it. Up to twelve networks have their names. A ring marks the medoid, the network nearest to all
    others on average. Both axes have one scale, that of the distances.
    """
    table = tables["embedding"]
    rows = having(frame(table), "metric", settings.metrics, "--metric")
    keys = group_columns(table, "embedding")
    apart = rows["cluster"].notna() & (rows["cluster_p_value"] <= _UNLIKELY)
    by = settings.colour or ("cluster" if apart.any() else None)
    shades = None
    if by is not None:
        rows = rows.assign(colour=_values(rows, tables, by))
        if settings.colour is None:
            rows = rows.assign(colour=rows["colour"].where(apart))
        counted = rows["x"].notna() & rows["y"].notna() & (apart | (settings.colour is not None))
        shades = colouring(by, rows.loc[counted, "colour"].tolist())
    names = sorted(set(rows["network"]))
    named_points = dict(zip(names, short_names(names), strict=True)) if len(names) <= NAMED else {}
    parts = groups(rows, [*keys, "metric"])
    figure, places = panels(len(parts), settings, aspect=0.95)
    left_out, points = [], []
    for axes, (group, part) in zip(places, parts, strict=True):
        named = ", ".join(f"{key}={group[key]}" for key in keys)
        title = f"{group['metric']}\n{named}" if named else str(group["metric"])
        missing = part[part["x"].isna() | part["y"].isna()]
        left_out += [f"{n}: no place by {group['metric']} ({s})" for n, s in missing[["network", "status"]].to_numpy()]
        part = part.drop(missing.index)
        points.append((_panel(axes, part, shades, named_points), tuple(part["network"])))
        axes.set_title(title, pad=22)
    if shades is not None:
        shades.key(figure, places, "o")
    legend(figure, places[0])
    finish(figure, places, settings)
    each = [f"{group['metric']}, {_said(part)}" for group, part in parts]
    coloured = "" if by is None else f", coloured by {by}"
    alt = f"{many(rows['network'].nunique(), 'network')} as points in a plane{coloured}: {listed(each)}."
    return Picture(figure, alt, tuple(left_out), named=tuple(points))


def _said(part: pd.DataFrame) -> str:
    """Return how far the plane can be trusted."""
    known = part[part["explained"].notna() & part["stress"].notna()]
    if known.empty:
        return "no places"
    said = f"{known['explained'].iloc[0]:.0%} explained, stress {known['stress'].iloc[0]:.2f}"
    judged = known[known["clusters"].notna() & known["cluster_p_value"].notna()]
    if judged.empty:
        return said
    return f"{said}\n{int(judged['clusters'].iloc[0])} clusters, p = {number(judged['cluster_p_value'].iloc[0])}"


def _values(rows: pd.DataFrame, tables: Mapping[str, pa.Table], by: str) -> pd.Series:
    """Return the value to colour by of each row: of the table itself, or of the first beside it that has the column."""
    if by in rows.columns:
        return rows[by]
    known = set(rows.columns)
    for name in KINDS["embedding"].also:
        if name in tables:
            beside = frame(tables[name])
            if by in beside.columns:
                return rows["network"].map(beside.drop_duplicates("network").set_index("network")[by])
            known |= set(beside.columns)
    raise unknown_name("--colour", by, known, "column")


def _panel(axes: Axes, part: pd.DataFrame, shades: Colouring | None, names: Mapping[str, str]) -> PathCollection:
    colours: Any = BLUE if shades is None else [shades.of(value) for value in part["colour"]]
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
    axes.locator_params(nbins=5)
    _name_points(axes, part, names)
    axes.set_xlabel("first coordinate")
    axes.set_ylabel("second coordinate")
    if len(part):
        axes.text(0.5, 1.01, _said(part), transform=axes.transAxes, ha="center", va="bottom", fontsize="small")
    return points


def _name_points(axes: Axes, part: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Put names beside their points, each on the side that is further from the other points."""
    places = part[["x", "y"]].to_numpy(dtype=float)
    apart = places[:, None] - places[None]
    length = np.linalg.norm(apart, axis=-1, keepdims=True)
    push = np.divide(apart, length**3, out=np.zeros_like(apart), where=length > 0).sum(axis=1)
    for name, place, away in zip(part["network"], places, push, strict=True):
        if name in names:
            right, up = away >= 0
            axes.annotate(
                names[name],
                (float(place[0]), float(place[1])),
                (3 if right else -3, 3 if up else -3),
                textcoords="offset points",
                ha="left" if right else "right",
                va="bottom" if up else "top",
                fontsize="small",
                gid="name",
            )
