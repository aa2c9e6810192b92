"""Overlaps of networks: of every family, before and after training, at every snapshot; truncations beside them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint, save_history
from rnnkit.errors import InputError
from rnnkit.history import open_history
from rnnkit.models.ensembles import run_networks
from rnnkit.models.initialisation import draw_weights
from rnnkit.stages import overlaps, summary, truncations
from rnnkit.stages.loadings import layout_of, loadings
from rnnkit.stages.low_rank_networks import network_of
from rnnkit.stages.overlaps import trained_steps
from rnnkit.stages.twins import gram_of_network

from .planted import relabelled

UNITS = 12


def network(family: str, phi: str = "tanh", seed: int = 0, **more: object) -> Checkpoint:
    """A network with everything that its family can have."""
    spec = FAMILIES[family]
    shape = Architecture(
        family=family, units=UNITS, inputs=2, outputs=2, rate=0.4 if spec.rate_name else 1.0,
        rank=2 if spec.low_rank else 0, gamma=1.7, nonlinearity=phi,
    )  # fmt: skip
    shape = replace(shape, **more)
    rng = np.random.default_rng(seed)
    weights = {name: rng.normal(size=size) / np.sqrt(UNITS) for name, size in shape.shapes().items()}
    if spec.low_rank or family == "mup":
        for name in set(weights) & {"recurrent.weight", "recurrent.left", "recurrent.right", "readout.weight"}:
            weights[name] = weights[name] * UNITS
    task = {"task": "flipflop", "task_parameters": {"bits": 2, "steps": 20}}
    return Checkpoint(f"{family}-{phi}{seed}", shape, weights, **task)


def outputs(net: Checkpoint, inputs: np.ndarray) -> np.ndarray:
    (run,) = run_networks([net], inputs, torch.device("cpu"))
    return run.outputs


CASES = [(family, phi) for family in ("vanilla", "current", "mup", "lowrank") for phi in ("tanh", "identity")]


@pytest.mark.parametrize(("family", "phi"), [*CASES, ("leaky", "identity")])
def test_the_network_of_the_loading_vectors_does_the_same(family, phi):
    net = network(family, phi)
    rank = None if family == "lowrank" else UNITS
    gram, constants = gram_of_network(net, rank)
    weights = {name: value[None] for name, value in net.weights.items()}
    (found,) = loadings(layout_of("net", net.architecture, net.weights, rank), net.architecture, weights, [rank])
    copy = network_of("copy", found.layout, found.vectors[0], constants, 0)
    inputs = np.random.default_rng(5).normal(size=(3, 15, 2)).astype(np.float32)
    np.testing.assert_allclose(outputs(copy, inputs), outputs(net, inputs), atol=1e-11)
    assert gram.layout.bias
    assert gram.layout.initial


def table(net: Checkpoint, *ranks: int, **more: object) -> list[dict[str, object]]:
    return pa.concat_tables(overlaps([net], ranks, **more)).to_pylist()


@pytest.mark.parametrize("phi", ["tanh", "identity"])
def test_overlaps_of_a_low_rank_network_are_sums_over_units(phi):
    net = network("lowrank", phi)
    held = {
        "m1": net.weights["input.weight"][:, 0], "m2": net.weights["input.weight"][:, 1],
        "b": net.weights["recurrent.bias"], "h": net.weights["initial_state"],
        "u1": net.weights["recurrent.left"][:, 0], "u2": net.weights["recurrent.left"][:, 1],
        "v1": net.weights["recurrent.right"][:, 0], "v2": net.weights["recurrent.right"][:, 1],
        "z1": net.weights["readout.weight"][0] / 1.7, "z2": net.weights["readout.weight"][1] / 1.7,
    }  # fmt: skip
    rows = table(net)
    pairs = [(a, b) for i, a in enumerate(held) for b in list(held)[i:]]
    assert [(row["left"], row["right"]) for row in rows] == pairs
    for row in rows:
        expected = sum(x * y for x, y in zip(held[row["left"]], held[row["right"]], strict=True)) / UNITS
        assert row["value"] == pytest.approx(expected, abs=1e-13)
        readers = [row[side][0] in "vz" for side in ("left", "right")]
        assert row["visible"] == (readers[0] != readers[1] or (phi == "tanh" and not any(readers)))
        assert (row["status"], row["share_of_norm"], row["rank"], row["step"]) == ("ok", 1.0, 2, 0)


@pytest.mark.parametrize("family", ["vanilla", "current", "mup", "lowrank"])
def test_overlaps_of_a_truncation_are_those_of_the_svd(family):
    net = network(family)
    weights = net.weights
    if family == "lowrank":
        matrix = weights["recurrent.left"] @ weights["recurrent.right"].T / UNITS
    else:
        matrix = weights["recurrent.weight"] / (UNITS if family == "mup" else 1)
    left, singular, right = np.linalg.svd(matrix)
    scale = 1 if FAMILIES[family].readout_over_units else UNITS
    z = weights["readout.weight"][1] * scale / 1.7
    rows = {(row["rank"], row["left"], row["right"]): row for row in table(net, 1, 2)}
    for rank in (1, 2):
        u, v = ("u", "v") if rank == 1 else ("u2", "v2")
        k = rank - 1
        sign = np.sign(weights["input.weight"][:, 0] @ left[:, k])
        expected = sign * np.sqrt(UNITS * singular[k]) * (right[k] @ z) / UNITS
        assert rows[rank, v, "z2"]["value"] == pytest.approx(expected, rel=1e-9)
        assert rows[rank, "m1", u]["value"] > 0
        assert rows[rank, u, u]["value"] == pytest.approx(singular[k], rel=1e-9)
        assert rows[rank, v, v]["value"] == pytest.approx(singular[k], rel=1e-9)
        assert rows[rank, u, v]["share_of_norm"] == pytest.approx((singular[:rank] ** 2).sum() / (matrix**2).sum())


@pytest.mark.parametrize("family", ["vanilla", "leaky", "current", "mup", "lowrank"])
def test_a_relabelled_network_has_the_same_table(family):
    net = network(family)
    copy = relabelled(net, np.random.default_rng(3).permutation(UNITS)).named(net.name)
    for one, other in zip(table(net, 1, 2), table(copy, 1, 2), strict=True):
        assert one.pop("value") == pytest.approx(other.pop("value"), abs=1e-10)
        assert one.pop("share_of_norm") == pytest.approx(other.pop("share_of_norm"))
        assert one == other


@pytest.mark.parametrize(("family", "phi"), [("current", "relu"), ("leaky", "tanh")])
def test_where_no_theory_says_what_is_seen(family, phi):
    rows = table(network(family, phi), 1)
    assert {row["status"] for row in rows} == {"no_theory"}
    assert {row["visible"] for row in rows} == {None}
    assert all(row["value"] is not None for row in rows)


def test_a_double_singular_value_is_flagged():
    net = network("current")
    q, p = (np.linalg.qr(np.random.default_rng(k).normal(size=(UNITS, UNITS)))[0] for k in (1, 2))
    net.weights["recurrent.weight"] = q * np.array([3.0, 2.0, 2.0] + [1.0] * (UNITS - 3)) @ p
    for row in table(net, 2):
        doubtful = {row["left"], row["right"]} & {"u2", "v2"}
        assert row["status"] == ("degenerate_singular_values" if doubtful else "ok")
        assert (row["value"] is None) == bool(doubtful)
    one, two, three = pa.concat_tables(truncations([net], [1, 2, 3], trials=4)).to_pylist()
    assert (one["status"], two["status"], three["status"]) == ("ok", "degenerate_singular_values", "ok")
    assert two["fvu"] is None
    assert two["share_of_norm"] == pytest.approx(13 / (17 + UNITS - 3))


def test_zero_weights_have_no_share():
    net = network("current")
    net.weights["recurrent.weight"] = np.zeros((UNITS, UNITS))
    rows = table(net, 1)
    assert {row["share_of_norm"] for row in rows} == {None}
    assert {row["value"] for row in rows if "u" in (row["left"], row["right"])} == {0.0}
    assert {row["status"] for row in rows} == {"ok"}


def test_weights_that_are_not_finite_are_flagged():
    net, bad = network("lowrank"), network("lowrank", seed=1)
    bad.weights["recurrent.left"][3, 1] = np.inf
    rows = pa.concat_tables(overlaps([net, bad])).to_pylist()
    flagged = [row for row in rows if row["network"] == bad.name]
    assert {row["status"] for row in flagged} == {"not_finite:recurrent.left"}
    assert all(row["value"] is None and row["share_of_norm"] is None for row in flagged)
    assert all(row["status"] == "ok" for row in rows if row["network"] == net.name)
    with pytest.raises(InputError, match="NaN or infinity"):
        table(bad)


def test_an_initial_state_beyond_tanh_has_no_current():
    net = network("vanilla")
    net.weights["initial_state"][0] = 1.5
    rows = table(net, 1)
    assert {row["status"] for row in rows if "h" in (row["left"], row["right"])} == {"not_finite:initial_state"}
    assert {row["status"] for row in rows if "h" not in (row["left"], row["right"])} == {"ok"}


def test_before_training():
    net = network("lowrank")
    with pytest.raises(InputError, match="no weights before training"):
        table(net, initial=True)
    trained = replace(
        network("lowrank", seed=1), initial=net.weights, training={"epochs_trained": 4, "steps_per_epoch": 5}
    )
    assert trained_steps(trained) == 20
    before = table(trained, initial=True)
    assert [row["value"] for row in before] == [row["value"] for row in table(net)]
    assert {row["step"] for row in before} == {0}
    assert {row["step"] for row in table(trained)} == {20}


@pytest.mark.parametrize("family", ["lowrank", "current"])
def test_a_history_is_the_networks_that_it_holds(family, tmp_path: Path, monkeypatch):
    ranks = [] if family == "lowrank" else [1, 3]
    snapshots = [network(family, seed=seed) for seed in range(5)]
    names = [name for name in snapshots[0].weights if name != "initial_state"]
    for net in snapshots:
        net.weights["initial_state"] = snapshots[0].weights["initial_state"]
    file = tmp_path / "net.history.safetensors"
    save_history(file, np.arange(5) * 10, {name: np.stack([n.weights[name] for n in snapshots]) for name in names}, "n")
    # Blocks of one snapshot, and all in one.
    for size in (1, 1 << 30):
        monkeypatch.setattr(sys.modules["rnnkit.stages.overlaps"], "_BLOCK_BYTES", size)
        tables = list(overlaps([snapshots[-1]], ranks, histories=[open_history(file)]))
        assert len(tables) == (5 if size == 1 else 1)
        rows = pa.concat_tables(tables).to_pylist()
        for k, net in enumerate(snapshots):
            found = [row for row in rows if row["step"] == 10 * k]
            expected = table(net, *ranks)
            assert len(found) == len(expected)
            key = lambda row: (row["rank"], row["left"], row["right"])  # noqa: E731
            for one, other in zip(sorted(found, key=key), sorted(expected, key=key), strict=True):
                assert one["value"] == pytest.approx(other["value"], abs=1e-12)
                assert key(one) == key(other)


def test_snapshots_of_a_cayley_network_form_its_matrix(tmp_path: Path):
    """They hold what is trained, and not the recurrent weights."""
    shape = Architecture(family="vanilla", units=UNITS, inputs=2, outputs=2, recurrent="cayley")
    nets = [Checkpoint("net", shape, draw_weights(shape, "cayley", 1.0, np.random.default_rng(k))) for k in range(2)]
    names = [name for name in nets[0].weights if name != "recurrent.weight"]
    file = tmp_path / "net.history.safetensors"
    save_history(file, np.arange(2), {name: np.stack([n.weights[name] for n in nets]) for name in names}, "net")
    rows = pa.concat_tables(overlaps([nets[1]], [3], histories=[open_history(file)])).to_pylist()
    for k, net in enumerate(nets):
        expected = table(net, 3)
        found = [row for row in rows if row["step"] == k]
        # Its singular values are pairs, but for real eigenvalues: most vectors are not determined.
        assert [row["status"] for row in found] == [row["status"] for row in expected]
        assert "degenerate_singular_values" in {row["status"] for row in found}
        for one, other in zip(found, expected, strict=True):
            assert one["share_of_norm"] == pytest.approx(other["share_of_norm"], abs=1e-6)
            if one["value"] is not None:
                assert one["value"] == pytest.approx(other["value"], abs=1e-4)


def test_a_history_of_another_network_is_refused(tmp_path: Path):
    file = tmp_path / "net.history.safetensors"
    save_history(file, np.array([0]), {"recurrent.left": np.zeros((1, 5, 2))}, "n")
    with pytest.raises(InputError, match="keep the files of a network together"):
        list(overlaps([network("lowrank")], histories=[open_history(file)]))


@pytest.mark.parametrize(
    ("family", "ranks", "message"),
    [
        ("gru", [1], "whose gates have no loading vectors"),
        ("current", [], "add --rank R"),
        ("current", [13], "--rank: 13 for .* rank 12"),
        ("lowrank", [3], "--rank: 3 for .* rank 2"),
    ],
)
def test_refusals(family, ranks, message):
    shape = replace(network("vanilla").architecture, family=family) if family == "gru" else None
    net = Checkpoint("net", shape, {}) if shape is not None else network(family)
    with pytest.raises(InputError, match=message):
        list(overlaps([net], ranks))


@pytest.mark.parametrize("family", ["vanilla", "leaky", "current", "mup", "lowrank"])
def test_truncations_are_the_truncated_networks(family):
    net = network(family)
    whole = 2 if family == "lowrank" else UNITS
    rows = pa.concat_tables(truncations([net], [1, whole], trials=6, seed=3)).to_pylist()
    assert [row["rank"] for row in rows] == [1, whole]
    (full,) = summary([net], trials=6, seed=3).to_pylist()
    assert {row["fvu_full"] for row in rows} == {full["fvu"]}
    assert rows[1]["fvu"] == pytest.approx(full["fvu"], rel=1e-9)
    assert rows[1]["rollout_distance"] < 1e-20
    assert rows[1]["share_of_norm"] == pytest.approx(1)
    # By hand: the best approximation in the place of the recurrent weights.
    dense = net
    if family == "lowrank":
        shape = replace(net.architecture, family="current", rank=0)
        kept = {name: value for name, value in net.weights.items() if not name.startswith("recurrent.")}
        kept |= {
            "recurrent.bias": net.weights["recurrent.bias"],
            "readout.weight": net.weights["readout.weight"] / UNITS,
        }
        kept["recurrent.weight"] = net.weights["recurrent.left"] @ net.weights["recurrent.right"].T / UNITS
        dense = replace(net, architecture=shape, weights=kept)
    left, singular, right = np.linalg.svd(dense.weights["recurrent.weight"])
    cut = replace(dense, weights=dense.weights | {"recurrent.weight": singular[0] * np.outer(left[:, 0], right[0])})
    (expected,) = summary([cut], trials=6, seed=3).to_pylist()
    assert rows[0]["fvu"] == pytest.approx(expected["fvu"], rel=1e-9)
    assert rows[0]["accuracy"] == expected["accuracy"]
    assert rows[0]["delta_fvu"] == pytest.approx(expected["fvu"] - full["fvu"], rel=1e-6)
    inputs = np.random.default_rng(5).normal(size=(3, 15, 2)).astype(np.float32)
    (row,) = next(truncations([net], [1], inputs=inputs)).to_pylist()
    one, other = outputs(net, inputs), outputs(cut, inputs)
    spread = ((one - one.mean((0, 1))) ** 2).sum()
    assert row["rollout_distance"] == pytest.approx(((other - one) ** 2).sum() / spread, rel=1e-9)
    assert (row["fvu"], row["status"], row["trials"]) == (None, "ok", 3)


def test_a_truncation_that_diverges_is_flagged():
    net = network("current", "identity")
    net.weights["recurrent.weight"] = 1e30 * np.eye(UNITS) + np.diag(np.arange(UNITS) * 1e28)
    (row,) = next(truncations([net], [1], trials=2)).to_pylist()
    assert (row["status"], row["fvu"], row["rollout_distance"]) == ("diverged", None, None)


def test_a_silent_network_has_no_distance():
    net = network("current")
    net.weights["readout.weight"] = np.zeros((2, UNITS))
    (row,) = next(truncations([net], [1], trials=2)).to_pylist()
    assert (row["status"], row["rollout_distance"]) == ("no_variance", None)
    assert row["fvu"] is not None
