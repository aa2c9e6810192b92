"""Adam, schedules, penalties, chunks and plans, each against an independent reference."""

from __future__ import annotations

import pytest
import torch

from rnnkit.errors import InputError
from rnnkit.models.current import Current
from rnnkit.training.chunks import chunk_sizes
from rnnkit.training.optimizers import adam_step_
from rnnkit.training.penalties import add_penalty_gradients
from rnnkit.training.plans import parse_seeds, parse_vary, plan_networks
from rnnkit.training.schedules import cosine_factor, plateau_factor
from rnnkit.training.settings import Settings, group_plans

from ..models.helpers import random_ensemble


def test_adam_agrees_with_torch_per_network() -> None:
    draw = torch.Generator().manual_seed(0)
    lr, epsilon = torch.tensor([1e-3, 5e-2]).double(), torch.tensor([1e-8, 1e-3]).double()
    flat = torch.randn(2, 9, generator=draw, dtype=torch.float64)
    leaves = [row.clone().requires_grad_() for row in flat]
    optimisers = [
        torch.optim.Adam([leaf], lr=float(a), eps=float(e)) for leaf, a, e in zip(leaves, lr, epsilon, strict=True)
    ]
    first, second = torch.zeros_like(flat), torch.zeros_like(flat)
    for step in range(1, 30):
        grad = torch.randn(2, 9, generator=draw, dtype=torch.float64)
        for leaf, row, optimiser in zip(leaves, grad, optimisers, strict=True):
            leaf.grad = row.clone()
            optimiser.step()
        adam_step_(flat, grad.clone(), first, second, step, lr, epsilon)
    torch.testing.assert_close(flat, torch.stack([leaf.detach() for leaf in leaves]), rtol=1e-12, atol=1e-14)


def test_cosine_schedule_agrees_with_torch() -> None:
    optimiser = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, 5, 2)
    for epoch in range(60):
        assert cosine_factor(epoch, 5) == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-12)
        optimiser.step()
        schedule.step()


def test_plateau_schedule_agrees_with_torch() -> None:
    optimiser = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=40)
    losses: list[float] = []
    for epoch in range(200):
        losses.append(1.0 / (1 + epoch) if epoch < 30 else 0.05 + 0.001 * (epoch % 3))
        schedule.step(losses[-1])
        assert plateau_factor(losses) == pytest.approx(optimiser.param_groups[0]["lr"])
    assert plateau_factor(losses) < 1


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("family", ["vanilla", "mup", "leaky", "current", "lowrank", "gru", "lstm"])
def test_penalty_gradients_agree_with_autograd(family: str, everywhere: bool) -> None:
    model, weights = random_ensemble(family)
    l1, nuclear = torch.tensor([0.1, 0.0, 0.3]).double(), torch.tensor([0.0, 0.2, 0.4]).double()
    grads = {name: torch.zeros_like(value) for name, value in weights.items()}
    add_penalty_gradients(model, weights, l1, nuclear, grads, everywhere)
    leaves = {name: value.clone().requires_grad_() for name, value in weights.items()}
    if family == "lowrank":
        acting = leaves["recurrent.left"] @ leaves["recurrent.right"].transpose(1, 2) / 7
    elif isinstance(model, Current):
        acting = model.coupling.effective(leaves)["recurrent"]
    else:
        acting = leaves["recurrent.weight"]
    gates = model.architecture.spec.gates
    penalised = [(acting, gates)]
    if everywhere:
        penalised += [(leaves["input.weight"], gates), (leaves["readout.weight"], 1)]
    total = torch.zeros((), dtype=torch.float64)
    for matrix, blocks in penalised:
        singular = torch.linalg.svdvals(matrix.unflatten(1, (blocks, -1)))
        total = total + (l1 * matrix.abs().sum((1, 2))).sum() + (nuclear * singular.sum((1, 2))).sum()
    total.backward()
    for name, grad in grads.items():
        expected = leaves[name].grad
        expected = torch.zeros_like(grad) if expected is None else expected
        torch.testing.assert_close(grad, expected, rtol=1e-9, atol=1e-12)


def test_a_network_that_is_not_finite_does_not_stop_the_penalty_of_others() -> None:
    model, weights = random_ensemble("vanilla")
    weights["recurrent.weight"][1] = float("nan")
    grads = {name: torch.zeros_like(value) for name, value in weights.items()}
    add_penalty_gradients(model, weights, torch.zeros(3).double(), torch.ones(3).double(), grads)
    assert grads["recurrent.weight"][[0, 2]].isfinite().all()
    assert grads["recurrent.weight"][0].norm() > 0


@pytest.mark.parametrize(("networks", "threads"), [(1, 2), (3, 2), (8, 2), (20, 4), (7, 1)])
def test_chunks_cover_all_networks_evenly(networks: int, threads: int) -> None:
    sizes = chunk_sizes(networks, 64, 64, threads, one_kernel=False)
    assert sum(sizes) == networks
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) >= min(networks, threads)


def test_vary_keeps_one_batch_where_shapes_agree() -> None:
    vary = {"gamma": ["0.3", "3"], "lr": ["1e-3", "1e-2"], "init": ["uniform", "gaussian"], "l1": ["0", "1e-3"]}
    plans = plan_networks("flipflop", {}, {"units": 8}, [0, 1], vary)
    assert len(plans) == 32
    assert len(group_plans(plans)) == 1
    assert len({plan.name for plan in plans}) == 32
    widths = plan_networks("flipflop", {}, {}, [0], {"units": ["8", "16"], "bits": ["2", "3"]})
    assert len(group_plans(widths)) == 4
    assert widths[0].name == "flipflop-vanilla-n8-bits2-s0"


def test_presets_are_the_papers() -> None:
    lead = plan_networks("path-integration", {}, {"model": "mup"}, [0])[0]
    assert (lead.settings.lr, lead.settings.batch, lead.settings.schedule) == (1e-3, 64, "plateau")
    assert lead.architecture.rate == 0.1
    assert lead.architecture.units == 128
    given = plan_networks("sine", {}, {"lr": 0.01, "batch": 8}, [0])[0]
    assert (given.settings.lr, given.settings.batch, given.settings.stop_loss) == (0.01, 8, 0.05)


def test_adam_epsilon_shrinks_with_width_in_mup() -> None:
    wide = plan_networks("flipflop", {}, {"model": "mup", "units": 512, "gamma": 2.0}, [0])[0]
    assert wide.adam_epsilon() == pytest.approx(1e-8 / 64 / 2)
    assert plan_networks("flipflop", {}, {"units": 512}, [0])[0].adam_epsilon() == 1e-8


@pytest.mark.parametrize("text", ["", "a", "8:0", "3:3", "-1", "0:-2", "1,1", "0:4,2", "1.5", ":", "0:99999999"])
def test_seeds_that_make_no_sense(text: str) -> None:
    with pytest.raises(InputError):
        parse_seeds(text)


@pytest.mark.parametrize("texts", [["gamma"], ["gamma="], ["=1"], ["gamma=1,,2"], ["gamma=1", "gamma=2"], ["lr=1,1"]])
def test_vary_that_makes_no_sense(texts: list[str]) -> None:
    with pytest.raises(InputError):
        parse_vary(texts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": 0.0},
        {"lr": float("nan")},
        {"batch": 0},
        {"epochs": 0},
        {"steps_per_epoch": 0},
        {"validation_trials": 0},
        {"restart": 0},
        {"patience": -1},
        {"snapshots": -1},
        {"l1": -1.0},
        {"l1": float("nan")},
        {"nuclear": -1.0},
        {"epsilon": 0.0},
        {"schedule": "linear"},
        {"stop_on": "none"},
        {"penalty_on": "bias"},
        {"init": "zeros"},
    ],
)
def test_settings_refuse_nonsense(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Settings(**wrong)  # type: ignore[arg-type]
