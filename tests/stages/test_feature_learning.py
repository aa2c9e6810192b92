"""`feature_learning` on every family: planted answers, invariances, statuses, and memory."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.models import make_model
from rnnkit.models.ensembles import run_networks, stack_weights
from rnnkit.models.jacobians import trained_tensors
from rnnkit.stages import TaskChoice, feature_learning
from rnnkit.stages.evaluation import sample_trials
from rnnkit.tasks import make_task
from tests.oracles.tangent_kernel import alignment, jacobian

from .planted import relabelled

TASK = {"bits": 2, "steps": 6}
ALIGNMENTS = ("kernel_alignment", "representation_alignment")


def network(family: str = "vanilla", units: int = 6, seed: int = 0, gamma: float = 1.0) -> Checkpoint:
    """A network with other weights before training than after, all drawn at random."""
    spec = FAMILIES[family]
    rate, rank = 0.4 if spec.rate_name else 1.0, 2 if spec.low_rank else 0
    shape = Architecture(family=family, units=units, inputs=2, outputs=2, rate=rate, rank=rank, gamma=gamma)
    rng = np.random.default_rng(seed)
    first, second = (
        {name: (0.7 * rng.normal(size=size)).astype(np.float32) for name, size in shape.shapes().items()}
        for _ in range(2)
    )
    return Checkpoint(f"net{seed}", shape, first, second, task="flipflop", task_parameters=TASK)


def row(net: Checkpoint, **options):
    (found,) = feature_learning([net], trials=3, **options).to_pylist()
    return found


@pytest.mark.parametrize("parameters", ["recurrent", "all"])
@pytest.mark.parametrize("family", FAMILIES)
def test_alignments_agree_with_their_definitions(family, parameters):
    net = network(family, gamma=2.0)
    before = replace(net, weights=net.initial)
    inputs = sample_trials(make_task("flipflop", TASK), 3, 0).inputs[0]
    names = trained_tensors(net.architecture, parameters)
    weights = stack_weights([net, before], torch.device("cpu"))
    gamma = torch.full((2,), 2.0, dtype=torch.float64)
    rows = jacobian(make_model(net.architecture), weights, gamma, torch.from_numpy(inputs).double(), names)
    found = row(net, parameters=parameters)
    np.testing.assert_allclose(found["kernel_alignment"], alignment(*rows), rtol=1e-10)
    states = [run.hidden.reshape(-1, 6) for run in run_networks([net, before], inputs, torch.device("cpu"))]
    np.testing.assert_allclose(found["representation_alignment"], alignment(*states), rtol=1e-10)
    assert (found["status"], found["parameters"]) == ("ok", parameters)
    assert max(found[name] for name in ALIGNMENTS) < 0.9999


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_an_untrained_network_is_aligned(family, centred):
    net = network(family)
    found = row(replace(net, initial=net.weights), parameters="all", centred=centred)
    assert [found[name] for name in ALIGNMENTS] == pytest.approx([1, 1], abs=1e-12)
    assert {found[key] for key in found if "_change_norm" in key} == {0}


@pytest.mark.parametrize("parameters", ["recurrent", "all"])
@pytest.mark.parametrize("family", FAMILIES)
def test_relabelled_units_change_nothing(family, parameters):
    net = network(family)
    order = np.random.default_rng(3).permutation(6)
    after = relabelled(net, order)
    before = relabelled(replace(net, weights=net.initial), order)
    copy = replace(after, initial=before.weights, name=net.name)
    expected, found = row(net, parameters=parameters), row(copy, parameters=parameters)
    for name, value in expected.items():
        assert found[name] == (pytest.approx(value, rel=1e-8) if isinstance(value, float) else value), name


@pytest.mark.parametrize("family", ["vanilla", "mup", "lowrank", "gru"])
def test_scaled_outputs_change_no_alignment(family):
    net = network(family)
    found = []
    for scale, gamma in ((1, 1.0), (1, 5.0), (8, 1.0)):
        weights, initial = (
            {name: value * (scale if name.startswith("readout") else 1) for name, value in held.items()}
            for held in (net.weights, net.initial)
        )
        shape = replace(net.architecture, gamma=gamma)
        found.append(row(replace(net, weights=weights, initial=initial, architecture=shape)))
    for other in found[1:]:
        assert [other[name] for name in ALIGNMENTS] == pytest.approx([found[0][name] for name in ALIGNMENTS], rel=1e-10)
    ratios = [one["readout_change_norm_absolute"] / found[0]["readout_change_norm_absolute"] for one in found]
    assert ratios == pytest.approx([1, 1 / 5, 8], rel=1e-6)


def test_changes_of_weights_that_act():
    vanilla, mup, low = network(), network("mup", gamma=4.0), network("lowrank")
    found = feature_learning([vanilla, mup.named("mup"), low.named("low")], trials=1).to_pylist()
    recurrent = [n.weights["recurrent.weight"].astype(float) - n.initial["recurrent.weight"] for n in (vanilla, mup)]
    product = [w["recurrent.left"].astype(float) @ w["recurrent.right"].T / 6 for w in (low.weights, low.initial)]
    acting = [recurrent[0], recurrent[1] / 6, product[0] - product[1]]
    absolute = [np.linalg.norm(change) for change in acting]
    assert [one["weight_change_norm_absolute"] for one in found] == pytest.approx(absolute, rel=1e-6)
    assert [one["weight_change_norm"] for one in found] == pytest.approx([a / 36 for a in absolute], rel=1e-6)
    relative = absolute[2] / np.linalg.norm(product[1])
    assert found[2]["weight_change_norm_relative"] == pytest.approx(relative, rel=1e-6)
    readout = mup.weights["readout.weight"].astype(float) - mup.initial["readout.weight"]
    assert found[1]["readout_change_norm_absolute"] == pytest.approx(np.linalg.norm(readout) / 24, rel=1e-6)
    inputs = vanilla.weights["input.weight"].astype(float) - vanilla.initial["input.weight"]
    assert found[0]["input_change_norm"] == pytest.approx(np.linalg.norm(inputs) / 12, rel=1e-6)


@pytest.mark.parametrize("family", ["vanilla", "lowrank", "lstm"])
def test_memory_does_not_change_the_values(family):
    nets = [network(family, seed=seed, units=12) for seed in range(4)]
    tables = []
    for memory in (1 << 30, 1 << 20, 300 << 10):
        tables.append(feature_learning(nets, trials=4, memory=memory, parameters="all").to_pylist())
    for table in tables[1:]:
        for one, other in zip(table, tables[0], strict=True):
            assert [one[name] for name in ALIGNMENTS] == pytest.approx([other[name] for name in ALIGNMENTS], rel=1e-10)
    with pytest.raises(InputError, match=r"--memory: .*net0 takes .*fewer --trials"):
        feature_learning(nets, memory=10 << 10)


def test_the_company_does_not_change_the_values():
    """Nor do tensors that only the others hold."""
    bare = network(seed=1)
    held = ({k: v for k, v in one.items() if k != "recurrent.bias"} for one in (bare.weights, bare.initial))
    bare = replace(bare, **dict(zip(("weights", "initial"), held, strict=True)))
    nets = [network(), bare, network(seed=2), network("gru", seed=3), network(seed=4, gamma=3.0)]
    together = feature_learning(nets, trials=3, parameters="all").to_pylist()
    for net, found in zip(nets, together, strict=True):
        alone = row(net, parameters="all")
        assert found["network"] == net.name
        assert [found[name] for name in ALIGNMENTS] == pytest.approx([alone[name] for name in ALIGNMENTS], rel=1e-10)


def changed(name: str, initial: bool = False, **values: float) -> Checkpoint:
    """A network some of whose tensors (`.` as `_`) are filled with a number."""
    net = network()
    held = dict(net.initial if initial else net.weights)
    for key, value in values.items():
        held[key.replace("_", ".", 1)] = np.full_like(held[key.replace("_", ".", 1)], value)
    return replace(net, name=name, **{"initial" if initial else "weights": held})


def test_what_cannot_be_measured_has_a_status_and_no_number():
    explosive = changed("explosive", recurrent_weight=1e30, input_weight=1e30, recurrent_bias=1e30)
    relu = replace(explosive.architecture, nonlinearity="relu")
    explosive = replace(explosive, architecture=relu, task_parameters={"bits": 2, "steps": 20})
    steep = replace(explosive, name="steep", task_parameters=TASK)
    silent = changed("silent", initial=True, input_weight=0, recurrent_weight=0, recurrent_bias=0)
    silent.initial["initial_state"] = np.zeros(6, np.float32)
    nets = [
        network(),
        replace(network(), name="bare", initial={}),
        changed("after", recurrent_weight=float("nan")),
        changed("before", initial=True, readout_weight=float("inf")),
        changed("mute", readout_weight=0),
        explosive,
        steep,
        silent,
        changed("from-zero", initial=True, recurrent_weight=0),
    ]
    found = {one["network"]: one for one in feature_learning(nets, trials=2).to_pylist()}
    assert {name: one["status"] for name, one in found.items()} == {
        "net0": "ok",
        "bare": "no_initial_weights",
        "after": "not_finite:recurrent.weight",
        "before": "not_finite:init.readout.weight",
        "mute": "zero_kernel",
        "explosive": "diverged",
        "steep": "kernel_not_finite",
        "silent": "zero_kernel",
        "from-zero": "zero_initial_weights",
    }
    numbers = {name: [key for key, v in one.items() if isinstance(v, float)] for name, one in found.items()}
    assert len(numbers["net0"]) == 11
    assert [numbers[name] for name in ("bare", "after", "before")] == [[], [], []]
    assert set(numbers["net0"]) - set(numbers["mute"]) == {"kernel_alignment"}
    assert set(numbers["net0"]) - set(numbers["explosive"]) == set(ALIGNMENTS)
    assert set(ALIGNMENTS) <= set(numbers["net0"]) - set(numbers["silent"])
    assert set(numbers["net0"]) - set(numbers["from-zero"]) == {"weight_change_norm_relative"}
    assert all(v is None or np.isfinite(v) for one in found.values() for v in one.values() if isinstance(v, float))


def test_options():
    net = network()
    plain = row(net)
    assert plain == row(net)
    assert row(net, seed=1)["kernel_alignment"] != plain["kernel_alignment"]
    longer = row(net, choice=TaskChoice(None, {"steps": 9}))
    assert longer["representation_alignment"] != plain["representation_alignment"]
    centred = row(net, centred=True)
    assert centred["kernel_alignment"] == plain["kernel_alignment"]
    assert centred["representation_alignment"] != plain["representation_alignment"]
    assert row(net, by=["gamma"])["gamma"] == "1.0"
    with pytest.raises(InputError, match="known: all, recurrent"):
        row(net, parameters="some")
    with pytest.raises(InputError, match="'parameters': is a column"):
        row(net, by=["parameters"])


def test_progress_reaches_the_number_of_networks():
    seen = []
    nets = [network(seed=seed) for seed in range(3)] + [network("gru", seed=3)]
    feature_learning(nets, trials=2, memory=500 << 10, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (4, 4)


@pytest.mark.slow
def test_memory_is_bounded():
    """What a run adds to its process stays near the setting, and grows with it (160 MB would hold all rows)."""
    script = Path(__file__).with_name("kernel_memory.py")
    added = {}
    for mebi in (24, 72):
        done = subprocess.run([sys.executable, script, str(mebi)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        added[mebi] = int(done.stdout) / 1024
    assert added[24] < 24 + 12
    assert added[72] < 72 + 12
    assert added[72] > added[24] + 20
