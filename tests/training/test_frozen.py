"""Frozen weights: what stays, what moves, and what cannot be frozen."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.stages.train import train
from rnnkit.training.frozen import frozen_entries, frozen_names
from rnnkit.training.plans import plan_networks

QUICK = {"units": 8, "batch": 4, "epochs": 2, "steps_per_epoch": 5, "validation_trials": 4, "stop_loss": 0.0}
TASK = {"bits": 2, "steps": 6}
LOW = QUICK | {"model": "lowrank", "rank": 2}


def _moved(network: Checkpoint) -> dict[str, np.ndarray]:
    return {name: value != network.initial[name] for name, value in network.weights.items()}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_vector_stays_bit_for_bit_and_all_else_moves(optimizer: str) -> None:
    """Penalties and momentum do not move it either."""
    momentum = 0.9 if optimizer == "sgd" else 0.0
    pushed = {"optimizer": optimizer, "momentum": momentum, "l1": 0.1, "nuclear": 0.1, "penalty_on": "all", "lr": 0.01}
    frozen = {"freeze": "recurrent.left:0,input.weight:1,readout.weight:0,recurrent.bias"}
    network = train(plan_networks("flipflop", TASK, LOW | pushed | frozen, [0])).networks[0]
    moved = _moved(network)
    assert moved["recurrent.left"].all(0).tolist() == [False, True]
    assert not moved["recurrent.left"][:, 0].any()
    assert moved["input.weight"].all(0).tolist() == [True, False]
    assert not moved["input.weight"][:, 1].any()
    assert moved["readout.weight"].all(1).tolist() == [False, True]
    assert not moved["readout.weight"][0].any()
    assert not moved["recurrent.bias"].any()
    assert moved["recurrent.right"].all()
    assert moved["readout.bias"].all()
    assert network.training["freeze"] == frozen["freeze"]


@pytest.mark.parametrize("settings", [{"model": "lstm"}, {"model": "mup"}, {"recurrent": "cayley", "bias": False}])
def test_whole_tensors_of_every_kind_of_network(settings: dict) -> None:  # type: ignore[type-arg]
    inner = "recurrent.skew" if "recurrent" in settings else "recurrent.weight"
    trained = train(plan_networks("flipflop", TASK, QUICK | settings | {"freeze": f"input.weight,{inner}"}, [0]))
    moved = {name: bool(value.any()) for name, value in _moved(trained.networks[0]).items()}
    assert not moved["input.weight"]
    assert not moved[inner]
    assert moved["readout.weight"]
    if "recurrent" in settings:  # the eigenvalues still turn W
        assert moved["recurrent.weight"]


def test_a_frozen_network_has_no_gradient() -> None:
    everything = "input.weight,recurrent.left,recurrent.right,recurrent.bias,readout.weight,readout.bias"
    trained = train(plan_networks("flipflop", TASK, LOW | {"freeze": everything}, [0]))
    assert trained.table["grad_norm"].to_pylist() == [0.0, 0.0]
    assert not any(value.any() for value in _moved(trained.networks[0]).values())


def test_networks_of_one_batch_may_differ_in_what_is_frozen() -> None:
    vary = {"freeze": ["none", "recurrent.left:1+readout.weight"]}
    plans = plan_networks("flipflop", TASK, LOW, [0], vary)
    assert plans[1].name == "flipflop-lowrank-n8-freezerecurrent.left.1+readout.weight-s0"
    free, held = (_moved(network) for network in train(plans).networks)
    assert free["recurrent.left"].all()
    assert free["readout.weight"].all()
    assert held["recurrent.left"].all(0).tolist() == [True, False]
    assert not held["readout.weight"].any()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("recurrent.lift", "did you mean 'recurrent.left'"),
        ("recurrent.weight", "known: input.weight"),
        ("recurrent.left:2", "those from 0 to 1"),
        ("readout.weight:3", "those from 0 to 1"),
        ("recurrent.bias:0", "leave out ':0'"),
        ("recurrent.left:a", "for example"),
        ("recurrent.left,", "for example"),
        ("recurrent.left,recurrent.left", "twice"),
    ],
)
def test_what_cannot_be_frozen(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        plan_networks("flipflop", TASK, LOW | {"freeze": text}, [0])


def test_entries_are_those_of_the_vector() -> None:
    shape = Architecture(family="lowrank", units=3, inputs=2, outputs=2, rank=1, bias=False)
    assert np.flatnonzero(frozen_entries(shape, "input.weight:1")).tolist() == [1, 3, 5]
    assert np.flatnonzero(frozen_entries(shape, "readout.weight:1")).tolist() == [15, 16, 17]
    assert not frozen_entries(shape, "none").any()
    assert frozen_names(" recurrent.left : 0 ") == [("recurrent.left", 0)]
