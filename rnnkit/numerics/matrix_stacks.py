"""Stacks of matrices, whole or as products of thin factors, and what is asked of them along training.

Both forms answer the same questions, so that what is worked out of a training course does not depend on the family
of the network: a low-rank network's matrices, and differences of them, are never formed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

__all__ = ["Dense", "MatrixStack", "Product"]

Floats = NDArray[np.float64]

#: A matrix whose entries vary by less than this share of its norm is constant, but for rounding.
_CONSTANT = 1e-12


class MatrixStack(ABC):
    """Matrices (K, n, m) in one of the two forms, which are not mixed."""

    @abstractmethod
    def __len__(self) -> int:
        """Return K."""

    @abstractmethod
    def part(self, first: int, last: int) -> Self:
        """Return the matrices `first` to `last` - 1."""

    @abstractmethod
    def minus(self, other: Self) -> Self:
        """Return the differences, one by one; either may be a single matrix."""

    @abstractmethod
    def singular_values(self) -> Floats:
        """Return (K, r) singular values, falling."""

    @abstractmethod
    def norms(self) -> Floats:
        """Return (K,) Frobenius norms."""

    @abstractmethod
    def inner(self, other: Self) -> Floats:
        """Return (K,): sums over the entries of this times those of the other, one by one."""

    @abstractmethod
    def standardised(self) -> Self:
        """Return the matrices less the mean of their entries, over their norm then; NaN where all entries are equal.

        Inner products of two of them are Pearson correlations over all entries.
        """

    @abstractmethod
    def gram(self, other: Self) -> Floats:
        """Return (K, L): inner products of all pairs with another stack of L."""


@dataclass(frozen=True)
class Dense(MatrixStack):
    """Matrices held as they are.

    Attributes
    ----------
    values : (K, n, m) float64
        Finite.

    Examples
    --------
    >>> two = Dense(np.array([[[3.0, 0.0], [0.0, 4.0]], [[0.0, 4.0], [4.0, 0.0]]]))
    >>> two.singular_values().tolist(), two.norms().tolist(), two.inner(two).tolist()
    ([[4.0, 3.0], [4.0, 4.0]], [5.0, 5.656854249492381], [25.0, 32.0])
    """

    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    def part(self, first: int, last: int) -> Self:
        """Return some of them."""
        return type(self)(self.values[first:last])

    def minus(self, other: Self) -> Self:
        """Return the differences, one by one; either may be a single matrix."""
        return type(self)(self.values - other.values)

    def singular_values(self) -> Floats:
        """Return (K, min(n, m)), falling."""
        return _singular_values(self.values)

    def norms(self) -> Floats:
        """Return (K,) Frobenius norms."""
        return np.asarray(np.sqrt(np.square(self.values).sum((-2, -1))))

    def inner(self, other: Self) -> Floats:
        """Return (K,): sums over the entries of this times those of the other, one by one."""
        return np.asarray((self.values * other.values).sum((-2, -1)))

    def standardised(self) -> Self:
        """Return the matrices less their mean entry, of norm 1."""
        centred = type(self)(self.values - self.values.mean((-2, -1), keepdims=True))
        return type(self)(centred.values * _scale(centred.norms(), self.norms())[:, None, None])

    def gram(self, other: Self) -> Floats:
        """Return (K, L): inner products of all pairs."""
        return np.asarray(self.values.reshape(len(self), -1) @ other.values.reshape(len(other), -1).T)


@dataclass(frozen=True)
class Product(MatrixStack):
    """Matrices W = left right^T of low rank.

    Attributes
    ----------
    left : (K, n, r) float64
        Finite.
    right : (K, m, r) float64
        Finite.

    Examples
    --------
    >>> one = Product(np.array([[[3.0], [0.0]]]), np.array([[[0.0], [2.0]]]))
    >>> twice = Product(2 * one.left, one.right)
    >>> one.singular_values().tolist(), twice.minus(one).singular_values().round(12).tolist()
    ([[6.0]], [[6.0, 0.0]])
    >>> one.inner(twice).tolist(), one.standardised().gram(twice.standardised()).round(12).tolist()
    ([72.0], [[1.0]])
    """

    left: Floats
    right: Floats

    def __len__(self) -> int:
        return len(self.left)

    def part(self, first: int, last: int) -> Self:
        """Return some of them."""
        return type(self)(self.left[first:last], self.right[first:last])

    def minus(self, other: Self) -> Self:
        """Return the differences, one by one, of twice the rank; either may be a single matrix.

        L R^T - L' R'^T = (L - L') R^T + L' (R - R')^T: of factors that are close, nothing is lost.
        """
        left, right = self.left - other.left, self.right - other.right
        return type(self)(
            np.concatenate([left, np.broadcast_to(other.left, left.shape)], axis=-1),
            np.concatenate([np.broadcast_to(self.right, right.shape), right], axis=-1),
        )

    def singular_values(self) -> Floats:
        """Return (K, min(n, m, r)), falling, by QR of the factors; those that are 0 but for rounding are 0."""
        above, beside = (np.asarray(np.linalg.qr(factor, mode="r")) for factor in (self.left, self.right))
        found = _singular_values(above @ beside.swapaxes(-1, -2))
        sizes = [np.sqrt(np.square(factor).sum((-2, -1))) for factor in (self.left, self.right)]
        floor = self.left.shape[-2] * np.finfo(np.float64).eps * sizes[0] * sizes[1]
        return np.where(found > floor[:, None], found, 0.0)

    def norms(self) -> Floats:
        """Return (K,) Frobenius norms."""
        return np.asarray(np.sqrt(np.square(self.singular_values()).sum(-1)))

    def inner(self, other: Self) -> Floats:
        """Return (K,): sums over the entries of this times those of the other, one by one."""
        lefts = self.left.swapaxes(-1, -2) @ other.left
        rights = self.right.swapaxes(-1, -2) @ other.right
        return np.asarray((lefts * rights).sum((-2, -1)))

    def standardised(self) -> Self:
        """Return the matrices less their mean entry, of norm 1.

        With column means l, r of the factors and L = L_c + 1 l^T, R = R_c + 1 r^T, the mean entry is l . r, and
        L R^T - (l . r) 1 1^T = L_c R^T + 1 (R_c l)^T.
        """
        rows, columns = (factor.mean(-2, keepdims=True) for factor in (self.left, self.right))
        ones = np.ones((*self.left.shape[:-1], 1))
        rest = (self.right - columns) @ rows.swapaxes(-1, -2)
        centred = type(self)(
            np.concatenate([self.left - rows, ones], axis=-1), np.concatenate([self.right, rest], axis=-1)
        )
        return type(self)(centred.left * _scale(centred.norms(), self.norms())[:, None, None], centred.right)

    def gram(self, other: Self) -> Floats:
        """Return (K, L): inner products of all pairs. Needs room for K L r^2 numbers."""
        lefts = np.tensordot(self.left, other.left, axes=(-2, -2))  # (K, r, L, r)
        lefts *= np.tensordot(self.right, other.right, axes=(-2, -2))
        return np.asarray(lefts.sum((1, 3)))


def _scale(centred: Floats, whole: Floats) -> Floats:
    """Return 1 over the norms of centred matrices, NaN where nothing but rounding is left of the whole ones."""
    return np.where(centred > _CONSTANT * whole, 1.0 / np.where(centred > 0, centred, 1.0), np.nan)


def _singular_values(matrices: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.svd(matrices, compute_uv=False))
    except np.linalg.LinAlgError:
        # Divide and conquer gives up on a matrix in a million; the older algorithm then has to do.
        return np.stack([scipy.linalg.svd(one, compute_uv=False, lapack_driver="gesvd") for one in matrices])
