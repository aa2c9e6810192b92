"""Latent circuits of networks: against the networks themselves, relabelled, along histories, and every status."""

import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, save_history
from rnnkit.errors import InputError
from rnnkit.history import open_history
from rnnkit.models import make_model
from rnnkit.numerics.latent_circuits import Circuits, velocities
from rnnkit.stages import latent, latent_flow
from rnnkit.stages.aligning import starts_of
from rnnkit.stages.latent import LatentGrid
from rnnkit.tables import build

from .planted import relabelled

UNITS = 12
FAMILIES = ["leaky", "lowrank"]


def architecture(family="leaky", rate=0.5, nonlinearity="tanh", **more):
    latent_readout = {"readout": "latent"} if family == "leaky" else {}
    held = {"units": UNITS, "inputs": 2, "outputs": 1, "rank": 1, "rate": rate, "nonlinearity": nonlinearity}
    return Architecture(**({"family": family} | held | latent_readout | more))


def network(family="leaky", seed=0, name="a", dtype=np.float64, **more):
    """A network with several fixed points, in double precision."""
    shape = architecture(family, **more)
    rng = np.random.default_rng(seed)
    held = {key: rng.standard_normal(size).astype(dtype) for key, size in shape.shapes().items()}
    held["recurrent.right"] = (3 * held["recurrent.right"] + 2 * held["recurrent.left"]).astype(dtype)
    return Checkpoint(name, shape, held, training={"epochs_trained": 2, "steps_per_epoch": 5})


def planted(gain, name="g", rate=0.5, **more):
    """f(k) = -k + gain tanh k."""
    shape = architecture(rate=rate, bias=False, **more)
    held = {key: np.zeros(size) for key, size in shape.shapes().items()}
    held["recurrent.left"][:], held["recurrent.right"][:] = 1.0, gain
    return Checkpoint(name, shape, held)


def rows(networks, histories=(), grid=None, starts=None):
    return [row for table in latent(networks, histories, grid, starts) for row in table.to_pylist()]


def stepped(net, state, inputs):
    """States of the whole network after each step, (steps, units), by its model in double precision."""
    model = make_model(net.architecture)
    weights = {key: torch.from_numpy(np.asarray(value, dtype=np.float64))[None] for key, value in net.weights.items()}
    found, now = [], torch.from_numpy(state)[None, None]
    for one in inputs:
        now = model.step(weights, now, torch.from_numpy(one)[None, None])
        found.append(now[0, 0].numpy())
    return np.array(found)


def test_kappa_of_a_leaky_network_moves_by_itself():
    """n.h / N at changing inputs, from any state: kappa + alpha f(kappa; u_t)."""
    net = network("leaky", rate=0.3)
    rng = np.random.default_rng(1)
    state, inputs = rng.standard_normal(UNITS), rng.standard_normal((30, 2))
    left, right = net.weights["recurrent.left"].T, net.weights["recurrent.right"].T
    kappa = float(right[0] @ state) / UNITS
    for one, after in zip(inputs, stepped(net, state, inputs), strict=True):
        drive = (net.weights["input.weight"] @ one + net.weights["recurrent.bias"])[None]
        kappa += 0.3 * float(velocities(Circuits(left, right, drive), np.array([kappa]))[0][0, 0])
        assert float(right[0] @ after) / UNITS == pytest.approx(kappa, abs=1e-12)


def test_kappa_of_a_lowrank_network_moves_by_itself_on_a_line():
    """h = m kappa + C u0 + b stays on the line at a constant input, and what is beside it decays by 1 - alpha."""
    net = network("lowrank", rate=0.3)
    left, right = net.weights["recurrent.left"][:, 0], net.weights["recurrent.right"][:, 0]
    constant = np.array([0.4, -0.2])
    drive = net.weights["input.weight"] @ constant + net.weights["recurrent.bias"]
    circuits = Circuits(left[None], right[None], drive[None])
    kappa, states = 0.7, stepped(net, left * 0.7 + drive, np.tile(constant, (30, 1)))
    for after in states:
        kappa += 0.3 * float(velocities(circuits, np.array([kappa]))[0][0, 0])
        np.testing.assert_allclose(after, left * kappa + drive, atol=1e-12)
    aside = np.random.default_rng(2).standard_normal(UNITS)
    aside -= left * (aside @ left) / (left @ left)
    away = stepped(net, left * 0.7 + drive + aside, np.tile(constant, (9, 1)))
    for k, after in enumerate(away):
        beside = after - drive - left * ((after - drive) @ left) / (left @ left)
        np.testing.assert_allclose(beside, 0.7 ** (k + 1) * aside, atol=1e-12)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("family", FAMILIES)
def test_roots_are_fixed_points_of_the_network(family, nonlinearity):
    """Stable ones in continuous time and in steps by the eigenvalues of the network's own Jacobian."""
    most, found = 0, 0
    for seed in range(6):
        net = network(family, seed, nonlinearity=nonlinearity)
        constant = (0.3, -0.1)
        (row,) = rows([net], grid=LatentGrid(constant=constant, low=-6, high=6))
        left = net.weights["recurrent.left"][:, 0]
        drive = net.weights["input.weight"] @ constant + net.weights["recurrent.bias"]
        flow, steps = 0, 0
        for kappa in row["roots"]:
            state = left * kappa + drive
            if family == "leaky":
                state = np.tanh(state) if nonlinearity == "tanh" else np.maximum(state, 0)
            (after,) = stepped(net, state, np.array([constant]))
            np.testing.assert_allclose(after, state, atol=1e-10)
            slopes = np.eye(UNITS)
            d = 1e-6
            moved = [state + sign * d * one for one in slopes for sign in (1, -1)]
            both = [stepped(net, one, np.array([constant]))[0] for one in moved]
            jacobian = (np.array(both[::2]) - np.array(both[1::2])).T / (2 * d)
            values = np.linalg.eigvals(jacobian)
            flow += bool(((values - 1) / 0.5).real.max() < 0)
            steps += bool(np.abs(values).max() < 1)
        assert (row["stable"], row["stable_steps"]) == (flow, steps)
        assert row["fixed_points"] == len(row["roots"]) == len(row["slopes"])
        most, found = max(most, row["fixed_points"]), found + row["fixed_points"]
    assert found >= 4
    assert most > (1 if nonlinearity == "tanh" else 0)


def test_planted_networks():
    found = rows([planted(g, f"g{g}") for g in (0.9, 1.0, 1.5)])
    assert [row["fixed_points"] for row in found] == [1, 1, 3]
    assert [row["stable"] for row in found] == [1, 1, 2]
    assert [row["status"] for row in found] == ["ok"] * 3
    assert [row["fixed_points_fine"] for row in found] == [1, 1, 3]
    assert [row["outside"] for row in found] == [0, 0, 0]
    assert found[1]["flatness"] > found[0]["flatness"]
    assert [row["step"] for row in found] == [0, 0, 0]  # no word on training


def test_a_point_that_only_steps_make_unstable():
    """f' = -1 - 6: stable in continuous time; a step of alpha = 1/2 overshoots, one of 1/5 does not."""
    found = rows([planted(-6.0, "half"), planted(-6.0, "fifth", rate=0.2)])
    assert [(row["stable"], row["stable_steps"]) for row in found] == [(1, 0), (1, 1)]


def test_both_families_have_one_circuit():
    leaky, low = (rows([network(family)])[0] for family in FAMILIES)
    assert leaky == low


@pytest.mark.parametrize("family", FAMILIES)
def test_relabelled_units(family):
    order, several = np.random.default_rng(5).permutation(UNITS), 0
    for seed in range(6):
        net = network(family, seed)
        copy = replace(relabelled(net, order), name="a", training=net.training)
        (first,), (second,) = rows([net]), rows([copy])
        several += first["fixed_points"] > 1
        for key, value in first.items():
            if isinstance(value, float | list):
                np.testing.assert_allclose(second[key], value, atol=1e-10)
            else:
                assert second[key] == value
    assert several
    flows = [next(latent_flow([one])) for one in (net, copy)]
    np.testing.assert_allclose(flows[0]["velocity"].to_numpy(), flows[1]["velocity"].to_numpy(), atol=1e-10)


def test_the_input_moves_the_circuit():
    net = planted(1.5)
    net.weights["input.weight"][:] = [[1.0, 0.0]] * UNITS
    counts = [rows([net], grid=LatentGrid(constant=u))[0]["fixed_points"] for u in (None, (0.0, 9.0), (0.5, 0.0))]
    assert counts == [3, 3, 1]


def test_the_grid():
    """A coarse grid that misses fixed points is found out; what the task uses has a grid of its own."""
    coarse, fine = (rows([planted(1.5)], grid=LatentGrid(points=points))[0] for points in (3, 301))
    assert (coarse["fixed_points"], coarse["fixed_points_fine"], coarse["status"]) == (1, 3, "coarse_grid")
    assert (fine["fixed_points"], fine["status"]) == (3, "ok")
    narrow = rows([planted(1.5)], grid=LatentGrid(points=51, low=-0.5, high=1.0))[0]
    assert (narrow["fixed_points"], narrow["outside"]) == (1, 2)
    critical = [rows([planted(1.0)], grid=LatentGrid(task_range=r))[0] for r in ((0.0, 2.0), (-3.0, 3.0), (1.0, 2.0))]
    assert critical[1]["flatness_range"] == pytest.approx(critical[1]["flatness"])
    assert critical[0]["flatness_range"] == pytest.approx(critical[0]["flatness"] / 2, abs=0.0607)
    assert critical[2]["flatness_range"] == 0
    strict = rows([planted(1.0)], grid=LatentGrid(threshold=0.02))[0]
    assert 0 < strict["flatness"] < critical[0]["flatness"]


def test_nearly_still_without_a_fixed_point():
    found = rows([planted(0.9)], grid=LatentGrid(points=51, low=1.0, high=3.0))[0]
    assert (found["fixed_points"], found["roots"], found["outside"]) == (0, [], 1)
    assert found["min_abs_velocity"] == pytest.approx(1 - 0.9 * np.tanh(1))
    assert rows([planted(0.9)])[0]["min_abs_velocity"] == 0


def test_statuses():
    broken = [network(seed=k, name=f"n{k}") for k in range(4)]
    broken[1].weights["recurrent.right"][3] = np.nan
    broken[2].weights["input.weight"][0] = np.inf
    broken[3].weights["recurrent.left"][:] = 1e300
    broken[3].weights["recurrent.right"][:] = 1e300
    found = rows(broken)
    assert [row["status"] for row in found] == [
        *("ok", "not_finite:recurrent.right", "not_finite:input.weight", "not_finite:velocity"),
    ]
    for row in found[1:]:
        assert {value for key, value in row.items() if key not in ("network", "step", "status")} == {None}
    assert found[0]["flatness"] is not None
    (flow,) = (table.to_pylist() for table in latent_flow(broken))
    assert [row["velocity"] is None for row in flow] == [row["network"] != "n0" for row in flow]
    line = rows([planted(1.0, nonlinearity="identity")])[0]
    assert (line["status"], line["fixed_points"], line["roots"]) == ("continuum", None, None)
    assert line["flatness"] == pytest.approx(6)
    with pytest.raises(InputError, match="NaN or infinity"):
        rows(broken[1:2])


def test_what_is_not_of_a_circuit_may_be_broken():
    """Neither readout nor initial state has a part in it."""
    net = network("lowrank")
    net.weights["readout.weight"][:] = np.nan
    assert rows([net])[0]["status"] == "ok"


def history_of(tmp_path, name, family="leaky", count=7, shape=None):
    """Snapshots of a network, and a network for each."""
    nets = [network(family, seed, f"{name}-{seed}") for seed in range(count)]
    held = {key: np.array([one.weights[key] for one in nets]) for key in nets[0].weights if key != "initial_state"}
    path = tmp_path / f"{name}.history.safetensors"
    save_history(path, 10 * np.arange(count), held, name)
    return open_history(path), replace(nets[-1], name=name), nets


def test_a_history_has_the_networks_it_holds(tmp_path):
    first, second = history_of(tmp_path, "a"), history_of(tmp_path, "b", "lowrank", 300)
    found = rows([first[1], second[1]], [first[0], second[0]])
    alone = rows([*first[2], *second[2]])
    assert [(row["network"], row["step"]) for row in found] == [
        *(("a", 10 * k) for k in range(7)),
        *(("b", 10 * k) for k in range(300)),
    ]
    for one, other in zip(found, alone, strict=True):
        assert one == other | {"network": one["network"], "step": one["step"]}
    flows = list(latent_flow([first[1]], [first[0]], LatentGrid(points=5)))
    assert sum(table.num_rows for table in flows) == 7 * 5
    again = [next(latent_flow([net], grid=LatentGrid(points=5)))["velocity"].to_pylist() for net in first[2]]
    assert flows[0]["velocity"].to_pylist() == [value for each in again for value in each]


def test_a_snapshot_that_is_not_finite(tmp_path):
    history, last, nets = history_of(tmp_path, "a")
    held = {key: np.array([one.weights[key] for one in nets]) for key in history.names}
    held["recurrent.bias"][4, 2] = np.nan
    save_history(history.path, history.steps, held, "a")
    found = rows([last], [open_history(history.path)])
    assert [row["status"] for row in found] == [*["ok"] * 4, "not_finite:recurrent.bias", "ok", "ok"]


def test_steps_since_the_onset(tmp_path):
    history, last, _ = history_of(tmp_path, "a")
    other = history_of(tmp_path, "b")
    held = {"criterion": "hinge", "chance": 1.0, "relapses": 0, "censored": False, "evaluations": 9}
    held |= {"steps_per_epoch": 1, "status": "ok"}
    table = build("onsets", [held | {"network": "a", "onset": 30, "crossing": 50}, held | {"network": "b"}])
    starts = starts_of(table, "onset")
    found = rows([last, other[1]], [history, other[0]], starts=starts)
    assert [row["relative_step"] for row in found[:7]] == [-30, -20, -10, 0, 10, 20, 30]
    assert {(row["relative_step"], row["status"]) for row in found[7:]} == {(None, "no_onset")}
    assert starts_of(table, "crossing")["a"] == 50
    alone = rows([last])[0]
    assert (alone["relative_step"], alone["status"]) == (None, "ok")
    (flow,) = latent_flow([last], [history], LatentGrid(points=2), starts)
    assert flow["relative_step"].to_pylist()[:4] == [-30, -30, -20, -20]
    with pytest.raises(InputError, match="no row of network 'c'"):
        rows([replace(last, name="c")], [history], starts=starts)
    with pytest.raises(InputError, match="two rows"):
        starts_of(build("onsets", [held | {"network": "a"}, held | {"network": "a"}]), "onset")
    with pytest.raises(InputError, match="did you mean 'onset'"):
        starts_of(table, "onsett")


def test_refused(tmp_path):
    full = Checkpoint("full", Architecture(family="leaky", units=4, inputs=2, outputs=1), {})
    two = Checkpoint("two", architecture("lowrank", rank=2), {})
    for net, what in ((full, "'leaky' network of full rank"), (two, "'lowrank' network of rank 2")):
        with pytest.raises(InputError, match=what):
            rows([network(), net])
    with pytest.raises(InputError, match="has 1 numbers, a has 2 inputs"):
        rows([network()], grid=LatentGrid(constant=(1.0,)))
    history, _, _ = history_of(tmp_path, "a")
    with pytest.raises(InputError, match="is not that of small"):
        rows([replace(network(), name="small", architecture=architecture(units=5))], [history])
    for bad, what in [
        ({"points": 1}, "--grid"),
        ({"low": 3.0}, "--range"),
        ({"high": np.inf}, "--range"),
        ({"task_range": (2.0, 0.0)}, "--task-range"),
        ({"threshold": 0.0}, "--threshold"),
        ({"threshold": np.nan}, "--threshold"),
        ({"constant": (np.nan,)}, "--input"),
    ]:
        with pytest.raises(InputError, match=what):
            LatentGrid(**bad)


def test_memory_does_not_grow_with_the_history(tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys.modules["rnnkit.stages.overlaps"], "_BLOCK_BYTES", 1 << 18
    )  # or all would fit into one block
    peaks = []
    for count in (400, 1600):
        shape, rng = architecture(units=40, bias=False), np.random.default_rng(0)
        held = {key: rng.standard_normal((count, *size)) for key, size in shape.shapes().items() if key[:3] != "ini"}
        path = tmp_path / f"{count}.history.safetensors"
        save_history(path, np.arange(count), held, "a")
        history, net = open_history(path), Checkpoint("a", shape, {key: value[0] for key, value in held.items()})
        tracemalloc.start()
        done = sum(table.num_rows for table in latent([net], [history], LatentGrid(points=8)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert done == count
    assert peaks[1] < 1.2 * peaks[0]
