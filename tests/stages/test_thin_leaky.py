"""`leaky` networks of low rank with latent outputs, and `plrnn`, through what reads saved networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.interop.arrays import from_arrays
from rnnkit.interop.fitting import architecture_of
from rnnkit.models import make_model
from rnnkit.models.autonomous import autonomous_map
from rnnkit.models.ensembles import run_networks, stack_weights
from rnnkit.numerics.piecewise_linear import solve_regions
from rnnkit.stages.copies import as_dense
from rnnkit.stages.feature_learning import feature_learning
from rnnkit.stages.loadings import layout_of, recurrent_factors
from rnnkit.stages.truncations import truncated

CPU = torch.device("cpu")


def network(family: str = "leaky", rank: int = 2, readout: str = "latent", gamma: float = 1.5) -> Checkpoint:
    shape = Architecture(
        family=family,
        units=6,
        inputs=2,
        outputs=2,
        rank=rank,
        rate=0.4 if family == "leaky" else 1.0,
        readout=readout,
        gamma=gamma,
    )
    rng = np.random.default_rng(0)
    weights = {name: 0.5 * rng.normal(size=size) for name, size in shape.shapes().items()}
    task = {"task": "flipflop", "task_parameters": {"bits": 2, "steps": 9}}
    return Checkpoint("net", shape, weights, {k: 0.9 * v for k, v in weights.items()}, **task)


def outputs(net: Checkpoint) -> np.ndarray:
    inputs = np.random.default_rng(1).normal(size=(4, 9, 2)).astype(np.float32)
    (run,) = run_networks([net], inputs, CPU)
    return run.outputs


@pytest.mark.parametrize("readout", ["linear", "latent"])
def test_the_dense_network_is_the_same_one(readout: str) -> None:
    net = network(readout=readout)
    dense = as_dense(net)
    assert (dense.architecture.family, dense.architecture.rank, dense.architecture.readout) == ("leaky", 0, "linear")
    np.testing.assert_allclose(outputs(dense), outputs(net), rtol=0, atol=1e-13)


def test_truncating_to_the_own_rank_changes_nothing_and_below_it_keeps_what_is_read() -> None:
    net = network()
    stacked = {name: value[None] for name, value in net.weights.items()}
    found = recurrent_factors(net.architecture, stacked)
    one = type(found)(*(np.asarray(value)[0] for value in (found.left, found.singular, found.right)))
    np.testing.assert_allclose(outputs(truncated(net, one, 2)), outputs(net), rtol=0, atol=1e-12)
    lower = truncated(net, one, 1)
    held = lower.weights["readout.weight"] / net.architecture.gamma
    np.testing.assert_allclose(held, net.weights["recurrent.right"].T / (6 * 1.5), rtol=1e-13)
    assert np.abs(outputs(lower) - outputs(net)).max() > 1e-4


@pytest.mark.parametrize(("family", "rank", "readout"), [("leaky", 2, "latent"), ("plrnn", 0, "linear")])
def test_the_map_at_a_constant_input_is_the_step(family: str, rank: int, readout: str) -> None:
    net = network(family, rank, readout)
    u = np.array([0.3, -0.2])
    system = autonomous_map([net], u)
    states = np.random.default_rng(2).normal(size=(1, 5, 6))
    inputs = torch.from_numpy(u).expand(1, 5, 2)
    stepped = make_model(net.architecture).step(stack_weights([net], CPU), torch.from_numpy(states), inputs)
    np.testing.assert_allclose(system.value(states), stepped.numpy(), rtol=0, atol=1e-13)
    nudge = 1e-6 * np.eye(6)
    for row in range(5):
        h = states[:, row : row + 1]
        numeric = (system.value(h + nudge[None]) - system.value(h - nudge[None]))[0].T / 2e-6
        np.testing.assert_allclose(system.jacobian(h)[0, 0], numeric, rtol=0, atol=1e-7)


def test_fixed_points_of_plrnn_are_exact() -> None:
    """A fixed point planted in a known orthant: b = (1 - A) h - W relu(h)."""
    net = network("plrnn", 0, "linear")
    h = np.array([0.5, -0.3, 0.2, -0.9, 0.7, 0.1])
    weights = dict(net.weights)
    held = (1 - weights["recurrent.diagonal"]) * h - weights["recurrent.weight"] @ np.maximum(h, 0.0)
    weights["recurrent.bias"] = held
    system = autonomous_map([Checkpoint("p", net.architecture, weights)], np.zeros(2))
    found = solve_regions(system, 0, h[None] + 0.01)
    assert found.end.tolist() == ["point"]
    point = found.points[found.reached[0]]
    np.testing.assert_allclose(point, h, rtol=0, atol=1e-12)
    residual = system.value(point[None, None])[0, 0] - point
    assert 0.5 * (residual**2).sum() < 1e-24


def test_plain_arrays_with_vectors_are_leaky_where_it_is_said() -> None:
    net = network()
    family, weights = from_arrays(net.weights, "net.npz", family="leaky")
    shape = architecture_of(family, weights, alpha=0.4, gamma=1.5)
    assert shape == net.architecture
    assert from_arrays(network("plrnn", 0, "linear").weights, "net.npz", family="plrnn")[0] == "plrnn"
    with pytest.raises(InputError, match=r"readout.weight"):  # `lowrank` has no latent outputs
        from_arrays(net.weights, "net.npz")


def test_what_is_not_defined_is_refused_with_a_reason() -> None:
    with pytest.raises(InputError, match="latent outputs"):
        feature_learning([network()], trials=2)
    net = network("plrnn", 0, "linear")
    with pytest.raises(InputError, match="factors of their own"):
        layout_of(net.name, net.architecture, net.weights, 2)
