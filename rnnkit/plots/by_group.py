"""What the pictures of groups of units share: a colour for each group, lines of networks under their median."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from rnnkit.plots.style import BLUE, GREY, ORANGE

__all__ = ["SHADES", "draw_lines", "groups_of"]

#: Colours of the groups of units, in the order of legends.
SHADES = {"all": GREY, "memory": BLUE, "computation": ORANGE}


def groups_of(rows: pd.DataFrame, column: str) -> list[str]:
    """Return the groups that have rows, in the order of legends.

    Examples
    --------
    >>> groups_of(pd.DataFrame({"units": ["memory", "all", "memory"]}), "units")
    ['all', 'memory']
    """
    held = set(rows[column])
    return [name for name in SHADES if name in held]


def draw_lines(axes: Axes, rows: pd.DataFrame, x: str, y: str, by: str, groups: Sequence[str]) -> None:
    """Draw a pale line for each network and group, and the median of each group's networks over them.

    What has one place along x only is drawn as points.
    """
    marker = "o" if rows[x].nunique() == 1 else None
    for name in groups:
        part = rows[(rows[by] == name) & rows[y].notna()]
        if part.empty:
            continue
        several = part["network"].nunique() > 1
        for network, line in part.groupby("network", sort=False):
            ordered = line.sort_values(x, kind="stable")
            axes.plot(
                *(ordered[x], ordered[y]),
                color=SHADES[name], alpha=0.35 if several else 1.0, linewidth=0.7 if several else 1.2,
                marker=marker, label=None if several else name, gid=f"{network} {name}",
            )  # fmt: skip
        if several:
            middle = part.groupby(x)[y].median()
            axes.plot(
                *(middle.index, middle), color=SHADES[name], linewidth=1.8, marker=marker,
                label=f"{name}, median", gid=f"median {name}",
            )  # fmt: skip
