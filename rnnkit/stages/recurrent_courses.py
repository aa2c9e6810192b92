"""The recurrent weights of a network along its training, read a few snapshots at a time, for every family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.architectures import CAYLEY_TENSORS
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.models.recurrence import form_cayley
from rnnkit.numerics.matrix_stacks import Dense, MatrixStack, Product
from rnnkit.stages.overlaps import check_history

__all__ = ["Part", "RecurrentCourse", "recurrent_course"]

_LEFT, _RIGHT = "recurrent.left", "recurrent.right"
#: Snapshots of thin factors that are worked on together: of pairs of them there are the square.
_MOST = 128


@dataclass(frozen=True)
class Part:
    """Some snapshots in a row.

    Attributes
    ----------
    weights : MatrixStack
        W of each; 0 where it is not finite.
    flaws : list of (str or None)
        `not_finite:TENSOR` of those that are not.
    """

    weights: MatrixStack
    flaws: list[str | None]


@dataclass(frozen=True)
class RecurrentCourse:
    """The recurrent weights of one network at every snapshot.

    W is the matrix that acts: of gated cells the gates stacked, (gates N, N); left right^T / N in networks of low rank,
    as its factors; J / N in `mup`.

    Attributes
    ----------
    network : Checkpoint
    history : History
    tensors : tuple of str
        That make up W and were trained.
    """

    network: Checkpoint
    history: History
    tensors: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.history.steps)

    @property
    def steps(self) -> NDArray[np.int64]:
        """(K,) optimiser steps of the snapshots, rising."""
        return self.history.steps

    def block(self, room: int) -> int:
        """Return how many snapshots take so many bytes in double precision; 1 or more."""
        shapes = self.network.architecture.shapes()
        names = (_LEFT, _RIGHT) if _LEFT in shapes else ("recurrent.weight",)
        each = sum(8 * int(np.prod(shapes[name])) for name in names)
        return max(1, min(_MOST, room // max(1, each)))

    def read(self, first: int, count: int) -> Part:
        """Read the snapshots from `first` on, `count` of them or up to the end."""
        count = min(count, len(self) - first)
        held = self.history.read(first, count, self.tensors)
        flaws: list[str | None] = [None] * count
        for name in sorted(held, reverse=True):
            value = held[name]
            bad = ~np.isfinite(value).all(axis=tuple(range(1, value.ndim)))
            for k in np.flatnonzero(bad):
                flaws[k] = f"not_finite:{name}"
            held[name] = np.where(bad.reshape(-1, *[1] * (value.ndim - 1)), 0, value)
        return Part(self._stack(held, count), flaws)

    def _stack(self, held: dict[str, NDArray[Any]], count: int) -> MatrixStack:
        def whole(name: str) -> NDArray[Any]:
            """Return what was kept at each snapshot, or the network's own where it was not trained."""
            own = self.network.weights[name]
            return held[name] if name in held else np.broadcast_to(own, (count, *own.shape))

        architecture = self.network.architecture
        if _LEFT in architecture.shapes():
            left, right = (np.asarray(whole(name), dtype=np.float64) for name in (_LEFT, _RIGHT))
            return Product(left / architecture.units, right)
        if "recurrent.weight" in held:
            matrix = np.asarray(held["recurrent.weight"], dtype=np.float64)
        else:
            parts = {name: torch.from_numpy(np.ascontiguousarray(whole(name))) for name in CAYLEY_TENSORS}
            matrix = form_cayley(parts).matrix.numpy()
        return Dense(matrix / architecture.units if architecture.family == "mup" else matrix)


def recurrent_course(network: Checkpoint, history: History) -> RecurrentCourse:
    """Return the recurrent weights of a network along its training.

    Raises
    ------
    InputError
        When the snapshots are not of such a network, do not hold its recurrent weights, or are not in order.
    """
    check_history(network, history)
    wanted: Sequence[str] = ("recurrent.weight", _LEFT, _RIGHT, *CAYLEY_TENSORS)
    tensors = tuple(name for name in wanted if name in history.names)
    if not tensors:
        what = "holds no recurrent weights: they were not trained"
        raise InputError(str(history.path), what, "train without --freeze of recurrent tensors")
    if np.any(np.diff(history.steps) <= 0):
        raise InputError(str(history.path), "its snapshots are not in order of their steps", "train again")
    return RecurrentCourse(network, history, tensors)
