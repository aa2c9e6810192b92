"""Where the latent variable of networks of rank one stands still: sign changes on a grid, refined, and hidden ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.numerics.bracketed_roots import bracketed_roots
from rnnkit.numerics.latent_circuits import Circuits, velocities_at

__all__ = ["FINER", "StillPoints", "outside", "still_points"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: How much finer the grid is that a count is checked on.
FINER = 20
#: An extremum this near to 0, in units of the rounding of its terms, touches it.
_ROUNDING = 64 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class StillPoints:
    """Fixed points of circuits in a range, by circuit and then by place.

    Attributes
    ----------
    circuit : (points,) int64
    kappa : (points,) float64
    slope : (points,) float64
        f' there.
    stable : (points,) bool
        f falls through 0: what is near comes nearer. A place where f touches 0 is not stable.
    continuum : (circuits,) bool
        f is 0 at neighbouring points of the grid: there are no points to count.
    least : (circuits,) float64
        The smallest |f| on the range: at the grid's points, at extrema between them, and 0 with a fixed point.
    """

    circuit: Counts
    kappa: Floats
    slope: Floats
    stable: Flags
    continuum: Flags
    least: Floats

    def counts(self) -> Counts:
        """Return how many there are of each circuit."""
        return np.bincount(self.circuit, minlength=len(self.continuum)).astype(np.int64)


def still_points(circuits: Circuits, kappa: Floats, velocity: Floats, slope: Floats) -> StillPoints:
    """Find the fixed points that a grid shows.

    A change of sign between two points of the grid is one, and so is a point where f is 0. Where f has an extremum
    towards 0 between two points, that is found too: beyond 0 there are two fixed points in the cell, at 0, to rounding,
    it is a tangency and counts once.

    Parameters
    ----------
    circuits : Circuits
    kappa : (points,) float64
        Rising.
    velocity, slope : (circuits, points) float64
        Of :func:`rnnkit.numerics.latent_circuits.velocities` there.

    Examples
    --------
    >>> from rnnkit.numerics.latent_circuits import velocities
    >>> one = Circuits(np.ones((1, 2)), np.full((1, 2), 1.5), np.zeros((1, 2)))
    >>> grid = np.linspace(-3, 3, 100)
    >>> found = still_points(one, grid, *velocities(one, grid))
    >>> found.kappa.round(6).tolist(), found.stable.tolist()
    ([-1.287839, 0.0, 1.287839], [True, False, True])
    """
    signs, ends = np.sign(velocity), (velocity[:, :-1], velocity[:, 1:])
    zero = velocity == 0
    row, column = np.nonzero(zero)
    parts = [(row, kappa[column], _falls_at(signs, slope, row, column))]
    row, column = np.nonzero(signs[:, :-1] * signs[:, 1:] < 0)
    brackets = [(row, kappa[column], kappa[column + 1], velocity[row, column] > 0)]
    # |f| falls at the left end of the cell and rises at the right one: its extremum may touch 0, or pass it.
    turns = (signs[:, :-1] * signs[:, 1:] > 0) & (ends[0] * slope[:, :-1] < 0) & (ends[1] * slope[:, 1:] > 0)
    row, column = np.nonzero(turns)
    low, high, above = kappa[column], kappa[column + 1], velocity[row, column] > 0
    turn = bracketed_roots(lambda at, x: velocities_at(circuits, row[at], x)[1], low, high).roots
    extremum = velocities_at(circuits, row, turn)[0]
    touches = np.abs(extremum) <= _ROUNDING * (np.abs(turn) + np.abs(circuits.right[row]).mean(axis=1))
    parts.append((row[touches], turn[touches], np.zeros(int(touches.sum()), dtype=bool)))
    passes = ~touches & ((extremum > 0) != above)
    brackets.append((row[passes], low[passes], turn[passes], above[passes]))
    brackets.append((row[passes], turn[passes], high[passes], ~above[passes]))
    which, left, right, falls = (np.concatenate(each) for each in zip(*brackets, strict=True))
    roots = bracketed_roots(lambda at, x: velocities_at(circuits, which[at], x)[0], left, right).roots
    parts.append((which, roots, falls))
    circuit, place, stable = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.lexsort((place, circuit))
    circuit, place, stable = circuit[order], place[order], stable[order]
    least = np.abs(velocity).min(axis=1)
    np.minimum.at(least, row, np.abs(extremum))
    least[circuit] = 0.0
    continuum = (zero[:, 1:] & zero[:, :-1]).any(axis=1)
    return StillPoints(circuit, place, velocities_at(circuits, circuit, place)[1], stable, continuum, least)


def _falls_at(signs: Floats, slope: Floats, row: Counts, column: Counts) -> Flags:
    """Return whether f falls through 0 at points of the grid: by its slope, and by its neighbours where that is 0."""
    here, last = slope[row, column], signs.shape[1] - 1
    before = np.where(column > 0, signs[row, np.maximum(column - 1, 0)], 1.0)
    after = np.where(column < last, signs[row, np.minimum(column + 1, last)], -1.0)
    by_neighbours = (before > 0) & (after < 0)
    return np.where(np.abs(here) > _ROUNDING, here < 0, by_neighbours)


def outside(circuits: Circuits, velocity: Floats) -> Counts:
    """Return how many fixed points lie outside a range for certain, at most one on each side.

    f is continuous, and far out it has the sign of its linear part: with a nonlinearity that is bounded that of -kappa.

    Parameters
    ----------
    circuits : Circuits
    velocity : (circuits, points) float64
        On a grid from one end of the range to the other.

    Returns
    -------
    (circuits,) int64

    Examples
    --------
    >>> from rnnkit.numerics.latent_circuits import velocities
    >>> one = Circuits(np.ones((1, 2)), np.full((1, 2), 1.5), np.zeros((1, 2)))
    >>> outside(one, velocities(one, np.array([-1.0, 3.0]))[0]).tolist()  # that at -1.29
    [1]
    """
    gains = circuits.left * circuits.right
    found = np.zeros(len(circuits), dtype=np.int64)
    for side, end in ((-1.0, velocity[:, 0]), (1.0, velocity[:, -1])):
        acts = {"tanh": 0.0, "identity": 1.0}.get(circuits.nonlinearity, side * circuits.left > 0)
        far = side * ((gains * acts).mean(axis=1) - 1)
        found += (far * end < 0).astype(np.int64)
    return found
