"""Loss curves: a line per network, coloured by how its training ended."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rnnkit.errors import InputError
from rnnkit.plots.frames import chosen_column, frame, having
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Picture,
    axis_label,
    colours_of,
    finish,
    legend,
    panels,
    set_scale,
)
from rnnkit.plots.words import many, value_range

__all__ = ["VALUES", "draw"]

VALUES = ("val_loss", "loss", "accuracy", "grad_norm", "lr")
_STATUS = {"converged": GREEN, "budget": ORANGE, "diverged": RED, "training": GREY}
#: With so many networks, their median is drawn too.
_ENOUGH = 3


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a column of a `training` table against the epoch, and the median over networks.

    The median takes a network that stopped at the last value it had: without it the median would be of those that
    learn slowest. A cross marks the last number of a network that diverged.
    """
    value = chosen_column(settings, "val_loss", VALUES)
    rows = having(frame(tables["training"]), "network", settings.networks, "--network")
    rows = rows.sort_values(["network", "epoch"], kind="stable")
    curves = {str(name): part for name, part in rows.groupby("network", sort=False)}
    lines = {name: part.loc[part[value].notna(), ["epoch", value]] for name, part in curves.items()}
    empty = [name for name, line in lines.items() if line.empty]
    if len(empty) == len(lines):
        raise InputError(f"column '{value}'", "has no numbers", f"--value shows another: {', '.join(VALUES)}")
    by = settings.colour or "status"
    if by not in ("status", "network"):
        raise InputError("--colour", f"'{by}' says nothing of a curve", "known: network, status")
    of = {name: str(part["status"].iloc[-1]) if by == "status" else name for name, part in curves.items()}
    shades = colours_of(list(of.values())) if by == "network" else {s: _STATUS.get(s, BLUE) for s in of.values()}
    figure, (axes,) = panels(1, settings, aspect=0.9)
    # What falls by orders of magnitude, where all of it is positive.
    falls = value != "accuracy" and bool((rows[value].dropna() > 0).all())
    set_scale(axes, settings, rows[value], value, "log" if falls else "linear")
    seen: set[str] = set()
    for name, line in lines.items():
        if line.empty:
            continue
        key = of[name]
        count = sum(1 for other in of.values() if other == key)
        label = None if key in seen else f"{key} ({count})" if by == "status" else key
        seen.add(key)
        faint = 1.0 if len(lines) < _ENOUGH else 0.55
        axes.plot(line["epoch"], line[value], color=shades[key], alpha=faint, linewidth=0.7, label=label, gid=name)
        if str(curves[name]["status"].iloc[-1]) == "diverged":
            axes.plot(line["epoch"].iloc[-1:], line[value].iloc[-1:], "x", color=RED, gid=f"{name} diverged")
    _median(axes, [line for line in lines.values() if not line.empty], value)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(axis_label("training", "epoch"))
    axes.set_ylabel(axis_label("training", value))
    if by == "status" or len(lines) <= 10:
        legend(figure, axes)
    finish(figure, [axes], settings)
    return Picture(figure, _alt(value, lines, curves), tuple(f"{name}: no {value}" for name in empty))


def _alt(value: str, lines: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame]) -> str:
    ended = pd.Series([str(part["status"].iloc[-1]) for part in curves.values()]).value_counts()
    said = ", ".join(f"{count} {status}" for status, count in ended.items())
    last = [float(line[value].iloc[-1]) for line in lines.values() if len(line)]
    words = axis_label("training", value)
    return f"Curves of {words} by epoch of {many(len(lines), 'network')} ({said}); at the end {value_range(last)}."


def _median(axes: Axes, lines: list[pd.DataFrame], value: str) -> None:
    if len(lines) < _ENOUGH:
        return
    table = pd.concat([line.set_index("epoch")[value].rename(k) for k, line in enumerate(lines)], axis=1).sort_index()
    filled = table.ffill().to_numpy()
    low, middle, high = np.nanquantile(filled, [0.25, 0.5, 0.75], axis=1)
    axes.fill_between(table.index, low, high, color=BLACK, alpha=0.15, linewidth=0, label="middle half")
    axes.plot(table.index, middle, color=BLACK, linewidth=1.5, label="median")
