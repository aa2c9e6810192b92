"""`svcca`: one minus the mean canonical correlation of the leading activity (paper "degeneracy", appendix J)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnkit.metrics.base import Metric, MetricOptions, Network, PairDistance
from rnnkit.numerics.cca import SvccaBases, svcca_basis, svcca_from_bases

__all__ = ["SvccaMetric"]


class SvccaMetric(Metric):
    """Representational distance: static, blind to the order of time."""

    name = "svcca"
    level = "representation"
    definition = "1 - mean canonical correlation between the principal components that keep 99 % of the variance"
    needs_activity = True

    def prepare(self, networks: Sequence[Network], options: MetricOptions) -> SvccaBases:
        """Reduce each network's activity to an orthonormal basis, trials and steps as samples."""
        samples = [np.asarray(n.activity).reshape(-1, np.asarray(n.activity).shape[-1]) for n in networks]
        return svcca_basis(samples, options.variance)

    def distances(
        self, prepared: SvccaBases, pairs: Sequence[tuple[int, int]], options: MetricOptions
    ) -> list[PairDistance]:
        """Compare the bases of each pair."""
        found = svcca_from_bases(prepared, [i for i, _ in pairs], [j for _, j in pairs])
        return [
            PairDistance(
                float(found.distance[k]),
                "exact" if found.status[k] == "ok" else found.status[k],
                size_a=int(found.components_x[k]),
                size_b=int(found.components_y[k]),
            )
            for k in range(len(pairs))
        ]
