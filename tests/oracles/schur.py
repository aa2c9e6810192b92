"""Slow, obvious references for ordered Schur forms: eigenvectors, one at a time, and scipy's binary split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg

Array = npt.NDArray[np.float64]


def flag(matrix: Array) -> tuple[Array, list[int]]:
    """Return an orthogonal basis adapted to the eigenvectors by falling modulus, and the sizes of the blocks.

    For simple eigenvalues of well-conditioned matrices only: Gram-Schmidt of the eigenvectors, real and imaginary
    part of each complex one.
    """
    values, vectors = np.linalg.eig(matrix)
    kept = [k for k in np.argsort(-np.abs(values)) if values[k].imag >= 0]
    columns, sizes = [], []
    for k in kept:
        pair = values[k].imag > 0
        columns += [vectors[:, k].real, vectors[:, k].imag] if pair else [vectors[:, k].real]
        sizes.append(2 if pair else 1)
    return np.linalg.qr(np.stack(columns, 1))[0], sizes


def ablation(matrix: Array, rows_r: int, sectors: list[str]) -> Array:
    """Remove couplings between the blocks of the flag, entry by entry."""
    q, sizes = flag(matrix)
    t = q.T @ matrix @ q
    block = np.repeat(np.arange(len(sizes)), sizes)
    for i in range(len(t)):
        for j in range(len(t)):
            sector = ("R" if j < rows_r else "C") + ("R" if i < rows_r else "C")
            if block[i] < block[j] and sector in sectors:
                t[i, j] = 0.0
    return np.asarray(q @ t @ q.T)


def without_cross_coupling(matrix: Array, threshold: float) -> tuple[Array, int]:
    """Return W - P W (I - P), P the projector on the leading subspace, and its dimension, by scipy's own split."""
    _, q, k = scipy.linalg.schur(matrix, output="real", sort=lambda re, im: np.hypot(re, im) >= threshold)
    p = q[:, :k] @ q[:, :k].T
    return np.asarray(matrix - p @ matrix @ (np.eye(len(p)) - p)), int(k)
