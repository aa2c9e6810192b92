"""Coordinates, neighbours and clusters: planted ones, slow references, what does not matter."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from rnnkit.errors import InputError
from rnnkit.numerics.heterogeneity import classical_scaling, clusters, largest_complete


def table(points):
    return squareform(pdist(np.asarray(points, dtype=float)))


def silhouette(distances, labels, i):
    own = [distances[i, j] for j in range(len(labels)) if labels[j] == labels[i] and j != i]
    if not own:
        return 0.0
    others = [np.mean(distances[i, labels == k]) for k in set(labels.tolist()) if k != labels[i]]
    return (min(others) - np.mean(own)) / max(min(others), np.mean(own))


def test_points_of_a_plane_come_back():
    points = np.random.default_rng(0).normal(size=(9, 2)) * [3, 1]
    plane = classical_scaling(table(points))
    assert table(plane.coordinates) == pytest.approx(table(points), abs=1e-10)
    assert (plane.explained, plane.stress) == pytest.approx((1, 0), abs=1e-10)
    assert plane.coordinates[:, 0].var() > plane.coordinates[:, 1].var()


def test_explained_and_stress_by_hand():
    distances = table(np.random.default_rng(1).normal(size=(8, 4)))
    centring = np.eye(8) - 1 / 8
    values = np.sort(np.linalg.eigvalsh(-centring @ distances**2 @ centring / 2))[::-1]
    plane = classical_scaling(distances)
    assert plane.explained == pytest.approx(values[:2].sum() / np.abs(values).sum())
    off = np.sum((table(plane.coordinates) - distances) ** 2) / np.sum(distances**2)
    assert plane.stress == pytest.approx(np.sqrt(off))


def test_signs_are_fixed_and_the_order_of_networks_does_not_matter():
    points = np.random.default_rng(2).normal(size=(7, 3))
    plane = classical_scaling(table(points))
    for axis in plane.coordinates.T:
        assert axis[np.abs(axis).argmax()] > 0
    order = np.random.default_rng(3).permutation(7)
    assert classical_scaling(table(points[order])).coordinates == pytest.approx(plane.coordinates[order], abs=1e-9)


def test_few_networks_and_networks_in_one_place():
    pair = classical_scaling([[0, 2], [2, 0]])
    assert pair.coordinates == pytest.approx(np.array([[1.0, 0], [-1, 0]]))
    one = classical_scaling(np.zeros((3, 3)))
    assert one.coordinates.tolist() == np.zeros((3, 2)).tolist()
    assert np.isnan([one.explained, one.stress]).all()


def test_the_fewest_networks_are_left_out():
    distances = table(np.arange(5)[:, None])
    assert largest_complete(distances).all()
    for i, j in ((1, 0), (1, 2), (1, 3), (0, 4)):
        distances[i, j] = distances[j, i] = np.nan
    assert largest_complete(distances).tolist() == [True, False, True, True, False]
    assert largest_complete(np.full((3, 3), np.nan)).tolist() == [True, False, False]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_planted_clusters_are_found(count):
    rng = np.random.default_rng(count)
    centres = 20 * np.eye(5)[:count]
    planted = np.repeat(np.arange(count), [9, 7, 6, 5, 4][:count])
    order = rng.permutation(len(planted))
    planted = planted[order]
    distances = table(centres[planted] + rng.normal(size=(len(planted), 5)))
    found = clusters(distances, 39, rng)
    assert found.count == count
    # The largest cluster comes first.
    assert found.labels.tolist() == (planted + 1).tolist()
    assert found.silhouettes == pytest.approx([silhouette(distances, planted, i) for i in range(len(planted))])
    assert found.silhouette == pytest.approx(found.silhouettes.mean())
    assert found.p_value == pytest.approx(1 / 40)
    assert found.silhouette > found.reference


def test_one_cluster_has_a_silhouette_too_but_is_seldom_taken_for_several():
    rng = np.random.default_rng(5)
    found = [clusters(table(rng.normal(size=(12, 2))), 19, rng) for _ in range(60)]
    assert np.mean([one.silhouette for one in found]) > 0.3
    assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.15


def test_silhouettes_of_overlapping_clusters_by_hand():
    distances = table(np.random.default_rng(6).normal(size=(10, 2)))
    found = clusters(distances, 1, np.random.default_rng(0))
    assert found.silhouettes == pytest.approx([silhouette(distances, found.labels, i) for i in range(10)])
    assert 2 <= found.count <= 8


def test_tables_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="give four that differ"):
        clusters(table(np.arange(3)[:, None]), 9, rng)
    with pytest.raises(InputError, match="give four that differ"):
        clusters(np.zeros((5, 5)), 9, rng)
    with pytest.raises(InputError, match="square"):
        classical_scaling(np.zeros((2, 3)))
    for bad in ([[0, np.nan], [np.nan, 0]], [[0, 1], [2, 0]]):
        with pytest.raises(InputError, match="not complete or not symmetric"):
            classical_scaling(bad)
