"""What of the way to another task is left in overlaps: unseen, visible and functional ones beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from rnnkit.errors import InputError
from rnnkit.plots.estimates import spread
from rnnkit.plots.frames import frame, several, wanted
from rnnkit.plots.pairs import missing_numbers, shades_of
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, COLOURS, GREY, NAMED, Picture, axis_label, finish, legend, outer_labels, panels
from rnnkit.plots.words import listed, many, value_range

__all__ = ["VALUES", "draw"]

#: Columns that can be shown, with what the legend calls them, their marker, and whether it is filled.
VALUES = {
    "ratio": ("left", "o", False),
    "ratio_beyond_control": ("beyond the control", "o", True),
    "excursion": ("excursion", "D", False),
    "left": ("left", "o", False),
    "beyond_control": ("beyond the control", "o", True),
}
_SHARES = ("ratio", "ratio_beyond_control")
_CONTROLLED = ("ratio_beyond_control", "beyond_control")
_MEASURES = ("memory", "divergence")
_KINDS = ("unseen", "visible", "functional")
#: Networks or pairs whose points are joined over the kinds; lines of more hide the points.
_JOINED = len(COLOURS)
_UNCONVERGED = "phase_not_converged"


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a `path_dependence` table: kinds of overlaps along x, a point for each network or pair beside the others.

    Memory and divergence have a panel each (Ger & Barak, figures 3 and 9), and all panels one axis. It is logarithmic
    unless --scale says otherwise: functional overlaps are to lie far below the others. Symbols of what is left are
    open, those of what is beyond the control filled and smaller, so that both are seen where they agree.
    """
    columns = _columns(settings)
    rows = _asked(frame(tables["path_dependence"], ("losses", "other_losses")), settings)
    if not rows[columns].notna().to_numpy().any():
        raise InputError(f"column '{columns[0]}'", "has no numbers", "its column 'status' says why")
    scale, shown, zeros = _scaled(rows, columns, settings)
    measures = [one for one in _MEASURES if (shown["measure"] == one).any()]
    kinds = [one for one in _KINDS if (shown["kind"] == one).any()]
    figure, places = panels(len(measures), settings, aspect=0.8)
    notes = _notes(rows, columns)
    for axes, measure in zip(places, measures, strict=True):
        part = shown[shown["measure"] == measure]
        _panel(axes, part, columns, kinds)
        axes.set_title(_title(part, measure))
        notes += _name_runs(axes, part, measure)
        axes.set_yscale(scale)
    limits = [axes.get_ylim() for axes in places]
    for axes in places:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    outer_labels(places, "overlaps", _axis(columns))
    _key(places[0], shown, columns)
    legend(figure, places[0])
    finish(figure, places, settings)
    return Picture(figure, _alt(shown, columns, measures), _missing(rows, columns) + zeros, notes)


def _axis(columns: Sequence[str]) -> str:
    """Return what the y axis is called."""
    if columns[0] in _SHARES:
        return "share of the excursion"
    label = axis_label("path_dependence", columns[0])
    return label if len(columns) == 1 else label.replace(columns[0].replace("_", " "), "distance")


def _columns(settings: Settings) -> list[str]:
    """Return the columns to show: shares of the excursion, or sizes."""
    names = several(settings, _SHARES, list(VALUES))
    if len({name in _SHARES for name in names}) > 1:
        raise InputError("--value", "shares and squared weight units have no axis in common", "name those of one unit")
    return names


def _asked(rows: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return the rows of the networks asked for, second networks of pairs among them, with the column `run`.

    A run is what has a point: a network, or a pair of them.
    """
    rows = rows.assign(other=rows["other"].fillna(""))
    pair = rows["measure"] == "divergence"
    names = wanted(list(dict.fromkeys([*rows["network"], *rows.loc[pair, "other"]])), settings)
    rows = rows.assign(run=rows["network"].where(~pair, rows["network"] + " and " + rows["other"]))
    return rows[rows["network"].isin(names) | (pair & rows["other"].isin(names))]


def _scaled(
    rows: pd.DataFrame, columns: Sequence[str], settings: Settings
) -> tuple[str, pd.DataFrame, tuple[str, ...]]:
    """Return the scale, the rows with a number that it can show, and a line on those that it cannot.

    One ratio of 0 among many does not make the axis linear, on which all others would be one.

    Raises
    ------
    InputError
        When a logarithm is asked for and some value has none.
    """
    values = rows[columns].astype(float)
    zeros = int((values <= 0).to_numpy().sum())
    if settings.scale == "log" and zeros:
        raise InputError("--scale", f"{many(zeros, 'value')} of 0", "--scale linear")
    scale = settings.scale or ("log" if bool((values > 0).to_numpy().any()) else "linear")
    if scale == "log":
        values = values.where(values > 0)
    held = rows.assign(**{name: values[name] for name in columns})[values.notna().any(axis=1)]
    said = (f"{many(zeros, 'value')} of 0, without a logarithm (--scale linear)",) if zeros and scale == "log" else ()
    return scale, held, said


def _panel(axes: Axes, part: pd.DataFrame, columns: Sequence[str], kinds: Sequence[str]) -> None:
    runs = list(dict.fromkeys(part["run"]))
    shades, place = shades_of(runs), {kind: k for k, kind in enumerate(kinds)}
    # Points of a kind fill two thirds of its lane at most, and few of them stand close together.
    beside = dict(zip(runs, spread(len(runs), min(0.33, 0.08 * (len(runs) - 1))), strict=True))
    size = 1.0 if len(runs) <= NAMED else 0.6
    if columns[0] in _SHARES:
        axes.axhline(1.0, color=GREY, linewidth=0.6, linestyle=":", zorder=0, gid="all of it")
    for edge in np.arange(0.5, len(kinds) - 1):
        axes.axvline(edge, color=GREY, linewidth=0.3, alpha=0.5, zorder=0)
    for run, own in part.groupby("run", sort=False):
        own = own.assign(at=own["kind"].map(place)).sort_values("at")
        at = own["at"].to_numpy(dtype=float) + beside[str(run)]
        for column in columns:
            look = _symbol(column, shades[str(run)], size) | {"gid": f"{run} {column}", "linewidth": 0.5}
            axes.plot(at, own[column], linestyle=_line(column) if len(runs) <= _JOINED else "", **look)
        bad = (own["status"] == _UNCONVERGED).to_numpy()
        for column in columns if bad.any() else ():
            axes.plot(at[bad], own.loc[bad, column], **_cross(size), gid=f"{run} {column} not converged")
    axes.set_xlim(-0.5, len(kinds) - 0.5)
    axes.set_xticks(range(len(kinds)), kinds)


def _symbol(column: str, shade: Any, size: float) -> dict[str, Any]:
    """Return how a column's points look."""
    _, marker, filled = VALUES[column]
    sizes = {"markersize": (3.2 if filled else 5.5) * size, "markeredgewidth": 0.8 * size}
    return {"color": shade, "marker": marker, "markerfacecolor": shade if filled else "none", **sizes}


def _line(column: str) -> str:
    """Return how a column's points are joined over the kinds."""
    return "-" if VALUES[column][2] else "--"


def _cross(size: float) -> dict[str, Any]:
    return {"color": BLACK, "marker": "x", "markersize": 7.0 * size, "markeredgewidth": 0.6, "linestyle": ""}


def _title(part: pd.DataFrame, measure: str) -> str:
    """Return the measure, with the protocols where all have the same, below the network or pair where it is one."""
    first, protocols = part.iloc[0], part[["protocol", "other_protocol"]].drop_duplicates()
    said = measure
    if measure == "divergence" and len(protocols) == 1:
        said = f"{measure} after {first['protocol']} and {first['other_protocol']}"
    elif measure == "memory" and protocols["protocol"].nunique() == 1:
        said = f"{measure} after {first['protocol']}"
    alone = part["run"].nunique() == 1
    names = [first["network"]] + ([first["other"]] if measure == "divergence" else [])
    return "\n".join([*(names if alone else []), said])


def _name_runs(axes: Axes, part: pd.DataFrame, measure: str) -> tuple[str, ...]:
    """Name networks or pairs by their colours beside a panel; a single one is in the title, many are a line."""
    firsts = part.drop_duplicates("run")
    runs = firsts["run"].tolist()
    if len(runs) > NAMED:
        return (f"{many(len(runs), 'network' if measure == 'memory' else 'pair')} have a colour each, and no legend",)
    if len(runs) == 1:
        return ()
    short = _distinct([*firsts["network"], *(firsts["other"] if measure == "divergence" else [])])
    names = [short[one] for one in firsts["network"]]
    if measure == "divergence":
        names = [f"{name} / {short[other]}" for name, other in zip(names, firsts["other"], strict=True)]
    shades = shades_of(runs)
    handles = [Line2D([], [], color=shades[run], label=name) for run, name in zip(runs, names, strict=True)]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.02), borderaxespad=0.2, handlelength=1.0)
    return ()


def _distinct(names: Sequence[str]) -> dict[str, str]:
    """Return names without the words that all have at the same place; whole ones where their words are not as many.

    Examples
    --------
    >>> _distinct(["ac-n8-s0", "bc-n8-s0", "ac-n8-s1", "bc-n8-s1"])["bc-n8-s0"]
    'bc-s0'
    """
    words = [name.split("-") for name in names]
    if len(set(map(len, words))) > 1 or len(set(names)) == 1:
        return dict(zip(names, names, strict=True))
    places = [k for k in range(len(words[0])) if len({held[k] for held in words}) > 1]
    return {name: "-".join(held[k] for k in places) for name, held in zip(names, words, strict=True)}


def _key(axes: Axes, shown: pd.DataFrame, columns: Sequence[str]) -> None:
    """Put what the symbols mean into the legend."""
    for column in columns:
        if shown[column].notna().any():
            axes.plot([], [], **_symbol(column, BLACK, 1.0), linestyle="", label=VALUES[column][0])
    if (shown["status"] == _UNCONVERGED).any():
        axes.plot([], [], **_cross(1.0), label="a phase did not converge")


def _missing(rows: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """Return a line for each network or pair without a number that there ought to be: of a control, where it is."""
    lines: tuple[str, ...] = ()
    rows = rows.assign(network=rows["run"])
    for column in columns:
        ought = rows[rows["other"].ne("") & rows["measure"].eq("memory")] if column in _CONTROLLED else rows
        lines += missing_numbers(ought, [column])
    return lines


def _notes(rows: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """Return lines on runs whose phases did not converge, and on what has no control."""
    held = rows[rows[["excursion", "left"]].notna().any(axis=1)]
    bad = held.loc[held["status"] == _UNCONVERGED, "run"]
    without = held.loc[held["other"].eq(""), "run"] if set(columns) & set(_CONTROLLED) else bad.iloc[:0]
    lines = []
    for what, runs in (("a phase did not converge", bad), ("no control", without)):
        names = list(dict.fromkeys(runs))
        if names:
            lines.append(f"{what}: {listed(names, NAMED)}")
    if set(columns) <= set(_CONTROLLED) and (held["measure"] == "divergence").any():
        lines.append("divergence has no control, and no panel here")
    return tuple(lines)


def _alt(shown: pd.DataFrame, columns: Sequence[str], measures: Sequence[str]) -> str:
    each: list[str] = []
    for measure in measures:
        part = shown[shown["measure"] == measure]
        kinds = [(kind, own) for kind in _KINDS if len(own := part[part["kind"] == kind])]
        ranges = "; ".join(f"{kind} {_ranges(own, columns)}" for kind, own in kinds)
        runs = many(part["run"].nunique(), "network" if measure == "memory" else "pair")
        each.append(f" {measure if not each else measure.capitalize()} of {runs}, {ranges}.")
    count = len(shown.loc[shown["status"] == _UNCONVERGED, ["measure", "run"]].drop_duplicates())
    bad = f" A phase did not converge in {count} of them." if count else ""
    what = "Share of the excursion" if columns[0] in _SHARES else "Distances"
    return f"{what}, by kind of overlaps:{''.join(each)}{bad}"


def _ranges(rows: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return the range of each column that has numbers."""
    held = [one for one in columns if rows[one].notna().any()]
    return ", ".join(f"{value_range(rows[one])} ({VALUES[one][0]})" for one in held)
