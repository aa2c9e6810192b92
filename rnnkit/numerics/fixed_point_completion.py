"""From starts to sets of fixed points: search, prove, and search again from the midpoints of what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.numerics.autonomous_maps import AutonomousMap, FloatArray
from rnnkit.numerics.fixed_point_search import DESCENT, Descent, Ends, descend, search
from rnnkit.numerics.fixed_point_sets import FixedPoints, add_points, midpoints, no_points
from rnnkit.numerics.krawczyk import certify_many
from rnnkit.numerics.piecewise_linear import solve_regions

__all__ = ["METHODS", "MIDPOINTS", "Found", "find_points"]

#: Levenberg-Marquardt and Newton steps, proven; or the gradient descent of "abrupt-learning", with `lm` beside it.
METHODS = ("lm", "descent")
#: What searches from midpoints are called.
MIDPOINTS = "midpoints"
#: Pairs whose midpoints are searched from in a round, and rounds at most.
_PAIRS, _ROUNDS = 400, 3


@dataclass(frozen=True)
class Found:
    """What the searches of one network came to.

    Attributes
    ----------
    points : FixedPoints
        With an entry of `reached` for every search that ended on a zero, in the order of the searches.
    ends : Ends
        Without the axis of networks: (searches, ...).
    kind : (searches,) str
        What each started from.
    solver : Found or None
        Of descent: what `lm` comes to from the same starts, one search for each.
    """

    points: FixedPoints
    ends: Ends
    kind: NDArray[np.str_]
    solver: Found | None = None

    def arrivals(self, kind: str) -> NDArray[np.int64]:
        """Return the points that the searches of a kind ended on, one entry a search that ended on one."""
        reached: NDArray[np.int64] = self.points.reached[self.kind[self.ends.still] == kind]
        return reached


def find_points(
    system: AutonomousMap,
    starts: FloatArray,
    kind: NDArray[np.str_],
    generator: Callable[[], np.random.Generator],
    method: str = "lm",
    device: torch.device | None = None,
    report: Callable[[int], None] = lambda _: None,
    how: Descent = DESCENT,
) -> list[Found]:
    """Search from the starts of every network, then from midpoints, until nothing new is found.

    Starts of piecewise-linear networks are first led from region to region, which ends on exact solutions. Starts
    that are not finite are left out.

    Parameters
    ----------
    system : AutonomousMap
    starts : (networks, starts, size) float64
    kind : (starts,) str
        What each start is.
    generator : callable
        A new generator, the same at every call: it draws the midpoints where there are too many.
    method : str
        `lm`, or `descent`, which looks at no midpoints, but at what `lm` comes to from the same starts, with no help
        from regions or midpoints.
    device : torch.device, optional
    report : callable
        Told how many starts have been searched from, block by block.
    how : Descent
        Rate and steps of `descent`.

    Examples
    --------
    Four of the nine points of two switches are found; their midpoints lead to all:

    >>> weight, none = 2 * np.eye(2)[None], np.zeros((1, 2))
    >>> switches = AutonomousMap("outer", "tanh", 0.0, 1.0, weight, none, none)
    >>> starts = np.array([[[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]])
    >>> (found,) = find_points(switches, starts, np.array(["corner"] * 4), lambda: np.random.default_rng(0))
    >>> len(found.points), found.arrivals("corner").tolist()
    (9, [0, 1, 2, 3])
    """
    wanted = np.asarray(np.isfinite(starts).all(2))
    if method == "descent":
        return _descended(system, np.where(wanted[..., None], starts, 0.0), wanted, kind, device, report, how)
    exact = system.form in ("outer", "inner") and system.nonlinearity != "tanh"
    every = range(system.networks)
    begun = _solved(system, starts) if exact else starts
    ends = search(system, np.where(wanted[..., None], begun, 0.0), wanted, device, report)
    parts = [[ends.of(k, wanted[k])] for k in every]
    kinds = [[kind[wanted[k]]] for k in every]
    points = [_extended(system, k, no_points(system.size), parts[k][0]) for k in every]
    fresh = [np.ones(len(held), dtype=bool) for held in points]
    for _ in range(_ROUNDS):
        middles = [midpoints(points[k].states, fresh[k], _PAIRS, generator()) for k in every]
        if not any(map(len, middles)):
            break
        starts, wanted = _padded(middles)
        ends = search(system, _solved(system, starts) if exact else starts, wanted, device)
        for k in every:
            parts[k].append(ends.of(k, wanted[k]))
            kinds[k].append(np.full(len(middles[k]), MIDPOINTS))
            before = len(points[k])
            points[k] = _extended(system, k, points[k], parts[k][-1])
            fresh[k] = np.arange(len(points[k])) >= before
    return [Found(points[k], _joined(parts[k]), np.concatenate(kinds[k])) for k in every]


def _descended(
    system: AutonomousMap,
    starts: FloatArray,
    wanted: NDArray[np.bool_],
    kind: NDArray[np.str_],
    device: torch.device | None,
    report: Callable[[int], None],
    how: Descent,
) -> list[Found]:
    """Descend from all starts, and let the solver say what the ends are, and where it gets from the same starts.

    A gradient below 1e-6 says nothing where the speed is small too: on the way to a fixed point both vanish. An end is
    slow where the solver, begun there, gets stuck as well.
    """
    ends = descend(system, starts, wanted, device, report, how)
    looks = ends.slow
    resumed = search(system, np.where(looks[..., None], ends.states, 0.0), looks, device)
    ends = replace(ends, stalled=resumed.slow)
    solved = search(system, starts, wanted, device)

    def found(k: int, of: Ends, solver: Found | None = None) -> Found:
        own = of.of(k, wanted[k])
        return Found(_extended(system, k, no_points(system.size), own), own, kind[wanted[k]], solver)

    return [found(k, ends, found(k, solved)) for k in range(system.networks)]


def _solved(system: AutonomousMap, starts: FloatArray) -> FloatArray:
    """Put exact solutions in the place of the starts that lead to one."""
    begun = starts.copy()
    for k in range(system.networks):
        walks = solve_regions(system, k, starts[k])
        led = walks.reached >= 0
        begun[k, led] = walks.points[walks.reached[led]]
    return begun


def _joined(parts: Sequence[Ends]) -> Ends:
    return Ends(
        np.concatenate([part.states for part in parts]),
        np.concatenate([part.speed for part in parts]),
        np.concatenate([part.gradient for part in parts]),
        np.concatenate([part.kink for part in parts]),
        parts[0].unbounded,
    )


def _extended(system: AutonomousMap, k: int, known: FixedPoints, ends: Ends) -> FixedPoints:
    return add_points(known, ends.states[ends.still], lambda points: certify_many(system, k, points))


def _padded(states: Sequence[FloatArray]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return ragged states as one array, (networks, most, size), and which of it is meant."""
    most = max(map(len, states))
    padded = np.stack([np.pad(held, ((0, most - len(held)), (0, 0))) for held in states])
    return padded, np.arange(most) < np.array([[len(held)] for held in states])
