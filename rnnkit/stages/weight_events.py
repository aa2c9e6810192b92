"""Sudden updates in the training of one network: which last, which end its search, and what is around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.restructuring import EventRule, Scores, Spike, scores_of, spikes_of
from rnnkit.stages.recurrent_courses import RecurrentCourse
from rnnkit.stages.update_measures import Updates

__all__ = [
    "Episode",
    "Episodes",
    "EventRule",
    "Onset",
    "Sides",
    "correlation_changes",
    "find_episodes",
    "onsets_of",
    "side_rows",
]

Floats = NDArray[np.float64]

#: Bytes of snapshots, in double precision, that are compared at once with as many later ones.
_BLOCK_BYTES = 1 << 23


@dataclass(frozen=True)
class Onset:
    """When a network's search phase ended; NaN where it is not known.

    Attributes
    ----------
    onset, low, crossing : float
        The onset, the lower end of its interval, and the crossing of the loss below chance, in optimiser steps.
    """

    onset: float
    low: float
    crossing: float

    def overlaps(self, begin: float, end: float) -> bool:
        """Return whether steps `begin` to `end` meet the end of the search, from `low` to `crossing`.

        Examples
        --------
        >>> found = Onset(120.0, 100.0, 150.0)
        >>> found.overlaps(140, 170), found.overlaps(151, 170), Onset(math.nan, math.nan, 150.0).overlaps(0, 900)
        (True, False, False)
        """
        return begin <= self.crossing and end >= self.low

    def at(self, point: str) -> float:
        """Return the onset or the crossing."""
        return self.onset if point == "onset" else self.crossing


def onsets_of(table: pa.Table) -> dict[str, Onset]:
    """Return the onsets of an `onsets` table, by network.

    Raises
    ------
    InputError
        When a network stands in two rows.
    """
    names = [str(name) for name in table["network"].to_pylist()]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError("--onsets", f"network '{twice}' stands in two rows", "give a table of one criterion")
    columns = [table[name].to_pylist() for name in ("onset", "onset_low", "crossing")]
    found = zip(*[[math.nan if value is None else float(value) for value in one] for one in columns], strict=True)
    return {name: Onset(*values) for name, values in zip(names, found, strict=True)}


@dataclass(frozen=True)
class Episode:
    """Sudden updates in a row, judged.

    Attributes
    ----------
    spike : Spike
    score : float
        The highest.
    change : float
        1 - correlation of the weights before and after.
    usual_change : float
        Median of the same over all pairs of as many snapshots apart.
    kind : str
        `explicit`, `hidden`, or `transient` where the change is not unusual.
    """

    spike: Spike
    score: float
    change: float
    usual_change: float
    kind: str


@dataclass(frozen=True)
class Episodes:
    """Scores of all updates, and the episodes among them, in time."""

    scores: Scores
    episodes: tuple[Episode, ...]

    def events(self) -> list[str]:
        """Return, of each update, the event that it is part of: `none`, `explicit` or `hidden`."""
        found = ["none"] * len(self.scores.values)
        for one in self.episodes:
            if one.kind != "transient":
                found[one.spike.first : one.spike.last + 1] = [one.kind] * (one.spike.last - one.spike.first + 1)
        return found


def find_episodes(course: RecurrentCourse, sizes: Floats, rule: EventRule, onset: Onset | None) -> Episodes:
    """Find the sudden updates of a network, and which of them are events.

    Parameters
    ----------
    course : RecurrentCourse
    sizes : (K,) float64
        Of its updates, NaN where there is none.
    rule : EventRule
    onset : Onset or None
        Without it no event is at the end of the search.
    """
    scores = scores_of(sizes, rule.window)
    spikes = spikes_of(scores.values, rule)
    changes = {lag: correlation_changes(course, lag) for lag in sorted({one.after - one.before for one in spikes})}
    found = []
    for spike in spikes:
        apart = changes[spike.after - spike.before]
        known = apart[np.isfinite(apart)]
        change, usual = float(apart[spike.before]), float(np.median(known)) if len(known) else math.nan
        begin, end = course.steps[spike.first], course.steps[spike.last + 1]
        kind = "explicit" if onset is not None and onset.overlaps(begin, end) else "hidden"
        kind = kind if change > rule.sustained * usual else "transient"
        found.append(Episode(spike, float(scores.values[spike.peak]), change, usual, kind))
    return Episodes(scores, tuple(found))


def correlation_changes(course: RecurrentCourse, lag: int) -> Floats:
    """Return 1 - correlation of each snapshot with the one `lag` later.

    Returns
    -------
    (K + 1 - lag,) float64
        NaN where one of the two is not finite, or constant.
    """
    count, block = len(course) - lag, course.block(_BLOCK_BYTES)
    found = np.full(count, np.nan)
    for first in range(0, count, block):
        own = min(block, count - first)
        early, late = (course.read(first + shift, own) for shift in (0, lag))
        sound = np.array([a is None and b is None for a, b in zip(early.flaws, late.flaws, strict=True)])
        values = 1.0 - early.weights.standardised().inner(late.weights.standardised())
        found[first : first + own] = np.where(sound, values, np.nan)
    return found


@dataclass(frozen=True)
class Sides:
    """Which steps around an event are averaged over.

    Attributes
    ----------
    around : float
        Up to so many steps from its centre.
    before, after : (float, float)
        From so many steps before (after) it to so many.

    Raises
    ------
    InputError
        For a range that is none.
    """

    around: float = 50.0
    before: tuple[float, float] = (100.0, 400.0)
    after: tuple[float, float] = (350.0, 450.0)

    def __post_init__(self) -> None:
        if not 0 < self.around < math.inf:
            raise InputError("--around", f"{self.around} is not a positive number", "give a number of steps")
        for option, (near, far) in (("--before", self.before), ("--after", self.after)):
            if not 0 <= near < far < math.inf:
                raise InputError(option, f"{near},{far} is no range of steps", "give the nearer step first, from 0 on")

    def spans(self, centre: float) -> dict[str, tuple[float, float]]:
        """Return first and last step of each part, by what is put behind a column's name."""
        return {
            "": (centre - self.around, centre + self.around),
            "_before": (centre - self.before[1], centre - self.before[0]),
            "_after": (centre + self.after[0], centre + self.after[1]),
        }


def side_rows(
    name: str, found: Updates, episodes: Sequence[Episode], onset: Onset | None, sides: Sides
) -> list[dict[str, Any]]:
    """Return the rows of a `weight_events` table of one network: its onset, if one was asked for, and its episodes."""
    rows: list[dict[str, Any]] = []
    if onset is not None:
        rows.append({"number": 0, "kind": "onset", "centre": onset.onset})
    for number, one in enumerate(episodes, 1):
        spike = one.spike
        row = {
            "number": number, "kind": one.kind, "centre": float(found.middles[spike.peak]),
            "begin": int(found.steps[spike.first]), "end": int(found.steps[spike.last + 1]), "score": one.score,
            "change": one.change, "usual_change": one.usual_change,
        }  # fmt: skip
        rows.append(row)
    return [{"network": name, **row, **_means(found, row["centre"], sides)} for row in rows]


def _means(found: Updates, centre: float, sides: Sides) -> dict[str, Any]:
    """Return the largest singular values of updates and weights on and beside an event, and the status."""
    if not math.isfinite(centre):
        return {"status": "no_onset"}
    means: dict[str, Any] = {}
    missing = []
    for end, (first, last) in sides.spans(centre).items():
        for column, places, values in (
            ("update", found.middles, found.sizes),
            ("weight", found.steps, found.weight_values[:, 0]),
        ):
            held = values[(places >= first) & (places <= last)]
            held = held[np.isfinite(held)]
            means[column + end] = float(held.mean()) if len(held) else None
            if not len(held):
                missing.append(f"nothing{end or '_around'}")
    return means | {"status": missing[0] if missing else "ok"}
