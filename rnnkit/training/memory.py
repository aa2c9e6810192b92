"""Memory units: units of a `plrnn` that are made integrators, by a penalty or before training.

    L_MAR = sum_{i <= N_reg} [ (A_ii - 1)^2 + sum_j W_ij^2 + b_i^2 ]

(paper "abrupt-learning", eq. S7). Where it is zero a memory unit adds up its input, h_i[T] = sum_t (U x_t)_i
(eq. S8): j = i belongs to the sum, as W_ii relu(h_i) would stay without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.errors import InputError
from rnnkit.models.base import Weights
from rnnkit.training.consistency import first_units
from rnnkit.training.settings import NetworkPlan, Settings

__all__ = ["MemoryPenalty", "check_memory", "memory_penalty_of", "start_as_integrators"]


@dataclass(frozen=True)
class MemoryPenalty:
    """Strengths of the penalty.

    Attributes
    ----------
    strength : (networks, units)
        lambda on memory units, else 0.
    """

    strength: Tensor

    def add_gradient(self, weights: Weights, grads: Weights) -> Tensor:
        """Add the gradient of lambda L_MAR to `grads`; return lambda L_MAR, (networks,) float64.

        Examples
        --------
        >>> held = {"recurrent.diagonal": torch.tensor([[0.5, 0.5]]), "recurrent.weight": torch.ones(1, 2, 2)}
        >>> grads = {name: torch.zeros_like(value) for name, value in held.items()}
        >>> MemoryPenalty(torch.tensor([[1.0, 0.0]])).add_gradient(held, grads).item()  # .25 + 2
        2.25
        >>> grads["recurrent.diagonal"].tolist(), grads["recurrent.weight"].tolist()
        ([[-1.0, 0.0]], [[[2.0, 2.0], [0.0, 0.0]]])
        """
        matrix, off = weights["recurrent.weight"], weights["recurrent.diagonal"] - 1.0
        each = off * off + (matrix * matrix).sum(2)
        grads["recurrent.diagonal"].addcmul_(self.strength, off, value=2.0)
        grads["recurrent.weight"].addcmul_(self.strength[:, :, None], matrix, value=2.0)
        if "recurrent.bias" in grads:
            bias = weights["recurrent.bias"]
            each = each + bias * bias
            grads["recurrent.bias"].addcmul_(self.strength, bias, value=2.0)
        return (self.strength * each).double().sum(1)


def memory_penalty_of(plans: Sequence[NetworkPlan], like: Tensor) -> MemoryPenalty | None:
    """Return the penalty of networks that are trained together, of the type and on the device of `like`; or None."""
    if not any(plan.settings.mar for plan in plans):
        return None
    among = first_units([plan.memory_units for plan in plans], plans[0].architecture.units)
    strength = torch.tensor([plan.settings.mar for plan in plans], dtype=torch.float64)[:, None] * among
    return MemoryPenalty(strength.to(dtype=like.dtype, device=like.device))


def start_as_integrators(weights: dict[str, NDArray[Any]], count: int) -> dict[str, NDArray[Any]]:
    """Return weights before training with A_ii = 1, W_i. = 0 and b_i = 0 for the first `count` units; U and R as drawn.

    Examples
    --------
    >>> held = {"recurrent.diagonal": np.array([0.5, 0.5]), "recurrent.weight": np.ones((2, 2))}
    >>> found = start_as_integrators(held, 1)
    >>> found["recurrent.diagonal"].tolist(), found["recurrent.weight"].tolist()
    ([1.0, 0.5], [[0.0, 0.0], [1.0, 1.0]])
    """
    found = dict(weights)
    for name, value in (("recurrent.diagonal", 1.0), ("recurrent.weight", 0.0), ("recurrent.bias", 0.0)):
        if name in found:
            found[name] = np.concatenate([np.full_like(found[name][:count], value), found[name][count:]])
    return found


def check_memory(architecture: Architecture, settings: Settings) -> None:
    """Raise InputError where the network cannot have memory units, or not so many."""
    for option, asked in (("--mar", settings.mar > 0), ("--mai", settings.mai)):
        if asked and not architecture.spec.diagonal:
            what = f"does not fit the '{architecture.family}' family: its units carry no factor of their own"
            raise InputError(option, what, "use --model plrnn")
    count = settings.memory_units
    if count is not None and not 1 <= count <= architecture.units:
        raise InputError("--memory-units", f"{count} of {architecture.units} units", "give 1 to the number of units")
