"""How units drive each other: by a full matrix, or by left right^T / N, which is never formed."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.models.base import Product, Weights, merge_time

__all__ = ["Coupling", "Dense", "Thin", "coupling_of"]


class Dense:
    """W = `recurrent.weight` / divisor.

    Parameters
    ----------
    divisor : int
        N in `mup`, whose J has entries of variance N; else 1.
    """

    def __init__(self, divisor: int = 1) -> None:
        self.divisor = divisor

    def effective(self, weights: Weights) -> Weights:
        """Return what the other methods multiply by, prepared once a scan."""
        stored = weights["recurrent.weight"]
        return {"recurrent": stored if self.divisor == 1 else stored / self.divisor}

    def recur_(self, out: Tensor, rates: Tensor, effective: Weights, scale: float = 1.0) -> None:
        """Add scale * W rates to `out`, (networks, trials, units), in place."""
        out.baddbmm_(rates, effective["recurrent"].transpose(1, 2), alpha=scale)

    def recur_backward_(self, out: Tensor, grad: Tensor, effective: Weights, scale: float = 1.0) -> None:
        """Add scale * W^T grad to `out` in place."""
        out.baddbmm_(grad, effective["recurrent"], alpha=scale)

    def products(self, weights: Weights, grad: Tensor, rates: Tensor, scale: float = 1.0) -> list[Product]:
        """Return the products of the weights' gradient from (networks, steps, trials, units) of gradient and rates."""
        return [Product("recurrent.weight", grad, rates, scale / self.divisor)]


class Thin:
    """W = left right^T / N.

    Parameters
    ----------
    units, rank : int
    """

    def __init__(self, units: int, rank: int) -> None:
        self.units, self.rank = units, rank

    def effective(self, weights: Weights) -> Weights:
        """Return left / N and right."""
        return {"left": weights["recurrent.left"] / self.units, "right": weights["recurrent.right"]}

    def recur_(self, out: Tensor, rates: Tensor, effective: Weights, scale: float = 1.0) -> None:
        """Two thin products: the latent variables, then their drive."""
        latent = torch.bmm(rates, effective["right"])
        out.baddbmm_(latent, effective["left"].transpose(1, 2), alpha=scale)

    def recur_backward_(self, out: Tensor, grad: Tensor, effective: Weights, scale: float = 1.0) -> None:
        """The same with left and right exchanged."""
        latent = torch.bmm(grad, effective["left"])
        out.baddbmm_(latent, effective["right"].transpose(1, 2), alpha=scale)

    def products(self, weights: Weights, grad: Tensor, rates: Tensor, scale: float = 1.0) -> list[Product]:
        """d left = E^T (r right) / N, d right = r^T (E left) / N."""
        factor = scale / self.units
        shape = (*grad.shape[:-1], self.rank)
        latent = torch.bmm(merge_time(rates), weights["recurrent.right"]).view(shape)
        back = torch.bmm(merge_time(grad), weights["recurrent.left"]).view(shape)
        return [
            Product("recurrent.left", grad, latent, factor),
            Product("recurrent.right", back, rates, factor, transposed=True),
        ]


Coupling = Dense | Thin


def coupling_of(architecture: Architecture) -> Coupling:
    """Return the coupling of an architecture without gates.

    Examples
    --------
    >>> shape = Architecture(family="leaky", units=4, inputs=1, outputs=1, rank=2)
    >>> held = {"recurrent.left": torch.ones(1, 4, 2), "recurrent.right": torch.ones(1, 4, 2)}
    >>> out, coupling = torch.zeros(1, 1, 4), coupling_of(shape)
    >>> coupling.recur_(out, torch.ones(1, 1, 4), coupling.effective(held))
    >>> out.tolist()  # each latent variable is 1, and there are two
    [[[2.0, 2.0, 2.0, 2.0]]]
    """
    if architecture.low_rank:
        return Thin(architecture.units, architecture.rank)
    return Dense(architecture.units if architecture.family == "mup" else 1)
