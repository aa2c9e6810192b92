"""`frobenius`: distance of recurrent weights unit by unit, in the order in which they are stored."""

from __future__ import annotations

import numpy as np

from rnnkit.metrics.base import MetricOptions, PairDistance
from rnnkit.metrics.weights import UnitWeights, WeightMetric

__all__ = ["Frobenius"]


class Frobenius(WeightMetric):
    """Distance of the weights that act, units taken as they are labelled: for networks that share their start."""

    name = "frobenius"
    definition = (
        "|W1 - W2|_F, summed in squares over the gates of a gated cell, units not matched; "
        "relative: divided by sqrt(|W1|^2 + |W2|^2); per parameter: divided by the number of entries"
    )

    def measure(self, a: UnitWeights, b: UnitWeights, options: MetricOptions) -> list[PairDistance]:
        """Subtract; weights that are not finite give no number."""
        units = a.recurrent.shape[-1]
        with np.errstate(invalid="ignore", over="ignore"):  # infinity less infinity
            distances = np.sqrt(((a.recurrent - b.recurrent) ** 2).sum((1, 2, 3)))
        norms = np.sqrt(a.squares() + b.squares())
        return [
            PairDistance(
                float(distance),
                "exact",
                relative=float(distance / norm) if norm > 0 else float("nan"),
                per_parameter=float(distance / a.entries),
                size_a=units,
                size_b=units,
            )
            if np.isfinite(distance)
            else PairDistance(float("nan"), "invalid", size_a=units, size_b=units)
            for distance, norm in zip(distances, norms, strict=True)
        ]
