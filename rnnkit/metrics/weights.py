"""What the metrics of recurrent weights share: the weights that act, by network, and which pairs can be compared."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics.base import Metric, MetricOptions, Network, PairDistance, Reduction, acting_readout, acting_weights

__all__ = ["UnitWeights", "WeightMetric", "unit_weights"]


@dataclass(frozen=True)
class UnitWeights:
    """A network's weights, or as many pairs' first or second ones as the leading axis has.

    Attributes
    ----------
    recurrent : (gates, units, units) float64
        The recurrent weights that act.
    linear : (units, features) float64
        What else belongs to a unit: no features, or those of :func:`unit_weights`.
    """

    recurrent: NDArray[np.float64]
    linear: NDArray[np.float64]

    def squares(self) -> NDArray[np.float64]:
        """Return the sum of squares of all weights, by pair."""
        with np.errstate(over="ignore"):  # infinite, then: so is the norm to double precision
            return np.asarray((self.recurrent**2).sum((-3, -2, -1)) + (self.linear**2).sum((-2, -1)))

    @property
    def entries(self) -> int:
        """Number of weights of one network."""
        return int(np.prod(self.recurrent.shape[-3:]) + np.prod(self.linear.shape[-2:]))


def unit_weights(checkpoint: Checkpoint, initial: bool = False) -> NDArray[np.float64]:
    """Return each unit's input weights, biases and acting readout weights, (units, features).

    The first two of every gate; the readout with its 1 / N and 1 / gamma, and before it, in `plrnn`, the factor on the
    unit's own state. A bias that a checkpoint does not hold is zero. The readout's own bias and the initial state
    belong to no connection of a unit and are left out.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=2, inputs=1, outputs=1, gamma=2.0)
    >>> held = {"input.weight": np.array([[1.0], [2.0]]), "readout.weight": np.array([[4.0, 6.0]])}
    >>> unit_weights(Checkpoint("a", shape, held)).tolist()
    [[1.0, 0.0, 2.0], [2.0, 0.0, 3.0]]
    """
    tensors = checkpoint.initial if initial else checkpoint.weights
    shape = checkpoint.architecture
    rows = shape.spec.gates * shape.units
    stacked = [np.asarray(tensors["input.weight"], dtype=np.float64)]
    for bias in ("input.bias", "recurrent.bias"):
        if bias in shape.shapes():
            stacked.append(np.asarray(tensors.get(bias, np.zeros(rows)), dtype=np.float64)[:, None])
    gates = np.concatenate(stacked, axis=1).reshape(shape.spec.gates, shape.units, -1)
    return np.concatenate([*gates, _own_factors(checkpoint, initial), acting_readout(shape, tensors).T], axis=1)


def _own_factors(checkpoint: Checkpoint, initial: bool) -> NDArray[np.float64]:
    """Return what `plrnn` units multiply their own state by, (units, 1); (units, 0) in other families."""
    tensors = checkpoint.initial if initial else checkpoint.weights
    if not checkpoint.architecture.spec.diagonal:
        return np.empty((checkpoint.architecture.units, 0))
    return np.asarray(tensors["recurrent.diagonal"], dtype=np.float64)[:, None]


class WeightMetric(Metric):
    """A distance between the recurrent weights that act, of networks of one size."""

    level = "weights"
    needs_activity = False
    uses: ClassVar[tuple[str, ...] | None] = ()
    initial: ClassVar[bool] = False

    def reduce(self, network: Network, common: Mapping[str, Any], options: MetricOptions) -> Reduction:
        """Take the weights that act; none where a checkpoint does not hold them."""
        if self.initial and not network.checkpoint.initial:
            return Reduction({}, "no_initial_weights")
        held = self.take(network.checkpoint, options)
        return Reduction({"recurrent": held.recurrent, "linear": held.linear})

    def gather(
        self, reductions: Sequence[Reduction], common: Mapping[str, Any], options: MetricOptions
    ) -> list[UnitWeights | None]:
        """List the weights; None where there are none."""
        return [
            UnitWeights(one.arrays["recurrent"], one.arrays["linear"]) if one.arrays else None for one in reductions
        ]

    def take(self, checkpoint: Checkpoint, options: MetricOptions) -> UnitWeights:
        """Return the weights that the distance is of: in `plrnn` A too."""
        return UnitWeights(acting_weights(checkpoint, self.initial), _own_factors(checkpoint, self.initial))

    def distances(
        self, prepared: list[UnitWeights | None], pairs: Sequence[tuple[int, int]], options: MetricOptions
    ) -> list[PairDistance]:
        """Measure the pairs of one shape together, and say why the others have no distance."""
        rows: list[PairDistance | None] = [None] * len(pairs)
        shapes: dict[tuple[int, ...], list[tuple[int, UnitWeights, UnitWeights]]] = {}
        for k, (i, j) in enumerate(pairs):
            a, b = prepared[i], prepared[j]
            if a is None or b is None:
                rows[k] = PairDistance(float("nan"), "no_initial_weights")
            elif (status := _differ(a, b)) is not None:
                units = (w.recurrent.shape[-1] for w in (a, b))
                rows[k] = PairDistance(float("nan"), status, size_a=next(units), size_b=next(units))
            else:
                shapes.setdefault((*a.recurrent.shape, *a.linear.shape), []).append((k, a, b))
        for members in shapes.values():
            where, *sides = zip(*members, strict=True)
            first, second = (
                UnitWeights(np.stack([w.recurrent for w in side]), np.stack([w.linear for w in side])) for side in sides
            )
            for k, found in zip(where, self.measure(first, second, options), strict=True):
                rows[k] = found
        return [row for row in rows if row is not None]

    @abstractmethod
    def measure(self, a: UnitWeights, b: UnitWeights, options: MetricOptions) -> list[PairDistance]:
        """Return the distance of each pair of networks of one shape, weights with a leading axis of pairs."""


def _differ(a: UnitWeights, b: UnitWeights) -> str | None:
    if a.recurrent.shape[0] != b.recurrent.shape[0]:
        return "different_gates"
    if a.recurrent.shape != b.recurrent.shape:
        return "different_units"
    return None if a.linear.shape == b.linear.shape else "different_channels"
