"""A network whose units are relabelled is the same network: distance 0 in every metric, in every family."""

import numpy as np
import pytest

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import MetricOptions
from rnnkit.stages import compare, rollout, train
from rnnkit.training.plans import plan_networks

from .planted import planted_is_recovered, relabelled


def network(family: str, units: int = 9, seed: int = 0) -> Checkpoint:
    spec = FAMILIES[family]
    shape = Architecture(
        family=family,
        units=units,
        inputs=2,
        outputs=2,
        rate=0.4 if spec.rate_name else 1.0,
        rank=2 if spec.low_rank else 0,
    )
    rng = np.random.default_rng(seed)
    weights = {name: rng.normal(size=size).astype(np.float32) for name, size in shape.shapes().items()}
    task = {"task": "flipflop", "task_parameters": {"bits": 2, "steps": 30}}
    return Checkpoint(f"net{seed}", shape, weights, {k: v.copy() for k, v in weights.items()}, **task)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_relabelled_network_does_the_same(family):
    net = network(family)
    order = np.random.default_rng(1).permutation(9)
    first, second = (next(rollout([n], trials=3)) for n in (net, relabelled(net, order)))
    outputs = [np.array(table["output"].to_pylist()) for table in (first, second)]
    np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)
    states = [np.array(table["hidden"].to_pylist()) for table in (first, second)]
    np.testing.assert_allclose(states[0][:, order], states[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("metric", ["dsa", "pif", "pif-initial", "svcca"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_relabelled_network_is_at_distance_0(family, metric):
    net = network(family)
    order = np.random.default_rng(1).permutation(9)
    form = "distance" if metric == "svcca" else "relative_distance"
    (same,) = next(compare([net, relabelled(net, order)], [metric], trials=20, options=MetricOptions(delay=2)))[form]
    assert abs(same.as_py()) < 1e-6
    quick = MetricOptions(delay=1, starts=1)
    (different,) = next(compare([net, network(family, seed=5)], [metric], trials=20, options=quick))[form]
    assert different.as_py() > 1e-3


@pytest.mark.parametrize("model", ["vanilla", "mup", "leaky", "gru", "lstm"])
def test_a_planted_relabelling_is_recovered_under_noise(model):
    """Of trained networks; the others of the suite were trained elsewhere."""
    settings = {"model": model, "units": 24, "batch": 16, "epochs": 2, "steps_per_epoch": 40, "lr": 3e-3}
    (net,) = train(plan_networks("flipflop", {"bits": 2, "steps": 20}, settings, [0])).networks
    for seed in range(3):
        planted_is_recovered(net, seed)
