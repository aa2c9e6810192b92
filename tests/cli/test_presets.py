"""Presets on the command line: listed, described, and a task's name wherever one is asked for."""

import pytest

from rnnkit.checkpoints import load_native
from rnnkit.random_streams import stream
from rnnkit.tasks import PRESETS, make_task, task_parameters
from rnnkit.tasks.chance import chance
from tests.conftest import run_cli

SMALL = ["--units", 8, "--batch", 4, "--epochs", 1, "--steps-per-epoch", 2, "--validation-trials", 4]


def test_the_list_names_every_preset_and_its_task():
    lines = run_cli("tasks").out.decode().splitlines()
    for name, preset in PRESETS.items():
        [line] = [line for line in lines if line.split()[0] == name]
        assert f"preset of {preset.task}" in line


def test_a_preset_is_described_with_its_own_values():
    plain, preset = (run_cli("tasks", name).out.decode() for name in ("flipflop", "schur/flipflop"))
    assert "probability=0.3 " in plain
    assert "probability=0.05 " in preset
    assert "init orthogonal" in preset
    assert "batch 256" in plain
    assert "batch 64" in preset


SCHUR = {name: preset for name, preset in PRESETS.items() if name.startswith("schur/")}
ABRUPT = {name: preset for name, preset in PRESETS.items() if name.startswith("abrupt/")}
OVERLAPS = {name: preset for name, preset in PRESETS.items() if name.startswith("overlaps/")}


def test_every_preset_is_of_a_paper():
    assert {**SCHUR, **OVERLAPS, **ABRUPT} == PRESETS


@pytest.mark.parametrize("name", ABRUPT)
def test_networks_of_abrupt_learning_are_leaky_and_connected_by_a_gain(name, tmp_path):
    small = [word for word in SMALL if word not in ("--units", 8)]
    assert run_cli("train", name, *small, "--seeds", 0, "-o", tmp_path, "-q").code == 0
    network = load_native(tmp_path / f"{ABRUPT[name].task}-leaky-n50-s0.safetensors")
    assert network.architecture.rate == 0.8
    assert not network.architecture.bias
    gain = 3 if "flipflop" in name else 1
    assert network.initial["recurrent.weight"].std() == pytest.approx(gain / 50**0.5, rel=0.05)


def test_the_flipflop_of_abrupt_learning_is_the_paper_s():
    """Pulses of probability .1, targets of 0 before the first; chance is the share of steps behind it."""
    task = make_task("abrupt/flipflop")
    trials = task.sample([stream(0, "validation")], 4000)
    assert abs((trials.inputs != 0).mean() - 0.1) < 0.002
    waiting = abs(trials.inputs).cumsum(axis=2) == 0
    assert (trials.targets[waiting] == 0).all()
    behind = 1 - sum(0.9**t for t in range(1, 51)) / 50
    assert abs(chance(task, trials).loss[0] - behind) < 0.01


@pytest.mark.parametrize("name", OVERLAPS)
def test_networks_of_the_theory_are_of_low_rank_and_without_biases(name, tmp_path):
    task = OVERLAPS[name].task
    assert run_cli("train", name, *SMALL, "--seeds", 0, "-o", tmp_path, "-q").code == 0
    network = load_native(tmp_path / f"{task}-lowrank-n8-s0.safetensors")
    assert (network.architecture.rank, network.architecture.rate) == (2 if "damped" in name else 1, 0.2)
    assert network.architecture.nonlinearity == ("tanh" if "flipflop" in name else "identity")
    assert set(network.weights) == {"input.weight", "recurrent.left", "recurrent.right", "readout.weight"}
    assert network.task_parameters.get("dt", 0.2) == network.architecture.rate
    assert network.weights["recurrent.left"].dtype == "float64"
    assert (network.training["optimizer"], network.training["fixed_trials"]) == ("sgd", True)


def test_trained_networks_are_their_task_s(tmp_path):
    for name, preset in SCHUR.items():
        assert run_cli("train", name, *SMALL, "--seeds", 0, "-o", tmp_path / preset.task, "-q").code == 0
        network = load_native(tmp_path / preset.task / f"{preset.task}-vanilla-n8-s0.safetensors")
        assert network.task == preset.task
        assert network.task_parameters == task_parameters(make_task(name))
        assert not network.architecture.bias
        start = network.initial["recurrent.weight"].astype(float)
        assert abs(start @ start.T - [[i == j for j in range(8)] for i in range(8)]).max() < 1e-6
        summary = run_cli("rollout", tmp_path / preset.task, "--summary", "--trials", 3).table().to_pylist()
        named = run_cli("rollout", tmp_path / preset.task, "--summary", "--trials", 3, "--task", name).table()
        assert named.to_pylist() == summary


def test_the_command_line_goes_before_a_preset(tmp_path):
    line = ["train", "schur/copy", *SMALL, "-t", "lags=5", "--bias", "--init", "default", "--seeds", 0]
    assert run_cli(*line, "-o", tmp_path, "-q").code == 0
    network = load_native(tmp_path / "copy-vanilla-n8-s0.safetensors")
    assert network.task_parameters["lags"] == 5
    assert "recurrent.bias" in network.weights
    assert network.training["init"] == "uniform"


def test_a_configuration_file_may_say_no_bias(tmp_path):
    (tmp_path / "c.toml").write_text('bias = false\nrecurrent = "cayley"\n')
    line = ["train", "copy", *SMALL, "--seeds", 0, "--config", tmp_path / "c.toml", "-o", tmp_path / "out", "-q"]
    assert run_cli(*line).code == 0
    network = load_native(tmp_path / "out" / "copy-vanilla-n8-s0.safetensors")
    assert (network.architecture.bias, network.architecture.recurrent) == (False, "cayley")


def test_presets_are_drawn_from():
    drawn = run_cli("sample", "schur/flipflop", "--trials", 2).table()
    assert drawn.num_rows == 50
    assert drawn.equals(run_cli("sample", "flipflop", "-t", "probability=.05", "-t", "steps=25", "--trials", 2).table())
