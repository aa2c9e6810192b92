"""What a Schur form can lose: its couplings, split over two sectors, removed block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.ordered_schur import OrderedSchur

__all__ = ["ABLATIONS", "CLOSE", "Sectors", "ablated", "coupling_part", "norms", "removals", "spectral_part", "split"]

#: The seven sets of coupling blocks that can be removed, by name.
ABLATIONS: dict[str, tuple[str, ...]] = {
    name: tuple(name.split("+")) for name in ("RR", "CR", "CC", "RR+CR", "RR+CC", "CR+CC", "RR+CR+CC")
}
#: Moduli across the threshold that are closer than this, as a share of the largest, are not cut apart.
_TIED = 1e-10
#: Below this gap the partition hangs on a small change of the weights or of alpha.
CLOSE = 0.01

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sectors:
    """The leading sector R and its complement C.

    Attributes
    ----------
    dim_r, blocks_r, blocks : int
        Rows of R, blocks of R, and blocks in all.
    gap : float
        (least modulus in R - largest in C) / largest; NaN when C is empty or all moduli are 0.
    tied : bool
        The threshold fell between moduli closer than 1e-10 of the largest, and R was extended to keep them together.
    """

    dim_r: int
    blocks_r: int
    blocks: int
    gap: float
    tied: bool


def split(schur: OrderedSchur, alpha: float) -> Sectors:
    """Put the blocks with abs(lambda) >= alpha max abs(lambda) into R ("Task-restricted symmetries", section 2).

    Parameters
    ----------
    schur : OrderedSchur
        Blocks by falling modulus.
    alpha : float
        In (0, 1].

    Examples
    --------
    >>> from rnnkit.numerics.ordered_schur import ordered_schur
    >>> split(ordered_schur(np.diag([1.0, 0.9375, 0.5])), 0.9)
    Sectors(dim_r=2, blocks_r=2, blocks=3, gap=0.4375, tied=False)
    """
    if not 0 < alpha <= 1:
        raise InputError("--alpha", f"{alpha} is not in (0, 1]", "give a share of the largest modulus")
    moduli, radius, blocks = schur.moduli, schur.spectral_radius, len(schur.moduli)
    least = np.minimum.accumulate(moduli)
    most = np.maximum.accumulate(moduli[::-1])[::-1]
    count = wanted = int((moduli >= alpha * radius).sum())
    while count < blocks and least[count - 1] - most[count] < _TIED * radius:
        count += 1
    whole = count == blocks or radius == 0
    gap = float("nan") if whole else float((least[count - 1] - most[count]) / radius)
    return Sectors(int(schur.sizes[:count].sum()), count, blocks, gap, count > wanted)


def spectral_part(schur: OrderedSchur) -> Floats:
    """Return B, the diagonal blocks of T."""
    return np.where(_diagonal(schur), schur.form, 0.0)


def coupling_part(schur: OrderedSchur) -> Floats:
    """Return N = T - B, the couplings between blocks: B + N is T exactly.

    Examples
    --------
    >>> from rnnkit.numerics.ordered_schur import ordered_schur
    >>> coupling_part(ordered_schur(np.array([[2.0, 5.0], [0.0, 1.0]]))).tolist()
    [[0.0, 5.0], [0.0, 0.0]]
    """
    return np.where(_diagonal(schur), 0.0, schur.form)


def _diagonal(schur: OrderedSchur) -> NDArray[np.bool_]:
    block = np.repeat(np.arange(len(schur.starts)), schur.sizes)
    return np.asarray(block[:, None] == block[None, :])


def removals(schur: OrderedSchur, dim_r: int, names: Sequence[str] = tuple(ABLATIONS)) -> Floats:
    """Return what each ablation takes out of T, (ablations, units, units).

    RR is N[:k, :k], CR is N[:k, k:] (row R, column C: from C into R) and CC is N[k:, k:].

    Parameters
    ----------
    schur : OrderedSchur
    dim_r : int
        k, the rows of R.
    names : sequence of str
        Of :data:`ABLATIONS`; all seven by default.

    Examples
    --------
    >>> from rnnkit.numerics.ordered_schur import ordered_schur
    >>> t = np.diag([3.0, 2.0, 1.0]) + np.triu(np.ones((3, 3)), 1)
    >>> removals(ordered_schur(t), 2)[:3].sum((1, 2)).round(6).tolist()
    [1.0, 2.0, 0.0]
    """
    couplings = coupling_part(schur)
    sectors = {"RR": (slice(dim_r), slice(dim_r)), "CR": (slice(dim_r), slice(dim_r, None))}
    sectors["CC"] = (slice(dim_r, None), slice(dim_r, None))
    out = np.zeros((len(names), *couplings.shape))
    for k, name in enumerate(names):
        for sector in ABLATIONS[name]:
            out[k][sectors[sector]] = couplings[sectors[sector]]
    return out


def ablated(matrix: NDArray[np.floating], vectors: Floats, removed: Floats) -> Floats:
    """Return W - Q dT Q^T, and W itself, bit for bit, where dT is 0.

    Parameters
    ----------
    matrix : (units, units)
    vectors : (units, units) float64
        Q.
    removed : (..., units, units) float64
        dT.

    Examples
    --------
    >>> w = np.array([[2.0, 5.0], [0.0, 1.0]])
    >>> ablated(w, np.eye(2), np.array([[0.0, 5.0], [0.0, 0.0]])).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    w = np.asarray(matrix, dtype=np.float64)
    touched = np.asarray(removed.any((-2, -1)))[..., None, None]
    return np.where(touched, w - vectors @ removed @ vectors.T, w)


def norms(x: Floats) -> Floats:
    """Return the Frobenius norm of each matrix, with no overflow: (..., units, units) to (...).

    Examples
    --------
    >>> norms(np.array([[[2e200, 2e200], [2e200, 2e200]], [[0.0, 0.0], [0.0, 0.0]]])).tolist()
    [4e+200, 0.0]
    """
    scale = np.abs(x).max((-2, -1), keepdims=True)
    scale = np.where(scale > 0, scale, 1.0)
    return np.asarray(scale[..., 0, 0] * np.sqrt(((x / scale) ** 2).sum((-2, -1))))
