"""The batches of a training run, drawn again from what a checkpoint says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, load_history, load_native
from rnnkit.errors import InputError
from rnnkit.models import make_model
from rnnkit.models.base import Workspace
from rnnkit.provenance import Provenance
from rnnkit.stages.train import train, train_into
from rnnkit.tables import read
from rnnkit.training.batches import TrainingBatch, block_steps, training_batches
from rnnkit.training.folder import TrainingFolder
from rnnkit.training.gradients import batch_loss
from rnnkit.training.plans import plan_networks

QUICK = {"units": 6, "batch": 5, "epochs": 3, "steps_per_epoch": 11, "validation_trials": 4, "stop_loss": 0.0}
TASK = {"bits": 2, "steps": 7}
PHASES = {"B": {"probability": 0.9}}


def _loss(network: Checkpoint, weights: dict[str, np.ndarray], batch: TrainingBatch) -> float:
    stacked = {name: torch.from_numpy(value[None]).double() for name, value in weights.items()}
    inputs, targets = (torch.from_numpy(v).double() for v in (batch.trials.inputs, batch.trials.targets))
    gamma = torch.ones(1, dtype=torch.float64)
    model = make_model(network.architecture)
    return float(batch_loss(model, stacked, gamma, inputs, targets, None, Workspace()).total)


@pytest.mark.parametrize(
    ("more", "protocol"),
    [({}, ()), ({"fixed_trials": True}, ()), ({}, ("A", "B", "A")), ({"fixed_trials": True}, ("A", "B"))],
    ids=["fresh", "fixed", "protocol", "fixed-protocol"],
)
def test_weights_of_each_snapshot_have_the_reported_loss_on_its_batch(
    tmp_path: Path, more: dict, protocol: tuple
) -> None:  # type: ignore[type-arg]
    """Eleven steps to an epoch are two blocks of draws; the mean loss of an epoch is in the table."""
    settings = QUICK | {"snapshot_steps": 1, "dtype": "float64"} | more
    phases = PHASES if protocol else {}
    plans = plan_networks("flipflop", TASK, settings, [3], protocol=protocol, phases=phases)
    train_into(TrainingFolder(tmp_path, plans, Provenance(), False, False))
    network = load_native(tmp_path / f"{plans[0].name}.safetensors")
    steps, history = load_history(tmp_path / f"{plans[0].name}.history.safetensors")
    batches = list(training_batches(network))
    assert steps.tolist() == [0, *(batch.step for batch in batches)]
    losses = [_loss(network, {k: v[b.step - 1] for k, v in history.items()}, b) for b in batches]
    rows = read(tmp_path / "training.parquet", "training").to_pylist()
    np.testing.assert_allclose(np.reshape(losses, (-1, 11)).mean(1), [row["loss"] for row in rows], rtol=1e-12)
    assert [row["phase"] for row in rows] == [batch.phase for batch in batches[::11]]
    assert {(batch.phase, batch.task) for batch in batches} == {
        (k + 1, phase.task) for k, phase in enumerate(plans[0].phases)
    }


def test_fixed_trials_are_one_batch_and_fresh_ones_are_not() -> None:
    for fixed, different in ((True, 1), (False, 33)):
        network = train(plan_networks("flipflop", TASK, QUICK | {"fixed_trials": fixed}, [0])).networks[0]
        drawn = [batch.trials.inputs.tobytes() for batch in training_batches(network)]
        assert len(drawn) == 33
        assert len(set(drawn)) == different
        shapes = {batch.trials.inputs.shape for batch in training_batches(network, epochs=1)}
        assert shapes == {(1, 5, 7, 2)}


def test_full_batch_descent_goes_down_at_every_step() -> None:
    """With one batch and a small rate the loss cannot rise, which fresh batches make it do."""
    settings = QUICK | {"optimizer": "sgd", "lr": 0.05, "epochs": 30, "steps_per_epoch": 1, "batch": 2}
    rising = {}
    for fixed in (True, False):
        table = train(plan_networks("flipflop", TASK, settings | {"fixed_trials": fixed}, [0])).table
        rising[fixed] = int((np.diff(table["loss"].to_numpy()) > 0).sum())
    assert rising[True] == 0 < rising[False]


def test_each_network_has_its_own_fixed_trials_whatever_the_company() -> None:
    settings = QUICK | {"fixed_trials": True, "dtype": "float64"}
    company = train(plan_networks("flipflop", TASK, settings, range(4)), threads=2).networks
    alone = train(plan_networks("flipflop", TASK, settings, [2])).networks[0]
    for name, value in alone.weights.items():
        np.testing.assert_allclose(value, company[2].weights[name], atol=1e-12)
    first = [next(iter(training_batches(network))).trials.inputs.tobytes() for network in company]
    assert len(set(first)) == 4


def test_networks_from_before_these_settings_can_be_replayed_and_imported_ones_cannot() -> None:
    network = train(plan_networks("flipflop", TASK, QUICK, [0])).networks[0]
    older = {k: v for k, v in network.training.items() if k not in ("fixed_trials", "protocol")}
    drawn = [
        next(iter(training_batches(one))).trials.inputs
        for one in (network, Checkpoint("old", network.architecture, {}, {}, "flipflop", TASK, older, 0))
    ]
    assert np.array_equal(*drawn)
    shape = Architecture(family="vanilla", units=2, inputs=2, outputs=2)
    with pytest.raises(InputError, match="does not say how it was trained"):
        training_batches(Checkpoint("net", shape, {}))


def test_blocks_are_smaller_for_large_batches() -> None:
    task = plan_networks("flipflop", {"bits": 1, "steps": 100}, {}, [0])[0].task
    assert [block_steps(task, batch) for batch in (1, 2500, 2501, 20000, 10**6)] == [8, 8, 7, 1, 1]
