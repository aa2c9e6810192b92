"""Fixed points of networks: the flip-flop's 27, planted slow points, relabelled copies, every family."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.models.autonomous import autonomous_map
from rnnkit.stages import TaskChoice, fixedpoints
from rnnkit.stages.fixed_point_starts import KINDS, draw_starts, unit_order

from .planted import relabelled
from .test_relabelled import network

FIXTURE = Path(__file__).parents[2] / "fixtures" / "recurrent_weights.npz"


def flipflop(count: int) -> list[Checkpoint]:
    """Networks trained on the 3-bit flip-flop."""
    held = np.load(FIXTURE)
    shape = Architecture(family="vanilla", units=64, inputs=3, outputs=3)
    names = {"recurrent.weight": "recurrent", "input.weight": "input", "recurrent.bias": "bias"}
    names["readout.weight"] = "readout"
    task = {"task": "flipflop", "task_parameters": {"bits": 3, "steps": 25}}
    return [
        Checkpoint(f"net{k}", shape, {name: held[key][k] for name, key in names.items()}, **task) for k in range(count)
    ]


def tables(networks: list[Checkpoint], *given: object, **options: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts = list(fixedpoints(networks, *given, **options))
    points, covered = (pa.concat_tables(held).to_pandas() for held in zip(*parts, strict=True))
    return points, covered


@pytest.fixture(scope="module")
def demo() -> tuple[pd.DataFrame, pd.DataFrame]:
    return tables(flipflop(3), starts=256)


def test_the_flipflop_has_27_points_all_proven(demo: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    points, covered = demo
    for _, found in points.groupby("network"):
        assert len(found) == 27
        assert found["certified"].all()
        assert found["stability_certified"].all()
        assert found["unstable_dims"].value_counts().to_dict() == {0: 8, 1: 12, 2: 6, 3: 1}
        assert (found["radius"] < 1e-11).all()
        assert (found["unique_radius"] > 1e-3).all()
        assert (found["speed"] < 1e-24).all()
        corners = np.stack(found.loc[found["stable"], "output"])
        assert len({tuple(signs) for signs in np.sign(corners)}) == 8
        assert np.abs(np.abs(corners) - 1).max() < 0.15
        assert (found["stable"] == (found["spectral_radius"] < 1)).all()
        assert found["point"].tolist() == list(range(27))
        assert found["unstable_dims"].is_monotonic_increasing
    every = covered[covered["starts_from"] == "all"]
    assert every["index_sum"].tolist() == [1, 1, 1]
    assert every["status"].tolist() == ["ok"] * 3
    assert every[["points", "certified", "stable"]].to_numpy().tolist() == [[27, 27, 8]] * 3


def test_shares_and_coverage_count_the_starts(demo: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    points, covered = demo
    kinds = covered.set_index(["network", "starts_from"])
    for name, found in points.groupby("network"):
        assert found["starts_share"].sum() == pytest.approx(1)
        begun = kinds.loc[name].loc[list(KINDS)]
        assert begun["starts"].tolist() == [128, 64, 64]
        assert (begun["arrived"] == begun["starts"]).all()
        assert (begun["missing_mass"] == begun["seen_once"] / begun["arrived"]).all()
        assert begun.loc["states", "points"] < begun.loc["uniform", "points"]
        assert kinds.loc[(name, "midpoints"), "missing_mass"] is None or np.isnan(
            kinds.loc[(name, "midpoints"), "missing_mass"]
        )
        assert kinds.loc[(name, "all"), "starts"] == 256 + kinds.loc[(name, "midpoints"), "starts"]


def test_an_incomplete_set_is_told_by_its_index_sum() -> None:
    """Few starts, each of which finds one point of 27: most such sets do not add up to 1."""
    said = []
    for seed in range(4):
        points, covered = tables(flipflop(1), starts=2, seed=seed)
        assert len(points) < 27
        every = covered.iloc[0]
        assert every["index_sum"] == points["index"].sum()
        said.append(every["status"])
        assert said[-1] == ("ok" if every["index_sum"] == 1 else "incomplete")
    assert "incomplete" in said


def same_rows(first: pd.DataFrame, second: pd.DataFrame, order: np.ndarray) -> None:
    """All columns but the name; states by the order of the units."""
    assert len(first) == len(second)
    exact = ["point", "kind", "certified", "stable", "unstable_dims", "index", "stability_certified", "status", "kink"]
    for name in exact:
        assert first[name].astype(object).fillna(0).tolist() == second[name].astype(object).fillna(0).tolist(), name
    np.testing.assert_allclose(second["starts_share"], first["starts_share"], rtol=0, atol=0)
    sizes = len(first["state"].iloc[0]) // len(order)
    moved = np.concatenate([order + k * len(order) for k in range(sizes)])
    for a, b in zip(first.to_dict("records"), second.to_dict("records"), strict=True):
        fixed = a["kind"] == "fixed"
        close = 1e-9 if fixed else 1e-4
        np.testing.assert_allclose(b["output"], a["output"], rtol=0, atol=10 * close)
        np.testing.assert_allclose(b["state"], np.asarray(a["state"])[moved], rtol=0, atol=close)
        values = [[complex(z["re"], z["im"]) for z in row["eigenvalues"]] for row in (a, b)]
        np.testing.assert_allclose(np.abs(values[0]), np.abs(values[1]), rtol=0, atol=100 * close)
        if a["certified"]:
            assert b["radius"] == pytest.approx(a["radius"], rel=1)
            assert b["unique_radius"] == pytest.approx(a["unique_radius"], rel=0.05)


def held(family: str, seed: int = 0) -> Checkpoint:
    """A network with random weights; a piecewise-linear one would have no fixed point, and gets one."""
    net = network(family, seed=seed)
    if family == "plrnn":
        weights, point = net.weights, np.random.default_rng(seed).normal(size=9)
        weights["recurrent.weight"] /= 9
        drive = weights["input.weight"] @ [0.3, -0.2] if seed else 0.0
        moved = weights["recurrent.diagonal"] * point + weights["recurrent.weight"] @ np.maximum(point, 0) + drive
        weights["recurrent.bias"] = (point - moved).astype(np.float32)
    return net


@pytest.mark.parametrize("family", FAMILIES)
def test_a_relabelled_network_has_the_same_points(family: str) -> None:
    net = held(family)
    order = np.random.default_rng(1).permutation(9)
    first, second = (tables([n], starts=48)[0] for n in (net, relabelled(net, order)))
    assert first["certified"].any()
    same_rows(first, second, order)


def test_a_relabelled_flipflop_has_the_same_points(demo: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    order = np.random.default_rng(2).permutation(64)
    second, covered = tables([relabelled(flipflop(1)[0], order)], starts=256)
    same_rows(demo[0][demo[0]["network"] == "net0"], second, order)
    counts = [c for c in covered if covered[c].dtype.kind in "if"]
    first = demo[1][demo[1]["network"] == "net0"]
    pd.testing.assert_frame_equal(first[counts], covered[counts], check_exact=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_eigenvalues_are_those_of_finite_differences(family: str) -> None:
    """And a point stays where it is when the model itself takes a step."""
    net = held(family, seed=4)
    points, _ = tables([net], [[0.3, -0.2]], starts=400)
    points = points[points["kind"] == "fixed"]
    system = autonomous_map([net], np.array([0.3, -0.2]))
    assert len(points)
    for row in points.to_dict("records"):
        x = np.asarray(row["state"])
        step = 1e-5
        columns = [system.value((x + s * e)[None, None])[0, 0] for s in (step, -step) for e in np.eye(len(x))]
        slopes = (np.stack(columns[: len(x)], 1) - np.stack(columns[len(x) :], 1)) / (2 * step)
        expected = np.sort_complex(np.linalg.eigvals(slopes).round(7))
        found = np.sort_complex(np.array([complex(z["re"], z["im"]) for z in row["eigenvalues"]]).round(7))
        np.testing.assert_allclose(np.sort(np.abs(found)), np.sort(np.abs(expected)), rtol=0, atol=1e-6)
        assert row["spectral_radius"] == pytest.approx(np.abs(found).max(), abs=1e-6)
        residual = system.value(x[None, None])[0, 0] - x
        assert row["speed"] == pytest.approx(0.5 * residual @ residual, rel=1e-6, abs=1e-28)


def line_attractor() -> Checkpoint:
    """Rank one: along m, k -> k + 1e-3 (1.5 + cos 4 pi k) on [-1, 1]: slow everywhere, standing still nowhere there."""
    units, draw = 60, np.random.default_rng(0)
    m, offset = draw.uniform(1, 2, units), draw.uniform(-3, 3, units)
    k = np.linspace(-1.2, 1.2, 400)
    wanted = k + 1e-3 * (1.5 + np.cos(4 * np.pi * k))
    n = np.linalg.lstsq(np.tanh(np.outer(k, m) + offset), wanted, rcond=1e-10)[0]
    weights = {"recurrent.weight": np.outer(m, n), "recurrent.bias": offset, "input.weight": np.zeros((units, 1))}
    shape = Architecture(family="vanilla", units=units, inputs=1, outputs=1)
    return Checkpoint("line", shape, {**weights, "readout.weight": n[None]})


def test_the_slow_points_of_a_line_attractor_are_slow() -> None:
    net = line_attractor()
    points, covered = tables([net], starts=200, slow=True)
    without, _ = tables([net], starts=200)
    place = np.stack(points["output"])[:, 0]
    within = np.abs(place) < 0.95
    assert within.sum() >= 2
    assert (points.loc[within, "kind"] == "slow").all()
    assert not points.loc[within, "certified"].any()
    assert (points.loc[within, "speed"] > 1e-12).all()
    assert (points.loc[within, "spectral_radius"] > 0.9).all()
    assert set(without["kind"]) <= {"fixed", None}
    assert covered["slow"].iloc[0] > 0
    # Where the planted drift is least.
    assert np.isclose(place[within, None], [-0.75, -0.25, 0.25, 0.75], rtol=0, atol=0.1).any(1).all()


def test_each_input_is_its_own_system() -> None:
    net = flipflop(1)[0]
    points, covered = tables([net], [[0, 0, 0], [1, 1, 1]], starts=64)
    assert points["point"].tolist() == list(range(len(points)))
    assert sorted(set(points["system"])) == [0, 1]
    pulsed = points[points["system"] == 1]
    assert {tuple(held) for held in pulsed["input"]} == {(1.0, 1.0, 1.0)}
    assert len(pulsed) < 27
    alone, _ = tables([net], [[1, 1, 1]], starts=64)
    assert np.stack(pulsed["state"]) == pytest.approx(np.stack(alone["state"]), abs=1e-12)
    assert covered.groupby("system").size().tolist() == [5, len(covered) - 5]


def test_a_network_is_searched_the_same_alone_as_in_company() -> None:
    nets = [network("gru", seed=k) for k in range(3)]
    together, _ = tables(nets, starts=40)
    alone, _ = tables(nets[2:], starts=40)
    own = together[together["network"] == "net2"]
    assert np.stack(own["state"]) == pytest.approx(np.stack(alone["state"]), abs=1e-9)
    assert own["starts_share"].tolist() == alone["starts_share"].tolist()


def test_networks_without_a_task_are_searched_too() -> None:
    net = replace(network("lstm"), task=None, task_parameters={})
    points, covered = tables([net], starts=40)
    assert covered["starts_from"].tolist()[1:4] == list(KINDS)
    assert points["certified"].all()
    with pytest.raises(InputError, match="has no task of its own"):
        next(fixedpoints([net], choice=TaskChoice(None, {"steps": 3})))
    named, _ = tables([net], choice=TaskChoice("flipflop", {"bits": 2}), starts=40)
    assert named["starts_share"].tolist() != points["starts_share"].tolist() or len(points) == 1


def test_winners_of_a_relu_network_are_exact() -> None:
    shape = Architecture(family="vanilla", units=2, inputs=1, outputs=2, nonlinearity="relu")
    weights = {"recurrent.weight": np.array([[0.0, -2.0], [-2.0, 0.0]]), "recurrent.bias": np.ones(2)}
    weights |= {"input.weight": np.zeros((2, 1)), "readout.weight": np.eye(2)}
    points, covered = tables([Checkpoint("winners", shape, weights)], starts=64)
    np.testing.assert_allclose(np.stack(points["output"]), [[0, 1], [1, 0], [1 / 3, 1 / 3]], rtol=0, atol=1e-15)
    assert points["unstable_dims"].tolist() == [0, 0, 2]
    assert points["certified"].all()
    assert covered["status"].iloc[0] == "no_theorem"


def test_descent_keeps_what_it_ended_on_and_says_what_it_is() -> None:
    points, covered = tables(flipflop(1), starts=30, method="descent")
    assert set(points["kind"]) <= {"fixed", "slow", "moving"}
    assert (points["kind"] == "moving").any()
    moving = points[points["kind"] == "moving"]
    assert (moving["status"] == "unfinished").all()
    assert (moving["gradient"] >= 1e-6).all()
    assert not moving["certified"].any()
    assert covered["starts_from"].tolist() == ["all", "states", "solver"]
    assert covered["starts"].tolist() == [30, 30, 30]


def test_bad_weights_are_named_and_stop_only_their_own_network() -> None:
    good, bad = network("vanilla"), network("vanilla", seed=1)
    bad.weights["recurrent.weight"][0, 0] = np.nan
    points, covered = tables([bad, good], starts=16)
    (row,) = points[points["network"] == "net1"].to_dict("records")
    assert row["status"] == "not_finite:recurrent.weight"
    assert pd.isna(row["kind"])
    assert row["state"] is None
    assert points.loc[points["network"] == "net0", "certified"].all()
    assert "not_finite:recurrent.weight" in covered["status"].tolist()
    with pytest.raises(InputError, match="holds NaN or infinity"):
        next(fixedpoints([bad]))


def test_a_network_without_a_fixed_point_has_a_row_that_says_so() -> None:
    """relu(h) + 1 moves on for ever."""
    shape = Architecture(family="current", units=1, inputs=1, outputs=1, nonlinearity="relu")
    weights = {"recurrent.weight": np.ones((1, 1)), "recurrent.bias": np.ones(1)}
    weights |= {"input.weight": np.ones((1, 1)), "readout.weight": np.ones((1, 1))}
    points, covered = tables([Checkpoint("drift", shape, weights)], starts=16)
    assert points["status"].tolist() == ["none_found"]
    assert covered["points"].iloc[0] == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_uniform_starts_lie_within_reach_and_fill_it(family: str) -> None:
    net = network(family)
    system = autonomous_map([net], np.zeros(2))
    drawn = draw_starts([net], system, np.zeros(2), None, 400, 0, torch.device("cpu"))
    uniform = drawn.states[0, drawn.kind == "uniform"]
    low, high = system.reach
    assert len(uniform) == 200
    # Of low rank: the box of what rates can do along each latent direction, which the search cuts to the reach.
    assert family == "lowrank" or (uniform >= low).all()
    assert family == "lowrank" or (uniform <= high).all()
    assert (uniform.std(0) > 0.05 * (high - low)[0].clip(max=2)).all() or family == "lstm"
    if family == "lstm":
        after = system.value(uniform[None])[0]
        np.testing.assert_allclose(after[:, 9:], uniform[:, 9:], rtol=1e-12, atol=1e-12)


def test_states_and_noise_are_those_of_trials() -> None:
    net = flipflop(1)[0]
    system = autonomous_map([net], np.zeros(3))
    task = TaskChoice().of(net)
    drawn = draw_starts([net], system, np.zeros(3), task, 400, 0, torch.device("cpu"))
    states, noisy = (drawn.states[0, drawn.kind == kind] for kind in ("states", "noisy"))
    assert np.abs(states).max() <= 1
    assert np.abs(noisy).max() > 1
    assert (noisy - noisy.clip(-1, 1)).std() > 0.01


def test_the_order_of_units_moves_with_their_labels() -> None:
    for family in FAMILIES:
        net = network(family)
        order = np.random.default_rng(5).permutation(9)
        np.testing.assert_array_equal(order[unit_order(relabelled(net, order))], unit_order(net))


def test_options_that_make_no_sense_are_refused() -> None:
    net = network("vanilla")
    with pytest.raises(InputError, match="0 is not a number of starts"):
        next(fixedpoints([net], starts=0))
    with pytest.raises(InputError, match="has 3 numbers, net0 has 2 inputs"):
        next(fixedpoints([net], [[0, 0, 1]]))
    with pytest.raises(InputError, match="unknown method 'anneal'"):
        next(fixedpoints([net], method="anneal"))


def test_a_stable_slow_point_is_no_stable_fixed_point() -> None:
    fold = 0.5**0.5
    held = {"input.weight": 1.0, "recurrent.weight": 2.0, "readout.weight": 1.0}
    weights = {name: np.full((1, 1), value) for name, value in held.items()}
    weights["recurrent.bias"] = np.array([-1e-6 - (2 * fold - np.arctanh(fold))])
    ghost = Checkpoint("ghost", Architecture(family="vanilla", units=1, inputs=1, outputs=1), weights)
    points, covered = tables([ghost], starts=64, slow=True)
    assert points["kind"].tolist() == ["fixed", "slow"]
    assert points["stable"].all()
    assert covered.loc[0, ["points", "stable"]].tolist() == [1, 1]
