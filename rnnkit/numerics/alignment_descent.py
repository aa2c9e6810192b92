r"""Descent of the largest eigenvalue on which a lower bound of the orthogonal alignment rests.

Of :math:`\mathcal{M}(X) = A X B^\top + A^\top X B - S X - X T`, see :mod:`rnnkit.numerics.alignment_bounds`. At a
stationary Q, in the basis where it is the identity, a bound that equals the alignment asks for
:math:`S + T = A B^\top + A^\top B`, symmetric there; only :math:`D = (S - T)/2` is left to find. The eigenvalue is
lowered by subgradient steps of Polyak's length towards the value 0 that equality has, with the leading eigenvectors
from a block of conjugate directions that is carried along: products of the operators, no matrix of n^2 rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg

__all__ = ["apply", "descend"]

Array = npt.NDArray[np.float64]

_BLOCK = 12  # leading eigenvectors followed
_SPREAD = 0.15  # share of the largest eigenvalue over which eigenvectors count for the step
_SLOWER = 0.8  # by which steps shorten after one that did not pay: where equality is out of reach
_TIGHT = 1e-13
_NOTHING = 1e-100  # length of a direction that is rounding of rounding


def apply(a: Array, b: Array, left: Array, right: Array, x: Array) -> Array:
    """Return M(x) of each matrix x.

    Parameters
    ----------
    a, b, left, right : (n, n) float64
    x : (k, n, n) float64

    Returns
    -------
    (k, n, n) float64
    """
    return np.asarray(a @ x @ b.T + a.T @ x @ b - left @ x - x @ right, dtype=np.float64)


def _eigen(x: Array) -> tuple[Array, Array]:
    """Return eigenvalues and eigenvectors of a symmetric matrix, by a driver that has not been seen to give up.

    Divide and conquer, numpy's choice, sometimes finds no eigenvalues of a Gram matrix of nearly dependent rows.
    """
    values, vectors = scipy.linalg.eigh(x, driver="evr", check_finite=False)
    return values, vectors


def _orthonormal_rows(rows: Array) -> Array:
    """Return an orthonormal basis of the span of the rows, those of negligible length dropped."""
    lengths = np.linalg.norm(rows, axis=1)
    rows = rows[lengths > _NOTHING] / lengths[lengths > _NOTHING, None]
    weights, vectors = _eigen(rows @ rows.T)
    kept = weights > 1e-10 * weights[-1]
    return np.asarray((vectors[:, kept] / np.sqrt(weights[kept])).T @ rows, dtype=np.float64)


def descend(a: Array, b: Array, total: Array, iterations: int) -> tuple[Array, Array]:
    """Return the symmetric D with the least largest eigenvalue met on the way, and an eigenvector of that.

    Parameters
    ----------
    a, b : (n, n) float64
        In the basis where the best rotation is the identity.
    total : (n, n) float64
        S + T, symmetric.
    iterations : int

    Returns
    -------
    difference : (n, n) float64
        (S - T) / 2.
    leading : (n, n) float64
        Nearly of the largest eigenvalue.
    """
    n = len(a)
    block = min(_BLOCK, max(1, n * n // 4))
    start = np.random.default_rng(0).normal(size=(block, n * n))
    start[0] = np.eye(n).ravel()  # an eigenvector of value 0, whatever D is
    vectors, past = _orthonormal_rows(start), np.zeros((0, n * n))
    difference = best = np.zeros((n, n))
    vector = vectors[0]
    least, pace = np.inf, 1.0
    for iteration in range(iterations):
        left, right = total / 2 + difference, total / 2 - difference
        for _ in range(2 if iteration else 12):
            image = apply(a, b, left, right, vectors.reshape(-1, n, n)).reshape(len(vectors), -1)
            residual = image - (vectors @ image.T) @ vectors
            basis = _orthonormal_rows(np.concatenate([vectors, residual, past]))
            image = apply(a, b, left, right, basis.reshape(-1, n, n)).reshape(len(basis), -1)
            values, mixing = _eigen(basis @ image.T)
            leading = mixing[:, -block:].T @ basis
            past = leading - (leading @ vectors.T) @ vectors
            vectors, values = leading, values[-block:]
        largest = float(values[-1])
        if largest < least:
            least, best, vector = largest, difference, vectors[-1]
        else:
            pace *= _SLOWER
        if largest < _TIGHT:
            break
        weights = np.exp((values - largest) / (_SPREAD * largest))
        x = vectors.reshape(-1, n, n) * np.sqrt(weights / weights.sum())[:, None, None]
        # d(largest) / dD is X^T X - X X^T for its eigenvector X.
        slope = np.tensordot(x, x, axes=((0, 1), (0, 1))) - np.tensordot(x, x, axes=((0, 2), (0, 2)))
        length = float((slope**2).sum())
        if length == 0:
            break
        difference = difference - pace * largest / length * slope
    return best, vector.reshape(n, n)
