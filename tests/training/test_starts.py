"""Training on from saved networks: weights, constants and states come from the file, trials from the seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint, load_history, load_native, save_native
from rnnkit.errors import InputError
from rnnkit.interop.torch_layout import to_state_dict
from rnnkit.stages.train import train
from rnnkit.training.batches import training_batches
from rnnkit.training.plans import plan_networks
from tests.conftest import run_cli

from ..oracles.autograd_training import lowrank_outputs, train_by_autograd

QUICK = {"batch": 4, "epochs": 2, "steps_per_epoch": 5, "validation_trials": 4, "stop_loss": 0.0}
TASK = {"bits": 2, "steps": 6}


def _start(family: str = "vanilla", **more: object) -> Checkpoint:
    settings = QUICK | {"model": family, "units": 6, "epochs": 1} | more
    return train(plan_networks("flipflop", TASK, settings, [7])).networks[0].named("begun")


def _on(start: Checkpoint, more: dict | None = None, seeds: list[int] | None = None) -> list[Checkpoint]:  # type: ignore[type-arg]
    return train(plan_networks("flipflop", TASK, QUICK | (more or {}), seeds or [0], starts=[start])).networks


@pytest.mark.parametrize("family", [*FAMILIES, "cayley"])
def test_every_family_goes_on_from_its_weights(family: str) -> None:
    other = {"recurrent": "cayley", "bias": False} if family == "cayley" else {"model": family, "gamma": 2.0}
    if family == "lowrank":
        other |= {"rank": 2, "alpha": 0.7}
    start = _start(**other)
    first, second = _on(start, seeds=[0, 1])
    assert first.architecture == second.architecture == start.architecture
    for name, value in start.weights.items():
        assert np.array_equal(first.initial[name], value)
        assert np.array_equal(second.initial[name], value)
        assert not np.array_equal(first.weights[name], value)
        assert not np.array_equal(first.weights[name], second.weights[name])
    assert first.name == f"flipflop-{start.architecture.family}-n6-begun-s0"
    assert first.training["init"] == "saved"
    assert first.training["start"] == {"network": "begun", "digest": start.digest()}


def test_several_starts_of_any_shape_and_every_seed() -> None:
    starts = [_start().named("a"), _start("gru", units=5).named("b")]
    plans = plan_networks("flipflop", TASK, QUICK, [0, 3], {"lr": ["1e-3", "1e-2"]}, starts=starts)
    networks = train(plans).networks
    names = [network.name for network in networks]
    assert names[:4] == [f"flipflop-{kind}-lr1e-3-s{s}" for kind in ("vanilla-n6-a", "gru-n5-b") for s in (0, 3)]
    assert len(set(names)) == 8
    for network in networks:
        start = starts["-b-" in network.name]
        assert np.array_equal(network.initial["input.weight"], start.weights["input.weight"])


def test_a_state_before_the_first_step_is_kept_and_has_its_part() -> None:
    """Networks trained elsewhere may begin from a state of their own: as autograd has it, to rounding."""
    start = _start("lowrank", rank=2, dtype="float64")
    states = np.random.default_rng(0).standard_normal(6)
    begun = replace(start, weights=start.weights | {"initial_state": states}, name="h")
    settings = QUICK | {"optimizer": "sgd", "lr": 0.02}
    with_state, without = train(plan_networks("flipflop", TASK, settings, [0], starts=[begun, start])).networks
    assert np.array_equal(with_state.weights["initial_state"], states)
    assert np.array_equal(with_state.initial["initial_state"], states)
    assert "initial_state" not in without.weights
    for network in (with_state, without):
        batches = (batch.trials for batch in training_batches(network))
        rates = {"readout.bias": 0.02}
        expected, _ = train_by_autograd(
            lowrank_outputs(0.2, torch.tanh),
            network.initial,
            batches,
            torch.optim.SGD,
            lambda name, rates=rates: rates.get(name, 6 * 0.02),  # type: ignore[misc]
        )
        for name, value in network.weights.items():
            np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-12)
    assert not np.allclose(with_state.weights["input.weight"], without.weights["input.weight"])


def test_biases_that_no_file_holds_are_not_trained_and_some_are_filled_up() -> None:
    start = _start()
    bare = {name: value for name, value in start.weights.items() if not name.endswith("bias")}
    none = _on(replace(start, weights=bare))[0]
    assert not none.architecture.bias
    assert set(none.weights) == set(bare)
    part = _on(replace(start, weights=bare | {"recurrent.bias": start.weights["recurrent.bias"]}))[0]
    assert not part.initial["readout.bias"].any()
    assert part.weights["readout.bias"].any()


def test_the_type_is_the_file_s_unless_another_is_asked_for() -> None:
    start = _start(dtype="float64")
    assert _on(start)[0].weights["input.weight"].dtype == np.float64
    single = _on(start, {"dtype": "float32"})[0]
    assert single.initial["input.weight"].dtype == np.float32
    assert np.array_equal(single.initial["input.weight"], start.weights["input.weight"].astype(np.float32))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"units": 7}, "--units: 7 contradicts 'begun', which has 6"),
        ({"model": "gru"}, "--model: gru contradicts 'begun', which has vanilla"),
        ({"gamma": 2.0}, "--gamma: 2.0 contradicts"),
        ({"nonlinearity": "relu"}, "--nonlinearity: relu contradicts"),
        ({"bias": False}, "--bias: False contradicts"),
        ({"recurrent": "cayley"}, "--recurrent: cayley contradicts"),
        ({"alpha": 0.2}, "--alpha: does not fit the 'vanilla' family"),
        ({"rank": 1}, "--rank: does not fit"),
        ({"init": "gaussian"}, "--init: draws weights"),
        ({"gain": 2.0}, "--gain: draws weights"),
    ],
)
def test_what_contradicts_the_file_is_refused(settings: dict, says: str) -> None:  # type: ignore[type-arg]
    shape = Architecture(family="vanilla", units=6, inputs=2, outputs=2)
    weights = {name: np.ones(size, np.float32) for name, size in shape.shapes().items() if name != "initial_state"}
    start = Checkpoint("begun", shape, weights)
    with pytest.raises(InputError, match=says):
        plan_networks("flipflop", TASK, QUICK | settings, [0], starts=[start])
    agreeing = {"units": 6, "model": "vanilla", "gamma": 1, "bias": True, "recurrent": "dense"}
    assert plan_networks("flipflop", TASK, QUICK | agreeing, [0], starts=[start])[0].architecture == shape
    with pytest.raises(InputError, match="has 2 inputs, the task 'flipflop' has 3"):
        plan_networks("flipflop", {"bits": 3}, QUICK, [0], starts=[start])
    bad = replace(start, weights=weights | {"readout.bias": np.full(2, np.nan, np.float32)})
    with pytest.raises(InputError, match=r"tensor 'readout\.bias' holds NaN"):
        plan_networks("flipflop", TASK, QUICK, [0], starts=[bad])


def test_a_preset_s_model_gives_way_to_the_file() -> None:
    shape = Architecture(family="gru", units=5, inputs=2, outputs=2)
    weights = {name: np.ones(size, np.float32) for name, size in shape.shapes().items() if name != "initial_state"}
    (plan,) = plan_networks("schur/flipflop", {"bits": 2}, {}, [0], starts=[Checkpoint("begun", shape, weights)])
    assert plan.architecture == shape
    assert plan.settings.batch == plan_networks("schur/flipflop", {}, {}, [0])[0].settings.batch


def test_the_command_reads_folders_and_files_of_other_software(tmp_path: Path) -> None:
    """Native networks of a folder, and a state dict of PyTorch's; both named in what the networks come from."""
    native = _start().named("native")
    (tmp_path / "held").mkdir()
    save_native(native, tmp_path / "held" / "native.safetensors")
    from safetensors.numpy import save_file

    save_file(to_state_dict(native), tmp_path / "module.safetensors")
    words = ["--start", tmp_path / "held", "--start", tmp_path / "module.safetensors", "-o", tmp_path / "out"]
    sizes = ["--batch", 4, "--epochs", 1, "--steps-per-epoch", 2, "--validation-trials", 4, "--snapshots", 1]
    done = run_cli("train", "flipflop", "-t", "bits=2", "-t", "steps=6", *sizes, "--seeds", 2, *words, "-q")
    assert (done.code, done.err) == (0, "")
    ends = []
    for stem in ("native", "module"):
        name = f"flipflop-vanilla-n6-{stem}-s2"
        network = load_native(tmp_path / "out" / f"{name}.safetensors")
        _, history = load_history(tmp_path / "out" / f"{name}.history.safetensors")
        assert np.array_equal(history["recurrent.weight"][0], native.weights["recurrent.weight"])
        files = [Path(path).name for path in network.provenance["inputs"]]
        assert files == ["native.safetensors", "module.safetensors"]
        ends.append(network.weights["recurrent.weight"])
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-6)
