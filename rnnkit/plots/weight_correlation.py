"""Correlations of recurrent weights between all pairs of snapshots, as matrices."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.plots.frames import few, frame, having, short_names
from rnnkit.plots.pairs import missing_numbers
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import GREY, Picture, axis_label, finish, outer_labels, panels
from rnnkit.plots.words import many, value_range

__all__ = ["draw"]

Floats = NDArray[np.float64]


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a symmetric matrix for each network, steps along both axes; grey where there is no number.

    The colours go from the lowest correlation of all panels to 1.
    """
    rows = having(frame(tables["weight_correlation"]), "network", settings.networks, "--network")
    names, notes = few(list(dict.fromkeys(rows["network"])), settings)
    rows = rows[rows["network"].isin(names)]
    if not rows["correlation"].notna().any():
        raise InputError("column 'correlation'", "has no numbers", "its column 'status' says why")
    lowest = float(rows["correlation"].min())
    scale = Normalize(lowest if lowest < 1.0 else 0.0, 1.0)
    figure, places = panels(len(names), settings, aspect=1.0)
    for axes, name, title in zip(places, names, short_names(names), strict=True):
        image = _panel(axes, rows[rows["network"] == name], scale)
        axes.set_title(title)
    words = axis_label("weight_updates", "step")
    outer_labels(places, words, words)
    figure.colorbar(image, ax=places, label="correlation of weights", shrink=0.7, fraction=0.05, aspect=30, pad=0.02)
    finish(figure, places, settings)
    alt = (
        f"Correlations of the weights of {many(len(names), 'network')} between all pairs of snapshots: "
        f"{value_range(rows['correlation'])}."
    )
    return Picture(figure, alt, missing_numbers(rows, ["correlation"]), notes)


def _panel(axes: Axes, part: pd.DataFrame, scale: Normalize) -> QuadMesh:
    steps = np.unique(np.concatenate([part["step_a"], part["step_b"]]))
    a, b = (np.searchsorted(steps, part[name]) for name in ("step_a", "step_b"))
    table = np.full((len(steps), len(steps)), np.nan)
    table[a, b] = table[b, a] = part["correlation"]
    # A snapshot is as like itself as can be, where it has numbers at all.
    table[np.diag_indices(len(steps))] = np.where(np.isfinite(table).any(0), 1.0, np.nan)
    shades = mpl.colormaps[mpl.rcParams["image.cmap"]].with_extremes(bad=GREY)
    edges = _edges(steps)
    # A million cells would be a million shapes in a file of vectors.
    mesh = axes.pcolormesh(edges, edges, table, cmap=shades, norm=scale, rasterized=True, gid="correlation")
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    return mesh


def _edges(steps: NDArray[np.int64]) -> Floats:
    """Return the borders of cells around steps: half way between them.

    Examples
    --------
    >>> _edges(np.array([0, 10, 30])).tolist()
    [-5.0, 5.0, 20.0, 40.0]
    """
    middles = (steps[1:] + steps[:-1]) / 2
    ends = 2 * steps[[0, -1]] - middles[[0, -1]]
    return np.concatenate([ends[:1], middles, ends[1:]])
