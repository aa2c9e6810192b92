"""`lstm`: the long short-term memory of torch.nn.LSTM, gates stacked as input, forget, cell, output.

c <- f c + i g,    h <- o tanh(c)
i, f, o = sigma(U x + W h + b),    g = tanh(U x + W h + b)
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
    merge_time,
    project_inputs,
    step_products,
)

__all__ = ["Lstm"]


class Lstm(Model):
    """Long short-term memory; the state is (h, c) side by side, the cell starts at zero."""

    family = "lstm"
    state_blocks = 2

    def step(self, weights: Weights, state: Tensor, inputs: Tensor) -> Tensor:
        """Return (h, c) one step later."""
        units = self.architecture.units
        hidden, cell = state[..., :units], state[..., units:]
        drive = torch.bmm(hidden, weights["recurrent.weight"].transpose(1, 2))
        drive = drive + torch.bmm(inputs, weights["input.weight"].transpose(1, 2))
        if "recurrent.bias" in weights:
            drive = drive + weights["recurrent.bias"][:, None]
        i, f, g, o = drive.split(units, dim=-1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        return torch.cat([torch.sigmoid(o) * torch.tanh(cell), cell], dim=-1)

    def scan(self, weights: Weights, inputs: Tensor, work: Workspace) -> Trace:
        """Run all steps, keeping gates, cells and tanh of the cells."""
        networks, steps, trials, _ = inputs.shape
        units = self.architecture.units
        states = work.get("states", (networks, steps + 1, trials, units), inputs)
        cells = work.get("cells", (networks, steps + 1, trials, units), inputs)
        squashed = work.get("squashed", (networks, steps, trials, units), inputs)
        gates = work.get("gates", (networks, steps, trials, 4 * units), inputs)
        start = self.initial_state(weights, trials)
        states[:, 0], cells[:, 0] = start[..., :units], start[..., units:]
        project_inputs(inputs, weights["input.weight"], weights.get("recurrent.bias"), merge_time(gates))
        recurrent = weights["recurrent.weight"].transpose(1, 2)
        for t in range(steps):
            gate = gates[:, t].baddbmm_(states[:, t], recurrent)
            gate[..., : 2 * units].sigmoid_()
            gate[..., 2 * units : 3 * units].tanh_()
            gate[..., 3 * units :].sigmoid_()
            i, f, g, o = gate.split(units, dim=-1)
            torch.mul(f, cells[:, t], out=cells[:, t + 1])
            cells[:, t + 1].addcmul_(i, g)
            squashed[:, t] = cells[:, t + 1]
            torch.mul(o, squashed[:, t].tanh_(), out=states[:, t + 1])
        after = states[:, 1:]
        saved = {"all_states": states, "cells": cells, "squashed": squashed, "gates": gates}
        return Trace(after, after, saved)

    def gradient_products(
        self, weights: Weights, inputs: Tensor, trace: Trace, grad: Tensor, work: Workspace
    ) -> list[Product]:
        """Carry the cell's gradient back beside the state's."""
        units = self.architecture.units
        cells, squashed, gates = (trace.saved[k] for k in ("cells", "squashed", "gates"))
        drive = work.get("drive_gradient", tuple(gates.shape), grad)
        by_cell = torch.zeros_like(squashed[:, 0])
        recurrent = weights["recurrent.weight"]
        for t in range(grad.shape[1] - 1, -1, -1):
            here = grad[:, t]
            if t + 1 < grad.shape[1]:
                here.baddbmm_(drive[:, t + 1], recurrent)
            i, f, g, o = gates[:, t].split(units, dim=-1)
            into = drive[:, t]
            by_cell.add_(here * o * (1 - squashed[:, t] * squashed[:, t]))
            into[..., :units] = by_cell * g * i * (1 - i)
            into[..., units : 2 * units] = by_cell * cells[:, t] * f * (1 - f)
            into[..., 2 * units : 3 * units] = by_cell * i * (1 - g * g)
            into[..., 3 * units :] = here * squashed[:, t] * o * (1 - o)
            by_cell.mul_(f)
        return step_products(weights, inputs, drive, trace.saved["all_states"][:, :-1])
