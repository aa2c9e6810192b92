"""Where a removed part of the recurrent weights reads from and writes to, beside the activity and the readout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from rnnkit.numerics.schur_ablations import norms

__all__ = ["SubspaceAccount", "principal_axes", "row_space", "subspace_account"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SubspaceAccount:
    """Shares of the squared norm of each removed part, NaN where nothing is removed.

    Attributes
    ----------
    in_pcs : (parts,) float64
        What reads from the principal axes of the activity; pcs / units by chance.
    out_pcs : (parts,) float64
        What writes into them; pcs / units by chance.
    out_readout : (parts,) float64
        What writes into the row space of the readout; outputs / units by chance.
    drive : (parts,) float64
        Mean squared input that the part gives to the units, over that of all recurrent weights.
    """

    in_pcs: Floats
    out_pcs: Floats
    out_readout: Floats
    drive: Floats


def subspace_account(
    parts: Floats, recurrent: Floats, axes: Floats, readout_axes: Floats, second_moment: Floats
) -> SubspaceAccount:
    """Account for parts A of the recurrent weights W by the subspaces of the activity x that they act on.

    in_pcs = norm(A V)^2 / norm(A)^2, out_pcs = norm(V^T A)^2 / norm(A)^2, out_readout = norm(Z^T A)^2 / norm(A)^2,
    drive = E norm(A x)^2 / E norm(W x)^2 (the question left open in "Task-restricted symmetries", section 5).

    Parameters
    ----------
    parts : (parts, units, units) float64
        A, in the coordinates of the units.
    recurrent : (units, units) float64
        W.
    axes : (units, pcs) float64
        V, orthonormal.
    readout_axes : (units, outputs) float64
        Z, orthonormal.
    second_moment : (units, units) float64
        E x x^T.

    Examples
    --------
    >>> w = np.array([[0.0, 2.0], [1.0, 0.0]])
    >>> part = np.array([[[0.0, 2.0], [0.0, 0.0]]])
    >>> first, second = np.eye(2)[:, :1], np.eye(2)[:, 1:]
    >>> found = subspace_account(part, w, second, first, np.eye(2))
    >>> found.in_pcs.tolist(), found.out_pcs.tolist(), found.out_readout.tolist(), found.drive.tolist()
    ([1.0], [0.0], [1.0], [0.8])
    """
    scale = float(np.abs(recurrent).max()) or 1.0
    a, w = parts / scale, recurrent / scale
    total = norms(a) ** 2
    whole = np.sum((w @ second_moment) * w)
    with np.errstate(invalid="ignore", divide="ignore"):
        return SubspaceAccount(
            ((a @ axes) ** 2).sum((1, 2)) / total,
            ((axes.T @ a) ** 2).sum((1, 2)) / total,
            ((readout_axes.T @ a) ** 2).sum((1, 2)) / total,
            # Removed or not, a part gives nothing where the weights give nothing: 0 / 0 is NaN.
            np.where(total > 0, ((a @ second_moment) * a).sum((1, 2)) / whole, np.nan),
        )


def principal_axes(covariance: Floats, share: float = 0.95) -> Floats:
    """Return the fewest principal axes that hold a share of the variance, (units, pcs); none of no variance.

    Examples
    --------
    >>> principal_axes(np.diag([90.0, 9.0, 1.0]), 0.95).shape
    (3, 2)
    """
    # Divide and conquer, numpy's choice, can fail on covariances that are nearly singular.
    values, vectors = scipy.linalg.eigh(covariance, driver="evr")
    values = np.maximum(values[::-1], 0.0)
    total = values.sum()
    if total == 0:
        return np.empty((len(values), 0))
    count = int(np.searchsorted(np.cumsum(values), share * total * (1 - 1e-12))) + 1
    return np.asarray(vectors[:, ::-1][:, :count])


def row_space(weights: Floats) -> Floats:
    """Return orthonormal axes of the row space, (units, rank).

    Examples
    --------
    >>> np.abs(row_space(np.array([[0.0, 2.0], [0.0, 1.0]]))).round(6).tolist()
    [[0.0], [1.0]]
    """
    _, values, rows = scipy.linalg.svd(weights, full_matrices=False)
    rank = int((values > values.max(initial=0.0) * max(weights.shape) * np.finfo(float).eps).sum())
    return np.asarray(rows[:rank].T)
