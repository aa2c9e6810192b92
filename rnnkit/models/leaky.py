"""`leaky`: h <- (1 - alpha) h + alpha phi(W h + U x + b), W full or left right^T / N."""

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
    apply_nonlinearity_,
    merge_time,
    nonlinearity_backward_,
    project_inputs,
    step_products,
)
from rnnkit.models.couplings import coupling_of

__all__ = ["Leaky"]


class Leaky(Model):
    """Leaky rates: the nonlinearity acts on the whole drive, the leak on the rate."""

    family = "leaky"
    has_currents = True

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self.coupling = coupling_of(architecture)

    def step(self, weights: Weights, state: Tensor, inputs: Tensor) -> Tensor:
        """Return (1 - alpha) h + alpha phi(W h + U x + b)."""
        drive = torch.bmm(inputs, weights["input.weight"].transpose(1, 2))
        self.coupling.recur_(drive, state, self.coupling.effective(weights))
        if "recurrent.bias" in weights:
            drive = drive + weights["recurrent.bias"][:, None]
        alpha = self.architecture.rate
        return (1 - alpha) * state + alpha * apply_nonlinearity_(self.architecture.nonlinearity, drive)

    def scan(self, weights: Weights, inputs: Tensor, work: Workspace) -> Trace:
        """Run all steps; phi of the drive is kept for the backward, and the drive where it is asked for."""
        networks, steps, trials, _ = inputs.shape
        units, alpha = self.architecture.units, self.architecture.rate
        states = work.get("states", (networks, steps + 1, trials, units), inputs)
        rates = work.get("rates", (networks, steps, trials, units), inputs)
        states[:, 0] = self.initial_state(weights, trials)
        project_inputs(inputs, weights["input.weight"], weights.get("recurrent.bias"), merge_time(rates))
        saved = {"all_states": states, "rates": rates}
        if self.keep_currents:
            saved["currents"] = work.get("currents", tuple(rates.shape), inputs)
        effective = self.coupling.effective(weights)
        for t in range(steps):
            rate = rates[:, t]
            self.coupling.recur_(rate, states[:, t], effective)
            if self.keep_currents:
                saved["currents"][:, t] = rate
            activate_step_(self.architecture.nonlinearity, rates, t)
            torch.lerp(states[:, t], rate, alpha, out=states[:, t + 1])
        after = states[:, 1:]
        return Trace(after, after, saved)

    def gradient_products(
        self, weights: Weights, inputs: Tensor, trace: Trace, grad: Tensor, work: Workspace
    ) -> list[Product]:
        """E_t = G_t + (1 - alpha) E_{t+1} + D_{t+1} W; D_t = Gz_t + alpha phi'(rate_t) E_t, Gz by the drive alone."""
        alpha, effective = self.architecture.rate, self.coupling.effective(weights)
        by_current = trace.saved.get("current_gradient")
        drive = work.get("drive_gradient", tuple(grad.shape), grad)
        for t in range(grad.shape[1] - 1, -1, -1):
            here = grad[:, t]
            if t + 1 < grad.shape[1]:
                here.add_(grad[:, t + 1], alpha=1 - alpha)
                self.coupling.recur_backward_(here, drive[:, t + 1], effective)
            torch.mul(here, alpha, out=drive[:, t])
            nonlinearity_backward_(self.architecture.nonlinearity, drive[:, t], trace.saved["rates"][:, t])
            if by_current is not None:
                drive[:, t].add_(by_current[:, t])
        before = trace.saved["all_states"][:, :-1]
        others = {name: value for name, value in weights.items() if name != "recurrent.weight"}
        return [*self.coupling.products(weights, drive, before), *step_products(others, inputs, drive, before)]
