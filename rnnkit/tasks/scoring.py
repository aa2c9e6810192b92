"""How answers given by a sign are scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sign_accuracy"]


def sign_accuracy(
    outputs: NDArray[np.floating], targets: NDArray[np.floating], axes: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return the share of nonzero targets whose sign the output has.

    Parameters
    ----------
    outputs, targets : (networks, ...)
        Arrays of one shape.
    axes : tuple of int
        The axes to average over: all but the networks.

    Returns
    -------
    (networks,) float64
        NaN where a network's outputs are not all finite, or where no target is nonzero.

    Examples
    --------
    >>> outputs = np.array([[0.2, -3.0, 5.0, 1.0]])
    >>> sign_accuracy(outputs, np.array([[1.0, 1.0, 0.0, 1.0]]), (1,)).round(3)
    array([0.667])
    """
    counted = (targets != 0).sum(axis=axes)
    # Comparisons, not products: an infinite output raises no warning.
    correct = (((outputs > 0) & (targets > 0)) | ((outputs < 0) & (targets < 0))).sum(axis=axes)
    usable = np.isfinite(outputs).all(axis=axes) & (counted > 0)
    share: NDArray[np.float64] = np.full(counted.shape, np.nan)
    np.divide(correct, counted, out=share, where=usable)
    return share
