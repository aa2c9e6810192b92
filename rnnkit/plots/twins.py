"""Overlaps of several networks beside each other: where they are the same, and where they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes

from rnnkit.errors import InputError
from rnnkit.plots.estimates import spread
from rnnkit.plots.frames import frame
from rnnkit.plots.pairs import (
    OVERLAP,
    WORDS,
    at_step,
    missing_numbers,
    name_pairs,
    of_networks,
    seen_classes,
    shades_of,
)
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import GREY, NAMED, Picture, finish, legend, outer_labels, panels
from rnnkit.plots.words import listed, many, number

__all__ = ["draw"]

#: Pairs whose names can be read along an axis, upright or turned.
_UPRIGHT, _NAMED = 10, 24


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw the overlaps of an `overlaps` table at one step: pairs along x, a point for each network beside the others.

    What the loss sees and what it does not have a panel each (Ger & Barak, figures 2b and 9b).
    """
    rows = of_networks(name_pairs(frame(tables["overlaps"])), settings)
    rows, left_out, notes = at_step(rows, settings)
    if not rows["value"].notna().any():
        raise InputError("column 'value'", "has no numbers", "its column 'status' says why")
    names, classes = list(dict.fromkeys(rows["network"])), seen_classes(rows)
    shades = shades_of(names)
    figure, places = panels(len(classes), settings, aspect=0.75)
    each = []
    for axes, one in zip(places, classes, strict=True):
        part = rows[[seen is one for seen in rows["seen"]]]
        _panel(axes, part, names, shades)
        axes.set_title(WORDS[one])
        each.append(_apart(part, WORDS[one]))
    if len(names) <= NAMED:
        for name in names:
            places[0].plot([], [], "o", color=shades[name], label=name)
    else:
        notes += (f"{len(names)} networks have a colour each, and no legend",)
    outer_labels(places, "left · right", OVERLAP)
    legend(figure, places[0])
    finish(figure, places, settings)
    alt = f"Overlaps of {many(len(names), 'network')} side by side: {listed(each)}."
    return Picture(figure, alt, left_out + missing_numbers(rows, ["value"]), notes)


def _panel(axes: Axes, part: pd.DataFrame, names: Sequence[str], shades: Mapping[str, Any]) -> None:
    pairs = list(dict.fromkeys(part["pair"]))
    place = {pair: k for k, pair in enumerate(pairs)}
    # Points of a pair fill two thirds of its lane at most, and few of them stand close together.
    beside = dict(zip(names, spread(len(names), min(0.33, 0.08 * (len(names) - 1))), strict=True))
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=0)
    for edge in np.arange(0.5, len(pairs) - 1):
        axes.axvline(edge, color=GREY, linewidth=0.3, alpha=0.5, zorder=0)
    size = 4.0 if len(names) <= NAMED else 2.0
    for name, own in part.groupby("network", sort=False):
        at = own["pair"].map(place).to_numpy(dtype=float) + beside[str(name)]
        axes.plot(at, own["value"], "o", color=shades[str(name)], markersize=size, gid=str(name))
    axes.set_xlim(-0.5, len(pairs) - 0.5)
    axes.set_xticks([])
    if len(pairs) <= _NAMED:
        axes.set_xticks(range(len(pairs)), pairs, rotation=0 if len(pairs) <= _UPRIGHT else 90)


def _apart(part: pd.DataFrame, words: str) -> str:
    """Return how far networks are apart in the pair in which they are farthest apart."""
    ranges = part.groupby("pair", sort=False)["value"].agg(lambda own: own.max() - own.min())
    return f"{many(len(ranges), 'overlap')} {words}, up to {number(float(ranges.max()))} apart"
