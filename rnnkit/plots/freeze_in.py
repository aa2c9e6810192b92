"""Freeze-in: settled points against presentations, and what becomes of the weights' norm."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rnnkit.plots.frames import frame, having
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, BLUE, GREY, ORANGE, Picture, axis_label, colours_of, finish, legend, panels
from rnnkit.plots.words import many, value_range

__all__ = ["COUNTS", "draw"]

#: What is counted at each probe: the table's column it is worked out from, its words and its colour.
COUNTS = {"points": ("distinct points settled at", BLUE), "settled": ("cues that settle", ORANGE)}
_RATIO = "|W| / |W before learning|"


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a `freeze_in` table: points and settled cues against presentations, and the norm of W beside them.

    A thin line for each network, a band from the least to the largest, and the median; dashed, the number of cues.
    Where numbers of cues differ each has a colour, and settled cues are left out: there would be too many lines.
    """
    rows = frame(tables["freeze_in"])
    rows = having(rows, "network", settings.networks, "--network")
    counts = (
        rows.groupby(["network", "epoch"], sort=False)
        .agg(
            points=("point", "nunique"),
            settled=("settled", "sum"),
            cues=("cue", "size"),
            ratio=("weight_norm_ratio", "first"),
        )
        .reset_index()
    )
    figure, (left, right) = panels(2, settings, aspect=0.8)
    shades = colours_of([int(cues) for cues in counts["cues"].unique()])
    alone = len(shades) == 1
    for column, (words, shade) in COUNTS.items() if alone else ():
        _lines(left, counts, column, words, shade)
    for cues, shade in shades.items():
        left.axhline(cues, color=GREY if alone else shade, linestyle="--", linewidth=0.8, gid=f"{cues} cues")
        part = counts[counts["cues"] == cues]
        if not alone:
            _lines(left, part, "points", many(cues, "cue"), shade)
        _lines(right, part, "ratio", None, BLACK if alone else shade)
    left.set_ylabel("number of points or cues" if alone else COUNTS["points"][0])
    right.set_ylabel(_RATIO)
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set_xlabel(axis_label("freeze_in", "epoch"))
    legend(figure, left)
    finish(figure, [left, right], settings)
    return Picture(figure, _alt(counts))


def _lines(axes: Axes, counts: pd.DataFrame, column: str, words: str | None, shade: str) -> None:
    """Draw one number of all networks against the epoch."""
    table = counts.pivot_table(index="epoch", columns="network", values=column, sort=True)
    for name in table.columns:
        held = table[name].dropna()
        faint = 1.0 if len(table.columns) == 1 else 0.4
        axes.plot(held.index, held, color=shade, linewidth=0.7, alpha=faint, gid=f"{name} {column}")
    band = axes.fill_between(table.index, table.min(axis=1), table.max(axis=1), color=shade, alpha=0.15, linewidth=0)
    band.set_gid(f"band {column}")
    axes.plot(table.index, table.median(axis=1), color=shade, linewidth=1.5, label=words, gid=f"median {column}")


def _alt(counts: pd.DataFrame) -> str:
    last = counts.groupby("network", sort=False).tail(1)
    return (
        f"Distinct points at which cues settle, against presentations, of {many(len(last), 'network')}: "
        f"{value_range(last['points'])} of {value_range(last['cues'])} cues after {value_range(last['epoch'])}; norm "
        f"of the weights over that before learning: {value_range(last['ratio'])}."
    )
