"""Vectors with exactly the overlaps that are asked for, and Gaussian otherwise."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from rnnkit.errors import InputError

__all__ = ["check_gram", "sample_vectors", "symmetric_parts"]

Floats = NDArray[np.float64]

#: Eigenvalues below this share of the largest are 0 but for rounding.
_ROUNDING = 1e-12


def symmetric_parts(gram: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues (rank,) above rounding and eigenvectors (n, rank) of a symmetric, semidefinite matrix.

    Examples
    --------
    >>> values, vectors = symmetric_parts(np.diag([4.0, 0.0]))
    >>> values.tolist(), abs(vectors).tolist()
    ([4.0], [[1.0], [0.0]])
    """
    # Not the divide-and-conquer driver: it can fail on matrices that are nearly singular.
    values, vectors = scipy.linalg.eigh(gram, driver="evr")
    kept = values > _ROUNDING * max(float(np.abs(values).max(initial=0.0)), np.finfo(np.float64).tiny)
    return np.asarray(values[kept]), np.asarray(vectors[:, kept])


def check_gram(gram: Floats, where: str = "the overlaps") -> None:
    """Raise InputError unless the matrix is one of overlaps: finite, symmetric and positive semidefinite.

    Examples
    --------
    >>> check_gram(np.array([[1.0, 2.0], [2.0, 1.0]]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    rnnkit.errors.InputError: the overlaps: have an eigenvalue of -1: no vectors have such overlaps (make those ...)
    """
    if not np.isfinite(gram).all():
        raise InputError(where, "are not all finite", "give a number for each")
    if np.abs(gram - gram.T).max(initial=0.0) > _ROUNDING * max(np.abs(gram).max(initial=0.0), 1.0):
        raise InputError(where, "are not symmetric", "give each pair one value")
    values = scipy.linalg.eigh(gram, eigvals_only=True, driver="evr")
    if values[0] < -_ROUNDING * max(values[-1], 0.0) * len(values) or values[-1] < 0:
        raise InputError(
            where,
            f"have an eigenvalue of {values[0]:.3g}: no vectors have such overlaps",
            "make those between vectors smaller, or those of each with itself larger",
        )


def sample_vectors(gram: Floats, units: int, rng: np.random.Generator, quasi: bool = False) -> Floats:
    """Draw vectors V with V^T V / N = S exactly; their rows are Gaussian but for terms of order 1/sqrt(N).

    X of independent normal entries is whitened, X <- X (X^T X / N)^(-1/2), and V = X S^(1/2). With fewer units than
    vectors, S = Q D Q^T of rank r, X has r columns and V = X D^(1/2) Q^T.

    Parameters
    ----------
    gram : (n, n) float64
        S, symmetric and positive semidefinite; it may be singular.
    units : int
        N, at least the rank of S.
    rng : numpy.random.Generator
    quasi : bool
        Take X from a scrambled Sobol sequence by way of the inverse normal distribution: sums over units then are
        nearer to those of infinitely many. N is best a power of 2.

    Returns
    -------
    (N, n) float64

    Raises
    ------
    InputError
        When S is no matrix of overlaps, or N is below its rank.

    Examples
    --------
    >>> wanted = np.array([[1.0, 0.5], [0.5, 2.0]])
    >>> drawn = sample_vectors(wanted, 100, np.random.default_rng(0))
    >>> bool(abs(drawn.T @ drawn / 100 - wanted).max() < 1e-12)
    True
    """
    check_gram(gram)
    values, vectors = symmetric_parts(gram)
    rank = len(values)
    if units < rank:
        what = f"{units} units for overlaps of rank {rank}"
        raise InputError("--units", what, f"give {rank} or more")
    if rank == 0:
        return np.zeros((units, len(gram)))
    root = np.sqrt(values)[:, None] * vectors.T
    # The symmetric root is one matrix; eigenvectors are so but for their signs, which differ between machines.
    root = vectors @ root if units >= len(gram) else root
    drawn = _sobol(units, len(root), rng) if quasi else rng.standard_normal((units, len(root)))
    # Orthonormal columns nearest to those drawn: X (X^T X)^(-1/2), without the squared condition number.
    left, _, right = np.linalg.svd(drawn, full_matrices=False)
    return np.asarray(np.sqrt(units) * (left @ right) @ root)


def _sobol(units: int, columns: int, rng: np.random.Generator) -> Floats:
    """Return (units, columns) points of a scrambled Sobol sequence, as normal numbers."""
    engine = qmc.Sobol(columns, scramble=True, rng=rng)
    points = engine.random_base2(int(units - 1).bit_length())[:units]
    # A scrambled point may be 0 to the last of its bits.
    return np.asarray(ndtri(np.clip(points, 2.0**-40, 1 - 2.0**-40)))
