"""Directions along which deviations from a fixed point grow."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnkit.numerics.threads import one_thread

__all__ = ["unstable_directions"]

Floats = NDArray[np.float64]


def unstable_directions(jacobian: ArrayLike) -> Floats:
    """Return unit vectors along the eigenvectors of the eigenvalues of modulus above 1, by falling modulus.

    A complex pair gives the two axes of the ellipse that its eigenvector v turns on, the longer first: real and
    imaginary part of v exp(-i arg(v^T v) / 2), which are orthogonal. Of each vector the sign with which the sum of
    its cubes is positive; neither depends on the order of the units.

    Parameters
    ----------
    jacobian : (units, units)
        Of the map, at the point.

    Returns
    -------
    (unstable_dims, units) float64

    Examples
    --------
    >>> unstable_directions([[0.5, 0.0], [0.0, -2.0]])
    array([[0., 1.]])
    """
    with one_thread():
        values, vectors = np.linalg.eig(np.asarray(jacobian, dtype=np.float64))
    found = []
    for k in np.lexsort((-values.real, -np.abs(values).round(12))):
        # Of a pair, the one above the axis stands for both.
        if abs(values[k]) <= 1 or values[k].imag < 0:
            continue
        vector = vectors[:, k]
        if values[k].imag == 0:
            found.append(vector.real)
        else:
            turned = vector * np.exp(-0.5j * np.angle(vector @ vector))
            found += [turned.real, turned.imag]
    held = np.array([vector / np.linalg.norm(vector) for vector in found]).reshape(len(found), len(values))
    signs = np.where((held**3).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    return np.asarray(held * signs + 0.0, dtype=np.float64)
