"""What trajectories, spectra, Schur forms, feature learning and trials look like."""

from __future__ import annotations

import tracemalloc

import matplotlib as mpl
import numpy as np
import pyarrow as pa
import pytest
from matplotlib.colors import to_hex

from rnnkit.errors import InputError
from rnnkit.plots.activity import activity
from rnnkit.plots.style import BLUE, COLOURS
from rnnkit.tables import build
from tests.plots import planted
from tests.plots.test_pictures import artists, drawn, labels

ONE = "flipflop-n8-s0"


def points(axes, gid):
    """The places of all artists of that name, (points, 2)."""
    return np.concatenate([line.get_xydata() for line in artists(axes, gid)])


# trajectories


def test_trajectories_keep_their_lengths():
    picture = drawn("trajectories", ("rollout", planted.rollout(2)))
    first, second = picture.figure.axes
    assert [axes.get_title() for axes in (first, second)] == ["s0", "s1"]
    paths = [line.get_xydata() for line in artists(first, "trajectory")]
    assert len(paths) == 3
    # All states lie in the plane drawn, so distances along a trajectory are those of the states.
    step = np.arange(10)
    for trial, path in enumerate(paths):
        states = np.stack([2 * np.cos(step), np.sin(step + trial)], axis=1)
        np.testing.assert_allclose(
            np.linalg.norm(np.diff(path, axis=0), axis=1), np.linalg.norm(np.diff(states, axis=0), axis=1), rtol=1e-5
        )
    np.testing.assert_allclose(points(first, "start"), [path[0] for path in paths])
    np.testing.assert_allclose(points(first, "end"), [path[-1] for path in paths])
    shares = [float(label.split()[-1].rstrip("%)")) for label in (first.get_xlabel(), first.get_ylabel())]
    assert sum(shares) == pytest.approx(100, abs=1)
    assert shares[0] > shares[1]
    assert labels(picture) == ["start", "end", "target ++", "target 0+", "target −+"]
    assert "6 trials in 2 principal components, coloured by target; percent of the variance: 100" in picture.alt


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("trial", ["trial 0", "trial 1", "trial 2"]),
        ("output", ["output ++", "output 0+", "output −+"]),
        ("target.1", ["target.1 1"]),
        ("target.0", ["target.0 -1", "target.0 0", "target.0 1"]),
    ],
)
def test_trajectories_are_coloured_by(by, said):
    picture = drawn("trajectories", ("rollout", planted.rollout(1)), colour=by)
    assert labels(picture) == ["start", "end", *said]
    (axes,) = picture.figure.axes
    shades = [to_hex(line.get_color()) for line in artists(axes, "trajectory")]
    # Signs go +, 0, −; numbers by size.
    order = [2, 1, 0] if by == "output" else [0, 0, 0] if by == "target.1" else [0, 1, 2]
    assert shades == [COLOURS[k].lower() for k in order]


def test_a_channel_that_varies_has_a_colour_bar():
    rows = planted.rollout(1, trials=6).to_pylist()
    table = build("rollout", [row | {"target": [row["trial"] / 7]} for row in rows])
    picture = drawn("trajectories", ("rollout", table), colour="target.0")
    assert picture.figure.axes[1].get_ylabel() == "target.0"
    first, *_, last = artists(picture.figure.axes[0], "trajectory")
    assert to_hex(first.get_color()) == to_hex(mpl.colormaps["viridis"](0.0))
    assert to_hex(last.get_color()) == to_hex(mpl.colormaps["viridis"](1.0))


@pytest.mark.parametrize(
    ("by", "says"),
    [("gamma", "known: "), ("target.2", "names a channel of 2"), ("target.x", "known: ")],
)
def test_what_trajectories_cannot_be_coloured_by(by, says):
    with pytest.raises(InputError, match=says):
        drawn("trajectories", ("rollout", planted.rollout(1)), colour=by)


def test_trajectories_without_targets_in_three_dimensions():
    rows = [row | {"target": None} for row in planted.rollout(1).to_pylist()]
    picture = drawn("trajectories", ("rollout", build("rollout", rows)), dims=3)
    (axes,) = picture.figure.axes
    assert axes.name == "3d"
    assert axes.get_zlabel() == "PC 3 (0%)"
    assert labels(picture) == ["start", "end", "trial 0", "trial 1", "trial 2"]


def test_trials_and_networks_left_out_are_said():
    table = planted.rollout(13, trials=21)
    picture = drawn("trajectories", ("rollout", table))
    assert len(picture.figure.axes) == 12
    assert picture.notes == (
        "12 of 13 networks are drawn (--network chooses others)",
        "20 of 21 trials of a network are drawn (--trials takes more)",
    )
    asked = drawn("trajectories", ("rollout", table), networks=("flipflop-n8-s12",), trials=21)
    assert asked.notes == ()
    assert len(artists(asked.figure.axes[0], "trajectory")) == 21
    rows = [
        row | {"hidden": None, "status": "diverged"} if row["network"].endswith("s1") else row
        for row in planted.rollout(2).to_pylist()
    ]
    assert drawn("trajectories", ("rollout", build("rollout", rows))).left_out == ("flipflop-n8-s1: no states",)


def test_the_axes_are_those_of_all_states_whatever_their_order():
    rng = np.random.default_rng(0)
    rows = [row | {"hidden": rng.normal(size=4).tolist()} for row in planted.rollout(2).to_pylist()]
    table = build("rollout", rows)
    one = activity(table, ONE, 2, 1)
    states = np.array([row["hidden"] for row in rows if row["network"] == ONE], dtype=np.float32)
    values = np.linalg.eigvalsh(np.cov(states.T))[::-1]
    np.testing.assert_allclose(one.space.explained, values[:2] / values.sum(), rtol=1e-6)
    assert (one.found, one.trials.tolist(), [len(path) for path in one.paths]) == (3, [0], [10])
    mixed = activity(table.take(rng.permutation(len(rows))), ONE, 2, 1)
    np.testing.assert_allclose(mixed.paths[0], one.paths[0], atol=1e-9)
    order = [2, 0, 3, 1]
    turned = build("rollout", [row | {"hidden": [row["hidden"][k] for k in order]} for row in rows])
    np.testing.assert_allclose(activity(turned, ONE, 2, 1).paths[0], one.paths[0], atol=1e-6)


def test_states_are_not_held_whole(monkeypatch):
    trials, steps, units = 400, 20, 300
    hidden = np.random.default_rng(0).normal(size=trials * steps * units).astype(np.float32)
    held = pa.FixedSizeListArray.from_arrays(pa.array(hidden), units)
    count = trials * steps
    place = np.arange(count)
    table = pa.table({"network": ["a"] * count, "trial": place // steps, "step": place % steps, "hidden": held})
    activity(table, "a", 2, 1)
    monkeypatch.setattr("rnnkit.plots.activity._BLOCK", 1 << 15)
    tracemalloc.start()
    found = activity(table, "a", 2, 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # numpy's arrays are traced, pyarrow's are not. In double precision all states take 19 MB.
    assert peak < 0.25 * 8 * hidden.size
    assert len(found.paths) == 3


# spectrum


def test_eigenvalues_before_and_after():
    picture = drawn("spectrum", ("eigenvalues", planted.eigenvalues(1)))
    (axes,) = picture.figure.axes
    np.testing.assert_allclose(points(axes, "initial"), [[0.5, 0], [-0.5, 0]])
    np.testing.assert_allclose(points(axes, "trained"), [[1.2, 0], [0, 0.5], [0, -0.5]])
    np.testing.assert_allclose(np.linalg.norm(points(axes, "unit circle"), axis=1), 1)
    assert axes.get_xlim() == pytest.approx((-1.272, 1.272))
    assert axes.get_aspect() == 1
    assert labels(picture) == ["initial", "trained", "unit circle"]
    (before,) = artists(axes, "initial")
    assert before.get_markerfacecolor() == "none"
    assert picture.alt.endswith("largest modulus: initial 0.5; trained 1.2.")


def test_each_gate_has_a_panel_and_what_is_missing_is_said():
    table = planted.eigenvalues(1, ("reset", "update", "new"))
    assert [axes.get_title() for axes in drawn("spectrum", ("eigenvalues", table)).figure.axes] == [
        f"{ONE}\n{gate} gate" for gate in ("reset", "update", "new")
    ]
    gone = {"network": ONE, "weights": "initial", "gate": "recurrent", "index": 0, "status": "no_initial_weights"}
    rows = [gone, *(row for row in planted.eigenvalues(1).to_pylist() if row["weights"] == "trained")]
    picture = drawn("spectrum", ("eigenvalues", build("eigenvalues", rows)))
    assert picture.left_out == (f"{ONE}: no initial eigenvalues (no_initial_weights)",)
    assert labels(picture) == ["trained", "unit circle"]


def test_eigenvalues_of_schur_forms_and_fixed_points():
    picture = drawn("spectrum", ("schur", planted.schur(1, alphas=(0.5, 0.9))))
    assert [axes.get_title().splitlines()[-1] for axes in picture.figure.axes] == ["α = 0.5", "α = 0.9"]
    np.testing.assert_allclose(points(picture.figure.axes[0], "R"), [[2, 0]])
    np.testing.assert_allclose(points(picture.figure.axes[0], "C"), [[0.5, 3e-5], [0.5, -3e-5]])
    assert labels(picture) == ["leading sector R", "rest C", "unit circle"]
    rows = [
        row | {"eigenvalues": [{"re": 0.1 * row["point"], "im": 0.2}]} for row in planted.fixedpoints(1).to_pylist()
    ]
    held = drawn("spectrum", ("fixedpoints", build("fixedpoints", rows)))
    (axes,) = held.figure.axes
    np.testing.assert_allclose(points(axes, "stable"), [[0, 0.2], [0.1, 0.2]], atol=1e-12)
    np.testing.assert_allclose(points(axes, "saddle"), [[0.2, 0.2]])
    assert axes.get_xlabel() == "real part (per step)"


# schur


def test_the_schur_form_and_its_partition():
    picture = drawn("schur", ("schur", planted.schur(1)))
    axes, bar = picture.figure.axes
    held = axes.images[0].get_array()
    np.testing.assert_allclose(held.filled(0), [[2, 1, 0.1], [0, 0.5, 1e-9], [0, 1, 0.5]])
    np.testing.assert_array_equal(held.mask, np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0]], dtype=bool))
    assert (axes.images[0].norm.vmin, axes.images[0].norm.vmax) == pytest.approx((2e-4, 2))
    down, across = artists(axes, "partition")
    np.testing.assert_allclose(down.get_xdata(), 0.5)
    np.testing.assert_allclose(across.get_ydata(), 0.5)
    assert [text.get_text() for text in artists(axes, "block")] == ["RR", "CR", "CC"]
    assert bar.get_ylabel() == "|T| (as weights)"
    assert (
        picture.alt
        == "Sizes of the entries of the ordered Schur forms of 1 network: 3 rows, of them in the leading sector R 1."
    )
    linear = drawn("schur", ("schur", planted.schur(1)), scale="linear").figure.axes[0].images[0]
    assert (linear.norm.vmin, linear.norm.vmax) == (0, 2)


def test_a_schur_table_without_rows_says_how_to_get_them():
    with pytest.raises(InputError, match="--schur-rows"):
        drawn("schur", ("schur", planted.schur(1, whole=False)))
    two = planted.schur(2, alphas=(0.5, 0.9)).to_pylist()
    rows = [row | {"rows": None, "status": "not_finite"} if row["network"].endswith("s1") else row for row in two]
    picture = drawn("schur", ("schur", build("schur", rows)))
    assert [axes.get_title() for axes in picture.figure.axes[:-1]] == ["s0, α = 0.5", "s0, α = 0.9"]
    assert picture.left_out == ("flipflop-n8-s1: no rows of T (not_finite)",)
    cut = [row | {"rows": [1.0]} for row in planted.schur(1).to_pylist()]
    with pytest.raises(InputError, match="of other lengths than 3"):
        drawn("schur", ("schur", build("schur", cut)))


# feature learning


def test_feature_learning_by_network():
    picture = drawn("feature-learning", ("feature_learning", planted.feature_learning(3)))
    change, kernel, representation = picture.figure.axes
    np.testing.assert_allclose(points(change, "networks"), [[0, 1], [1, 2], [2, 3]])
    np.testing.assert_allclose(points(kernel, "networks")[:, 1], [1, 1 / 2, 1 / 3])
    np.testing.assert_allclose(points(representation, "networks")[:, 1], 0.5)
    assert kernel.get_ylim()[0] == 0
    assert [text.get_text() for text in change.get_xticklabels()] == ["s0", "s1", "s2"]
    assert change.get_ylabel() == "weight change norm\n(weight units)"
    assert "3 networks: weight change norm 1 to 3, median 2; kernel alignment" in picture.alt
    one = drawn(
        "feature-learning",
        ("feature_learning", planted.feature_learning(3)),
        value="input_change_norm,kernel_alignment",
        scale="log",
    )
    assert [axes.get_ylabel().split()[0] for axes in one.figure.axes] == ["input", "kernel"]
    assert one.figure.axes[1].get_yscale() == "log"


def test_feature_learning_against_a_factor():
    table = planted.feature_learning(12, gamma=["0.1", "1", "10"], model=["a", "b"])
    picture = drawn("feature-learning", ("feature_learning", table), factor="gamma")
    axes = picture.figure.axes[0]
    assert axes.get_xscale() == "log"
    low, high = axes.containers
    # Networks 0, 6 are of gamma .1 and model a; 4, 10 of 1; 2, 8 of 10.
    np.testing.assert_allclose(low[0].get_ydata(), [4, 8, 6])
    np.testing.assert_allclose(high[0].get_ydata(), [7, 5, 9])
    # Student's t with one degree of freedom: 12.706, and a standard error of 3.
    (segment, *_) = low[2][0].get_segments()
    np.testing.assert_allclose(segment[:, 1], [4 - 38.1186, 4 + 38.1186], rtol=1e-4)
    np.testing.assert_allclose(low[0].get_xdata() / [0.1, 1, 10], 1, atol=0.2)
    assert sorted(points(axes, "model=a networks")[:, 1]) == [1, 3, 5, 7, 9, 11]
    assert labels(picture) == ["model=a: mean, 95 % interval", "model=b: mean, 95 % interval"]
    straight = drawn("feature-learning", ("feature_learning", table), factor="gamma", factor_scale="linear")
    assert straight.figure.axes[0].get_xscale() == "linear"
    with pytest.raises(InputError, match="no logarithm"):
        drawn("feature-learning", ("feature_learning", table), factor="model", factor_scale="log")


def test_a_network_without_numbers_is_said():
    rows = planted.feature_learning(2).to_pylist()
    rows[1] |= {"kernel_alignment": None, "status": "zero_kernel"}
    picture = drawn("feature-learning", ("feature_learning", build("feature_learning", rows)))
    assert picture.left_out == ("flipflop-n8-s1: not all of it has a number (zero_kernel)",)


# degeneracy over decades


def test_degeneracy_over_decades():
    table = planted.degeneracy(["0.1", "1", "10"], ["vanilla", "mup"])
    (first, _) = drawn("degeneracy", ("degeneracy", table)).figure.axes
    assert first.get_xscale() == "log"
    assert [text.get_text() for text in first.get_xticklabels()] == ["0.1", "1", "10"]
    low, high = (held[0].get_xdata() for held in first.containers)
    # Beside each other by the same share of the axis everywhere.
    np.testing.assert_allclose(high / low, 100**0.015)
    (first, _) = drawn("degeneracy", ("degeneracy", table), factor_scale="linear").figure.axes
    assert first.get_xscale() == "linear"
    (first, _) = drawn(
        "degeneracy", ("degeneracy", planted.degeneracy(["1", "4"], ["mup"])), factor_scale="log"
    ).figure.axes
    assert first.get_xscale() == "log"


def test_networks_with_several_panels_each_are_fewer():
    gates = ("input", "forget", "cell", "output")
    picture = drawn("spectrum", ("eigenvalues", planted.eigenvalues(5, gates)))
    assert len(picture.figure.axes) == 12
    assert picture.notes == ("3 of 5 networks are drawn (--network chooses others)",)


def test_more_lines_than_a_legend_can_name():
    models = [f"m{k}" for k in range(13)]
    assert labels(drawn("degeneracy", ("degeneracy", planted.degeneracy(["1", "2"], models)))) == []
    assert len(labels(drawn("degeneracy", ("degeneracy", planted.degeneracy(["1", "2"], models[:12]))))) == 12
    table = planted.feature_learning(26, gamma=["1"] * 13 + ["2"] * 13, model=models)
    picture = drawn("feature-learning", ("feature_learning", table), factor="gamma")
    assert labels(picture) == []
    assert len(picture.figure.axes[0].containers) == 13


def test_fixed_points_of_many_networks():
    picture = drawn("fixedpoints", ("fixedpoints", planted.fixedpoints(50)))
    assert len(picture.figure.axes) == 12
    assert picture.notes == ("12 of 50 networks are drawn (--network chooses others)",)
    assert "Fixed points of 12 networks" in picture.alt


# task


def test_trials_of_a_task():
    picture = drawn("task", ("sample", planted.sample()))
    axes = picture.figure.axes
    assert len(axes) == 3 * 3
    assert [one.get_title() for one in axes[:3]] == ["trial 0", "trial 1", "trial 2"]
    np.testing.assert_allclose(points(axes[1], "input 1"), [[k, k / 2] for k in range(8)])
    np.testing.assert_allclose(points(axes[5], "target 0")[:, 1], 2)
    (masked,) = artists(axes[4], "masked")
    assert masked.get_extents().transformed(axes[4].transData.inverted()).intervalx == pytest.approx((-0.5, 2.5))
    assert labels(picture) == ["input 0", "input 1", "target", "not scored"]
    assert [one.get_ylabel() for one in axes[::3]] == ["inputs", "output 0", "output 1"]
    assert axes[6].get_xlabel() == "step"
    assert picture.notes == ("3 of 4 trials are drawn (--trials takes more)",)
    assert picture.alt == "3 example trials of 8 steps, 2 inputs, 2 outputs: inputs and targets by step."
    many = drawn("task", ("sample", planted.sample(outputs=5)), trials=1)
    assert len(many.figure.axes) == 2
    assert len([line for line in many.figure.axes[1].lines if (line.get_gid() or "").startswith("target")]) == 5
    with pytest.raises(InputError, match="holds no networks"):
        drawn("task", ("sample", planted.sample()), networks=("a",))


def test_trials_with_outputs():
    picture = drawn("task", ("rollout", planted.rollout(3)), trials=2)
    axes = picture.figure.axes
    outputs = [line.get_ydata()[0] for line in artists(axes[2], "output 0")]
    np.testing.assert_allclose(outputs, [-1, -0.99, -0.98], rtol=1e-6)
    assert to_hex(artists(axes[2], "output 0")[0].get_color()) == BLUE.lower()
    assert labels(picture) == ["target", "output of each network"]
    assert axes[2].get_ylim() == axes[3].get_ylim()
    alone = drawn("task", ("rollout", planted.rollout(3)), networks=("flipflop-n8-s2",), trials=1)
    np.testing.assert_allclose(points(alone.figure.axes[1], "output 0")[:, 1], -0.98, rtol=1e-6)
    assert labels(alone) == ["target", "output"]


def test_networks_of_another_task_are_left_out():
    rows = planted.rollout(3).to_pylist()
    rows = [row | {"input": [9.0]} if row["network"].endswith("s1") else row for row in rows]
    rows = [row | {"output": None, "status": "diverged"} if row["network"].endswith("s2") else row for row in rows]
    picture = drawn("task", ("rollout", build("rollout", rows)))
    assert picture.left_out == (
        "flipflop-n8-s1: was given other inputs than flipflop-n8-s0",
        "flipflop-n8-s2: has steps without outputs (diverged)",
    )
    assert labels(picture) == ["target", "output"]


def test_legends_fit_their_figures():
    for dims, width in ((2, 3.4), (3, 3.4), (2, 2.0)):
        picture = drawn(
            "trajectories", ("rollout", planted.rollout(1, trials=12)), colour="trial", dims=dims, width=width
        )
        box = picture.figure.legends[0].get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= picture.figure.bbox.x1
