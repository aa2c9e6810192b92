"""Temporal consistency and memory penalties: gradients against autograd through a plain loop, and their limits."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.models import Model, Weights, Workspace, make_model
from rnnkit.models.initialisation import default_initialisation, draw_weights
from rnnkit.numerics.temporal_steps import _add_steps_at_once, add_step_penalty_
from rnnkit.training.consistency import consistency_of
from rnnkit.training.flat import pack, unpack
from rnnkit.training.gradients import batch_loss
from rnnkit.training.memory import MemoryPenalty, memory_penalty_of, start_as_integrators

NETWORKS, UNITS, INPUTS, OUTPUTS, TRIALS, STEPS = 3, 7, 3, 2, 5, 11
GAMMA = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)

#: Family, rank, readout, and what the penalty is on.
CASES = [
    *[(family, 0, "linear", "state") for family in ("vanilla", "plrnn", "gru", "lstm", "leaky")],
    ("leaky", 0, "linear", "current"),
    ("leaky", 0, "linear", "both"),
    ("leaky", 2, "linear", "both"),
    ("leaky", 2, "latent", "both"),
]


def ensemble(family: str, rank: int = 0, readout: str = "linear") -> tuple[Model, Weights]:
    """Networks in float64 with no zero among their weights."""
    rate = 0.3 if family == "leaky" else 1.0
    shape = Architecture(
        family=family, units=UNITS, inputs=INPUTS, outputs=OUTPUTS, rate=rate, rank=rank, readout=readout
    )
    rng = np.random.default_rng(4)
    kind = default_initialisation(family, low_rank=rank > 0)
    drawn = [draw_weights(shape, kind, 1.0, rng, "float64") for _ in range(NETWORKS)]
    noise = torch.Generator().manual_seed(1)
    weights = {name: value.clone() for name, value in unpack(shape, pack(shape, drawn, "float64")).items()}
    for value in weights.values():
        value += 0.1 * torch.randn(value.shape, generator=noise, dtype=torch.float64)
    weights["initial_state"] = 0.3 * torch.randn(NETWORKS, UNITS, generator=noise, dtype=torch.float64)
    return make_model(shape), weights


def plans(model: Model, tcr: list[float], on: str, counts: list[int], mar: float = 0.0) -> list[SimpleNamespace]:
    """What the penalties read of plans."""
    return [
        SimpleNamespace(
            architecture=model.architecture,
            settings=SimpleNamespace(tcr=strength, tcr_on=on, mar=mar),
            memory_units=count,
        )
        for strength, count in zip(tcr, counts, strict=True)
    ]


def batch() -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(NETWORKS, TRIALS, STEPS, INPUTS, generator=draw, dtype=torch.float64)
    targets = torch.randn(NETWORKS, TRIALS, STEPS, OUTPUTS, generator=draw, dtype=torch.float64)
    return inputs, targets, torch.rand(NETWORKS, TRIALS, STEPS, generator=draw, dtype=torch.float64)


def run(model: Model, weights: Weights, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, states and currents (networks, trials, steps, .) step by step; currents of `leaky` from its step."""
    alpha = model.architecture.rate
    state, found = model.initial_state(weights, TRIALS), []
    for t in range(STEPS):
        before, state = state, model.step(weights, state, inputs[:, :, t])
        hidden = state[..., :UNITS]
        current = hidden
        if model.has_currents:  # the rate is what the step moved by
            current = torch.atanh((hidden - (1 - alpha) * before) / alpha)
        found.append((model.readout(weights, GAMMA, hidden), hidden, current))
    outputs, states, currents = (torch.stack(values, 2) for values in zip(*found, strict=True))
    return outputs, states, currents


def roughness(x: Tensor, count: int) -> Tensor:
    """The penalty of one network, (trials, steps, units), as the paper writes it: one trial, one step at a time."""
    total = x.new_zeros(())
    for trial in x:
        for t in range(1, len(trial)):
            total = total + ((trial[t] - trial[t - 1])[:count] ** 2).sum() / len(trial)
    return total / len(x)


@pytest.mark.parametrize(("family", "rank", "readout", "on"), CASES)
def test_backward_with_temporal_consistency_agrees_with_autograd(family: str, rank: int, readout: str, on: str) -> None:
    """Strengths and numbers of units differ by network; the middle one has none. Pieces of 2 trials."""
    model, weights = ensemble(family, rank, readout)
    inputs, targets, mask = batch()
    tcr, counts = [0.7, 0.0, 2.0], [UNITS, 4, 3]
    penalty = consistency_of(plans(model, tcr, on, counts), targets)
    assert penalty is not None
    model.keep_currents = penalty.on_currents()
    grads = {name: torch.zeros_like(value) for name, value in weights.items() if name != "initial_state"}
    found = batch_loss(model, weights, GAMMA, inputs, targets, mask, Workspace(), grads, piece=2, consistency=penalty)

    leaves = {name: value.clone().requires_grad_(name in grads) for name, value in weights.items()}
    outputs, states, currents = run(model, leaves, inputs)
    square = mask[..., None] * (outputs - targets) ** 2
    task = square.sum((1, 2, 3)) / (OUTPUTS * mask.sum((1, 2)))
    held = {"state": [states], "current": [currents], "both": [states, currents]}[on]
    rough = torch.stack([sum(tcr[k] * roughness(x[k], counts[k]) for x in held) for k in range(NETWORKS)])
    (task + rough).sum().backward()
    torch.testing.assert_close(found.total, task.detach(), rtol=1e-12, atol=0)
    assert found.consistency is not None
    torch.testing.assert_close(found.consistency, rough.detach(), rtol=1e-10, atol=0)
    assert found.consistency[1] == 0
    for name, grad in grads.items():
        expected = leaves[name].grad
        assert expected is not None
        assert (grad - expected).abs().max() <= 1e-10 * expected.abs().max(), name


def test_a_network_without_the_penalty_is_not_touched_by_that_of_its_company() -> None:
    model, weights = ensemble("plrnn")
    inputs, targets, _ = batch()
    found = []
    for penalty in (None, consistency_of(plans(model, [1.0, 0.0, 1.0], "state", [UNITS] * 3), targets)):
        grads = {name: torch.zeros_like(value) for name, value in weights.items() if name != "initial_state"}
        batch_loss(model, weights, GAMMA, inputs, targets, None, Workspace(), grads, consistency=penalty)
        found.append(grads)
    for name, value in found[0].items():
        assert torch.equal(value[1], found[1][name][1]), name
        if not name.startswith("readout"):
            assert not torch.equal(value[0], found[1][name][0]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_and_plain_penalty_agree(dtype: torch.dtype) -> None:
    """The loop for a CPU and the lines for other devices, each against autograd."""
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(2, 6, 3, 5, generator=draw, dtype=dtype)
    weight = torch.rand(2, 5, generator=draw, dtype=dtype)
    leaf = x.double().clone().requires_grad_()
    expected = (weight.double()[:, None, None] * (leaf[:, 1:] - leaf[:, :-1]) ** 2).sum((1, 2, 3))
    expected.sum().backward()
    close = 1e-5 if dtype == torch.float32 else 1e-13
    for penalty in (add_step_penalty_, _add_steps_at_once):
        grad = torch.zeros(2, 6, 3, 5, dtype=dtype)
        torch.testing.assert_close(penalty(x, weight, grad), expected.detach(), rtol=close, atol=0)
        torch.testing.assert_close(grad.double(), leaf.grad, rtol=close, atol=close)


def test_a_constant_trajectory_costs_nothing_and_nan_is_not_hidden() -> None:
    x, grad = torch.full((1, 4, 2, 3), 0.7), torch.zeros(1, 4, 2, 3)
    assert add_step_penalty_(x, torch.ones(1, 3), grad).item() == 0
    assert not grad.any()
    x[0, 1, 0, 0] = torch.nan
    assert add_step_penalty_(x, torch.ones(1, 3), grad).isnan().all()
    assert add_step_penalty_(x[:, :1], torch.ones(1, 3), grad[:, :1].contiguous()).item() == 0  # one step: no move


def test_memory_penalty_agrees_with_autograd() -> None:
    model, weights = ensemble("plrnn")
    counts = [2, UNITS, 1]
    penalty = memory_penalty_of(plans(model, [0.0] * 3, "state", counts, mar=0.3), GAMMA)
    assert penalty is not None
    grads = {name: torch.zeros_like(value) for name, value in weights.items()}
    found = penalty.add_gradient(weights, grads)
    leaves = {name: value.clone().requires_grad_() for name, value in weights.items()}
    total = torch.zeros(NETWORKS, dtype=torch.float64)
    for k, count in enumerate(counts):
        for i in range(count):
            total[k] += 0.3 * (leaves["recurrent.diagonal"][k, i] - 1) ** 2
            total[k] += 0.3 * (leaves["recurrent.weight"][k, i] ** 2).sum()
            total[k] += 0.3 * leaves["recurrent.bias"][k, i] ** 2
    total.sum().backward()
    torch.testing.assert_close(found, total.detach(), rtol=1e-13, atol=0)
    for name, grad in grads.items():
        expected = leaves[name].grad
        torch.testing.assert_close(grad, torch.zeros_like(grad) if expected is None else expected, rtol=1e-13, atol=0)


def test_integrators_before_training_have_no_memory_penalty_and_add_up_their_input() -> None:
    """The limit of the paper's eq. S8: h_i[T] = sum_t (U x_t)_i, whatever the other units do."""
    shape = Architecture(family="plrnn", units=UNITS, inputs=INPUTS, outputs=OUTPUTS)
    drawn = draw_weights(shape, "uniform", 1.0, np.random.default_rng(0), "float64")
    held = start_as_integrators(drawn, 4)
    weights = unpack(shape, pack(shape, [held], "float64"))
    strength = torch.zeros(1, UNITS, dtype=torch.float64)
    strength[:, :4] = 5.0
    grads = {name: torch.zeros_like(value) for name, value in weights.items()}
    assert MemoryPenalty(strength).add_gradient(weights, grads).item() == 0
    assert not any(grad.any() for grad in grads.values())
    inputs = batch()[0][:1]
    last = make_model(shape).scan(weights, inputs.transpose(1, 2).contiguous(), Workspace()).states[0, -1]
    expected = inputs[0].sum(1) @ weights["input.weight"][0].T
    torch.testing.assert_close(last[:, :4], expected[:, :4], rtol=0, atol=1e-12)
    assert (last[:, 4:] - expected[:, 4:]).abs().min() > 1e-3
    for name in ("input.weight", "readout.weight", "readout.bias"):
        np.testing.assert_array_equal(held[name], drawn[name])


def test_latent_outputs_are_the_latent_variables_and_their_recursion_is_closed() -> None:
    """kappa <- (1 - a) kappa + a right^T tanh(left kappa + U x + b) / N, to 1e-12."""
    model, weights = ensemble("leaky", 2, "latent")
    del weights["initial_state"]
    inputs = batch()[0]
    trace = model.scan(weights, inputs.transpose(1, 2).contiguous(), Workspace())
    outputs = model.readout(weights, torch.ones(NETWORKS, dtype=torch.float64), trace.features.flatten(1, 2))
    outputs = outputs.view(NETWORKS, STEPS, TRIALS, 2)
    left, right = weights["recurrent.left"], weights["recurrent.right"]
    kappa = torch.zeros(NETWORKS, TRIALS, 2, dtype=torch.float64)
    for t in range(STEPS):
        drive = kappa @ left.transpose(1, 2) + inputs[:, :, t] @ weights["input.weight"].transpose(1, 2)
        rate = torch.tanh(drive + weights["recurrent.bias"][:, None])
        kappa = 0.7 * kappa + 0.3 * rate @ right / UNITS
        torch.testing.assert_close(outputs[:, t], kappa, rtol=0, atol=1e-12)


def test_leaky_of_low_rank_is_leaky_with_the_product() -> None:
    model, weights = ensemble("leaky", 2)
    full = {name: value for name, value in weights.items() if name not in ("recurrent.left", "recurrent.right")}
    full["recurrent.weight"] = weights["recurrent.left"] @ weights["recurrent.right"].transpose(1, 2) / UNITS
    inputs = batch()[0].transpose(1, 2).contiguous()
    first, second = (m.scan(w, inputs, Workspace()).states for m, w in ((model, weights), (ensemble("leaky")[0], full)))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-13)
