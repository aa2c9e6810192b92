"""How far a network's representation of the same trials turned in training."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnkit.errors import InputError

__all__ = ["align_representations"]

Floats = NDArray[np.float64]


def _unit(activity: ArrayLike, centred: bool) -> Floats:
    """Return activity of Frobenius norm 1 per network; NaN where there is none."""
    given = np.asarray(activity)
    values = given.astype(np.float64)
    if values.ndim != 3 or values.size == 0:
        raise InputError("activity", f"shape {values.shape}", "give (networks, samples, units)")
    # By the largest element first, so that no square overflows.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        values = values / np.abs(values).max(axis=(1, 2), keepdims=True)
        norm = np.linalg.norm(values, axis=(1, 2), keepdims=True)
        if centred:
            values = values - values.mean(axis=1, keepdims=True)
            rest = np.linalg.norm(values, axis=(1, 2), keepdims=True)
            # Constant activity differs from its mean by rounding only: that is no variance.
            norm = np.where(rest > 8 * np.finfo(np.float64).eps * norm, rest, np.nan)
        return np.asarray(values / norm)


def align_representations(after: ArrayLike, before: ArrayLike, centred: bool = False) -> Floats:
    """Return the alignment of each network's representation after training with that before.

    RA = Tr(R_f R_0) / (|R_f| |R_0|), R = H^T H over samples (trials x steps) (paper "degeneracy", appendix C, with
    representations in place of kernels). Tr(R_f R_0) = |H_f H_0^T|^2, so that the largest product is units x units.

    Parameters
    ----------
    after, before : (networks, samples, units)
        States of the same networks on the same samples.
    centred : bool
        Subtract each unit's mean over the samples first. The value is then linear CKA (not debiased).

    Returns
    -------
    (networks,) float64
        From 0 to 1; NaN where activity is zero, not finite or, when centred, constant.

    Raises
    ------
    InputError
        If the shapes do not fit.

    Examples
    --------
    >>> h = np.random.default_rng(0).normal(size=(1, 50, 4))
    >>> align_representations(3 * h[..., ::-1], h).round(12).tolist()
    [1.0]
    >>> align_representations([[[1.0], [0.0]]], [[[0.0], [1.0]]]).tolist()
    [0.0]
    """
    x, y = _unit(after, centred), _unit(before, centred)
    if x.shape[:2] != y.shape[:2]:
        raise InputError("after, before", f"shapes {x.shape} and {y.shape}", "give the same networks and samples")
    cross, own, initial = (
        np.square(np.matmul(one.transpose(0, 2, 1), other)).sum(axis=(1, 2)) for one, other in ((x, y), (x, x), (y, y))
    )
    return np.asarray(np.clip(cross / np.sqrt(own) / np.sqrt(initial), 0.0, 1.0))
