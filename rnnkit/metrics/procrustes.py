"""`procrustes`: the angle between two networks' activity at the best rotation (Williams et al. 2021)."""

from __future__ import annotations

from rnnkit.metrics.activity import ActivityMetric
from rnnkit.numerics.representation import Centred, shape_angle

__all__ = ["Procrustes"]


class Procrustes(ActivityMetric):
    """Shape distance: a metric between representations up to rotation, shift and scale."""

    name = "procrustes"
    definition = (
        "arccos of the largest <X, Y Q> over Q in O(n), X and Y the activity centred and of unit Frobenius norm; "
        "a network of fewer units is padded with units that are zero"
    )

    def between(self, a: Centred, b: Centred) -> float:
        """Return the angle."""
        return shape_angle(a, b)
