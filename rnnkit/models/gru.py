"""`gru`: the gated recurrent unit of torch.nn.GRU, gates stacked as reset, update, candidate.

r = sigma(U_r x + b_r + W_r h + c_r)
z = sigma(U_z x + b_z + W_z h + c_z)
n = tanh(U_n x + b_n + r (W_n h + c_n))
h <- (1 - z) n + z h
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
)

__all__ = ["Gru"]


class Gru(Model):
    """Gated recurrent unit."""

    family = "gru"

    def step(self, weights: Weights, state: Tensor, inputs: Tensor) -> Tensor:
        """Return (1 - z) n + z h."""
        drive = torch.bmm(inputs, weights["input.weight"].transpose(1, 2))
        recurrent = torch.bmm(state, weights["recurrent.weight"].transpose(1, 2))
        if "input.bias" in weights:
            drive = drive + weights["input.bias"][:, None]
        if "recurrent.bias" in weights:
            recurrent = recurrent + weights["recurrent.bias"][:, None]
        units = self.architecture.units
        gates = torch.sigmoid(drive[..., : 2 * units] + recurrent[..., : 2 * units])
        reset, update = gates[..., :units], gates[..., units:]
        candidate = torch.tanh(drive[..., 2 * units :] + reset * recurrent[..., 2 * units :])
        return candidate + update * (state - candidate)

    def scan(self, weights: Weights, inputs: Tensor, work: Workspace) -> Trace:
        """Run all steps, keeping the gates, the candidate and its recurrent part."""
        networks, steps, trials, _ = inputs.shape
        units = self.architecture.units
        states = work.get("states", (networks, steps + 1, trials, units), inputs)
        gates = work.get("gates", (networks, steps, trials, 3 * units), inputs)
        inner = work.get("inner", (networks, steps, trials, units), inputs)
        product = work.get("product", (networks, trials, 3 * units), inputs)
        states[:, 0] = self.initial_state(weights, trials)
        project_inputs(inputs, weights["input.weight"], weights.get("input.bias"), merge_time(gates))
        recurrent = weights["recurrent.weight"].transpose(1, 2)
        bias = weights.get("recurrent.bias")
        for t in range(steps):
            torch.bmm(states[:, t], recurrent, out=product)
            if bias is not None:
                product.add_(bias[:, None])
            both, candidate = gates[:, t, :, : 2 * units], gates[:, t, :, 2 * units :]
            both.add_(product[..., : 2 * units]).sigmoid_()
            inner[:, t] = product[..., 2 * units :]
            candidate.addcmul_(both[..., :units], inner[:, t]).tanh_()
            torch.lerp(candidate, states[:, t], both[..., units:], out=states[:, t + 1])
        after = states[:, 1:]
        return Trace(after, after, {"all_states": states, "gates": gates, "inner": inner})

    def gradient_products(
        self, weights: Weights, inputs: Tensor, trace: Trace, grad: Tensor, work: Workspace
    ) -> list[Product]:
        """Back through h <- n + z (h - n), the candidate and both gates."""
        units = self.architecture.units
        states, gates, inner = trace.saved["all_states"], trace.saved["gates"], trace.saved["inner"]
        by_input = work.get("by_input", tuple(gates.shape), grad)
        by_recurrent = work.get("by_recurrent", tuple(gates.shape), grad)
        recurrent = weights["recurrent.weight"]
        for t in range(grad.shape[1] - 1, -1, -1):
            here, gate, drive, product = grad[:, t], gates[:, t], by_input[:, t], by_recurrent[:, t]
            reset, update, candidate = gate[..., :units], gate[..., units : 2 * units], gate[..., 2 * units :]
            if t + 1 < grad.shape[1]:
                here.addcmul_(grad[:, t + 1], gates[:, t + 1, :, units : 2 * units])
                here.baddbmm_(by_recurrent[:, t + 1], recurrent)
            drive[..., 2 * units :] = here * (1 - update) * (1 - candidate * candidate)
            drive[..., units : 2 * units] = here * (states[:, t] - candidate) * update * (1 - update)
            drive[..., :units] = drive[..., 2 * units :] * inner[:, t] * reset * (1 - reset)
            product[..., : 2 * units] = drive[..., : 2 * units]
            product[..., 2 * units :] = drive[..., 2 * units :] * reset
        found = {
            "recurrent.weight": (by_recurrent, states[:, :-1]),
            "recurrent.bias": (by_recurrent, None),
            "input.weight": (by_input, inputs),
            "input.bias": (by_input, None),
        }
        return [Product(name, *pair) for name, pair in found.items() if name in weights]
