"""What weights along training, and their correlations, look like."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from rnnkit.errors import InputError
from rnnkit.plots.style import BLUE, ORANGE, RED
from rnnkit.tables import build
from tests.plots import planted
from tests.plots.test_pictures import artists, drawn, labels

ONE = "flipflop-n8-s0"
STEPS = [0, 4, 8, 12, 16, 20]


def test_singular_values_alignment_and_events():
    picture = drawn("weight-updates", ("weight_updates", planted.weight_updates(1)))
    updates, weights, cosine = picture.figure.axes
    assert updates.get_yscale() == "log"
    assert {axes.get_xlabel() for axes in picture.figure.axes} == {"step (optimiser steps)"}
    (first,), (second,) = (artists(updates, f"update_singular_values {k}") for k in (1, 2))
    # Over the root of the gap: 4 steps, and 1 before the last snapshot; after that there is no update.
    np.testing.assert_allclose(first.get_xydata()[:6], np.column_stack([STEPS, [1, 2, 3, 4, 5, 12]]))
    np.testing.assert_allclose(second.get_ydata()[:6], [0.5, 1, 1.5, 2, 2.5, 6])
    assert np.isnan(first.get_ydata()[6])
    (line,) = artists(weights, "weight_singular_values 1")
    np.testing.assert_allclose(line.get_ydata(), 10 + np.arange(7))
    (measured,), (null,) = (artists(cosine, name) for name in ("alignment", "alignment_null"))
    np.testing.assert_allclose(measured.get_ydata()[:6], np.arange(6) / 10)
    np.testing.assert_allclose(null.get_ydata()[:6], np.arange(6) / 20)
    assert (measured.get_linestyle(), null.get_linestyle()) == ("-", "--")
    for axes in picture.figure.axes:
        (explicit,), (hidden,) = artists(axes, "explicit"), artists(axes, "hidden")
        assert (explicit.get_x(), explicit.get_width(), to_hex(explicit.get_facecolor())) == (4, 8, RED.lower())
        assert (hidden.get_x(), hidden.get_width(), to_hex(hidden.get_facecolor())) == (16, 4, ORANGE.lower())
    assert labels(picture) == ["measured", "random walk", "explicit event", "hidden event"]
    assert to_hex(measured.get_color()) == BLUE.lower()
    assert picture.left_out == ()
    assert picture.alt == (
        "Singular values of updates and weights of 1 network along training; alignment with the way left 0 to 0.5, "
        "median 0.25, of a random walk 0 to 0.25, median 0.125; 1 explicit and 1 hidden events."
    )


def test_steps_from_the_onset():
    table = planted.weight_updates(2, onset=8.0)
    rows = [row | ({"relative_step": None} if row["network"] != ONE else {}) for row in table.to_pylist()]
    picture = drawn("weight-updates", ("weight_updates", build("weight_updates", rows)))
    assert len(picture.figure.axes) == 3
    (line,) = artists(picture.figure.axes[2], "alignment")
    np.testing.assert_allclose(line.get_xdata(), np.array([*STEPS, 21]) - 8)
    assert picture.figure.axes[0].get_xlabel() == "steps since the onset"
    assert picture.left_out == ("flipflop-n8-s1: has no onset to count from",)


def test_numbers_that_are_not_there_are_said():
    rows = planted.weight_updates(1).to_pylist()
    rows[2] |= {"alignment": None, "update_singular_values": None, "status": "not_finite_later"}
    picture = drawn("weight-updates", ("weight_updates", build("weight_updates", rows)))
    assert picture.left_out == (f"{ONE}: 1 of 7 rows without alignment (not_finite_later)",)
    (line,) = artists(picture.figure.axes[0], "update_singular_values 1")
    assert np.isnan(line.get_ydata()).tolist() == [False, False, True, False, False, False, True]
    for row in rows:
        row["weight_singular_values"] = None
    with pytest.raises(InputError, match="has no numbers"):
        drawn("weight-updates", ("weight_updates", build("weight_updates", rows)))


def test_more_networks_than_a_page_holds():
    picture = drawn("weight-updates", ("weight_updates", planted.weight_updates(6)))
    assert len(picture.figure.axes) == 12
    assert picture.notes == ("4 of 6 networks are drawn (--network chooses others)",)
    assert [axes.get_title() for axes in picture.figure.axes[1::3]] == ["s0", "s1", "s2", "s3"]
    one = drawn("weight-updates", ("weight_updates", planted.weight_updates(6)), networks=("flipflop-n8-s5",))
    assert one.figure.axes[1].get_title() == "flipflop-n8-s5"


def test_the_matrix_of_correlations():
    picture = drawn("weight-correlation", ("weight_correlation", planted.weight_correlation(1)))
    axes = picture.figure.axes[0]
    (mesh,) = artists(axes, "correlation")
    expected = [[1, 0.9, 0.7], [0.9, 1, 0.8], [0.7, 0.8, 1]]
    np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(3, 3), expected)
    # Cells are as wide as the steps are apart.
    np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], [-5, 5, 20, 40])
    assert (mesh.norm.vmin, mesh.norm.vmax) == (pytest.approx(0.7), 1.0)
    assert axes.get_xlabel() == axes.get_ylabel() == "step (optimiser steps)"
    assert picture.alt == (
        "Correlations of the weights of 1 network between all pairs of snapshots: 0.7 to 0.9, median 0.8."
    )


def test_a_snapshot_without_numbers_is_grey():
    rows = planted.weight_correlation(1).to_pylist()
    for row in rows:
        if 30 in (row["step_a"], row["step_b"]):
            row |= {"correlation": None, "status": "constant_weights"}
    picture = drawn("weight-correlation", ("weight_correlation", build("weight_correlation", rows)))
    (mesh,) = artists(picture.figure.axes[0], "correlation")
    shown = np.ma.filled(np.ma.masked_invalid(np.asarray(mesh.get_array(), float)), -1).reshape(3, 3)
    np.testing.assert_allclose(shown, [[1, 0.9, -1], [0.9, 1, -1], [-1, -1, -1]])
    assert picture.left_out == (f"{ONE}: 2 of 3 rows without correlation (constant_weights)",)
