"""What is measured of the updates between snapshots of one network, in one pass over its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.numerics.restructuring import random_walk_alignment
from rnnkit.stages.recurrent_courses import RecurrentCourse

__all__ = ["Updates", "updates_of"]

Floats = NDArray[np.float64]

#: Bytes of snapshots, in double precision, that are worked on together.
_BLOCK_BYTES = 1 << 23


@dataclass(frozen=True)
class Updates:
    """Snapshots W_0 ... W_K of one network and the updates between them.

    Attributes
    ----------
    steps : (K + 1,) int64
        Of the snapshots.
    weight_values : (K + 1, r) float64
        Singular values of W, falling; NaN where it is not finite.
    update_values : (K, s) float64
        Those of W_{k+1} - W_k.
    norms : (K,) float64
        Frobenius norms of the updates.
    alignment : (K,) float64
        Cosines of the updates and the ways to the end; NaN where one of the two is 0 or not known.
    alignment_null : (K,) float64
        The same of a random walk.
    flaws : list of (str or None)
        Statuses of snapshots that are not finite.
    """

    steps: NDArray[np.int64]
    weight_values: Floats
    update_values: Floats
    norms: Floats
    alignment: Floats
    alignment_null: Floats
    flaws: list[str | None]

    @property
    def gaps(self) -> NDArray[np.int64]:
        """(K,) steps that each update took."""
        return np.diff(self.steps)

    @property
    def middles(self) -> Floats:
        """(K,) steps half way through each update."""
        return np.asarray((self.steps[1:] + self.steps[:-1]) / 2)

    @property
    def sizes(self) -> Floats:
        """(K,) largest singular value of each update over the root of its gap; NaN where it is 0 or not known.

        The root is what makes gaps of different lengths comparable in a random walk.
        """
        largest = self.update_values[:, 0]
        return np.asarray(np.where(largest > 0, largest, np.nan) / np.sqrt(self.gaps))


def updates_of(course: RecurrentCourse, progress: Callable[[int], None] = lambda done: None) -> Updates:
    """Measure all updates of a network.

    Parameters
    ----------
    course : RecurrentCourse
    progress : function of snapshots done
    """
    count, block = len(course), course.block(_BLOCK_BYTES)
    end = course.read(count - 1, 1)
    flaws: list[str | None] = []
    values, update_values, norms, alignment = [], [], [], []
    for first in range(0, count, block):
        part = course.read(first, block + 1)  # one more, which the last update goes to
        own = min(block, count - first)
        flaws += part.flaws[:own]
        sound = np.array([flaw is None for flaw in part.flaws])
        weights = part.weights.part(0, own)
        values.append(_where(sound[:own], weights.singular_values()))
        if len(sound) > 1:
            pairs = len(sound) - 1
            before = part.weights.part(0, pairs)
            updates, ways = part.weights.part(1, pairs + 1).minus(before), end.weights.minus(before)
            both = sound[1:] & sound[:-1]
            update_values.append(_where(both, updates.singular_values()))
            norms.append(_where(both, updates.norms()))
            lengths = norms[-1] * ways.norms()
            cosines = np.divide(updates.inner(ways), lengths, out=np.full(pairs, np.nan), where=lengths > 0)
            alignment.append(_where(both & (end.flaws[0] is None), cosines))
        progress(first + own)
    found = np.concatenate(norms) if norms else np.zeros(0)
    return Updates(
        steps=course.steps,
        weight_values=np.concatenate(values),
        update_values=np.concatenate(update_values) if update_values else np.zeros((0, 1)),
        norms=found,
        alignment=np.concatenate(alignment) if alignment else np.zeros(0),
        alignment_null=random_walk_alignment(found),
        flaws=flaws,
    )


def _where(sound: NDArray[np.bool_], values: Floats) -> Floats:
    """Return values with NaN where a snapshot was not finite."""
    return np.where(sound.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)
