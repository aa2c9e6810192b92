"""Training in float64: every number stays float64, from the draw to the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import load_history, load_native, save_native
from rnnkit.interop.exporting import export_network
from rnnkit.interop.importing import import_network
from rnnkit.models.initialisation import default_initialisation, draw_weights
from rnnkit.provenance import Provenance
from rnnkit.stages.train import train, train_into
from rnnkit.training.folder import TrainingFolder
from rnnkit.training.plans import plan_networks

QUICK = {"units": 6, "batch": 4, "epochs": 2, "steps_per_epoch": 4, "validation_trials": 8, "stop_loss": 0.0}
TASK = {"bits": 1, "steps": 6}
DOUBLE = QUICK | {"dtype": "float64"}


@pytest.mark.parametrize("family", FAMILIES)
def test_both_types_train_alike_and_one_is_finer(family: str) -> None:
    """The same draws and batches: equal to single precision, and in float64 not on the grid of float32."""
    double, single = (
        train(plan_networks("flipflop", TASK, settings | {"model": family}, [0])).networks[0]
        for settings in (DOUBLE, QUICK)
    )
    for held in ("weights", "initial"):
        for name, value in getattr(double, held).items():
            other = getattr(single, held)[name]
            assert (value.dtype, other.dtype) == (np.float64, np.float32)
            np.testing.assert_allclose(value, other, atol=2e-4)
    finer = double.weights["input.weight"]
    assert (finer != finer.astype(np.float32)).mean() > 0.9
    assert double.training["dtype"] == "float64"


@pytest.mark.parametrize("recurrent", ["dense", "cayley"])
@pytest.mark.parametrize("family", ["leaky", "lowrank"])
def test_weights_are_drawn_once_and_rounded_to_the_type(family: str, recurrent: str) -> None:
    if (family, recurrent) == ("lowrank", "cayley"):
        family = "vanilla"
    rank, rate = (2, 0.2) if family == "lowrank" else (0, 1.0 if family == "vanilla" else 0.2)
    shape = Architecture(
        family=family, units=6, inputs=1, outputs=1, rank=rank, rate=rate, bias=False, recurrent=recurrent
    )
    kind = default_initialisation(family, recurrent)
    double, single = (draw_weights(shape, kind, 1.0, np.random.default_rng(0), one) for one in ("float64", "float32"))
    for name, value in double.items():
        assert value.dtype == np.float64
        if recurrent == "cayley" and name == "recurrent.weight":  # formed from the numbers as they are stored
            np.testing.assert_allclose(value, single[name], atol=1e-6)
        else:
            assert np.array_equal(value.astype(np.float32), single[name])


def test_files_hold_float64_and_come_back(tmp_path: Path) -> None:
    plans = plan_networks("flipflop", TASK, DOUBLE | {"snapshots": 1, "model": "lowrank"}, [0])
    train_into(TrainingFolder(tmp_path, plans, Provenance(), False, False))
    network = load_native(tmp_path / f"{plans[0].name}.safetensors")
    _, history = load_history(tmp_path / f"{plans[0].name}.history.safetensors")
    for name, value in network.weights.items():
        assert value.dtype == history[name].dtype == network.initial[name].dtype == np.float64
        assert np.array_equal(history[name][-1], value)
        assert np.array_equal(history[name][0], network.initial[name])
    save_native(network, tmp_path / "again.safetensors")
    assert load_native(tmp_path / "again.safetensors").digest() == network.digest()


@pytest.mark.parametrize("form", ["torch", "npz", "mat"])
def test_exports_keep_float64(tmp_path: Path, form: str) -> None:
    network = train(plan_networks("flipflop", TASK, DOUBLE, [0])).networks[0]
    path = export_network(network, form, tmp_path)[0]
    back = import_network(path)
    for name, value in network.weights.items():
        assert back.weights[name].dtype == np.float64
        assert np.array_equal(back.weights[name], value)


def test_types_are_trained_in_batches_of_their_own() -> None:
    trained = train(plan_networks("flipflop", TASK, QUICK, [0], {"dtype": ["float32", "float64"]})).networks
    assert [str(network.weights["input.weight"].dtype) for network in trained] == ["float32", "float64"]
