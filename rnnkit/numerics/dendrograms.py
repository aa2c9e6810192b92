"""Average-linkage trees of distance tables, with an order of the leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from rnnkit.errors import InputError

__all__ = ["Tree", "average_tree"]


@dataclass(frozen=True)
class Tree:
    """A tree over networks.

    Attributes
    ----------
    order : (networks,) int
        The leaves, from left to right.
    across : (networks - 1, 4)
        Places of the corners of each joint, a bracket; leaf k of the order is at k.
    heights : (networks - 1, 4)
        Their heights: the mean distance between the two sides.
    """

    order: NDArray[np.int64]
    across: NDArray[np.float64]
    heights: NDArray[np.float64]


def average_tree(distances: ArrayLike) -> Tree:
    """Join networks by average linkage, with the leaves in the order that puts the nearest beside each other.

    Of the 2^(n - 1) orders a tree allows, the one with the least sum of distances between neighbours; of it and its
    mirror image the one that begins with the earlier network.

    Parameters
    ----------
    distances : (networks, networks)
        Symmetric, complete, zero on the diagonal; the same as :func:`rnnkit.numerics.heterogeneity.clusters` cuts.

    Raises
    ------
    InputError
        When the table is not square, complete or symmetric.

    References
    ----------
    Bar-Joseph, Gifford and Jaakkola 2001, "Fast optimal leaf ordering for hierarchical clustering",
    Bioinformatics 17: S22-S29.

    Examples
    --------
    >>> place = np.array([0.0, 5.0, 0.5])
    >>> tree = average_tree(abs(place[:, None] - place))
    >>> tree.order.tolist(), tree.heights.max(axis=1).tolist()
    ([0, 2, 1], [0.5, 4.75])
    """
    table = np.asarray(distances, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not len(table):
        raise InputError("distances", f"shape {table.shape}", "give a square table of at least one network")
    if not np.isfinite(table).all() or not np.array_equal(table, table.T):
        raise InputError("distances", "not complete or not symmetric", "leave out networks without distances")
    if len(table) == 1:
        return Tree(np.zeros(1, dtype=np.int64), np.zeros((0, 4)), np.zeros((0, 4)))
    pairs = squareform(table, checks=False)
    drawn = dendrogram(linkage(pairs, "average", optimal_ordering=True), no_plot=True)
    # scipy puts leaf k at 10 k + 5.
    across = (np.asarray(drawn["icoord"], dtype=np.float64) - 5) / 10
    order, heights = np.asarray(drawn["leaves"], dtype=np.int64), np.asarray(drawn["dcoord"], dtype=np.float64)
    if order[0] > order[-1]:
        order, across, heights = order[::-1], len(table) - 1 - across[:, ::-1], heights[:, ::-1]
    return Tree(order, across, heights)
