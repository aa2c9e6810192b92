"""Matrices of overlaps: how they move each other's (the augmented Gram matrix), or the overlaps themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.plots.frames import few, frame, short_names
from rnnkit.plots.pairs import OVERLAP, SEEN_COLOURS, at_step, missing_numbers, of_networks, pair_name
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, GREY, Picture, finish, legend, outer_labels, panels
from rnnkit.plots.words import many, value_range

__all__ = ["draw"]

Floats = NDArray[np.float64]
#: A pair of loading vectors.
Pair = tuple[str, str]

#: More names than these cannot be read.
_NAMED = 24
#: Entries of both signs: brown below 0, white, green above; as far apart for colour-blind readers.
_SIGNED = "BrBG"
_DOTS = {
    "seen": (SEEN_COLOURS[True], "of overlaps seen by the loss"),
    "unseen": (SEEN_COLOURS[False], "of overlaps not seen"),
    "both": (BLACK, "of both"),
    "unknown": (GREY, "where no theory says"),
}


@dataclass(frozen=True)
class _Matrix:
    """What a panel shows.

    Attributes
    ----------
    names : tuple of str
        Of rows and columns.
    seen : tuple of (bool or None)
        Of each: whether the loss sees it; empty for single vectors.
    values : (names, names) float64
        NaN where there is no number.
    dots : mapping of str to list of (int, int)
        Row and column of the dots, by what they say.
    """

    names: tuple[str, ...]
    seen: tuple[bool | None, ...]
    values: Floats
    dots: Mapping[str, Sequence[tuple[int, int]]]


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a matrix for each network, at its last step or the one that --step names.

    Of a `gram_matrix` table the augmented Gram matrix, seen overlaps first. A dot is where the loss has a slope by the
    column's overlap and the entry is not zero; its colour says which overlaps the entry is made of (Ger & Barak,
    figure 11). Of an `overlaps` table the matrix of overlaps S, with dots on those that the loss sees.
    """
    whole = "gram_matrix" in tables
    rows = of_networks(frame(tables["gram_matrix" if whole else "overlaps"]), settings)
    rows, left_out, notes = at_step(rows, settings)
    names, more = few(list(dict.fromkeys(rows["network"])), settings)
    rows = rows[rows["network"].isin(names)]
    if not rows["value"].notna().any():
        raise InputError("column 'value'", "has no numbers", "its column 'status' says why")
    matrices = [(_gram if whole else _overlaps)(rows[rows["network"] == name]) for name in names]
    most = float(np.nanmax([np.nanmax(np.abs(one.values), initial=0.0) for one in matrices])) or 1.0
    figure, places = panels(len(names), settings, aspect=1.0)
    short = short_names(names)
    for axes, name, one in zip(places, short, matrices, strict=True):
        step = int(rows.loc[rows["network"] == names[short.index(name)], "step"].iloc[0])
        image = _panel(axes, one, Normalize(-most, most))
        axes.set_title(f"{name}, step {step}")
    used = [key for key in _DOTS if any(one.dots.get(key) for one in matrices)]
    for key in used:
        label = f"with a slope, made {_DOTS[key][1]}" if whole else "seen by the loss"
        places[0].plot([], [], "o", color=_DOTS[key][0], markeredgecolor="white", label=label)
    outer_labels(places, *(("slope of the loss by", "overlap that moves") if whole else ("vector", "vector")))
    words = f"entry {OVERLAP[8:]}" if whole else OVERLAP
    figure.colorbar(image, ax=places, label=words, shrink=0.7, fraction=0.05, aspect=30, pad=0.02)
    legend(figure, places[0])
    finish(figure, places, settings)
    return Picture(figure, _alt(matrices, whole), left_out + missing_numbers(rows, ["value"]), more + notes)


def _gram(part: pd.DataFrame) -> _Matrix:
    """Return the augmented Gram matrix of one network and step, what the loss sees first."""
    rows = list(zip(part["left"], part["right"], strict=True))
    columns = list(zip(part["by_left"], part["by_right"], strict=True))
    seen: dict[Pair, bool | None] = {}
    for pair, value in (*zip(columns, part["by_visible"], strict=True), *zip(rows, part["visible"], strict=True)):
        seen.setdefault(pair, None if pd.isna(value) else bool(value))
    order = sorted(seen, key=lambda pair: (True, False, None).index(seen[pair]))
    place = {pair: k for k, pair in enumerate(order)}
    values = np.full((len(order), len(order)), np.nan)
    dots: dict[str, list[tuple[int, int]]] = {key: [] for key in _DOTS}
    for pair, by, value in zip(rows, columns, part["value"], strict=True):
        values[place[pair], place[by]] = value
        if seen[by] and not pd.isna(value) and value != 0:
            dots[_made_of(pair, by, seen)].append((place[pair], place[by]))
    return _Matrix(tuple(pair_name(*pair) for pair in order), tuple(seen[pair] for pair in order), values, dots)


def _made_of(pair: Pair, by: Pair, seen: Mapping[Pair, bool | None]) -> str:
    """Return whether an entry of the augmented Gram matrix is a sum of overlaps that the loss sees.

    It is d_ac s_bd + d_ad s_bc + d_bc s_ad + d_bd s_ac for the pairs ab and cd, with d = 1 for the same vector.
    """
    (a, b), (c, d) = pair, by
    shared = ((a, c, b, d), (a, d, b, c), (b, c, a, d), (b, d, a, c))
    terms = {(y, z) if (y, z) in seen else (z, y) for one, other, y, z in shared if one == other}
    held = {seen.get(term) for term in terms}
    if not held or None in held:
        return "unknown"
    return "both" if len(held) == 2 else "seen" if True in held else "unseen"


def _overlaps(part: pd.DataFrame) -> _Matrix:
    """Return the overlaps of one network and step as a symmetric matrix."""
    names = list(dict.fromkeys([*part["left"], *part["right"]]))
    place = {name: k for k, name in enumerate(names)}
    a, b = (part[side].map(place).to_numpy(dtype=int) for side in ("left", "right"))
    values = np.full((len(names), len(names)), np.nan)
    values[a, b] = values[b, a] = part["value"].to_numpy(dtype=float)
    visible = [not pd.isna(value) and bool(value) for value in part["visible"]]
    dots = {(int(y), int(x)) for p, q, held in zip(a, b, visible, strict=True) if held for y, x in ((p, q), (q, p))}
    return _Matrix(tuple(names), (), values, {"seen": sorted(dots)})


def _panel(axes: Axes, one: _Matrix, norm: Normalize) -> AxesImage:
    count = len(one.names)
    shades = mpl.colormaps[_SIGNED].with_extremes(bad=GREY)
    image = axes.imshow(np.ma.masked_invalid(one.values), cmap=shades, norm=norm, aspect="equal")
    axes.spines[:].set_visible(True)
    for key, places in one.dots.items():
        if places:
            y, x = np.array(places).T
            size = min(4.0, 60 / count)
            axes.plot(
                *(x, y, "o"),
                color=_DOTS[key][0],
                markersize=size,
                markeredgecolor="white",
                markeredgewidth=0.5,
                gid=key,
            )
    edge = one.seen.count(True) - 0.5
    if one.seen and 0 < edge < count - 1:
        axes.axhline(edge, color=BLACK, linewidth=0.6, gid="partition")
        axes.axvline(edge, color=BLACK, linewidth=0.6, gid="partition")
    if count > _NAMED:
        axes.set_xticks([])
        axes.set_yticks([])
        return image
    axes.set_xticks(range(count), one.names, rotation=90 if one.seen else 0)
    axes.set_yticks(range(count), one.names)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for text, seen in zip(labels, one.seen, strict=False):
            text.set_color(SEEN_COLOURS[seen])
    return image


def _alt(matrices: Sequence[_Matrix], whole: bool) -> str:
    first = matrices[0]
    size = f"{len(first.names)} × {len(first.names)}"
    entries = value_range(np.concatenate([one.values.ravel() for one in matrices]))
    dots = sum(len(places) for places in first.dots.values())
    if not whole:
        return f"Matrices of overlaps of {many(len(matrices), 'network')}, {size}: {entries}; {dots} entries seen."
    kinds = ", ".join(f"{len(first.dots[key])} {_DOTS[key][1]}" for key in _DOTS if first.dots[key])
    return (
        f"Augmented Gram matrices of {many(len(matrices), 'network')}, {size}, {first.seen.count(True)} of the "
        f"overlaps seen by the loss: entries {entries}; {dots} of the first with a slope ({kinds})."
    )
