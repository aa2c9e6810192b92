"""`cka`: one minus the debiased linear centred kernel alignment (Kornblith et al. 2019; Murphy et al. 2024)."""

from __future__ import annotations

from rnnkit.metrics.activity import ActivityMetric
from rnnkit.numerics.representation import Centred, debiased_cka

__all__ = ["Cka"]


class Cka(ActivityMetric):
    """Representational distance in which directions count by their variance."""

    name = "cka"
    definition = (
        "1 - HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y)), HSIC the unbiased estimator of Song et al. (2012) "
        "with linear kernels; the activity is centred"
    )
    least_samples = 4

    def between(self, a: Centred, b: Centred) -> float:
        """Return the distance."""
        return 1.0 - debiased_cka(a, b)
