"""`lowrank`: the current form with W = left right^T / N, which is never formed."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnkit.models.base import Weights
from rnnkit.models.current import Current

__all__ = ["LowRank"]


class LowRank(Current):
    """h <- h + alpha (-h + left right^T phi(h) / N + U x + b)."""

    family = "lowrank"

    def effective(self, weights: Weights) -> Weights:
        """Return left / N and right."""
        return {
            "left": weights["recurrent.left"] / self.architecture.units,
            "right": weights["recurrent.right"],
        }

    def recur_(self, out: Tensor, rates: Tensor, effective: Weights, scale: float) -> None:
        """Two thin products: the latent variables, then their drive."""
        latent = torch.bmm(rates, effective["right"])
        out.baddbmm_(latent, effective["left"].transpose(1, 2), alpha=scale)

    def recur_backward_(self, out: Tensor, grad: Tensor, effective: Weights, scale: float) -> None:
        """The same with left and right exchanged."""
        latent = torch.bmm(grad, effective["left"])
        out.baddbmm_(latent, effective["right"].transpose(1, 2), alpha=scale)

    def add_recurrent_gradient(
        self, grads: Weights, weights: Weights, grad: Tensor, rates: Tensor, scale: float
    ) -> None:
        """d left = E^T (r right) / N, d right = r^T (E left) / N."""
        factor = scale / self.architecture.units
        latent = torch.bmm(rates, weights["recurrent.right"])
        grads["recurrent.left"].baddbmm_(grad.transpose(1, 2), latent, alpha=factor)
        latent = torch.bmm(grad, weights["recurrent.left"])
        grads["recurrent.right"].baddbmm_(rates.transpose(1, 2), latent, alpha=factor)
