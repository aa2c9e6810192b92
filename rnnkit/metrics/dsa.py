"""`dsa`: dynamical similarity analysis, min over Q in O(n) of |A - Q B Q^T|_F (paper "degeneracy", appendix I.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.metrics.base import Metric, MetricOptions, Network, PairDistance
from rnnkit.numerics.dmd import choose_delays, fit_operators, principal_components
from rnnkit.numerics.orthogonal_alignment import OrthogonalAlignment, align_orthogonal

__all__ = ["Dsa", "Operators", "pair_distances"]


@dataclass(frozen=True)
class Operators:
    """The forward operators of all networks compared, in one basis rule, dimension and delay.

    Attributes
    ----------
    operator : (networks, size, size) float64
        In `input-dsa` (networks, size, size + inputs): beside the operator stands that of the inputs.
    status : list of str, by network
    rank : list of int, by network
        Directions in which the embedded activity varies; below `size` the status is `rank_deficient`.
    components, delays, size : int
    choice : str
        How the delay came about.
    """

    operator: NDArray[np.float64]
    status: list[str]
    rank: list[int]
    components: int
    delays: int
    size: int
    choice: str


def _project(networks: Sequence[Network], options: MetricOptions) -> tuple[list[NDArray[np.float64]], int]:
    """Project every network on the same number of its own leading components.

    Unless it is given, the number is the largest that any converged network needs (any network, if none has
    converged), at most the units of the smallest.
    """
    activities = [np.asarray(network.activity)[None] for network in networks]
    axes = [principal_components(activity, options.variance) for activity in activities]
    smallest = min(activity.shape[-1] for activity in activities)
    if options.components is not None and options.components > smallest:
        what = f"{options.components} components of a network of {smallest} units"
        raise InputError("--components", what, f"give {smallest} or fewer")
    needed = [int(axes[k].counts[0]) for k in _leading(networks)]
    common = options.components or max(1, min(max(needed), smallest))
    return [a.project(activity, common) for a, activity in zip(axes, activities, strict=True)], common


def _leading(networks: Sequence[Network]) -> list[int]:
    """Indices of the networks that dimension and delay are chosen for."""
    converged = [k for k, network in enumerate(networks) if network.checkpoint.converged]
    return converged or list(range(len(networks)))


def _choose(projected: Sequence[NDArray[np.float64]], components: int, options: MetricOptions) -> tuple[int, str]:
    """Return the number of delays and how it came about.

    By held-out error only delays count at which every network's embedded activity has full rank: beyond them
    the error of a nearly deterministic network falls towards nothing, and the operator's size is set by the
    cut-off of the rank.
    """
    if options.delay is not None:
        return options.delay, "given"
    shapes = {p.shape for p in projected}
    if len(shapes) > 1:
        raise InputError("--delay", "groups differ in trials or steps, so no common delay can be chosen", "give one")
    _, trials, steps, _ = projected[0].shape
    candidates = [
        d for d in range(1, min(options.max_delay, steps - 1) + 1) if components * d < trials * (steps - d) / 2
    ]
    if not candidates:
        return 1, "too few rows to choose"
    if trials < 2 and options.delay_by == "heldout":
        return 1, "a single trial holds nothing out"
    varying = [p for p in projected if np.ptp(p) > 0]
    if not varying:
        return 1, "no network varies"
    rule = cast(Literal["heldout", "training"], options.delay_by)
    stacked = np.concatenate(varying)
    found = choose_delays(stacked, candidates, rule).delays
    if rule == "training" or _full_rank(stacked, found):
        return found, options.delay_by
    below, above = 0, candidates.index(found)  # below: full rank, or the shortest there is
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if _full_rank(stacked, candidates[middle]) else (below, middle)
    return choose_delays(stacked, candidates[: below + 1], rule).delays, f"{options.delay_by}, full rank"


def _full_rank(projected: NDArray[np.float64], delays: int) -> bool:
    return all(status == "ok" for status in fit_operators(projected, delays).status)


class Dsa(Metric):
    """Distance of the networks' linear forward operators up to rotation."""

    name = "dsa"
    level = "dynamics"
    definition = "min over Q in O(n) of |A - Q B Q^T|_F; relative: the same of A / |A|_F and B / |B|_F"
    needs_activity = True

    def prepare(self, networks: Sequence[Network], options: MetricOptions) -> Operators:
        """Centre, project, embed and fit (specification "degeneracy", 5.3)."""
        projected, components = _project(networks, options)
        delays, choice = _choose([projected[k] for k in _leading(networks)], components, options)
        basis = cast(Literal["whitened", "pc"], options.basis)
        operators, statuses, ranks = zip(
            *(self.fit(p, network, delays, basis) for p, network in zip(projected, networks, strict=True)), strict=True
        )
        widest = max(operator.shape[1] for operator in operators)  # inputs differ between groups only
        return Operators(
            np.stack([np.pad(operator, ((0, 0), (0, widest - operator.shape[1]))) for operator in operators]),
            list(statuses),
            list(ranks),
            components,
            delays,
            components * delays,
            choice,
        )

    def fit(
        self, projected: NDArray[np.float64], network: Network, delays: int, basis: Literal["whitened", "pc"]
    ) -> tuple[NDArray[np.float64], str, int]:
        """Return the operator, status and rank of one network, (1, trials, steps, components) projected."""
        found = fit_operators(projected, delays, basis)
        return found.operator[0], found.status[0], int(found.rank[0])

    def distances(
        self, prepared: Operators, pairs: Sequence[tuple[int, int]], options: MetricOptions
    ) -> list[PairDistance]:
        """Compare the operators of each pair."""
        good = [k for k, (i, j) in enumerate(pairs) if not (_unfit(prepared, i) or _unfit(prepared, j))]
        rows = [PairDistance(float("nan"), _unfit(prepared, i) or _unfit(prepared, j)) for i, j in pairs]
        if not good:
            return rows
        a, b = (prepared.operator[[pairs[k][side] for k in good]] for side in (0, 1))
        for k, found in zip(good, self.between(a, b, options), strict=True):
            i, j = pairs[k]
            deficient = np.isfinite(found.distance) and "rank_deficient" in (prepared.status[i], prepared.status[j])
            status = "rank_deficient" if deficient else found.status
            rows[k] = replace(found, status=status, size_a=prepared.rank[i], size_b=prepared.rank[j])
        return rows

    def between(self, a: NDArray[np.float64], b: NDArray[np.float64], options: MetricOptions) -> list[PairDistance]:
        """Return the distance of each pair of operators, (pairs, size, size) both."""
        extra: dict[str, Any] = {} if options.starts is None else {"starts": options.starts}
        found = align_orthogonal(a, b, seed=options.seed, device=options.device, workers=options.threads, **extra)
        return pair_distances(a, b, found.rotation @ b @ found.rotation.mT, found)

    def parameters(self, prepared: Operators) -> dict[str, Any]:
        """Return components, delays and how the delay was chosen."""
        return {
            "components": prepared.components,
            "delays": prepared.delays,
            "delay_choice": prepared.choice,
            "size": prepared.size,
            "rank_deficient": prepared.status.count("rank_deficient"),
        }


def pair_distances(
    a: NDArray[np.float64], b: NDArray[np.float64], turned: NDArray[np.float64], found: OrthogonalAlignment
) -> list[PairDistance]:
    """Return a solver's results as rows: operators a and b, and b turned to lie over a."""
    # The rotation that is best for A and B is best for their multiples too.
    with np.errstate(invalid="ignore", divide="ignore"):
        first, second = (x / np.linalg.norm(y, axis=(1, 2))[:, None, None] for x, y in ((a, a), (turned, b)))
    relative = np.linalg.norm(first - second, axis=(1, 2))
    return [
        PairDistance(
            float(found.distance[k]),
            str(found.status[k]),
            lower_bound=float(found.lower_bound[k]),
            relative=float(relative[k]),
            starts=int(found.starts[k]),
            starts_at_best=int(found.starts_at_best[k]),
        )
        for k in range(len(a))
    ]


def _unfit(prepared: Operators, network: int) -> str:
    """Why a network has no operator to compare, or an empty string."""
    status = prepared.status[network]
    return "" if status in ("ok", "rank_deficient") else status
