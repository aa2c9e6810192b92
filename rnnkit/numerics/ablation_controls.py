"""Random removals of the same Frobenius norm as an ablation: three nulls, which answer three questions.

All are drawn in the Schur coordinates of the network, whose signs do not depend on how its units are labelled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.numerics.ordered_schur import OrderedSchur
from rnnkit.numerics.schur_ablations import coupling_part, norms

__all__ = [
    "CONTROLS",
    "NullComparison",
    "against_null",
    "draw_entries",
    "draw_isotropic",
    "draw_rotated",
    "shared_mass",
]

Floats = NDArray[np.float64]


def draw_isotropic(schur: OrderedSchur, removed: Floats, dim_r: int, rng: np.random.Generator) -> Floats:
    """Draw a Gaussian matrix of the norm of `removed`.

    It adds as much as it removes, moves all eigenvalues, and feeds directions that no activity uses.

    Parameters
    ----------
    schur : OrderedSchur
    removed : (units, units) float64
        dT, not zero.
    dim_r : int
        Rows of the leading sector.
    rng : numpy.random.Generator

    Returns
    -------
    (units, units) float64
        What to take out of T instead of dT.

    Examples
    --------
    >>> from rnnkit.numerics.ordered_schur import ordered_schur
    >>> schur = ordered_schur(np.array([[2.0, 5.0], [0.0, 1.0]]))
    >>> drawn = draw_isotropic(schur, coupling_part(schur), 1, np.random.default_rng(0))
    >>> round(float(np.linalg.norm(drawn)), 12)
    5.0
    """
    noise = rng.standard_normal(removed.shape)
    return np.asarray(noise * (norms(removed) / norms(noise)))


def draw_entries(schur: OrderedSchur, removed: Floats, dim_r: int, rng: np.random.Generator) -> Floats:
    """Remove entries of N in random order until the norm is that of `removed`, the last one in part.

    A removal like the real one: the spectrum stays. It shares entries with the block (:func:`shared_mass`), and has
    no freedom left when the block is all of N. Parameters and result as in :func:`draw_isotropic`.

    Examples
    --------
    >>> from rnnkit.numerics.ordered_schur import ordered_schur
    >>> schur = ordered_schur(np.diag([3.0, 2.0, 1.0]) + np.triu(np.ones((3, 3)), 1))
    >>> block = np.zeros((3, 3))
    >>> block[0, 1] = 1.0
    >>> drawn = draw_entries(schur, block, 1, np.random.default_rng(0))
    >>> int((drawn != 0).sum()), round(float(np.linalg.norm(drawn)), 12)
    (1, 1.0)
    """
    couplings = coupling_part(schur)
    places = rng.permutation(np.flatnonzero(couplings))
    # In units of the removed norm; squares of what is far below it vanish, as they do in the norm.
    scale = norms(removed)
    values = couplings.flat[places] / scale
    reached = np.cumsum(values**2)
    last = min(int(np.searchsorted(reached, 1.0)), len(places) - 1)
    rest = 1.0 - (reached[last - 1] if last else 0.0)
    values[last] = np.copysign(min(np.sqrt(max(rest, 0.0)), abs(values[last])), values[last])
    out = np.zeros_like(couplings)
    out.flat[places[: last + 1]] = values[: last + 1] * scale
    return out


def draw_rotated(schur: OrderedSchur, removed: Floats, dim_r: int, rng: np.random.Generator) -> Floats:
    """Turn `removed` inside its sectors: O1 dT O2^T, O1 and O2 uniform in O(k) x O(N - k).

    The norm, the singular values and the sector stay, the direction does not. For RR and CC it writes below the
    diagonal, so the spectrum moves; for CR it does not. Parameters and result as in :func:`draw_isotropic`.

    Examples
    --------
    >>> from rnnkit.numerics.ordered_schur import ordered_schur
    >>> schur = ordered_schur(np.diag([3.0, 2.0, 1.0]) + np.triu(np.ones((3, 3)), 1))
    >>> block = np.zeros((3, 3))
    >>> block[0, 1] = 1.0
    >>> drawn = draw_rotated(schur, block, 1, np.random.default_rng(0))
    >>> bool(drawn[1:].any()), round(float(np.linalg.norm(drawn)), 12)
    (False, 1.0)
    """
    out = removed
    for _ in range(2):  # from the left, then, transposed, from the right
        turned = np.zeros_like(out)
        for rows in (slice(dim_r), slice(dim_r, None)):
            turned[rows] = _uniform_rotation(out[rows].shape[0], rng) @ out[rows]
        out = turned.T
    return np.ascontiguousarray(out)


def _uniform_rotation(size: int, rng: np.random.Generator) -> Floats:
    """Draw from the Haar measure of O(n) (Mezzadri 2007)."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return np.asarray(q * np.where(np.diagonal(r) < 0, -1.0, 1.0))


#: The nulls by name.
CONTROLS: dict[str, Callable[[OrderedSchur, Floats, int, np.random.Generator], Floats]] = {
    "isotropic": draw_isotropic,
    "entries": draw_entries,
    "rotated": draw_rotated,
}


def shared_mass(drawn: Floats, removed: Floats) -> float:
    """Return the share of a draw's squared norm that lies on the entries of the real removal.

    Examples
    --------
    >>> shared_mass(np.array([[0.0, 3.0], [0.0, 4.0]]), np.array([[0.0, 5.0], [0.0, 0.0]]))
    0.36
    """
    scale = np.abs(drawn).max()
    squares = (drawn / scale) ** 2
    return float(squares[removed != 0].sum() / squares.sum())


@dataclass(frozen=True)
class NullComparison:
    """A real value beside its null.

    Attributes
    ----------
    least, median, most : float
        Of the null; infinite or NaN where draws are infinite.
    share_at_most : float
        Share of the null that is at most the real value.
    p_value : float
        (1 + number of draws that are at least the real value) / (1 + draws).
    """

    least: float
    median: float
    most: float
    share_at_most: float
    p_value: float


def against_null(real: float, null: Floats) -> NullComparison:
    """Compare a real value with draws of a null; an infinite draw is above every number.

    Parameters
    ----------
    real : float
        Finite.
    null : (draws,) float64
        No NaN.

    Examples
    --------
    >>> against_null(2.0, np.array([1.0, 2.0, 3.0]))
    NullComparison(least=1.0, median=2.0, most=3.0, share_at_most=0.6666666666666666, p_value=0.75)
    """
    middle = np.sort(null)[[(len(null) - 1) // 2, len(null) // 2]]
    return NullComparison(
        float(null.min()),
        float(middle.mean()),
        float(null.max()),
        float((null <= real).mean()),
        float((1 + (null >= real).sum()) / (1 + len(null))),
    )
