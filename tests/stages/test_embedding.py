"""`embedding`: a row for each network, by group and metric, and networks that cannot be placed."""

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.errors import InputError
from rnnkit.stages import embedding
from tests.stages.test_degeneracy import comparisons


def distances(points):
    points = np.asarray(points, dtype=float)
    return np.linalg.norm(points[:, None] - points, axis=-1)


def rows(table, **options):
    return {row["network"]: row for row in embedding(table, **options).to_pylist()}


def two_clusters(rng, sizes=(6, 4)):
    return np.concatenate([rng.normal(size=(n, 2)) + np.array([20 * k, 0]) for k, n in enumerate(sizes)])


def test_neighbours_and_clusters_by_hand():
    rng = np.random.default_rng(0)
    table = distances(two_clusters(rng))
    found = rows(comparisons(table))
    assert list(found) == [f"n{k}" for k in range(10)]
    off = table + np.diag(np.full(10, np.inf))
    means = table.sum(axis=1) / 9
    for k in range(10):
        row = found[f"n{k}"]
        assert row["mean_distance"] == pytest.approx(means[k])
        assert row["nearest"] == f"n{off[k].argmin()}"
        assert row["nearest_distance"] == pytest.approx(off[k].min())
        assert row["medoid"] == (k == means.argmin())
        assert row["cluster"] == (1 if k < 6 else 2)
        assert (row["clusters"], row["status"], row["level"]) == (2, "ok", "dynamics")
        assert row["cluster_p_value"] == 1 / 200
        assert row["mean_silhouette"] > row["reference_silhouette"]
    plane = np.array([[row["x"], row["y"]] for row in found.values()])
    assert distances(plane) == pytest.approx(table)


def test_order_of_rows_and_of_their_members_does_not_matter():
    rng = np.random.default_rng(1)
    table = comparisons(distances(rng.normal(size=(8, 3))))
    turned = table.take(rng.permutation(table.num_rows)).rename_columns({"a": "b", "b": "a"}).select(table.column_names)
    assert embedding(turned).equals(embedding(table))


def test_groups_and_metrics_apart():
    rng = np.random.default_rng(2)
    parts = [
        comparisons(distances(rng.normal(size=(n, 2))), f"g{g}n", ["gamma"], gamma=g, metric=metric)
        for g, n in (("1", 4), ("3", 5))
        for metric in ("dsa", "pif")
    ]
    table = embedding(pa.concat_tables(parts)).to_pandas()
    assert table.groupby(["gamma", "metric"]).size().to_dict() == {
        ("1", "dsa"): 4,
        ("1", "pif"): 4,
        ("3", "dsa"): 5,
        ("3", "pif"): 5,
    }
    assert (table["status"] == "ok").all()
    # Without the groups, networks of one have no distance to those of the other: the smaller group goes.
    pooled = embedding(pa.concat_tables(parts), []).to_pandas()
    assert set(pooled["status"]) == {"ok", "missing_pairs"}
    assert set(pooled[pooled["status"] == "ok"]["network"]) == {f"g3n{k}" for k in range(5)}


def test_networks_without_some_distances_are_flagged_not_guessed():
    table = distances(np.random.default_rng(3).normal(size=(6, 2)))
    whole = rows(comparisons(np.delete(np.delete(table, 2, 0), 2, 1)))
    table[2, [0, 4]] = table[[0, 4], 2] = np.nan
    found = rows(comparisons(table))
    lost = found.pop("n2")
    assert lost["status"] == "missing_pairs"
    assert {lost[name] for name in ("x", "y", "mean_distance", "nearest", "medoid", "cluster", "explained")} == {None}
    for one, other in zip(found.values(), whole.values(), strict=True):
        assert (one["x"], one["mean_distance"]) == pytest.approx((other["x"], other["mean_distance"]))
        assert one["nearest"] != "n2"
    none = rows(comparisons(np.full((3, 3), np.nan)))
    assert {row["status"] for row in none.values()} == {"missing_pairs"}


def test_few_networks_have_no_clusters():
    found = rows(comparisons(distances([[0.0], [1.0], [3.0]])))
    assert [row["cluster"] for row in found.values()] == [None] * 3
    assert [row["medoid"] for row in found.values()] == [False, True, False]
    pair = rows(comparisons(distances([[0.0], [2.0]])))
    assert [row["x"] for row in pair.values()] == pytest.approx([1, -1])
    same = rows(comparisons(np.zeros((5, 5))))
    assert {(row["x"], row["cluster"], row["explained"], row["status"]) for row in same.values()} == {
        (0.0, None, None, "ok")
    }


def test_what_counts_and_what_is_refused():
    good, bad = comparisons(distances(np.eye(4))), comparisons(distances(np.eye(3)), "x", converged=False)
    both = pa.concat_tables([good, bad])
    assert len(rows(both)) == 4
    assert len(rows(both, include_unconverged=True)) == 7
    with pytest.raises(InputError, match="no network got below"):
        embedding(bad)
    with pytest.raises(InputError, match="no column 'gamma'"):
        embedding(good, ["gamma"])
    with pytest.raises(InputError, match="given twice"):
        embedding(pa.concat_tables([good, good]))
    keyed = comparisons(distances(np.eye(3)), extra=["cluster"], cluster="1")
    with pytest.raises(InputError, match="'cluster': is a column of every embedding table"):
        embedding(keyed)


def test_the_seed_draws_the_reference_alone():
    table = comparisons(distances(np.random.default_rng(4).normal(size=(8, 3))))
    first, again, other = (embedding(table, seed=seed) for seed in (0, 0, 1))
    assert first.equals(again)
    drawn = ["reference_silhouette", "cluster_p_value"]
    assert first.drop_columns(drawn).equals(other.drop_columns(drawn))
    assert first["reference_silhouette"] != other["reference_silhouette"]
