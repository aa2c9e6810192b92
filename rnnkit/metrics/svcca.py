"""`svcca`: one minus the mean canonical correlation of the leading activity (paper "degeneracy", appendix J)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnkit.metrics.base import Metric, MetricOptions, Network, PairDistance, Reduction
from rnnkit.numerics.cca import SvccaBases, svcca_basis, svcca_from_bases

__all__ = ["SvccaMetric"]

#: Pairs multiplied at once: their bases are copied, (samples, components) each.
_BLOCK = 4


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
    uses = ("variance",)

    def reduce(self, network: Network, common: Mapping[str, Any], options: MetricOptions) -> Reduction:
        """Reduce the activity to an orthonormal basis, trials and steps as samples."""
        activity = np.asarray(network.activity)
        found = svcca_basis([activity.reshape(-1, activity.shape[-1])], options.variance)
        return Reduction({"basis": found.basis[0, :, : int(found.components[0])]})

    def gather(self, reductions: Sequence[Reduction], common: Mapping[str, Any], options: MetricOptions) -> Bases:
        """Stack the bases of as many samples; networks of other trials are never compared with these."""
        held = [one.arrays["basis"] for one in reductions]
        members: dict[int, list[int]] = {}
        for index, basis in enumerate(held):
            members.setdefault(len(basis), []).append(index)
        place = {index: position for group in members.values() for position, index in enumerate(group)}
        bases = {}
        for count, group in members.items():
            components = np.array([held[k].shape[1] for k in group], dtype=np.int64)
            stacked = np.zeros((len(group), count, max(1, int(components.max()))))
            for position, k in enumerate(group):
                stacked[position, :, : held[k].shape[1]] = held[k]
            bases[count] = SvccaBases(stacked, components, options.variance)
        return Bases(bases, [len(basis) for basis in held], place)

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
            found = svcca_from_bases(bases, first, second, block=_BLOCK)
            for position, k in enumerate(here):
                rows[k] = PairDistance(
                    float(found.distance[position]),
                    "exact" if found.status[position] == "ok" else found.status[position],
                    size_a=int(found.components_x[position]),
                    size_b=int(found.components_y[position]),
                )
        return [rows[k] for k in range(len(pairs))]
