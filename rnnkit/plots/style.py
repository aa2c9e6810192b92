"""The theme of all pictures, and the parts that they share: sizes, colours, panels, labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import matplotlib as mpl
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.style import context

from rnnkit.errors import InputError
from rnnkit.plots.settings import Settings
from rnnkit.schemas import get_schema

__all__ = [
    "BLACK",
    "BLUE",
    "COLOURS",
    "GREEN",
    "GREY",
    "NAMED",
    "ORANGE",
    "PURPLE",
    "RED",
    "THEME",
    "Picture",
    "axis_label",
    "colours_of",
    "finish",
    "legend",
    "natural",
    "outer_labels",
    "panels",
    "rc_of",
    "set_scale",
    "themed",
]

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW, BLACK, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#000000", "#7F7F7F"
#: Okabe and Ito 2008, "Color universal design", in the order in which they are taken; yellow, faint on white, last.
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK, YELLOW)

#: Parameters of windows and of an interactive session: a picture is drawn without them.
_NO_EFFECT = (
    *("_", "backend", "interactive", "keymap.", "toolbar", "tk.", "webagg.", "macosx.", "figure.raise_window"),
    *("figure.max_open_warning", "savefig.directory", "docstring.", "date.epoch", "timezone"),
)
#: Inches: one column and two columns of a journal.
COLUMN, PAGE = 3.4, 7.0
#: Names that a legend or an axis can hold.
NAMED = 12
#: Panels beside each other, at most.
_ACROSS = 5

THEME: dict[str, Any] = {
    "figure.dpi": 100,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(color=list(COLOURS)),
    "axes.formatter.use_mathtext": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.0,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "image.cmap": "cividis",
    "image.interpolation": "none",
    # Text stays text that can be edited; outlines in SVG, which looks the same without the font.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    # Without it the names inside an SVG file are random.
    "svg.hashsalt": "rnnkit",
}


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What it shows, in a few words and figures, for those who cannot see it.
    left_out : tuple of str
        A line for each thing that could not be drawn.
    notes : tuple of str
        A line for each thing that could be drawn, and was not, as it is too much for one picture.
    named : tuple of (matplotlib.collections.PathCollection, tuple of str)
        Points that stand for networks, with the network of each: a page can say which one the pointer is on.
    """

    figure: Figure
    alt: str
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    named: tuple[tuple[PathCollection, tuple[str, ...]], ...] = ()


def rc_of(settings: Settings) -> dict[str, Any]:
    """Return the theme with the font size and the user's own parameters, checked.

    Raises
    ------
    InputError
        For a parameter that matplotlib does not have, or a value that does not fit.

    Examples
    --------
    >>> rc_of(Settings(font_size=10))["axes.titlesize"]
    10
    """
    size = settings.font_size
    small = {"legend.fontsize": 0.875 * size, "xtick.labelsize": 0.875 * size, "ytick.labelsize": 0.875 * size}
    sizes = {"font.size": size, "axes.titlesize": size, "axes.labelsize": size, "figure.titlesize": 1.125 * size}
    held = {**THEME, **sizes, **small}
    checked: Any = mpl.RcParams()
    for key, value in settings.rc.items():
        if key not in mpl.rcParamsDefault or key.startswith(_NO_EFFECT):
            near = get_close_matches(key, list(mpl.rcParamsDefault), n=1, cutoff=0.6)
            fix = f"did you mean '{near[0]}'?" if near and near[0] != key else "such as axes.grid=true"
            raise InputError("--style", f"'{key}' is no parameter of matplotlib with an effect here", fix)
        try:
            checked[key] = value
        except ValueError as error:
            raise InputError("--style", f"{key}={value}: {str(error).splitlines()[0]}", "give another value") from error
    return {**held, **checked}


@contextmanager
def themed(settings: Settings) -> Iterator[None]:
    """Put the theme in force; the user's own matplotlib settings have no part, so that all see the same picture."""
    with context(rc_of(settings), after_reset=True):
        yield


def panels(
    count: int, settings: Settings, aspect: float = 0.75, columns: int | None = None, projection: str | None = None
) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels, row by row.

    `aspect` is a panel's height over its width, where no height is given.
    """
    across = columns or (count if count <= 3 else min(_ACROSS, math.ceil(math.sqrt(count))))
    down = -(-count // across)
    width = settings.width or (COLUMN if across == 1 else PAGE)
    height = settings.height or min(100.0, width / across * aspect * down + 0.3)
    figure = Figure(figsize=(width, height), layout="constrained")
    places = [figure.add_subplot(down, across, k + 1, projection=projection) for k in range(count)]
    if projection == "3d":
        # The layout does not know of the labels of these axes: smaller, they leave room for them.
        for axes in places:
            axes.set_box_aspect(None, zoom=0.82)  # type: ignore[call-arg]
            axes.locator_params(nbins=5)
    return figure, places


def outer_labels(places: Sequence[Axes], x: str, y: str) -> None:
    """Name the axes of panels that all have the same ones: at the left, and below the last panel of each column."""
    for k, axes in enumerate(places):
        across = axes.get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
        if k % across == 0:
            axes.set_ylabel(y)
        if k + across >= len(places):
            axes.set_xlabel(x)


def axis_label(schema: str, name: str) -> str:
    """Return a column's name in words, with its unit.

    Examples
    --------
    >>> axis_label("training", "val_loss"), axis_label("training", "lr"), axis_label("ablations", "delta_fvu")
    ('validation loss (squared target units)', 'learning rate', 'ΔFVU (share)')
    """
    column = get_schema(schema).column(name)
    unit = "" if column is None else column.unit
    words = _WORDS.get(name, name.replace("_", " "))
    return (
        f"{words} ({unit})"
        if unit and unit not in (words, words + "s") and not unit.startswith(("see ", "as "))
        else words
    )


_WORDS = {
    "val_loss": "validation loss",
    "loss": "training loss",
    "lr": "learning rate",
    "grad_norm": "gradient norm",
    "epoch": "epoch",
    "fvu": "FVU",
    "fvu_full": "FVU before",
    "delta_fvu": "ΔFVU",
    "sensitivity": "sensitivity S",
}


def colours_of(values: Sequence[Any]) -> dict[Any, Any]:
    """Return a colour for each distinct value: Okabe and Ito's for up to eight, a colour map's for more."""
    found = sorted(set(values), key=natural)
    if len(found) <= len(COLOURS):
        return dict(zip(found, COLOURS, strict=False))
    shades = mpl.colormaps["viridis"]
    return {value: shades(k / (len(found) - 1)) for k, value in enumerate(found)}


def natural(value: Any) -> tuple[int, float, str]:
    """Return a sorting key: numbers, and texts that are numbers, by size, then others by letter.

    Examples
    --------
    >>> sorted(["10", "9", "b", "a"], key=natural)
    ['9', '10', 'a', 'b']
    """
    try:
        return 0, float(value), str(value)
    except (TypeError, ValueError):
        return 1, 0.0, str(value)


def set_scale(axes: Axes, settings: Settings, values: pd.Series, name: str, default: str | None = None) -> None:
    """Give the y axis the scale that is asked for, or else the default; None leaves it.

    Raises
    ------
    InputError
        When a logarithm is asked for and some value has none.
    """
    if settings.scale == "log" and not bool((values.dropna() > 0).all()):
        raise InputError("--scale", f"'{name}' has values of 0 or less", "--scale linear")
    scale = settings.scale or default
    if scale is not None:
        axes.set_yscale(scale)


def legend(figure: Figure, axes: Axes) -> None:
    """Put one legend for all panels under the figure, or none where nothing has a label."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        # The line, the gap and, of a letter, the width at this size: what does not fit would be cut off.
        size = float(mpl.rcParams["legend.fontsize"])
        each = size * (3.4 + 0.56 * max(map(len, labels))) / 72
        across = max(1, min(4, len(handles), int(figure.get_figwidth() / each)))
        figure.legend(handles, labels, loc="outside lower center", ncols=across)


def finish(figure: Figure, axes: Sequence[Axes], settings: Settings) -> None:
    """Put the user's title and labels in place of the kind's."""
    if settings.title is not None:
        figure.suptitle(settings.title)
    for one in axes:
        if settings.xlabel is not None and one.get_xlabel():
            one.set_xlabel(settings.xlabel)
        if settings.ylabel is not None and one.get_ylabel():
            one.set_ylabel(settings.ylabel)
