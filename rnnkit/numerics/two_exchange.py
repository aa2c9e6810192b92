"""Exchanges of two partners in the quadratic assignment of two networks' units.

The objective is the overlap ``f(P) = sum_gij a_gij b_gp(i)p(j) + sum_i linear_ip(i)``, to be made large; g runs
over the gates of the cell, and P is the permutation matrix with ``P_ip(i) = 1``. Its gradient
``G(P) = sum_g (a_g P b_g^T + a_g^T P b_g) + linear`` is affine in P, and every search here and in
:mod:`rnnkit.numerics.frank_wolfe` lives off that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnkit.numerics.compiled import compiled

__all__ = ["Assignment", "Improved", "exchange", "exchange_gains", "overlap"]

Real = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Assignment:
    """One quadratic assignment.

    Attributes
    ----------
    a, b : (gates, units, units) float64
        The matrices that stay and those that are permuted.
    linear : (units, units) float64
        What matching unit i of a to unit k of b is worth by itself.
    """

    a: Real
    b: Real
    linear: Real

    @property
    def units(self) -> int:
        """Units of each network."""
        return len(self.linear)


@dataclass(frozen=True)
class Improved:
    """Where exchanges led from one permutation.

    Attributes
    ----------
    permutation : (units,) int64
        The best permutation met.
    value : float
        The overlap there.
    exchanges : int
        Exchanges made.
    converged : bool
        No single exchange gains any more.
    """

    permutation: Integers
    value: float
    exchanges: int
    converged: bool


def overlap(problem: Assignment, permutation: Integers) -> float:
    """Return f at a permutation."""
    matched = problem.linear[np.arange(problem.units), permutation].sum()
    return float(np.sum(problem.a * problem.b[:, permutation][:, :, permutation]) + matched)


def exchange_gains(slope: Real, a: Real, b: Real) -> Real:
    """Return what each exchange of two partners adds to f, (units, units), symmetric.

    With w = e_u - e_v the exchange moves P by ``-w w^T P``, so f changes by
    ``-w^T M w + sum_g (w^T a_g w)(w^T b_g w)``: O(1) for an exchange once M is known (Burkard and Rendl,
    1984, Eur. J. Oper. Res. 17: 169-174, in matrix form and with diagonals).

    Parameters
    ----------
    slope : (units, units)
        M, the gradient with its columns in the order of the permutation: ``M_uv = G_u,p(v)``.
    a, b : (gates, units, units)
        b permuted: ``b_gp(u)p(v)``.
    """

    def curvature(x: Real) -> Real:
        diagonal = np.diagonal(x, axis1=-2, axis2=-1)
        return np.asarray(diagonal[..., :, None] + diagonal[..., None, :] - x - np.swapaxes(x, -1, -2))

    return np.asarray((curvature(a) * curvature(b)).sum(axis=0) - curvature(slope))


def exchange(
    problem: Assignment, permutation: Integers, limit: int, patience: int, tenure: Integers, tolerance: float
) -> Improved:
    """Exchange the best two partners again and again, and return the best permutation met.

    First while that gains; then through losses too, for `patience` exchanges after the last improvement,
    with the partners just parted kept apart for a while: robust tabu search (Taillard 1991, Parallel
    Comput. 17: 443-455). An exchange costs O(gates units^2), all gains included.

    Parameters
    ----------
    permutation : (units,) int64
    limit : int
        Exchanges allowed.
    patience : int
        0: stop where no exchange gains.
    tenure : (any,) int64
        For how many exchanges two partners just parted may not meet again, taken in turn.
    tolerance : float
        What an improvement must gain.

    Returns
    -------
    Improved

    Examples
    --------
    >>> import numpy as np
    >>> a = np.diag([1.0, 2.0, 3.0])[None]
    >>> problem = Assignment(a, a[:, ::-1, ::-1], np.zeros((3, 3)))
    >>> exchange(problem, np.array([0, 1, 2]), 10, 0, np.array([3]), 1e-12).permutation
    array([2, 1, 0])
    """
    permutation = permutation.astype(np.int64)
    a = np.ascontiguousarray(problem.a)
    b = np.ascontiguousarray(problem.b[:, permutation][:, :, permutation])
    slope = np.ascontiguousarray(problem.linear[:, permutation])
    _add_slope(a, b, np.ascontiguousarray(b.swapaxes(1, 2)), slope)
    gains = exchange_gains(slope, a, b)
    np.fill_diagonal(gains, -np.inf)
    best = permutation.copy()
    made, converged = _exchange(a, b, slope, gains, permutation, best, limit, patience, tenure, tolerance)
    return Improved(best, overlap(problem, best), int(made), bool(converged))


@compiled
def _add_slope(a: Real, b: Real, transposed: Real, slope: Real) -> None:
    """Add ``a_g b_g^T + a_g^T b_g`` over the gates: the libraries' products would start threads of their own."""
    units = len(slope)
    for gate in range(len(a)):
        for i in range(units):
            for k in range(units):
                x, y = a[gate, i, k], a[gate, k, i]
                for j in range(units):
                    slope[i, j] += x * transposed[gate, k, j] + y * b[gate, k, j]


@compiled
def _exchange(
    a: Real,
    b: Real,
    slope: Real,
    gains: Real,
    permutation: Integers,
    best: Integers,
    limit: int,
    patience: int,
    tenure: Integers,
    tolerance: float,
) -> tuple[int, bool]:
    """Exchange in place; `best` receives the best permutation. `gains` has -inf on the diagonal."""
    gates, units = a.shape[0], a.shape[1]
    apart = np.zeros((units, units), np.int32)  # unit u may not have the partner now v's before this exchange
    barred = np.zeros((units, units), np.int32)  # nor may u and v exchange partners
    change, top, top_free = np.zeros((5, units)), np.zeros(units), np.zeros(units)
    above, made, since = 0.0, 0, 0  # above: what has been gained, or less, since the best was met
    while True:
        # largest by columns: the compiler makes vectors of that, and none of a search along a row
        for j in range(units):
            top[j] = top_free[j] = -np.inf
        for i in range(units):
            for j in range(units):
                gain = gains[i, j]
                free = gain if barred[i, j] <= made else -np.inf
                top[j] = gain if gain > top[j] else top[j]
                top_free[j] = free if free > top_free[j] else top_free[j]
        v, free_v = 0, 0
        for j in range(1, units):
            v = j if top[j] > top[v] else v
            free_v = j if top_free[j] > top_free[free_v] else free_v
        improving = above + top[v] > tolerance
        if not improving and (since >= patience or top_free[free_v] == -np.inf):
            return made, True
        if made >= limit:
            return made, since > 0 or not improving
        if not improving:
            v = free_v
        u, greatest = 0, top[v] if improving else top_free[v]
        while gains[u, v] != greatest or (not improving and barred[u, v] > made):
            u += 1
        made += 1
        above += greatest
        for gate in range(gates):
            for j in range(units):
                change[0, j] = x = a[gate, j, u] - a[gate, j, v]
                change[1, j] = y = b[gate, j, u] - b[gate, j, v]
                change[2, j] = z = a[gate, u, j] - a[gate, v, j]
                change[3, j] = w = b[gate, u, j] - b[gate, v, j]
                change[4, j] = x * y + z * w
            for i in range(units):
                x, y, z, w, own = change[0, i], change[1, i], change[2, i], change[3, i], change[4, i]
                for j in range(units):
                    slope[i, j] -= x * change[1, j] + z * change[3, j]
                for j in range(units):
                    parted = x * change[1, j] + y * change[0, j] + z * change[3, j] + w * change[2, j]
                    gains[i, j] += own + change[4, j] - parted
            for j in range(units):
                b[gate, j, u], b[gate, j, v] = b[gate, j, v], b[gate, j, u]
            for j in range(units):
                b[gate, u, j], b[gate, v, j] = b[gate, v, j], b[gate, u, j]
        for j in range(units):
            slope[j, u], slope[j, v] = slope[j, v], slope[j, u]
            apart[j, u], apart[j, v] = apart[j, v], apart[j, u]
        permutation[u], permutation[v] = permutation[v], permutation[u]
        apart[u, v] = made + tenure[2 * made % len(tenure)]
        apart[v, u] = made + tenure[(2 * made + 1) % len(tenure)]
        for i in (u, v):
            for j in range(units):
                gain = slope[i, j] + slope[j, i] - slope[i, i] - slope[j, j]
                for gate in range(gates):
                    of_a = a[gate, i, i] + a[gate, j, j] - a[gate, i, j] - a[gate, j, i]
                    gain += of_a * (b[gate, i, i] + b[gate, j, j] - b[gate, i, j] - b[gate, j, i])
                gains[i, j] = gains[j, i] = gain if i != j else -np.inf
                barred[i, j] = barred[j, i] = min(apart[i, j], apart[j, i])
        since += 1
        if improving:
            for j in range(units):
                best[j] = permutation[j]
            above, since = 0.0, 0
