"""The tangent kernel as its definition has it: every row of J by autograd through a plain loop, K as a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.models import Model, Weights

Array = NDArray[np.float64]


def jacobian(model: Model, weights: Weights, gamma: Tensor, inputs: Tensor, names: Sequence[str]) -> Array:
    """dy / dW, (networks, trials * steps * outputs, parameters), of inputs (trials, steps, inputs)."""
    networks = len(gamma)
    leaves = {name: value.clone().requires_grad_(name in names) for name, value in weights.items()}
    state = model.initial_state(leaves, len(inputs))
    outputs = []
    for t in range(inputs.shape[1]):
        state = model.step(leaves, state, inputs[:, t].expand(networks, *inputs[:, t].shape))
        outputs.append(model.readout(leaves, gamma, model.features(state)))
    rows = []
    # Networks share nothing, so the gradient of their sum is that of each by its own weights.
    for number in torch.stack(outputs, 2).sum(0).flatten():
        found = torch.autograd.grad(number, [leaves[name] for name in names], retain_graph=True, allow_unused=True)
        whole = [torch.zeros_like(leaves[n]) if g is None else g for n, g in zip(names, found, strict=True)]
        rows.append(torch.cat([g.flatten(1) for g in whole], 1))
    return torch.stack(rows, 1).numpy()


def alignment(after: Array, before: Array) -> float:
    """Tr(K_f K_0) / (|K_f| |K_0|) of two Jacobians (rows, parameters)."""
    first, second = after @ after.T, before @ before.T
    return float(np.trace(first @ second) / (np.linalg.norm(first) * np.linalg.norm(second)))
