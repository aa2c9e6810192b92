"""Points at which a network is slow, along its training: how many, of which kind, and how fast what moves there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.plots.frames import few, frame, having, short_names
from rnnkit.plots.settings import Settings
from rnnkit.plots.stability import LOOK, kinds_of
from rnnkit.plots.style import GREY, ORANGE, PURPLE, Picture, finish, legend, outer_labels, panels, set_scale
from rnnkit.plots.words import many, number, value_range

__all__ = ["FLOOR", "draw"]

_LISTS = ("input", "output", "state", "eigenvalues", "unstable_directions")
#: Where a speed of 0 is drawn.
FLOOR = 1e-36
#: Lines of the left panels: name, marker and colour.
_COUNTED = {
    "stable": LOOK["stable"],
    "saddle": LOOK["saddle"],
    "not proven": ("x", GREY),
    "slow": LOOK["slow"],
    "at a kink": ("s", PURPLE),
}


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw the points of a `fixedpoints` table with steps against the step, a row of two panels for each network.

    On the left the numbers of certified fixed points, stable and not, of fixed points without a certificate, of slow
    points, and of those that are stuck on a kink: those of `lm`, or of descent in a table of descent alone. On the
    right speeds: of the ends of descent (median and range over the starts) beside what the solver comes to from the
    same starts; in a table without descent, of slow points.
    """
    rows = frame(tables["fixedpoints"], _LISTS)
    if "step" not in rows or rows["step"].isna().all():
        raise InputError("column 'step'", "is not there", "fixedpoints --history writes it")
    rows = having(rows[rows["step"].notna()], "network", settings.networks, "--network")
    if "method" not in rows or rows["method"].isna().all():
        rows = rows.assign(method="lm")
    names, notes = few(list(dict.fromkeys(rows["network"])), settings, 2)
    rows = rows[rows["network"].isin(names)].assign(look=_looks)
    if rows["system"].nunique() > 1:
        notes = (*notes, "points of all constant inputs are counted together")
    figure, places = panels(2 * len(names), settings, columns=2)
    titles = short_names(names) if len(names) > 1 else names
    left_out = []
    for k, name in enumerate(names):
        part = rows[rows["network"] == name]
        steps = np.array(sorted(part["step"].unique()))
        _count(places[2 * k], part[part["method"] == _counted(part)], steps)
        if not _speeds(places[2 * k + 1], part, settings):
            left_out.append(f"{name}: no speeds of slow points or of descent")
        for axes in places[2 * k : 2 * k + 2]:
            axes.set_title(titles[k])
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    outer_labels(places, "optimiser step", "points")
    for axes in places[1::2]:
        axes.set_ylabel("speed (squared state units)")
    for gid, (marker, shade) in _COUNTED.items():
        if any(line.get_gid() == gid for axes in places for line in axes.lines):
            places[0].plot([], [], marker=marker, color=shade, label=gid)
    for gid, (label, shade) in _SPEEDS.items():
        if any(line.get_gid() == gid for axes in places for line in axes.lines):
            places[0].plot([], [], color=shade, label=label)
    legend(figure, places[0])
    finish(figure, places, settings)
    return Picture(figure, _alt(rows, names), tuple(left_out), notes)


def _looks(rows: pd.DataFrame) -> pd.Series:
    """Return which line counts each row; null where none does."""
    looks = kinds_of(rows).where(rows["kind"] != "moving")
    # Of a column with nulls, which are neither, comparisons are false.
    looks = looks.mask((rows["kind"] == "fixed") & (rows["certified"] != True), "not proven")  # noqa: E712
    return looks.mask((rows["kind"] == "slow") & (rows["kink"] == True), "at a kink")  # noqa: E712


def _counted(part: pd.DataFrame) -> str:
    """Return the method whose points are counted."""
    return "lm" if (part["method"] == "lm").any() else "descent"


def _count(axes: Axes, part: pd.DataFrame, steps: NDArray[np.int64]) -> None:
    for look, (marker, shade) in _COUNTED.items():
        own = part[part["look"] == look]
        if len(own):
            values = own.groupby("step").size().reindex(steps, fill_value=0)
            axes.plot(steps, values, "-", marker=marker, markersize=3, color=shade, gid=look)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))


#: Lines of the right panels: label and colour.
_SPEEDS = {
    "descent": ("ends of descent", GREY),
    "solver": ("solver, same starts", LOOK["stable"][1]),
    "slow points": ("speeds of slow points", ORANGE),
}


def _speeds(axes: Axes, part: pd.DataFrame, settings: Settings) -> bool:
    """Draw medians and ranges of speeds, each row as often as starts ended there; return whether there are any."""
    descent = part[part["method"] == "descent"]
    of = {"slow points": (part[part["kind"] == "slow"], "speed")}
    if len(descent):
        of = {"descent": (descent, "speed"), "solver": (descent, "solver_speed")}
    drawn = []
    for gid, (rows, column) in of.items():
        rows = rows[rows[column].notna()]
        if rows.empty:
            continue
        rows = rows.assign(value=np.maximum(rows[column], FLOOR))
        low, high = (getattr(rows.groupby("step")["value"], name)() for name in ("min", "max"))
        middle = rows.groupby("step")[["value", "starts_share"]].apply(_median)
        shade = _SPEEDS[gid][1]
        axes.fill_between(low.index, low, high, color=shade, alpha=0.2, linewidth=0, gid=f"{gid} range")
        axes.plot(middle.index, middle, "-", marker="o", markersize=2, color=shade, gid=gid)
        drawn.append(rows["value"])
    if drawn:
        set_scale(axes, settings, pd.concat(drawn), "speed", "log")
    return bool(drawn)


def _median(rows: pd.DataFrame) -> float:
    """Return the median of `value`, weighted by the share of the starts."""
    ordered = rows.sort_values("value")
    weights = ordered["starts_share"].fillna(0.0).to_numpy()
    place = int(np.searchsorted(weights.cumsum(), 0.5 * weights.sum()))
    return float(ordered["value"].iloc[min(place, len(ordered) - 1)])


def _alt(rows: pd.DataFrame, names: list[str]) -> str:
    steps = rows["step"].nunique()
    alt = f"Slow points of {many(len(names), 'network')} at {many(steps, 'step')} of training"
    own = rows[rows["method"] == _counted(rows)]
    each = own.groupby(["network", "step"])["look"].value_counts().unstack(fill_value=0)
    parts = [f"{look} {value_range(each[look])}" for look in _COUNTED if look in each]
    alt += f"; points at a step: {', '.join(parts)}" if parts else "; no points"
    descent = rows[rows["method"] == "descent"]
    if len(descent) and descent["converged"].notna().any():
        shares = descent.assign(share=descent["converged"] * descent["starts_share"])
        share = shares.groupby(["network", "step"])["share"].sum()
        arrived = descent[descent["kind"] == "fixed"]["starts_share"].sum() / max(1, len(share))
        alt += (
            f"; of the starts of descent {number(float(arrived))} arrived at a fixed point, of the solver's "
            f"{number(float(share.mean()))}"
        )
    return f"{alt}."
