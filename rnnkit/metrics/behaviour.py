"""`behaviour`, `behaviour-ood`: how far apart two networks' outputs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.metrics.base import Metric, MetricOptions, Network, PairDistance, Reduction

__all__ = ["Behaviour", "BehaviourOod"]


class Behaviour(Metric):
    """Root mean squared difference of outputs: the distance whose square to the target is the loss."""

    name = "behaviour"
    level = "behaviour"
    definition = (
        "sqrt(mean (y1 - y2)^2) over trials, the steps that the task's mask counts, and the task's own outputs; "
        "relative: divided by sqrt(mean y1^2 + mean y2^2)"
    )
    needs_activity = True
    uses = ()

    def reduce(self, network: Network, common: Mapping[str, Any], options: MetricOptions) -> Reduction:
        """Take the outputs, (samples, outputs)."""
        return Reduction({"outputs": np.asarray(network.outputs)})

    def gather(
        self, reductions: Sequence[Reduction], common: Mapping[str, Any], options: MetricOptions
    ) -> list[NDArray[np.float64]]:
        """List the outputs."""
        return [one.arrays["outputs"] for one in reductions]

    def distances(
        self, prepared: list[NDArray[np.float64]], pairs: Sequence[tuple[int, int]], options: MetricOptions
    ) -> list[PairDistance]:
        """Subtract the outputs of each pair."""
        return [_apart(prepared[i], prepared[j]) for i, j in pairs]


class BehaviourOod(Behaviour):
    """The same where the task was not trained."""

    name = "behaviour-ood"
    definition = "behaviour on the task's out-of-distribution trials"
    needs_activity = False
    needs_ood = True

    def reduce(self, network: Network, common: Mapping[str, Any], options: MetricOptions) -> Reduction:
        """Take the outputs out of distribution, (samples, outputs)."""
        return Reduction({"outputs": np.asarray(network.outputs_ood)})


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> PairDistance:
    sizes = {"size_a": a.shape[1], "size_b": b.shape[1]}
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return PairDistance(float("nan"), "diverged", **sizes)
    if a.shape[1] != b.shape[1] or a.size == 0:
        return PairDistance(float("nan"), "different_channels" if a.shape[1] != b.shape[1] else "no_outputs", **sizes)
    distance = float(np.sqrt(np.mean((a - b) ** 2)))
    norm = float(np.sqrt(np.mean(a**2) + np.mean(b**2)))
    return PairDistance(distance, "exact", relative=distance / norm if norm > 0 else float("nan"), **sizes)
