"""`spectrum`: optimal transport between the eigenvalues of the recurrent weights."""

from __future__ import annotations

import numpy as np

from rnnkit.metrics.base import MetricOptions, PairDistance
from rnnkit.metrics.weights import UnitWeights, WeightMetric
from rnnkit.numerics.spectra import spectral_distance

__all__ = ["Spectrum"]


class Spectrum(WeightMetric):
    """Distance of the eigenvalues of the weights that act: blind to every change of basis."""

    name = "spectrum"
    definition = (
        "min over matchings of sqrt(mean |lambda_i - mu_i|^2), the eigenvalues of the recurrent weights that act; "
        "summed in squares over the gates of a gated cell; relative: divided by the root of the summed mean squares "
        "of both networks' eigenvalues"
    )

    def measure(self, a: UnitWeights, b: UnitWeights, options: MetricOptions) -> list[PairDistance]:
        """Match the eigenvalues gate by gate, exactly."""
        pairs, gates, units = a.recurrent.shape[:3]
        finite = np.isfinite(a.squares() + b.squares())
        first, second = (
            np.linalg.eigvals(np.where(finite[:, None, None, None], w.recurrent, 0.0)).astype(np.complex128)
            for w in (a, b)
        )  # (pairs, gates, units)
        by_gate = spectral_distance(first.reshape(-1, units), second.reshape(-1, units)).reshape(pairs, gates)
        distances = np.sqrt((by_gate**2).sum(1))
        norms = np.sqrt((np.abs(first) ** 2 + np.abs(second) ** 2).mean(2).sum(1))
        return [
            PairDistance(
                float(distances[k]),
                "exact",
                relative=float(distances[k] / norms[k]) if norms[k] > 0 else float("nan"),
                size_a=units,
                size_b=units,
            )
            if finite[k]
            else PairDistance(float("nan"), "invalid", size_a=units, size_b=units)
            for k in range(pairs)
        ]
