"""How far a trajectory moves from step to step, squared and weighted by unit, with its gradient in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.numerics.compiled import compiled_keeping_nan

__all__ = ["add_step_penalty_"]


def add_step_penalty_(x: Tensor, weight: Tensor, grad: Tensor) -> Tensor:
    """Return sum_{t>=2} sum_i w_i (x_t - x_{t-1})_i^2 per network, summed over trials; add its gradient to `grad`.

    The gradient goes through both states of each difference.

    Parameters
    ----------
    x : (networks, steps, trials, units) float32 or float64
    weight : (networks, units)
        Of the same type; 0 for units that are left alone.
    grad : (networks, steps, trials, units)
        Added to.

    Returns
    -------
    (networks,) float64
        NaN or infinite where a state is: a network that diverged is the caller's to deal with.

    Examples
    --------
    >>> x, grad = torch.tensor([0.0, 1.0, 3.0]).view(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
    >>> add_step_penalty_(x, torch.ones(1, 1), grad).item(), grad.flatten().tolist()
    (5.0, [-2.0, -2.0, 4.0])
    """
    if x.device.type == "cpu":
        found = torch.empty(x.shape[0], dtype=torch.float64)
        _add_steps(x.numpy(), weight.numpy(), grad.numpy(), np.empty(x.shape[-1], dtype=x.numpy().dtype), found.numpy())
        return found
    return _add_steps_at_once(x, weight, grad)


def _add_steps_at_once(x: Tensor, weight: Tensor, grad: Tensor) -> Tensor:
    """Do it with a kernel for each operation, as a GPU likes it."""
    step = x[:, 1:] - x[:, :-1]
    weighted = step * weight[:, None, None]
    grad[:, 1:].add_(weighted, alpha=2.0)
    grad[:, :-1].sub_(weighted, alpha=2.0)
    return (weighted * step).double().sum((1, 2, 3))


@compiled_keeping_nan
def _add_steps(
    x: NDArray[Any], weight: NDArray[Any], grad: NDArray[Any], row: NDArray[Any], total: NDArray[np.float64]
) -> None:
    """Do it step by step: two states and two gradients at a time stay in the cache.

    `row`, (units,), sums over the trials of a step: a loop over units has no sum in it, and so is vectorised.
    """
    networks, steps, trials, units = x.shape
    for n in range(networks):
        total[n] = 0.0
        for t in range(steps - 1, 0, -1):
            for i in range(units):
                row[i] = 0.0
            for b in range(trials):
                for i in range(units):
                    step = x[n, t, b, i] - x[n, t - 1, b, i]
                    weighted = weight[n, i] * step
                    row[i] += weighted * step
                    grad[n, t, b, i] += weighted + weighted
                    grad[n, t - 1, b, i] -= weighted + weighted
            for i in range(units):
                total[n] += row[i]
