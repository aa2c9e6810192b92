"""A network's states in a `rollout` table: their principal axes, and the first trials in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rnnkit.numerics.principal_space import PrincipalSpace, principal_space_of
from rnnkit.plots.frames import vectors

__all__ = ["TRIALS", "Activity", "activity", "label_axes", "pc_labels"]

Floats = NDArray[np.float64]

#: Trajectories of a network, unless --trials says otherwise.
TRIALS = 20
#: Numbers of the states that are converted at a time.
_BLOCK = 1 << 20
#: Panels that have room for units on each axis.
_ROOMY = 4


@dataclass(frozen=True)
class Activity:
    """States of one network.

    Attributes
    ----------
    space : PrincipalSpace
        Of all its states.
    paths : list of (steps, dims) float64
        The first trials, in these axes.
    trials : (paths,) int64
    last : (paths,) int64
        The row of the table with the last step of each.
    found : int
        Trials that the table holds.
    """

    space: PrincipalSpace
    paths: list[Floats]
    trials: NDArray[np.int64]
    last: NDArray[np.int64]
    found: int


def activity(rollout: pa.Table, name: str, dims: int, count: int) -> Activity | None:
    """Return the states of a network in their principal axes, or None where it has none.

    The axes are those of all states, read in blocks; of the states themselves only those of the first `count`
    trials are kept, so that what is in memory beside the table does not grow with it.

    Parameters
    ----------
    rollout : pyarrow.Table
        Of schema `rollout`.
    name : str
        Network.
    dims : int
        2 or 3.
    count : int
        Trajectories.
    """
    own = pc.and_(pc.equal(rollout["network"], pa.scalar(name)), pc.is_valid(rollout["hidden"])).to_numpy()
    rows = np.flatnonzero(own)
    if not len(rows):
        return None
    trial, step = (rollout[column].to_numpy()[rows] for column in ("trial", "step"))
    known = np.unique(trial)
    chosen = known[:count]
    kept = np.isin(trial, chosen)
    states = vectors(rollout.select(["hidden"]).filter(_among(rows[kept], len(own))), "hidden")
    space = principal_space_of(_blocks(rollout, own), dims)
    rows, trial, step = rows[kept], trial[kept], step[kept]
    order = np.lexsort((step, trial))
    ends = np.searchsorted(trial[order], chosen, side="right")
    paths = np.split(space.project(states[order]), ends[:-1])
    return Activity(space, paths, chosen, rows[order][ends - 1], len(known))


def _among(rows: NDArray[np.int64], count: int) -> pa.Array[Any]:
    mask = np.zeros(count, dtype=bool)
    mask[rows] = True
    return pa.array(mask)


def _blocks(rollout: pa.Table, own: NDArray[np.bool_]) -> Iterator[Floats]:
    """Yield the states of the rows marked, some at a time."""
    hidden = rollout.select(["hidden"])
    first = int(own.argmax())
    size = max(1, _BLOCK // max(1, len(hidden["hidden"][first])))
    for start in range(first, len(own), size):
        part = own[start : start + size]
        if part.any():
            yield vectors(hidden.slice(start, size).filter(pa.array(part)), "hidden")


def label_axes(figure: Figure, places: Sequence[Axes], spaces: Sequence[PrincipalSpace]) -> None:
    """Label the axes of panels; where there is little room, the unit stands once, at the left of the figure."""
    crowded = len(places) > _ROOMY or places[0].name == "3d"
    for axes, space in zip(places, spaces, strict=True):
        for letter, label in zip("xyz", pc_labels(space, "" if crowded else "state units, "), strict=False):
            getattr(axes, f"set_{letter}label")(label)
    if crowded:
        figure.supylabel("state units", fontsize="medium")


def pc_labels(space: PrincipalSpace, unit: str = "state units, ") -> list[str]:
    """Return the labels of the axes, with the share of the variance along each.

    Examples
    --------
    >>> from rnnkit.numerics.principal_space import principal_space
    >>> pc_labels(principal_space([[0.0, 0.0], [2.0, 0.0]], 2))
    ['PC 1 (state units, 100%)', 'PC 2 (state units, 0%)']
    """
    return [f"PC {k} ({unit}{share:.0%})" for k, share in enumerate(space.explained, 1)]
