r"""The semidefinite relaxation of the orthogonal alignment, solved to the end.

:math:`2 \langle A, Q B Q^\top \rangle = \langle x, M x \rangle` for :math:`x = \mathrm{vec}\, Q` and the symmetric
matrix M of :math:`X \mapsto A X B^\top + A^\top X B`. For orthogonal Q both partial traces of :math:`x x^\top` are the
identity. The relaxation keeps that and lets go of the rank:

.. math:: \max \langle M, X \rangle, \quad X \succeq 0, \quad \mathrm{tr}_2 X = I, \quad \mathrm{tr}_1 X = I;

its dual, whose every feasible point bounds the alignment from above, is

.. math:: \min \mathrm{tr} S + \mathrm{tr} T, \quad P = S \otimes I + I \otimes T - M \succeq 0.

With inputs the alignment has a linear term, :math:`2 \langle C, Q \rangle`. Then x gets one more entry, 1, M a row and
a column of C, X a corner that is 1, and P a corner t, which is added to the dual's value.

Both sides are followed from X = I / n and multiples of the identity by a primal-dual interior-point method with
Mehrotra's predictor and corrector, in the direction of Helmberg, Rendl, Vanderbei & Wolkowicz (1996, SIAM J. Optim. 6:
342-361). X and P have n^2 rows; the Schur complement over S and T has n (n + 1), and three products of matrices of n^2
rows make it, so that a step takes O(n^6). Some twelve steps suffice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy.linalg.lapack import dpotrf, dpotri

__all__ = ["Dual", "pair_matrix", "solve_dual"]

Array = npt.NDArray[np.float64]

_STEPS = 60
_INSIDE = 0.95  # share of the way to the boundary
_SHORTER = 0.9
_TRIALS = 60
_RIDGES = 4


def pair_matrix(a: Array, b: Array) -> Array:
    """Return the matrix of ``X -> A X B^T + A^T X B`` over the entries of X, row by row.

    Parameters
    ----------
    a, b : (n, n) float64

    Returns
    -------
    (n^2, n^2) float64

    Examples
    --------
    >>> a, b, x = np.random.default_rng(0).normal(size=(3, 2, 2))
    >>> np.allclose(pair_matrix(a, b) @ x.ravel(), (a @ x @ b.T + a.T @ x @ b).ravel())
    True
    """
    n = len(a)
    entries = np.multiply.outer(a, b)
    entries += entries.transpose(1, 0, 3, 2).copy()
    return entries.transpose(0, 2, 1, 3).reshape(n * n, n * n)


@dataclass(frozen=True)
class Dual:
    """A point of the dual: S, T and, with a linear term, t. Feasible to rounding.

    Attributes
    ----------
    left, right : (n, n) float64
    corner : float
    slack : (rows, rows) float64
        P, positive semidefinite where the point is feasible.
    """

    left: Array
    right: Array
    corner: float
    slack: Array

    @property
    def value(self) -> float:
        """Return the bound of the alignment, feasibility taken for granted."""
        return float(np.trace(self.left) + np.trace(self.right)) + self.corner


def solve_dual(a: Array, b: Array, enough: Callable[[float, float], bool], linear: Array | None = None) -> Dual:
    """Bound ``2 <a, q b q^T>``, with a linear term ``2 <a, q b q^T> + 2 <linear, q>``, over orthogonal q from above.

    Parameters
    ----------
    a, b : (n, n) float64
        Finite and not all zero; of norm near 1, for the sake of the rounding.
    enough : callable
        Given the value of the dual and what it can still fall by, whether to stop.
    linear : (n, n) float64, optional

    Returns
    -------
    Dual
        Where the arithmetic gives out before there is enough, the last one.

    Examples
    --------
    >>> a = np.diag([0.6, 0.8])
    >>> found = solve_dual(a, a, lambda value, gap: gap < 1e-9)
    >>> round(found.value, 6)  # 2 |a|^2: the identity is the best rotation
    2.0
    """
    n = len(a)
    matrix, space = pair_matrix(a, b), _Space(n, linear is not None)
    product, offset = float(np.linalg.norm(a, 2) * np.linalg.norm(b, 2)), 0.0
    if linear is not None:
        offset = float(np.linalg.norm(linear))
        matrix = np.block([[matrix, linear.reshape(-1, 1)], [linear.reshape(1, -1), np.zeros((1, 1))]])

    def at(left: Array, right: Array, corner: float) -> Dual:
        return Dual(left, right, corner, space.product(left, right, corner) - matrix)

    # So large that P is definite, by Schur's complement of its corner.
    first = (1.1 * product + offset) * np.eye(n)
    dual = at(first, first, product + offset if linear is not None else 0.0)
    size = len(matrix)
    primal = np.eye(size)
    primal[: n * n] /= n
    ones = space.entries(np.eye(n), np.eye(n), 1.0)
    for _ in range(_STEPS):
        gap = float((primal * dual.slack).sum())
        if enough(dual.value, gap):
            break
        inverse = _inverse(dual.slack)
        factor = None if inverse is None else _factor(space.schur(primal, inverse))
        if inverse is None or factor is None:
            break

        def direction(rest: Array, primal: Array = primal, inverse: Array = inverse, factor: Any = factor) -> Any:
            rest = (rest + rest.T) / 2
            step = scipy.linalg.cho_solve(factor, space.partial_traces(rest) - ones, check_finite=False)
            change = space.matrices(step)
            wider = space.product(*change)
            turned = primal @ wider @ inverse
            return change, wider, rest - primal - (turned + turned.T) / 2

        _, wider, onward = direction(np.zeros_like(inverse))
        ends = primal + _length(primal, onward) * onward, dual.slack + _length(dual.slack, wider) * wider
        centring = min(max((float((ends[0] * ends[1]).sum()) / gap) ** 3, 1e-4), 0.8)
        change, wider, onward = direction((centring * gap / size) * inverse - onward @ wider @ inverse)
        along = min(1.0, _INSIDE * _length(dual.slack, wider))
        across = min(1.0, _INSIDE * _length(primal, onward))
        if not (along > 0 and across > 0):
            break
        primal = primal + across * onward
        left, right, corner = change
        dual = at(dual.left + along * left, dual.right + along * right, dual.corner + along * corner)
    return dual


class _Space:
    """Symmetric S and T, and t with a linear term, as vectors whose scalar product is that of the matrices."""

    def __init__(self, n: int, linear: bool) -> None:
        self.n, self._linear = n, linear
        self._upper = np.triu_indices(n)
        self._weight = np.where(self._upper[0] == self._upper[1], 1.0, np.sqrt(2.0))
        gauge = self.entries(np.eye(n), -np.eye(n), 0.0)  # changes neither the sum of traces nor P
        self._gauge = np.outer(gauge, gauge) / (gauge @ gauge)

    def entries(self, left: Array, right: Array, corner: float) -> Array:
        """Return the vector of two symmetric matrices and the corner."""
        both = [side[self._upper] * self._weight for side in (left, right)]
        return np.concatenate([*both, [corner]] if self._linear else both)

    def matrices(self, entries: Array) -> tuple[Array, Array, float]:
        """Return what a vector stands for."""
        count = len(self._weight)
        found = np.zeros((2, self.n, self.n))
        found[:, self._upper[0], self._upper[1]] = entries[: 2 * count].reshape(2, -1) / self._weight
        found[:, self._upper[1], self._upper[0]] = found[:, self._upper[0], self._upper[1]]
        return found[0], found[1], float(entries[-1]) if self._linear else 0.0

    def product(self, left: Array, right: Array, corner: float) -> Array:
        """Return S x I + I x T, and the corner below it."""
        n = self.n
        found = np.zeros((n, n, n, n))
        for k in range(n):
            found[:, k, :, k] += left
            found[k, :, k, :] += right
        square = found.reshape(n * n, n * n)
        if not self._linear:
            return square
        square = np.pad(square, (0, 1))
        square[-1, -1] = corner
        return square

    def _parts(self, matrix: Array) -> tuple[Array, Array, float]:
        """Split a matrix into its four axes, the column beside them as a matrix, and the corner."""
        n = self.n
        size = n * n
        four = matrix[:size, :size].reshape((n,) * 4)
        if not self._linear:
            return four, np.zeros((n, n)), 0.0
        return four, matrix[:size, size].reshape(n, n), float(matrix[size, size])

    def partial_traces(self, matrix: Array) -> Array:
        """Return the vector of both partial traces and the corner: the adjoint of :meth:`product`."""
        four, _, corner = self._parts(matrix)
        return self.entries(np.einsum("ijkj->ik", four), np.einsum("ijil->jl", four), corner)

    def schur(self, x: Array, z: Array) -> Array:
        """Return the matrix of <K, X K' Z> over all pairs of directions K, K', definite along the gauge too."""
        n, count = self.n, len(self._weight)
        (four, column, corner), (other, beside, below) = self._parts(x), self._parts(z)  # X_{kj,ml}, Z_{pl,ij}

        def contract(first: Array, second: Array) -> Array:
            found: Array = (first.reshape(n * n, -1) @ second.reshape(n * n, -1).T).reshape((n,) * 4)
            found = found.transpose(3, 0, 1, 2)
            found = found + found.transpose(1, 0, 2, 3)
            found = (found + found.transpose(0, 1, 3, 2)) / 4
            i, j = self._upper
            return np.asarray(found[i, j][:, i, j] * self._weight[:, None] * self._weight, dtype=np.float64)

        # S with S, E_ik E'_mp; T with T; S with T, E_ik F_lq.
        mixed = contract(four.transpose(0, 3, 1, 2), other.transpose(1, 2, 3, 0))
        found = np.zeros((len(self._gauge),) * 2)
        found[:count, :count] = contract(four.transpose(0, 2, 1, 3), other.transpose(0, 2, 3, 1))
        found[count : 2 * count, count : 2 * count] = contract(four.transpose(1, 3, 0, 2), other.transpose(1, 3, 2, 0))
        found[:count, count : 2 * count], found[count : 2 * count, :count] = mixed, mixed.T
        if self._linear:
            left, right = beside @ column.T, beside.T @ column
            found[-1] = self.entries((left + left.T) / 2, (right + right.T) / 2, corner * below)
            found[:-1, -1] = found[-1, :-1]
        return (found + found.T) / 2 + float(np.trace(found)) / len(found) * self._gauge


def _factor(schur: Array) -> Any:
    """Return a Cholesky factor, of a little more than the matrix where rounding has made it indefinite, or None."""
    ridge = 0.0
    for _ in range(_RIDGES):
        try:
            return scipy.linalg.cho_factor(schur + ridge * np.eye(len(schur)), lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            ridge = max(10 * ridge, 1e-16 * float(np.trace(schur)))
    return None


def _inverse(x: Array) -> Array | None:
    """Return the inverse of a positive definite matrix, or None."""
    factor, info = dpotrf(x, lower=1)
    if info:
        return None
    lower = np.tril(dpotri(factor, lower=1)[0])
    return np.asarray(lower + np.tril(lower, -1).T, dtype=np.float64)


def _length(x: Array, by: Array) -> float:
    """Return a step at which ``x + step * by`` is positive definite: 1, or near the largest; 0 if none is found."""
    step = 1 / _INSIDE
    for _ in range(_TRIALS):
        if dpotrf(x + step * by, lower=1, clean=0)[1] == 0:
            return step
        step *= _SHORTER
    return 0.0
