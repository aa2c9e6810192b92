"""The loss in training: measured, and as the motions of a theory predict it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rnnkit.errors import InputError
from rnnkit.plots.frames import few, frame, short_names
from rnnkit.plots.pairs import LOSS, MOTION_COLOURS, MOTIONS, STEP, draw_phases, missing_numbers, of_networks, shades_of
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import (
    BLACK,
    NAMED,
    Picture,
    finish,
    legend,
    outer_labels,
    panels,
    set_scale,
)
from rnnkit.plots.words import many, number

__all__ = ["draw"]

_LOSS = "loss (squared target units)"


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw the loss of an `overlap_theory` table against the step: measured solid, predictions dashed.

    A panel for each network, with a colour for each motion; coloured by network, all of them in one panel. The axis
    is logarithmic where all losses are positive.
    """
    rows = frame(tables["overlap_theory"])
    rows = of_networks(rows[rows["left"] == LOSS], settings) if (rows["left"] == LOSS).any() else rows.iloc[:0]
    if not rows[["measured", "predicted"]].notna().to_numpy().any():
        raise InputError("column 'left'", "has no loss with a number", "overlaps --theory writes its rows")
    by = settings.colour or "motion"
    if by not in ("motion", "network"):
        raise InputError("--colour", f"'{by}' says nothing of a loss", "known: motion, network")
    names = list(dict.fromkeys(rows["network"]))
    notes: tuple[str, ...] = ()
    if by == "motion":
        names, notes = few(names, settings)
        rows = rows[rows["network"].isin(names)]
    figure, places = panels(len(names) if by == "motion" else 1, settings, aspect=0.8)
    shades = shades_of(names)
    for k, name in enumerate(names):
        axes = places[k if by == "motion" else 0]
        _curves(axes, rows[rows["network"] == name], None if by == "motion" else shades[name])
        if by == "motion":
            axes.set_title(short_names(names)[k])
    values = pd.concat([rows["measured"], rows["predicted"]])
    for axes in places:
        set_scale(axes, settings, values, "loss", "log" if bool((values.dropna() > 0).all()) else "linear")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    for axes, name in zip(places, names, strict=False):
        draw_phases(axes, rows[rows["network"] == name])
    motions = _key(places[0], rows, by)
    if by == "network":
        notes += _name_networks(places[0], names, shades)
    outer_labels(places, STEP, _LOSS)
    legend(figure, places[0])
    finish(figure, places, settings)
    return Picture(figure, _alt(rows, motions), missing_numbers(rows, ["measured", "predicted"]), notes)


def _curves(axes: Axes, part: pd.DataFrame, shade: Any | None) -> None:
    """Draw a network's losses, in one colour or in those of the motions."""
    name, marker = str(part["network"].iloc[0]), "o" if part["step"].nunique() == 1 else None
    measured = part.drop_duplicates("step")
    held: dict[str, Any] = {"color": BLACK if shade is None else shade, "marker": marker}
    axes.plot(measured["step"], measured["measured"], "-", linewidth=2.4, alpha=0.4, gid=f"{name} measured", **held)
    for motion, dashes in MOTIONS.items():
        line = part[part["motion"] == motion]
        if len(line):
            held["color"] = MOTION_COLOURS[motion] if shade is None else shade
            axes.plot(line["step"], line["predicted"], dashes, gid=f"{name} {motion}", **held)


def _key(axes: Axes, rows: pd.DataFrame, by: str) -> list[str]:
    """Put how lines are drawn into the legend; return the motions there are."""
    motions = [one for one in MOTIONS if one in set(rows["motion"])]
    axes.plot([], [], "-", color=BLACK, linewidth=2.4, alpha=0.4, label="measured")
    for motion in motions:
        shade = MOTION_COLOURS[motion] if by == "motion" else BLACK
        axes.plot([], [], MOTIONS[motion], color=shade, label=f"predicted ({motion})")
    return motions


def _name_networks(axes: Axes, names: list[str], shades: Mapping[Any, Any]) -> tuple[str, ...]:
    if len(names) > NAMED:
        return (f"{len(names)} networks have a colour each, and no legend",)
    for name, short in zip(names, short_names(names), strict=True):
        axes.plot([], [], "-", color=shades[name], label=short)
    return ()


def _alt(rows: pd.DataFrame, motions: list[str]) -> str:
    worst = [f"{one} {number(float(rows.loc[rows['motion'] == one, 'deviation'].abs().max()))}" for one in motions]
    first = rows.groupby("network", sort=False)["measured"].first()
    ends = rows.groupby("network", sort=False)["measured"].last()
    return (
        f"Losses of {many(rows['network'].nunique(), 'network')} against the step, measured and predicted: from "
        f"{number(float(first.median()))} to {number(float(ends.median()))} (medians); largest deviation: "
        f"{', '.join(worst)}."
    )
