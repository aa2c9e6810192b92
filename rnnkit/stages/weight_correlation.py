"""Correlations of a network's recurrent weights between all pairs of snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.history import History
from rnnkit.numerics.threads import one_thread
from rnnkit.schemas import get_schema
from rnnkit.stages.recurrent_courses import RecurrentCourse, recurrent_course
from rnnkit.tables import arrow_schema

__all__ = ["weight_correlation"]

Floats = NDArray[np.float64]
Marks = NDArray[np.object_]

#: Bytes of each of the two blocks of snapshots, in double precision, that are compared: the larger, the fewer passes.
_BLOCK_BYTES = 1 << 23
#: Pairs of a table that is yielded: their texts take more room than their numbers.
_PAIRS = 1 << 14


def weight_correlation(
    networks: Sequence[Checkpoint],
    histories: Sequence[History],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[pa.Table]:
    """Yield Pearson correlations, over all entries of the recurrent weights, of all pairs of snapshots of a network.

    Parameters
    ----------
    networks : sequence of Checkpoint
    histories : sequence of History
        One for each network.
    progress : function of (pairs done, pairs)

    Yields
    ------
    pyarrow.Table
        Of schema `weight_correlation`: some snapshots with all later ones. An unordered pair stands once.

    Raises
    ------
    InputError
        For a history that is not of its network or holds no recurrent weights.

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
    ...     held = np.array([np.diag([1.0, 1.0]), np.ones((2, 2)), np.diag([3.0, 3.0])])
    ...     save_history(file, np.array([0, 5, 10]), {"recurrent.weight": held}, "a")
    ...     (found,) = weight_correlation([Checkpoint("a", shape, {})], [open_history(file)])
    >>> [found[name].to_pylist() for name in ("step_a", "step_b", "status")]
    [[0, 0, 5], [5, 10, 10], ['constant_weights', 'ok', 'constant_weights']]
    >>> [None if value is None else round(value, 12) for value in found["correlation"].to_pylist()]
    [None, 1.0, None]
    """
    courses = [recurrent_course(*pair) for pair in zip(networks, histories, strict=True)]
    total, done = sum(len(course) * (len(course) - 1) // 2 for course in courses), 0
    for course in courses:
        block = course.block(_BLOCK_BYTES)
        for first in range(0, len(course), block):
            with one_thread():
                values, flaws = _correlations(course, first, block)
            each = max(1, _PAIRS // values.shape[1])
            for start in range(0, len(values), each):
                rows = _rows(course, first, start, values[start : start + each], flaws)
                done += rows.num_rows
                progress(done, total)
                yield rows


def _correlations(course: RecurrentCourse, first: int, block: int) -> tuple[Floats, Marks]:
    """Return correlations (k, K - first) of some snapshots with themselves and all later ones, and what is wrong."""
    early = course.read(first, block)
    standard = early.weights.standardised()
    values, flaws = [standard.gram(standard)], list(early.flaws)
    for start in range(first + block, len(course), block):
        late = course.read(start, block)
        values.append(standard.gram(late.weights.standardised()))
        flaws += late.flaws
    return np.concatenate(values, axis=1), np.array([flaw or "" for flaw in flaws], object)


def _rows(course: RecurrentCourse, first: int, start: int, values: Floats, marks: Marks) -> pa.Table:
    """Return the pairs of the snapshots from `first + start` on with all later ones."""
    a, b = np.triu_indices(len(values), start + 1, values.shape[1])
    found = values[a, b].clip(-1.0, 1.0)
    steps = course.steps[first:]
    a += start
    status = np.where(marks[a] != "", marks[a], marks[b])
    status = np.where((status == "") & ~np.isfinite(found), "constant_weights", status)
    status[status == ""] = "ok"
    held = {
        "network": pa.array([course.network.name] * len(a), pa.string()),
        "step_a": steps[a],
        "step_b": steps[b],
        "correlation": pa.array(found, mask=status != "ok"),
        "status": pa.array(status.tolist(), pa.string()),
    }
    return pa.table(held, schema=arrow_schema(get_schema("weight_correlation")))
