"""`current`: h <- h + alpha (-h + W phi(h) + U x + b), read out from phi(h).

`mup` and `lowrank` are the same step with another recurrence; they replace the four recurrence methods.
"""

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
    merge_time,
    nonlinearity_backward_,
    project_inputs,
    step_products,
)

__all__ = ["Current"]


class Current(Model):
    """Leaky currents: the state is what drives the rates."""

    family = "current"

    def effective(self, weights: Weights) -> Weights:
        """Return what the recurrence methods multiply by, prepared once a scan."""
        return {"recurrent": weights["recurrent.weight"]}

    def recur_(self, out: Tensor, rates: Tensor, effective: Weights, scale: float) -> None:
        """Add scale * W rates to `out`, (networks, trials, units), in place."""
        out.baddbmm_(rates, effective["recurrent"].transpose(1, 2), alpha=scale)

    def recur_backward_(self, out: Tensor, grad: Tensor, effective: Weights, scale: float) -> None:
        """Add scale * W^T grad to `out` in place."""
        out.baddbmm_(grad, effective["recurrent"], alpha=scale)

    def recurrent_products(self, weights: Weights, grad: Tensor, rates: Tensor, scale: float) -> list[Product]:
        """Return the recurrent weights' products from (networks, steps, trials, units) of gradient and rates."""
        return [Product("recurrent.weight", grad, rates, scale)]

    def step(self, weights: Weights, state: Tensor, inputs: Tensor) -> Tensor:
        """Return h + alpha (-h + W phi(h) + U x + b)."""
        drive = torch.bmm(inputs, weights["input.weight"].transpose(1, 2))
        if "recurrent.bias" in weights:
            drive = drive + weights["recurrent.bias"][:, None]
        self.recur_(drive, self.features(state), self.effective(weights), 1.0)
        alpha = self.architecture.rate
        return (1 - alpha) * state + alpha * drive

    def scan(self, weights: Weights, inputs: Tensor, work: Workspace) -> Trace:
        """Run all steps, keeping states and rates."""
        networks, steps, trials, _ = inputs.shape
        units, alpha, phi = self.architecture.units, self.architecture.rate, self.architecture.nonlinearity
        states = work.get("states", (networks, steps + 1, trials, units), inputs)
        rates = work.get("rates", (networks, steps + 1, trials, units), inputs)
        states[:, 0] = self.initial_state(weights, trials)
        rates[:, 0] = self.features(states[:, 0])
        after = states[:, 1:]
        project_inputs(inputs, weights["input.weight"], weights.get("recurrent.bias"), merge_time(after), scale=alpha)
        effective = self.effective(weights)
        for t in range(steps):
            state = after[:, t]
            self.recur_(state, rates[:, t], effective, alpha)
            if alpha != 1.0:
                state.add_(states[:, t], alpha=1 - alpha)
            rates[:, t + 1] = state
            activate_step_(phi, rates, t + 1)
        return Trace(after, rates[:, 1:], {"rates": rates})

    def gradient_products(
        self, weights: Weights, inputs: Tensor, trace: Trace, grad: Tensor, work: Workspace
    ) -> list[Product]:
        """E_t = (1 - alpha) E_{t+1} + phi'(h_t) (G_t + alpha W^T E_{t+1})."""
        alpha, phi = self.architecture.rate, self.architecture.nonlinearity
        effective = self.effective(weights)
        for t in range(grad.shape[1] - 1, -1, -1):
            here = grad[:, t]
            if t + 1 < grad.shape[1]:
                self.recur_backward_(here, grad[:, t + 1], effective, alpha)
            nonlinearity_backward_(phi, here, trace.features[:, t])
            if alpha != 1.0 and t + 1 < grad.shape[1]:
                here.add_(grad[:, t + 1], alpha=1 - alpha)
        before = trace.saved["rates"][:, :-1]
        others = {name: value for name, value in weights.items() if name != "recurrent.weight"}
        return [
            *self.recurrent_products(weights, grad, before, alpha),
            *step_products(others, inputs, grad, before, alpha),
        ]
