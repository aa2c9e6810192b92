"""Adam over a stack of networks, every scalar kept per network."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["adam_step_"]

BETA1, BETA2 = 0.9, 0.999


def adam_step_(
    flat: Tensor, grad: Tensor, first: Tensor, second: Tensor, step: int, lr: Tensor, epsilon: Tensor
) -> None:
    """Update `flat` in place as torch.optim.Adam does, with a learning rate and epsilon per network.

    Parameters
    ----------
    flat, grad, first, second : (networks, parameters)
        Weights, gradient (overwritten) and the two moments (updated).
    step : int
        1 at the first update.
    lr, epsilon : (networks,)

    Notes
    -----
    Kingma & Ba (2015), algorithm 1, in the order of operations that torch uses.
    """
    first.lerp_(grad, 1 - BETA1)
    second.mul_(BETA2).addcmul_(grad, grad, value=1 - BETA2)
    torch.sqrt(second, out=grad)
    grad.div_(math.sqrt(1 - BETA2**step)).add_(epsilon[:, None])
    torch.div(first, grad, out=grad)
    grad.mul_(lr[:, None] / (1 - BETA1**step))
    flat.sub_(grad)
