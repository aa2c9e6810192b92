"""A factor along the x axis: where its values stand, and what the axis says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator
from numpy.typing import NDArray

from rnnkit.errors import InputError, unknown_name
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import NAMED, natural

__all__ = ["Factor", "factor_of"]

_ALL = "all"
#: Values this far apart, as a ratio, are nothing for a linear axis.
_DECADES = 100.0


@dataclass(frozen=True)
class Factor:
    """A group column along the x axis.

    Attributes
    ----------
    name : str, optional
        None without any group column: then everything stands at one place.
    places : mapping of str to float
        Where each of its values stands.
    log : bool
    """

    name: str | None
    places: Mapping[str, float]
    log: bool

    def values_of(self, rows: pd.DataFrame) -> list[str]:
        """Return the value of each row, as text."""
        return [_ALL] * len(rows) if self.name is None else [str(value) for value in rows[self.name].fillna("none")]

    def at(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return the place of each row."""
        return np.array([self.places[value] for value in self.values_of(rows)], dtype=np.float64)

    def beside(self, x: NDArray[np.float64], share: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return places moved by a share of the axis, which looks the same along a logarithmic one."""
        held = np.array(list(self.places.values()))
        if self.log:
            moved: NDArray[np.float64] = x * (held.max() / held.min()) ** share
            return moved
        return x + share * (float(np.ptp(held)) or 1.0)

    def draw_axis(self, axes: Axes) -> None:
        """Name the factor, and its values unless they are many."""
        if self.name is None:
            axes.set_xticks([])
            return
        axes.set_xlabel(self.name.replace("_", " "))
        if self.log:
            axes.set_xscale("log")
        if len(self.places) <= NAMED:
            axes.set_xticks(list(self.places.values()), list(self.places))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())


def factor_of(settings: Settings, rows: pd.DataFrame, keys: Sequence[str]) -> Factor:
    """Return the factor that --factor names, or the first group column that varies.

    Its axis is linear; logarithmic where the values are positive and the largest is a hundred times the least or
    more, or where --factor-scale says so. Values that are no numbers stand one after another.

    Raises
    ------
    InputError
        For a column that is no group column, or a logarithmic axis of what has no logarithm.

    Examples
    --------
    >>> rows = pd.DataFrame({"gamma": ["0.1", "10"]})
    >>> found = factor_of(Settings(), rows, ["gamma"])
    >>> found.places, found.log
    ({'0.1': 0.1, '10': 10.0}, True)
    """
    if settings.factor is not None and settings.factor not in keys:
        raise unknown_name("--factor", settings.factor, keys, "group column")
    first = next((key for key in keys if rows[key].nunique(dropna=False) > 1), keys[0] if keys else None)
    name = settings.factor or first
    if name is None:
        places, log = {_ALL: 0.0}, False
    else:
        values = sorted({str(value) for value in rows[name].fillna("none")}, key=natural)
        numbers = [natural(value) for value in values]
        numeric = all(kind == 0 and np.isfinite(number) for kind, number, _ in numbers)
        places = {v: n if numeric else float(k) for k, (v, (_, n, _)) in enumerate(zip(values, numbers, strict=True))}
        log = numeric and min(places.values()) > 0
    if settings.factor_scale == "log" and not log:
        raise InputError("--factor-scale", f"'{name}' has values that have no logarithm", "--factor-scale linear")
    wide = log and max(places.values()) >= _DECADES * min(places.values())
    return Factor(name, places, log and (settings.factor_scale == "log" or (settings.factor_scale is None and wide)))
