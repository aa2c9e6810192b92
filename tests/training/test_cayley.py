"""Training through the Cayley map and without biases: gradients, resuming, snapshots, grids, symmetry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.architectures import CAYLEY_TENSORS, FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint, load_history, load_native, save_native
from rnnkit.models import make_model
from rnnkit.models.base import Workspace
from rnnkit.models.ensembles import run_networks
from rnnkit.models.initialisation import draw_weights
from rnnkit.models.recurrence import CayleyRecurrence, form_cayley
from rnnkit.provenance import Provenance
from rnnkit.stages.train import train, train_into
from rnnkit.tasks import make_task
from rnnkit.training.flat import pack, unpack
from rnnkit.training.folder import TrainingFolder
from rnnkit.training.gradients import batch_loss
from rnnkit.training.loop import EpochReport
from rnnkit.training.penalties import add_penalty_gradients
from rnnkit.training.plans import plan_networks

QUICK = {"units": 12, "batch": 8, "epochs": 3, "steps_per_epoch": 10, "validation_trials": 16, "lr": 3e-3}
SHORT = {"symbols": 3, "channels": 2, "lags": 6}
CAYLEY = QUICK | {"recurrent": "cayley", "bias": False}


def _made(tensors: dict[str, np.ndarray]) -> np.ndarray:
    parts = {name: torch.from_numpy(tensors[name][None]) for name in CAYLEY_TENSORS}
    return form_cayley(parts).matrix[0].numpy()


def _normality(matrix: np.ndarray) -> float:
    matrix = matrix.astype(float)
    return float(np.linalg.norm(matrix @ matrix.T - matrix.T @ matrix) / np.linalg.norm(matrix) ** 2)


@pytest.mark.parametrize("family", ["vanilla", "leaky", "current"])
def test_gradient_of_the_loss_and_the_penalties(family: str) -> None:
    """Through scan, penalty and map, against automatic differentiation of plain steps, in double precision."""
    rate = 0.4 if family != "vanilla" else 1.0
    shape = Architecture(family=family, units=6, inputs=2, outputs=2, rate=rate, recurrent="cayley")
    drawn = [draw_weights(shape, "cayley", 1.0, np.random.default_rng(seed)) for seed in range(3)]
    flat = pack(shape, drawn).double()
    task = make_task("copy", SHORT)
    trials = task.sample([np.random.default_rng(k) for k in range(3)], 4)
    x, y, mask = (torch.from_numpy(array).double() for array in (trials.inputs, trials.targets, trials.mask))
    gamma, l1, nuclear = (torch.full((3,), value, dtype=torch.float64) for value in (2.0, 0.03, 0.02))
    model = make_model(shape)

    grad = torch.zeros_like(flat)
    weights, grads = unpack(shape, flat), unpack(shape, grad)
    recurrence = CayleyRecurrence(weights, grads)
    batch_loss(model, weights, gamma, x, y, mask, Workspace(), grads)
    add_penalty_gradients(model, weights, l1, nuclear, grads)
    recurrence.pull_back()
    assert not grads["recurrent.weight"].any()

    plain = unpack(shape, leaf := flat.clone().requires_grad_())
    plain["recurrent.weight"] = form_cayley(plain).matrix
    state = model.initial_state(plain, 4)
    error = x.new_zeros(3)
    for t in range(task.length):
        state = model.step(plain, state, x[:, :, t])
        square = (model.readout(plain, gamma, model.features(state)) - y[:, :, t]) ** 2
        error = error + (mask[:, :, t, None] * square).sum((1, 2))
    error = error / (mask.sum((1, 2)) * 2)
    penalty = 0.03 * plain["recurrent.weight"].abs().sum((1, 2))
    penalty = penalty + 0.02 * torch.linalg.svdvals(plain["recurrent.weight"]).sum(1)
    [expected] = torch.autograd.grad((error + penalty).sum(), [leaf])
    assert (grad - expected).abs().max() < 1e-12 * max(1.0, float(expected.abs().max()))


def test_checkpoints_hold_the_matrix_and_what_makes_it(tmp_path: Path) -> None:
    plans = plan_networks("copy", SHORT, CAYLEY | {"snapshots": 1}, [0, 1])
    train_into(TrainingFolder(tmp_path, plans, Provenance(), False, False))
    for plan in plans:
        network = load_native(tmp_path / f"{plan.name}.safetensors")
        assert network.architecture.recurrent == "cayley"
        assert not network.architecture.bias
        for held in (network.weights, network.initial):
            np.testing.assert_array_equal(held["recurrent.weight"], _made(held).astype(np.float32))
            assert _normality(held["recurrent.weight"]) < 1e-6
        assert not np.array_equal(network.weights["recurrent.weight"], network.initial["recurrent.weight"])
        for name in CAYLEY_TENSORS:
            assert not np.array_equal(network.weights[name], network.initial[name]), name
        steps, kept = load_history(tmp_path / f"{plan.name}.history.safetensors")
        assert steps.tolist() == [0, 10, 20, 30]
        assert kept.keys() == network.weights.keys()
        for name, value in network.weights.items():
            assert np.array_equal(kept[name][-1], value)
            assert np.array_equal(kept[name][0], network.initial[name])
        save_native(network.named("again"), tmp_path / "again.safetensors")
        again = load_native(tmp_path / "again.safetensors")
        assert again.digest() == network.digest()


class _Killed(Exception):
    pass


@pytest.mark.parametrize("kill_at", [1, 3, 5])
def test_resumed_run_is_the_uninterrupted_one(tmp_path: Path, kill_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte: cayley and dense groups, networks that stop early, snapshots and table included."""
    monkeypatch.setattr("rnnkit.training.folder._STATE_SECONDS", 0.0)
    settings = QUICK | {"bias": False, "epochs": 4, "stop_loss": 0.99, "patience": 1, "snapshots": 1}
    plans = plan_networks("copy", SHORT, settings, range(2), {"recurrent": ["cayley", "dense"], "lr": ["1e-4", "3e-2"]})
    for folder in ("whole", "cut"):
        seen = 0

        def stop(report: EpochReport, folder: str = folder) -> None:
            nonlocal seen
            seen += 1
            if folder == "cut" and seen == kill_at:
                raise _Killed

        path = tmp_path / folder
        try:
            train_into(TrainingFolder(path, plans, Provenance(), False, False), threads=2, on_epoch=stop)
        except _Killed:
            train_into(TrainingFolder(path, plans, Provenance(), True, False), threads=2)
    found = sorted((tmp_path / "whole").glob("*.safetensors"))
    assert len(found) == 16
    for path in found:
        assert path.read_bytes() == (tmp_path / "cut" / path.name).read_bytes()
    epochs = {load_native(path).training["epochs_trained"] for path in found if "history" not in path.name}
    assert len(epochs) > 1


def test_alone_and_in_company() -> None:
    together = train(plan_networks("copy", SHORT, CAYLEY, range(5)), threads=2)
    [alone] = train(plan_networks("copy", SHORT, CAYLEY, [3])).networks
    member = next(network for network in together.networks if network.name == alone.name)
    for name, value in alone.weights.items():
        assert np.array_equal(alone.initial[name], member.initial[name])
        np.testing.assert_allclose(value, member.weights[name], atol=1e-5)


def test_a_diverged_network_harms_no_other() -> None:
    plans = plan_networks("copy", SHORT, CAYLEY | {"nonlinearity": "relu"}, [0], {"lr": ["1e-3", "1e30"]})
    sound, spoilt = train(plans).networks
    assert spoilt.status == "diverged"
    assert spoilt.bad_tensor() is None
    [alone] = train(plans[:1]).networks
    for name, value in alone.weights.items():
        np.testing.assert_allclose(value, sound.weights[name], atol=1e-6)


def test_it_learns() -> None:
    settings = CAYLEY | {"epochs": 10, "steps_per_epoch": 60, "lr": 1e-2, "stop_loss": 0.0}
    losses = train(plan_networks("copy", SHORT, settings, [0, 1])).table.to_pandas()
    by_epoch = losses.pivot(index="network", columns="epoch", values="val_loss")
    assert (by_epoch[10] < 0.5 * by_epoch[1]).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_without_biases_nothing_but_the_biases_is_missing(family: str) -> None:
    settings = QUICK | {"model": family, "epochs": 1, "snapshots": 1}
    networks = train(plan_networks("copy", SHORT, settings, [0], {"bias": ["true", "false"]})).networks
    with_bias, without = networks
    assert {name for name in with_bias.weights if not name.endswith("bias")} == without.weights.keys()
    assert with_bias.setting("bias") is True
    assert without.setting("bias") is False


@pytest.mark.parametrize("recurrent", ["dense", "cayley"])
@pytest.mark.parametrize("family", ["vanilla", "leaky", "current"])
def test_without_biases_the_output_is_an_odd_function_of_the_input(family: str, recurrent: str) -> None:
    """y(-x) = -y(x), bit for bit: tanh is odd and sums of negated terms are negated. With biases it is not."""
    for bias in (False, True):
        plans = plan_networks("copy", SHORT, QUICK | {"model": family, "recurrent": recurrent, "bias": bias}, [0])
        [network] = train(plans).networks
        x = make_task("copy", SHORT).sample([np.random.default_rng(0)], 6).inputs[0]
        plus, minus = (_outputs(network, sign * x) for sign in (1, -1))
        assert np.array_equal(plus, -minus) is not bias
        assert abs(plus).max() > 1e-3


def _outputs(network: Checkpoint, inputs: np.ndarray) -> np.ndarray:
    [run] = run_networks([network], inputs.astype(np.float32), torch.device("cpu"))
    return run.outputs


def test_presets_set_what_is_not_given() -> None:
    [plan] = plan_networks("schur/copy", {}, {}, [3])
    assert plan.name == "copy-vanilla-n72-s3"
    assert (plan.architecture.bias, plan.architecture.recurrent, plan.settings.init) == (False, "dense", "orthogonal")
    assert (plan.settings.epochs * plan.settings.steps_per_epoch, plan.settings.batch) == (6000, 64)
    [plan] = plan_networks("schur/copy", {"lags": 8}, {"units": 10, "bias": True, "init": "default"}, [0])
    assert (plan.task, plan.architecture.units, plan.architecture.bias) == (make_task("copy", {"lags": 8}), 10, True)
    assert plan.settings.init == "uniform"
    # The preset's initialisation is of dense vanilla networks; others keep their own.
    for given, own in (({"recurrent": "cayley"}, "cayley"), ({"model": "gru"}, "uniform")):
        assert plan_networks("schur/copy", {}, given, [0])[0].settings.init == own
    for name in ("flipflop", "sine", "context-integration"):
        [plan] = plan_networks(f"schur/{name}", {}, {}, [0])
        s = plan.settings
        assert (s.lr, s.batch, s.epochs, s.steps_per_epoch, s.patience) == (1e-3, 64, 30, 128, 30)
        assert (plan.architecture.units, plan.architecture.bias, s.init) == (64, False, "orthogonal")
    varied = plan_networks("schur/copy", {}, {}, [0], {"init": ["default", "normal"], "recurrent": ["dense"]})
    assert [plan.settings.init for plan in varied] == ["uniform", "normal"]
