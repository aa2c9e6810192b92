"""Training by plain autograd and torch's own optimisers, one network at a time: slow and obvious."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from rnnkit.tasks import Trials

__all__ = ["lowrank_outputs", "train_by_autograd"]

Tensors = dict[str, Tensor]
Outputs = Callable[[Tensors, Tensor], Tensor]


def lowrank_outputs(alpha: float, phi: Callable[[Tensor], Tensor]) -> Outputs:
    """h <- (1 - alpha) h + alpha (left right^T phi(h) / N + U x + b), y = R phi(h) / N + c, written out."""

    def outputs(w: Tensors, x: Tensor) -> Tensor:
        units = len(w["recurrent.left"])
        h = torch.zeros(len(x), units, dtype=x.dtype)
        if "initial_state" in w:
            h = h + w["initial_state"]
        out = []
        for t in range(x.shape[1]):
            drive = phi(h) @ w["recurrent.right"] @ w["recurrent.left"].T / units + x[:, t] @ w["input.weight"].T
            h = (1 - alpha) * h + alpha * (drive + w.get("recurrent.bias", 0.0))
            out.append(phi(h) @ w["readout.weight"].T / units + w.get("readout.bias", 0.0))
        return torch.stack(out, 1)

    return outputs


def train_by_autograd(
    outputs: Outputs,
    start: Mapping[str, np.ndarray],
    batches: Iterable[Trials],
    optimiser: Callable[[list[dict[str, object]]], torch.optim.Optimizer],
    rates: Callable[[str], float],
) -> tuple[dict[str, np.ndarray], list[float]]:
    """Return weights and losses, the loss of each step before it, in float64.

    Parameters
    ----------
    outputs : callable
        Of weights and inputs (trials, steps, inputs).
    batches : iterable of Trials
        Of one network, one for each step.
    optimiser : callable
        Of torch's parameter groups.
    rates : callable
        Learning rate of a tensor by its name.
    """
    weights = {k: torch.tensor(v, dtype=torch.float64, requires_grad=k != "initial_state") for k, v in start.items()}
    trained = {name: w for name, w in weights.items() if w.requires_grad}
    moves = optimiser([{"params": [w], "lr": rates(name)} for name, w in trained.items()])
    losses = []
    for trials in batches:
        x, y = (torch.from_numpy(np.ascontiguousarray(v[0])).double() for v in (trials.inputs, trials.targets))
        mask = torch.ones(y.shape[:2], dtype=y.dtype)
        if trials.mask is not None:
            mask = torch.from_numpy(np.ascontiguousarray(trials.mask[0])).double()
        error = (outputs(weights, x) - y) ** 2 * mask[..., None]
        loss = error.sum() / (mask.sum() * y.shape[-1])
        moves.zero_grad()
        loss.backward()
        moves.step()
        losses.append(float(loss.detach()))
    return {name: w.detach().numpy() for name, w in weights.items()}, losses
