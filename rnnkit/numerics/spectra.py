"""Eigenvalues of matrices, and optimal transport between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rnnkit.errors import InputError
from rnnkit.numerics.threads import one_thread

__all__ = ["eigenvalues", "spectral_distance"]

#: Moduli closer than this share of the largest are tied: rounding does not choose their order.
_TIE = 1e-12


def eigenvalues(matrices: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Return the eigenvalues of square matrices, each matrix's by falling modulus.

    Ties go by the angle from the positive real axis, and of a complex pair the one above it comes first. LAPACK's
    `dgeev`, which balances and scales; QR iteration has no proof of convergence, so a matrix on which it stops
    has no eigenvalues here.

    Parameters
    ----------
    matrices : (..., n, n) float

    Returns
    -------
    (..., n) complex128
        NaN for a matrix that is not finite, or on which the iteration did not converge.

    Raises
    ------
    InputError
        When the matrices are not square, or empty.

    Examples
    --------
    >>> found = eigenvalues(np.array([[0.0, -2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 3.0]]))
    >>> found.real.round(6).tolist(), found.imag.round(6).tolist()
    ([3.0, 0.0, 0.0], [0.0, 2.0, -2.0])
    """
    w = np.asarray(matrices, dtype=np.float64)
    if w.ndim < 2 or w.shape[-1] != w.shape[-2] or w.shape[-1] == 0:
        raise InputError("matrices", f"shape {w.shape}", "give square ones, as (..., n, n)")
    flat = w.reshape(-1, *w.shape[-2:])
    found = np.full(flat.shape[:2], complex(np.nan, np.nan))
    finite = np.isfinite(flat).all((1, 2))
    with one_thread():
        found[finite] = _converged(flat[finite])
    return np.take_along_axis(found, _order(found), axis=1).reshape(w.shape[:-1])


def _converged(matrices: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return eigenvalues (matrices, n); one that did not converge must not cost the others theirs."""
    try:
        return np.linalg.eigvals(matrices).astype(np.complex128)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full(matrices.shape[:2], complex(np.nan, np.nan))
        return np.concatenate([_converged(one[None]) for one in matrices])


def _order(values: NDArray[np.complex128]) -> NDArray[np.int64]:
    """Return the order of each row's values, (rows, n)."""
    modulus = np.abs(values)
    largest = np.max(modulus, axis=1, keepdims=True, initial=0.0)
    # Runs of moduli without a gap share a rank, so that two numbers either side of a rounding step stay tied.
    by_size = np.argsort(-modulus, axis=1, kind="stable")
    falling = np.take_along_axis(modulus, by_size, axis=1)
    steps = np.diff(-falling, axis=1, prepend=-falling[:, :1]) > _TIE * largest
    rank = np.empty(values.shape, dtype=np.int64)
    np.put_along_axis(rank, by_size, np.cumsum(steps, axis=1), axis=1)
    angle = np.abs(np.angle(values)).round(9)
    return np.lexsort((values.imag < 0, angle, rank), axis=1)


def spectral_distance(x: NDArray[np.complexfloating], y: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    r"""Return the 2-Wasserstein distance between two sets of as many points of the complex plane, for each pair.

    :math:`W_2^2 = \min_\pi \frac{1}{n} \sum_i |x_i - y_{\pi(i)}|^2` over permutations: with equal weights and
    numbers, transport that splits a point gains nothing (Birkhoff 1946), so the value is that of a linear
    assignment, solved exactly (Crouse 2016, as in scipy). A metric on sets of n points, multiplicity counted.

    Parameters
    ----------
    x, y : (pairs, n) complex128
        Eigenvalues, in any order.

    Returns
    -------
    (pairs,) float64
        NaN where a point is not finite.

    Raises
    ------
    InputError
        If the shapes differ or there are no points.

    Examples
    --------
    >>> spectral_distance(np.array([[0.0, 3.0j]]), np.array([[3.0j, 1.0]])).round(6).tolist()
    [0.707107]
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 2 or x.shape != y.shape or x.shape[1] == 0:
        raise InputError("x, y", f"shapes {x.shape} and {y.shape}", "give (pairs, points), the same for both")
    distance = np.full(len(x), np.nan)
    for pair in np.flatnonzero(np.isfinite(x).all(1) & np.isfinite(y).all(1)):
        apart = np.abs(x[pair][:, None] - y[pair][None, :])
        distance[pair] = np.sqrt(np.mean(apart[linear_sum_assignment(apart**2)] ** 2))
    return distance
