"""The examples of the page on adding parts: written as files, listed as the page says, and used."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.architectures import FAMILIES, FamilySpec
from rnnkit.checkpoints import load_native
from rnnkit.metrics import METRICS
from rnnkit.models import MODELS, Workspace
from rnnkit.tasks import TASKS, make_task
from rnnkit.training.gradients import batch_loss
from tests.conftest import edit_weights, run_cli
from tests.models.helpers import loop_outputs, random_ensemble

PAGE = Path(__file__).parents[1] / "docs" / "extend.md"
FILES = dict(re.findall(r'^```python title="([^"]+)"\n(.*?)^```', PAGE.read_text(encoding="utf-8"), re.M | re.DOTALL))
QUICK = [
    *("--batch", "4", "--epochs", "1", "--steps-per-epoch", "4", "--validation-trials", "4"),
    *("--units", "6", "--seeds", "0:2", "-q"),
]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Write a file of the page and import it under the name that it would have."""

    def write(name: str) -> object:
        path = tmp_path / Path(name).name
        path.write_text(FILES[name], encoding="utf-8")
        module_name = name.removesuffix(".py").replace("/", ".")
        spec = importlib.util.spec_from_file_location(module_name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, module_name, module)
        spec.loader.exec_module(module)
        return module

    return write


def line(name: str) -> dict[str, str]:
    """The entry that a line of the page adds to a dictionary of names."""
    found = ast.literal_eval("{" + FILES[name] + "}")
    assert isinstance(found, dict)
    return found


def test_a_task(written, tmp_path, monkeypatch):
    written("rnnkit/tasks/echo.py")
    ((name, place),) = line("rnnkit/tasks/__init__.py").items()
    monkeypatch.setitem(TASKS, name, place)
    trials = make_task("echo", {"delay": "2", "steps": "5"}).sample([np.random.default_rng(0)], 3)
    assert np.array_equal(trials.targets[:, :, 2:], trials.inputs[:, :, :-2])
    assert not trials.targets[:, :, :2].any()
    assert b"steps between an input and its echo" in run_cli("tasks", "echo").out
    assert run_cli("train", "echo", "-t", "delay=2", "-t", "steps=8", *QUICK, "-o", tmp_path / "out").code == 0
    rows = run_cli("rollout", tmp_path / "out", "--summary", "--ood", "--trials", 5).table().to_pylist()
    assert [(row["condition"], row["steps"]) for row in rows] == [("train", 8), ("ood", 16)] * 2
    assert all(np.isfinite(row["loss"]) for row in rows)
    refused = run_cli("train", "echo", "-t", "delay=9", "-t", "steps=8", *QUICK, "-o", tmp_path / "no")
    assert (refused.code, "more than the delay" in refused.err) == (2, True)


@pytest.fixture
def residual(written, monkeypatch):
    module = written("rnnkit/models/residual.py")
    source = FILES["rnnkit/architectures.py"]
    ((name, spec),) = eval("{" + source + "}", {"FamilySpec": FamilySpec}).items()
    monkeypatch.setitem(FAMILIES, name, spec)
    assert FILES["rnnkit/models/__init__.py"] == '"residual": Residual,\n'
    monkeypatch.setitem(MODELS, "residual", module.Residual)
    return name


@pytest.mark.parametrize("phi", ["tanh", "relu", "identity"])
def test_a_family_runs_as_its_step_and_back_as_autograd(residual, phi):
    model, weights = random_ensemble(residual, phi)
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, 5, 9, 3, generator=draw, dtype=torch.float64)
    targets = torch.randn(3, 5, 9, 2, generator=draw, dtype=torch.float64)
    gamma = torch.ones(3, dtype=torch.float64)
    leaves = {name: value.clone().requires_grad_(name != "initial_state") for name, value in weights.items()}
    outputs, states = loop_outputs(model, leaves, gamma, inputs)
    trace = model.scan(weights, inputs.transpose(1, 2).contiguous(), Workspace())
    torch.testing.assert_close(trace.states.transpose(1, 2), states.detach(), rtol=0, atol=1e-12)
    grads = {name: torch.zeros_like(value) for name, value in weights.items() if name != "initial_state"}
    batch_loss(model, weights, gamma, inputs, targets, None, Workspace(), grads)
    # The loss of a network is its mean over trials, steps and outputs.
    ((outputs - targets) ** 2).mean((1, 2, 3)).sum().backward()
    for name, grad in grads.items():
        torch.testing.assert_close(grad, leaves[name].grad, rtol=1e-10, atol=1e-12)


def test_a_family_trains_and_what_is_not_known_of_it_is_refused(residual, tmp_path):
    line = ["train", "flipflop", "--model", residual, "-t", "steps=8", *QUICK, "-o", tmp_path / "out"]
    assert run_cli(*line).code == 0
    network = load_native(tmp_path / "out" / "flipflop-residual-n6-s0.safetensors")
    assert (network.architecture.family, network.architecture.rate) == ("residual", 0.1)
    assert run_cli("compare", tmp_path / "out", "--metric", "pif", "--trials", 4).code == 0
    done = run_cli("fixedpoints", tmp_path / "out", "--starts", 4, "-o", tmp_path / "points.csv")
    assert (done.code, (tmp_path / "points.csv").exists()) == (2, False)
    assert "the map of the 'residual' family is not known" in done.err


def test_a_metric(written, ensemble, tmp_path, monkeypatch):
    written("rnnkit/metrics/singular_values.py")
    ((name, place),) = line("rnnkit/metrics/__init__.py").items()
    monkeypatch.setitem(METRICS, name, place)
    (tmp_path / "nets").mkdir()
    paths = [ensemble / f"flipflop-vanilla-n8-s{seed}.safetensors" for seed in (0, 1)]
    order = np.random.default_rng(0).permutation(8)

    def relabel(held):
        held["recurrent.weight"][:] = held["recurrent.weight"][order][:, order]

    copy = edit_weights(paths[0], tmp_path / "nets" / "copy.safetensors", relabel)
    rows = run_cli("compare", *paths, copy, "--metric", name, "--trials", 4).table().to_pylist()
    found = {(row["a"][-2:], row["b"][-4:]): row["distance"] for row in rows}
    first, second = (np.linalg.svd(load_native(path).weights["recurrent.weight"].astype(float))[1] for path in paths)
    assert found["s0", "n8-s1"[-4:]] == pytest.approx(np.linalg.norm(first - second), rel=1e-12)
    assert found["s0", "copy"] < 1e-6
    assert found["s1", "copy"] > 0.01


def test_every_example_is_used():
    assert set(FILES) == {
        *("rnnkit/tasks/echo.py", "rnnkit/tasks/__init__.py", "rnnkit/models/residual.py", "rnnkit/architectures.py"),
        *("rnnkit/models/__init__.py", "rnnkit/metrics/singular_values.py", "rnnkit/metrics/__init__.py"),
    }
