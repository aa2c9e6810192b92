"""What the metrics of activity share: each network's samples, centred once whatever the number of its pairs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnkit.metrics.base import Metric, MetricOptions, Network, PairDistance, Reduction
from rnnkit.numerics.representation import Centred, centred

__all__ = ["ActivityMetric"]


class ActivityMetric(Metric):
    """A representational distance with a closed form: static, blind to the order of time."""

    level = "representation"
    needs_activity = True
    uses = ()
    #: Below so many samples there is no distance.
    least_samples = 2

    def reduce(self, network: Network, common: Mapping[str, Any], options: MetricOptions) -> Reduction:
        """Take the activity, trials and steps as samples."""
        activity = np.asarray(network.activity)
        return Reduction({"samples": activity.reshape(-1, activity.shape[-1])})

    def gather(
        self, reductions: Sequence[Reduction], common: Mapping[str, Any], options: MetricOptions
    ) -> list[Centred]:
        """Centre each network's samples."""
        return [centred(one.arrays["samples"]) for one in reductions]

    def distances(
        self, prepared: list[Centred], pairs: Sequence[tuple[int, int]], options: MetricOptions
    ) -> list[PairDistance]:
        """Compare each pair."""
        rows = []
        for i, j in pairs:
            a, b = prepared[i], prepared[j]
            if not (a.varies and b.varies):
                rows.append(PairDistance(float("nan"), "no_variance"))
                continue
            few = len(a.samples) < self.least_samples
            distance, status = (float("nan"), "underdetermined") if few else (self.between(a, b), "exact")
            rows.append(PairDistance(distance, status, size_a=a.samples.shape[1], size_b=b.samples.shape[1]))
        return rows

    @abstractmethod
    def between(self, a: Centred, b: Centred) -> float:
        """Return the distance of two networks, both of which vary."""
