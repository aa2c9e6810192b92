"""The recurrent matrix of `cayley` networks, kept in step with the tensors that are trained in its place."""

from __future__ import annotations

from torch import Tensor

from rnnkit.architectures import CAYLEY_TENSORS
from rnnkit.models.base import Weights
from rnnkit.numerics.cayley import Cayley, cayley_backward, cayley_matrix

__all__ = ["CayleyRecurrence", "form_cayley"]


def form_cayley(weights: Weights) -> Cayley:
    """Return W = O D O^T of a stack of networks, in double precision.

    Parameters
    ----------
    weights : dict of (networks, ...) tensors
        :data:`rnnkit.architectures.CAYLEY_TENSORS`.

    Notes
    -----
    Formed in float32, O is orthogonal to about 1e-6 sqrt N and W as far from normal; in float64, what is left is the
    rounding of W itself when it is stored.
    """
    skew, real, imaginary = (weights[name].double() for name in CAYLEY_TENSORS)
    return cayley_matrix(skew, real, imaginary)


class CayleyRecurrence:
    """Adds `recurrent.weight` to the weights and gradients of a chunk of networks, and carries it along.

    Parameters
    ----------
    weights, grads : dict of (networks, ...) tensors
        Views of what is trained; `recurrent.weight` is added to both.
    """

    def __init__(self, weights: Weights, grads: Weights) -> None:
        self.weights, self.grads = weights, grads
        self.refresh()
        grads["recurrent.weight"] = self.weights["recurrent.weight"].new_zeros(self.weights["recurrent.weight"].shape)

    def refresh(self) -> None:
        """Form W anew after the trained tensors have changed."""
        self._at = form_cayley(self.weights)
        self.weights["recurrent.weight"] = self._at.matrix.to(self.weights["recurrent.skew"].dtype)

    def pull_back(self) -> None:
        """Turn the gradient by W, which is then zero again, into those of the trained tensors."""
        by_matrix: Tensor = self.grads["recurrent.weight"]
        for name, grad in zip(CAYLEY_TENSORS, cayley_backward(self._at, by_matrix.double()), strict=True):
            self.grads[name].add_(grad)
        by_matrix.zero_()
