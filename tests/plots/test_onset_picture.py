"""The picture of onsets: marks, intervals, curves in steps, chance, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.plots import Settings
from rnnkit.stages import plot
from rnnkit.tables import build
from tests.plots import planted
from tests.plots.test_pictures import artists, labels


def drawn(count=5, training=True, **settings):
    tables = [("onsets", planted.onsets(count))] + [("training", planted.training(count))] * training
    return plot("onset", tables, Settings(**settings))


def test_a_row_for_each_network_the_earliest_at_the_bottom():
    picture = drawn(training=False)
    (axes,) = picture.figure.axes
    marks = {gid: artists(axes, gid)[0].get_offsets().data.tolist() for gid in ("ended", "censored", "other")}
    # Onsets at 100, 300 and 500; the fourth crossed at 450; the second was searching at 500, and goes by its name.
    assert marks == {"ended": [[100, 0], [300, 1], [500, 4]], "censored": [[500, 3]], "other": [[450, 2]]}
    lines = next(artist for artist in axes.collections if artist.get_gid() is None)
    spans = [segment[:, 0].tolist() for segment in lines.get_segments()]
    assert spans == [[90, 120], [290, 320], [490, 520]]
    assert artists(axes, "crossings")[0].get_xdata().tolist() == [150, 350, 550]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["s0", "s2", "s3", "s1", "s4"]
    assert labels(picture) == ["onset, 95 % interval (3)", "still searching (1)", "crossing, no onset (1)"]
    assert [names for _, names in picture.named][1] == ("flipflop-n8-s1",)


def test_curves_in_steps_with_chance_and_plateau():
    curves, onsets = drawn().figure.axes
    (line,) = artists(curves, "flipflop-n8-s0")
    np.testing.assert_allclose(line.get_xdata(), [100, 200, 300, 400, 500])
    np.testing.assert_allclose(line.get_ydata(), 1 / np.arange(1, 6))
    (point,) = artists(curves, "flipflop-n8-s2 onset")
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (300, 0.6)
    assert artists(curves, "flipflop-n8-s2 interval")[0].get_xdata().tolist() == [290, 320]
    assert artists(curves, "flipflop-n8-s1 censored")
    assert artists(curves, "chance")[0].get_ydata()[0] == pytest.approx(0.7)
    assert curves.get_yscale() == "log"
    assert curves.get_xlim() == onsets.get_xlim() == (0, 1.04 * 550)
    assert curves.get_shared_x_axes().joined(curves, onsets)


def test_value_scale_and_network():
    curves = drawn(scale="linear", value="loss", networks=("flipflop-n8-s0",)).figure.axes[0]
    assert curves.get_yscale() == "linear"
    assert curves.get_ylabel() == "training loss (squared target units)"
    assert not artists(curves, "flipflop-n8-s2")
    for option in ({"value": "loss"}, {"scale": "log"}):
        with pytest.raises(InputError, match=f"--{next(iter(option))}: is of loss curves"):
            drawn(training=False, **option)


def test_a_rule_without_intervals_and_a_table_without_onsets():
    bare = {"onset_low": None, "onset_high": None, "plateau": None}
    table = build("onsets", [row | bare for row in planted.onsets(3).to_pylist()])
    (axes,) = plot("onset", [("onsets", table)]).figure.axes
    assert len(artists(axes, "ended")[0].get_offsets()) == 2
    rows = [row | {"crossing": None, "search_steps": None, "onset": None} for row in planted.onsets(2).to_pylist()]
    with pytest.raises(InputError, match="column 'onset': has no numbers"):
        plot("onset", [("onsets", build("onsets", rows))])
    (curves,) = plot("onset", [("onsets", build("onsets", rows)), ("training", planted.training(2))]).figure.axes
    assert curves.get_ylabel().startswith("validation loss")


def test_networks_of_another_run_are_named():
    tables = [("onsets", planted.onsets(3)), ("training", planted.training(2))]
    assert plot("onset", tables).left_out == ("flipflop-n8-s2: no rows of val_loss",)


def test_the_alternative_text():
    assert drawn().alt == (
        "Ends of the search of 5 networks (3 ok, 1 no_end, 1 no_plateau); onsets at steps 100 to 500, median 300."
    )
