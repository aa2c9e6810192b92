"""Overlaps that the loss cannot tell from given ones: the same between the groups, others within them.

A is the inner group, B the outer one, C = S_BA. Every positive semidefinite S with this C has the form

    S = [[S_AA, C^T], [C, C S_AA^+ C^T + E]],   E >= 0,   C = C S_AA^+ S_AA:

the loss of a linear network sees C alone, so that S_AA and the slack E are free; that of a tanh network sees S_AA too,
and E is free (design: Ger & Barak; the parametrisation is ours).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.gram_sampling import check_gram, symmetric_parts

__all__ = ["complete", "slack", "vary"]

Floats = NDArray[np.float64]


def slack(gram: Floats, inner: int) -> Floats:
    """Return E = S_BB - C S_AA^+ C^T: what of the outer vectors' overlaps the inner ones leave open.

    Parameters
    ----------
    gram : (n, n) float64
    inner : int
        Size of group A.

    Examples
    --------
    >>> slack(np.array([[2.0, 1.0], [1.0, 3.0]]), 1)
    array([[2.5]])
    """
    inverse = _inverse(gram[:inner, :inner])
    across = gram[inner:, :inner]
    found = gram[inner:, inner:] - across @ inverse @ across.T
    return np.asarray((found + found.T) / 2)


def complete(across: Floats, inner: Floats, left_over: Floats) -> Floats:
    """Return S = [[S_AA, C^T], [C, C S_AA^+ C^T + E]].

    Parameters
    ----------
    across : (nB, nA) float64
        C; its rows lie in the range of S_AA.
    inner : (nA, nA) float64
        S_AA, positive semidefinite.
    left_over : (nB, nB) float64
        E, positive semidefinite.

    Examples
    --------
    >>> complete(np.array([[1.0]]), np.array([[2.0]]), np.array([[2.5]])).tolist()
    [[2.0, 1.0], [1.0, 3.0]]
    """
    outer = across @ _inverse(inner) @ across.T + left_over
    return np.block([[inner, across.T], [across, (outer + outer.T) / 2]])


def vary(gram: Floats, inner: int, linear: bool, spread: float, rng: np.random.Generator) -> Floats:
    """Draw overlaps with the visible ones of S and other invisible ones.

    A free block P moves to P^(1/2) exp(spread H) P^(1/2), H symmetric with Gaussian entries and ||H||_F = 1. A
    definite P is then at the distance `spread` in the metric that no change of basis alters; a singular one keeps its
    range.

    Parameters
    ----------
    gram : (n, n) float64
        S.
    inner : int
        Size of group A.
    linear : bool
        Both S_AA and E are free; without, E alone.
    spread : float
        Above 0.
    rng : numpy.random.Generator

    Returns
    -------
    (n, n) float64
        Positive semidefinite; its visible overlaps are those of S.

    Raises
    ------
    InputError
        When S is no matrix of overlaps, or leaves nothing free: E of a tanh network is 0.

    Examples
    --------
    >>> found = vary(np.eye(4), 2, True, 1.0, np.random.default_rng(0))
    >>> abs(found[2:, :2]).max().item(), bool(abs(found - np.eye(4)).max() > 0.1)
    (0.0, True)
    """
    check_gram(gram)
    within, left_over = gram[:inner, :inner], slack(gram, inner)
    # Rounding of S_BB - C S_AA^+ C^T is on the scale of S_BB.
    if np.linalg.norm(left_over) <= 1e-10 * max(np.linalg.norm(gram[inner:, inner:]), np.finfo(np.float64).tiny):
        left_over = np.zeros_like(left_over)
    if not linear and not left_over.any():
        what = "leave no freedom: the outer vectors lie in the span of the inner ones"
        raise InputError("the overlaps", what, "give overlaps with more of v and z outside of it")
    moved = _away(within, spread, rng) if linear else within
    return complete(gram[inner:, :inner], moved, _away(left_over, spread, rng))


def _away(block: Floats, spread: float, rng: np.random.Generator) -> Floats:
    """Move a semidefinite matrix by a geodesic of this length, its range kept."""
    values, vectors = symmetric_parts(block)
    drawn = rng.standard_normal(block.shape)
    direction = (drawn + drawn.T) / 2
    slopes, turn = np.linalg.eigh(spread * direction / np.linalg.norm(direction))
    root = ((vectors * np.sqrt(values)) @ vectors.T) @ turn
    return np.asarray((root * np.exp(slopes)) @ root.T)


def _inverse(block: Floats) -> Floats:
    """Return the pseudoinverse of a semidefinite matrix."""
    values, vectors = symmetric_parts(block)
    return np.asarray((vectors / values) @ vectors.T)
