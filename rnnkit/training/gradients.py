"""The loss of a batch and its gradient, for all networks at once, without an autograd graph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rnnkit.models.base import Model, Weights, Workspace, merge_time
from rnnkit.training.consistency import Consistency

__all__ = ["Losses", "batch_loss"]


@dataclass(frozen=True)
class Losses:
    """Mean squared errors of a batch.

    Attributes
    ----------
    total : (networks,)
        Over all outputs; what is differentiated.
    main : (networks,)
        Over the task's own outputs, auxiliary ones left out.
    consistency : (networks,) float64 or None
        lambda L_TCR, differentiated besides; None where it is not asked for.
    """

    total: Tensor
    main: Tensor
    consistency: Tensor | None = None


def _time_major(x: Tensor, name: str, work: Workspace) -> Tensor:
    """Copy (networks, trials, steps, k) to a (networks, steps, trials, k) buffer."""
    networks, trials, steps, channels = x.shape
    out = work.get(name, (networks, steps, trials, channels), x)
    return out.copy_(x.transpose(1, 2))


def batch_loss(
    model: Model,
    weights: Weights,
    gamma: Tensor,
    inputs: Tensor,
    targets: Tensor,
    mask: Tensor | None,
    work: Workspace,
    grads: Weights | None = None,
    main_outputs: int | None = None,
    piece: int | None = None,
    outputs_to: Tensor | None = None,
    consistency: Consistency | None = None,
) -> Losses:
    """Return the mean squared error per network; add its gradient, and that of the penalty, to `grads` if given.

    The loss is sum(mask * error^2) / (sum(mask) * outputs) over trials, steps and outputs.

    Parameters
    ----------
    model : Model
    weights : dict of (networks, ...) tensors
    gamma : (networks,)
    inputs : (networks, trials, steps, inputs)
    targets : (networks, trials, steps, outputs)
    mask : (networks, trials, steps) or None
    work : Workspace
        Buffers, reused between calls; one per thread.
    grads : dict of (networks, ...) tensors, optional
        Accumulated into.
    main_outputs : int, optional
        How many leading outputs count for `Losses.main`; all by default.
    piece : int, optional
        Trials to work on at a time, so that buffers stay in cache; does not change the result but for
        rounding.
    outputs_to : (networks, trials, steps, outputs), optional
        Where to put the outputs as well.
    consistency : Consistency, optional
        Penalty on the steps of the states; only where a gradient is asked for.
    """
    networks, trials, steps, outputs = targets.shape
    main = outputs if main_outputs is None else main_outputs
    piece = trials if piece is None else min(piece, trials)
    # (networks, 1, 1): 2 / (sum of mask * outputs) turns an error into its gradient.
    count = mask.sum((1, 2)) if mask is not None else targets.new_full((networks,), float(trials * steps))
    norm = 1.0 / (count * max(outputs, 1))
    total, main_sum = targets.new_zeros(networks), targets.new_zeros(networks)
    penalty = None if consistency is None else targets.new_zeros(networks, dtype=torch.float64)
    for first in range(0, trials, piece):
        part = slice(first, first + piece)
        x = _time_major(inputs[:, part], "inputs", work)
        trace = model.scan(weights, x, work)
        features = merge_time(trace.features)
        error = model.readout(weights, gamma, features)
        if outputs_to is not None:
            outputs_to[:, part] = error.unflatten(1, trace.features.shape[1:3]).transpose(1, 2)
        error -= merge_time(_time_major(targets[:, part], "targets", work))
        square = error * error
        if mask is not None:
            weight = merge_time(_time_major(mask[:, part, :, None], "mask", work))
            square *= weight
            error *= weight
        total += square.sum((1, 2))
        main_sum += square[..., :main].sum((1, 2))
        if grads is not None:
            error *= 2.0 * norm[:, None, None]
            grad = work.get("feature_gradient", tuple(trace.features.shape), features)
            model.readout_backward(weights, gamma, features, error, grads, merge_time(grad))
            if consistency is not None:
                trace, share = consistency.apply(trace, grad, trials, work)
                penalty = share if penalty is None else penalty + share
            model.scan_backward(weights, x, trace, grad, grads, work)
    return Losses(total * norm, main_sum / (count * max(main, 1)), penalty)
