"""`dsa`: dynamical similarity analysis, min over Q in O(n) of |A - Q B Q^T|_F (paper "degeneracy", appendix I.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.metrics.base import Metric, MetricOptions, Network, PairDistance
from rnnkit.numerics.dmd import choose_delays, fit_operators, principal_components
from rnnkit.numerics.orthogonal_alignment import align_orthogonal

__all__ = ["Dsa", "Operators"]


@dataclass(frozen=True)
class Operators:
    """The forward operators of all networks compared, in one basis rule, dimension and delay.

    Attributes
    ----------
    operator : (networks, size, size) float64
    status : list of str, by network
    components, delays, size : int
    choice : str
        How the delay came about.
    """

    operator: NDArray[np.float64]
    status: list[str]
    components: int
    delays: int
    size: int
    choice: str


def _project(networks: Sequence[Network], variance: float) -> tuple[list[NDArray[np.float64]], int]:
    """Project every network on the same number of its own leading components.

    The number is the largest that any network needs, at most the units of the smallest.
    """
    activities = [np.asarray(network.activity)[None] for network in networks]
    axes = [principal_components(activity, variance) for activity in activities]
    common = min(max(int(a.counts[0]) for a in axes), min(a.shape[-1] for a in activities))
    common = max(common, 1)
    return [a.project(activity, common) for a, activity in zip(axes, activities, strict=True)], common


def _choose(projected: Sequence[NDArray[np.float64]], components: int, options: MetricOptions) -> tuple[int, str]:
    """Return the number of delays and how it came about."""
    if options.delay is not None:
        return options.delay, "given"
    shapes = {p.shape for p in projected}
    if len(shapes) > 1:
        raise InputError("--delay", "groups differ in trials or steps, so no common delay can be chosen", "give one")
    _, trials, steps, _ = projected[0].shape
    candidates = [
        d for d in range(1, min(options.max_delay, steps - 1) + 1) if components * d < trials * (steps - d) / 2
    ]
    if not candidates or trials < 2:
        return 1, "too few rows to choose"
    varying = [p for p in projected if np.ptp(p) > 0]
    if not varying:
        return 1, "no network varies"
    rule = cast(Literal["heldout", "training"], options.delay_by)
    return choose_delays(np.concatenate(varying), candidates, rule).delays, options.delay_by


class Dsa(Metric):
    """Distance of the networks' linear forward operators up to rotation."""

    name = "dsa"
    level = "dynamics"
    definition = "min over Q in O(n) of |A - Q B Q^T|_F; relative: divided by sqrt(|A|^2 + |B|^2)"
    needs_activity = True

    def prepare(self, networks: Sequence[Network], options: MetricOptions) -> Operators:
        """Centre, project, embed and fit (specification "degeneracy", 5.3)."""
        projected, components = _project(networks, options.variance)
        delays, choice = _choose(projected, components, options)
        basis = cast(Literal["whitened", "pc"], options.basis)
        fits = [fit_operators(p, delays, basis) for p in projected]
        return Operators(
            np.concatenate([fit.operator for fit in fits]),
            [fit.status[0] for fit in fits],
            components,
            delays,
            components * delays,
            choice,
        )

    def distances(
        self, prepared: Operators, pairs: Sequence[tuple[int, int]], options: MetricOptions
    ) -> list[PairDistance]:
        """Align the operators of each pair."""
        good = [k for k, (i, j) in enumerate(pairs) if not (_unfit(prepared, i) or _unfit(prepared, j))]
        rows = [PairDistance(float("nan"), _unfit(prepared, i) or _unfit(prepared, j)) for i, j in pairs]
        if not good:
            return rows
        a = prepared.operator[[pairs[k][0] for k in good]]
        b = prepared.operator[[pairs[k][1] for k in good]]
        extra: dict[str, Any] = {} if options.starts is None else {"starts": options.starts}
        found = align_orthogonal(a, b, seed=options.seed, device=options.device, workers=options.threads, **extra)
        norm = np.sqrt((a**2).sum((1, 2)) + (b**2).sum((1, 2)))
        for place, k in enumerate(good):
            rows[k] = PairDistance(
                float(found.distance[place]),
                str(found.status[place]),
                lower_bound=float(found.lower_bound[place]),
                relative=float(found.distance[place] / norm[place]) if norm[place] > 0 else float("nan"),
                starts=int(found.starts[place]),
                starts_at_best=int(found.starts_at_best[place]),
                size_a=prepared.size,
                size_b=prepared.size,
            )
        return rows

    def parameters(self, prepared: Operators) -> dict[str, Any]:
        """Return components, delays and how the delay was chosen."""
        return {
            "components": prepared.components,
            "delays": prepared.delays,
            "delay_choice": prepared.choice,
            "operator_status": sorted(set(prepared.status)),
        }


def _unfit(prepared: Operators, network: int) -> str:
    """Why a network has no operator to compare, or an empty string."""
    status = prepared.status[network]
    return "" if status in ("ok", "rank_deficient") else status
