"""Loading vectors of a full-rank matrix: the leading part of its singular value decomposition, in one fixed gauge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Factors", "balanced_vectors", "factors", "factors_of_product"]

Floats = NDArray[np.float64]

#: Singular values closer than this share of the largest count as equal: of weights stored in single precision, their
#: vectors are then a matter of rounding.
_EQUAL = 1e-6
#: Cosines below this decide no sign.
_NO_COSINE = 1e-6


@dataclass(frozen=True)
class Factors:
    """A stack of matrices taken apart, W = left diag(singular) right^T.

    Attributes
    ----------
    left, right : (..., N, K) float64
        Orthonormal columns.
    singular : (..., K) float64
        Falling; those that are 0 but for rounding are 0.
    """

    left: Floats
    singular: Floats
    right: Floats

    def share(self, rank: int) -> Floats:
        """Return (...,): the share of ||W||_F^2 that the first `rank` singular values hold; NaN where W is 0."""
        squares = self.singular**2
        with np.errstate(invalid="ignore"):
            return np.asarray(squares[..., :rank].sum(-1) / squares.sum(-1))

    def truncated(self, rank: int) -> Floats:
        """Return (..., N, N): the matrix of this rank that is nearest to W (Eckart and Young 1936)."""
        kept = self.left[..., :rank] * self.singular[..., None, :rank]
        return np.asarray(kept @ self.right[..., :rank].swapaxes(-1, -2))

    def unsettled(self, rank: int) -> NDArray[np.bool_]:
        """Return (..., rank): which of the first vectors are not determined, their singular value being a double one.

        A value that equals the first one left out counts; values of 0 do not, their vectors being 0.
        """
        equal = self._equal()
        none = np.zeros((*equal.shape[:-1], 1), bool)
        both = np.concatenate([equal, none], -1) | np.concatenate([none, equal], -1)
        return np.asarray(both[..., :rank])

    def ambiguous(self, rank: int) -> NDArray[np.bool_]:
        """Return (...,): whether the truncation itself is not determined, the cut being between equal values."""
        equal = self._equal()
        return np.asarray(equal[..., rank - 1] if rank <= equal.shape[-1] else np.zeros(equal.shape[:-1], bool))

    def _equal(self) -> NDArray[np.bool_]:
        """Return (..., K - 1): singular values, not 0, that equal the next one."""
        first, second = self.singular[..., :-1], self.singular[..., 1:]
        return np.asarray((first - second <= _EQUAL * self.singular[..., :1]) & (first > 0))


def factors(matrices: Floats) -> Factors:
    """Take matrices apart by singular value decomposition.

    Parameters
    ----------
    matrices : (..., N, N) float64
        Finite.

    Examples
    --------
    >>> found = factors(np.diag([1.0, 3.0, 0.0]))
    >>> found.singular.tolist(), found.share(1).round(3).tolist()
    ([3.0, 1.0, 0.0], 0.9)
    """
    left, singular, right = np.linalg.svd(matrices)
    return Factors(left, _without_rounding(singular, matrices.shape[-1]), right.swapaxes(-1, -2))


def factors_of_product(left: Floats, right: Floats) -> Factors:
    """Take W = left right^T / N apart, without forming it.

    Parameters
    ----------
    left, right : (..., N, R) float64
        Finite.

    Examples
    --------
    >>> found = factors_of_product(np.array([[2.0], [0.0]]), np.array([[0.0], [3.0]]))
    >>> found.singular.tolist(), abs(found.left[:, 0]).tolist()
    ([3.0], [1.0, 0.0])
    """
    (outer, above), (inner, beside) = np.linalg.qr(left), np.linalg.qr(right)
    small = factors(above @ beside.swapaxes(-1, -2) / left.shape[-2])
    return Factors(outer @ small.left, small.singular, inner @ small.right)


def _without_rounding(singular: Floats, units: int) -> Floats:
    least = units * np.finfo(np.float64).eps * singular[..., :1]
    return np.where(singular > least, singular, 0.0)


def balanced_vectors(found: Factors, rank: int, inputs: Floats, outputs: Floats) -> tuple[Floats, Floats]:
    """Return u = sqrt(N s) left and v = sqrt(N s) right, the first `rank` of each: W = u v^T / N, |u_k| = |v_k|.

    The sign of a pair (u_k, v_k) is free. It is that which makes positive the first of these cosines that is not 0:
    of u_k with each input vector, of v_k with them, of u_k and v_k with each output vector, and, where there is none,
    the sums of the cubes of u_k and of v_k. Nothing here depends on the order of the units.

    Parameters
    ----------
    found : Factors
    rank : int
        From 1 to K.
    inputs : (..., N, I) float64
        What states are made of besides u: input weights, bias, initial state.
    outputs : (..., N, O) float64

    Returns
    -------
    left, right : (..., N, rank) float64

    Examples
    --------
    >>> whole = factors(np.outer([0.0, -2.0], [3.0, 0.0]))
    >>> u, v = balanced_vectors(whole, 1, np.array([[0.0], [1.0]]), np.ones((2, 1)))
    >>> (u.round(12) + 0.0).tolist(), (v.round(12) + 0.0).tolist(), (u @ v.T / 2).round(12).tolist()[1]
    ([[0.0], [3.464101615138]], [[-3.464101615138], [0.0]], [-6.0, 0.0])
    """
    units = found.left.shape[-2]
    left, right = found.left[..., :rank], found.right[..., :rank]
    cosines = [
        *(_cosines(side, given) for given in (inputs, outputs) for side in (left, right)),
        *((side**3).sum(-2)[..., None, :] for side in (left, right)),
    ]
    candidates = np.concatenate(cosines, axis=-2)
    candidates = np.where(np.abs(candidates) > _NO_COSINE, candidates, 0.0)
    first = np.argmax(candidates != 0, axis=-2)[..., None, :]
    sign = np.where(np.take_along_axis(candidates, first, axis=-2) < 0, -1.0, 1.0)
    size = np.sqrt(units * found.singular[..., None, :rank]) * sign
    return np.asarray(left * size), np.asarray(right * size)


def _cosines(columns: Floats, given: Floats) -> Floats:
    """Return (..., G, rank): cosines of unit columns with given vectors, 0 where one of these is 0."""
    lengths = np.linalg.norm(given, axis=-2)[..., None]
    products = given.swapaxes(-1, -2) @ columns
    return np.asarray(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0))
