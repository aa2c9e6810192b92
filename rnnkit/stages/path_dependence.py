"""What earlier tasks leave in overlaps: memory after A-B-A, with its control, and divergence after A-C and B-C."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.numerics.overlap_memory import Separation, memory, separation
from rnnkit.stages.carried_overlaps import carried_rows
from rnnkit.stages.courses import Course, course_of
from rnnkit.tables import build

__all__ = ["path_dependence"]

Floats = NDArray[np.float64]

#: What a kind of overlaps is called in the table.
_KINDS = {"invisible": "unseen", "visible": "visible", "functional": "functional"}


def path_dependence(
    networks: Sequence[Checkpoint],
    histories: Sequence[History],
    *,
    connection: bool = False,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> tuple[pa.Table, pa.Table]:
    """Return what of earlier tasks is left in networks' overlaps, and how unseen overlaps follow visible ones.

    Networks are matched among themselves: those of equal weights before training, seed and settings. A network whose
    last task came before, with another in between, gets rows of memory; its control is one that learnt the first
    task all the while. Two networks with the same last task and different first ones get rows of divergence.

    Parameters
    ----------
    networks : sequence of Checkpoint
        Of the family `lowrank`, trained by protocols.
    histories : sequence of History
        One for each.
    connection : bool
        Fill the second table too; it is empty otherwise.
    progress : function of networks done and their number

    Returns
    -------
    table : pyarrow.Table
        Of schema `path_dependence`.
    carried : pyarrow.Table
        Of schema `carried_overlaps`.

    Raises
    ------
    InputError
        For networks that were not trained in phases or have no loading vectors, and when no network returned to a task
        and no two ended on one.
    """
    courses: list[Course] = []
    carried: list[dict[str, Any]] = []
    for done, (network, history) in enumerate(zip(networks, histories, strict=True)):
        courses.append(course_of(network, history))
        carried += carried_rows(courses[-1]) if connection else []
        progress(done + 1, len(networks))
    rows = [row for course in courses for row in _memory_rows(course, courses)]
    rows += [row for a, b in itertools.combinations(courses, 2) for row in _divergence_rows(a, b)]
    if not rows:
        what = f"{len(courses)} networks, of which none returned to a task and no two ended on one after different ones"
        raise InputError("CKPT", what, "give networks trained with --protocol A,B,A, or with A,C and with B,C")
    return build("path_dependence", rows), build("carried_overlaps", carried)


def _returned(course: Course) -> int | None:
    """Return the last phase, from 0, whose task is that of the end, with another right before the end; or None."""
    tasks = [leg.task for leg in course.legs]
    if len(tasks) < 3 or tasks[-2] == tasks[-1] or tasks[-1] not in tasks[:-2]:
        return None
    return max(k for k, task in enumerate(tasks[:-2]) if task == tasks[-1])


def _control_of(course: Course, courses: Sequence[Course]) -> Course | None:
    """Return the network that went on with the same task: up to the first end and from the same start the same."""
    first = _returned(course)
    if first is None or not course.origin:
        return None
    wanted = [leg.task for leg in course.legs[: first + 1]]
    wanted += [wanted[-1]] * (len(course.legs) - len(wanted))
    ends = [leg.last for leg in course.legs]
    return next(
        (
            other
            for other in courses
            if other.origin == course.origin
            and not other.flaw
            and [leg.task for leg in other.legs] == wanted
            and [leg.last for leg in other.legs] == ends
        ),
        None,
    )


def _memory_rows(course: Course, courses: Sequence[Course]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a network that returned to a task; of one that diverged, rows without numbers."""
    first = _returned(course)
    if course.flaw:
        yield from _rows(course, None, "memory", {}, course.flaw)
    elif first is not None:
        control = _control_of(course, courses)
        found = memory(
            course.layout,
            course.end(first),
            course.end(-2),
            course.end(-1),
            course.linear,
            None if control is None else control.end(-1),
        )
        left = separation(course.layout, course.end(first), course.end(-1), course.linear)
        numbers = {
            "excursion": found.excursion,
            "left": left,
            "ratio": found.left,
            "ratio_beyond_control": found.beyond_control,
        }
        if control is not None:
            numbers["beyond_control"] = separation(course.layout, control.end(-1), course.end(-1), course.linear)
        settled = course.converged and (control is None or control.converged)
        status = "phase_not_converged" if not settled else "no_control" if control is None else "ok"
        yield from _rows(course, control, "memory", numbers, status)


def _divergence_rows(a: Course, b: Course) -> Iterator[dict[str, Any]]:
    """Yield the rows of two networks that began alike, learnt different tasks and then the same."""
    tasks = [[leg.task for leg in course.legs] for course in (a, b)]
    ends = [[leg.last for leg in course.legs] for course in (a, b)]
    same = a.origin and a.origin == b.origin and ends[0] == ends[1] and len(tasks[0]) > 1
    if not same or a.flaw or b.flaw or tasks[0][-1] != tasks[1][-1] or tasks[0][0] == tasks[1][0]:
        return
    before, after = (separation(a.layout, a.end(leg), b.end(leg), a.linear) for leg in (0, -1))
    numbers = {"excursion": before, "left": after, "ratio": _ratio(after, before)}
    settled = a.converged and b.converged
    yield from _rows(a, b, "divergence", numbers, "ok" if settled else "phase_not_converged")


def _ratio(part: Separation, whole: Separation) -> Separation:
    """Return ratios, NaN where the whole is 0."""

    def one(name: str) -> Floats:
        x, y = getattr(part, name), getattr(whole, name)
        found: Floats = np.full(np.shape(x), np.nan)
        np.divide(x, y, out=found, where=y > 0)
        return found

    return Separation(**{entry.name: one(entry.name) for entry in fields(Separation)})


def _rows(
    course: Course, other: Course | None, measure: str, numbers: dict[str, Separation], status: str
) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of overlaps; functional ones are of linear networks."""
    for name, kind in _KINDS.items():
        if name == "functional" and not course.linear:
            continue
        held = {column: float(getattr(values, name)) for column, values in numbers.items()}
        still = bool(numbers) and held["excursion"] == 0 and status in ("ok", "no_control")
        yield {
            "network": course.network.name,
            "other": "" if other is None else other.network.name,
            "measure": measure,
            "kind": kind,
            "protocol": course.protocol,
            "other_protocol": None if other is None else other.protocol,
            **held,
            "losses": course.losses,
            "other_losses": None if other is None else other.losses,
            "stop_loss": course.stop_loss,
            "status": "no_excursion" if still else status,
        }
