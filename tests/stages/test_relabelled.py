"""A network whose units are relabelled is the same network: distance 0 in every metric, in every family."""

import numpy as np
import pytest

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import METRICS, MetricOptions
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
    if family == "plrnn":  # nothing bounds its states: weights of order one run away along one direction
        for name in ("recurrent.weight", "recurrent.diagonal"):
            weights[name] *= np.float32(0.2)
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


#: All but `frobenius`, which takes the units as they are labelled, on the form of the distance that is free of scale.
FORMS = {
    "dsa": "relative_distance",
    "dsa-angular": "distance",
    "dsa-wasserstein": "distance",
    "input-dsa": "relative_distance",
    "pif": "relative_distance",
    "pif-initial": "relative_distance",
    "spectrum": "relative_distance",
    "svcca": "distance",
    "cka": "distance",
    "procrustes": "distance",
    "behaviour": "relative_distance",
    "behaviour-ood": "relative_distance",
}


def test_every_metric_is_here():
    assert set(METRICS) == {*FORMS, "frobenius"}


@pytest.mark.parametrize("metric", FORMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_relabelled_network_is_at_distance_0(family, metric):
    net = network(family)
    order = np.random.default_rng(1).permutation(9)
    form = FORMS[metric]
    (same,) = next(compare([net, relabelled(net, order)], [metric], trials=20, options=MetricOptions(delay=2)))[form]
    assert abs(same.as_py()) < 1e-6
    quick = MetricOptions(delay=1, starts=1)
    (different,) = next(compare([net, network(family, seed=5)], [metric], trials=20, options=quick))[form]
    assert different.as_py() > 1e-3


@pytest.mark.parametrize("metric", ["pif", "pif-initial"])
@pytest.mark.parametrize("family", FAMILIES)
def test_input_and_readout_move_with_their_units(family, metric):
    net = network(family)
    copy = relabelled(net, np.random.default_rng(1).permutation(9))
    options = MetricOptions(match="io")
    (row,) = next(compare([net, copy], [metric], options=options)).to_pylist()
    assert row["distance"] == 0
    copy.weights["input.weight"][0] += 1
    copy.initial["input.weight"][0] += 0 if copy.initial is copy.weights else 1
    (row,) = next(compare([net, copy], [metric], options=options)).to_pylist()
    assert row["distance"] == pytest.approx(2**0.5, rel=1e-6)  # two channels


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("family", ["vanilla", "lowrank", "lstm"])
def test_a_network_is_at_distance_0_of_itself(family, metric):
    net = network(family)
    (row,) = next(compare([net, net.named("copy")], [metric], trials=20, options=MetricOptions(delay=2))).to_pylist()
    assert abs(row["distance"]) < 1e-9
    assert row["relative_distance"] is None or row["relative_distance"] < 1e-9
    assert row["status"] in ("exact", "optimal", "converged", "rank_deficient")


@pytest.mark.parametrize("metric", METRICS)
def test_the_order_of_two_networks_does_not_matter(metric):
    nets = [network("vanilla", seed=seed) for seed in (0, 5)]
    options = MetricOptions(delay=1, starts=3)
    first, second = (
        next(compare(some, [metric], trials=20, options=options)).to_pylist()[0] for some in (nets, nets[::-1])
    )
    for form in ("distance", "relative_distance", "lower_bound"):
        assert first[form] == (None if second[form] is None else pytest.approx(second[form], abs=1e-9))


@pytest.mark.parametrize("model", ["vanilla", "mup", "leaky", "gru", "lstm"])
def test_a_planted_relabelling_is_recovered_under_noise(model):
    """Of trained networks; the others of the suite were trained elsewhere."""
    settings = {"model": model, "units": 24, "batch": 16, "epochs": 2, "steps_per_epoch": 40, "lr": 3e-3}
    (net,) = train(plan_networks("flipflop", {"bits": 2, "steps": 20}, settings, [0])).networks
    for seed in range(3):
        planted_is_recovered(net, seed)
