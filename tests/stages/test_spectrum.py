"""Spectra of runs over trials put end to end, beside sums written out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.stages import TaskChoice, spectrum
from rnnkit.tasks import make_task
from tests.oracles.unit_activity import two_sided
from tests.stages.planted import relabelled
from tests.stages.planted_activity import history, network, random_network, states


def rows(*networks, choice=None, **rest):
    return pa.concat_tables(spectrum(list(networks), choice, **{"trials": 3, **rest})).to_pylist()


def test_the_state_is_carried_from_trial_to_trial():
    net = random_network(training={"memory_units": 1})
    task = make_task("delayed-addition", {"steps": 14})
    inputs = task.sample([stream(4, "evaluation")], 3).inputs[0]
    activity = states(net, inputs.reshape(1, 42, 2))[0]
    each = [two_sided(list(activity[:, unit])) for unit in range(4)]
    found, summed = rows(net, seed=4), {row["group"]: row for row in rows(net, seed=4, summary=True)}
    for group, units in {"all": range(4), "memory": [0], "computation": [1, 2, 3]}.items():
        part = [row for row in found if row["group"] == group]
        assert [row["frequency"] for row in part] == pytest.approx([k / 42 for k in range(22)])
        turns = each[0][0]
        whole = np.mean([each[unit][1] for unit in units], axis=0)
        rest = np.mean([np.where(turns == 0, 0, a) / a[turns != 0].max() for a in (each[u][1] for u in units)], axis=0)
        for row in part:
            place = np.argmin(abs(turns - row["frequency"])) if row["frequency"] < 0.49 else 0
            place = place if row["frequency"] < 0.49 else np.argmin(abs(abs(turns) - row["frequency"]))
            assert row["amplitude"] == pytest.approx(whole[place], rel=1e-6)
            if row["frequency"] > 0:
                assert row["amplitude_no_dc"] == pytest.approx(rest[place], rel=1e-6)
        assert part[0]["amplitude_no_dc"] is None
        centroids = [(abs(turns) * a).sum() / a.sum() for a in (whole, rest)]
        assert [summed[group][name] for name in ("centroid", "centroid_no_dc")] == pytest.approx(centroids, rel=1e-6)
        assert summed[group]["units"] == summed[group]["units_moving"] == len(units)


def test_planted_frequencies():
    turn = np.array([[0, -1.0], [1, 0]])
    net = network(turn, np.zeros((2, 2)), bias=[1, 0])
    (row,) = rows(net, summary=True, trials=10)
    assert row["centroid_no_dc"] == pytest.approx(0.25)
    flips = network([[-1.0]], np.zeros((1, 2)), bias=[1.0])
    (row,) = rows(flips, summary=True, trials=10)
    # 1, 0, 1, 0: as much at 0 as at 1/2.
    assert (row["centroid"], row["centroid_no_dc"]) == (pytest.approx(0.25), pytest.approx(0.5))


def test_statuses():
    net = network(np.zeros((3, 3)), np.zeros((3, 2)), bias=[0, 0, 1])
    summed = {row["group"]: row for row in rows(net, summary=True, memory_units=2)}
    assert [row["status"] for row in summed.values()] == ["constant", "silent", "constant"]
    assert [row["units"] for row in summed.values()] == [1, 0, 1]
    assert summed["memory"]["centroid"] is summed["computation"]["centroid_no_dc"] is None
    assert summed["computation"]["centroid"] == pytest.approx(0, abs=1e-9)
    nan = network(np.full((2, 2), np.nan), np.zeros((2, 2)), name="nan")
    # One unit of two grows beyond all bounds, and no spectrum of the other is shown.
    grows = network(np.diag([1e40, 0.5]), np.ones((2, 2)), name="grows")
    for summary, names in ((True, ("centroid", "centroid_no_dc", "units")), (False, ("amplitude", "amplitude_no_dc"))):
        found = rows(nan, grows, summary=summary)
        assert {(r["network"], r["status"]) for r in found} == {
            ("nan", "not_finite:recurrent.weight"),
            ("grows", "diverged"),
        }
        assert all(row[name] is None for row in found for name in names)


def test_a_relabelled_network_sounds_the_same():
    net = random_network(units=6)
    first, second = rows(net), rows(relabelled(net, np.random.default_rng(1).permutation(6)))
    for one, other in zip(first, second, strict=True):
        assert other["amplitude"] == pytest.approx(one["amplitude"], rel=1e-9)
        if one["frequency"] == 0:
            assert one["amplitude_no_dc"] is other["amplitude_no_dc"] is None
            continue
        assert other["amplitude_no_dc"] == pytest.approx(one["amplitude_no_dc"], rel=1e-9)


def test_along_training_and_before_it(tmp_path):
    net = random_network()
    found = rows(net, histories=[history(net, tmp_path, [1.0, 0.5])], summary=True)
    assert [row["step"] for row in found] == [0, 10]
    assert found[0]["centroid"] == pytest.approx(rows(net, summary=True)[0]["centroid"])
    assert found[1]["centroid"] != pytest.approx(found[0]["centroid"], rel=1e-3)
    assert rows(net, summary=True, initial=True)[0]["step"] == 0


def test_options_out_of_range():
    for option, names in (({"memory_units": 0}, "--memory-units"), ({"trials": 0}, "--trials")):
        with pytest.raises(InputError, match=names):
            rows(random_network(), **option)
    with pytest.raises(InputError, match="3 steps or more"):
        rows(
            network(np.eye(1), np.ones((1, 2)), task="flipflop", task_parameters={"bits": 2, "steps": 1}, outputs=2),
            trials=2,
        )
    assert rows(random_network(), choice=TaskChoice(None, {"steps": "20"}), trials=1)[-1]["frequency"] == 0.5
