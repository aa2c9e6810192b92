r"""Fixed points of relu and identity networks, region by region: one linear solve each, exact but for rounding.

A relu network is affine wherever no unit crosses its kink. With s the 0/1 pattern of the active units there,

    `outer`  F(h) = keep h + gain s * (W h + v):      (1 - keep) h - gain diag(s) W h = gain s * v
    `inner`  F(h) = keep h + gain (W (s * h) + v):    (1 - keep) h - gain W diag(s) h = gain v

(keep may differ from unit to unit), so that Newton's method takes one step in a region, and its result either lies in
that region, and is a fixed point, or names the region to try next. The next region depends on the last alone, so all
starts share one walk: a region is solved once, walks that meet go on as one, and a walk that comes back to a region it
has left (a cycle) ends there. identity networks have one region. Not every region is visited: fixed points that no
start leads to are not found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.intervals import UNIT_ROUNDOFF, FloatArray, gamma
from rnnkit.numerics.threads import one_thread

__all__ = ["RegionPoints", "solve_regions"]

BoolArray = NDArray[np.bool_]

#: Entries of a stack of matrices that are solved at once: 16 MB an array.
_STACK = 2**21
#: Outcomes of a region that lead nowhere; other numbers are the next region.
_SINGULAR, _UNVISITED = -1, -2
#: Solutions at a kink that differ by less, relative to their size, are one point met from several regions.
_SAME = 1e-9


@dataclass(frozen=True)
class RegionPoints:
    """The fixed points met, and how every start ended.

    Attributes
    ----------
    points : (points, size) float64
        Solutions that lie in the region they were solved for, each once, in order of their first discovery.
    active : (points, units) bool
        The region of each; one of them for a point at a kink.
    kink : (points,) bool
        Whether a unit lies at its kink within rounding: the point then belongs to more than one region.
    end : (starts,) str
        How the walk from each start ended: `point`; `singular`, in a region whose linear system has no unique
        solution (a line of fixed points, or none); `cycle`; `limit`; `not_finite`, no walk was begun.
    reached : (starts,) int64
        The point each start leads to, -1 for none.
    singular : (regions, units) bool
        The singular regions met.
    solved : int
        Number of linear solves.
    """

    points: FloatArray
    active: BoolArray
    kink: BoolArray
    end: NDArray[np.str_]
    reached: NDArray[np.int64]
    singular: BoolArray
    solved: int


def solve_regions(system: AutonomousMap, network: int, starts: FloatArray, limit: int = 100) -> RegionPoints:
    """Follow Newton's method from region to region from all starts.

    Parameters
    ----------
    system : AutonomousMap
        Of the form `outer` or `inner`, with relu or identity.
    network : int
    starts : (starts, size) float64
    limit : int
        Most regions on the way from one start.

    Returns
    -------
    RegionPoints

    Raises
    ------
    InputError
        When the map is not piecewise linear, there is no such network, or the starts have another size.

    Examples
    --------
    Two units that inhibit each other have two winners and, between them, a tie:

    >>> weight, drive = np.array([[[0.0, -2.0], [-2.0, 0.0]]]), np.ones((1, 2))
    >>> winners = AutonomousMap("outer", "relu", 0.0, 1.0, weight, drive, np.zeros((1, 2)))
    >>> found = solve_regions(winners, 0, np.array([[2.0, 0.0], [0.0, 2.0], [0.2, 0.2]]))
    >>> found.points.round(3).tolist(), found.reached.tolist()
    ([[1.0, 0.0], [0.0, 1.0], [0.333, 0.333]], [0, 1, 2])
    """
    starts = np.asarray(starts, dtype=np.float64)
    if system.form not in ("outer", "inner") or system.nonlinearity not in ("relu", "identity"):
        raise InputError(
            "system", f"{system.form} {system.nonlinearity} is not piecewise linear", "give relu or identity"
        )
    if not 0 <= network < system.networks:
        raise InputError("network", f"there is no network {network}", f"give 0 to {system.networks - 1}")
    if starts.ndim != 2 or starts.shape[1] != system.size:
        raise InputError("starts", f"shape {starts.shape}", f"give (starts, {system.size})")
    with one_thread(), np.errstate(all="ignore"):
        return _Walk(system, network).run(starts, limit)


class _Walk:
    """Regions met so far, each with its solution and the region that comes next."""

    def __init__(self, system: AutonomousMap, network: int) -> None:
        self._system = system
        self._weight, self._drive = system.recurrent[network], system.drive[network]
        self._keep = system.kept[network]
        self._numbers: dict[bytes, int] = {}
        self._patterns: list[BoolArray] = []
        self._next: list[int] = []
        self._points: dict[int, tuple[FloatArray, bool]] = {}

    def run(self, starts: FloatArray, limit: int) -> RegionPoints:
        sound = np.asarray(np.isfinite(starts).all(1))
        first = self._number(self._pattern(np.where(sound[:, None], starts, 0.0))[0])
        frontier = np.unique(first[sound])
        for _ in range(limit):
            if not len(frontier):
                break
            self._solve(frontier)
            ahead = np.array([self._next[k] for k in frontier])
            ahead = np.unique(ahead[ahead >= 0])
            frontier = np.array([k for k in ahead if self._next[k] == _UNVISITED], dtype=np.int64)
        ends = [self._follow(int(k)) if ok else ("not_finite", -1) for k, ok in zip(first, sound, strict=True)]
        return self._collect(ends)

    def _pattern(self, h: FloatArray) -> tuple[BoolArray, BoolArray]:
        """Return which units are active, and which lie at their kink within rounding, (states, units) each."""
        if self._system.nonlinearity == "identity":
            return np.ones(h.shape, dtype=np.bool_), np.zeros(h.shape, dtype=np.bool_)
        if self._system.form == "outer":
            argument = h @ self._weight.T + self._drive
            scale = np.abs(h) @ np.abs(self._weight).T + np.abs(self._drive)
        else:
            # The state is itself a sum: W phi(h) + v over 1 - keep.
            argument, gain = h, self._system.gain
            scale = gain * (np.maximum(h, 0.0) @ np.abs(self._weight).T + np.abs(self._drive)) + np.abs(h)
        # A few times the rounding of one such sum; a certificate decides what this only points at.
        return argument > 0, np.abs(argument) <= 4 * gamma(self._system.units + 2) * scale

    def _number(self, patterns: BoolArray) -> NDArray[np.int64]:
        """Return the regions' numbers, (patterns,), new ones where they are met for the first time."""
        found = np.empty(len(patterns), dtype=np.int64)
        for k, pattern in enumerate(patterns):
            key = np.packbits(pattern).tobytes()
            number = self._numbers.setdefault(key, len(self._patterns))
            if number == len(self._patterns):
                self._patterns.append(pattern)
                self._next.append(_UNVISITED)
            found[k] = number
        return found

    def _solve(self, regions: NDArray[np.int64]) -> None:
        """Solve in regions that are new, and note for each where it leads."""
        chunk = max(1, _STACK // self._system.size**2)
        for k in range(0, len(regions), chunk):
            part = regions[k : k + chunk]
            active = np.stack([self._patterns[region] for region in part])
            h, regular = self._solutions(active)
            there, kink = self._pattern(h)
            # At a kink the sign is rounding's, and either side's linear piece takes the same value.
            stays, at_kink = np.asarray(((there == active) | kink).all(1)), np.asarray(kink.any(1))
            following = self._number(there)
            for j, region in enumerate(part.tolist()):
                self._next[region] = _SINGULAR if not regular[j] else region if stays[j] else int(following[j])
                if regular[j] and stays[j]:
                    self._points[region] = (h[j], bool(at_kink[j]))

    def _solutions(self, active: BoolArray) -> tuple[FloatArray, BoolArray]:
        """Return the fixed point of each region's affine map, and whether it is determined."""
        size, gain = self._system.size, self._system.gain
        outer = self._system.form == "outer"
        mask = active[:, :, None] if outer else active[:, None, :]
        matrix = np.diag(1 - self._keep) - gain * np.where(mask, self._weight, 0.0)
        right = gain * np.where(active, self._drive, 0.0) if outer else np.tile(gain * self._drive, (len(active), 1))
        inverse = np.full_like(matrix, np.nan)
        for k, one in enumerate(matrix):  # one by one: a singular region must not cost the others theirs
            try:
                inverse[k] = np.linalg.inv(one)
            except np.linalg.LinAlgError:
                continue
        h = (inverse @ right[:, :, None])[:, :, 0]
        h += (inverse @ (right[:, :, None] - matrix @ h[:, :, None]))[:, :, 0]  # one refinement
        condition = np.abs(matrix).sum(2).max(1) * np.abs(inverse).sum(2).max(1)
        # Above this, the matrix as rounded cannot be told from a singular one.
        regular = np.asarray((condition * size * UNIT_ROUNDOFF < 1) & np.isfinite(h).all(1))
        return np.where(regular[:, None], h, 0.0), regular

    def _follow(self, region: int) -> tuple[str, int]:
        """Return how a walk from a region ends, and in which region."""
        seen = set()
        while region not in seen:
            seen.add(region)
            ahead = self._next[region]
            if ahead == region:
                return "point", region
            if ahead == _SINGULAR:
                return "singular", region
            if ahead == _UNVISITED:
                return "limit", region
            region = ahead
        return "cycle", region

    def _collect(self, ends: list[tuple[str, int]]) -> RegionPoints:
        units, size = self._system.units, self._system.size
        kept: list[int] = []
        order: dict[int, int] = {}
        for region, (h, kink) in self._points.items():
            order[region] = len(kept)
            # A point at a kink solves the systems of all regions that meet there; it counts once.
            for k in [k for k, other in enumerate(kept) if kink and self._points[other][1]]:
                if np.abs(self._points[kept[k]][0] - h).max() <= _SAME * max(1.0, float(np.abs(h).max())):
                    order[region] = k
                    break
            if order[region] == len(kept):
                kept.append(region)
        lost = [self._patterns[k] for k, ahead in enumerate(self._next) if ahead == _SINGULAR]
        return RegionPoints(
            points=np.array([self._points[k][0] for k in kept]).reshape(-1, size),
            active=np.array([self._patterns[k] for k in kept], dtype=np.bool_).reshape(-1, units),
            kink=np.array([self._points[k][1] for k in kept], dtype=np.bool_),
            end=np.array([end for end, _ in ends], dtype=np.str_),
            reached=np.array([order[k] if end == "point" else -1 for end, k in ends], dtype=np.int64),
            singular=np.array(lost, dtype=np.bool_).reshape(-1, units),
            solved=sum(ahead != _UNVISITED for ahead in self._next),
        )
