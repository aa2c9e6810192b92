"""Unseen overlaps carried along the path of the visible ones, beside those that training led to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.numerics.overlap_connection import transport
from rnnkit.stages.courses import Course
from rnnkit.stages.overlap_replay import descends, vector_factors

__all__ = ["carried_rows", "relative_rates"]

Floats = NDArray[np.float64]

#: Snapshots of a phase, its ends among them, that a path and its error can be told from.
_FEWEST = 5


def relative_rates(course: Course) -> Floats:
    """Return the factor on the rate of each loading vector, (n,): 0 for one that was not trained.

    The readout's vectors are its weights over gamma, and their slopes are by the weights: a factor 1 / gamma^2.
    """
    gamma = course.network.architecture.gamma
    factors, _ = vector_factors(course.network, course.layout)
    of_readout = np.array([name.startswith("z") for name in course.layout.names])
    return np.where(of_readout, np.array(factors) / gamma**2, factors)


def carried_rows(course: Course) -> Iterator[dict[str, Any]]:
    """Yield a row for each phase and unseen overlap of one network.

    Phases are carried one after the other, since a path has a corner where the task changes: each from where the last
    one was carried to, so that the first start is all that is known of the unseen overlaps.
    """
    layout = course.layout
    rows, columns = layout.pairs()
    unseen = ~layout.visible(course.linear)
    pairs = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if unseen[i, j]]
    start = course.path[course.at(course.legs[0].first)]
    held: Floats | None = start
    error, status = 0.0, "ok" if descends(course.network) else "no_theory"
    for phase, leg in enumerate(course.legs, start=1):
        part = slice(course.at(leg.first), course.at(leg.last) + 1)
        if held is not None:
            held, cost, flaw = _carry(course, part, held)
            error, status = error + cost, flaw or status
        measured = course.path[course.at(leg.last)]
        for i, j in pairs:
            carried = None if held is None else float(held[i, j])
            yield {
                "network": course.network.name,
                "phase": phase,
                "left": layout.names[i],
                "right": layout.names[j],
                "protocol": course.protocol,
                "step": leg.last,
                "start": float(start[i, j]),
                "measured": float(measured[i, j]),
                "carried": carried,
                "deviation": None if carried is None else carried - float(measured[i, j]),
                "error": None if held is None else error,
                "status": course.flaw or status,
            }


def _carry(course: Course, part: slice, held: Floats) -> tuple[Floats | None, float, str]:
    """Return the overlaps at the end of a phase, what its spacing may have cost, and why there are none."""
    path = course.path[part]
    if course.flaw or not np.isfinite(path).all():
        return None, 0.0, course.flaw or "not_finite"
    if len(path) < _FEWEST:
        return None, 0.0, "few_snapshots"
    # What is seen is measured anew at each start; what is unseen goes on from where it was carried to.
    start = np.where(course.layout.visible(course.linear), path[0], held)
    times = course.steps[part].astype(np.float64)
    found = transport(course.layout, start, path, course.linear, relative_rates(course), times)
    if found.status != "ok" or not np.isfinite(found.overlaps[-1]).all():
        return None, 0.0, "not_carried"
    return found.overlaps[-1], found.error, ""
