"""Scans against a plain loop, their backwards against autograd, the torch families against torch.nn."""

from __future__ import annotations

import pytest
import torch

from rnnkit.models import Workspace, make_model
from rnnkit.training.gradients import batch_loss

from .helpers import CASES, architecture, loop_outputs, random_ensemble

GAMMA = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)


def _batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(3, 5, 11, 3, generator=draw, dtype=torch.float64)
    targets = torch.randn(3, 5, 11, 2, generator=draw, dtype=torch.float64)
    return inputs, targets, torch.rand(3, 5, 11, generator=draw, dtype=torch.float64)


@pytest.mark.parametrize(("family", "phi"), CASES)
def test_scan_is_the_step_repeated(family: str, phi: str) -> None:
    model, weights = random_ensemble(family, phi)
    inputs, _, _ = _batch()
    expected_outputs, expected_states = loop_outputs(model, weights, GAMMA, inputs)
    trace = model.scan(weights, inputs.transpose(1, 2).contiguous(), Workspace())
    outputs = model.readout(weights, GAMMA, trace.features.flatten(1, 2)).view(3, 11, 5, 2)
    torch.testing.assert_close(trace.states.transpose(1, 2), expected_states, rtol=0, atol=1e-13)
    torch.testing.assert_close(outputs.transpose(1, 2), expected_outputs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("family", "phi"), CASES)
def test_backward_agrees_with_autograd(family: str, phi: str, masked: bool) -> None:
    """Relative tolerance 1e-10 asked for; measured 1e-15."""
    model, weights = random_ensemble(family, phi)
    inputs, targets, mask = _batch()
    grads = {name: torch.zeros_like(value) for name, value in weights.items() if name != "initial_state"}
    found = batch_loss(model, weights, GAMMA, inputs, targets, mask if masked else None, Workspace(), grads, 1, piece=2)
    leaves = {name: value.clone().requires_grad_(name in grads) for name, value in weights.items()}
    outputs, _ = loop_outputs(model, leaves, GAMMA, inputs)
    weight = mask[..., None] if masked else torch.ones_like(mask)[..., None]
    square = weight * (outputs - targets) ** 2
    total = square.sum((1, 2, 3)) / (2 * weight.sum((1, 2, 3)))
    main = square[..., :1].sum((1, 2, 3)) / weight.sum((1, 2, 3))
    total.sum().backward()
    torch.testing.assert_close(found.total, total.detach(), rtol=1e-13, atol=0)
    torch.testing.assert_close(found.main, main.detach(), rtol=1e-13, atol=0)
    for name, grad in grads.items():
        expected = leaves[name].grad
        assert expected is not None
        assert (grad - expected).abs().max() <= 1e-10 * expected.abs().max(), name


@pytest.mark.parametrize("family", ["vanilla", "lstm", "gru", "lowrank"])
def test_workspace_and_pieces_do_not_change_the_gradient(family: str) -> None:
    model, weights = random_ensemble(family)
    inputs, targets, _ = _batch()
    results = []
    work = Workspace()
    for piece in (5, 1, 3):
        grads = {name: torch.zeros_like(value) for name, value in weights.items() if name != "initial_state"}
        batch_loss(model, weights, GAMMA, inputs, targets, None, work, grads, piece=piece)
        results.append(grads)
    for other in results[1:]:
        for name, value in other.items():
            torch.testing.assert_close(value, results[0][name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("family", ["vanilla", "vanilla-relu", "gru", "lstm"])
def test_agrees_with_torch_modules(family: str) -> None:
    name, _, phi = family.partition("-")
    model, weights = random_ensemble(name, phi or "tanh", networks=1)
    del weights["initial_state"]
    kind = {"vanilla": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[name]
    options = {"nonlinearity": phi} if phi else {}
    module = kind(3, 7, batch_first=True, dtype=torch.float64, **options)
    with torch.no_grad():
        module.weight_ih_l0.copy_(weights["input.weight"][0])
        module.weight_hh_l0.copy_(weights["recurrent.weight"][0])
        module.bias_hh_l0.copy_(weights["recurrent.bias"][0])
        module.bias_ih_l0.copy_(weights.get("input.bias", torch.zeros(1, 1))[0])
        inputs, _, _ = _batch()
        expected, _ = module(inputs[0])
        trace = model.scan(weights, inputs[:1].transpose(1, 2).contiguous(), Workspace())
    torch.testing.assert_close(trace.states[0].transpose(0, 1), expected, rtol=0, atol=1e-13)


def test_lowrank_is_current_with_the_product() -> None:
    model, weights = random_ensemble("lowrank")
    full = {k: v for k, v in weights.items() if not k.startswith("recurrent.l") and k != "recurrent.right"}
    full["recurrent.weight"] = weights["recurrent.left"] @ weights["recurrent.right"].transpose(1, 2) / 7
    current = make_model(architecture("current"))
    inputs = _batch()[0].transpose(1, 2).contiguous()
    first = model.scan(weights, inputs, Workspace()).states
    second = current.scan(full, inputs, Workspace()).states
    torch.testing.assert_close(first, second, rtol=0, atol=1e-14)


@pytest.mark.parametrize("family", ["vanilla", "mup", "leaky", "current", "lowrank", "plrnn", "gru", "lstm"])
def test_missing_biases_count_as_zero(family: str) -> None:
    model, weights = random_ensemble(family)
    bare = {name: value for name, value in weights.items() if not name.endswith("bias")}
    zeroed = {name: torch.zeros_like(v) if name.endswith("bias") else v for name, v in weights.items()}
    inputs, _, _ = _batch()
    for run in (loop_outputs(model, bare, GAMMA, inputs)[0], _scan_outputs(model, bare, inputs)):
        torch.testing.assert_close(run, loop_outputs(model, zeroed, GAMMA, inputs)[0], rtol=0, atol=1e-13)


def _scan_outputs(model, weights, inputs):  # type: ignore[no-untyped-def]
    trace = model.scan(weights, inputs.transpose(1, 2).contiguous(), Workspace())
    return model.readout(weights, GAMMA, trace.features.flatten(1, 2)).view(3, 11, 5, 2).transpose(1, 2)
