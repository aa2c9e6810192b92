"""Small random ensembles of every family, and the slow loop that scans are checked against."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.models import Model, Weights, make_model
from rnnkit.models.initialisation import default_initialisation, draw_weights
from rnnkit.training.flat import pack, unpack

CASES = [(family, phi) for family, spec in FAMILIES.items() for phi in spec.nonlinearities]


def architecture(family: str, phi: str = "tanh", units: int = 7, inputs: int = 3, outputs: int = 2) -> Architecture:
    spec = FAMILIES[family]
    return Architecture(
        family=family,
        units=units,
        inputs=inputs,
        outputs=outputs,
        nonlinearity=phi if phi in spec.nonlinearities else spec.nonlinearities[0],
        rate=0.3 if spec.rate_name else 1.0,
        rank=2 if spec.low_rank else 0,
    )


def random_ensemble(family: str, phi: str = "tanh", networks: int = 3, units: int = 7) -> tuple[Model, Weights]:
    """A model and float64 weights with no zero in them, initial states included."""
    shape = architecture(family, phi, units)
    generator = np.random.default_rng(5)
    drawn = [draw_weights(shape, default_initialisation(family), 1.0, generator) for _ in range(networks)]
    weights = {name: value.clone() for name, value in unpack(shape, pack(shape, drawn).double()).items()}
    noise = torch.Generator().manual_seed(1)
    for name, value in weights.items():
        weights[name] = value + 0.1 * torch.randn(value.shape, generator=noise, dtype=torch.float64)
    weights["initial_state"] = 0.3 * torch.randn(networks, units, generator=noise, dtype=torch.float64)
    return make_model(shape), weights


def loop_outputs(model: Model, weights: Weights, gamma: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and states (networks, trials, steps, .) by one plain step after the other."""
    state = model.initial_state(weights, inputs.shape[1])
    outputs, states = [], []
    for t in range(inputs.shape[2]):
        state = model.step(weights, state, inputs[:, :, t])
        states.append(state[..., : model.architecture.units])
        outputs.append(model.readout(weights, gamma, model.features(state)))
    return torch.stack(outputs, 2), torch.stack(states, 2)
