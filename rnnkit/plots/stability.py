"""Kinds of fixed points, and what each looks like."""

from __future__ import annotations

import pandas as pd

from rnnkit.plots.style import BLUE, GREY, ORANGE, RED

__all__ = ["LOOK", "kinds_of"]

#: Kinds of points: marker and colour.
LOOK = {"stable": ("o", BLUE), "saddle": ("D", RED), "slow": ("^", ORANGE), "moving": ("v", GREY)}


def kinds_of(rows: pd.DataFrame) -> pd.Series:
    """Return `stable`, `saddle`, `slow` or `moving` for each row, null where there is no point.

    Examples
    --------
    >>> kinds_of(pd.DataFrame({"kind": ["fixed", "fixed", "slow"], "stable": [True, False, False]})).tolist()
    ['stable', 'saddle', 'slow']
    """
    fixed = rows["stable"].map(lambda stable: "stable" if stable is True or stable == 1 else "saddle")
    return rows["kind"].where(rows["kind"] != "fixed", fixed)
