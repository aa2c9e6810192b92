"""What overlaps, the loss beside its theory, Gram matrices and twins look like."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from rnnkit.errors import InputError
from rnnkit.plots.pairs import MOTIONS
from rnnkit.plots.style import BLACK, BLUE, COLOURS, ORANGE, RED
from rnnkit.tables import build
from tests.plots import planted
from tests.plots.test_pictures import artists, drawn, labels

ONE = "flipflop-n8-s0"
RANK_TWO = ("m", "u1", "u2", "v1", "v2", "z")
STEPS = np.array([0, 10, 20, 30, 40])


def beside(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def changed(table, name, change):
    """The table with `change(row)` put into its rows."""
    return build(name, [row | change(row) for row in table.to_pylist()])


# overlaps


def test_measured_and_predicted_overlaps():
    picture = drawn("overlaps", ("overlap_theory", planted.overlap_theory(1)))
    seen, unseen = picture.figure.axes
    assert [axes.get_title() for axes in (seen, unseen)] == [f"{ONE}\nseen by the loss", f"{ONE}\nnot seen"]
    assert (seen.get_xlabel(), seen.get_ylabel()) == ("step (optimiser steps)", "overlap (squared weight units)")
    assert (beside(seen), beside(unseen)) == (
        ["m·v", "m·z", "u·v", "u·z"],
        ["m·m", "m·u", "u·u", "v·v", "v·z", "z·z"],
    )
    # m·z is the fourth pair of the table, and the second that the loss sees.
    (measured,), (descent,), (flow,) = (artists(seen, f"m·z {kind}") for kind in ("measured", "descent", "flow"))
    np.testing.assert_allclose(measured.get_xydata(), np.column_stack([STEPS, 3 + STEPS / 100]))
    np.testing.assert_allclose(descent.get_ydata(), 3 + STEPS / 100)
    np.testing.assert_allclose(flow.get_ydata(), 1.1 * (3 + STEPS / 100))
    assert [line.get_linestyle() for line in (measured, descent, flow)] == ["-", "--", ":"]
    assert {to_hex(line.get_color()) for line in (measured, descent, flow)} == {COLOURS[1].lower()}
    assert len(artists(unseen, "m·z measured")) == 0
    assert labels(picture) == ["measured", "predicted (descent)", "predicted (flow)"]
    assert picture.alt == (
        "Overlaps of 1 network against the step, measured and predicted (descent, flow): 4 overlaps seen by the loss, "
        "2 to 6.4, median 4.2; 6 overlaps not seen, 0 to 9.4, median 5.7; largest deviation: descent 0, flow 0.94."
    )


def test_phases_are_shaded_and_one_phase_is_not():
    axes = drawn("overlaps", ("overlap_theory", planted.overlap_theory(1))).figure.axes[0]
    (shade,) = artists(axes, "phase")
    assert (shade.get_x(), shade.get_width()) == (20, 20)
    assert [(text.get_text(), text.get_position()[0]) for text in artists(axes, "phase name")] == [
        ("phase 1", 10),
        ("phase 2", 30),
    ]
    one = changed(planted.overlap_theory(1), "overlap_theory", lambda _: {"phase": 1})
    assert not artists(drawn("overlaps", ("overlap_theory", one)).figure.axes[0], "phase")


def test_the_deviation_alone():
    picture = drawn("overlaps", ("overlap_theory", planted.overlap_theory(1)), value="deviation")
    axes = picture.figure.axes[0]
    assert axes.get_ylabel() == "predicted − measured (squared weight units)"
    (flow,) = artists(axes, "u·v flow")
    np.testing.assert_allclose(flow.get_ydata(), 0.1 * (5 + STEPS / 100))
    assert not artists(axes, "u·v measured")
    assert labels(picture) == ["predicted (descent)", "predicted (flow)"]
    alone = drawn("overlaps", ("overlap_theory", planted.overlap_theory(1)), value="measured")
    assert labels(alone) == ["measured"]
    assert not artists(alone.figure.axes[0], "u·v flow")


def test_many_pairs_have_a_colour_map_and_no_legend():
    picture = drawn("overlaps", ("overlap_theory", planted.overlap_theory(1, vectors=RANK_TWO)))
    seen, unseen = picture.figure.axes
    assert len(beside(seen)) == 9
    assert unseen.get_legend() is None
    assert picture.notes == ("12 overlaps not seen have a colour each, and no legend",)
    shades = {to_hex(line.get_color()) for line in unseen.lines if str(line.get_gid()).endswith("measured")}
    assert len(shades) == 12


def test_a_history_without_theory_and_one_step():
    picture = drawn("overlaps", ("overlaps", planted.overlaps(2)))
    titles = [axes.get_title() for axes in picture.figure.axes]
    assert titles == ["s0\nseen by the loss", "s0\nnot seen", "s1\nseen by the loss", "s1\nnot seen"]
    (line,) = artists(picture.figure.axes[3], "m·u value")
    np.testing.assert_allclose(line.get_xydata(), [[0, -1.01], [10, -1.0], [20, -0.99]])
    assert (line.get_marker(), labels(picture)) == ("None", [])
    (point,) = artists(drawn("overlaps", ("overlaps", planted.overlaps(1, (7,)))).figure.axes[1], "m·u value")
    assert (point.get_marker(), point.get_xydata().tolist()) == ("o", [[7, pytest.approx(-0.993)]])


def test_overlaps_of_which_no_theory_says():
    picture = drawn("overlaps", ("overlaps", planted.overlaps(1, visible=False)))
    (axes,) = picture.figure.axes
    assert axes.get_title() == f"{ONE}\nno theory says"
    assert len(beside(axes)) == 10
    assert picture.left_out == ()


def test_numbers_that_are_not_there_are_said():
    table = changed(
        planted.overlap_theory(1, ("direct",)),
        "overlap_theory",
        lambda row: {"predicted": None, "deviation": None, "status": "diverged"} if row["step"] > 20 else {},
    )
    picture = drawn("overlaps", ("overlap_theory", table))
    assert picture.left_out == (f"{ONE}: 20 of 50 rows without predicted (diverged)",)
    loss = drawn("theory-loss", ("overlap_theory", table))
    assert loss.left_out == (f"{ONE}: 2 of 5 rows without predicted (diverged)",)
    gone = changed(table, "overlap_theory", lambda _: {"measured": None, "predicted": None})
    for kind, says in (("overlaps", "column 'measured': has no numbers"), ("theory-loss", "no loss with a number")):
        with pytest.raises(InputError, match=says):
            drawn(kind, ("overlap_theory", gone))


# theory-loss


def test_losses_and_their_motions():
    picture = drawn("theory-loss", ("overlap_theory", planted.overlap_theory(1, tuple(MOTIONS))))
    (axes,) = picture.figure.axes
    assert (axes.get_yscale(), axes.get_ylabel()) == ("log", "loss (squared target units)")
    (measured,) = artists(axes, f"{ONE} measured")
    np.testing.assert_allclose(measured.get_xydata(), np.column_stack([STEPS, 1 / (1 + STEPS)]))
    looks = {}
    for motion in MOTIONS:
        (line,) = artists(axes, f"{ONE} {motion}")
        looks[motion] = (line.get_linestyle(), to_hex(line.get_color()), float(line.get_ydata()[0]))
    assert looks == {
        "descent": ("--", BLUE.lower(), 1.0),
        "flow": (":", ORANGE.lower(), 1.1),
        "direct": ("-.", RED.lower(), 2.0),
    }
    assert labels(picture) == ["measured", "predicted (descent)", "predicted (flow)", "predicted (direct)"]
    assert drawn("theory-loss", ("overlap_theory", planted.overlap_theory(1)), scale="linear").figure.axes[
        0
    ].get_yscale() == ("linear")


def test_losses_by_network():
    table = planted.overlap_theory(3)
    apart = drawn("theory-loss", ("overlap_theory", table))
    assert [axes.get_title() for axes in apart.figure.axes] == ["s0", "s1", "s2"]
    picture = drawn("theory-loss", ("overlap_theory", table), colour="network")
    (axes,) = picture.figure.axes
    shades = [to_hex(artists(axes, f"{name} descent")[0].get_color()) for name in planted.names(3)]
    assert shades == [shade.lower() for shade in COLOURS[:3]]
    assert labels(picture) == ["measured", "predicted (descent)", "predicted (flow)", "s0", "s1", "s2"]
    two = drawn("theory-loss", ("overlap_theory", table), colour="network", networks=(ONE,))
    assert not artists(two.figure.axes[0], "flipflop-n8-s1 descent")
    many = drawn("theory-loss", ("overlap_theory", planted.overlap_theory(13)), colour="network")
    assert many.notes == ("13 networks have a colour each, and no legend",)


# gram


def test_the_augmented_gram_matrix():
    picture = drawn("gram", ("gram_matrix", planted.gram_matrix(1)), step=0)
    axes, bar = picture.figure.axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["m·v", "m·z", "u·v", "u·z", "m·m", "m·u", "u·u", "v·v", "v·z", "z·z"]
    assert [text.get_text() for text in axes.get_xticklabels()] == names
    assert [to_hex(text.get_color()) for text in axes.get_yticklabels()] == [BLUE.lower()] * 4 + [RED.lower()] * 6
    image = axes.images[0]
    held = np.asarray(image.get_array())
    # d_ac s_bd + ...: mv by mv is mm + vv, mv by mz is vz; mm by mm is 4 mm, mm by mv 2 mv.
    place = {name: k for k, name in enumerate(names)}
    for pair, by, value in (("m·v", "m·v", 4), ("m·v", "m·z", -1), ("m·m", "m·m", 8), ("m·m", "m·v", -2)):
        assert held[place[pair], place[by]] == value, (pair, by)
    assert held[place["m·v"], place["u·z"]] == 0
    assert image.get_clim() == (-8, 8)
    assert bar.get_ylabel() == "entry (squared weight units)"
    assert axes.get_title() == f"{ONE}, step 0"
    assert len(artists(axes, "partition")) == 2
    # Dots: in the seen columns alone. Seen overlaps move by unseen ones, and unseen ones by seen ones.
    (unseen,), (seen,) = artists(axes, "unseen"), artists(axes, "seen")
    assert {(float(y) < 4, float(x) < 4) for x, y in unseen.get_xydata()} == {(True, True)}
    assert {(float(y) < 4, float(x) < 4) for x, y in seen.get_xydata()} == {(False, True)}
    assert (len(unseen.get_xydata()), len(seen.get_xydata())) == (12, 16)
    assert np.count_nonzero(held[:, :4]) == 28
    assert labels(picture) == [
        "with a slope, made of overlaps seen by the loss",
        "with a slope, made of overlaps not seen",
    ]


def test_tanh_mixes_what_an_entry_is_made_of():
    def sees(*pair):
        return pair not in (("v", "v"), ("v", "z"), ("z", "z"))

    def inner(row):
        return {"visible": sees(row["left"], row["right"]), "by_visible": sees(row["by_left"], row["by_right"])}

    table = changed(planted.gram_matrix(1, (0,)), "gram_matrix", inner)
    picture = drawn("gram", ("gram_matrix", table))
    axes = picture.figure.axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names[7:] == ["v·v", "v·z", "z·z"]
    (both,) = artists(axes, "both")
    assert to_hex(both.get_color()) == BLACK
    # Of m·v by m·v: mm, which is seen, and vv, which is not.
    k = names.index("m·v")
    assert [k, k] in both.get_xydata().tolist()
    assert "with a slope, made of both" in labels(picture)


def test_the_last_step_or_another():
    table = planted.gram_matrix(2)
    last = drawn("gram", ("gram_matrix", table))
    assert [axes.get_title() for axes in last.figure.axes[:2]] == ["s0, step 20", "s1, step 20"]
    assert last.notes == ("of several steps the last is drawn (--step chooses another)",)
    first = drawn("gram", ("gram_matrix", table), step=0)
    assert first.notes == ()
    assert not np.array_equal(first.figure.axes[0].images[0].get_array(), last.figure.axes[0].images[0].get_array())
    with pytest.raises(InputError, match="no row is of step 5"):
        drawn("gram", ("gram_matrix", table), step=5)


def test_the_matrix_of_overlaps():
    picture = drawn("gram", ("overlaps", planted.overlaps(1)), step=0)
    axes = picture.figure.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["m", "u", "v", "z"]
    expected = np.zeros((4, 4))
    expected[np.triu_indices(4)] = [0, -1, 2, 3, 4, 5, 6, 7, 8, 9]
    expected += np.triu(expected, 1).T
    np.testing.assert_allclose(axes.images[0].get_array(), expected)
    (dots,) = artists(axes, "seen")
    assert sorted(map(tuple, dots.get_xydata().astype(int).tolist())) == sorted(
        [(0, 2), (0, 3), (1, 2), (1, 3), (2, 0), (3, 0), (2, 1), (3, 1)]
    )
    assert labels(picture) == ["seen by the loss"]


def test_more_names_than_can_be_read_are_left_out():
    vectors = ("m", "u1", "u2", "u3", "v1", "v2", "z")
    axes = drawn("gram", ("gram_matrix", planted.gram_matrix(1, (0,), vectors))).figure.axes[0]
    assert len(axes.images[0].get_array()) == 28
    assert not axes.get_xticklabels()


# twins


def test_twins_side_by_side():
    picture = drawn("twins", ("overlaps", planted.overlaps(3)), step=10)
    seen, unseen = picture.figure.axes
    assert [text.get_text() for text in seen.get_xticklabels()] == ["m·v", "m·z", "u·v", "u·z"]
    assert (seen.get_title(), unseen.get_title()) == ("seen by the loss", "not seen")
    for k, name in enumerate(planted.names(3)):
        (points,) = artists(seen, name)
        np.testing.assert_allclose(points.get_ydata(), np.array([2, 3, 5, 6]) + k / 100 - 0.01)
        np.testing.assert_allclose(points.get_xdata(), np.arange(4) + 0.16 * (k - 1), atol=1e-12)
        assert to_hex(points.get_color()) == COLOURS[k].lower()
    assert labels(picture) == planted.names(3)
    assert picture.alt == (
        "Overlaps of 3 networks side by side: 4 overlaps seen by the loss, up to 0.02 apart; 6 overlaps not seen, up "
        "to 0.02 apart."
    )
    fewer = drawn("twins", ("overlaps", planted.overlaps(3)), step=10, networks=(ONE,))
    assert labels(fewer) == [ONE]


def test_twins_without_the_step_are_said():
    rows = [row for row in planted.overlaps(2).to_pylist() if row["network"] == ONE or row["step"] != 20]
    table = build("overlaps", rows)
    picture = drawn("twins", ("overlaps", table), step=20)
    assert picture.left_out == ("flipflop-n8-s1: no step 20",)
    last = drawn("twins", ("overlaps", table))
    (points,) = artists(last.figure.axes[0], "flipflop-n8-s1")
    np.testing.assert_allclose(points.get_ydata(), np.array([2, 3, 5, 6]) + 0.01 - 0.01)
    many = drawn("twins", ("overlaps", planted.overlaps(13, (0,))))
    assert many.notes == ("13 networks have a colour each, and no legend",)
