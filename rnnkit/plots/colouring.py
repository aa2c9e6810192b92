"""Colours that stand for values: one each for a few, a colour map for numbers that vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from rnnkit.plots.style import GREY, NAMED, colours_of

__all__ = ["Colouring", "colouring"]

#: Different fractions from which on they are a quantity and no labels.
_QUANTITY = 4


@dataclass(frozen=True)
class Colouring:
    """What colour each value has.

    Attributes
    ----------
    by : str
        What the values are of.
    shades : mapping
        The colour of each value; of numbers that vary, empty.
    scale : matplotlib.cm.ScalarMappable, optional
        Of numbers that vary.
    """

    by: str
    shades: Mapping[Any, Any]
    scale: ScalarMappable | None = None

    def of(self, value: Any) -> Any:
        """Return the colour of a value, grey for none."""
        if self.scale is None:
            return self.shades.get(_text(value), GREY)
        return GREY if pd.isna(value) else self.scale.to_rgba(value)

    def key(self, figure: Figure, places: Sequence[Axes], form: str) -> None:
        """Put a colour bar beside the panels, or labels with markers of that form into the legend of the first.

        More values than a legend can name have none.
        """
        if self.scale is not None:
            figure.colorbar(self.scale, ax=list(places), label=self.by, shrink=0.8, pad=0.02)
        elif len(self.shades) <= NAMED:
            nowhere: Any = [[]] * (3 if places[0].name == "3d" else 2)
            for value, shade in self.shades.items():
                places[0].plot(*nowhere, form, color=shade, label=f"{self.by} {value}")


def colouring(by: str, values: Sequence[Any]) -> Colouring:
    """Return colours for values: numbers with fractions that vary have a map, everything else a colour each.

    Examples
    --------
    >>> colouring("seed", [0, 1, None]).shades
    {'0': '#0072B2', '1': '#E69F00', 'none': '#009E73'}
    >>> colouring("loss", [0.1, 0.2, 0.4, 0.8]).scale is None
    False
    """
    held = [value for value in values if not pd.isna(value)]
    numbers = [float(value) for value in held if isinstance(value, (float, np.floating))]
    varied = len(set(numbers)) >= _QUANTITY and any(value % 1 for value in numbers)
    if held and len(numbers) == len(held) and varied:
        scale = ScalarMappable(Normalize(min(numbers), max(numbers)), mpl.colormaps["viridis"])
        return Colouring(by, {}, scale)
    return Colouring(by, colours_of([_text(value) for value in values]))


def _text(value: Any) -> str:
    """Return a value as a legend has it; null is a value as any other."""
    if pd.isna(value):
        return "none"
    return str(int(value)) if isinstance(value, (float, np.floating)) and value % 1 == 0 else str(value)
