"""Recurrent weights along training: singular values of updates and weights, alignment beside its null, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.plots.frames import few, frame, list_rows, short_names
from rnnkit.plots.pairs import missing_numbers, of_networks
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, BLUE, GREY, ORANGE, RED, Picture, axis_label, finish, legend, panels
from rnnkit.plots.words import many, value_range

__all__ = ["draw"]

Floats = NDArray[np.float64]

#: Singular values of each kind that are drawn, the largest.
_LEADING = 3
_SHADES = {"explicit": RED, "hidden": ORANGE}
#: Columns of lists, with the name of their axis.
_LISTS = {
    "update_singular_values": "σ of update / √gap",
    "weight_singular_values": "σ of weights",
}


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a row of panels for each network: leading singular values of updates, those of weights, and the alignment.

    Updates are over the root of their gap, so that a last, shorter one does not look like a change. The alignment of a
    random walk with steps as long is dashed. Events are shaded; steps are counted from the onset where the table does,
    and networks without one are left out then.
    """
    table = tables["weight_updates"]
    rows = of_networks(frame(table, _LISTS), settings)
    lists = {name: list_rows(table, name) for name in _LISTS}
    rows, step, left_out = _placed(rows)
    names, notes = few(list(dict.fromkeys(rows["network"])), settings, 1 + len(_LISTS))
    rows = rows[rows["network"].isin(names)]
    if all(lists["weight_singular_values"][k] is None for k in rows.index):
        raise InputError("column 'weight_singular_values'", "has no numbers", "its column 'status' says why")
    figure, places = panels(3 * len(names), settings, columns=3, aspect=0.8)
    for k, name in enumerate(names):
        part, three = rows[rows["network"] == name], places[3 * k : 3 * k + 3]
        for axes, column in zip(three, _LISTS, strict=False):
            _values(axes, part, step, column, [lists[column][row] for row in part.index])
        _alignment(three[2], part, step)
        for axes, words in zip(three, (*_LISTS.values(), "cosine with the way left"), strict=True):
            _events(axes, part, step)
            axes.set_ylabel(words)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
            if k == len(names) - 1:
                axes.set_xlabel(axis_label("weight_updates", "step") if step == "step" else "steps since the onset")
        three[1].set_title(short_names(names)[k])
    _key(places[2], rows)
    legend(figure, places[2])
    finish(figure, places, settings)
    return Picture(figure, _alt(rows), left_out + missing_numbers(rows, ["alignment"]), notes)


def _placed(rows: pd.DataFrame) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """Return the rows that have a place along x, the column that says where, and a line for each network left out."""
    if "relative_step" not in rows or rows["relative_step"].isna().all():
        return rows, "step", ()
    placed = rows[rows["relative_step"].notna()]
    lost = [name for name in dict.fromkeys(rows["network"]) if name not in set(placed["network"])]
    return placed, "relative_step", tuple(f"{name}: has no onset to count from" for name in lost)


def _values(axes: Axes, part: pd.DataFrame, step: str, column: str, held: Sequence[Floats | None]) -> None:
    """Draw the leading singular values of one network, the first strongest."""
    wide = min(_LEADING, max((len(one) for one in held if one is not None), default=0))
    updates = column == "update_singular_values"
    # A gap, and a singular value of 0, have no place on a logarithmic axis.
    scale = np.sqrt(part["gap"].to_numpy(dtype=float)) if updates else 1.0
    for k in range(wide):
        line = np.array([np.nan if one is None else one[k] for one in held]) / scale
        line[~(line > 0)] = np.nan
        axes.plot(part[step], line, color=BLUE, alpha=1.0 - 0.3 * k, linewidth=1.0 - 0.25 * k, gid=f"{column} {k + 1}")
    if updates and np.isfinite(np.concatenate([line.get_ydata() for line in axes.lines] or [[]])).any():
        axes.set_yscale("log")


def _alignment(axes: Axes, part: pd.DataFrame, step: str) -> None:
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=0)
    axes.plot(part[step], part["alignment"], color=BLUE, gid="alignment")
    axes.plot(part[step], part["alignment_null"], "--", color=BLACK, gid="alignment_null")
    axes.set_ylim(top=1.02)


def _events(axes: Axes, part: pd.DataFrame, step: str) -> None:
    """Shade events, from before their first update to after the last."""
    marks = part["event"].to_numpy(dtype=object)
    first, gaps = part[step].to_numpy(dtype=float), part["gap"].to_numpy(dtype=float)
    for kind, shade in _SHADES.items():
        there = marks == kind
        starts = np.flatnonzero(there & ~np.concatenate([[False], there[:-1]]))
        ends = np.flatnonzero(there & ~np.concatenate([there[1:], [False]]))
        for start, end in zip(starts, ends, strict=True):
            axes.axvspan(first[start], first[end] + gaps[end], color=shade, alpha=0.3, linewidth=0, zorder=0, gid=kind)


def _key(axes: Axes, rows: pd.DataFrame) -> None:
    """Put what is drawn in any panel into the legend."""
    axes.plot([], [], color=BLUE, label="measured")
    axes.plot([], [], "--", color=BLACK, label="random walk")
    for kind, shade in _SHADES.items():
        if (rows["event"] == kind).any():
            axes.plot([], [], color=shade, alpha=0.3, linewidth=4, label=f"{kind} event")


def _alt(rows: pd.DataFrame) -> str:
    counts = {
        kind: sum(_runs(part["event"].to_numpy(dtype=object) == kind) for _, part in rows.groupby("network"))
        for kind in _SHADES
    }
    found = " and ".join(f"{count} {kind}" for kind, count in counts.items())
    events = f"; {found} events" if rows["event"].notna().any() else ""
    return (
        f"Singular values of updates and weights of {many(rows['network'].nunique(), 'network')} along training; "
        f"alignment with the way left {value_range(rows['alignment'])}, of a random walk "
        f"{value_range(rows['alignment_null'])}{events}."
    )


def _runs(flags: NDArray[np.bool_]) -> int:
    """Return how many runs of True there are."""
    return int(flags[:1].sum() + (flags[1:] & ~flags[:-1]).sum())
