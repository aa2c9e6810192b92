"""`dsa-angular`: the angle between the forward operators at the best rotation (Ostrow et al. 2023)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnnkit.metrics.base import MetricOptions, PairDistance
from rnnkit.metrics.dsa import Dsa

__all__ = ["DsaAngular", "angle_from_chord"]


def angle_from_chord(chord: float) -> float:
    """Return the angle between two unit vectors that are so far apart, exact near 0 where an arccos is not.

    Examples
    --------
    >>> angle_from_chord(1e-12)
    1e-12
    """
    return float(2 * np.arcsin(min(chord / 2, 1.0))) if np.isfinite(chord) else float("nan")


class DsaAngular(Dsa):
    """Angle between the networks' linear forward operators, up to rotation and scale."""

    name = "dsa-angular"
    reduction = "dsa"
    definition = "min over Q in O(n) of arccos(<A, Q B Q^T> / (|A|_F |B|_F)), the operators A and B of dsa"

    def between(self, a: NDArray[np.float64], b: NDArray[np.float64], options: MetricOptions) -> list[PairDistance]:
        """Align the operators divided by their norms, and turn distance and bound into angles."""
        norms = [np.linalg.norm(operator, axis=(1, 2)) for operator in (a, b)]
        zero = np.minimum(*norms) == 0
        first, second = (x / np.where(zero, 1.0, norm)[:, None, None] for x, norm in zip((a, b), norms, strict=True))
        rows = super().between(first, second, options)
        return [
            PairDistance(float("nan"), "zero_operator")
            if zero[k]
            else replace(
                row,
                distance=angle_from_chord(row.distance),
                lower_bound=angle_from_chord(row.lower_bound),
                relative=float("nan"),
            )
            for k, row in enumerate(rows)
        ]
