r"""From where searches ended to a set of points: which are the same, how many there must be, how many may be missing.

Two certified points x1, x2 with radii r (a fixed point lies within) and u (no second one lies within), in the max
norm, are one if |x1 - x2| + r2 <= u1, and two if |x1 - x2| > r1 + r2. No tolerance enters. What no certificate
decides is kept twice.

Index sum. Where F maps a compact convex set into itself and no fixed point is degenerate, the signs of det(I - DF)
over all fixed points add up to 1 (Lefschetz, Hopf). Another sum proves that points are missing; 1 proves nothing.

Coverage is about the distribution of the starts. With f1, f2 points reached once, twice, by n searches that arrived:
missing mass f1 / n (Good and Turing), at most f1 / n + (2 sqrt 2 + sqrt 3) sqrt(ln(60) / n) at 95 % (McAllester and
Schapire 2000), and K + f1 (f1 - 1) / (2 (f2 + 1)) points in all (Chao 1984).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnnkit.numerics.autonomous_maps import FloatArray
from rnnkit.numerics.intervals import raised
from rnnkit.numerics.krawczyk import Certificates

__all__ = [
    "MERGE",
    "Coverage",
    "FixedPoints",
    "add_points",
    "coverage",
    "distinct",
    "index_sum",
    "midpoints",
    "no_points",
]

#: Points without a certificate that are nearer than this, in the max norm, are taken for one.
MERGE = 1e-6
#: Points that are certified together.
_TOGETHER = 32


@dataclass(frozen=True)
class FixedPoints:
    """The fixed points found for one network, in the order of discovery.

    Attributes
    ----------
    states : (points, size) float64
    certified : (points,) bool
    status : (points,) object
        `certified`, `uncertified`, `singular`, `kink`, or `unresolved` where two points may be one.
    radius, unique_radius : (points,) float64
        NaN where not certified.
    index : (points,) int64
        sign det(I - DF), 0 where not certain.
    reached : (starts,) int64
        The point that each state given ended on.
    """

    states: FloatArray
    certified: NDArray[np.bool_]
    status: NDArray[np.object_]
    radius: FloatArray
    unique_radius: FloatArray
    index: NDArray[np.int64]
    reached: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.states)


def no_points(size: int) -> FixedPoints:
    """Return the empty set."""
    none = np.zeros(0)
    return FixedPoints(
        np.zeros((0, size)),
        none.astype(bool),
        none.astype(object),
        none,
        none,
        none.astype(np.int64),
        none.astype(np.int64),
    )


def add_points(known: FixedPoints, ends: FloatArray, certify: Callable[[FloatArray], Certificates]) -> FixedPoints:
    """Add what searches ended on to a set, each fixed point once.

    Parameters
    ----------
    known : FixedPoints
    ends : (ends, size) float64
        States whose residual vanishes to rounding.
    certify : callable
        Takes (points, size), returns what is proven about each.

    Returns
    -------
    FixedPoints
        `reached` is extended by one entry an end.

    Examples
    --------
    >>> from rnnkit.numerics.autonomous_maps import AutonomousMap
    >>> from rnnkit.numerics.krawczyk import certify_many
    >>> one, none = np.ones((1, 1, 1)), np.zeros((1, 1))
    >>> two = AutonomousMap("outer", "tanh", 0.0, 1.0, 2 * one, none, none)
    >>> ends = np.array([[1e-12], [0.9575040240772687], [-1e-13], [0.9575040240772688]])
    >>> found = add_points(no_points(1), ends, lambda points: certify_many(two, 0, points))
    >>> found.reached, found.index
    (array([0, 1, 0, 1]), array([-1,  1]))
    """
    found, reached = known, np.full(len(ends), -1)
    _assign(found, range(len(found)), ends, reached)
    while (pending := np.flatnonzero(reached < 0)).size:
        chosen = pending[_apart(ends[pending], _TOGETHER)]
        proofs = certify(ends[chosen])
        before = len(found)
        for k, end in enumerate(chosen):
            found, place = _add(found, proofs, k)
            reached[end] = place
        _assign(found, range(before, len(found)), ends, reached)
    return replace(found, reached=np.concatenate([known.reached, reached]))


def _assign(found: FixedPoints, points: range, ends: FloatArray, reached: NDArray[np.int64]) -> None:
    """Give ends to the points in whose balls they lie, in place."""
    for k in points:
        within = found.unique_radius[k] if found.certified[k] else MERGE
        pending = np.flatnonzero(reached < 0)
        near = np.abs(ends[pending] - found.states[k]).max(-1, initial=0.0) <= within
        reached[pending[near]] = k


def _apart(states: FloatArray, most: int) -> NDArray[np.int64]:
    """Return the places of the first states that are further than MERGE from each other, up to `most`.

    Which ones are tried together only decides how soon they are done.
    """
    chosen: list[int] = []
    left = np.ones(len(states), dtype=bool)
    while left.any() and len(chosen) < most:
        k = int(left.argmax())
        chosen.append(k)
        left &= np.abs(states - states[k]).max(-1, initial=0.0) > MERGE
        left[k] = False
    return np.array(chosen, dtype=np.int64)


def _add(found: FixedPoints, proofs: Certificates, k: int) -> tuple[FixedPoints, int]:
    """Return the set with the k-th point in it, and where it stands: at an earlier one if it is that."""
    state, certified, status = proofs.point[k], bool(proofs.certified[k]), str(proofs.status[k])
    radius, unique = float(proofs.radius[k]), float(proofs.unique_radius[k])
    distance = np.abs(found.states - state).max(-1, initial=0.0)
    # Comparisons with the NaN radii of points without a certificate are false.
    if certified:
        # Rounded up, a difference and a sum. One rounding a side cannot turn `distance > radius + radius` round.
        same = (raised(distance + radius, 2) <= found.unique_radius) | (raised(distance + found.radius, 2) <= unique)
        unclear = found.certified & ~same & ~(distance > radius + found.radius)
    else:
        same = (distance <= found.unique_radius) | (~found.certified & (distance <= MERGE))
        unclear = np.zeros(len(found), dtype=bool)
    if same.any():
        return found, int(same.argmax())
    statuses = found.status.copy()
    statuses[unclear] = "unresolved"
    added = FixedPoints(
        np.concatenate([found.states, state[None]]),
        np.append(found.certified, certified),
        np.append(statuses, np.array(["unresolved" if unclear.any() else status], dtype=object)),
        np.append(found.radius, radius),
        np.append(found.unique_radius, unique),
        np.append(found.index, np.int64(proofs.index[k])),
        found.reached,
    )
    return added, len(found)


def distinct(states: FloatArray, nearer: float = MERGE) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first of each group of states within `nearer` of it, and each state's group.

    Examples
    --------
    >>> distinct(np.array([[0.0], [1.0], [1e-7]]))
    (array([0, 1]), array([0, 1, 0]))
    """
    group = np.full(len(states), -1)
    first: list[int] = []
    while (group < 0).any():
        k = int((group < 0).argmax())
        near = (group < 0) & (np.abs(states - states[k]).max(-1, initial=0.0) <= nearer)
        near[k] = True
        group[near] = len(first)
        first.append(k)
    return np.array(first, dtype=np.int64), group


def midpoints(states: FloatArray, fresh: NDArray[np.bool_], most: int, generator: np.random.Generator) -> FloatArray:
    """Return the midpoints of pairs of points of which one is fresh, (pairs, size): all, or `most` drawn.

    Examples
    --------
    >>> midpoints(np.array([[0.0], [1.0], [4.0]]), np.array([False, False, True]), 9, np.random.default_rng(0))
    array([[2. ],
           [2.5]])
    """
    first, second = np.triu_indices(len(states), 1)
    wanted = fresh[first] | fresh[second]
    first, second = first[wanted], second[wanted]
    if len(first) > most:
        chosen = np.sort(generator.choice(len(first), most, replace=False))
        first, second = first[chosen], second[chosen]
    middle: FloatArray = 0.5 * (states[first] + states[second])
    return middle


def index_sum(found: FixedPoints) -> int | None:
    """Return the sum of the signs of det(I - DF), or None where one is not certain or two points may be one."""
    if (found.index == 0).any() or (found.status == "unresolved").any():
        return None
    return int(found.index.sum())


@dataclass(frozen=True)
class Coverage:
    """What starts of one kind say about the points they may have missed.

    Attributes
    ----------
    arrived, points, once, twice : int
        Searches that ended on a fixed point; the points they ended on; those reached once and twice.
    missing_mass, missing_mass_bound : float
        Share of such starts that would end on a point not reached so far: estimate, and bound at 95 %; NaN
        without an arrival.
    chao1 : float
        Estimate of the number of points that such starts can reach; NaN without an arrival.
    """

    arrived: int
    points: int
    once: int
    twice: int
    missing_mass: float
    missing_mass_bound: float
    chao1: float


def coverage(reached: NDArray[np.int64]) -> Coverage:
    """Return the coverage of searches, by the point that each ended on, (arrivals,).

    Examples
    --------
    >>> found = coverage(np.array([0, 0, 0, 1, 2, 2]))
    >>> found.once, found.twice, round(found.missing_mass, 3), found.chao1
    (1, 1, 0.167, 3.0)
    """
    counts = np.unique(reached, return_counts=True)[1]
    arrived, once, twice = len(reached), int((counts == 1).sum()), int((counts == 2).sum())
    if not arrived:
        return Coverage(0, 0, 0, 0, np.nan, np.nan, np.nan)
    mass = once / arrived
    bound = min(1.0, mass + (2 * np.sqrt(2) + np.sqrt(3)) * np.sqrt(np.log(60) / arrived))
    total = len(counts) + once * (once - 1) / (2 * (twice + 1))
    return Coverage(arrived, len(counts), once, twice, mass, float(bound), total)
