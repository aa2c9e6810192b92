"""`plrnn`: h <- A h + W relu(h) + U x + b with A diagonal, read out from h (paper "abrupt-learning", eq. S2)."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnkit.models.base import (
    Model,
    Product,
    Trace,
    Weights,
    Workspace,
    merge_time,
    nonlinearity_backward_,
    project_inputs,
    step_products,
)

__all__ = ["Plrnn"]


class Plrnn(Model):
    """Piecewise-linear RNN: affine wherever no state changes its sign. The slope of relu at 0 is 0."""

    family = "plrnn"

    def step(self, weights: Weights, state: Tensor, inputs: Tensor) -> Tensor:
        """Return A h + W relu(h) + U x + b."""
        drive = torch.bmm(state.relu(), weights["recurrent.weight"].transpose(1, 2))
        drive = drive + torch.bmm(inputs, weights["input.weight"].transpose(1, 2))
        if "recurrent.bias" in weights:
            drive = drive + weights["recurrent.bias"][:, None]
        return drive + weights["recurrent.diagonal"][:, None] * state

    def scan(self, weights: Weights, inputs: Tensor, work: Workspace) -> Trace:
        """Run all steps; the drive is overwritten by the state in place, the rates are kept for the backward."""
        networks, steps, trials, _ = inputs.shape
        units = self.architecture.units
        states = work.get("states", (networks, steps + 1, trials, units), inputs)
        rates = work.get("rates", (networks, steps, trials, units), inputs)
        states[:, 0] = self.initial_state(weights, trials)
        after = states[:, 1:]
        project_inputs(inputs, weights["input.weight"], weights.get("recurrent.bias"), merge_time(after))
        recurrent, diagonal = weights["recurrent.weight"].transpose(1, 2), weights["recurrent.diagonal"][:, None]
        for t in range(steps):
            torch.clamp_min(states[:, t], 0.0, out=rates[:, t])
            after[:, t].addcmul_(states[:, t], diagonal).baddbmm_(rates[:, t], recurrent)
        return Trace(after, after, {"all_states": states, "rates": rates})

    def gradient_products(
        self, weights: Weights, inputs: Tensor, trace: Trace, grad: Tensor, work: Workspace
    ) -> list[Product]:
        """D_t = G_t + A D_{t+1} + relu'(h_t) (W^T D_{t+1}); the gradient by A is the sum of D_t h_{t-1}."""
        recurrent, diagonal = weights["recurrent.weight"], weights["recurrent.diagonal"][:, None]
        back = work.get("rate_gradient", tuple(grad[:, 0].shape), grad)
        for t in range(grad.shape[1] - 2, -1, -1):
            here, later = grad[:, t], grad[:, t + 1]
            torch.bmm(later, recurrent, out=back)
            nonlinearity_backward_("relu", back, trace.states[:, t])
            here.add_(back).addcmul_(later, diagonal)
        before = trace.saved["all_states"][:, :-1]
        by_diagonal = work.get("diagonal_gradient", tuple(grad.shape), grad)
        torch.mul(grad, before, out=by_diagonal)
        return [
            *step_products(weights, inputs, grad, trace.saved["rates"]),
            Product("recurrent.diagonal", by_diagonal, None),
        ]
