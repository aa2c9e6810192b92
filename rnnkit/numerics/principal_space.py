"""The first few principal components of states, to look at them in two or three dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh

from rnnkit.errors import InputError
from rnnkit.numerics.threads import one_thread

__all__ = ["PrincipalSpace", "principal_space"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PrincipalSpace:
    """Axes through the mean of the states.

    Attributes
    ----------
    mean : (units,)
    axes : (units, dims)
        Orthonormal.
    explained : (dims,)
        Share of the variance along each; 0 where there is none at all.
    """

    mean: Floats
    axes: Floats
    explained: Floats

    def project(self, states: ArrayLike) -> Floats:
        """Return coordinates (..., dims) of states (..., units)."""
        return (np.asarray(states, dtype=np.float64) - self.mean) @ self.axes

    def turn(self, directions: ArrayLike) -> Floats:
        """Return the coordinates (..., dims) of directions (..., units): the mean has no part in them."""
        return np.asarray(directions, dtype=np.float64) @ self.axes


def principal_space(states: ArrayLike, dims: int) -> PrincipalSpace:
    """Return the leading principal axes of states.

    Eigenvectors of the covariance, by falling eigenvalue; of each the sign with which the sum of its cubes is
    positive, which does not depend on the order of the units. With fewer units than `dims`, the axes left over are
    zero, and so are coordinates along them.

    Parameters
    ----------
    states : (samples, units)
    dims : int

    Raises
    ------
    InputError
        When the states are not two-dimensional, or there are none.

    Examples
    --------
    >>> space = principal_space([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]], 2)
    >>> space.explained.tolist(), space.project([4.0, 0.0]).tolist()
    ([1.0, 0.0], [2.0, 0.0])
    """
    samples = np.asarray(states, dtype=np.float64)
    if samples.ndim != 2 or not samples.size:
        raise InputError("states", f"shape {samples.shape}", "give at least one state, as (samples, units)")
    units = samples.shape[1]
    mean = samples.mean(axis=0)
    with one_thread():
        centred = samples - mean
        covariance = centred.T @ centred / len(samples)
        first = max(0, units - dims)
        values, vectors = eigh(covariance, driver="evr", subset_by_index=(first, units - 1))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    vectors = vectors * np.where((vectors**3).sum(axis=0) < 0, -1.0, 1.0)
    axes, explained = np.zeros((units, dims)), np.zeros(dims)
    axes[:, : vectors.shape[1]] = vectors
    total = float(np.trace(covariance))
    if total > 0:
        explained[: len(values)] = values / total
    return PrincipalSpace(mean, axes, explained)
