"""Gradient descent, momentum and Adam in float64, each against plain autograd on the same batches."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.models import make_model
from rnnkit.stages.train import train
from rnnkit.training.batches import training_batches
from rnnkit.training.plans import plan_networks
from rnnkit.training.settings import Settings

from ..oracles.autograd_training import lowrank_outputs, train_by_autograd

TASK = {"bits": 1, "steps": 12, "probability": 0.4}
QUICK = {"batch": 6, "validation_trials": 4, "stop_loss": 0.0}
#: The networks of the theory: linear, of rank 2, without biases.
LINEAR = {"model": "lowrank", "units": 50, "rank": 2, "nonlinearity": "identity", "alpha": 0.2, "bias": False}
EXACT = QUICK | {"dtype": "float64", "optimizer": "sgd", "lr": 0.02}


def _trained(settings: dict, seeds: range | list[int] = (0,), **more: object) -> list[Checkpoint]:  # type: ignore[type-arg]
    return train(plan_networks("flipflop", TASK, settings, list(seeds), **more), threads=2).networks  # type: ignore[arg-type]


def _by_autograd(network: Checkpoint, optimiser: object, lr: float, phi: object = torch.tanh) -> dict:  # type: ignore[type-arg]
    """Train with the convention written out: N times the rate for what has an entry for each unit."""
    shape = network.architecture
    batches = (batch.trials for batch in training_batches(network))
    units = shape.units if optimiser is not torch.optim.Adam else 1
    rates = {"readout.bias": lr}
    outputs = lowrank_outputs(shape.rate, phi)
    return train_by_autograd(outputs, network.initial, batches, optimiser, lambda n: rates.get(n, lr * units))[0]


def _agree(network: Checkpoint, expected: dict, atol: float = 1e-12) -> None:  # type: ignore[type-arg]
    assert set(network.weights) == set(expected)
    for name, value in network.weights.items():
        assert value.dtype == np.float64
        assert not np.array_equal(value, network.initial[name])
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("more", "optimiser"),
    [
        ({}, torch.optim.SGD),
        ({"momentum": 0.9, "lr": 0.005}, partial(torch.optim.SGD, momentum=0.9)),
        ({"optimizer": "adam"}, torch.optim.Adam),
        ({"fixed_trials": True}, torch.optim.SGD),
    ],
    ids=["sgd", "momentum", "adam", "fixed"],
)
def test_a_linear_network_of_rank_two_is_trained_as_by_autograd(more: dict, optimiser: object) -> None:  # type: ignore[type-arg]
    settings = LINEAR | EXACT | {"epochs": 4, "steps_per_epoch": 25} | more
    network = _trained(settings)[0]
    lr = settings["lr"]
    assert isinstance(lr, float)
    _agree(network, _by_autograd(network, optimiser, lr, lambda h: h))


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_biases_and_tanh_too(momentum: float) -> None:
    """The bias of the step has an entry for each unit, that of the readout has not."""
    settings = {"model": "lowrank", "units": 20, "rank": 1} | EXACT | {"epochs": 2, "steps_per_epoch": 11}
    network = _trained(settings | {"momentum": momentum})[0]
    _agree(network, _by_autograd(network, partial(torch.optim.SGD, momentum=momentum), 0.02))


@pytest.mark.parametrize("family", ["vanilla", "mup", "leaky", "gru"])
def test_other_families_take_the_rate_as_it_is(family: str) -> None:
    settings = {"model": family, "units": 7, "gamma": 2.0} | EXACT | {"epochs": 2, "steps_per_epoch": 10}
    network = _trained(settings)[0]
    model = make_model(network.architecture)

    def outputs(w: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        stacked = {name: value[None] for name, value in w.items()}
        state, out = model.initial_state(stacked, len(x)), []
        for t in range(x.shape[1]):
            state = model.step(stacked, state, x[None, :, t])
            out.append(model.readout(stacked, torch.full((1,), 2.0).double(), model.features(state))[0])
        return torch.stack(out, 1)

    batches = (batch.trials for batch in training_batches(network))
    # gamma multiplies the learning rate in every optimiser.
    expected, _ = train_by_autograd(outputs, network.initial, batches, torch.optim.SGD, lambda _: 2 * 0.02)
    _agree(network, expected)


def test_rates_and_momenta_are_each_network_s_own() -> None:
    settings = LINEAR | EXACT | {"units": 10, "epochs": 2, "steps_per_epoch": 9}
    vary = {"lr": ["0.01", "0.02"], "momentum": ["0", "0.8"]}
    company = _trained(settings, [0, 1], vary=vary)
    for rate, momentum in (("0.01", "0.8"), ("0.02", "0")):
        alone = _trained(settings, [1], vary={"lr": [rate], "momentum": [momentum]})[0]
        member = next(network for network in company if network.name == alone.name)
        for name, value in alone.weights.items():
            np.testing.assert_allclose(value, member.weights[name], rtol=0, atol=1e-12)
    assert len({network.weights["input.weight"].tobytes() for network in company}) == len(company)


def test_the_rate_of_overlaps_does_not_depend_on_width() -> None:
    """What N times the rate is for: the first step changes S = X^T X / N by about as much at every width."""
    moved = []
    for units in (64, 1024):
        settings = LINEAR | EXACT | {"units": units, "rank": 1, "epochs": 1, "steps_per_epoch": 1}
        networks = _trained(settings, range(12))
        change = [
            float((n.weights["readout.weight"] @ n.weights["input.weight"])[0, 0])
            - float((n.initial["readout.weight"] @ n.initial["input.weight"])[0, 0])
            for n in networks
        ]
        moved.append(np.mean(change) / units)
    assert moved[0] > 0
    assert 0.7 < moved[1] / moved[0] < 1.4


def test_the_optimiser_is_in_the_metadata_and_epsilon_is_adam_s() -> None:
    network = _trained(LINEAR | EXACT | {"epochs": 1, "steps_per_epoch": 1, "momentum": 0.5})[0]
    assert (network.training["optimizer"], network.training["momentum"]) == ("sgd", 0.5)
    assert network.training["epsilon"] is None
    with pytest.raises(InputError, match="leave it out"):
        Settings(optimizer="sgd", epsilon=1e-8)
    with pytest.raises(InputError, match="add --optimizer sgd"):
        Settings(momentum=0.5)
    with pytest.raises(InputError, match="below 1"):
        Settings(optimizer="sgd", momentum=1.0)
