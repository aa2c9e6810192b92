"""The picture of latent circuits: what is filled, where steps count from, which curves of the flow."""

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.errors import InputError
from rnnkit.plots import Settings
from rnnkit.plots.style import BLUE
from rnnkit.stages import plot
from tests.plots import planted
from tests.plots.test_pictures import artists, labels


def drawn(*tables, **settings):
    return plot("latent", list(tables), Settings(**settings))


def curves(axes):
    return [line.get_gid() for line in axes.lines if str(line.get_gid()).startswith("flow")]


def test_fixed_points_and_flatness():
    picture = drawn(("latent", planted.latent(2)))
    roots, flatness, second, _ = picture.figure.axes
    (stable,), (unstable,) = artists(roots, "stable"), artists(roots, "unstable")
    assert (stable.get_markerfacecolor(), unstable.get_markerfacecolor()) == (BLUE, "none")
    np.testing.assert_allclose(unstable.get_xydata(), [[20, 0], [30, 0], [40, 0]])
    expected = [[0, 0], [10, 0], *([step, kappa] for step in (20, 30, 40) for kappa in (-1, 1))]
    np.testing.assert_allclose(stable.get_xydata(), expected)
    assert artists(second, "stable")[0].get_ydata().max() == 2  # of the second network
    for column, most in (("flatness", 1.0), ("flatness_range", 0.5)):
        (line,) = artists(flatness, column)
        np.testing.assert_allclose(line.get_ydata(), np.linspace(0, most, 5))
    assert labels(picture) == ["stable", "unstable"]
    assert "2 networks with 3" in picture.alt
    assert (roots.get_xlabel(), second.get_xlabel()) == ("", "step (optimiser steps)")


def test_the_flow_at_a_few_steps_and_at_one():
    tables = [("latent", planted.latent(1)), ("latent_flow", planted.latent_flow(1))]
    axes = drawn(*tables).figure.axes
    assert len(axes) == 3
    assert curves(axes[2]) == ["flow 0", "flow 10", "flow 30", "flow 40"]
    np.testing.assert_allclose(artists(axes[2], "flow 40")[0].get_xydata()[-1], [2, 2])
    one = drawn(*tables, step=20)
    assert curves(one.figure.axes[2]) == ["flow 20"]
    missing = drawn(*tables, step=7)
    assert missing.left_out == ("flipflop-n8-s0: the flow has no velocity at step 7",)
    with pytest.raises(InputError, match="--step: is of the flow"):
        drawn(tables[0], step=20)


def test_steps_since_the_onset():
    tables = [("latent", planted.latent(3, aligned=True)), ("latent_flow", planted.latent_flow(3))]
    picture = drawn(*tables)
    assert picture.left_out == ("flipflop-n8-s2: has no onset to count from",)
    axes = picture.figure.axes
    assert len(axes) == 6
    assert artists(axes[1], "flatness")[0].get_xdata().tolist() == [-15, -5, 5, 15, 25]
    assert axes[3].get_xlabel() == "relative step (optimiser steps)"
    assert curves(axes[2]) == ["flow 0", "flow 10", "flow 40"]  # the onset is at 15


def test_one_step_has_marks():
    axes = drawn(("latent", planted.latent(1, steps=(30,)))).figure.axes
    assert artists(axes[1], "flatness")[0].get_marker() == "o"


def test_no_numbers():
    table = planted.latent(1)
    for name in ("flatness", "fixed_points", "roots", "slopes", "stable"):
        place, kind = table.column_names.index(name), table.schema.field(name)
        table = table.set_column(place, kind, pa.nulls(table.num_rows, kind.type))
    with pytest.raises(InputError, match="its column 'status' says why"):
        drawn(("latent", table))
    # Of one network only: its line says so.
    both = planted.latent(2).to_pylist()
    for row in both[:2]:
        row |= {"fixed_points": None, "stable": None, "roots": None, "slopes": None, "status": "continuum"}
    picture = drawn(("latent", pa.Table.from_pylist(both, schema=planted.latent(2).schema)))
    assert picture.left_out == ("flipflop-n8-s0: 2 of 5 rows without fixed_points (continuum)",)
    assert artists(picture.figure.axes[0], "stable")[0].get_xdata().min() == 20
