"""What ablations of the Schur form cost, by block: a point per network, their mean, and the controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes

from rnnkit.errors import InputError
from rnnkit.plots.estimates import mean_interval, spread
from rnnkit.plots.frames import frame, groups, having, several
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    Picture,
    axis_label,
    finish,
    legend,
    panels,
    set_scale,
)
from rnnkit.plots.words import listed, many, number

__all__ = ["VALUES", "draw"]

VALUES = ("delta_fvu", "sensitivity", "fvu", "removed_mass", "rollout_distance", "accuracy")
_FIRST = ("RR", "CR", "CC")
_SHADES = {"isotropic": ORANGE, "entries": GREEN, "rotated": PURPLE}


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw columns of an `ablations` table by block, a row of panels for each threshold.

    By default the loss ΔFVU and the sensitivity S = ΔFVU / removed mass. Each network is a point; black the mean over
    networks with its 95 % interval (Student's t). Of `ablation_controls`, beside them, each network's median over the
    draws, with a line from the least to the largest.
    """
    rows = having(frame(tables["ablations"]), "network", settings.networks, "--network")
    names = several(settings, ["delta_fvu", "sensitivity"], VALUES)
    blocks = _blocks(rows)
    controls = _controls(tables.get("ablation_controls"), rows)
    kinds = [] if controls is None else [str(name) for name in controls["control"].unique()]
    parts = groups(rows.sort_values("alpha", kind="stable"), ["alpha"])
    figure, places = panels(len(parts) * len(names), settings, aspect=0.8, columns=len(names))
    for k, (group, part) in enumerate(parts):
        beside = None if controls is None else controls[controls["alpha"] == group["alpha"]]
        for name, axes in zip(names, places[k * len(names) :], strict=False):
            _panel(axes, part, name, blocks)
            if beside is not None and name in ("delta_fvu", "sensitivity", "fvu"):
                _draw_controls(axes, beside, name, blocks, kinds)
            axes.set_xticks(range(len(blocks)), [block.replace("+", "+\n") for block in blocks])
            axes.set_xlim(-0.6, len(blocks) - 0.4)
            axes.set_xlabel("blocks removed")
            axes.set_ylabel(axis_label("ablations", name))
            if len(parts) > 1:
                axes.set_title(f"α = {group['alpha']:g}")
            set_scale(axes, settings, part[name], name)
    legend(figure, places[0])
    finish(figure, places, settings)
    return Picture(figure, _alt(rows, names[0], blocks, kinds), _left_out(rows, names))


def _alt(rows: pd.DataFrame, name: str, blocks: Sequence[str], kinds: Sequence[str]) -> str:
    means = rows.groupby("ablation")[name].mean()
    each = [f"{block} {number(float(means[block]))}" for block in blocks]
    beside = f", beside {', '.join(kinds)} controls" if kinds else ""
    who = many(rows["network"].nunique(), "network")
    return f"What ablations cost {who}, by block{beside}; mean {axis_label('ablations', name)}: {listed(each)}."


def _blocks(rows: pd.DataFrame) -> list[str]:
    """Return the ablations: single blocks first, then the others as they stand."""
    found = [str(name) for name in rows["ablation"].unique()]
    return [name for name in _FIRST if name in found] + [name for name in found if name not in _FIRST]


def _panel(axes: Axes, part: pd.DataFrame, name: str, blocks: Sequence[str]) -> None:
    axes.axhline(0.0, color=BLACK, linewidth=0.4)
    label: tuple[str | None, str | None] = ("network", "mean, 95 % interval")
    for place, block in enumerate(blocks):
        found = part.loc[(part["ablation"] == block) & part[name].notna(), name].to_numpy(dtype=float)
        if not len(found):
            continue
        x = place + spread(len(found), 0.12) - 0.2
        axes.plot(
            x, found, "o", color=BLUE, markersize=2.5, alpha=0.6, linewidth=0, label=label[0], gid=f"{block} networks"
        )
        mean, half = mean_interval(found)
        axes.errorbar(
            [place - 0.02],
            [mean],
            yerr=[[half], [half]],
            fmt="D",
            color=BLACK,
            capsize=2,
            label=label[1],
            gid=f"{block} mean",
        )
        label = None, None


def _controls(table: pa.Table | None, rows: pd.DataFrame) -> pd.DataFrame | None:
    """Return the controls as losses of the same kind as the ablations', beside the rows they belong to."""
    if table is None:
        return None
    keys = ["network", "ablation", "alpha"]
    held = frame(table)[[*keys, "control", "fvu_min", "fvu_median", "fvu_max"]]
    joined = held.merge(rows[[*keys, "fvu_full", "removed_mass", "sensitivity"]], on=keys, how="inner")
    if joined.empty:
        raise InputError("TABLE", "the controls are of other networks or blocks", "give tables of one run")
    for end in ("min", "median", "max"):
        joined[f"delta_fvu_{end}"] = joined[f"fvu_{end}"] - joined["fvu_full"]
        # As S itself: null below the least mass, where there is no sensitivity.
        known = joined["sensitivity"].notna()
        joined[f"sensitivity_{end}"] = (joined[f"delta_fvu_{end}"] / joined["removed_mass"]).where(known)
    return joined


def _draw_controls(axes: Axes, held: pd.DataFrame, name: str, blocks: Sequence[str], kinds: Sequence[str]) -> None:
    for j, kind in enumerate(kinds):
        shade: Any = _SHADES.get(kind, BLUE)
        first = True
        for place, block in enumerate(blocks):
            part = held[(held["control"] == kind) & (held["ablation"] == block) & held[f"{name}_median"].notna()]
            if part.empty:
                continue
            lane = place + 0.1 + 0.3 * (j + 0.5) / len(kinds)
            x = lane + spread(len(part), 0.1 / len(kinds))
            low, middle, high = (part[f"{name}_{end}"].to_numpy(dtype=float) for end in ("min", "median", "max"))
            axes.vlines(x, low, high, color=shade, linewidth=0.5, alpha=0.6, gid=f"{block} {kind} range")
            label = f"{kind} control" if first else None
            axes.plot(x, middle, "_", color=shade, markersize=4, linewidth=0, label=label, gid=f"{block} {kind}")
            first = False


def _left_out(rows: pd.DataFrame, names: Sequence[str]) -> tuple[str, ...]:
    """Name what failed; an empty block has nothing to remove and so nothing to show."""
    failed = rows[rows[list(names)].isna().any(axis=1) & (rows["status"] != "empty") & (rows["status"] != "ok")]
    return tuple(f"{n}: {b} has no number ({s})" for n, b, s in failed[["network", "ablation", "status"]].to_numpy())
