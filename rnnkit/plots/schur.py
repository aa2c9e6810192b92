"""Ordered Schur forms: the size of every entry of T, and where its sectors part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.plots.frames import few, frame, groups, having, list_rows, short_names
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, RED, Picture, finish, outer_labels, panels
from rnnkit.plots.words import many, value_range

__all__ = ["draw"]

Floats = NDArray[np.float64]
#: A block's name, column and row, and points to the right and up of there.
_Label = tuple[str, float, float, float, float]

#: Decades of the logarithmic scale: below, entries do next to nothing.
_DECADES = 4
#: A sector of a smaller share of the rows has its label beside it.
_THIN = 0.2


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw |T| of a `schur` table with the rows of T, a panel for each network and threshold.

    Lines part the leading sector R from the rest C. Couplings go from a column's direction to a row's: RR inside R,
    CR from C into R, CC inside C. Entries below a ten-thousandth of the largest are as pale as it, zeros blank.
    """
    table = tables["schur"]
    if "rows" not in table.column_names or table["rows"].null_count == table.num_rows:
        raise InputError("column 'rows'", "has no value", "schur-ablate --schur FILE --schur-rows fills it")
    rows = having(frame(table, ["rows"]), "network", settings.networks, "--network")
    names, notes = few(list(dict.fromkeys(rows["network"])), settings, rows["alpha"].nunique())
    rows = rows[rows["network"].isin(names)]
    lists = list_rows(table, "rows")
    short = dict(zip(names, short_names(names), strict=True))
    several = rows["alpha"].nunique() > 1
    whole = rows[[lists[k] is not None for k in rows.index]]
    parts = groups(whole, ["network", "alpha"])
    forms = [_form(part, lists) for _, part in parts]
    most = max(float(np.abs(form).max()) for form in forms)
    norm = _norm(settings.scale, most)
    figure, places = panels(len(parts), settings, aspect=0.95)
    for (group, part), form, axes in zip(parts, forms, places, strict=True):
        leading = int(part.loc[part["sector"] == "R", "size"].sum())
        image = _panel(axes, form, leading, norm)
        title = short[group["network"]] if len(names) > 1 else group["network"]
        axes.set_title(f"{title}, α = {group['alpha']:g}" if several else title, fontsize="small", pad=12)
    outer_labels(places, "column of T", "row of T")
    figure.colorbar(
        image, ax=places, label="|T| (as weights)", shrink=0.7, fraction=0.05, aspect=30, pad=0.02, extend="min"
    )
    finish(figure, places, settings)
    leads = value_range([int(part.loc[part["sector"] == "R", "size"].sum()) for _, part in parts])
    sizes = f"{value_range([len(form) for form in forms])} rows, of them in the leading sector R {leads}"
    alt = f"Sizes of the entries of the ordered Schur forms of {many(len(names), 'network')}: {sizes}."
    missing = rows.drop(whole.index).drop_duplicates("network")
    left_out = tuple(f"{n}: no rows of T ({s})" for n, s in missing[["network", "status"]].to_numpy())
    return Picture(figure, alt, left_out, notes)


def _form(part: pd.DataFrame, lists: list[Floats | None]) -> Floats:
    """Return T, (units, units), from the rows of its blocks."""
    part = part.sort_values("start", kind="stable")
    held = [np.zeros(0) if (found := lists[k]) is None else found for k in part.index]
    units = int(part["size"].sum())
    if any(len(one) != size * units for one, size in zip(held, part["size"], strict=True)):
        what = f"its blocks have rows of other lengths than {units}"
        raise InputError(f"network '{part['network'].iloc[0]}'", what, "write the table again")
    return np.concatenate(held).reshape(units, units)


def _norm(scale: str | None, most: float) -> Normalize:
    if scale == "linear" or most == 0:
        return Normalize(0.0, most or 1.0)
    return LogNorm(most * 10.0**-_DECADES, most, clip=True)


def _panel(axes: Axes, form: Floats, leading: int, norm: Normalize) -> Any:
    """Draw one form; return its image."""
    units = len(form)
    shades = mpl.colormaps[mpl.rcParams["image.cmap"] + "_r"].with_extremes(bad="white")
    image = axes.imshow(np.ma.masked_equal(np.abs(form), 0.0), cmap=shades, norm=norm, aspect="equal")
    axes.spines[:].set_visible(True)
    edge = leading - 0.5
    if 0 < leading < units:
        axes.plot([edge, edge], [-0.5, units - 0.5], color=RED, linewidth=0.8, gid="partition")
        axes.plot([-0.5, units - 0.5], [edge, edge], color=RED, linewidth=0.8, gid="partition")
    for name, x, y, across, down in _labels(leading, units):
        axes.annotate(
            name,
            (x, y),
            (across, down),
            textcoords="offset points",
            ha="center",
            va="center",
            color=BLACK,
            fontsize="small",
            gid="block",
            # A label beside a block too small for it is tied to it.
            arrowprops={"arrowstyle": "-", "linewidth": 0.5} if across else None,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.8, "linewidth": 0},
            annotation_clip=False,
        )
    axes.set_xlim(-0.5, units - 0.5)
    axes.set_ylim(units - 0.5, -0.5)
    ticks = sorted({0, units - 1} | ({leading} if 0.1 * units < leading < 0.9 * units else set()))
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    return image


def _labels(leading: int, units: int) -> list[_Label]:
    """Return the blocks' names, where they stand, and by how many points beside it.

    RR and CC stand below the diagonal, where T is zero; RR below its block where that is too small. CR stands above
    the matrix, over the columns of C.
    """
    found: list[_Label] = []
    if leading:
        small = leading < _THIN * units
        found.append(
            (
                "RR",
                *(
                    (leading - 0.5, leading - 0.5, 9, -24)
                    if small
                    else (0.22 * leading - 0.5, 0.8 * leading - 0.5, 0, 0)
                ),
            )
        )
    if 0 < leading < units:
        found.append(("CR", (leading + units) / 2 - 0.5, -0.5, 0, 6))
    if leading < units:
        rest = units - leading
        small = rest < _THIN * units
        found.append(
            (
                "CC",
                *(
                    (leading - 0.5, units - 0.5, -8, 8)
                    if small
                    else (leading + 0.22 * rest - 0.5, leading + 0.8 * rest - 0.5, 0, 0)
                ),
            )
        )
    return found
