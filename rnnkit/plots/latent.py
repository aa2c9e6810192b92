"""The latent circuit along training: fixed points, flatness, and the flow at a few steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
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
from rnnkit.plots.style import BLUE, GREY, ORANGE, RED, Picture, axis_label, finish, legend, panels
from rnnkit.plots.words import listed, many, value_range

__all__ = ["draw"]

Floats = NDArray[np.float64]

_LISTS = ("roots", "slopes")
#: Curves of the flow that one panel holds legibly.
_CURVES = 4


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a row of panels for each network: fixed points against the step, stable ones filled, and the flatness.

    With a `latent_flow` table there is a third panel: the velocity at a few steps from the first to the last, or at the
    step that is asked for. Steps are counted from the onset where the table does, and networks without one are left
    out then.
    """
    table = tables["latent"]
    rows, lists = of_networks(frame(table, _LISTS), settings), {name: list_rows(table, name) for name in _LISTS}
    rows, step, left_out = _placed(rows)
    flow = frame(tables["latent_flow"]) if "latent_flow" in tables else None
    if flow is None and settings.step is not None:
        raise InputError("--step", "is of the flow", "add the table of latent --flow")
    each = 2 if flow is None else 3
    names, notes = few(list(dict.fromkeys(rows["network"])), settings, each)
    rows = rows[rows["network"].isin(names)]
    if rows["flatness"].isna().all():
        raise InputError("column 'flatness'", "has no numbers", "its column 'status' says why")
    figure, places = panels(each * len(names), settings, columns=each, aspect=0.8)
    for k, name in enumerate(names):
        part, own = rows[rows["network"] == name], places[each * k : each * (k + 1)]
        _roots(own[0], part, step, *([lists[one][row] for row in part.index] for one in _LISTS))
        _flatness(own[1], part, step)
        for axes in own[:2]:
            axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
            if k == len(names) - 1:
                axes.set_xlabel(axis_label("latent", step))
        own[0].set_title(short_names(names)[k])
        if flow is not None:
            left_out += _flow(own[2], flow[flow["network"] == name], part, settings, step)
            own[2].set_xlabel("κ" if k == len(names) - 1 else "")
    _key(places[0])
    legend(figure, places[0])
    finish(figure, places, settings)
    return Picture(figure, _alt(rows), left_out + missing_numbers(rows, ["fixed_points", "flatness"]), notes)


def _placed(rows: pd.DataFrame) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """Return the rows that have a place along x, the column that says where, and a line for each network left out."""
    if "relative_step" not in rows or rows["relative_step"].isna().all():
        return rows, "step", ()
    placed = rows[rows["relative_step"].notna()]
    lost = [name for name in dict.fromkeys(rows["network"]) if name not in set(placed["network"])]
    return placed, "relative_step", tuple(f"{name}: has no onset to count from" for name in lost)


def _roots(
    axes: Axes, part: pd.DataFrame, step: str, roots: Sequence[Floats | None], slopes: Sequence[Floats | None]
) -> None:
    """Draw fixed points; of each step those of the lowest slopes are the stable ones, as many as the table says."""
    held: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for place, stable, found, slope in zip(part[step], part["stable"], roots, slopes, strict=True):
        if found is None or slope is None or pd.isna(stable):
            continue
        ranks = np.argsort(np.argsort(slope, kind="stable"))
        for kappa, rank in zip(found, ranks, strict=True):
            held[bool(rank < stable)].append((float(place), float(kappa)))
    for stable, points in held.items():
        x, y = np.array(points).reshape(-1, 2).T
        size, face = 4.0 if len(part) == 1 else 1.6, BLUE if stable else "none"
        axes.plot(
            *(x, y, "o"),
            markersize=size,
            markerfacecolor=face,
            markeredgecolor=BLUE if stable else RED,
            markeredgewidth=0.4,
            gid="stable" if stable else "unstable",
        )
    axes.set_ylabel("fixed points κ")


def _flatness(axes: Axes, part: pd.DataFrame, step: str) -> None:
    marker = "o" if len(part) == 1 else None
    for column, shade, label in (("flatness", BLUE, "whole range"), ("flatness_range", ORANGE, "task's range")):
        axes.plot(part[step], part[column], color=shade, marker=marker, label=label, gid=column)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("flatness")
    axes.legend(frameon=False)


def _flow(axes: Axes, flow: pd.DataFrame, part: pd.DataFrame, settings: Settings, step: str) -> tuple[str, ...]:
    """Draw the velocity against kappa at some steps; return a line where there is none of the network."""
    name = str(part["network"].iloc[0])
    known = np.unique(flow.loc[flow["velocity"].notna(), "step"])
    chosen = known[known == settings.step] if settings.step is not None else _spread(known, part, step)
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=0)
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.85, max(2, len(chosen))))
    for one, shade in zip(chosen, shades, strict=False):
        curve = flow[flow["step"] == one].sort_values("kappa")
        axes.plot(curve["kappa"], curve["velocity"], color=shade, label=f"step {one}", gid=f"flow {one}")
    axes.set_ylabel("velocity")
    if len(chosen):
        axes.legend(frameon=False)
        return ()
    what = "velocity" if settings.step is None else f"velocity at step {settings.step}"
    return (f"{name}: the flow has no {what}",)


def _spread(known: NDArray[np.int64], part: pd.DataFrame, step: str) -> NDArray[np.int64]:
    """Return a few steps: the first, the one nearest the onset where steps count from it, the last, others between."""
    places = np.unique(np.linspace(0, len(known) - 1, _CURVES).round().astype(int)) if len(known) else []
    chosen = known[places]
    if step == "relative_step" and len(chosen):
        onset = float((part["step"] - part["relative_step"]).iloc[0])
        nearest = known[np.abs(known - onset).argmin()]
        chosen = np.unique([chosen[0], nearest, chosen[-1]])
    return chosen


def _key(axes: Axes) -> None:
    axes.plot([], [], "o", markerfacecolor=BLUE, markeredgecolor=BLUE, markersize=3, label="stable")
    axes.plot([], [], "o", markerfacecolor="none", markeredgecolor=RED, markersize=3, label="unstable")


def _alt(rows: pd.DataFrame) -> str:
    last = rows.groupby("network", sort=False).tail(1)
    counts = last["fixed_points"].dropna().astype(int).value_counts().sort_index()
    each = [f"{many(int(count), 'network')} with {points}" for points, count in counts.items()]
    return (
        f"Fixed points and flatness of the latent circuits of {many(rows['network'].nunique(), 'network')} along "
        f"training. Fixed points at the last step: {listed(each) or 'none known'}; flatness "
        f"{value_range(last['flatness'])}."
    )
