"""Updates over a stack of networks, every scalar kept per network: Adam, and gradient descent with momentum."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.errors import InputError
from rnnkit.training.flat import trained_shapes
from rnnkit.training.settings import NetworkPlan, Settings

__all__ = [
    "Decay",
    "Update",
    "adam_step_",
    "check_decay",
    "clip_",
    "decay_of",
    "empty_moments",
    "make_update",
    "rate_scale",
    "sgd_step_",
]

BETA1, BETA2 = 0.9, 0.999

#: Weights, gradient (overwritten) and step (from 1) of all networks of a chunk: an update in place.
Update = Callable[[Tensor, Tensor, int], None]


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


def sgd_step_(flat: Tensor, grad: Tensor, velocity: Tensor, rates: Tensor, momentum: Tensor) -> None:
    """Update `flat` in place by gradient descent with momentum (heavy ball), as torch.optim.SGD does.

    velocity <- momentum * velocity + gradient; flat <- flat - rate * velocity.

    Parameters
    ----------
    flat, grad, velocity : (networks, parameters)
        Weights, gradient (overwritten) and velocity (updated), zero before the first step.
    rates : (networks, parameters) or (networks, 1)
    momentum : (networks,)
        0 for plain gradient descent.

    Examples
    --------
    >>> weights, velocity = torch.ones(1, 1), torch.zeros(1, 1)
    >>> for _ in range(2):
    ...     sgd_step_(weights, torch.ones(1, 1), velocity, torch.full((1, 1), 0.25), torch.tensor([0.5]))
    >>> velocity.item(), weights.item()  # 1 - .25 (1 + 1.5)
    (1.5, 0.375)
    """
    velocity.mul_(momentum[:, None]).add_(grad)
    torch.mul(velocity, rates, out=grad)
    flat.sub_(grad)


def clip_(grad: Tensor, norm: Tensor, most: Tensor) -> None:
    """Scale each network's gradient down to a norm, as torch.nn.utils.clip_grad_norm_ does for one network.

    Parameters
    ----------
    grad : (networks, parameters)
    norm : (networks,)
        Its norms.
    most : (networks,)
        Infinite for a network that is not clipped.

    Examples
    --------
    >>> grad = torch.tensor([[3.0, 4.0], [3.0, 4.0]])
    >>> clip_(grad, grad.norm(dim=1), torch.tensor([1.0, torch.inf]))
    >>> [[round(v, 5) for v in row] for row in grad.tolist()]
    [[0.6, 0.8], [3.0, 4.0]]
    """
    grad.mul_((most / (norm + 1e-6)).clamp_(max=1.0)[:, None])


@dataclass(frozen=True)
class Decay:
    """Weight decay, number by number: 0 but on recurrent weights that are trained.

    Attributes
    ----------
    decoupled : (networks, parameters)
        The share of a weight, times the learning rate, that a step takes off it (Loshchilov & Hutter 2019).
    l2 : (networks, parameters)
        The multiple of a weight that is added to its gradient.
    """

    decoupled: Tensor
    l2: Tensor

    def apply_(self, flat: Tensor, grad: Tensor, lr: Tensor) -> None:
        """Shrink the weights and change the gradient, before the step of the optimiser."""
        grad.addcmul_(flat, self.l2)
        flat.mul_(1 - lr[:, None] * self.decoupled)


def check_decay(architecture: Architecture, settings: Settings) -> None:
    """Raise InputError where the recurrent weights are not what is trained."""
    if settings.weight_decay and architecture.recurrent == "cayley":
        what = "acts on the recurrent weights, and those of 'cayley' follow from others"
        raise InputError("--weight-decay", what, "use --recurrent dense")


def decay_of(plans: Sequence[NetworkPlan], frozen: Tensor | None, like: Tensor) -> Decay | None:
    """Return the weight decay of networks that are trained together, or None.

    Parameters
    ----------
    frozen : (networks, parameters) bool or None
        What is left as it is.
    like : (networks, parameters)
        Gives type and device.
    """
    if not any(plan.settings.weight_decay for plan in plans):
        return None
    held = ("recurrent.weight", "recurrent.left", "recurrent.right")
    chosen = torch.cat(
        [
            torch.full((math.prod(shape),), float(name in held), dtype=like.dtype)
            for name, shape in trained_shapes(plans[0].architecture).items()
        ]
    ).to(like.device)

    def strengths(mode: str) -> Tensor:
        each = [p.settings.weight_decay if p.settings.weight_decay_mode == mode else 0.0 for p in plans]
        found = torch.tensor(each, dtype=like.dtype, device=like.device)[:, None] * chosen
        return found if frozen is None else found.masked_fill(frozen, 0.0)

    return Decay(strengths("decoupled"), strengths("l2"))


def rate_scale(architecture: Architecture) -> Tensor | None:
    """Return what gradient descent multiplies the learning rate by, (parameters,) float64; None where that is 1.

    In `lowrank` it is N for every tensor with one entry per unit, so that a step changes overlaps of the loading
    vectors by as much at every width: d theta / d time = -N dL / d theta.

    Examples
    --------
    >>> rate_scale(Architecture(family="lowrank", units=2, inputs=1, outputs=1, rank=1, bias=False)).tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    >>> rate_scale(Architecture(family="lowrank", units=1, inputs=1, outputs=2, rank=1)).tolist()[-2:]
    [1.0, 1.0]
    """
    if not architecture.spec.low_rank:
        return None
    scales = []
    for name, shape in trained_shapes(architecture).items():
        scale = 1.0 if name == "readout.bias" else float(architecture.units)
        scales.append(torch.full((math.prod(shape),), scale, dtype=torch.float64))
    return torch.cat(scales)


def empty_moments(optimizer: str, flat: Tensor) -> tuple[Tensor, Tensor]:
    """Return what an optimiser remembers before its first step: two moments, or a velocity and nothing."""
    return torch.zeros_like(flat), torch.zeros_like(flat if optimizer == "adam" else flat[:, :0])


def make_update(plans: Sequence[NetworkPlan], first: Tensor, second: Tensor, lr: Tensor) -> Update:
    """Return the update of networks that are trained together.

    Parameters
    ----------
    plans : sequence of NetworkPlan
        All with the same optimiser.
    first, second : (networks, parameters), and (networks, 0) for `second` of gradient descent
        Moments, or velocity; updated with every step.
    lr : (networks,)
        Read at every step: whoever holds it may change it.
    """

    def scalars(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=lr.dtype, device=lr.device)

    if plans[0].settings.optimizer == "adam":
        epsilon = scalars([plan.adam_epsilon() or 0.0 for plan in plans])
        return lambda flat, grad, step: adam_step_(flat, grad, first, second, step, lr, epsilon)
    momentum = scalars([plan.settings.momentum for plan in plans])
    scale = rate_scale(plans[0].architecture)
    scale = torch.ones(1) if scale is None else scale
    scale = scale.to(dtype=lr.dtype, device=lr.device)
    return lambda flat, grad, _: sgd_step_(flat, grad, first, lr[:, None] * scale, momentum)
