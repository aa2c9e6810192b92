"""Many searches of one quadratic assignment: random starts first, then crossings of the best matches.

A memetic search in the sense of Merz and Freisleben 2000, IEEE Trans. Evol. Comput. 4: 337-352, with
Frank-Wolfe from between the parents as the recombination and tabu search as the improvement.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from rnnkit.numerics.frank_wolfe import Ascent, Relaxation
from rnnkit.numerics.two_exchange import Assignment, Improved, Integers, Real, exchange

__all__ = ["Population", "SearchOptions", "normalised", "search"]

# Of the starts after the first, so many are improved by exchanges: the best.
_IMPROVED = 8
# Parents are drawn from this many best distinct permutations.
_ELITE = 8
# How far a random start lies from the barycentre towards a random permutation.
_SPREAD = 0.3
# Share of a random permutation mixed into the middle of two parents.
_MUTATION = 0.2
# A Frank-Wolfe step below this relative gain ends the ascent: single precision has nothing finer to say.
_FLAT = 1e-3
# An exchange must gain this much of |a| |b|; rounding in the gains stays below it up to some 1000 units.
_GAIN = 1e-12
# Partners just parted are kept apart for so many exchanges, in units: Taillard's range.
_TENURE = (0.9, 1.1)


@dataclass(frozen=True)
class SearchOptions:
    """Budget of a search: random starts and crossings; steps, exchanges and patience in each; and the seed."""

    starts: int
    crossings: int
    steps: int
    exchanges: int
    patience: int
    seed: int


@dataclass
class Population:
    """Distinct permutations that improved searches ended at.

    Attributes
    ----------
    ranked : list of (float, bytes)
        Overlap, negated, and permutation: best first, ties in the permutations' own order.
    ends : dict
        How many searches ended at each permutation.
    converged : dict
        Where no exchange gains.
    searches, iterations : int
        Searches so far; their steps and exchanges.
    """

    ranked: list[tuple[float, bytes]] = field(default_factory=list)
    ends: dict[bytes, int] = field(default_factory=dict)
    converged: dict[bytes, bool] = field(default_factory=dict)
    searches: int = 0
    iterations: int = 0

    def add(self, ascent: Ascent, improved: Improved) -> None:
        """Enter the end of an improved search."""
        key = improved.permutation.tobytes()
        if key not in self.converged:
            insort(self.ranked, (-improved.value, key))
        self.converged[key] = improved.converged or self.converged.get(key, False)
        self._end(key, ascent.steps + improved.exchanges)

    def count(self, ascent: Ascent) -> None:
        """Enter a search that is not worth improving."""
        self._end(ascent.permutation.tobytes(), ascent.steps)

    def _end(self, key: bytes, iterations: int) -> None:
        self.ends[key] = self.ends.get(key, 0) + 1
        self.searches += 1
        self.iterations += iterations

    def permutation(self, rank: int) -> Integers:
        """Return the permutation of a rank, 0 the best."""
        return np.frombuffer(self.ranked[rank][1], dtype=np.int64)

    @property
    def at_best(self) -> int:
        """Searches that ended at the best value, to 1e-9: symmetric networks have several best matches."""
        best = self.ranked[0][0]
        return sum(self.ends[key] for value, key in self.ranked if value <= best + 1e-9 * abs(best))


def normalised(a: Real, b: Real, linear: Real) -> Assignment:
    """Scale an assignment so that neither half of its overlap exceeds 1: single precision must hold it."""
    size_a, size_b, size_linear = (float(np.sqrt(np.sum(x * x))) or 1.0 for x in (a, b, linear))
    # a or b, or the features, may be all zero: then the other half alone sets the scale
    quadratic = size_a * size_b if np.any(a) and np.any(b) else 0.0
    total = max(quadratic, size_linear if np.any(linear) else 0.0) or 1.0
    return Assignment(a / size_a, b / size_b * (quadratic / total), linear / total)


def search(problem: Assignment, options: SearchOptions) -> Iterator[Population]:
    """Run the searches; yield the population after the first, after all starts, and after each crossing.

    The caller may stop in between. Ascents are cheaper than exchanges that wander, so there are many starts and
    only the best of them are improved.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.diag([1.0, 2.0, 3.0])[None]
    >>> problem = normalised(a, a[:, ::-1, ::-1], np.zeros((3, 3)))
    >>> for population in search(problem, SearchOptions(4, 0, 20, 100, 10, seed=0)):
    ...     print(population.permutation(0), population.searches)
    [2 1 0] 1
    [2 1 0] 4
    """
    random = np.random.default_rng(options.seed)
    units = problem.units
    low, high = (int(np.ceil(share * units)) for share in _TENURE)
    tenure = random.integers(low, high + 1, size=997)
    relaxation, population = Relaxation.of(problem), Population()

    def climb(permutations: list[Integers], weights: list[float]) -> Ascent:
        points = np.array(permutations, dtype=np.int64).reshape(-1, units)
        return relaxation.climb(points, np.array(weights), options.steps, _FLAT)

    def improve(ascent: Ascent) -> None:
        end = exchange(problem, ascent.permutation, options.exchanges, options.patience, tenure, _GAIN)
        population.add(ascent, end)

    improve(climb([], []))
    yield population
    ascents = [climb([random.permutation(units)], [_SPREAD]) for _ in range(options.starts - 1)]
    ascents.sort(key=lambda ascent: (-ascent.value, ascent.permutation.tobytes()))
    for ascent in ascents[:_IMPROVED]:
        improve(ascent)
    for ascent in ascents[_IMPROVED:]:
        population.count(ascent)
    yield population
    for _ in range(options.crossings):
        if len(population.ranked) < 2:  # every search agrees: there is nothing to cross
            return
        parents = random.choice(min(_ELITE, len(population.ranked)), 2, replace=False)
        ends = [population.permutation(int(rank)) for rank in parents]
        half = (1 - _MUTATION) / 2
        improve(climb([*ends, random.permutation(units)], [half, half, _MUTATION]))
        yield population
