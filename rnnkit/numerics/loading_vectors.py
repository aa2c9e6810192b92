"""The loading vectors of a low-rank network, their overlaps, and which of them the loss can see.

A network h <- (1 - alpha) h + alpha (U V^T phi(h) / N + M x + b), y = Z^T phi(h) / N, is a list of vectors with
entries of order one. Those that states are made of, h = M s + b s_b + h_0 s_h + U k, form the inner group A; those
that read phi(h) form the outer group B. Side by side in this order they are the columns of a matrix X of N rows,
and S = X^T X / N holds every overlap (design: Ger & Barak, "Learning reveals invisible structure in low-rank RNNs").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layout", "overlaps_of"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which loading vectors there are, in the order of X's columns.

    Attributes
    ----------
    inputs, rank, outputs : int
        I columns `m` of the input weights, R columns `u` (left) and `v` (right), O columns `z` of the readout.
    bias, initial : bool
        Whether there is a bias `b` of the step (an input that is always 1) and an initial state `h`.

    Examples
    --------
    >>> Layout(inputs=1, rank=1, outputs=1).names
    ('m', 'u', 'v', 'z')
    >>> Layout(inputs=1, rank=2, outputs=1, bias=True).names
    ('m', 'b', 'u1', 'u2', 'v1', 'v2', 'z')
    """

    inputs: int
    rank: int
    outputs: int
    bias: bool = False
    initial: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the vectors; numbered from 1 where there are several of a kind."""

        def several(letter: str, count: int) -> list[str]:
            return [letter] if count == 1 else [f"{letter}{k + 1}" for k in range(count)]

        drives = ["b"] * self.bias + ["h"] * self.initial
        inner = [*several("m", self.inputs), *drives, *several("u", self.rank)]
        return (*inner, *several("v", self.rank), *several("z", self.outputs))

    @property
    def drives(self) -> int:
        """Inner vectors whose share of the state does not depend on the weights: inputs, bias, initial state."""
        return self.inputs + self.bias + self.initial

    @property
    def inner(self) -> int:
        """Size of group A."""
        return self.drives + self.rank

    @property
    def outer(self) -> int:
        """Size of group B."""
        return self.rank + self.outputs

    @property
    def size(self) -> int:
        """Number of loading vectors, n."""
        return self.inner + self.outer

    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns of the n (n + 1) / 2 overlaps: the upper triangle of S, row by row."""
        rows, columns = np.triu_indices(self.size)
        return rows, columns

    def visible(self, linear: bool) -> NDArray[np.bool_]:
        """Return (n, n): which overlaps the loss is a function of.

        The network's output is a function of those between the groups; where phi is not linear, of those within
        group A too, since they set the variance of the states (in the limit of many units with Gaussian entries).

        Examples
        --------
        >>> rank_one, rank_two = (Layout(inputs=1, rank=r, outputs=1) for r in (1, 2))
        >>> [int(one.visible(linear)[one.pairs()].sum()) for one in (rank_one, rank_two) for linear in (True, False)]
        [4, 7, 9, 15]
        """
        inner = np.arange(self.size) < self.inner
        across: NDArray[np.bool_] = inner[:, None] != inner
        return across if linear else across | (inner[:, None] & inner)


def overlaps_of(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return S = X^T X / N, exactly symmetric.

    Parameters
    ----------
    vectors : (..., N, n)
        Loading vectors as columns, in the order of :attr:`Layout.names`.

    Returns
    -------
    (..., n, n) float64

    Examples
    --------
    >>> overlaps_of(np.array([[1.0, 2.0], [1.0, 0.0]]))
    array([[1., 1.],
           [1., 2.]])
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    product = vectors.swapaxes(-1, -2) @ vectors / vectors.shape[-2]
    symmetric: NDArray[np.float64] = (product + product.swapaxes(-1, -2)) / 2
    return symmetric
