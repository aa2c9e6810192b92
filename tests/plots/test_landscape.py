"""The picture of slow points along training: counts, speeds, and what a table must hold."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.plots import Settings
from rnnkit.plots.landscape import FLOOR
from rnnkit.stages import plot
from rnnkit.tables import build
from tests.plots import planted
from tests.plots.test_pictures import artists, labels


def drawn(count=1, descent=True, **settings):
    return plot("landscape", [("fixedpoints", planted.landscape(count, descent))], Settings(**settings))


def line(axes, gid):
    (one,) = artists(axes, gid)
    return one.get_xdata().tolist(), one.get_ydata().tolist()


def test_counts_are_of_the_solver_by_kind():
    axes = drawn().figure.axes[0]
    assert line(axes, "stable") == ([0, 10, 20], [1, 2, 3])
    assert line(axes, "not proven") == ([0, 10, 20], [1, 1, 1])
    assert line(axes, "slow") == ([0, 10, 20], [1, 1, 1])
    assert line(axes, "at a kink") == ([0, 10, 20], [1, 1, 1])
    assert not artists(axes, "saddle")
    assert axes.get_ylim()[0] == 0


def test_speeds_are_medians_over_the_starts_beside_the_solvers():
    axes = drawn().figure.axes[1]
    assert line(axes, "descent") == ([0, 10, 20], [1e-4] * 3)
    assert line(axes, "solver") == ([0, 10, 20], [FLOOR] * 3)
    (band,) = artists(axes, "descent range")
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1e-4, 1e-2)
    assert axes.get_yscale() == "log"
    assert not artists(axes, "slow points")


def test_without_descent_the_speeds_are_of_slow_points():
    picture = drawn(descent=False)
    assert line(picture.figure.axes[1], "slow points") == ([0, 10, 20], [1e-5] * 3)
    assert "speeds of slow points" in labels(picture)
    table = planted.landscape(1, False)
    fixed = build("fixedpoints", [row for row in table.to_pylist() if row["kind"] == "fixed"])
    alone = plot("landscape", [("fixedpoints", fixed)])
    assert alone.left_out == ("flipflop-n8-s0: no speeds of slow points or of descent",)


def test_a_table_of_descent_alone_counts_its_own():
    rows = [row for row in planted.landscape(1).to_pylist() if row["method"] == "descent"]
    for row in rows:
        row |= {"kind": "slow"} if row["speed"] == 1e-2 else {}
    axes = plot("landscape", [("fixedpoints", build("fixedpoints", rows))]).figure.axes[0]
    assert line(axes, "slow") == ([0, 10, 20], [1, 1, 1])


def test_scale_network_and_a_table_without_steps():
    assert drawn(scale="linear").figure.axes[1].get_yscale() == "linear"
    assert len(drawn(3).figure.axes) == 6
    assert len(drawn(3, networks=("flipflop-n8-s1",)).figure.axes) == 2
    with pytest.raises(InputError, match="fixedpoints --history writes it"):
        plot("landscape", [("fixedpoints", planted.fixedpoints(1))])


def test_the_alternative_text():
    assert drawn(2).alt == (
        "Slow points of 2 networks at 3 steps of training; points at a step: stable 1 to 3, median 2, not proven 1, "
        "slow 1, at a kink 1; of the starts of descent 0 arrived at a fixed point, of the solver's 0.75."
    )


def test_pictures_of_one_step_take_the_last_or_the_one_that_is_named():
    rows = [
        row | {"step": step, "state": (np.asarray(row["state"]) * (1 + step)).tolist()}
        for step in (0, 9)
        for row in planted.fixedpoints(1).to_pylist()
    ]
    rows = [row | {"eigenvalues": [{"re": 0.1 * row["step"], "im": 0.0}]} for row in rows]
    table = build("fixedpoints", rows)
    for step, reach in ((None, 10.0), (0, 1.0)):
        picture = plot("fixedpoints", [("fixedpoints", table)], Settings(step=step))
        places = [one.get_xdata()[0] for one in artists(picture.figure.axes[0], "stable")]
        assert np.ptp(places) == pytest.approx(2 * reach)
        (axes,) = plot("spectrum", [("fixedpoints", table)], Settings(step=step)).figure.axes
        assert artists(axes, "stable")[0].get_xdata()[0] == pytest.approx(0.0 if step == 0 else 0.9)
    assert "of several steps the last is drawn" in plot("fixedpoints", [("fixedpoints", table)]).notes[0]
    with pytest.raises(InputError, match="--step"):
        plot("fixedpoints", [("fixedpoints", planted.fixedpoints(1))], Settings(step=3))
