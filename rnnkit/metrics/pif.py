"""`pif`: permutation-invariant Frobenius distance of recurrent weights (paper "degeneracy", appendix I.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.metrics.base import Metric, MetricOptions, Network, PairDistance, Reduction, acting_weights
from rnnkit.numerics.permutation_matching import match_permutation

__all__ = ["Pif", "PifInitial"]

Weights = list[NDArray[np.float64] | None]


class Pif(Metric):
    """Distance of the recurrent weights that act, up to a relabelling of the units."""

    name = "pif"
    level = "weights"
    definition = (
        "min over permutations P of |W1 - P^T W2 P|_F, summed in squares over the gates of a gated cell; "
        "relative: divided by sqrt(|W1|^2 + |W2|^2); per parameter: divided by the number of entries"
    )
    needs_activity = False
    uses = ("starts", "seed")
    initial = False

    def reduce(self, network: Network, common: Mapping[str, Any], options: MetricOptions) -> Reduction:
        """Take the weights that act; none where a checkpoint does not hold them."""
        if self.initial and not network.checkpoint.initial:
            return Reduction({}, "no_initial_weights")
        return Reduction({"weights": acting_weights(network.checkpoint, self.initial)})

    def gather(self, reductions: Sequence[Reduction], common: Mapping[str, Any], options: MetricOptions) -> Weights:
        """List the weights; None where there are none."""
        return [one.arrays.get("weights") for one in reductions]

    def distances(
        self, prepared: Weights, pairs: Sequence[tuple[int, int]], options: MetricOptions
    ) -> list[PairDistance]:
        """Match the units of each pair."""
        rows = [self._refusal(prepared[i], prepared[j]) for i, j in pairs]
        shapes: dict[tuple[int, ...], list[int]] = {}
        for k, (i, j) in enumerate(pairs):
            first, second = prepared[i], prepared[j]
            if first is not None and second is not None and first.shape == second.shape:
                shapes.setdefault(first.shape, []).append(k)
        for members in shapes.values():
            a = np.stack([w for k in members if (w := prepared[pairs[k][0]]) is not None])
            b = np.stack([w for k in members if (w := prepared[pairs[k][1]]) is not None])
            extra: dict[str, Any] = {} if options.starts is None else {"starts": options.starts}
            found = match_permutation(a, b, seed=options.seed, workers=options.threads, **extra)
            norm = np.sqrt((a**2).sum((1, 2, 3)) + (b**2).sum((1, 2, 3)))
            for place, k in enumerate(members):
                distance = float(found.distance[place])
                rows[k] = PairDistance(
                    distance,
                    str(found.status[place]),
                    lower_bound=float(found.lower_bound[place]),
                    relative=distance / float(norm[place]) if norm[place] > 0 else float("nan"),
                    per_parameter=distance / a[place].size,
                    starts=int(found.starts[place]),
                    starts_at_best=int(found.starts_at_best[place]),
                    size_a=a.shape[-1],
                    size_b=b.shape[-1],
                )
        return rows

    def _refusal(self, a: NDArray[np.float64] | None, b: NDArray[np.float64] | None) -> PairDistance:
        if a is None or b is None:
            return PairDistance(float("nan"), "no_initial_weights")
        different = "different_gates" if a.shape[0] != b.shape[0] else "different_units"
        return PairDistance(float("nan"), different, size_a=a.shape[-1], size_b=b.shape[-1])


class PifInitial(Pif):
    """The same for the weights before training: what the distance is with no training at all."""

    name = "pif-initial"
    definition = "pif of the weights before training"
    initial = True
