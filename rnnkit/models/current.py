"""`current`: h <- h + alpha (-h + W phi(h) + U x + b), read out from phi(h).

`mup` and `lowrank` are the same step with another coupling of the units.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rnnkit.architectures import Architecture
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
from rnnkit.models.couplings import coupling_of

__all__ = ["Current"]


class Current(Model):
    """Leaky currents: the state is what drives the rates."""

    family = "current"

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self.coupling = coupling_of(architecture)

    def step(self, weights: Weights, state: Tensor, inputs: Tensor) -> Tensor:
        """Return h + alpha (-h + W phi(h) + U x + b)."""
        drive = torch.bmm(inputs, weights["input.weight"].transpose(1, 2))
        if "recurrent.bias" in weights:
            drive = drive + weights["recurrent.bias"][:, None]
        self.coupling.recur_(drive, self.features(state), self.coupling.effective(weights))
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
        effective = self.coupling.effective(weights)
        for t in range(steps):
            state = after[:, t]
            self.coupling.recur_(state, rates[:, t], effective, alpha)
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
        effective = self.coupling.effective(weights)
        for t in range(grad.shape[1] - 1, -1, -1):
            here = grad[:, t]
            if t + 1 < grad.shape[1]:
                self.coupling.recur_backward_(here, grad[:, t + 1], effective, alpha)
            nonlinearity_backward_(phi, here, trace.features[:, t])
            if alpha != 1.0 and t + 1 < grad.shape[1]:
                here.add_(grad[:, t + 1], alpha=1 - alpha)
        before = trace.saved["rates"][:, :-1]
        others = {name: value for name, value in weights.items() if name != "recurrent.weight"}
        return [
            *self.coupling.products(weights, grad, before, alpha),
            *step_products(others, inputs, grad, before, alpha),
        ]
