"""Distance between recurrent weights over all relabellings of units."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from rnnkit.errors import InputError
from rnnkit.numerics.assignment_search import SearchOptions, normalised, polished, random_descents, search
from rnnkit.numerics.permutation_bounds import permutation_lower_bound
from rnnkit.numerics.two_exchange import Integers, Real

__all__ = ["PermutationMatch", "match_permutation"]

# Distance and bound closer than this, relative to the weights, are one number.
_EQUAL = 1e-10
# Up to so many units every permutation is tried, 5040 at most: the search is made for larger networks.
_ENUMERATED = 7


@dataclass(frozen=True)
class PermutationMatch:
    """Closest relabellings found, one for each pair.

    Attributes
    ----------
    distance : (pairs,) float64
        ``sqrt(|a - b[p][:, p]|_F^2 + |linear_a - linear_b[p]|_F^2)``, evaluated at the permutation returned.
        NaN if the pair holds a value that is not finite.
    permutation : (pairs, units) int64
        p: unit ``p[i]`` of b is matched to unit i of a, so ``b[p][:, p]`` lies over a. -1 where invalid.
    lower_bound : (pairs,) float64
        No permutation comes closer than this.
    status : (pairs,) str
        'optimal': the distance meets the bound to 1e-10 of the weights. 'converged': no exchange of two
        partners brings the pair closer. 'budget': exchanges ran out first. 'invalid': not finite.
    starts : (pairs,) int64
        Searches run, crossings included; fewer than allowed where the optimum was proved early, none where
        the units are the same in canonical order or so few that every permutation was tried.
    starts_at_best : (pairs,) int64
        How many of them ended at the distance returned, to 1e-9 of the overlap.
    iterations : (pairs,) int64
        Frank-Wolfe steps and exchanges, over all searches.
    """

    distance: Real
    permutation: Integers
    lower_bound: Real
    status: npt.NDArray[np.str_]
    starts: Integers
    starts_at_best: Integers
    iterations: Integers


@dataclass(frozen=True)
class _Found:
    distance: float
    permutation: Integers
    lower_bound: float
    status: str
    starts: int = 0
    starts_at_best: int = 0
    iterations: int = 0


def match_permutation(
    a: Real,
    b: Real,
    *,
    linear_a: Real | None = None,
    linear_b: Real | None = None,
    starts: int = 32,
    crossings: int = 48,
    steps: int = 40,
    exchanges: int = 10_000,
    seed: int = 0,
    workers: int = 1,
) -> PermutationMatch:
    """Relabel the units of b so that its weights come closest to those of a, for each pair.

    Minimises ``|a - P^T b P|_F^2 + |linear_a - P^T linear_b|_F^2`` over permutations P: a quadratic
    assignment, NP-hard, so the value is the best of many local searches, and a lower bound stands
    beside it. Each search is Frank-Wolfe with exact line search (Vogelstein et al. 2015, PLoS ONE 10:
    e0121002), in single precision. The first searches start at the barycentre of the permutations and
    part of the way from it to random ones; the later ones between two of the best permutations found
    (crossings). Exchanges of two partners, in double precision, then improve the best 16 until none gains.

    Parameters
    ----------
    a, b : (pairs, units, units) float64
        Recurrent weights. Not changed.
    linear_a, linear_b : (pairs, units, features) float64, optional
        What else belongs to a unit, one row for each: input weights, readout columns, biases. Both or none.
    starts, crossings : int
        Searches of the two kinds, for each pair.
    steps, exchanges : int
        Frank-Wolfe steps allowed in a search, and exchanges from each of the best matches.
    seed : int
        Of the random starts and crossings. Every pair uses the same stream.
    workers : int
        Threads; the values do not depend on it.

    Returns
    -------
    PermutationMatch

    Raises
    ------
    InputError
        If the shapes do not fit or an option is out of range.

    Notes
    -----
    Units are first put in an order that follows from their own weights, and so are the two
    arguments. The distance therefore does not depend, to the last bit, on how either network is
    labelled (unless two units have the same multiset of weights), on which comes first, or on the other
    pairs in the call; and a relabelled copy is recognised without a search, at distance exactly 0.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=(1, 8, 8))
    >>> order = rng.permutation(8)
    >>> found = match_permutation(a, a[:, order][:, :, order])
    >>> found.distance.tolist(), found.status.tolist()
    ([0.0], ['optimal'])
    >>> bool((order[found.permutation[0]] == np.arange(8)).all())
    True
    """
    a, b, linear_a, linear_b = _checked(a, b, linear_a, linear_b)
    for name, value, least in (
        ("starts", starts, 1),
        ("crossings", crossings, 0),
        ("steps", steps, 1),
        ("exchanges", exchanges, 0),
        ("seed", seed, 0),
        ("workers", workers, 1),
    ):
        if value < least:
            raise InputError(name, f"{value} is too small", f"give {least} or more")
    options = SearchOptions(starts, crossings, steps, exchanges, seed)

    def solve(pair: int) -> _Found:
        return _solve(a[pair], b[pair], linear_a[pair], linear_b[pair], options)

    # One pair at a time, batched over its searches: what a pair gives cannot depend on its company.
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(solve, range(len(a))))
    return PermutationMatch(
        distance=np.array([f.distance for f in found]),
        permutation=np.array([f.permutation for f in found], dtype=np.int64).reshape(a.shape[:2]),
        lower_bound=np.array([f.lower_bound for f in found]),
        status=np.array([f.status for f in found], dtype="<U9"),
        starts=np.array([f.starts for f in found], dtype=np.int64),
        starts_at_best=np.array([f.starts_at_best for f in found], dtype=np.int64),
        iterations=np.array([f.iterations for f in found], dtype=np.int64),
    )


def _checked(a: Real, b: Real, linear_a: Real | None, linear_b: Real | None) -> tuple[Real, Real, Real, Real]:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 3 or a.shape[1] != a.shape[2] or not a.shape[1]:
        raise InputError("a", f"shape {a.shape}", "give (pairs, units, units)")
    if b.shape != a.shape:
        raise InputError("b", f"shape {b.shape}, but a has {a.shape}", "give one b for each a, of one size")
    if (linear_a is None) != (linear_b is None):
        raise InputError("linear_a, linear_b", "only one is given", "give both or none")
    none = np.zeros((*a.shape[:2], 0))
    linear_a = none if linear_a is None else np.asarray(linear_a, dtype=np.float64)
    linear_b = none if linear_b is None else np.asarray(linear_b, dtype=np.float64)
    if linear_a.ndim != 3 or linear_a.shape[:2] != a.shape[:2]:
        raise InputError("linear_a", f"shape {linear_a.shape}", f"give ({a.shape[0]}, {a.shape[1]}, features)")
    if linear_b.shape != linear_a.shape:
        raise InputError(
            "linear_b", f"shape {linear_b.shape}, but linear_a has {linear_a.shape}", "give the same features"
        )
    return a, b, linear_a, linear_b


def _solve(a: Real, b: Real, linear_a: Real, linear_b: Real, options: SearchOptions) -> _Found:
    """Match one pair: (units, units) twice, (units, features) twice."""
    units = len(a)
    if not all(np.isfinite(x).all() for x in (a, b, linear_a, linear_b)):
        return _Found(np.nan, np.full(units, -1), np.nan, "invalid")
    # A power of two brings the largest weight near 1 without rounding, so that no square overflows.
    exponent = int(np.frexp(max(float(np.abs(x).max(initial=0)) for x in (a, b, linear_a, linear_b)))[1])
    a, b, linear_a, linear_b = (np.ldexp(x, -exponent) for x in (a, b, linear_a, linear_b))
    order_a, order_b = _canonical(a, linear_a), _canonical(b, linear_b)
    first = (a[order_a][:, order_a], linear_a[order_a])
    second = (b[order_b][:, order_b], linear_b[order_b])
    turned = [x.tobytes() for x in first] > [x.tobytes() for x in second]
    if turned:
        first, second = second, first
    found = _match(first[0], second[0], first[1], second[1], options)
    partner = np.argsort(found.permutation) if turned else found.permutation
    permutation = np.empty(units, dtype=np.int64)
    permutation[order_a] = order_b[partner]
    distance, bound = (float(np.ldexp(x, exponent)) for x in (found.distance, found.lower_bound))
    return _Found(distance, permutation, bound, found.status, found.starts, found.starts_at_best, found.iterations)


def _canonical(weights: Real, linear: Real) -> Integers:
    """Return an order of the units that their labels have no part in: by diagonal, features, sorted weights.

    Any total order will do, so the bytes are compared, once -0 has become 0.
    """
    own = np.concatenate([np.diagonal(weights)[:, None], linear], axis=1)
    signature = np.concatenate([own, np.sort(weights, axis=1), np.sort(weights.T, axis=1)], axis=1) + 0.0
    return np.array(sorted(range(len(weights)), key=lambda unit: signature[unit].tobytes()))


def _match(a: Real, b: Real, linear_a: Real, linear_b: Real, options: SearchOptions) -> _Found:
    """Match one pair whose units and arguments are in canonical order."""
    units = len(a)

    def distance(permutation: Integers) -> float:
        recurrent = np.linalg.norm(a - b[permutation][:, permutation])
        return float(np.hypot(recurrent, np.linalg.norm(linear_a - linear_b[permutation])))

    same = np.arange(units)
    if distance(same) == 0:
        return _Found(0.0, same, 0.0, "optimal")
    if units <= _ENUMERATED:
        every = np.array(list(permutations(range(units))))
        squares = ((a - b[every[:, :, None], every[:, None, :]]) ** 2).sum(axis=(1, 2))
        squares += ((linear_a - linear_b[every]) ** 2).sum(axis=(1, 2))
        least = every[np.argmin(squares)]
        return _Found(distance(least), least, distance(least), "optimal")
    bound = permutation_lower_bound(a, b, linear_a, linear_b)
    scale = float(np.sqrt(sum(np.sum(x * x) for x in (a, b, linear_a, linear_b))))
    near = bound + _EQUAL * scale
    # a constant added to all weights or to a feature adds the same to every permutation's overlap
    centred = (x - x.mean(axis=0) for x in (linear_a, linear_b))
    problem = normalised(a - a.mean(), b - b.mean(), np.inner(*centred))
    searches = 0
    for population in search(problem, options):
        searches = int(population.searches.sum())
        if distance(population.permutation[0]) <= near:
            break
    population, converged = polished(problem, population, options)
    best = distance(population.permutation[0])
    return _Found(
        distance=best,
        permutation=population.permutation[0],
        lower_bound=min(bound, best),  # rounding in the distance could leave it an ulp below
        status="optimal" if best <= near else "converged" if converged else "budget",
        starts=searches + random_descents(units, options),
        starts_at_best=population.at_best,
        iterations=population.iterations,
    )
