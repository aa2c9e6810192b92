"""Recurrent weights along training: singular values of updates, their alignment with the way to the end, events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.history import History
from rnnkit.numerics.restructuring import EventRule
from rnnkit.numerics.threads import one_thread
from rnnkit.schemas import get_schema
from rnnkit.stages.recurrent_courses import recurrent_course
from rnnkit.stages.update_measures import Updates, updates_of
from rnnkit.stages.weight_events import Episodes, Onset, Sides, find_episodes, side_rows
from rnnkit.tables import arrow_schema, build

__all__ = ["ALIGNMENTS", "NetworkUpdates", "weight_updates"]

Floats = NDArray[np.float64]

#: What the steps of training can be counted from.
ALIGNMENTS = ("onset", "crossing")


@dataclass(frozen=True)
class NetworkUpdates:
    """What was found of one network.

    Attributes
    ----------
    updates : pyarrow.Table
        Of schema `weight_updates`.
    events : pyarrow.Table
        Of schema `weight_events`; no rows unless sides were asked for.
    """

    updates: pa.Table
    events: pa.Table


def weight_updates(
    networks: Sequence[Checkpoint],
    histories: Sequence[History],
    *,
    rule: EventRule | None = None,
    onsets: Mapping[str, Onset] | None = None,
    align: str | None = None,
    sides: Sides | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[NetworkUpdates]:
    """Yield the weights and updates of each network along its training.

    Parameters
    ----------
    networks : sequence of Checkpoint
    histories : sequence of History
        One for each network.
    rule : EventRule, optional
        Look for events by it.
    onsets : dict of Onset, optional
        Ends of the search phases, by network (:func:`rnnkit.stages.weight_events.onsets_of`). Without them every event
        counts as hidden.
    align : str, optional
        One of :data:`ALIGNMENTS`: also count steps from there. Needs `onsets`.
    sides : Sides, optional
        Compare events and onsets with what was before and after.
    progress : function of (snapshots done, snapshots)

    Raises
    ------
    InputError
        For a history that is not of its network or holds no recurrent weights, and a network without an onset row.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from rnnkit.architectures import Architecture
    >>> from rnnkit.checkpoints import save_history
    >>> from rnnkit.history import open_history
    >>> shape = Architecture(family="vanilla", units=2, inputs=1, outputs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.history.safetensors"
    ...     held = np.array([np.zeros((2, 2)), np.diag([3.0, 4.0]), np.diag([3.0, 0.0])])
    ...     save_history(file, np.array([0, 5, 10]), {"recurrent.weight": held}, "a")
    ...     (found,) = weight_updates([Checkpoint("a", shape, {})], [open_history(file)])
    >>> found.updates["update_singular_values"].to_pylist()
    [[4.0, 3.0], [4.0, 0.0], None]
    >>> [found.updates[name].to_pylist()[:2] for name in ("alignment", "status")]
    [[0.6, 1.0], ['ok', 'ok']]
    """
    if align is not None and align not in ALIGNMENTS:
        raise unknown_name("--align", align, ALIGNMENTS, "point of training")
    if align is not None and onsets is None:
        raise InputError("--align", "needs the ends of the search phases", "add --onsets FILE")
    courses = [recurrent_course(*pair) for pair in zip(networks, histories, strict=True)]
    ends = [None if onsets is None else _onset(onsets, network.name) for network in networks]
    total, done = sum(map(len, courses)), 0
    for course, end in zip(courses, ends, strict=True):
        begun = done

        def advance(count: int, begun: int = begun) -> None:
            progress(begun + count, total)

        with one_thread():
            found = updates_of(course, advance)
            scored = None if rule is None else find_episodes(course, found.sizes, rule, end)
        episodes = () if scored is None else scored.episodes
        rows = [] if sides is None else side_rows(course.network.name, found, episodes, end, sides)
        yield NetworkUpdates(_table(course.network.name, found, scored, end, align), build("weight_events", rows))
        done += len(course)


def _onset(onsets: Mapping[str, Onset], name: str) -> Onset:
    if name not in onsets:
        raise InputError("--onsets", f"has no row of network '{name}'", "measure the onsets of the same networks")
    return onsets[name]


def _table(name: str, found: Updates, scored: Episodes | None, end: Onset | None, align: str | None) -> pa.Table:
    """Return the rows of one network, a snapshot each; the last one has no update."""
    last = len(found.steps) - 1
    start = np.nan if end is None or align is None else end.at(align)
    held: dict[str, Any] = {
        "network": [name] * (last + 1),
        "step": found.steps,
        "relative_step": _numbers(np.asarray(found.steps - start, dtype=np.float64)),
        "gap": pa.array([*found.gaps.tolist(), None], pa.int64()),
        "update_singular_values": _lists(found.update_values, 1),
        "weight_singular_values": _lists(found.weight_values, 0),
        "update_norm": _numbers(found.norms, 1),
        "alignment": _numbers(found.alignment, 1),
        "alignment_null": _numbers(found.alignment_null, 1),
        "score": _numbers(np.full(last, np.nan) if scored is None else scored.scores.values, 1),
        "event": pa.array([*_events(scored, last), None], pa.string()),
        "status": _statuses(found, scored, align is not None and not np.isfinite(start)),
    }
    schema = arrow_schema(get_schema("weight_updates"))
    return pa.table({field.name: held[field.name] for field in schema}, schema=schema)


def _events(scored: Episodes | None, count: int) -> Sequence[str | None]:
    """Return the event of each update; none is known where there are no scores."""
    return [None] * count if scored is None or scored.scores.status != "ok" else scored.events()


def _statuses(found: Updates, scored: Episodes | None, unaligned: bool) -> list[str]:
    """Return the status of each snapshot: the first reason why a number is missing."""
    last = len(found.steps) - 1
    rest = "no_onset" if unaligned else "ok"
    if scored is not None and scored.scores.status != "ok":
        rest = scored.scores.status
    bad = [flaw is not None for flaw in found.flaws]
    status = []
    for k, flaw in enumerate(found.flaws):
        if flaw is not None:
            status.append(flaw)
        elif k == last:
            status.append("last" if last and rest in ("ok", "no_onset") else "too_few_snapshots" if not last else rest)
        elif any(bad[k:]):
            status.append("not_finite_later")
        else:
            status.append(rest if np.isfinite(found.alignment[k]) else "no_direction")
    return status


def _numbers(values: Floats, missing: int = 0) -> Any:
    """Return numbers, null where they are not finite, and so many nulls behind them."""
    held = np.concatenate([values, np.full(missing, np.nan)])
    return pa.array(held, pa.float64(), mask=~np.isfinite(held))


def _lists(values: Floats, missing: int) -> list[Floats | None]:
    """Return a list of each row, null where it is not finite, and so many nulls behind them."""
    return [*(row if np.isfinite(row).all() else None for row in values), *[None] * missing]
