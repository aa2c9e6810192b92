"""The theme: sizes, the user's parameters, metadata, and the same bytes again."""

from __future__ import annotations

import io
import json
import re

import matplotlib as mpl
import pytest

from rnnkit.errors import InputError
from rnnkit.plots import Settings
from rnnkit.plots.saving import save
from rnnkit.plots.style import COLOURS, colours_of, rc_of
from rnnkit.provenance import Provenance
from rnnkit.stages import plot
from tests.plots import planted


def training(**settings):
    return plot("training", [("training", planted.training(2))], Settings(**settings))


def written(form, **settings):
    target = io.BytesIO()
    save(training(**settings), target, form, Settings(**settings), "losses", Provenance("rnnkit plot training"))
    return target.getvalue()


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_bytes_again(form):
    assert written(form, dpi=60) == written(form, dpi=60)


def test_the_caption_says_where_it_comes_from():
    svg = written("svg").decode()
    found = re.search(r"<dc:description>(.*?)</dc:description>", svg, re.DOTALL)
    assert found is not None
    note = json.loads(found[1].replace("&quot;", '"'))
    assert note["command"] == "rnnkit plot training"
    assert note["software"]["matplotlib"] == mpl.__version__
    assert "<dc:date>" not in svg
    assert b'"command": "rnnkit plot training"' in written("png", dpi=30)
    assert b"CreationDate" not in written("pdf")


def test_sizes_labels_and_parameters_are_the_users():
    figure = training(width=5, height=2, title="Losses", xlabel="time", ylabel="error", font_size=6).figure
    assert figure.get_size_inches().tolist() == [5, 2]
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), figure.get_suptitle()) == ("time", "error", "Losses")
    assert axes.xaxis.label.get_size() == 6
    thick = training(rc={"axes.linewidth": "3"}).figure.axes[0]
    assert thick.spines["left"].get_linewidth() == 3


def test_nothing_of_the_session_is_changed_or_read():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"axes.linewidth": 9}):
        assert training().figure.axes[0].spines["left"].get_linewidth() == 0.6
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("axes.gird", "1", "did you mean 'axes.grid'"),
        ("backend", "agg", "with an effect here"),
        ("axes.grid", "x", "give another value"),
    ],
)
def test_parameters_are_checked(key, value, says):
    with pytest.raises(InputError, match=says):
        rc_of(Settings(rc={key: value}))


def test_colours():
    assert colours_of(["b", "a", "b"]) == {"a": COLOURS[0], "b": COLOURS[1]}
    many = colours_of(list(range(12)))
    assert len(set(many.values())) == 12
