"""`svcca`: one minus the mean canonical correlation of the leading activity (paper "degeneracy", appendix J)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnkit.metrics.base import Metric, MetricOptions, Network, PairDistance
from rnnkit.numerics.cca import SvccaBases, svcca_basis, svcca_from_bases

__all__ = ["SvccaMetric"]


@dataclass(frozen=True)
class Bases:
    """Bases by number of samples; each network's number of samples and place among those of that number."""

    bases: dict[int, SvccaBases]
    samples: list[int]
    place: dict[int, int]


class SvccaMetric(Metric):
    """Representational distance: static, blind to the order of time."""

    name = "svcca"
    level = "representation"
    definition = (
        "1 - mean canonical correlation between the principal components that keep 99 % of the variance (--variance)"
    )
    needs_activity = True

    def prepare(self, networks: Sequence[Network], options: MetricOptions) -> Bases:
        """Reduce each network's activity to an orthonormal basis, trials and steps as samples.

        Groups that are never compared with each other may have trials of their own.
        """
        samples = [np.asarray(n.activity).reshape(-1, np.asarray(n.activity).shape[-1]) for n in networks]
        members: dict[int, list[int]] = {}
        for index, one in enumerate(samples):
            members.setdefault(len(one), []).append(index)
        place = {index: position for held in members.values() for position, index in enumerate(held)}
        bases = {count: svcca_basis([samples[k] for k in held], options.variance) for count, held in members.items()}
        return Bases(bases, [len(one) for one in samples], place)

    def distances(
        self, prepared: Bases, pairs: Sequence[tuple[int, int]], options: MetricOptions
    ) -> list[PairDistance]:
        """Compare the bases of each pair."""
        rows: dict[int, PairDistance] = {}
        for count, bases in prepared.bases.items():
            here = [k for k, (i, _) in enumerate(pairs) if prepared.samples[i] == count]
            first, second = ([prepared.place[pairs[k][side]] for k in here] for side in (0, 1))
            if not here:
                continue
            found = svcca_from_bases(bases, first, second)
            for position, k in enumerate(here):
                rows[k] = PairDistance(
                    float(found.distance[position]),
                    "exact" if found.status[position] == "ok" else found.status[position],
                    size_a=int(found.components_x[position]),
                    size_b=int(found.components_y[position]),
                )
        return [rows[k] for k in range(len(pairs))]
