"""The end of the search: onsets with their intervals, and the loss curves that they were found in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from rnnkit.errors import InputError
from rnnkit.plots.frames import chosen_column, frame, having, short_names
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    RED,
    Picture,
    axis_label,
    finish,
    legend,
    panels,
    set_scale,
)
from rnnkit.plots.words import many, value_range

__all__ = ["VALUES", "draw"]

VALUES = ("val_loss", "loss", "accuracy")
#: How a search can have ended: its colour, its mark, and what the legend calls it.
_ENDS = {
    "ended": (BLUE, "o", "onset, 95 % interval"),
    "censored": (ORANGE, ">", "still searching"),
    "other": (GREY, "x", "crossing, no onset"),
}
#: So many networks have their names along the axis.
_NAMED = 24


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw an `onsets` table, a row for each network, the earliest at the bottom; above it the `training` table.

    A point is an onset, its line the interval, a tick the crossing. A triangle stands where a search that had no end
    was last seen. In the curves the dashed line is chance, and a point lies on its network's plateau.
    """
    rows = having(frame(tables["onsets"]), "network", settings.networks, "--network")
    rows = rows.assign(end=[_end(row) for row in rows.to_dict("records")], at=_where(rows))
    placed = rows[rows["at"].notna()].sort_values(["at", "network"], kind="stable")
    curves, lacking = _curves(tables, rows, settings)
    if placed.empty and not curves:
        raise InputError("column 'onset'", "has no numbers, nor was a search seen", "its column 'status' says why")
    figure, places = panels(int(bool(curves)) + int(not placed.empty), settings, aspect=0.75, columns=1)
    if curves:
        value = chosen_column(settings, "val_loss", VALUES)
        held = pd.concat([line[value] for line in curves.values()])
        falls = value != "accuracy" and bool((held > 0).all())
        set_scale(places[0], settings, held, value, "log" if falls else "linear")
        _draw_curves(places[0], curves, rows, value)
        places[0].set_ylabel(axis_label("training", value))
    points = () if placed.empty else _draw_onsets(places[-1], placed)
    if len(places) > 1:
        places[0].sharex(places[-1])
    ends = [float(line["step"].max()) for line in curves.values()]
    last = max([*ends, *placed["at"].astype(float), *placed[["crossing", "onset_high"]].astype(float).max().dropna()])
    places[-1].set_xlim(0, 1.04 * last)
    places[-1].set_xlabel("optimiser steps")
    legend(figure, places[-1])
    finish(figure, places, settings)
    left_out = [
        f"{name}: no onset ({status})" for name, status in rows[rows["at"].isna()][["network", "status"]].to_numpy()
    ]
    return Picture(figure, _alt(rows), (*left_out, *lacking), (), points)


def _end(row: Mapping[Any, Any]) -> str:
    return "ended" if row["status"] == "ok" else "censored" if row["censored"] else "other"


def _where(rows: pd.DataFrame) -> pd.Series:
    """Return the step at which each network has its mark."""
    searched = rows["search_steps"].where(rows["censored"])
    return rows["onset"].astype(float).fillna(searched.astype(float)).fillna(rows["crossing"].astype(float))


def _curves(
    tables: Mapping[str, pa.Table], rows: pd.DataFrame, settings: Settings
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the training of each network, with the optimiser step of each epoch; and what has none."""
    if "training" not in tables:
        if settings.value is not None or settings.scale is not None:
            option = "--value" if settings.value is not None else "--scale"
            raise InputError(option, "is of loss curves", "add the training table")
        return {}, []
    value = chosen_column(settings, "val_loss", VALUES)
    training = frame(tables["training"]).sort_values(["network", "epoch"], kind="stable")
    training = training[training[value].notna()]
    parts = {str(name): part for name, part in training.groupby("network", sort=False)}
    found = {}
    for name, each in zip(rows["network"], rows["steps_per_epoch"], strict=True):
        if name in parts:
            found[str(name)] = parts[name].assign(step=parts[name]["epoch"] * each)
    if not found:
        raise InputError("TABLE", f"the 'training' table has no {value} of these networks", "give that of their run")
    return found, [f"{name}: no rows of {value}" for name in rows["network"] if name not in found]


def _draw_curves(axes: Axes, curves: Mapping[str, pd.DataFrame], rows: pd.DataFrame, value: str) -> None:
    for row in rows.to_dict("records"):
        name = str(row["network"])
        if name not in curves:
            continue
        colour = _ENDS[row["end"]][0]
        axes.plot(curves[name]["step"], curves[name][value], color=colour, alpha=0.6, linewidth=0.7, gid=name)
        if value == "accuracy":
            continue
        if row["end"] == "ended" and np.isfinite(row["plateau"]):
            low, high = row["onset_low"], row["onset_high"]
            axes.plot([low, high], [row["plateau"]] * 2, color=colour, linewidth=1.5, gid=f"{name} interval")
            axes.plot(row["onset"], row["plateau"], "o", color=BLACK, markersize=3, gid=f"{name} onset")
        elif row["end"] == "censored":
            axes.plot(
                curves[name]["step"].iloc[-1], curves[name][value].iloc[-1], ">", color=colour, gid=f"{name} censored"
            )
    chance = rows["chance_accuracy" if value == "accuracy" else "chance"].dropna()
    if len(chance):
        axes.axhline(float(chance.median()), color=RED, linewidth=0.8, linestyle="--", gid="chance")


def _draw_onsets(axes: Axes, placed: pd.DataFrame) -> tuple[tuple[PathCollection, tuple[str, ...]], ...]:
    """Draw a row for each network; return the marks with the networks that they stand for."""
    height = dict(zip(placed["network"], range(len(placed)), strict=True))
    points = []
    for end, (colour, mark, label) in _ENDS.items():
        own = placed[placed["end"] == end]
        if own.empty:
            continue
        y = own["network"].map(height).to_numpy(dtype=float)
        at = own["at"].to_numpy(dtype=float)
        if end == "ended":
            axes.hlines(y, own["onset_low"].fillna(own["onset"]), own["onset_high"].fillna(own["onset"]), color=colour)
            axes.plot(own["crossing"], y, "|", color=colour, markersize=5, gid="crossings")
        size = 14 if len(placed) <= _NAMED else 6
        dots = axes.scatter(at, y, s=size, color=colour, marker=mark, label=f"{label} ({len(own)})", gid=end, zorder=3)
        points.append((dots, tuple(map(str, own["network"]))))
    names: Sequence[str] = list(map(str, placed["network"]))
    if len(names) <= _NAMED:
        axes.set_yticks(range(len(names)), short_names(names))
    else:
        axes.set_yticks([])
        axes.set_ylabel("networks")
    axes.set_ylim(-0.7, len(names) - 0.3)
    return tuple(points)


def _alt(rows: pd.DataFrame) -> str:
    counts = rows["status"].value_counts()
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    ended = rows.loc[rows["end"] == "ended", "onset"].astype(float)
    return f"Ends of the search of {many(len(rows), 'network')} ({said}); onsets at steps {value_range(ended)}."
