"""Distance between recurrent weights over all relabellings of units."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import numpy.typing as npt

from rnnkit.errors import InputError
from rnnkit.numerics.assignment_search import SearchOptions, normalised, search
from rnnkit.numerics.permutation_bounds import permutation_lower_bound
from rnnkit.numerics.two_exchange import Integers, Real

__all__ = ["PermutationMatch", "match_permutation"]

# Distance and bound closer than this, relative to the weights, are one number.
_EQUAL = 1e-10
# Up to so many units every permutation is tried, 5040 at most: the search is made for larger networks.
_ENUMERATED = 7
# Exchanges through losses after the last improvement: from 64 units on, and at most, in small networks.
_PATIENCE = (30, 400)


@dataclass(frozen=True)
class PermutationMatch:
    """Closest relabellings found, one for each pair.

    Attributes
    ----------
    distance : (pairs,) float64
        ``sqrt(sum_g |a_g - b_g[p][:, p]|_F^2 + |linear_a - linear_b[p]|_F^2)``, evaluated at the permutation
        returned.
        NaN if the pair holds a value that is not finite.
    permutation : (pairs, units) int64
        p: unit ``p[i]`` of b is matched to unit i of a, so ``b_g[p][:, p]`` lies over a_g. -1 where invalid.
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


@dataclass(frozen=True)
class _Prepared:
    """A pair whose units and arguments are in canonical order, and the way back from there."""

    a: Real
    b: Real
    linear_a: Real
    linear_b: Real
    order_a: Integers
    order_b: Integers
    turned: bool
    exponent: int
    bound: float

    def distance(self, permutation: Integers) -> float:
        recurrent = np.linalg.norm((self.a - self.b[:, permutation][:, :, permutation]).ravel())
        return float(np.hypot(recurrent, np.linalg.norm(self.linear_a - self.linear_b[permutation])))

    @property
    def rounding(self) -> float:
        """What rounding can add to a distance, relative to it."""
        return (self.a.size + self.linear_a.size + 8) * float(np.finfo(np.float64).eps)

    def found(self, found: _Found) -> _Found:
        """Say a match in the labels, order and scale that the pair was given in."""
        partner = np.argsort(found.permutation) if self.turned else found.permutation
        permutation = np.empty_like(self.order_a)
        permutation[self.order_a] = self.order_b[partner]
        distance, bound = (float(np.ldexp(x, self.exponent)) for x in (found.distance, found.lower_bound))
        return replace(found, distance=distance, permutation=permutation, lower_bound=bound)


def match_permutation(
    a: Real,
    b: Real,
    *,
    linear_a: Real | None = None,
    linear_b: Real | None = None,
    starts: int = 44,
    crossings: int = 36,
    steps: int = 40,
    exchanges: int = 10_000,
    patience: int | None = None,
    seed: int = 0,
    workers: int = 1,
) -> PermutationMatch:
    """Relabel the units of b so that its weights come closest to those of a, for each pair.

    Minimises ``sum_g |a_g - P^T b_g P|_F^2 + |linear_a - P^T linear_b|_F^2`` over permutations P, one for all
    gates g: a quadratic assignment, NP-hard, so the value is the best of many local searches, and a lower
    bound stands beside it. Each search is Frank-Wolfe with exact line search (Vogelstein et al. 2015, PLoS
    ONE 10: e0121002), in single precision: from the barycentre of the permutations, then from part of the
    way between it and random ones. The best ends are improved by exchanges of two partners, in double
    precision, with tabu search (Taillard 1991, Parallel Comput. 17: 443-455). Later searches start between
    two of the permutations so found (crossings), and are all improved.

    Parameters
    ----------
    a, b : (pairs, units, units) or (pairs, gates, units, units) float64
        Recurrent weights; of a gated cell, one matrix for each gate. Not changed.
    linear_a, linear_b : (pairs, units, features) float64, optional
        What else belongs to a unit, one row for each: input weights, readout columns, biases. Both or none.
    starts, crossings : int
        Searches of the two kinds, for each pair. There is nothing to cross where all ends are one permutation.
    steps, exchanges : int
        Frank-Wolfe steps and exchanges allowed in a search.
    patience : int, optional
        Exchanges made after the last that passed the best. 0: a search ends where no exchange gains. By
        default 30 in networks of 64 units or more; an exchange is cheaper in smaller ones, so there it grows, up to
        400 in those of 38 units or fewer.
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
    patience = _patience(a.shape[-1]) if patience is None else patience
    for name, value, least in (
        ("starts", starts, 1),
        ("crossings", crossings, 0),
        ("steps", steps, 1),
        ("exchanges", exchanges, 0),
        ("patience", patience, 0),
        ("seed", seed, 0),
        ("workers", workers, 1),
    ):
        if value < least:
            raise InputError(name, f"{value} is too small", f"give {least} or more")
    options = SearchOptions(starts, crossings, steps, exchanges, patience, seed)

    def solve(prepared: _Found | _Prepared) -> _Found:
        return prepared if isinstance(prepared, _Found) else _solve(prepared, options)

    # Each pair by itself: what it gives cannot depend on its company. All bounds first, as the threads that a
    # linear algebra library starts for them keep a core busy for a while after.
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(solve, list(pool.map(_prepare, a, b, linear_a, linear_b))))
    return PermutationMatch(
        distance=np.array([f.distance for f in found]),
        permutation=np.array([f.permutation for f in found], dtype=np.int64).reshape(len(a), a.shape[-1]),
        lower_bound=np.array([f.lower_bound for f in found]),
        status=np.array([f.status for f in found], dtype="<U9"),
        starts=np.array([f.starts for f in found], dtype=np.int64),
        starts_at_best=np.array([f.starts_at_best for f in found], dtype=np.int64),
        iterations=np.array([f.iterations for f in found], dtype=np.int64),
    )


def _patience(units: int) -> int:
    """Return how many exchanges through losses pay at a size: small networks are worth many, and they cost little."""
    return round(min(_PATIENCE[1], _PATIENCE[0] * max(1.0, (64 / units) ** 5)))


def _checked(a: Real, b: Real, linear_a: Real | None, linear_b: Real | None) -> tuple[Real, Real, Real, Real]:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim not in (3, 4) or a.shape[-2] != a.shape[-1] or not all(a.shape[1:]):
        raise InputError("a", f"shape {a.shape}", "give (pairs, units, units) or (pairs, gates, units, units)")
    if b.shape != a.shape:
        raise InputError("b", f"shape {b.shape}, but a has {a.shape}", "give one b for each a, of one size")
    if a.ndim == 3:
        a, b = a[:, None], b[:, None]
    pairs, units = len(a), a.shape[-1]
    if (linear_a is None) != (linear_b is None):
        raise InputError("linear_a, linear_b", "only one is given", "give both or none")
    none = np.zeros((pairs, units, 0))
    linear_a = none if linear_a is None else np.asarray(linear_a, dtype=np.float64)
    linear_b = none if linear_b is None else np.asarray(linear_b, dtype=np.float64)
    if linear_a.ndim != 3 or linear_a.shape[:2] != (pairs, units):
        raise InputError("linear_a", f"shape {linear_a.shape}", f"give ({pairs}, {units}, features)")
    if linear_b.shape != linear_a.shape:
        raise InputError(
            "linear_b", f"shape {linear_b.shape}, but linear_a has {linear_a.shape}", "give the same features"
        )
    return a, b, linear_a, linear_b


def _prepare(a: Real, b: Real, linear_a: Real, linear_b: Real) -> _Found | _Prepared:
    """Put one pair in canonical order, (gates, units, units) twice and (units, features) twice.

    Finished already where the units are the same, or so few that every permutation can be tried.
    """
    units = len(linear_a)
    if not all(np.isfinite(x).all() for x in (a, b, linear_a, linear_b)):
        return _Found(np.nan, np.full(units, -1), np.nan, "invalid")
    # A power of two brings the largest weight near 1 without rounding, so that no square overflows.
    exponent = int(np.frexp(max(float(np.abs(x).max(initial=0)) for x in (a, b, linear_a, linear_b)))[1])
    a, b, linear_a, linear_b = (np.ldexp(x, -exponent) for x in (a, b, linear_a, linear_b))
    order_a, order_b = _canonical(a, linear_a), _canonical(b, linear_b)
    first = (a[:, order_a][:, :, order_a], linear_a[order_a])
    second = (b[:, order_b][:, :, order_b], linear_b[order_b])
    turned = [x.tobytes() for x in first] > [x.tobytes() for x in second]
    if turned:
        first, second = second, first
    pair = _Prepared(first[0], second[0], first[1], second[1], order_a, order_b, turned, exponent, 0.0)
    same = np.arange(units)
    if pair.distance(same) == 0:
        return pair.found(_Found(0.0, same, 0.0, "optimal"))
    if units <= _ENUMERATED:
        every = np.array(list(permutations(range(units))))
        squares = ((pair.a[:, None] - pair.b[:, every[:, :, None], every[:, None, :]]) ** 2).sum(axis=(0, 2, 3))
        squares += ((pair.linear_a - pair.linear_b[every]) ** 2).sum(axis=(1, 2))
        least = every[np.argmin(squares)]
        distance = pair.distance(least)
        return pair.found(_Found(distance, least, distance * (1 - pair.rounding), "optimal"))
    bound = permutation_lower_bound(pair.a, pair.b, pair.linear_a, pair.linear_b)
    return replace(pair, bound=bound)


def _canonical(weights: Real, linear: Real) -> Integers:
    """Return an order of the units that their labels have no part in: by diagonal, features, sorted weights.

    Any total order will do, so the bytes are compared, once -0 has become 0.
    """
    own = [np.diagonal(weights, axis1=1, axis2=2).T, linear]
    rows = [np.sort(x, axis=1) for gate in weights for x in (gate, gate.T)]
    signature = np.concatenate(own + rows, axis=1) + 0.0
    return np.array(sorted(range(len(linear)), key=lambda unit: signature[unit].tobytes()))


def _solve(pair: _Prepared, options: SearchOptions) -> _Found:
    """Search for the match of one pair."""
    scale = float(np.sqrt(sum(np.sum(x * x) for x in (pair.a, pair.b, pair.linear_a, pair.linear_b))))
    near = pair.bound + _EQUAL * scale
    # a constant added to a gate's weights or to a feature adds the same to every permutation's overlap
    centred = (x - x.mean(axis=0) for x in (pair.linear_a, pair.linear_b))
    level_a, level_b = (x.mean(axis=(1, 2), keepdims=True) for x in (pair.a, pair.b))
    problem = normalised(pair.a - level_a, pair.b - level_b, np.inner(*centred))
    for population in search(problem, options):
        best = pair.distance(population.permutation(0))
        if best <= near:
            break
    converged = population.converged[population.ranked[0][1]]
    found = _Found(
        distance=best,
        permutation=population.permutation(0),
        lower_bound=min(pair.bound, best * (1 - pair.rounding)),
        status="optimal" if best <= near else "converged" if converged else "budget",
        starts=population.searches,
        starts_at_best=population.at_best,
        iterations=population.iterations,
    )
    return pair.found(found)
