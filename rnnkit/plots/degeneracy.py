"""Degeneracy against a factor: a panel for each level and metric, with 95 % intervals over networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from numpy.typing import NDArray

from rnnkit.errors import unknown_name
from rnnkit.plots.factors import Factor, factor_of
from rnnkit.plots.frames import frame, groups, having
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import NAMED, Picture, axis_label, colours_of, finish, legend, natural, panels, set_scale
from rnnkit.plots.words import listed, many, value_range
from rnnkit.schemas import LEVELS
from rnnkit.tables import group_columns

__all__ = ["draw"]


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw the values of a `degeneracy` table against one of its group columns (Huang et al., figures 2 to 4).

    Rows that agree in all other group columns are one line. Metrics of a level have units of their own and so a panel
    each. Without a group column there is one point in each panel.
    """
    table = tables["degeneracy"]
    rows = having(frame(table), "metric", settings.metrics, "--metric")
    keys = group_columns(table, "degeneracy")
    factor = factor_of(settings, rows, keys)
    others = [key for key in keys if key != factor.name]
    if settings.colour is not None and settings.colour not in others:
        raise unknown_name("--colour", settings.colour, others, "group column beside the factor")
    named = {_name(group, others): group for group, _ in groups(rows, others)}
    key_of = {name: str(group[settings.colour]) if settings.colour else name for name, group in named.items()}
    shades = colours_of(list(key_of.values()))
    order = sorted(groups(rows, ["level", "metric"]), key=lambda part: _level(part[0]["level"]))
    figure, axes = panels(len(order), settings, aspect=0.85)
    for one, (panel, part) in zip(axes, order, strict=True):
        lines = groups(part, others)
        for k, (group, line) in enumerate(lines):
            name = _name(group, others)
            curve = _curve(line, factor)
            # A little beside the others, so that no interval hides another.
            curve[:, 0] = factor.beside(curve[:, 0], 0.015 * (k - (len(lines) - 1) / 2))
            _draw_curve(one, curve, shades[key_of[name]], name)
        factor.draw_axis(one)
        one.set_title(f"{panel['level']}\n{panel['metric']}", fontsize="small" if len(order) > 4 else None)
        one.set_ylabel(axis_label("degeneracy", "value"))
        set_scale(one, settings, part["value"], str(panel["metric"]))
    if others:
        _key(axes[0], {key_of[name] for name in named}, shades, settings.colour)
        legend(figure, axes[0])
    finish(figure, axes, settings)
    missing = rows[rows["value"].isna()]
    each = [f"{panel['metric']} {value_range(part['value'])}" for panel, part in order]
    against = "" if factor.name is None else f" against {factor.name}, {many(len(factor.places), 'value')},"
    alt = f"Degeneracy{against} with 95 % intervals: {listed(each)}."
    return Picture(figure, alt, tuple(_missing(row, keys) for row in missing.to_dict("records")))


def _curve(line: pd.DataFrame, factor: Factor) -> NDArray[np.float64]:
    """Return x, value and the ends of the interval, (points, 4), by rising x; NaN where there is no interval."""
    have = line[line["value"].notna()]
    curve = np.column_stack([factor.at(have), have[["value", "ci_low", "ci_high"]].to_numpy(dtype=float)])
    return np.asarray(curve[np.argsort(curve[:, 0], kind="stable")], dtype=np.float64)


def _draw_curve(axes: Axes, curve: NDArray[np.float64], shade: Any, name: str) -> None:
    """Draw a line with its intervals."""
    x, value, low, high = curve.T
    if len(x):
        # An interval need not hold its value: no bar is then drawn on that side.
        bars = np.maximum([value - low, high - value], 0.0)
        axes.errorbar(x, value, yerr=bars, fmt="o-", color=shade, capsize=1.5, elinewidth=0.8, gid=name)


def _key(axes: Axes, values: set[str], shades: Mapping[Any, Any], colour: str | None) -> None:
    """Put a label for each colour into the legend, unless there are too many to tell apart."""
    for value in sorted(values, key=natural) if len(values) <= NAMED else ():
        axes.plot([], [], "o-", color=shades[value], label=f"{colour}={value}" if colour else value)


def _level(name: str) -> int:
    return LEVELS.index(name) if name in LEVELS else len(LEVELS)


def _name(group: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key}={group[key]}" for key in keys)


def _missing(row: Mapping[Any, Any], keys: Sequence[str]) -> str:
    return f"{', '.join(filter(None, [str(row['metric']), _name(row, keys)]))}: no value ({row['status']})"
