"""Pictures of ramps, decoding and spectra: lines, points, medians, what is cut off and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.plots import Settings
from rnnkit.stages import plot
from rnnkit.tables import build
from tests.plots import planted
from tests.plots.test_pictures import artists, labels

ONE = "flipflop-n8-s0"


def drawn(kind, name, table, **settings):
    return plot(kind, [(name, table)], Settings(**settings))


def test_shares_and_slopes_along_training():
    picture = drawn("ramping", "ramping_summary", planted.ramping_summary(3))
    shares, slopes = picture.figure.axes
    (line,) = artists(shares, f"{ONE} memory")
    assert line.get_xydata().tolist() == [[0, 0.1], [10, 0.2], [20, pytest.approx(0.3)]]
    (line,) = artists(slopes, "flipflop-n8-s1 all")
    assert line.get_ydata() == pytest.approx([0.002, 0.012, 0.022])
    (median,) = artists(shares, "median all")
    # The last network has no number at the end.
    assert median.get_ydata() == pytest.approx([0.1, 0.2, 0.25])
    assert labels(picture) == ["all, median", "memory, median", "computation, median"]
    assert picture.left_out == ("flipflop-n8-s2: diverged",)
    one = drawn("ramping", "ramping_summary", planted.ramping_summary(3, (0,)), networks=(ONE,))
    assert artists(one.figure.axes[0], f"{ONE} all")[0].get_marker() == "o"
    assert labels(one) == ["all", "memory", "computation"]
    with pytest.raises(InputError, match="--step"):
        drawn("ramping", "ramping_summary", planted.ramping_summary(2), step=10)


def test_units_by_slope_and_r2():
    picture = drawn("ramping", "ramping", planted.ramping(2))
    (axes,) = picture.figure.axes
    assert labels(picture) == ["memory: not (2)", "computation: ramping (6)"]
    (filled,) = artists(axes, "computation: ramping (6)")
    np.testing.assert_allclose(filled.get_offsets()[:3], [[0.02, 0.8], [0.03, 0.7], [0.04, 0.6]])
    assert "2 units without a line" in " ".join(picture.notes)
    assert "8 units of 2 networks: 6 ramp; |slope| 0.01 to 0.04" in picture.alt
    before = drawn("ramping", "ramping", planted.ramping(2), step=0)
    assert labels(before) == ["memory: not (2)", "computation: not (6)"]


def test_a_panel_for_each_target():
    picture = drawn("decoding", "decoding", planted.decoding(3))
    first, second = picture.figure.axes
    assert (first.get_title(), second.get_title()) == ("cue1", "sum")
    (line,) = artists(first, f"{ONE} memory")
    assert line.get_ydata() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    (median,) = artists(first, "median memory")
    assert median.get_ydata()[-1] == pytest.approx(0.404)
    assert first.get_ylim() == pytest.approx((-0.53, 1.03))
    # Of three networks and two targets: -1 and beyond from the second step on, and -.505 in two networks before.
    assert any(note.startswith("22 values below -0.5") for note in picture.notes)
    assert "sum from memory 0.202" in picture.alt
    errors = drawn("decoding", "decoding", planted.decoding(1), value="mse", scale="log").figure.axes[0]
    assert (errors.get_yscale(), errors.get_ylabel()) == ("log", "mse (squared target units)")
    assert artists(errors, f"{ONE} all")[0].get_ydata().tolist() == [1, 2, 3, 4, 5]


def test_amplitudes():
    picture = drawn("activity-spectrum", "spectra", planted.spectra(2))
    (axes,) = picture.figure.axes
    assert artists(axes, f"{ONE} computation")[0].get_ydata() == pytest.approx([1, 0.1, 0.1, 0.1, 0.5, 0.1])
    assert artists(axes, "median all")[0].get_ydata()[1] == pytest.approx(0.1005)
    assert "computation at 0.4" in picture.alt
    assert axes.get_xlabel() == "frequency (cycles per step)"
    (rest,) = drawn("activity-spectrum", "spectra", planted.spectra(1), value="amplitude_no_dc").figure.axes
    assert artists(rest, f"{ONE} all")[0].get_xdata()[0] == 0.1
    assert rest.get_ylabel() == "amplitude, without frequency 0"


@pytest.mark.parametrize(
    ("kind", "name", "column"),
    [
        ("ramping", "ramping_summary", "ramping"),
        ("ramping", "ramping", "r2"),
        ("decoding", "decoding", "r2"),
        ("activity-spectrum", "spectra", "amplitude"),
    ],
)
def test_tables_without_numbers(kind, name, column):
    table = getattr(planted, name)(1)
    bare = build(name, [row | {column: None} for row in table.to_pylist()])
    with pytest.raises(InputError, match=f"column '{column}': has no numbers"):
        drawn(kind, name, bare)
