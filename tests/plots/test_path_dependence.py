"""What of an excursion is left, as a picture: marks, measures, what did not converge, numbers that are missing."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from rnnkit.errors import InputError
from rnnkit.plots.path_dependence import VALUES
from rnnkit.plots.style import BLACK, COLOURS
from rnnkit.tables import build
from tests.plots import planted
from tests.plots.test_pictures import artists, drawn, labels

ONE = "aba-flipflop-n8-s0"
PAIR = "ac-flipflop-n8-s0 and bc-flipflop-n8-s0"
SHARES = np.array(list(planted.LEFT.values()))


def picture_of(table, **settings):
    return drawn("path-dependence", ("path_dependence", table), **settings)


def changed(table, change):
    """The table with `change(row)` put into its rows."""
    return build("path_dependence", [row | change(row) for row in table.to_pylist()])


def named(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_memory_and_divergence_have_a_panel_each():
    picture = picture_of(planted.path_dependence(3))
    memory, divergence = picture.figure.axes
    assert [axes.get_title() for axes in (memory, divergence)] == ["memory after A,B,A", "divergence after A,C and B,C"]
    for axes in (memory, divergence):
        assert [text.get_text() for text in axes.get_xticklabels()] == ["unseen", "visible", "functional"]
        assert (axes.get_yscale(), axes.get_xlabel()) == ("log", "overlaps")
    assert memory.get_ylabel() == "share of the excursion"
    assert memory.get_ylim() == divergence.get_ylim()
    for k in range(3):
        (left,) = artists(memory, f"aba-flipflop-n8-s{k} ratio")
        (beyond,) = artists(memory, f"aba-flipflop-n8-s{k} ratio_beyond_control")
        np.testing.assert_allclose(left.get_ydata(), (k + 1) * SHARES)
        np.testing.assert_allclose(beyond.get_ydata(), (k + 1) * SHARES / 2)
        np.testing.assert_allclose(left.get_xdata(), np.arange(3) + 0.16 * (k - 1), atol=1e-12)
        np.testing.assert_allclose(beyond.get_xdata(), left.get_xdata())
        assert [to_hex(line.get_color()) for line in (left, beyond)] == [COLOURS[k].lower()] * 2
        assert (left.get_markerfacecolor(), to_hex(beyond.get_markerfacecolor())) == ("none", COLOURS[k].lower())
        assert (left.get_linestyle(), beyond.get_linestyle()) == ("--", "-")
    (apart,) = artists(divergence, f"{PAIR} ratio")
    np.testing.assert_allclose(apart.get_ydata(), SHARES)
    assert not [
        line
        for line in divergence.lines
        if str(line.get_gid()).endswith("beyond_control") and np.isfinite(line.get_ydata()).any()
    ]
    assert labels(picture) == ["left", "beyond the control"]
    assert (named(memory), named(divergence)) == (["s0", "s1", "s2"], [f"ac-s{k} / bc-s{k}" for k in range(3)])
    assert (picture.left_out, picture.notes) == ((), ())


def test_one_measure_has_one_panel():
    picture = picture_of(planted.path_dependence(2, ("divergence",)))
    (axes,) = picture.figure.axes
    assert axes.get_title() == "divergence after A,C and B,C"
    assert labels(picture) == ["left"]


def test_kinds_stand_in_their_order_whatever_that_of_the_rows():
    table = planted.path_dependence(2)
    turned = build("path_dependence", table.to_pylist()[::-1])
    (line,) = artists(picture_of(turned).figure.axes[0], f"{ONE} ratio")
    np.testing.assert_allclose(line.get_ydata(), SHARES)
    assert (np.diff(line.get_xdata()) > 0).all()


def test_tanh_networks_have_two_kinds():
    table = planted.path_dependence(2)
    two = build("path_dependence", [row for row in table.to_pylist() if row["kind"] != "functional"])
    for axes in picture_of(two).figure.axes:
        assert [text.get_text() for text in axes.get_xticklabels()] == ["unseen", "visible"]


def test_a_network_alone_is_in_the_title():
    memory, divergence = picture_of(planted.path_dependence(1)).figure.axes
    assert memory.get_title() == f"{ONE}\nmemory after A,B,A"
    assert divergence.get_title() == "ac-flipflop-n8-s0\nbc-flipflop-n8-s0\ndivergence after A,C and B,C"
    assert memory.get_legend() is None


def test_several_protocols_are_not_in_the_title():
    table = changed(
        planted.path_dependence(2), lambda row: {"protocol": "B,A,B"} if row["network"].endswith("s1") else {}
    )
    assert [axes.get_title() for axes in picture_of(table).figure.axes] == ["memory", "divergence"]


def test_a_network_of_several_pairs_has_a_point_for_each():
    first = planted.path_dependence(1, ("divergence",)).to_pylist()
    second = [row | {"other": "dc-flipflop-n8-s0", "other_protocol": "D,C", "ratio": 3 * row["ratio"]} for row in first]
    (axes,) = picture_of(build("path_dependence", first + second)).figure.axes
    assert named(axes) == ["ac / bc", "ac / dc"]
    (line,) = artists(axes, "ac-flipflop-n8-s0 and dc-flipflop-n8-s0 ratio")
    np.testing.assert_allclose(line.get_ydata(), 3 * SHARES)


def test_what_did_not_converge_is_crossed_and_named():
    table = changed(
        planted.path_dependence(3),
        lambda row: {"status": "phase_not_converged"} if row["network"] == "aba-flipflop-n8-s1" else {},
    )
    picture = picture_of(table)
    memory, divergence = picture.figure.axes
    for column, factor in (("ratio", 2), ("ratio_beyond_control", 1)):
        (cross,) = artists(memory, f"aba-flipflop-n8-s1 {column} not converged")
        np.testing.assert_allclose(cross.get_ydata(), factor * SHARES)
        assert (cross.get_marker(), to_hex(cross.get_color())) == ("x", BLACK)
        (point,) = artists(memory, f"aba-flipflop-n8-s1 {column}")
        np.testing.assert_allclose(cross.get_xdata(), point.get_xdata())
    assert (
        sum(str(line.get_gid()).endswith("not converged") for axes in (memory, divergence) for line in axes.lines) == 2
    )
    assert labels(picture) == ["left", "beyond the control", "a phase did not converge"]
    # The picture has all of it: it is said, and no failure.
    assert picture.notes == ("a phase did not converge: aba-flipflop-n8-s1",)
    assert picture.left_out == ()
    assert picture.alt.endswith(". A phase did not converge in 1 of them.")


def test_many_have_no_lines_and_no_legend():
    drawings = [picture_of(planted.path_dependence(n, ("memory",))) for n in (8, 9, 12, 13)]
    styles = [artists(one.figure.axes[0], f"{ONE} ratio")[0].get_linestyle() for one in drawings]
    assert styles == ["--", "None", "None", "None"]
    *_, twelve, thirteen = drawings
    assert len(named(twelve.figure.axes[0])) == 12
    assert thirteen.figure.axes[0].get_legend() is None
    assert (twelve.notes, thirteen.notes) == ((), ("13 networks have a colour each, and no legend",))
    everyone = changed(planted.path_dependence(13, ("memory",)), lambda _: {"status": "phase_not_converged"})
    assert picture_of(everyone).notes[0].endswith("aba-flipflop-n8-s11; and 1 more")


def test_rows_without_numbers_are_said():
    gone = dict.fromkeys(("excursion", "left", "ratio", "beyond_control", "ratio_beyond_control"))

    def change(row):
        if row["network"] == "aba-flipflop-n8-s1":
            return gone | {"other": "", "other_protocol": None, "status": "diverged"}
        if row["network"] == "aba-flipflop-n8-s2" and row["kind"] == "functional":
            return {"excursion": 0.0, "ratio": None, "ratio_beyond_control": None, "status": "no_excursion"}
        if row["network"] == "ac-flipflop-n8-s0" and row["kind"] == "visible":
            return {"excursion": 0.0, "ratio": None, "status": "no_excursion"}
        return {}

    picture = picture_of(changed(planted.path_dependence(3), change))
    assert picture.left_out == (
        "aba-flipflop-n8-s1: 3 of 3 rows without ratio (diverged)",
        "aba-flipflop-n8-s2: 1 of 3 rows without ratio (no_excursion)",
        f"{PAIR}: 1 of 3 rows without ratio (no_excursion)",
        "aba-flipflop-n8-s2: 1 of 3 rows without ratio_beyond_control (no_excursion)",
    )
    memory, _ = picture.figure.axes
    assert not artists(memory, "aba-flipflop-n8-s1 ratio")
    assert named(memory) == ["s0", "s2"]


def test_a_diverged_network_makes_no_panel_of_memory():
    pairs = planted.path_dependence(2, ("divergence",)).to_pylist()
    lost = [
        row | {"other": "", "measure": "memory", "excursion": None, "left": None, "ratio": None, "status": "diverged"}
        for row in pairs[:3]
    ]
    picture = picture_of(build("path_dependence", [row | {"network": "lost"} for row in lost] + pairs))
    assert [axes.get_title() for axes in picture.figure.axes] == ["divergence after A,C and B,C"]
    assert picture.left_out == ("lost: 3 of 3 rows without ratio (diverged)",)


def test_without_a_control_what_is_left_is_drawn():
    alone = {"other": "", "other_protocol": None, "beyond_control": None, "ratio_beyond_control": None}

    def change(row):
        status = "phase_not_converged" if row["network"].endswith("s1") else "no_control"
        return alone | {"other_losses": None, "status": status}

    picture = picture_of(changed(planted.path_dependence(2, ("memory",)), change))
    assert picture.left_out == ()
    assert picture.notes == (
        "a phase did not converge: aba-flipflop-n8-s1",
        f"no control: {ONE}; aba-flipflop-n8-s1",
    )
    assert labels(picture) == ["left", "a phase did not converge"]
    with pytest.raises(InputError, match="column 'ratio_beyond_control': has no numbers"):
        picture_of(changed(planted.path_dependence(2, ("memory",)), change), value="ratio_beyond_control")


def test_no_numbers_at_all():
    gone = changed(planted.path_dependence(1), lambda _: {"ratio": None, "ratio_beyond_control": None, "status": "x"})
    with pytest.raises(InputError, match="column 'ratio': has no numbers"):
        picture_of(gone)


def test_a_ratio_of_zero_has_no_logarithm():
    table = changed(planted.path_dependence(2), lambda row: {"ratio": 0.0} if row["kind"] == "functional" else {})
    picture = picture_of(table)
    assert [axes.get_yscale() for axes in picture.figure.axes] == ["log", "log"]
    assert picture.left_out == ("4 values of 0, without a logarithm (--scale linear)",)
    (line,) = artists(picture.figure.axes[1], f"{PAIR} ratio")
    assert len(line.get_ydata()) == 2
    with pytest.raises(InputError, match="--scale: 4 values of 0"):
        picture_of(table, scale="log")
    straight = picture_of(table, scale="linear")
    assert [axes.get_yscale() for axes in straight.figure.axes] == ["linear", "linear"]
    assert straight.left_out == ()
    (line,) = artists(straight.figure.axes[1], f"{PAIR} ratio")
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.01, 0])
    nothing = changed(planted.path_dependence(1), lambda _: {"ratio": 0.0, "ratio_beyond_control": None})
    assert picture_of(nothing).figure.axes[0].get_yscale() == "linear"


def test_all_of_it_is_a_line_where_shares_are_shown():
    shares = picture_of(planted.path_dependence(1)).figure.axes[0]
    (whole,) = artists(shares, "all of it")
    np.testing.assert_allclose(whole.get_ydata(), [1, 1])
    low, high = shares.get_ylim()
    assert low < 0.0005 < 1 < high


def test_sizes_instead_of_shares():
    picture = picture_of(planted.path_dependence(1), value="excursion,left,beyond_control")
    memory = picture.figure.axes[0]
    assert memory.get_ylabel() == "distance (squared weight units)"
    assert not artists(memory, "all of it")
    for column, expected in (("excursion", [2, 2, 2]), ("left", 2 * SHARES), ("beyond_control", SHARES)):
        (line,) = artists(memory, f"{ONE} {column}")
        np.testing.assert_allclose(line.get_ydata(), expected)
        assert line.get_marker() == VALUES[column][1]
    assert labels(picture) == ["excursion", "left", "beyond the control"]
    with pytest.raises(InputError, match="no axis in common"):
        picture_of(planted.path_dependence(1), value="ratio,left")
    with pytest.raises(InputError, match="did you mean 'excursion'"):
        picture_of(planted.path_dependence(1), value="excursions")
    alone = picture_of(planted.path_dependence(1), value="excursion").figure.axes[0]
    assert alone.get_ylabel() == "excursion (squared weight units)"
    controls = picture_of(planted.path_dependence(2), value="ratio_beyond_control")
    assert len(controls.figure.axes) == 1
    assert controls.notes == ("divergence has no control, and no panel here",)


def test_networks_are_chosen_as_either_of_a_pair():
    table = planted.path_dependence(3)
    (axes,) = picture_of(table, networks=("bc-flipflop-n8-s1",)).figure.axes
    assert axes.get_title().startswith("ac-flipflop-n8-s1\nbc-flipflop-n8-s1\n")
    picture = picture_of(table, networks=(ONE, "ac-flipflop-n8-s0"))
    assert [
        len([one for one in axes.lines if str(one.get_gid()).endswith(" ratio")]) for axes in picture.figure.axes
    ] == [1, 1]
    with pytest.raises(InputError, match="'aaa-flipflop-n8-s0'"):
        picture_of(table, networks=("aaa-flipflop-n8-s0",))


def test_the_alternative_text():
    assert picture_of(planted.path_dependence(3)).alt == (
        "Share of the excursion, by kind of overlaps: memory of 3 networks, unseen 0.1 to 0.3, median 0.2 (left), 0.05 "
        "to 0.15, median 0.1 (beyond the control); visible 0.01 to 0.03, median 0.02 (left), 0.005 to 0.015, median "
        "0.01 (beyond the control); functional 0.001 to 0.003, median 0.002 (left), 0.0005 to 0.0015, median 0.001 "
        "(beyond the control). Divergence of 3 pairs, unseen 0.1 to 0.3, median 0.2 (left); visible 0.01 to 0.03, "
        "median 0.02 (left); functional 0.001 to 0.003, median 0.002 (left)."
    )
