"""How far training moved networks, by network or against a factor: a point each, and means with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes

from rnnkit.plots.estimates import mean_interval, spread
from rnnkit.plots.factors import Factor, factor_of
from rnnkit.plots.frames import frame, groups, having, several, short_names
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLUE, NAMED, Picture, axis_label, colours_of, finish, legend, panels, set_scale
from rnnkit.plots.words import listed, many, value_range
from rnnkit.schemas import get_schema
from rnnkit.tables import group_columns

__all__ = ["VALUES", "draw"]

VALUES = tuple(column.name for column in get_schema("feature_learning").columns if column.type == "float64")
_FIRST = ("weight_change_norm", "kernel_alignment", "representation_alignment")


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw columns of a `feature_learning` table beside each other, each in a panel.

    With group columns, against one of them (--factor): each network is a point, and lines join the means with their
    95 % intervals over networks; networks that agree in all other group columns are one line. Without, the networks
    stand one after another.
    """
    table = tables["feature_learning"]
    rows = having(frame(table), "network", settings.networks, "--network")
    names = several(settings, _FIRST, VALUES)
    keys = group_columns(table, "feature_learning")
    factor = factor_of(settings, rows, keys)
    figure, places = panels(len(names), settings, aspect=0.9)
    for name, axes in zip(names, places, strict=True):
        if not rows[name].notna().any():
            continue
        if factor.name is None:
            _by_network(axes, rows, name)
        else:
            _by_factor(axes, rows, name, factor, [key for key in keys if key != factor.name])
        if name in ("kernel_alignment", "representation_alignment") and settings.scale is None:
            axes.set_ylim(0.0, max(1.04, axes.get_ylim()[1]) if rows[name].max() > 0.5 else None)
        set_scale(axes, settings, rows[name], name)
    for name, axes in zip(names, places, strict=True):
        axes.set_ylabel(axis_label("feature_learning", name).replace(" (", "\n("))
    legend(figure, places[0])
    finish(figure, places, settings)
    by = "" if factor.name is None else f" against {factor.name}, with 95 % intervals"
    each = listed(f"{name.replace('_', ' ')} {value_range(rows[name])}" for name in names)
    alt = f"How far training moved {many(rows['network'].nunique(), 'network')}{by}: {each}."
    return Picture(figure, alt, _left_out(rows, names))


def _by_network(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    """Draw a point for each network."""
    axes.plot(np.arange(len(rows)), rows[name], "o", color=BLUE, gid="networks")
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("network")
    if len(rows) <= NAMED:
        axes.set_xticks(range(len(rows)), short_names(rows["network"].tolist()), rotation=90 if len(rows) > 3 else 0)


def _by_factor(axes: Axes, rows: pd.DataFrame, name: str, factor: Factor, others: Sequence[str]) -> None:
    """Draw the networks at their factor's value, and a line through the means."""
    lines = groups(rows[rows[name].notna()], others)
    said = [", ".join(f"{key}={group[key]}" for key in others) for group, _ in lines]
    shades = colours_of(said)
    named = len(lines) <= NAMED
    # Lines stand beside each other, and the points of a line around it.
    lane = 0.06 / len(lines)
    for k, ((_, part), label) in enumerate(zip(lines, said, strict=True)):
        shift = 2.2 * lane * (k - (len(lines) - 1) / 2)
        values, x = part[name].to_numpy(dtype=float), factor.at(part)
        points, means = [], []
        for place in np.unique(x):
            own = values[x == place]
            points.append(
                np.stack([factor.beside(np.full(len(own), place), shift + spread(len(own), 0.6 * lane)), own])
            )
            means.append((factor.beside(np.array([place]), shift)[0], *mean_interval(own)))
        across = np.concatenate(points, axis=1)
        axes.plot(*across, "o", color=shades[label], markersize=2, alpha=0.5, linewidth=0, gid=f"{label} networks")
        at, mean, half = np.array(means).T
        said_of = f"{label}: mean, 95 % interval" if label else "mean, 95 % interval"
        axes.errorbar(
            at,
            mean,
            yerr=half,
            fmt="D-",
            color=shades[label],
            markersize=3,
            capsize=2,
            label=said_of if named else None,
            gid=f"{label} mean",
        )
    factor.draw_axis(axes)


def _left_out(rows: pd.DataFrame, names: Sequence[str]) -> tuple[str, ...]:
    missing = rows[rows[list(names)].isna().any(axis=1)]
    return tuple(f"{n}: not all of it has a number ({s})" for n, s in missing[["network", "status"]].to_numpy())
