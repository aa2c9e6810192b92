"""Kinds of fixed points, and what each looks like."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.plots.pairs import at_step
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLUE, GREY, ORANGE, RED

__all__ = ["LOOK", "kinds_of", "of_step"]

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


def of_step(table: pa.Table, settings: Settings) -> tuple[pa.Table, tuple[str, ...], tuple[str, ...]]:
    """Return the points of one step of training, as :func:`rnnkit.plots.pairs.at_step` does; all where there are none.

    Raises
    ------
    InputError
        When a step is asked for that no network has.

    Examples
    --------
    >>> of_step(pa.table({"network": ["a", "a"], "step": [0, 9]}), Settings())[0].to_pylist()
    [{'network': 'a', 'step': 9}]
    """
    if "step" in table.column_names and table["step"].null_count < len(table):
        rows = table.select(["network", "step"]).to_pandas()
        held, left_out, notes = at_step(rows[rows["step"].notna()], settings)
        return table.take(pa.array(held.index.to_numpy())), left_out, notes
    if settings.step is not None:
        raise InputError("--step", "the points are of no step of training", "leave it out")
    return table, (), ()
