"""What each kind draws: data in the artists, labels, legends; of one network and of fifty."""

from __future__ import annotations

import io
import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import Normalize, to_hex

from rnnkit.errors import InputError
from rnnkit.plots import KINDS, Settings
from rnnkit.plots.saving import save
from rnnkit.plots.style import BLUE, COLOURS, GREEN, RED
from rnnkit.stages import plot
from rnnkit.tables import build
from tests.plots import planted


def artists(axes, gid):
    return [artist for artist in axes.get_children() if artist.get_gid() == gid]


def labels(picture):
    return [text.get_text() for one in picture.figure.legends for text in one.get_texts()]


def drawn(kind, *tables, **settings):
    return plot(kind, [(name, table) for name, table in tables], Settings(**settings))


def everything(count):
    """A line of tables for each kind, for so many networks."""
    place = np.random.default_rng(0).normal(size=(max(2, count), 2))
    return {
        "training": [("training", planted.training(count))],
        "distances": [("comparisons", planted.comparisons(place))],
        "embedding": [("comparisons", planted.comparisons(place))],
        "degeneracy": [("degeneracy", planted.degeneracy([str(k) for k in range(count)], ["vanilla"]))],
        "fixedpoints": [("fixedpoints", planted.fixedpoints(count)), ("rollout", planted.rollout(count))],
        "ablations": [
            ("ablations", planted.ablations(count)),
            ("ablation_controls", planted.ablation_controls(count)),
        ],
        "landscape": [("fixedpoints", planted.landscape(count))],
        "trajectories": [("rollout", planted.rollout(count))],
        "spectrum": [("eigenvalues", planted.eigenvalues(count))],
        "schur": [("schur", planted.schur(count))],
        "feature-learning": [("feature_learning", planted.feature_learning(count, gamma=["1", "2", "5"]))],
        "task": [("rollout", planted.rollout(count))],
        "overlaps": [("overlap_theory", planted.overlap_theory(count))],
        "theory-loss": [("overlap_theory", planted.overlap_theory(count))],
        "gram": [("gram_matrix", planted.gram_matrix(count))],
        "onset": [("onsets", planted.onsets(count)), ("training", planted.training(count))],
        "freeze-in": [("freeze_in", planted.freeze_in(count))],
        "ramping": [("ramping_summary", planted.ramping_summary(count))],
        "decoding": [("decoding", planted.decoding(count))],
        "activity-spectrum": [("spectra", planted.spectra(count))],
        "twins": [("overlaps", planted.overlaps(count))],
        "path-dependence": [("path_dependence", planted.path_dependence(count))],
        "weight-updates": [("weight_updates", planted.weight_updates(count))],
        "weight-correlation": [("weight_correlation", planted.weight_correlation(count))],
        "latent": [("latent", planted.latent(count)), ("latent_flow", planted.latent_flow(count))],
    }


@pytest.mark.parametrize(("kind", "count"), list(itertools.product(KINDS, [1, 50])))
def test_one_network_and_fifty(kind, count):
    picture = drawn(kind, *everything(count)[kind])
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        save(picture, file, "svg", Settings(), kind)
    assert files[0].getvalue() == files[1].getvalue()
    width, height = picture.figure.get_size_inches()
    assert width in (3.4, 7.0)
    assert 0.5 < height < 30
    # Everything with a text says what its axis is.
    assert any(axes.get_xlabel() or axes.get_ylabel() for axes in picture.figure.axes)


def test_training_curves():
    picture = drawn("training", ("training", planted.training(4)))
    (axes,) = picture.figure.axes
    assert (axes.get_yscale(), axes.get_xlabel()) == ("log", "epoch")
    assert axes.get_ylabel() == "validation loss (squared target units)"
    (third,) = artists(axes, "flipflop-n8-s2")
    np.testing.assert_allclose(third.get_xydata(), [[k, 3 / k] for k in range(1, 6)])
    assert to_hex(third.get_color()) == GREEN.lower()
    (second,) = artists(axes, "flipflop-n8-s1")
    assert to_hex(second.get_color()) == RED.lower()
    np.testing.assert_allclose(second.get_xydata(), [[1, 2], [2, 1]])
    (cross,) = artists(axes, "flipflop-n8-s1 diverged")
    np.testing.assert_allclose(cross.get_xydata(), [[2, 1]])
    assert labels(picture) == ["converged (3)", "diverged (1)", "middle half", "median"]
    median = next(line for line in axes.lines if line.get_label() == "median")
    # The diverged network keeps its last number, 1.
    np.testing.assert_allclose(
        median.get_ydata(), [np.median([1 / k, 2 / min(k, 2), 3 / k, 4 / k]) for k in range(1, 6)]
    )


def test_training_of_other_columns():
    table = planted.training(3)
    by_name = drawn("training", ("training", table), value="lr", colour="network", networks=("flipflop-n8-s0",))
    (axes,) = by_name.figure.axes
    assert labels(by_name) == ["flipflop-n8-s0"]
    assert axes.get_ylabel() == "learning rate"
    with pytest.raises(InputError, match=r"column 'accuracy': has no numbers"):
        drawn("training", ("training", table), value="accuracy")


def test_the_matrix_stands_in_the_order_of_the_tree():
    place = np.array([0.0, 10.0, 0.5, 10.7, 1.5])[:, None]
    picture = drawn("distances", ("comparisons", planted.comparisons(place)))
    axes = picture.figure.axes[0]
    shown = [text.get_text() for text in axes.get_yticklabels()]
    order = [int(name.removeprefix("s")) for name in shown]
    assert order == [0, 2, 4, 1, 3]
    np.testing.assert_allclose(axes.images[0].get_array(), abs(place - place.T)[np.ix_(order, order)])
    (tree,) = axes.child_axes[0].collections
    heights = sorted(path.vertices[:, 1].max() for path in tree.get_paths())
    np.testing.assert_allclose(heights, [0.5, 0.7, 1.25, (8.5 + 9.2 + 9.5 + 10.2 + 10 + 10.7) / 6])
    bar = next(other for other in picture.figure.axes if other.get_ylabel().startswith("distance"))
    assert bar.get_ylabel() == "distance, dsa"


def test_a_missing_distance_is_grey_and_said():
    table = planted.comparisons(np.arange(4.0)[:, None])
    rows = table.to_pylist()
    rows[0] |= {"distance": None, "status": "diverged"}
    picture = drawn("distances", ("comparisons", build("comparisons", rows)))
    held = picture.figure.axes[0].images[0].get_array()
    assert held.mask.sum() == 2
    # The network left out of the tree stands last.
    assert held.mask[-1].any()
    assert picture.left_out == ("dsa: 1 pairs without distance",)


def test_the_embedding_keeps_distances():
    place = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    picture = drawn("embedding", ("comparisons", planted.comparisons(place)))
    (axes,) = picture.figure.axes
    (points,) = artists(axes, "networks")
    found = points.get_offsets()
    np.testing.assert_allclose(np.linalg.norm(found[0] - found[1]), 3)
    np.testing.assert_allclose(np.linalg.norm(found[1] - found[2]), 5)
    (medoid,) = artists(axes, "medoid")
    np.testing.assert_allclose(medoid.get_offsets(), found[:1])
    assert axes.get_aspect() == 1
    assert axes.get_title() == "dsa"
    assert "100% explained, stress 0.00" in [text.get_text() for text in axes.texts]
    assert labels(picture) == ["medoid"]
    assert [text.get_text() for text in artists(axes, "name")] == ["s0", "s1", "s2"]


def test_the_embedding_is_coloured_by_cluster_or_key():
    place = np.concatenate([np.random.default_rng(0).normal(size=(6, 2)), [[50.0, 50.0], [51.0, 50.0], [50.0, 52.0]]])
    picture = drawn("embedding", ("comparisons", planted.comparisons(place)))
    (points,) = artists(picture.figure.axes[0], "networks")
    shades = [to_hex(shade) for shade in points.get_facecolors()]
    assert shades == [COLOURS[0].lower()] * 6 + [COLOURS[1].lower()] * 3
    assert labels(picture) == ["medoid", "cluster 1", "cluster 2"]
    by = drawn("embedding", ("comparisons", planted.comparisons(place)), colour="medoid")
    assert labels(by) == ["medoid", "medoid False", "medoid True"]


def test_the_embedding_is_coloured_by_tables_beside_it():
    place = np.random.default_rng(0).normal(size=(6, 2))
    tables = ("comparisons", planted.comparisons(place)), ("feature_learning", planted.feature_learning(6))
    picture = drawn("embedding", *tables, colour="kernel_alignment")
    (points,) = artists(picture.figure.axes[0], "networks")
    shown = mpl.colormaps["viridis"](Normalize(1 / 6, 1)(1 / np.arange(1, 7)))
    np.testing.assert_allclose(points.get_facecolors(), shown)
    assert picture.figure.axes[1].get_ylabel() == "kernel_alignment"
    info = [
        {"network": name, "path": name, "model": m, "units": 8, "inputs": 1, "outputs": 1}
        for name, m in zip(planted.names(6), ["gru", "lstm"] * 3, strict=True)
    ]
    info = [row | {"constants": "{}", "task_parameters": "{}", "initial": True, "status": "ok"} for row in info]
    by = drawn("embedding", tables[0], ("info", build("info", info)), colour="model")
    assert labels(by) == ["medoid", "model gru", "model lstm"]
    with pytest.raises(InputError, match="'modle'"):
        drawn("embedding", *tables, colour="modle")


def test_many_networks_have_no_names():
    picture = drawn("embedding", ("comparisons", planted.comparisons(np.random.default_rng(0).normal(size=(13, 2)))))
    assert not artists(picture.figure.axes[0], "name")


def test_groups_have_panels():
    place = np.random.default_rng(0).normal(size=(4, 2))
    tables = [("comparisons", planted.comparisons(place, gamma=g)) for g in ("1", "2")]
    tables.append(("comparisons", planted.comparisons(place, metric="pif", gamma="1")))
    # In the order of the rows; the embedding goes group by group.
    for kind, order in (("distances", (0, 1, 2)), ("embedding", (0, 2, 1))):
        picture = drawn(kind, *tables)
        titles = [a.get_title() or (a.child_axes[0].get_title() if a.child_axes else "") for a in picture.figure.axes]
        named = ["dsa\ngamma=1", "dsa\ngamma=2", "pif\ngamma=1"]
        assert [t for t in titles if t] == [named[k] for k in order]


def test_degeneracy_by_a_factor():
    table = planted.degeneracy(["0.5", "4", "2"], ["vanilla", "mup"])
    picture = drawn("degeneracy", ("degeneracy", table))
    first, second = picture.figure.axes
    assert [axes.get_title() for axes in (first, second)] == ["dynamics\ndsa", "weights\npif"]
    assert (first.get_xlabel(), first.get_ylabel()) == ("gamma", "value")
    low, high = first.containers
    np.testing.assert_allclose(low[0].get_ydata(), [0.5, 2, 4])
    np.testing.assert_allclose(high[0].get_ydata(), [10.5, 12, 14])
    # Beside each other by less than a fiftieth of the axis.
    np.testing.assert_allclose(low[0].get_xdata(), [0.5, 2, 4], atol=0.02 * 3.5)
    (bars,) = low[2]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, [[-0.5, 2.5], [1, 4], [3, 6]])
    assert labels(picture) == ["model=mup", "model=vanilla"]
    assert [text.get_text() for text in first.get_xticklabels()] == ["0.5", "2", "4"]


def test_degeneracy_by_another_factor_and_without_a_value():
    table = planted.degeneracy(["1", "2"], ["vanilla", "mup"])
    rows = table.to_pylist()
    rows[0] |= {"value": None, "ci_low": None, "ci_high": None, "status": "too_few"}
    held = build("degeneracy", rows, ["gamma", "model"])
    picture = drawn("degeneracy", ("degeneracy", held), factor="model", metrics=("pif",))
    (axes,) = picture.figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["mup", "vanilla"]
    one, two = axes.containers
    np.testing.assert_allclose(one[0].get_ydata(), [11])
    np.testing.assert_allclose(two[0].get_ydata(), [12, 2])
    assert picture.left_out == ("pif, gamma=1, model=vanilla: no value (too_few)",)


def test_fixed_points_lie_where_the_axes_say():
    picture = drawn("fixedpoints", ("fixedpoints", planted.fixedpoints(1)), ("rollout", planted.rollout(1)))
    (axes,) = picture.figure.axes
    stable = np.array([line.get_xydata()[0] for line in artists(axes, "stable")])
    (saddle,), (slow,) = artists(axes, "saddle"), artists(axes, "slow")
    # Along the first axis, which is the first principal component.
    np.testing.assert_allclose(np.linalg.norm(stable[0] - stable[1]), 2)
    np.testing.assert_allclose(stable.mean(axis=0), saddle.get_xydata()[0], atol=1e-12)
    assert np.linalg.norm(slow.get_xydata()[0] - saddle.get_xydata()[0]) == pytest.approx(1)
    assert to_hex(artists(axes, "stable")[0].get_color()) == BLUE.lower()
    (along,) = artists(axes, "direction")
    step = np.diff(along.get_xydata(), axis=0)[0]
    across = stable[0] - stable[1]
    assert abs(step @ across) == pytest.approx(np.linalg.norm(step) * np.linalg.norm(across))
    np.testing.assert_allclose(along.get_xydata().mean(axis=0), saddle.get_xydata()[0], atol=1e-12)
    assert len(artists(axes, "trajectory")) == 3
    assert labels(picture) == ["stable", "saddle", "slow", "trajectory"]
    assert axes.get_xlabel().startswith("PC 1 (state units, ")


def test_fixed_points_alone_and_in_three_dimensions():
    picture = drawn("fixedpoints", ("fixedpoints", planted.fixedpoints(2)), dims=3, networks=("flipflop-n8-s1",))
    (axes,) = picture.figure.axes
    assert axes.name == "3d"
    assert axes.get_title() == "flipflop-n8-s1"
    assert not artists(axes, "trajectory")
    assert axes.get_zlabel() == "PC 3 (0%)"
    few = drawn("fixedpoints", ("fixedpoints", planted.fixedpoints(1)), ("rollout", planted.rollout(1)), trials=2)
    assert len(artists(few.figure.axes[0], "trajectory")) == 2


def test_a_rollout_of_other_networks_is_refused():
    with pytest.raises(InputError, match="states of 4 numbers, and of 3 in the rollout"):
        drawn("fixedpoints", ("fixedpoints", planted.fixedpoints(1)), ("rollout", planted.rollout(1, units=3)))


def test_fixed_points_do_not_depend_on_the_order_of_units():
    def places(order):
        tables = planted.fixedpoints(1), planted.rollout(1)
        changed = []
        for table, columns in zip(tables, (("state", "unstable_directions"), ("hidden",)), strict=True):
            rows = table.to_pylist()
            for row in rows:
                row |= {name: [row[name][k] for k in order] for name in columns if row[name]}
            changed.append(build("rollout" if "hidden" in columns else "fixedpoints", rows))
        picture = drawn("fixedpoints", ("fixedpoints", changed[0]), ("rollout", changed[1]))
        return [line.get_xydata() for line in picture.figure.axes[0].lines if line.get_gid()]

    for one, other in zip(places([0, 1, 2, 3]), places([2, 0, 3, 1]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_ablations_by_block():
    picture = drawn("ablations", ("ablations", planted.ablations(4)))
    losses, sensitivities = picture.figure.axes
    assert [text.get_text() for text in losses.get_xticklabels()] == ["RR", "CR", "CC"]
    assert (losses.get_ylabel(), sensitivities.get_ylabel()) == ("ΔFVU (share)", "sensitivity S")
    (points,) = artists(losses, "RR networks")
    np.testing.assert_allclose(points.get_ydata(), [0, 0.25, 0.5, 0.75])
    (points,) = artists(sensitivities, "RR networks")
    np.testing.assert_allclose(points.get_ydata(), [0, 0.5, 1, 1.5])
    assert not artists(sensitivities, "CC networks")
    bar = next(held for held in losses.containers if held[0].get_gid() == "RR mean")
    (segment,) = bar[2][0].get_segments()
    # Student's t with 3 degrees of freedom: 3.182; the standard error of the four is .1614.
    np.testing.assert_allclose(segment[:, 1], [0.375 - 3.18245 * 0.161374, 0.375 + 3.18245 * 0.161374], rtol=1e-4)
    assert labels(picture) == ["network", "mean, 95 % interval"]
    assert picture.left_out == ()


def test_ablations_beside_controls():
    tables = ("ablations", planted.ablations(4)), ("ablation_controls", planted.ablation_controls(4))
    picture = drawn("ablations", *tables)
    losses, sensitivities = picture.figure.axes
    (medians,) = artists(losses, "RR entries")
    np.testing.assert_allclose(medians.get_ydata(), [0.2] * 4)
    (lines,) = artists(losses, "RR entries range")
    np.testing.assert_allclose([s[:, 1] for s in lines.get_segments()], [[0.1, 0.4]] * 4)
    (medians,) = artists(sensitivities, "CR entries")
    np.testing.assert_allclose(medians.get_ydata(), [0.8] * 4)
    assert labels(picture) == ["network", "entries control", "mean, 95 % interval"]
    one = drawn("ablations", *tables, value="removed_mass")
    assert one.figure.axes[0].get_ylabel() == "removed mass (share)"


def test_each_threshold_has_a_row_of_panels():
    picture = drawn("ablations", ("ablations", planted.ablations(2, (0.5, 0.9))))
    assert [axes.get_title() for axes in picture.figure.axes] == ["α = 0.5", "α = 0.5", "α = 0.9", "α = 0.9"]


def test_the_alternative_text_says_what_is_there():
    def alt(kind, count=4):
        return drawn(kind, *everything(count)[kind]).alt

    losses = "Curves of validation loss (squared target units) by epoch of 4 networks (3 converged, 1 diverged); "
    assert alt("training") == losses + "at the end 0.2 to 1, median 0.7."
    place = np.array([[0.0], [3.0], [7.0]])
    apart = drawn("distances", ("comparisons", planted.comparisons(place))).alt
    assert apart == "Matrices with dendrograms, distance between 3 networks: dsa 3 to 7, median 4."
    plane = drawn("embedding", ("comparisons", planted.comparisons(place))).alt
    assert plane == "3 networks as points in a plane: dsa, 100% explained, stress 0.00."
    assert alt("degeneracy").endswith(
        "against gamma, 4 values, with 95 % intervals: dsa 0 to 3, median 1.5; pif 0 to 3, median 1.5."
    )
    points = "Fixed points of 4 networks in 2 principal components, with trajectories: 8 stable, 4 saddle, 4 slow."
    assert alt("fixedpoints") == points
    lost = "What ablations cost 4 networks, by block, beside entries controls; mean ΔFVU (share): "
    assert alt("ablations") == lost + "RR 0.375; CR 1; CC 0."
