"""Weight decay and clipping against torch, what is drawn for memory units, and training with all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rnnkit.checkpoints import Checkpoint
from rnnkit.stages.train import train
from rnnkit.training.flat import trained_shapes, unpack
from rnnkit.training.optimizers import clip_, decay_of, empty_moments, make_update
from rnnkit.training.plans import plan_networks
from rnnkit.training.schedules import plateau_factor
from rnnkit.training.settings import NetworkPlan, group_plans

QUICK = {"units": 8, "batch": 4, "epochs": 2, "steps_per_epoch": 4, "validation_trials": 4, "dtype": "float64"}


def plans(vary: dict[str, list[str]] | None = None, seeds: int = 1, **settings: Any) -> list[NetworkPlan]:
    return plan_networks("flipflop", {"bits": 2, "steps": 10}, QUICK | settings, range(seeds), vary)


def trained(vary: dict[str, list[str]] | None = None, seeds: int = 1, **settings: Any) -> list[Checkpoint]:
    return train(plans(vary, seeds, **settings)).networks


def moved(chosen: list[NetworkPlan], start: torch.Tensor, grads: list[torch.Tensor]) -> torch.Tensor:
    """Weights after the updates of a chunk."""
    flat = start.clone()
    lr = torch.tensor([plan.settings.lr for plan in chosen], dtype=torch.float64)
    update = make_update(chosen, *empty_moments(chosen[0].settings.optimizer, flat), lr)
    decay = decay_of(chosen, None, flat)
    for step, grad in enumerate(grads, 1):
        own = grad.clone()
        if decay is not None:
            decay.apply_(flat, own, lr)
        update(flat, own, step)
    return flat


@pytest.mark.parametrize(
    ("model", "rank", "held"),
    [
        ("plrnn", 0, ["recurrent.weight"]),
        ("gru", 0, ["recurrent.weight"]),
        ("leaky", 2, ["recurrent.left", "recurrent.right"]),
    ],
)
@pytest.mark.parametrize("mode", ["decoupled", "l2"])
def test_weight_decay_is_torch_s(model: str, rank: int, held: list[str], mode: str) -> None:
    """AdamW, resp. Adam with weight_decay, on the recurrent weights alone, at two strengths in one batch."""
    chosen = plans({"weight_decay": ["0.3", "0"]}, model=model, rank=rank, weight_decay_mode=mode, lr=0.05)
    draw = torch.Generator().manual_seed(0)
    size = sum(int(np.prod(shape)) for shape in trained_shapes(chosen[0].architecture).values())
    start = torch.randn(2, size, generator=draw, dtype=torch.float64)
    grads = [torch.randn(2, size, generator=draw, dtype=torch.float64) for _ in range(5)]
    found = unpack(chosen[0].architecture, moved(chosen, start, grads))
    kind = torch.optim.AdamW if mode == "decoupled" else torch.optim.Adam
    for k, strength in enumerate((0.3, 0.0)):
        own = {name: value[k].clone() for name, value in unpack(chosen[0].architecture, start).items()}
        groups = [{"params": [w], "weight_decay": strength if name in held else 0.0} for name, w in own.items()]
        optimiser = kind(groups, lr=0.05)
        for grad in grads:
            for name, value in unpack(chosen[0].architecture, grad).items():
                own[name].grad = value[k].clone()
            optimiser.step()
        for name, value in own.items():
            torch.testing.assert_close(found[name][k], value, rtol=1e-12, atol=1e-14)


def test_clipping_is_a_loop_over_networks() -> None:
    draw = torch.Generator().manual_seed(0)
    grad = torch.randn(4, 30, generator=draw, dtype=torch.float64) * torch.tensor([[0.01], [1.0], [10.0], [10.0]])
    most = torch.tensor([1.0, 1.0, 2.0, torch.inf], dtype=torch.float64)
    expected = []
    for row, limit in zip(grad, most, strict=True):
        parameter = torch.nn.Parameter(torch.zeros(30, dtype=torch.float64))
        parameter.grad = row.clone()
        torch.nn.utils.clip_grad_norm_([parameter], float(limit))
        expected.append(parameter.grad)
    found = grad.clone()
    clip_(found, found.norm(dim=1), most)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-14, atol=0)
    assert torch.equal(found[3], grad[3])


def test_a_network_is_clipped_whatever_its_company() -> None:
    together = trained({"clip": ["0", "0.05"]}, optimizer="sgd", lr=0.5)
    alone = [trained(optimizer="sgd", lr=0.5, clip=clip)[0] for clip in (0.0, 0.05)]
    for one, other in zip(together, alone, strict=True):
        for name, value in one.weights.items():
            np.testing.assert_allclose(value, other.weights[name], rtol=1e-12, atol=1e-15)
    moves = [
        np.linalg.norm(np.concatenate([(net.weights[k] - net.initial[k]).ravel() for k in net.weights]))
        for net in together
    ]
    assert moves[1] <= 8 * 0.5 * 0.05 * (1 + 1e-12) < moves[0]


def test_weights_decay_to_nothing_and_frozen_ones_do_not() -> None:
    (net,) = trained(weight_decay=400.0, lr=1e-3, freeze="recurrent.weight:3")
    kept = np.arange(8) == 3
    assert np.abs(net.weights["recurrent.weight"][:, ~kept]).max() < 0.05
    np.testing.assert_array_equal(net.weights["recurrent.weight"][:, kept], net.initial["recurrent.weight"][:, kept])


def test_penalties_are_told_apart_and_memory_units_start_without_theirs() -> None:
    """One step an epoch: the first row is of the weights before training, where MAI leaves nothing to MAR."""
    settings = {"model": "plrnn", "mai": True, "memory_units": 3, "steps_per_epoch": 1, "tcr": 0.1}
    done = train(plans({"mar": ["0", "5"]}, **settings))
    rows = done.table.sort_by("epoch").to_pylist()
    first, second = (row["mar_loss"] for row in rows if row["network"].endswith("mar5-s0"))
    assert first == 0.0 < second
    assert all(row["mar_loss"] is None for row in rows if row["network"].endswith("mar0-s0"))
    assert all(row["tcr_loss"] > 0 and row["task_loss"] == pytest.approx(row["loss"]) for row in rows)
    for net in done.networks:
        assert (net.initial["recurrent.diagonal"][:3] == 1).all()
        assert (net.initial["recurrent.diagonal"][3:] == 0.5).all()
        assert not net.initial["recurrent.weight"][:3].any()
        assert net.initial["recurrent.weight"][3:].all()
        assert net.training["memory_units"] == 3
    assert trained()[0].training["memory_units"] == 8


def test_strong_penalties_do_what_they_are_for() -> None:
    steady, free = trained({"tcr": ["100", "0"]}, model="plrnn", epochs=20)
    bound, loose = trained({"mar": ["100", "0"]}, model="plrnn", epochs=20, lr=0.05, memory_units=2)
    away = [np.abs(net.weights["recurrent.diagonal"][:2] - 1).max() for net in (bound, loose)]
    assert away[0] < 0.1 < away[1]
    sizes = [np.linalg.norm(net.weights["input.weight"]) for net in (steady, free)]
    assert sizes[0] < sizes[1]  # states that may not move let no input in


def test_one_batch_holds_all_strengths() -> None:
    vary = {"tcr": ["0", "1"], "mar": ["0", "1"], "clip": ["0", "1"], "weight_decay": ["0", "1"]}
    vary |= {"memory_units": ["1", "8"], "init_a": ["half", "small"], "mai": ["false", "true"]}
    assert len(group_plans(plans(vary, model="plrnn"))) == 1


def test_zero_diagonal_stays_zero() -> None:
    (net,) = trained(model="plrnn", zero_diagonal=True, weight_decay=0.1, mar=1.0, lr=0.05)
    for held in (net.initial, net.weights):
        matrix = held["recurrent.weight"]
        assert not np.diagonal(matrix).any()
        assert (matrix[~np.eye(8, dtype=bool)] != 0).all()


def test_init_gain_is_gaussian_with_its_gain() -> None:
    one, other = (trained(**settings)[0] for settings in ({"init_gain": 3.0}, {"init": "gaussian", "gain": 3.0}))
    for name, value in one.weights.items():
        np.testing.assert_array_equal(value, other.weights[name])
    assert (one.training["init"], one.training["gain"], one.training["init_gain"]) == ("gaussian", 3.0, 3.0)


def test_a_schedule_s_patience_and_factor_are_torch_s() -> None:
    rng = np.random.default_rng(0)
    losses = [float(v) for v in np.maximum(rng.random(60), 0.3)]
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.25, patience=5)
    for k, loss in enumerate(losses, 1):
        schedule.step(loss)
        assert plateau_factor(losses[:k], 5, 0.25) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-6, abs=1e-8)
    rates = train(plans(schedule="plateau:0,0.1", epochs=6, lr=1e-9)).table["lr"].to_pylist()
    assert min(rates) < 1e-9 * 0.11
