"""What the picture of freeze-in shows, on a planted table."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from rnnkit.errors import InputError
from rnnkit.plots.style import BLUE, ORANGE
from rnnkit.tables import build
from tests.plots import planted
from tests.plots.test_pictures import artists, drawn, labels

EPOCHS = [0, 2, 4, 6, 8]


def test_points_and_settled_cues_against_presentations():
    picture = drawn("freeze-in", ("freeze_in", planted.freeze_in(3)))
    left, right = picture.figure.axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("epoch (presentations)", "number of points or cues")
    assert right.get_ylabel() == "|W| / |W before learning|"
    (settled,), (points,) = (artists(left, f"flipflop-n8-s0 {name}") for name in ("settled", "points"))
    np.testing.assert_allclose(settled.get_xydata(), np.column_stack([EPOCHS, [0, 1, 2, 3, 4]]))
    np.testing.assert_allclose(points.get_ydata(), [0, 1, 1, 2, 3])
    assert [to_hex(line.get_color()) for line in (points, settled)] == [BLUE.lower(), ORANGE.lower()]
    (median,), (band,) = artists(left, "median points"), artists(left, "band points")
    np.testing.assert_allclose(median.get_ydata(), [0, 0, 1, 1, 2])
    corners = band.get_paths()[0].vertices
    assert {y for x, y in corners if x == 8} == {1, 3}
    (dashes,) = artists(left, "4 cues")
    assert list(dashes.get_ydata()) == [4, 4]
    (ratio,) = artists(right, "flipflop-n8-s2 ratio")
    np.testing.assert_allclose(ratio.get_ydata(), 1 + np.array(EPOCHS) / 100)
    assert labels(picture) == ["distinct points settled at", "cues that settle"]
    assert picture.alt == (
        "Distinct points at which cues settle, against presentations, of 3 networks: 1 to 3, median 2 of 4 cues "
        "after 8; norm of the weights over that before learning: 1.08."
    )


def test_one_network_alone():
    table = planted.freeze_in(3)
    picture = drawn("freeze-in", ("freeze_in", table), networks=("flipflop-n8-s1",))
    left = picture.figure.axes[0]
    assert not artists(left, "flipflop-n8-s0 points")
    np.testing.assert_allclose(artists(left, "median points")[0].get_ydata(), [0, 0, 1, 1, 2])
    with pytest.raises(InputError, match="unknown network 's9'"):
        drawn("freeze-in", ("freeze_in", table), networks=("s9",))


def test_numbers_of_cues_have_a_colour_each():
    few = planted.freeze_in(2)
    more = [row | {"network": f"more-{row['network']}"} for row in planted.freeze_in(2, cues=2).to_pylist()]
    table = build("freeze_in", few.to_pylist() + more)
    left, right = (picture := drawn("freeze-in", ("freeze_in", table))).figure.axes
    assert labels(picture) == ["2 cues", "4 cues"]
    assert left.get_ylabel() == "distinct points settled at"
    assert not artists(left, "flipflop-n8-s0 settled")
    for axes, column in ((left, "points"), (right, "ratio")):
        shades = {name: artists(axes, f"{name}flipflop-n8-s0 {column}")[0].get_color() for name in ("", "more-")}
        assert shades == {"": ORANGE, "more-": BLUE}
    medians = [line.get_ydata()[-1] for line in artists(left, "median points")]
    assert medians == [1.0, 2.5]
