"""`mup`: the current form in the maximal-update parametrisation (paper "degeneracy", appendix L, eq. 4 to 6).

J is stored with entries of variance N; J / N acts.
"""

from __future__ import annotations

from torch import Tensor

from rnnkit.models.base import Product, Weights
from rnnkit.models.current import Current

__all__ = ["Mup"]


class Mup(Current):
    """h <- h + tau (-h + J phi(h) / N + U x + b)."""

    family = "mup"

    def effective(self, weights: Weights) -> Weights:
        """Return J / N."""
        return {"recurrent": weights["recurrent.weight"] / self.architecture.units}

    def recurrent_products(self, weights: Weights, grad: Tensor, rates: Tensor, scale: float) -> list[Product]:
        """The gradient by J is that by J / N, divided by N."""
        return super().recurrent_products(weights, grad, rates, scale / self.architecture.units)
