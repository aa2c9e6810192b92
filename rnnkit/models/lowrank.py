"""`lowrank`: the current form with W = left right^T / N, which is never formed."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnkit.models.base import Product, Weights, merge_time
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

    def recurrent_products(self, weights: Weights, grad: Tensor, rates: Tensor, scale: float) -> list[Product]:
        """d left = E^T (r right) / N, d right = r^T (E left) / N."""
        factor = scale / self.architecture.units
        shape = (*grad.shape[:-1], self.architecture.rank)
        latent = torch.bmm(merge_time(rates), weights["recurrent.right"]).view(shape)
        back = torch.bmm(merge_time(grad), weights["recurrent.left"]).view(shape)
        return [
            Product("recurrent.left", grad, latent, factor),
            Product("recurrent.right", back, rates, factor, transposed=True),
        ]
