r"""Lower bounds of ``min over Q in O(n) of ||A - Q B Q^T||_F`` that hold in floating point.

Two are known, of which the larger is taken (:func:`spectral_bound`): Hoffman & Wielandt (1953) on the symmetric and
skew parts, and Mirsky (1960) on the singular values. They compare spectra one by one and say little about operators
that differ in how their parts lie to each other.

The others are duals of the alignment itself. For symmetric S and T let

.. math:: \mathcal{M}(X) = A X B^\top + A^\top X B - S X - X T,

a symmetric operator on matrices, with largest eigenvalue :math:`\lambda`. For orthogonal Q,
:math:`\langle Q, SQ \rangle = \mathrm{tr} S`, :math:`\langle Q, QT \rangle = \mathrm{tr} T` and :math:`|Q|^2 = n`, so

.. math:: 2 \langle A, Q B Q^\top \rangle \le \mathrm{tr} S + \mathrm{tr} T + n \lambda(S, T)

whatever S and T are. The least right-hand side is a semidefinite programme, which comes close to the alignment on
operators of trained networks, often to equality. :func:`programme_bound` solves it
(:mod:`rnnkit.numerics.alignment_programme`). :func:`descent_bound` comes near it at a fraction of the cost for larger
operators (:mod:`rnnkit.numerics.alignment_descent`).

In both the largest eigenvalue enters through a proof, not through its estimate: ``(sigma - c) I - M`` is factorised by
Cholesky, and where that runs to completion ``sigma I - M`` is positive semidefinite for
``c = 2 (n^2 + 2) eps tr(sigma I - M)`` (Rump 2006, BIT 46: 433-452, with twice the constant). A tried sigma that fails
is widened tenfold, ten times at most; then there is no bound. The rounding of the entries of M and of the sums is
covered by ``32 n eps (||A||_F + ||B||_F)^2`` in the square of the distance.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from rnnkit.numerics.alignment_descent import apply, descend
from rnnkit.numerics.alignment_programme import pair_matrix, solve_dual

__all__ = ["EPS", "LARGEST", "Effort", "descent_bound", "programme_bound", "spectral_bound", "tight_bound"]

Array = npt.NDArray[np.float64]
Effort = Literal["spectra", "quick", "full"]

EPS = float(np.finfo(np.float64).eps)
#: Largest operators that get more than the bound of their spectra: the proof factorises a matrix of n^2 rows.
LARGEST = 48
#: Largest operators for which the programme is solved at quick effort.
QUICK = 16
_STEPS = 24  # of the descent
_ENOUGH = 1e-3  # of the distance: a bound that can rise by less is not worth another step
_CERTIFIED = 1e-8  # of the norms: nothing is left to prove
_TRIES = 10
_DENSE = 6  # up to this size eigenvalues are found all at once


def tight_bound(a: Array, b: Array, rotation: Array, effort: Effort = "quick") -> float:
    """Return a number below ``||a - q b q^T||_F`` for every orthogonal q.

    Parameters
    ----------
    a, b : (n, n) float64
        Finite operators, of moderate entries (1e-100 to 1e100), as the alignments scale them.
    rotation : (n, n) float64
        The best known. Where it is not stationary the bound may be weaker, and holds all the same.
    effort : {"spectra", "quick", "full"}
        ``full`` solves the programme up to size :data:`LARGEST`, ``quick`` up to :data:`QUICK` and descends beyond;
        ``spectra``, and larger operators, have no such bound: 0.

    Returns
    -------
    float

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> a, b = generator.normal(size=(2, 5, 5)) / 5
    >>> from rnnkit.numerics.orthogonal_alignment import align_orthogonal
    >>> found = align_orthogonal(a[None], b[None])
    >>> bound = tight_bound(a, b, found.rotation[0])
    >>> bool(0.9 * found.distance[0] < bound <= found.distance[0])
    True
    """
    n = len(a)
    if effort == "spectra" or n > LARGEST:
        return 0.0
    if effort == "full" or n <= QUICK:
        return programme_bound(a, b, float(np.linalg.norm(a - rotation @ b @ rotation.T)))
    return descent_bound(a, b, rotation)


def programme_bound(
    a: Array, b: Array, reached: float, drive_a: Array | None = None, drive_b: Array | None = None
) -> float:
    """Return the bound of the semidefinite programme; takes O(n^6) operations.

    Parameters
    ----------
    a, b : (n, n) float64
        Finite operators, of moderate entries (1e-100 to 1e100), as the alignments scale them.
    reached : float
        The least distance known. The programme is solved until its bound meets it, to 1e-8 of the norms, or
        cannot and has less than a thousandth of it to gain.
    drive_a, drive_b : (n, inputs) float64, optional
        Of driven operators: the bound is of ``sqrt(||a - q b q^T||_F^2 + ||drive_a - q drive_b||_F^2)``.

    Returns
    -------
    float
    """
    n = len(a)
    if drive_a is None or drive_b is None:
        drive_a = drive_b = np.zeros((n, 0))
    sizes = [float(np.hypot(np.linalg.norm(x), np.linalg.norm(y))) for x, y in ((a, drive_a), (b, drive_b))]
    if min(sizes) == 0:
        return 0.0
    square, product = sizes[0] ** 2 + sizes[1] ** 2, sizes[0] * sizes[1]

    def distance(value: float) -> float:
        return float(np.sqrt(max(square - product * value, 0.0)))

    def enough(value: float, gap: float) -> bool:
        bound, best = distance(value), distance(value - gap)
        meets = _CERTIFIED * max(sizes)
        return reached - bound <= meets or (best < reached - meets and best - bound <= _ENOUGH * reached)

    linear = (drive_a / sizes[0]) @ (drive_b / sizes[1]).T if drive_a.size else None
    dual = solve_dual(a / sizes[0], b / sizes[1], enough, linear)
    proven = _proven_eigenvalue(-dual.slack, 0.0, 0.0)
    if proven is None:
        return 0.0
    value = dual.value + (n if linear is None else n + 1) * proven
    square -= product * value + 32 * (n + drive_a.shape[1]) * EPS * sum(sizes) ** 2
    return float(np.sqrt(max(square, 0.0))) * (1 - 4 * EPS)


def descent_bound(a: Array, b: Array, rotation: Array, steps: int = _STEPS) -> float:
    """Return a bound close to that of the programme if `rotation` is the best.

    Parameters
    ----------
    a, b : (n, n) float64
        Finite operators, of moderate entries (1e-100 to 1e100), as the alignments scale them.
    rotation : (n, n) float64
        Nearly orthogonal; its distance from an orthogonal matrix is taken off the bound.
    steps : int
        Each takes the time of some dozens of products.

    Returns
    -------
    float
    """
    n = len(a)
    scale = max(float(np.linalg.norm(a)), float(np.linalg.norm(b)))
    if scale == 0:
        return 0.0
    a, b = a / scale, b / scale
    turned = rotation @ b @ rotation.T
    total = a @ turned.T + a.T @ turned
    total = (total + total.T) / 2
    difference, vector = descend(a, turned, total, steps)
    left, right = total / 2 + difference, total / 2 - difference
    matrix = _matrix(a, turned, left, right)
    estimate = _leading_eigenvalue(a, turned, left, right, matrix, vector)
    proven = _proven_eigenvalue(matrix, estimate, 1e-4 * abs(estimate) + 1e-12)
    if proven is None:
        return 0.0
    value = float(np.trace(left) + np.trace(right)) + n * proven
    # ||turned|| differs from ||b|| by the distance of the rotation from an orthogonal matrix, as does the alignment.
    loose = float(np.linalg.norm(rotation.T @ rotation - np.eye(n))) + (8 * n + n * n) * EPS
    size = float(np.linalg.norm(turned))
    square = float((a**2).sum() + (turned**2).sum()) - value - 32 * n * EPS * (1 + size) ** 2
    apart = loose * (2 + loose) * float(np.linalg.norm(b))
    return float(max(np.sqrt(max(square, 0.0)) - apart, 0.0)) * scale * (1 - 4 * EPS)


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
        Finite operators, of moderate entries (1e-100 to 1e100), as the alignments scale them.

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


def _matrix(a: Array, b: Array, left: Array, right: Array) -> Array:
    """Return M as a matrix over the entries of x, row by row."""
    n = len(a)
    found = pair_matrix(a, b)
    entries = found.reshape(n, n, n, n)
    for k in range(n):
        entries[:, k, :, k] -= left
        entries[k, :, k, :] -= right.T
    return found


def _leading_eigenvalue(a: Array, b: Array, left: Array, right: Array, matrix: Array, start: Array) -> float:
    """Estimate the largest eigenvalue of M, from products alone where there are many rows."""
    n = len(a)
    if n > _DENSE:
        operator = LinearOperator(
            (n * n, n * n), matvec=lambda x: apply(a, b, left, right, x.reshape(1, n, n)).ravel(), dtype=np.float64
        )
        try:
            return float(eigsh(operator, k=1, which="LA", tol=1e-5, v0=start.ravel(), return_eigenvectors=False)[0])
        except ArpackError:  # M = 0, or many eigenvalues near the largest
            pass
    last = [n * n - 1, n * n - 1]
    return float(scipy.linalg.eigvalsh(matrix, subset_by_index=last, driver="evr", check_finite=False)[0])


def _proven_eigenvalue(matrix: Array, estimate: float, excess: float) -> float | None:
    """Return a number, not far above the estimate, that no eigenvalue is proven to exceed; None if there is none.

    `matrix` is (rows, rows), symmetric; a number `excess` above the `estimate` is tried first.
    """
    if not np.isfinite(matrix).all():
        return None
    rows, trace = len(matrix), abs(float(np.trace(matrix)))
    for _ in range(_TRIES):
        sigma = estimate + excess
        margin = 2 * (rows + 2) * EPS * (rows * abs(sigma) + trace)
        shifted = -matrix
        shifted[np.diag_indices(rows)] += sigma - margin
        _, info = scipy.linalg.lapack.dpotrf(shifted.T, lower=1, clean=0, overwrite_a=1)
        if info == 0:
            return sigma
        excess = 10 * excess + margin
    return None
