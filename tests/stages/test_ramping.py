"""Ramps of planted networks, beside lines through means taken trial by trial."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.stages import TaskChoice, moments, ramping
from rnnkit.tasks import make_task
from tests.oracles.unit_activity import ramp
from tests.stages.planted import relabelled
from tests.stages.planted_activity import history, network, random_network, states

TASK = make_task("delayed-addition", {"steps": 14})


def rows(*networks, choice=None, **rest):
    return pa.concat_tables(ramping(list(networks), choice, **{"trials": 9, **rest})).to_pylist()


def test_every_line_is_that_through_the_mean():
    nets = [random_network(seed, name=f"n{seed}") for seed in range(3)]
    inputs = TASK.sample([stream(2, "evaluation")], 9).inputs[0]
    for window in (None, (3, 9)):
        found = rows(*nets, seed=2, window=window)
        assert [(row["network"], row["unit"]) for row in found] == [(n.name, k) for n in nets for k in range(4)]
        for net in nets:
            mean = states(net, inputs).mean(axis=0)
            for unit in range(4):
                row = next(r for r in found if (r["network"], r["unit"]) == (net.name, unit))
                expected = ramp(list(mean[:, unit]), *(window or (7, 14)))
                assert (row["slope"], row["r2"]) == pytest.approx(expected, rel=1e-6)
                assert row["peak"] == pytest.approx(abs(mean[:, unit]).max())
                assert (row["group"], row["status"]) == ("all", "ok")


def test_planted_ramps_and_units_that_do_nothing():
    # Counts steps; falls likewise; a constant; silent; alternates.
    net = network(np.diag([1.0, 1, 0, 0, -1]), np.zeros((5, 2)), bias=[0.5, -2, 3, 0, 1], training={"memory_units": 2})
    found = rows(net)
    assert [row["slope"] for row in found[:2]] == pytest.approx([1 / 14, -1 / 14])
    assert [row["ramping"] for row in found] == [True, True, False, False, False]
    assert [row["group"] for row in found] == ["memory"] * 2 + ["computation"] * 3
    assert [row["status"] for row in found] == ["ok", "ok", "constant", "silent", "ok"]
    assert [(row["slope"], row["r2"]) for row in found[2:4]] == [(0, None), (None, None)]
    summed = {row["group"]: row for row in rows(net, summary=True)}
    assert [(name, row["units"], row["ramping"]) for name, row in summed.items()] == [
        ("all", 5, 2),
        ("memory", 2, 2),
        ("computation", 3, 0),
    ]
    slopes = [abs(row["slope"]) for row in found if row["slope"] is not None]
    assert summed["all"]["mean_abs_slope"] == pytest.approx(np.mean(slopes))
    assert summed["all"]["median_r2"] == pytest.approx(np.median([found[k]["r2"] for k in (0, 1, 4)]))
    assert not any(row["ramping"] for row in rows(net, min_slope=0.1))
    # The slope of what alternates is not steady; without a say of r2 it is a slope.
    alternating = rows(net, min_r2=0.0, min_slope=1e-9, window=(7, 11))[4]
    assert alternating["ramping"]


def test_groups_that_are_silent_or_still_say_so():
    net = network(np.zeros((3, 3)), np.zeros((3, 2)), bias=[0, 0, 1])
    summed = {row["group"]: row for row in rows(net, summary=True, memory_units=2)}
    assert [row["status"] for row in summed.values()] == ["constant", "silent", "constant"]
    assert summed["memory"]["mean_abs_slope"] is None
    assert (summed["all"]["mean_abs_slope"], summed["all"]["ramping"]) == (0, 0)


def test_what_has_no_number_says_why():
    nan = network(np.full((2, 2), np.nan), np.zeros((2, 2)), name="nan")
    grows = network(np.diag([1e40, 1.0]), np.ones((2, 2)), name="grows")
    found = rows(nan, grows)
    assert [row["status"] for row in found] == ["not_finite:recurrent.weight"] * 2 + ["diverged"] * 2
    assert all(row[name] is None for row in found for name in ("slope", "r2", "peak", "ramping"))
    summed = rows(nan, grows, summary=True)
    assert [row["status"] for row in summed] == ["not_finite:recurrent.weight", "diverged"]
    assert all(row[name] is None for row in summed for name in ("ramping", "mean_abs_slope", "median_r2"))


def test_a_relabelled_network_ramps_alike():
    net, order = random_network(units=6), np.random.default_rng(1).permutation(6)
    first, second = rows(net), rows(relabelled(net, order))
    for k, unit in enumerate(order):
        for name in ("slope", "r2", "peak"):
            assert second[k][name] == pytest.approx(first[unit][name], rel=1e-9)
    one, other = (rows(n, summary=True)[0]["mean_abs_slope"] for n in (net, relabelled(net, order)))
    assert one == pytest.approx(other, rel=1e-10)


def test_along_training_in_blocks(tmp_path, monkeypatch):
    net, scales = random_network(), [0.1, 1.0, 1.5, 1.0]
    held = history(net, tmp_path, scales)
    whole = rows(net, histories=[held])
    assert [row["step"] for row in whole] == [step for step in (0, 10, 20, 30) for _ in range(4)]
    assert whole[4:8] == [row | {"step": 10} for row in whole[12:]]
    weights = net.weights | {"recurrent.weight": 0.1 * net.weights["recurrent.weight"]}
    alone = rows(replace(net, weights=weights))
    assert [row["slope"] for row in alone] == pytest.approx([row["slope"] for row in whole[:4]], rel=1e-5)
    assert [row["step"] for row in rows(net, initial=True)] == [0] * 4
    monkeypatch.setattr(moments, "_STATE_BYTES", 3000)
    cut = list(ramping([net], trials=9, histories=[held]))
    assert len(cut) == 4
    assert pa.concat_tables(cut)["slope"].to_pylist() == pytest.approx([row["slope"] for row in whole], rel=1e-9)


def test_a_snapshot_that_is_no_number_is_one_row_s_trouble(tmp_path):
    net = random_network()
    found = rows(net, histories=[history(net, tmp_path, [1.0, np.nan, 1.0])], summary=True)
    assert [row["status"] for row in found] == ["ok", "not_finite:recurrent.weight", "ok"]


def test_order_is_kept_over_tasks_and_sizes():
    nets = [
        random_network(0, name="c"),
        random_network(1, units=3, name="a"),
        random_network(2, name="b", task_parameters={"steps": 16}),
        random_network(3, name="d"),
    ]
    assert [row["network"] for row in rows(*nets, summary=True)] == ["c", "a", "b", "d"]


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ({"window": (12, 15)}, "--window"),
        ({"window": (3, 5)}, "--window"),
        ({"min_slope": -0.1}, "--min-slope"),
        ({"min_slope": np.nan}, "--min-slope"),
        ({"min_r2": 1.0}, "--min-r2"),
        ({"memory_units": 4}, "--memory-units"),
        ({"trials": 0}, "--trials"),
        ({"choice": TaskChoice("sine")}, "inputs"),
    ],
)
def test_options_out_of_range(option, names):
    with pytest.raises(InputError, match=names):
        rows(random_network(), **option)
