"""The coordinate check of specification "degeneracy", sections 2 and 8: how far one and ten Adam steps move things.

Tolerances are the specification's: measured there 1.09 (dh), 1.06 (dy), 3.7 (vanilla dy), 2.3 to 3.7 (gamma).
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.models import Workspace, make_model
from rnnkit.random_streams import stream
from rnnkit.stages.train import train
from rnnkit.tasks import make_task
from rnnkit.training.flat import pack, unpack
from rnnkit.training.plans import plan_networks

TASK = {"bits": 3, "steps": 30}


def _probe(
    family: str, arrays: list[dict[str, NDArray[np.float32]]], units: int, gamma: float
) -> tuple[torch.Tensor, ...]:
    """Pre-activations (h of mup, the drive of vanilla) and outputs on fixed trials, networks stacked."""
    plan = plan_networks("flipflop", TASK, {"model": family, "units": units, "gamma": gamma}, [0])[0]
    model = make_model(plan.architecture)
    weights = unpack(plan.architecture, pack(plan.architecture, arrays))
    inputs = make_task("flipflop", TASK).sample([stream(99, "evaluation")], 32).inputs
    x = torch.from_numpy(inputs).transpose(1, 2).repeat(len(arrays), 1, 1, 1).contiguous()
    trace = model.scan(weights, x, Workspace())
    scale = torch.full((len(arrays),), gamma)
    outputs = model.readout(weights, scale, trace.features.flatten(1, 2))
    states = trace.states.atanh() if family == "vanilla" else trace.states
    return states.flatten(1), outputs.flatten(1)


@functools.cache
def _moves(family: str, units: int, gamma: float, steps: int) -> tuple[float, float]:
    """Root mean square change of pre-activations and outputs after some steps, mean over eight networks."""
    settings = {"model": family, "units": units, "gamma": gamma, "lr": 1e-3, "batch": 64}
    settings |= {"epochs": 1, "steps_per_epoch": steps, "validation_trials": 1}
    trained = train(plan_networks("flipflop", TASK, settings, range(8)), threads=2).networks
    before = _probe(family, [network.initial for network in trained], units, gamma)
    after = _probe(family, [network.weights for network in trained], units, gamma)
    return tuple(float((b - a).square().mean(1).sqrt().mean()) for a, b in zip(before, after, strict=True))  # type: ignore[return-value]


def test_updates_do_not_depend_on_width_in_mup() -> None:
    moves = np.array([_moves("mup", units, 1.0, 10) for units in (64, 128, 256, 512)])
    spread = moves.max(0) / moves.min(0)
    assert spread[0] < 1.25
    assert spread[1] < 1.15


def test_outputs_move_more_in_wider_vanilla_networks() -> None:
    assert _moves("vanilla", 512, 1.0, 10)[1] / _moves("vanilla", 64, 1.0, 10)[1] > 2.5


def test_gamma_scales_the_states_but_not_the_outputs() -> None:
    for units in (64, 256):
        one, three = _moves("mup", units, 1.0, 1), _moves("mup", units, 3.0, 1)
        assert 2.2 < three[0] / one[0] < 4
        assert 0.8 < three[1] / one[1] < 1.25


def test_initial_output_falls_with_gamma_and_root_width() -> None:
    sizes = {}
    for units, gamma in ((64, 1.0), (512, 1.0), (64, 4.0)):
        plans = plan_networks("flipflop", TASK, {"model": "mup", "units": units, "gamma": gamma}, range(4))
        from rnnkit.models.initialisation import draw_weights

        drawn = [draw_weights(p.architecture, "mup", 1.0, stream(p.seed, "weights")) for p in plans]
        sizes[units, gamma] = float(_probe("mup", drawn, units, gamma)[1].square().mean().sqrt())
    assert 0.6 < sizes[64, 1.0] / sizes[512, 1.0] / np.sqrt(8) < 1.6
    assert 0.9 < sizes[64, 1.0] / sizes[64, 4.0] / 4 < 1.1
