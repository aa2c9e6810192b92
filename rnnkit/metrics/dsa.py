"""`dsa`: dynamical similarity analysis, min over Q in O(n) of |A - Q B Q^T|_F (paper "degeneracy", appendix I.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.metrics.base import Each, Metric, MetricOptions, Network, PairDistance, Reduction
from rnnkit.numerics.alignment_bounds import Effort
from rnnkit.numerics.delays import delay_errors, settle_delays
from rnnkit.numerics.dmd import fit_operators, principal_components
from rnnkit.numerics.orthogonal_alignment import OrthogonalAlignment, align_orthogonal
from rnnkit.numerics.reference_solvers import STARTS, dsa_metric_rotations

__all__ = ["Dsa", "Operators", "by_dsa_metric", "pair_distances"]


@dataclass(frozen=True)
class Operators:
    """The forward operators of some networks, in one basis rule, dimension and delay.

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


@dataclass(frozen=True)
class _Needs:
    """What one network asks of dimension and delay."""

    count: int
    units: int
    trials: int
    steps: int
    converged: bool


def _needs(network: Network, variance: float) -> _Needs:
    activity = np.asarray(network.activity)
    count = int(principal_components(activity[None], variance).counts[0])
    trials, steps, units = activity.shape
    return _Needs(count, units, trials, steps, network.checkpoint.converged)


def _projected(network: Network, components: int) -> NDArray[np.float64]:
    """Project a network on its own leading components, (1, trials, steps, components)."""
    activity = np.asarray(network.activity)[None]
    return principal_components(activity).project(activity, components)


def _errors(network: Network, components: int, candidates: Sequence[int], rule: str) -> list[float] | None:
    """Return the error of each delay, or None for a network that does not vary."""
    projected = _projected(network, components)
    if np.ptp(projected) == 0:
        return None
    return [float(e) for e in delay_errors(projected, candidates, cast(Literal["heldout", "training"], rule))[0]]


def _full_rank(network: Network, components: int, delays: int) -> bool:
    return fit_operators(_projected(network, components), delays).status[0] == "ok"


def _components(seen: Sequence[_Needs], leading: Sequence[int], options: MetricOptions) -> int:
    """Return the number of components of all networks.

    Unless it is given, the largest that any converged network needs (any network, if none has converged), at
    most the units of the smallest.
    """
    smallest = min(one.units for one in seen)
    if options.components is not None and options.components > smallest:
        what = f"{options.components} components of a network of {smallest} units"
        raise InputError("--components", what, f"give {smallest} or fewer")
    return options.components or max(1, min(max(seen[k].count for k in leading), smallest))


def _choose(
    each: Each, seen: Sequence[_Needs], leading: Sequence[int], components: int, options: MetricOptions
) -> tuple[int, str]:
    """Return the number of delays and how it came about.

    By held-out error only delays count at which every network's embedded activity has full rank: beyond them
    the error of a nearly deterministic network falls towards nothing, and the operator's size is set by the
    cut-off of the rank.
    """
    if options.delay is not None:
        steps = min(one.steps for one in seen)
        if options.delay >= steps:
            raise InputError("--delay", f"{options.delay} delays in trials of {steps} steps", "leave a step to predict")
        return options.delay, "given"
    shapes = {(seen[k].trials, seen[k].steps) for k in leading}
    if len(shapes) > 1:
        raise InputError("--delay", "groups differ in trials or steps, so no common delay can be chosen", "give one")
    ((trials, steps),) = shapes
    candidates = [
        d for d in range(1, min(options.max_delay, steps - 1) + 1) if components * d < trials * (steps - d) / 2
    ]
    if not candidates:
        return 1, "too few rows to choose"
    if trials < 2 and options.delay_by == "heldout":
        return 1, "a single trial holds nothing out"
    rule = cast(Literal["heldout", "training"], options.delay_by)
    found = each(_errors, components, candidates, rule, only=leading)
    varying = [k for k, errors in zip(leading, found, strict=True) if errors is not None]
    if not varying:
        return 1, "no network varies"
    errors = np.array([one for one in found if one is not None])
    delays = settle_delays(errors, candidates, rule).delays

    def full(delays: int) -> bool:
        return all(each(_full_rank, components, delays, only=varying))

    if rule == "training" or full(delays):
        return delays, options.delay_by
    below, above = 0, candidates.index(delays)  # below: full rank, or the shortest there is
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if full(candidates[middle]) else (below, middle)
    # Errors are of the steps that all candidates can predict: fewer candidates, other steps.
    candidates = candidates[: below + 1]
    errors = np.array(each(_errors, components, candidates, rule, only=varying))
    return settle_delays(errors, candidates, rule).delays, f"{options.delay_by}, full rank"


class Dsa(Metric):
    """Distance of the networks' linear forward operators up to rotation."""

    name = "dsa"
    level = "dynamics"
    definition = "min over Q in O(n) of |A - Q B Q^T|_F; relative: the same of A / |A|_F and B / |B|_F"
    needs_activity = True
    uses = ("basis", "starts", "bound", "seed")
    solvers: ClassVar[tuple[str, ...]] = ("dsa-metric",)

    def common(self, each: Each, options: MetricOptions) -> dict[str, Any]:
        """Choose dimension and delay, for the converged networks if there are any."""
        seen = each(_needs, options.variance)
        leading = [k for k, one in enumerate(seen) if one.converged] or list(range(len(seen)))
        components = _components(seen, leading, options)
        delays, choice = _choose(each, seen, leading, components, options)
        return {"components": components, "delays": delays, "delay_choice": choice, "size": components * delays}

    def settled(self, common: Mapping[str, Any]) -> dict[str, Any]:
        """Return components and delays."""
        return {key: common[key] for key in ("components", "delays") if key in common}

    def reduce(self, network: Network, common: Mapping[str, Any], options: MetricOptions) -> Reduction:
        """Centre, project, embed and fit (specification "degeneracy", 5.3)."""
        projected = _projected(network, common["components"])
        basis = cast(Literal["whitened", "pc"], options.basis)
        operator, status, rank = self.fit(projected, network, common["delays"], basis)
        return Reduction({"operator": operator, "rank": np.array([rank])}, status)

    def gather(self, reductions: Sequence[Reduction], common: Mapping[str, Any], options: MetricOptions) -> Operators:
        """Stack the operators; inputs differ between groups only."""
        held = [one.arrays["operator"] for one in reductions]
        widest = max(operator.shape[1] for operator in held)
        return Operators(
            np.stack([np.pad(operator, ((0, 0), (0, widest - operator.shape[1]))) for operator in held]),
            [one.status for one in reductions],
            [int(one.arrays["rank"][0]) for one in reductions],
            common["components"],
            common["delays"],
            common["size"],
            common["delay_choice"],
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
        effort = cast(Effort, options.bound)
        found = align_orthogonal(
            a, b, bound=effort, seed=options.seed, device=options.device, workers=options.threads, **extra
        )
        if self.solver(options) == "dsa-metric":
            found = by_dsa_metric(a, b, found, options.seed)
        return pair_distances(a, b, found.rotation @ b @ found.rotation.mT, found)

    def chosen(self, common: Mapping[str, Any], statuses: Sequence[str]) -> dict[str, Any]:
        """Return components, delays, how the delay was chosen, and how many operators lack rank."""
        return {**common, "rank_deficient": list(statuses).count("rank_deficient")}


def by_dsa_metric(
    a: NDArray[np.float64], b: NDArray[np.float64], found: OrthogonalAlignment, seed: int
) -> OrthogonalAlignment:
    """Put dsa-metric's rotations in the place of ours; the lower bounds remain.

    Parameters
    ----------
    a, b : (pairs, n, n) float64
    found : OrthogonalAlignment
        Ours, of the same pairs.
    seed : int

    Returns
    -------
    OrthogonalAlignment
        Distances evaluated at the package's rotations in float64, of the operators as they are; status `reference`,
        or `no_reference` where it has none.
    """
    rotation = dsa_metric_rotations(a, b, seed=seed)
    distance = np.linalg.norm(a - rotation @ b @ rotation.mT, axis=(1, 2))
    status = np.where(np.isfinite(distance), "reference", "no_reference")
    return replace(
        found,
        distance=distance,
        rotation=rotation,
        status=np.where(found.status == "invalid", "invalid", status),
        starts=np.full_like(found.starts, STARTS["dsa-metric"]),
        starts_at_best=np.full_like(found.starts, -1),  # it keeps the better one's end alone
        iterations=np.full_like(found.iterations, -1),
    )


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
