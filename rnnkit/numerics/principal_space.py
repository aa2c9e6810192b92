"""The first few principal components of states, to look at them in two or three dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh

from rnnkit.errors import InputError
from rnnkit.numerics.threads import one_thread

__all__ = ["PrincipalSpace", "principal_space", "principal_space_of"]

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
    return principal_space_of([np.asarray(states, dtype=np.float64)], dims)


def principal_space_of(blocks: Iterable[Floats], dims: int) -> PrincipalSpace:
    """Return the same of states that come in blocks, of which one at a time is in memory.

    Means and scatter matrices of blocks are merged as by Chan, Golub and LeVeque (1983), which loses no digits to a
    mean far from zero, and needs each block once.

    Parameters
    ----------
    blocks : iterable of (samples, units) float64
    dims : int

    Raises
    ------
    InputError
        When a block is not two-dimensional or has other units, or there are no states.

    Examples
    --------
    >>> states = np.array([[0.0, 0.0], [2.0, 1.0], [4.0, 1.0]])
    >>> space = principal_space_of([states[:1], states[1:]], 1)
    >>> np.allclose(space.axes, principal_space(states, 1).axes)
    True
    """
    with one_thread():
        count, mean, scatter = _moments(blocks)
        covariance = scatter / count
        units = len(mean)
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


def _moments(blocks: Iterable[Floats]) -> tuple[int, Floats, Floats]:
    """Return the number of states, their mean and their scatter matrix."""
    count, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for block in blocks:
        if block.ndim != 2 or (count and block.shape[1] != len(mean)):
            raise InputError("states", f"shape {block.shape}", "give states of one network, as (samples, units)")
        if not block.size:
            continue
        own = block.mean(axis=0)
        centred = block - own
        if not count:
            count, mean, scatter = len(block), own, centred.T @ centred
            continue
        apart, total = own - mean, count + len(block)
        scatter = scatter + centred.T @ centred + np.outer(apart, apart) * (count * len(block) / total)
        mean = mean + apart * (len(block) / total)
        count = total
    if not count:
        raise InputError("states", "there are none", "give at least one state, as (samples, units)")
    return count, mean, scatter
