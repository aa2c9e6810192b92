"""How the networks of one distance table lie: two coordinates, medoid, neighbours, clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from rnnkit.errors import InputError
from rnnkit.numerics.resampling import NAN

__all__ = ["Clusters", "Plane", "classical_scaling", "clusters", "largest_complete"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: The most clusters that are tried.
MOST = 8


@dataclass(frozen=True)
class Plane:
    """Coordinates in two dimensions.

    Attributes
    ----------
    coordinates : (networks, 2)
    explained : float
        Share of the two eigenvalues in the sum of all absolute ones; NaN if all are 0.
    stress : float
        sqrt(sum (d - d_plane)^2 / sum d^2) over pairs; NaN if all distances are 0.
    """

    coordinates: Floats
    explained: float
    stress: float


@dataclass(frozen=True)
class Clusters:
    """A clustering.

    Attributes
    ----------
    labels : (networks,) int
        From 1; the largest cluster first.
    count : int
    silhouettes : (networks,)
    silhouette : float
        Their mean.
    reference : float
        95 % quantile of the mean silhouette that one cluster gives.
    p_value : float
        Share of one-cluster samples, the given one among them, with at least this mean silhouette.
    """

    labels: Ints
    count: int
    silhouettes: Floats
    silhouette: float
    reference: float
    p_value: float


def largest_complete(distances: ArrayLike) -> NDArray[np.bool_]:
    """Return which networks stay when those with the most missing distances are left out, one after another.

    Examples
    --------
    >>> table = np.ones((3, 3)) - np.eye(3)
    >>> table[0, 1] = table[1, 0] = table[1, 2] = table[2, 1] = np.nan
    >>> largest_complete(table)
    array([ True, False,  True])
    """
    missing = np.isnan(np.asarray(distances, dtype=np.float64))
    np.fill_diagonal(missing, False)
    kept = np.ones(len(missing), dtype=bool)
    while (count := (missing & kept & kept[:, None]).sum(axis=1)).any():
        # Of several, the last: so the order of the networks decides, and nothing else.
        kept[len(count) - 1 - int(np.argmax(count[::-1]))] = False
    return kept


def classical_scaling(distances: ArrayLike) -> Plane:
    """Place networks in a plane by classical (Torgerson) scaling.

    The two largest eigenvalues of B = -J D^2 J / 2, J = I - 11^T/n, with their eigenvectors. On each axis the
    coordinate of the largest magnitude is positive (the first of them on a tie).

    Parameters
    ----------
    distances : (networks, networks)
        Symmetric, complete.

    References
    ----------
    Borg and Groenen 2005, "Modern multidimensional scaling", chapter 12.

    Examples
    --------
    >>> plane = classical_scaling([[0, 3, 4], [3, 0, 5], [4, 5, 0]])
    >>> round(plane.explained, 6), round(plane.stress, 6)
    (1.0, 0.0)
    """
    table = _checked(distances)
    n = len(table)
    values, vectors = _eigen(table)
    coordinates = np.zeros((n, 2))
    rank = min(2, n)
    coordinates[:, :rank] = vectors[:, :rank] * np.sqrt(np.maximum(values[:rank], 0.0))
    size = np.abs(coordinates)
    for axis in range(2):
        leading = int(np.argmax(size[:, axis] >= size[:, axis].max() * (1 - 1e-9)))
        if coordinates[leading, axis] < 0:
            coordinates[:, axis] *= -1
    total, squares = np.abs(values).sum(), (table**2).sum()
    off = squareform(pdist(coordinates)) - table
    return Plane(
        coordinates,
        float(np.maximum(values[:2], 0).sum() / total) if total > 0 else NAN,
        float(np.sqrt((off**2).sum() / squares)) if squares > 0 else NAN,
    )


def clusters(distances: ArrayLike, references: int, rng: np.random.Generator) -> Clusters:
    """Cluster by average linkage, with the number of clusters, 2 to 8, of the best mean silhouette.

    One cluster also has a best mean silhouette above 0. What it would be is found from samples of one normal
    cluster, with as many networks and the variances that classical scaling finds along its axes, clustered
    in the same way.

    Parameters
    ----------
    distances : (networks, networks)
        Symmetric, complete; at least four networks, not all in one place.
    references : int
        Samples of one cluster.
    rng : numpy Generator

    References
    ----------
    Rousseeuw 1987, "Silhouettes", J. Comput. Appl. Math. 20, 53-65; Liu et al. 2008, "Statistical significance
    of clustering", J. Am. Statist. Assoc. 103, 1281-1293, for the normal reference.

    Examples
    --------
    >>> place = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.3])
    >>> found = clusters(abs(place[:, None] - place), 99, np.random.default_rng(0))
    >>> found.count, found.labels.tolist(), round(found.silhouette, 2)
    (2, [1, 1, 1, 2, 2, 2], 0.97)
    """
    table = _checked(distances)
    n = len(table)
    if n < 4 or not table.any():
        raise InputError("distances", f"of {n} networks, the largest {table.max(initial=0)}", "give four that differ")
    labels, silhouettes = _best_cut(table)
    scale = np.sqrt(np.maximum(_eigen(table)[0], 0.0) / (n - 1))
    drawn = np.array(
        [_best_cut(squareform(pdist(rng.normal(size=(n, n)) * scale)))[1].mean() for _ in range(references)]
    )
    found = float(silhouettes.mean())
    return Clusters(
        labels,
        int(labels.max()),
        silhouettes,
        found,
        float(np.quantile(drawn, 0.95)),
        float((1 + (drawn >= found).sum()) / (1 + references)),
    )


def _best_cut(table: Floats) -> tuple[Ints, Floats]:
    """Return the labels of the cut with the best mean silhouette, and the silhouettes; the fewest on a tie."""
    tree = linkage(squareform(table, checks=False), "average")
    best: tuple[Ints, Floats] | None = None
    for count in range(2, min(MOST, len(table) - 1) + 1):
        labels = fcluster(tree, count, "maxclust").astype(np.int64)
        found = _silhouettes(table, labels)
        if best is None or found.mean() > best[1].mean() + 1e-12:
            best = labels, found
    assert best is not None
    labels, silhouettes = best
    sizes = np.bincount(labels)
    first = [int(np.flatnonzero(labels == k)[0]) if sizes[k] else len(labels) for k in range(len(sizes))]
    order = sorted((k for k in range(len(sizes)) if sizes[k]), key=lambda k: (-sizes[k], first[k]))
    rank = np.zeros(len(sizes), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank[labels], silhouettes


def _silhouettes(table: Floats, labels: Ints) -> Floats:
    """Return (b - a) / max(a, b): a, b the mean distances to the own and nearest other cluster; 0 if alone."""
    member = (labels[:, None] == np.unique(labels)).astype(np.float64)
    sizes = member.sum(axis=0)
    sums = table @ member
    own = sizes @ member.T
    inside = (sums * member).sum(axis=1) / np.maximum(own - 1, 1)
    outside = np.where(member > 0, np.inf, sums / sizes).min(axis=1)
    larger = np.maximum(inside, outside)
    # With one cluster there is no other.
    sound = (own > 1) & np.isfinite(outside) & (larger > 0)
    result: Floats = np.where(sound, np.where(sound, outside - inside, 0.0) / np.where(sound, larger, 1.0), 0.0)
    return result


def _eigen(table: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues of the doubly centred squares, largest first, and their eigenvectors."""
    squares = table**2
    means = squares.mean(axis=0)
    values, vectors = np.linalg.eigh(-(squares - means - means[:, None] + squares.mean()) / 2)
    return values[::-1], vectors[:, ::-1]


def _checked(distances: ArrayLike) -> Floats:
    table = np.asarray(distances, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not len(table):
        raise InputError("distances", f"shape {table.shape}", "give a square table of at least one network")
    if not np.isfinite(table).all() or not np.array_equal(table, table.T):
        raise InputError("distances", "not complete or not symmetric", "leave out networks without distances")
    return table
