"""Exchange descent for the quadratic assignment of two networks' units.

The objective is the overlap ``f(P) = sum_ij a_ij b_p(i)p(j) + sum_i linear_ip(i)``, to be made large; P is
the permutation matrix with ``P_ip(i) = 1``. Its gradient ``G(P) = a P b^T + a^T P b + linear`` is affine
in P, and every search here and in :mod:`rnnkit.numerics.frank_wolfe` lives off that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Assignment", "Descent", "curvature", "descend", "exchange_gains", "gradient", "overlap"]

Real = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Assignment:
    """One quadratic assignment, in the layout its gradient is computed from.

    Attributes
    ----------
    left : (units, 2 units) float
        ``[a, a^T]``.
    right : (2 units, units) float
        ``b^T`` on top of ``b``: ``P b^T`` and ``P b`` are rows of it.
    linear : (units, units) float
        What matching unit i of a to unit k of b is worth by itself.
    """

    left: Real
    right: Real
    linear: Real

    @classmethod
    def of(cls, a: Real, b: Real, linear: Real) -> Assignment:
        """Lay out a, b and linear, each (units, units)."""
        return cls(np.concatenate([a, a.T], axis=1), np.concatenate([b.T, b]), linear)

    @property
    def a(self) -> Real:
        """The matrix that stays, (units, units)."""
        return self.left[:, : len(self.left)]

    @property
    def b(self) -> Real:
        """The matrix that is permuted, (units, units)."""
        return self.right[len(self.left) :]

    def astype(self, dtype: npt.DTypeLike) -> Assignment:
        """Return a copy in another precision."""
        return Assignment(self.left.astype(dtype), self.right.astype(dtype), self.linear.astype(dtype))


@dataclass(frozen=True)
class Descent:
    """Where exchange descents ended.

    Attributes
    ----------
    permutation : (searches, units) int64
    value : (searches,) float64
        The overlap there.
    exchanges : (searches,) int64
        Exchanges made.
    converged : (searches,) bool
        No single exchange gains any more.
    """

    permutation: Integers
    value: Real
    exchanges: Integers
    converged: Booleans


def gradient(problem: Assignment, permutation: Integers) -> Real:
    """Return the gradient ``a P b^T + a^T P b + linear`` at permutations, (searches, units, units).

    Parameters
    ----------
    permutation : (searches, units) int64
    """
    rows = np.concatenate([permutation, permutation + len(problem.left)], axis=1)
    return np.asarray(problem.left @ problem.right[rows] + problem.linear)


def overlap(slope: Real, linear: Real, permutation: Integers) -> Real:
    """Return f at permutations from the gradients there: half of ``<G(P) + linear, P>``, (searches,).

    The halving is Euler's: f is quadratic but for its linear term.
    """
    rows = np.arange(permutation.shape[-1])
    searches = np.arange(len(permutation))[:, None]
    matched = slope[searches, rows, permutation] + linear[rows, permutation]
    return np.asarray(matched.sum(axis=-1, dtype=np.float64) / 2)


def curvature(x: Real) -> Real:
    """Return ``w^T x w`` for w = e_u - e_v, all u and v: (..., units, units), symmetric."""
    diagonal = np.diagonal(x, axis1=-2, axis2=-1)
    result = diagonal[..., :, None] + diagonal[..., None, :]
    result -= x
    result -= np.swapaxes(x, -1, -2)
    return np.asarray(result)


def exchange_gains(slope: Real, curvature_a: Real, curvature_b: Real) -> Real:
    """Return what each exchange of two partners adds to f, (searches, units, units), symmetric.

    With w = e_u - e_v the exchange moves P by ``-w w^T P``, so f changes by
    ``-w^T M w + (w^T a w)(w^T b w)``: O(1) for an exchange once M is known (Burkard and Rendl, 1984,
    Eur. J. Oper. Res. 17: 169-174, in matrix form and with diagonals).

    Parameters
    ----------
    slope : (searches, units, units)
        M, the gradient with its columns in the order of the permutation: ``M_uv = G_u,p(v)``.
    curvature_a : (units, units)
    curvature_b : (searches, units, units)
        That of the permuted matrix ``b_p(u)p(v)``.
    """
    gains = curvature_a * curvature_b
    gains -= curvature(slope)
    return np.asarray(gains)


def descend(problem: Assignment, permutation: Integers, limit: int, tolerance: float) -> Descent:
    """Exchange the best two partners while that gains more than `tolerance`, from each permutation.

    An exchange changes the gradient by two outer products and one swap of columns, so it costs
    O(units^2), all gains included, and nothing is summed anew.

    Parameters
    ----------
    permutation : (searches, units) int64
    limit : int
        Exchanges allowed in each search.

    Returns
    -------
    Descent

    Examples
    --------
    >>> import numpy as np
    >>> a = np.diag([1.0, 2.0, 3.0])
    >>> problem = Assignment.of(a, a[::-1, ::-1], np.zeros((3, 3)))
    >>> descend(problem, np.array([[0, 1, 2]]), 10, 1e-12).permutation
    array([[2, 1, 0]])
    """
    a, units = problem.a, len(problem.left)
    permutation = permutation.copy()
    searches = len(permutation)
    made = np.zeros(searches, dtype=np.int64)
    converged = np.zeros(searches, dtype=bool)
    slope = np.take_along_axis(gradient(problem, permutation), permutation[:, None, :], axis=2)
    laid = permutation[:, :, None], permutation[:, None, :]
    b, curvature_a, curvature_b = problem.b[laid], curvature(a), curvature(problem.b)[laid]
    active = np.arange(searches)
    while len(active):
        gains = exchange_gains(slope[active], curvature_a, curvature_b[active]).reshape(len(active), -1)
        best = gains.argmax(axis=1)
        gaining = gains[np.arange(len(active)), best] > tolerance
        converged[active[~gaining]] = True
        going = gaining & (made[active] < limit)
        active, best = active[going], best[going]
        made[active] += 1
        for search, (u, v) in zip(active, np.stack(np.divmod(best, units), axis=1), strict=True):
            _exchange(a, b[search], slope[search], int(u), int(v))
            _swap(curvature_b[search], int(u), int(v))
            permutation[search, [u, v]] = permutation[search, [v, u]]
    value = np.diagonal(slope, axis1=1, axis2=2).sum(axis=1)
    value = (value + problem.linear[np.arange(units), permutation].sum(axis=1)) / 2
    return Descent(permutation, value, made, converged)


def _exchange(a: Real, b: Real, slope: Real, u: int, v: int) -> None:
    """Exchange the partners of units u and v, in place, in one search's permuted b and gradient."""
    slope -= np.outer(a[:, u] - a[:, v], b[:, u] - b[:, v])
    slope -= np.outer(a[u] - a[v], b[u] - b[v])
    slope[:, [u, v]] = slope[:, [v, u]]
    _swap(b, u, v)


def _swap(matrix: Real, u: int, v: int) -> None:
    """Swap two rows and the same two columns, in place."""
    matrix[:, [u, v]] = matrix[:, [v, u]]
    matrix[[u, v]] = matrix[[v, u]]
