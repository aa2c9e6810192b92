"""Optimal transport between the eigenvalues of matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rnnkit.errors import InputError

__all__ = ["spectral_distance"]


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
