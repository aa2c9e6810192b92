"""Roots of many functions of one variable at once, each inside a bracket of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Roots", "bracketed_roots"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Bisection alone needs 64 halvings from any bracket of finite numbers near 1; a few more for those near 0.
_MOST = 200


@dataclass(frozen=True)
class Roots:
    """Where functions change sign.

    Attributes
    ----------
    roots : (brackets,) float64
        Of the two ends that are left of a bracket the one with the smaller value.
    values : (brackets,) float64
        Of the functions there.
    widths : (brackets,) float64
        Of what is left of each bracket; 0 where the function was met at exactly 0.
    iterations : int
        Of all brackets together: the most that one took.
    """

    roots: Floats
    values: Floats
    widths: Floats
    iterations: int


def bracketed_roots(function: Callable[[Counts, Floats], Floats], low: Floats, high: Floats) -> Roots:
    """Find a root in each bracket, to the last digits that a float64 has.

    Chandrupatla's method (1997): Brent's, inverse quadratic interpolation held in by bisection, with a rule for when to
    interpolate that looks at the three last points alone. So all brackets take the same branch-free step, and only
    those still at work are evaluated.

    Parameters
    ----------
    function : function of (brackets at work, points)
        Returns the value of the k-th function at the k-th point, for the places k that it is given.
    low, high : (brackets,) float64
        Ends at which the function has opposite signs.

    Raises
    ------
    ValueError
        When a function has the same sign at both ends.

    Examples
    --------
    >>> squares = np.array([2.0, 9.0])
    >>> found = bracketed_roots(lambda at, x: x**2 - squares[at], np.zeros(2), np.full(2, 10.0))
    >>> found.roots.round(12).tolist()
    [1.414213562373, 3.0]
    """
    at = np.arange(len(low))
    x1, x2 = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    f1, f2 = function(at, x1), function(at, x2)
    if not (f1 * f2 <= 0).all():
        raise ValueError("a function has the same sign at both ends of its bracket")
    x3, f3, share = x2.copy(), f2.copy(), np.full(len(at), 0.5)
    roots, values, widths = np.empty(len(at)), np.empty(len(at)), np.empty(len(at))
    done = 0
    while len(at):
        best = np.abs(f1) < np.abs(f2)
        xm, fm, width = np.where(best, x1, x2), np.where(best, f1, f2), np.abs(x2 - x1)
        least = 2 * np.spacing(np.abs(xm))
        ends = (fm == 0) | (width <= 2 * least) | (done >= _MOST)
        roots[at[ends]], values[at[ends]] = xm[ends], fm[ends]
        widths[at[ends]] = np.where(fm[ends] == 0, 0.0, width[ends])
        at, x1, x2, x3, f1, f2, f3, share, least, width = (
            held[~ends] for held in (at, x1, x2, x3, f1, f2, f3, share, least, width)
        )
        edge = np.minimum(least / width, 0.5)
        share = np.clip(share, edge, 1 - edge) if done else share
        x = x1 + share * (x2 - x1)
        f = function(at, x) if len(at) else x
        same = np.sign(f) == np.sign(f1)
        x3, f3 = np.where(same, x1, x2), np.where(same, f1, f2)
        x2, f2 = np.where(same, x2, x1), np.where(same, f2, f1)
        x1, f1, done = x, f, done + 1
        share = _next_share(x1, x2, x3, f1, f2, f3)
    return Roots(roots, values, widths, done)


def _next_share(x1: Floats, x2: Floats, x3: Floats, f1: Floats, f2: Floats, f3: Floats) -> Floats:
    """Return where between x1 and x2 to look next: by inverse quadratic interpolation where it is safe, else half."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        place, rise = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
        safe = (rise**2 < place) & ((1 - rise) ** 2 < 1 - place)
        share = f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
    return np.where(safe & np.isfinite(share), share, 0.5)
