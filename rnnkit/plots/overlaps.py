"""Overlaps in training: measured, and as a theory predicts them; what the loss sees beside what it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rnnkit.errors import InputError
from rnnkit.plots.frames import chosen_column, few, frame, short_names
from rnnkit.plots.pairs import (
    LOSS,
    MOTIONS,
    OVERLAP,
    STEP,
    WORDS,
    draw_phases,
    missing_numbers,
    name_pairs,
    of_networks,
    pair_legend,
    seen_classes,
    shades_of,
)
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, GREY, Picture, finish, legend, outer_labels, panels
from rnnkit.plots.words import listed, many, number, value_range

__all__ = ["VALUES", "draw"]

#: Of an `overlap_theory` table; of `overlaps` there is one, `value`.
VALUES = ("measured", "predicted", "deviation")
_BOTH = ("measured", "predicted")


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw overlaps against the step, a row of panels for each network: those that its loss sees, and the others.

    What was measured is a solid line; with a prediction over it, wide and pale. Predictions are dashed, each motion in
    its own way. A network with one step has points. Every second phase of a protocol is shaded.
    """
    rows, columns = _read(tables, settings)
    rows = of_networks(rows, settings)
    classes = seen_classes(rows)
    names, notes = few(list(dict.fromkeys(rows["network"])), settings, len(classes))
    rows = rows[rows["network"].isin(names)]
    if not rows[columns].notna().to_numpy().any():
        raise InputError(f"column '{columns[0]}'", "has no numbers", "its column 'status' says why")
    figure, places = panels(len(names) * len(classes), settings, columns=len(classes))
    shades = {one: shades_of(list(dict.fromkeys(rows.loc[_of(rows, one), "pair"]))) for one in classes}
    titles = short_names(names) if len(names) > 1 else names
    for k, axes in enumerate(places):
        name, one = names[k // len(classes)], classes[k % len(classes)]
        part = rows[rows["network"] == name]
        _panel(axes, part[_of(part, one)], columns, shades[one])
        draw_phases(axes, part)
        axes.set_title(f"{titles[k // len(classes)]}\n{WORDS[one]}")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        if k < len(classes):
            notes += pair_legend(axes, list(shades[one]), shades[one], WORDS[one])
    motions = _key(places[0], rows, columns)
    outer_labels(places, STEP, OVERLAP if columns != ["deviation"] else f"predicted − measured {OVERLAP[8:]}")
    legend(figure, places[0])
    finish(figure, places, settings)
    return Picture(figure, _alt(rows, columns, motions), missing_numbers(rows, columns), notes)


def _read(tables: Mapping[str, pa.Table], settings: Settings) -> tuple[pd.DataFrame, list[str]]:
    """Return the overlaps of the table, with the columns to draw; `motion` is empty where there is no theory."""
    if "overlap_theory" not in tables:
        rows = frame(tables["overlaps"]).assign(motion="")
        return name_pairs(rows), [chosen_column(settings, "value", ["value"])]
    rows = frame(tables["overlap_theory"])
    rows = rows[rows["left"] != LOSS]
    if rows.empty:
        raise InputError("column 'left'", "names the loss alone", "plot theory-loss draws it")
    return name_pairs(rows), list(_BOTH) if settings.value is None else [chosen_column(settings, "", VALUES)]


def _of(rows: pd.DataFrame, one: bool | None) -> pd.Series[bool]:
    """Return which rows are of overlaps that the loss sees (True), does not (False), or of which none knows (None)."""
    return pd.Series([seen is one for seen in rows["seen"]], index=rows.index, dtype=bool)


def _panel(axes: Axes, part: pd.DataFrame, columns: Sequence[str], shades: Mapping[str, Any]) -> None:
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=0)
    marker = "o" if part["step"].nunique() == 1 else None
    for pair, own in part.groupby("pair", sort=False):
        for column in columns:
            # What was measured stands in the rows of every motion.
            kinds = [""] if column in ("measured", "value") else [one for one in MOTIONS if one in set(own["motion"])]
            for motion in kinds:
                line = own[own["motion"] == motion] if motion else own.drop_duplicates("step")
                under = column == "measured" and "predicted" in columns
                axes.plot(
                    line["step"],
                    line[column],
                    MOTIONS.get(motion, "-"),
                    color=shades[str(pair)],
                    linewidth=2.4 if under else 1.0,
                    alpha=0.45 if under else 1.0,
                    marker=marker,
                    gid=f"{pair} {motion or column}",
                )


def _key(axes: Axes, rows: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Put how lines are drawn into the legend; return the motions there are."""
    motions = [one for one in MOTIONS if one in set(rows["motion"])]
    if "measured" in columns:
        wide = len(columns) > 1
        axes.plot([], [], "-", color=BLACK, linewidth=2.4 if wide else 1.0, alpha=0.45 if wide else 1, label="measured")
    if columns != ["measured"]:
        for motion in motions:
            axes.plot([], [], MOTIONS[motion], color=BLACK, label=f"predicted ({motion})")
    return motions


def _alt(rows: pd.DataFrame, columns: Sequence[str], motions: Sequence[str]) -> str:
    each = []
    for one in seen_classes(rows):
        part = rows[_of(rows, one)]
        each.append(f"{many(part['pair'].nunique(), 'overlap')} {WORDS[one]}, {value_range(part[columns[0]])}")
    words = "measured" if "value" in columns else " and ".join(columns)
    by = f" ({', '.join(motions)})" if motions and list(columns) != ["measured"] else ""
    alt = f"Overlaps of {many(rows['network'].nunique(), 'network')} against the step, {words}{by}: {listed(each)}"
    if "predicted" not in columns:
        return f"{alt}."
    worst = [f"{one} {number(float(rows.loc[rows['motion'] == one, 'deviation'].abs().max()))}" for one in motions]
    return f"{alt}; largest deviation: {', '.join(worst)}."
