"""Penalties on the recurrent weights (paper "degeneracy", section 3.4), on the W that acts.

In `mup` that is J / N, of low rank left right^T / N. Gated cells are penalised gate by gate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rnnkit.models.base import Model, Weights

__all__ = ["add_penalty_gradients"]


def _by_matrix(l1: Tensor, nuclear: Tensor, matrix: Tensor, gates: int = 1) -> Tensor:
    """Gradient of l1 |W|_1 + nuclear |W|_* by a matrix (networks, gates * rows, columns), sign(0) = 0."""
    gradient = torch.zeros_like(matrix)
    if bool(l1.any()):
        gradient += l1[:, None, None] * matrix.sign()
    if bool(nuclear.any()):
        blocks = matrix.unflatten(1, (gates, -1))
        # A network that diverged must not stop the others' decomposition; it is dealt with at the epoch's end.
        left, _, right = torch.linalg.svd(torch.nan_to_num(blocks, 0.0, 0.0, 0.0), full_matrices=False)
        gradient += nuclear[:, None, None] * (left @ right).flatten(1, 2)
    return gradient


def add_penalty_gradients(
    model: Model, weights: Weights, l1: Tensor, nuclear: Tensor, grads: Weights, everywhere: bool = False
) -> None:
    """Add the gradient of l1 sum |W_ij| + nuclear sum sigma_i to `grads`.

    Parameters
    ----------
    model : Model
    weights, grads : dict of (networks, ...) tensors
    l1, nuclear : (networks,)
        Strengths, one per network; 0 for none.
    everywhere : bool
        Also penalise the input and readout weights, as stored.
    """
    if not bool(l1.any()) and not bool(nuclear.any()):
        return
    gates = model.architecture.spec.gates
    if model.architecture.low_rank:
        units = model.architecture.units
        left, right = weights["recurrent.left"], weights["recurrent.right"]
        effective = left @ right.transpose(1, 2) / units
        gradient = _by_matrix(l1, nuclear, effective) / units
        grads["recurrent.left"] += gradient @ right
        grads["recurrent.right"] += gradient.transpose(1, 2) @ left
    else:
        recurrent = weights["recurrent.weight"]
        scale = 1.0
        if model.family == "mup":
            recurrent, scale = recurrent / model.architecture.units, 1.0 / model.architecture.units
        grads["recurrent.weight"].add_(_by_matrix(l1, nuclear, recurrent, gates), alpha=scale)
    if everywhere:
        for name in [name for name in ("input.weight", "readout.weight") if name in grads]:
            grads[name] += _by_matrix(l1, nuclear, weights[name], gates if name == "input.weight" else 1)
