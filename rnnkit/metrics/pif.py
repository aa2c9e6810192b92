"""`pif`: permutation-invariant Frobenius distance of recurrent weights (paper "degeneracy", appendix I.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics.base import MetricOptions, PairDistance
from rnnkit.metrics.weights import UnitWeights, WeightMetric, unit_weights
from rnnkit.numerics.permutation_matching import PermutationMatch, match_permutation
from rnnkit.numerics.reference_solvers import STARTS, qc_procrustes_permutations

__all__ = ["Pif", "PifInitial"]


class Pif(WeightMetric):
    """Distance of the weights that act, up to a relabelling of the units."""

    name = "pif"
    definition = (
        "min over permutations P of |W1 - P^T W2 P|_F, summed in squares over the gates of a gated cell; "
        "with --match io also over input weights, biases and readout weights, permuted with their units; "
        "relative: divided by sqrt(|W1|^2 + |W2|^2); per parameter: divided by the number of entries"
    )
    uses = ("match", "starts", "seed")
    solvers: ClassVar[tuple[str, ...]] = ("qc-procrustes",)

    def take(self, checkpoint: Checkpoint, options: MetricOptions) -> UnitWeights:
        """Return the recurrent weights, with those of input and readout if `options.match` is `io`."""
        held = super().take(checkpoint, options)
        return UnitWeights(held.recurrent, unit_weights(checkpoint, self.initial)) if options.match == "io" else held

    def measure(self, a: UnitWeights, b: UnitWeights, options: MetricOptions) -> list[PairDistance]:
        """Match the units of each pair."""
        extra: dict[str, Any] = {} if options.starts is None else {"starts": options.starts}
        found = match_permutation(
            a.recurrent,
            b.recurrent,
            linear_a=a.linear,
            linear_b=b.linear,
            seed=options.seed,
            workers=options.threads,
            **extra,
        )
        if self.solver(options) == "qc-procrustes":
            found = _by_qc_procrustes(a, b, found)
        units = a.recurrent.shape[-1]
        return [
            PairDistance(
                float(distance),
                str(found.status[k]),
                lower_bound=float(found.lower_bound[k]),
                relative=float(distance / norm) if norm > 0 else float("nan"),
                per_parameter=float(distance / a.entries),
                starts=int(found.starts[k]),
                starts_at_best=int(found.starts_at_best[k]),
                size_a=units,
                size_b=units,
            )
            for k, (distance, norm) in enumerate(zip(found.distance, (a.squares() + b.squares()) ** 0.5, strict=True))
        ]


def _by_qc_procrustes(a: UnitWeights, b: UnitWeights, found: PermutationMatch) -> PermutationMatch:
    """Put qc-procrustes' permutations in the place of ours; the lower bounds remain. It matches one matrix only."""
    distance = np.full(len(found.distance), np.nan)
    permutation = np.full_like(found.permutation, -1)
    if a.recurrent.shape[1] == 1:
        first, second = a.recurrent[:, 0], b.recurrent[:, 0]
        permutation = qc_procrustes_permutations(first, second)
        for k in np.flatnonzero(permutation[:, 0] >= 0):
            distance[k] = np.linalg.norm(first[k] - second[k][permutation[k]][:, permutation[k]])
    status = np.where(np.isfinite(distance), "reference", "no_reference")
    return replace(
        found,
        distance=distance,
        permutation=permutation,
        status=np.where(found.status == "invalid", "invalid", status),
        starts=np.full_like(found.starts, STARTS["qc-procrustes"]),
        starts_at_best=np.full_like(found.starts_at_best, -1),
        iterations=np.full_like(found.iterations, -1),
    )


class PifInitial(Pif):
    """The same for the weights before training: what the distance is with no training at all."""

    name = "pif-initial"
    definition = "pif of the weights before training"
    initial = True
