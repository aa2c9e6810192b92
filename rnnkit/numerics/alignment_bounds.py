r"""Lower bounds of ``min over Q in O(n) of ||A - Q B Q^T||_F`` that hold in floating point.

Two are known, of which the larger is taken (:func:`spectral_bound`): Hoffman & Wielandt (1953) on the symmetric and
skew parts, and Mirsky (1960) on the singular values. They compare spectra one by one and say little about operators
that differ in how their parts lie to each other.

The third (:func:`semidefinite_bound`) is a dual of the alignment itself. For symmetric S and T let

.. math:: \mathcal{M}(X) = A X B^\top + A^\top X B - S X - X T,

a symmetric operator on matrices, with largest eigenvalue :math:`\lambda`. For orthogonal Q,
:math:`\langle Q, SQ \rangle = \mathrm{tr} S`, :math:`\langle Q, QT \rangle = \mathrm{tr} T` and :math:`|Q|^2 = n`, so

.. math:: 2 \langle A, Q B Q^\top \rangle \le \mathrm{tr} S + \mathrm{tr} T + n \lambda(S, T)

whatever S and T are. The least right-hand side is a semidefinite programme (the relaxation of the rank-one
matrix :math:`\mathrm{vec} Q\, \mathrm{vec} Q^\top` to a positive one with the same partial traces), and on operators
of trained networks it comes close to the alignment, often to equality. At a stationary Q, in the basis where it is
the identity, equality asks for :math:`S + T = A B^\top + A^\top B`, symmetric there; only :math:`D = (S - T)/2` is
left to find. It is lowered by subgradient steps of Polyak's length towards the value 0 that equality has, with the
leading eigenvectors from a block of conjugate directions that is carried along.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

__all__ = ["LARGEST", "semidefinite_bound", "spectral_bound"]

Array = npt.NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
#: Largest operators that get the semidefinite bound: its proof factorises a matrix of n^2 rows.
LARGEST = 48
_BLOCK = 12  # leading eigenvectors followed
_SPREAD = 0.15  # share of the largest eigenvalue over which eigenvectors count for the step
_SLOWER = 0.8  # by which steps shorten after one that did not pay: where equality is out of reach
_TIGHT = 1e-13
_NOTHING = 1e-100  # length of a direction that is rounding of rounding
_DENSE = 6  # up to this size eigenvalues are found all at once


def spectral_bound(a: Array, b: Array) -> Array:
    r"""Return a number below ``||A - Q B Q^T||_F`` for every orthogonal ``Q``, from spectra alone.

    The larger of two. Hoffman & Wielandt (1953) on the symmetric and skew parts, which are orthogonal to each
    other and turn with the same ``Q``: :math:`d^2 \ge \sum_i (\lambda_i(A_s) - \lambda_i(B_s))^2 + \sum_i
    (\mu_i(A_k) - \mu_i(B_k))^2`, eigenvalues sorted (:math:`\mu` those of :math:`i A_k`). Mirsky (1960) on the
    singular values: :math:`d^2 \ge \sum_i (\sigma_i(A) - \sigma_i(B))^2`, never below ``| ||A|| - ||B|| |``.

    A backward-stable solver returns the exact spectrum of a matrix within ``p(n) eps ||A||`` of the one given.
    By the same two theorems the vector of eigenvalues is then off by no more in the 2-norm, so the bound is
    reduced by ``8 n eps (||A||_F + ||B||_F)``: ``p(n)`` below ``4 n`` covers LAPACK's symmetric and singular
    value solvers, and leaves as much for forming the parts and summing.

    Parameters
    ----------
    a, b : (pairs, n, n) float64
        Finite operators.

    Returns
    -------
    (pairs,) float64

    Examples
    --------
    >>> float(spectral_bound(np.diag([3.0, 1.0])[None], np.diag([1.0, 2.0])[None])[0].round(12))
    1.0
    """
    gaps = [np.linalg.svd(a, compute_uv=False) - np.linalg.svd(b, compute_uv=False)]
    spectra = [
        np.concatenate([np.linalg.eigvalsh((x + x.mT) / 2), np.linalg.eigvalsh(0.5j * (x - x.mT))], axis=1)
        for x in (a, b)
    ]
    gaps.append(spectra[0] - spectra[1])
    margin = 8 * a.shape[-1] * EPS * (np.linalg.norm(a, axis=(1, 2)) + np.linalg.norm(b, axis=(1, 2)))
    best = np.max([np.linalg.norm(gap, axis=1) for gap in gaps], axis=0)
    return np.asarray(np.maximum(best - margin, 0.0), dtype=np.float64)


def semidefinite_bound(a: Array, b: Array, rotation: Array, iterations: int = 24) -> float:
    """Return a number below ``||a - q b q^T||_F`` for every orthogonal q, close to it if `rotation` is the best.

    Parameters
    ----------
    a, b : (n, n) float64
        Finite operators, n at most :data:`LARGEST`.
    rotation : (n, n) float64
        Nearly orthogonal; where it is not stationary the bound is weaker, and holds all the same.
    iterations : int
        Steps towards the least bound; each takes the time of some dozens of products.

    Returns
    -------
    float

    Notes
    -----
    The largest eigenvalue enters through a proof, not through its estimate: ``(sigma - c) I - M`` is factorised
    by Cholesky, and where that runs to completion ``sigma I - M`` is positive semidefinite for
    ``c = 2 (n^2 + 2) eps tr(sigma I - M)`` (Rump 2006, BIT 46: 433-452, with twice the constant). A tried
    sigma that fails is widened, four times at most; then the bound is 0. The rounding of the turned operator, of
    the entries of M and of the sums is covered by ``32 n eps (||A||_F + ||B||_F)^2`` in the square and the
    distance of `rotation` from an orthogonal matrix.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> a, b = generator.normal(size=(2, 5, 5)) / 5
    >>> from rnnkit.numerics.orthogonal_alignment import align_orthogonal
    >>> found = align_orthogonal(a[None], b[None])
    >>> bound = semidefinite_bound(a, b, found.rotation[0], 60)
    >>> bool(0.6 * found.distance[0] < bound <= found.distance[0])
    True
    """
    n = len(a)
    scale = max(float(np.linalg.norm(a)), float(np.linalg.norm(b)))
    if scale == 0:
        return 0.0
    a, turned = a / scale, rotation @ (b / scale) @ rotation.T
    total = a @ turned.T + a.T @ turned
    total = (total + total.T) / 2
    difference = _descend(a, turned, total, iterations)
    left, right = total / 2 + difference, total / 2 - difference
    proven = _largest_eigenvalue_below(a, turned, left, right)
    if proven is None:
        return 0.0
    # ||turned|| differs from ||b|| by the distance of the rotation from an orthogonal matrix, as does the alignment.
    loose = float(np.linalg.norm(rotation.T @ rotation - np.eye(n))) + 8 * n * EPS
    size = float(np.linalg.norm(turned))
    square = float((a**2).sum() + (turned**2).sum() - np.trace(left) - np.trace(right)) - n * proven
    square -= 32 * n * EPS * (1 + size) ** 2
    return float(max(np.sqrt(max(square, 0.0)) - 2 * loose * size, 0.0)) * scale * (1 - 4 * EPS)


def _apply(a: Array, b: Array, left: Array, right: Array, x: Array) -> Array:
    """Return M(x) of matrices x : (k, n, n)."""
    return np.asarray(a @ x @ b.T + a.T @ x @ b - left @ x - x @ right, dtype=np.float64)


def _matrix(a: Array, b: Array, left: Array, right: Array) -> Array:
    """Return M as a matrix over the entries of x, row by row: ``a x b^T`` is the Kronecker product of a and b."""
    n = len(a)
    entries = np.multiply.outer(a, b)
    entries += entries.transpose(1, 0, 3, 2).copy()
    entries = entries.transpose(0, 2, 1, 3).copy()
    for k in range(n):
        entries[:, k, :, k] -= left
        entries[k, :, k, :] -= right.T
    return entries.reshape(n * n, n * n)


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


def _descend(a: Array, b: Array, total: Array, iterations: int) -> Array:
    """Return the symmetric D with the least largest eigenvalue met on the way."""
    n = len(a)
    block = min(_BLOCK, max(1, n * n // 4))
    start = np.random.default_rng(0).normal(size=(block, n * n))
    start[0] = np.eye(n).ravel()  # an eigenvector of value 0, whatever D is
    vectors, past = _orthonormal_rows(start), np.zeros((0, n * n))
    difference = best = np.zeros((n, n))
    least, pace = np.inf, 1.0
    for iteration in range(iterations):
        left, right = total / 2 + difference, total / 2 - difference
        for _ in range(2 if iteration else 12):
            image = _apply(a, b, left, right, vectors.reshape(-1, n, n)).reshape(len(vectors), -1)
            residual = image - (vectors @ image.T) @ vectors
            basis = _orthonormal_rows(np.concatenate([vectors, residual, past]))
            image = _apply(a, b, left, right, basis.reshape(-1, n, n)).reshape(len(basis), -1)
            values, mixing = _eigen(basis @ image.T)
            leading = mixing[:, -block:].T @ basis
            past = leading - (leading @ vectors.T) @ vectors
            vectors, values = leading, values[-block:]
        largest = float(values[-1])
        if largest < least:
            least, best = largest, difference
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
    return best


def _largest_eigenvalue(matrix: Array) -> float:
    return float(np.linalg.eigvalsh(matrix)[-1])


def _leading_eigenvalue(a: Array, b: Array, left: Array, right: Array) -> float:
    """Estimate the largest eigenvalue by Lanczos, from products alone."""
    n = len(a)
    operator = LinearOperator(
        (n * n, n * n), matvec=lambda x: _apply(a, b, left, right, x.reshape(1, n, n)).ravel(), dtype=np.float64
    )
    start = np.random.default_rng(0).normal(size=n * n)
    return float(eigsh(operator, k=1, which="LA", tol=1e-5, v0=start, return_eigenvectors=False)[0])


def _largest_eigenvalue_below(a: Array, b: Array, left: Array, right: Array) -> float | None:
    """Return a number that the largest eigenvalue of M is proven not to exceed, or None."""
    n = len(a)
    matrix = _matrix(a, b, left, right)
    try:
        estimate = _largest_eigenvalue(matrix) if n <= _DENSE else _leading_eigenvalue(a, b, left, right)
    except ArpackNoConvergence:
        return None
    excess = 1e-4 * abs(estimate) + 1e-12
    for _ in range(4):
        sigma = estimate + excess
        margin = 2 * (n * n + 2) * EPS * (n * n * abs(sigma) + abs(float(np.trace(matrix))))
        shifted = -matrix
        shifted[np.diag_indices(n * n)] += sigma - margin
        _, info = scipy.linalg.lapack.dpotrf(shifted.T, lower=1, clean=0, overwrite_a=1)
        if info == 0:
            return sigma
        excess = 10 * excess + margin
    return None
