"""Frank-Wolfe over the doubly stochastic matrices for the quadratic assignment of two networks' units.

The fast approximate algorithm (FAQ) of Vogelstein et al. 2015, PLoS ONE 10: e0121002: maximise the linear
model at the current point by one linear assignment, then move along the segment to that permutation
by an exact line search. Batched over searches. The point itself is never formed: its gradient is
affine, so a point is the gradient there and two numbers, and a step costs one product for the new
permutation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from rnnkit.numerics.two_exchange import Assignment, Booleans, Integers, Real, gradient, overlap

__all__ = ["Ascent", "Point", "ascend", "barycentre", "moved", "vertices"]


@dataclass(frozen=True)
class Point:
    """Doubly stochastic matrices P, one per search, known by their gradients.

    Attributes
    ----------
    slope : (searches, units, units) float
        G(P).
    along : (searches,) float64
        <G(P), P>.
    linear : (searches,) float64
        <linear, P>.
    """

    slope: Real
    along: Real
    linear: Real

    def __getitem__(self, kept: Integers | Booleans) -> Point:
        return Point(self.slope[kept], self.along[kept], self.linear[kept])


@dataclass(frozen=True)
class Ascent:
    """The best permutation each search met.

    Attributes
    ----------
    permutation : (searches, units) int64
    value : (searches,) float64
        The overlap there.
    steps : (searches,) int64
        Steps taken.
    """

    permutation: Integers
    value: Real
    steps: Integers


def barycentre(problem: Assignment) -> Point:
    """Return the matrix with all entries 1 / units, as one search."""
    units = len(problem.left)
    rows, columns = problem.a.sum(axis=1), problem.a.sum(axis=0)
    slope = np.outer(rows, problem.b.sum(axis=1)) + np.outer(columns, problem.b.sum(axis=0))
    slope = slope / units + problem.linear
    mean = np.array([slope.sum(dtype=np.float64), problem.linear.sum(dtype=np.float64)]) / units
    return Point(slope[None], mean[:1], mean[1:])


def vertices(problem: Assignment, permutation: Integers) -> Point:
    """Return permutations, (searches, units), as points."""
    slope = gradient(problem, permutation)
    linear = _at(problem.linear[None], permutation)
    return Point(slope, 2 * overlap(slope, problem.linear, permutation) - linear, linear)


def moved(point: Point, end: Point, toward: Integers, share: Real) -> Point:
    """Return ``(1 - share) P + share Q`` for the permutations Q = `toward`, whose points are `end`."""
    forth = _at(point.slope, toward)
    back = forth - end.linear + point.linear  # <G(Q), P>, as G - linear is a symmetric operator on P
    rest = 1 - share
    weight = share.astype(end.slope.dtype)[:, None, None]
    slope = point.slope * (1 - weight)
    slope += weight * end.slope
    along = rest**2 * point.along + share * rest * (forth + back) + share**2 * end.along
    return Point(slope, along, rest * point.linear + share * end.linear)


def ascend(problem: Assignment, point: Point, steps: int, tolerance: float) -> Ascent:
    """Climb from each point, and return the best permutation met on each way.

    A search stops at a step that gains less than `tolerance` of its value.

    Returns
    -------
    Ascent

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [3.0, 0.0, 0.0]])
    >>> order = np.array([2, 0, 1])
    >>> problem = Assignment.of(a, a[order][:, order], np.zeros((3, 3)))
    >>> ascend(problem, barycentre(problem), 20, 1e-3).permutation
    array([[1, 2, 0]])
    """
    searches, units = len(point.along), len(problem.left)
    best = np.zeros((searches, units), dtype=np.int64)
    value = np.full(searches, -np.inf)
    taken = np.zeros(searches, dtype=np.int64)
    active = np.arange(searches)
    for _ in range(steps):
        toward = assigned(point.slope)
        taken[active] += 1
        end = vertices(problem, toward)
        reached = (end.along + end.linear) / 2
        better = reached > value[active]
        best[active[better]], value[active[better]] = toward[better], reached[better]
        # f(P + t (Q - P)) = f(P) + rise t + bend t^2
        forth = _at(point.slope, toward)
        rise = forth - point.along
        bend = (end.along - 2 * forth + end.linear - point.linear + point.along) / 2
        inside = (bend < 0) & (rise < -2 * bend)
        share = np.where(inside, rise / np.where(inside, -2 * bend, 1), rise + bend > 0)
        share = np.clip(share, 0, 1)
        point = moved(point, end, toward, share)
        going = share * (rise + share * bend) > tolerance * np.abs(point.along)
        active, point = active[going], point[going]
        if not len(active):
            break
    return Ascent(best, value, taken)


def assigned(slope: Real) -> Integers:
    """Return the permutations that maximise <slope, Q>, (searches, units): linear assignments."""
    return np.stack([linear_sum_assignment(matrix, maximize=True)[1] for matrix in slope]).astype(np.int64)


def _at(matrix: Real, permutation: Integers) -> Real:
    """Return <matrix, Q> for each search; one matrix, (1, units, units), serves them all."""
    searches, units = permutation.shape
    each = np.broadcast_to(matrix, (searches, units, units))
    picked = each[np.arange(searches)[:, None], np.arange(units), permutation]
    return np.asarray(picked.sum(axis=1, dtype=np.float64))
