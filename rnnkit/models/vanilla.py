"""`vanilla`: h <- phi(W h + U x + b), as torch.nn.RNN (paper "degeneracy", section 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnkit.models.base import (
    Model,
    Product,
    Trace,
    Weights,
    Workspace,
    activate_step_,
    apply_nonlinearity_,
    merge_time,
    nonlinearity_backward_,
    project_inputs,
    step_products,
)

__all__ = ["Vanilla"]


class Vanilla(Model):
    """Discrete-time RNN whose state is the rate itself."""

    family = "vanilla"

    def step(self, weights: Weights, state: Tensor, inputs: Tensor) -> Tensor:
        """Return phi(W h + U x + b)."""
        drive = torch.bmm(state, weights["recurrent.weight"].transpose(1, 2))
        drive = drive + torch.bmm(inputs, weights["input.weight"].transpose(1, 2))
        if "recurrent.bias" in weights:
            drive = drive + weights["recurrent.bias"][:, None]
        return apply_nonlinearity_(self.architecture.nonlinearity, drive)

    def scan(self, weights: Weights, inputs: Tensor, work: Workspace) -> Trace:
        """Run all steps; the drive is overwritten by the state in place."""
        networks, steps, trials, _ = inputs.shape
        states = work.get("states", (networks, steps + 1, trials, self.architecture.units), inputs)
        states[:, 0] = self.initial_state(weights, trials)
        after = states[:, 1:]
        project_inputs(inputs, weights["input.weight"], weights.get("recurrent.bias"), merge_time(after))
        recurrent = weights["recurrent.weight"].transpose(1, 2)
        for t in range(steps):
            after[:, t].baddbmm_(states[:, t], recurrent)
            activate_step_(self.architecture.nonlinearity, states, t + 1)
        return Trace(after, after, {"all_states": states})

    def gradient_products(
        self, weights: Weights, inputs: Tensor, trace: Trace, grad: Tensor, work: Workspace
    ) -> list[Product]:
        """D_t = phi'(h_t) (G_t + D_{t+1} W); one product per weight over all steps."""
        recurrent, phi = weights["recurrent.weight"], self.architecture.nonlinearity
        for t in range(grad.shape[1] - 1, -1, -1):
            here = grad[:, t]
            if t + 1 < grad.shape[1]:
                here.baddbmm_(grad[:, t + 1], recurrent)
            nonlinearity_backward_(phi, here, trace.states[:, t])
        return step_products(weights, inputs, grad, trace.saved["all_states"][:, :-1])
