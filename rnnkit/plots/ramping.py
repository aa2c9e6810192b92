"""Ramping units: how many and how steep along training, or the slope and r2 of each unit at one step."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.plots.by_group import SHADES, draw_lines, groups_of
from rnnkit.plots.frames import frame, having
from rnnkit.plots.pairs import at_step
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import Picture, axis_label, finish, legend, panels
from rnnkit.plots.words import many, value_range

__all__ = ["draw"]


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a `ramping_summary` table against the step of training, or the units of a `ramping` table.

    Of units: |slope| and r2 at the step that `--step` names, or each network's last; those that ramp are filled.
    """
    name = "ramping_summary" if "ramping_summary" in tables else "ramping"
    rows = having(frame(tables[name]), "network", settings.networks, "--network")
    return _course(rows, settings) if name == "ramping_summary" else _units(rows, settings)


def _course(rows: pd.DataFrame, settings: Settings) -> Picture:
    """Draw shares of ramping units and mean slopes against the step."""
    if settings.step is not None:
        raise InputError("--step", "is of the units of a 'ramping' table; a summary is drawn whole", "leave it out")
    rows = rows.assign(share=rows["ramping"].astype(float) / rows["units"])
    groups = groups_of(rows, "group")
    if rows["share"].isna().all():
        raise InputError("column 'ramping'", "has no numbers", "its column 'status' says why")
    figure, places = panels(2, settings, aspect=0.8)
    for axes, column, label in zip(
        places,
        ("share", "mean_abs_slope"),
        ("ramping units (share)", "mean |slope| (per step)"),
        strict=True,
    ):
        draw_lines(axes, rows, "step", column, "group", groups)
        axes.set_xlabel("optimiser steps")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    legend(figure, places[0])
    finish(figure, places, settings)
    ends = rows.sort_values("step", kind="stable").groupby(["network", "group"], sort=False)
    alt = (
        f"Shares of ramping units of {many(rows['network'].nunique(), 'network')} against the step, from "
        f"{value_range(ends['share'].first())} to {value_range(ends['share'].last())}; mean slopes from "
        f"{value_range(ends['mean_abs_slope'].first())} to {value_range(ends['mean_abs_slope'].last())}."
    )
    lost = rows[rows["share"].isna()].groupby("network", sort=False)["status"].first()
    return Picture(figure, alt, tuple(f"{network}: {status}" for network, status in lost.items()))


def _units(rows: pd.DataFrame, settings: Settings) -> Picture:
    """Draw a point for each unit."""
    rows, left_out, notes = at_step(rows, settings)
    held = rows[rows["slope"].notna() & rows["r2"].notna()]
    if held.empty:
        raise InputError("column 'r2'", "has no numbers", "its column 'status' says why")
    figure, (axes,) = panels(1, settings, aspect=0.85)
    for group in groups_of(held, "group"):
        for ramping, filled in ((True, SHADES[group]), (False, "none")):
            part = held[(held["group"] == group) & (held["ramping"] == ramping)]
            if part.empty:
                continue
            label = f"{group}: {'ramping' if ramping else 'not'} ({len(part)})"
            axes.scatter(
                *(part["slope"].abs(), part["r2"]), s=9, facecolors=filled, edgecolors=SHADES[group],
                linewidths=0.6, label=label, gid=label,
            )  # fmt: skip
    axes.set_xlabel("|slope| (per step)")
    axes.set_ylabel(axis_label("ramping", "r2"))
    axes.set_xlim(left=0)
    axes.set_ylim(-0.02, 1.02)
    legend(figure, axes)
    finish(figure, [axes], settings)
    still = len(rows) - len(held)
    alt = (
        f"Slopes and r2 of {many(len(held), 'unit')} of {many(held['network'].nunique(), 'network')}: "
        f"{int(held['ramping'].sum())} ramp; |slope| {value_range(held['slope'].abs())}."
    )
    gone = (f"{many(still, 'unit')} without a line (silent, constant, or no numbers)",) if still else ()
    return Picture(figure, alt, left_out, (*notes, *gone))
