"""Many searches of one quadratic assignment: random starts first, then crossings of the best matches.

A memetic search in the sense of Merz and Freisleben 2000, IEEE Trans. Evol. Comput. 4: 337-352, with
Frank-Wolfe from between the parents as the recombination.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnkit.numerics.frank_wolfe import Ascent, Point, ascend, barycentre, moved, vertices
from rnnkit.numerics.two_exchange import Assignment, Integers, Real, descend

__all__ = ["Population", "SearchOptions", "normalised", "polished", "random_descents", "search"]

# Searches that advance together: enough to share numpy's overhead, few enough to stay in cache at 64 units
# and in 350 MB at 512.
_GROUP = 16
# Parents are drawn from this many best distinct permutations.
_ELITE = 16
# Up to so many units, exchanges also start at random permutations.
_SMALL = 24
# How far a random start lies from the barycentre towards a random permutation.
_SPREAD = 0.3
# Share of a random permutation mixed into the middle of two parents.
_MUTATION = 0.3
# A Frank-Wolfe step below this relative gain ends the ascent: single precision has nothing finer to say.
_FLAT = 1e-3
# An exchange must gain this much of |a| |b|; rounding in the gains stays below it up to some 1000 units.
_GAIN = 1e-12


@dataclass(frozen=True)
class SearchOptions:
    """Budget of a search: random starts, crossings, Frank-Wolfe steps and exchanges in each; and the seed."""

    starts: int
    crossings: int
    steps: int
    exchanges: int
    seed: int


@dataclass(frozen=True)
class Population:
    """Distinct permutations that searches ended at, best first.

    Attributes
    ----------
    permutation : (members, units) int64
    value : (members,) float64
        Overlaps, falling; ties stand in the permutations' own order.
    searches : (members,) int64
        How many searches ended there.
    iterations : int
        Steps and exchanges of all searches so far.
    """

    permutation: Integers
    value: Real
    searches: Integers
    iterations: int

    @classmethod
    def of(cls, permutation: Integers, value: Real, searches: Integers, iterations: int) -> Population:
        """Sort searches' ends, duplicates together."""
        distinct, first, member = np.unique(permutation, axis=0, return_index=True, return_inverse=True)
        best_first = np.argsort(-value[first], kind="stable")
        count = np.bincount(member.ravel(), weights=searches).astype(np.int64)
        return cls(distinct[best_first], value[first][best_first], count[best_first], iterations)

    def joined(self, ascent: Ascent) -> Population:
        """Return the population with the ends of more searches."""
        return Population.of(
            np.concatenate([self.permutation, ascent.permutation]),
            np.concatenate([self.value, ascent.value]),
            np.concatenate([self.searches, np.ones(len(ascent.value), dtype=np.int64)]),
            self.iterations + int(ascent.steps.sum()),
        )

    @property
    def at_best(self) -> int:
        """Searches that ended at the best value, to 1e-9: symmetric networks have several best matches."""
        near = self.value >= self.value[0] - 1e-9 * abs(self.value[0])
        return int(self.searches[near].sum())


def normalised(a: Real, b: Real, linear: Real) -> Assignment:
    """Scale an assignment so that neither half of its overlap exceeds 1: single precision must hold it."""
    size_a, size_b, size_linear = (float(np.linalg.norm(x)) or 1.0 for x in (a, b, linear))
    # a or b, or the features, may be all zero: then the other half alone sets the scale
    quadratic = size_a * size_b if np.any(a) and np.any(b) else 0.0
    total = max(quadratic, size_linear if np.any(linear) else 0.0) or 1.0
    return Assignment.of(a / size_a, b / size_b * (quadratic / total), linear / total)


def search(problem: Assignment, options: SearchOptions) -> Iterator[Population]:
    """Run group after group of searches; yield the population after each, so that the caller may stop.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.diag([1.0, 2.0, 3.0])
    >>> problem = normalised(a, a[::-1, ::-1], np.zeros((3, 3)))
    >>> for population in search(problem, SearchOptions(4, 0, 20, 100, seed=0)):
    ...     print(population.permutation[0], population.searches.sum())
    [2 1 0] 4
    """
    random = np.random.default_rng(options.seed)
    single = problem.astype(np.float32)
    units = len(problem.left)
    population = Population(np.zeros((0, units), np.int64), np.zeros(0), np.zeros(0, np.int64), 0)
    for start in range(0, options.starts, _GROUP):
        points = _scattered(single, min(_GROUP, options.starts - start), start == 0, random)
        population = population.joined(ascend(single, points, options.steps, _FLAT))
        yield population
    for start in range(0, options.crossings, _GROUP):
        if len(population.value) < 2:  # every search agrees: there is nothing to cross
            return
        points = _crossed(single, min(_GROUP, options.crossings - start), population, random)
        population = population.joined(ascend(single, points, options.steps, _FLAT))
        yield population


def polished(problem: Assignment, population: Population, options: SearchOptions) -> tuple[Population, bool]:
    """Descend from the best members by exchanges; return where that ends, and whether the best has ended.

    Frank-Wolfe leaves few exchanges to make (one to three), so that the others seldom overtake. Small
    networks, where its ways meet in few places, are also descended from random permutations: as many as
    there were starts, each counted as a search.
    """
    units = len(problem.left)
    extra = random_descents(units, options)
    random = np.random.default_rng((options.seed, extra))
    begin = np.concatenate([population.permutation[:_ELITE], _random_permutations(units, extra, random)])
    descent = descend(problem, begin, options.exchanges, _GAIN)
    searches = np.concatenate([population.searches[:_ELITE], np.ones(extra, dtype=np.int64)])
    iterations = population.iterations + int(descent.exchanges.sum())
    ends = Population.of(descent.permutation, descent.value, searches, iterations)
    best = (descent.permutation == ends.permutation[0]).all(axis=1)
    return ends, bool(descent.converged[best].any())


def random_descents(units: int, options: SearchOptions) -> int:
    """Return how many searches :func:`polished` adds."""
    return options.starts if units <= _SMALL else 0


def _scattered(problem: Assignment, size: int, with_centre: bool, random: np.random.Generator) -> Point:
    """Return points between the barycentre and random permutations; the first may be the barycentre."""
    toward = _random_permutations(len(problem.left), size, random)
    share = np.full(size, _SPREAD)
    if with_centre:
        share[0] = 0
    centre = barycentre(problem)[np.zeros(size, dtype=np.int64)]
    return moved(centre, vertices(problem, toward), toward, share)


def _crossed(problem: Assignment, size: int, population: Population, random: np.random.Generator) -> Point:
    """Return points halfway between two of the best permutations, with a random one mixed in."""
    elite = min(_ELITE, len(population.value))
    parents = np.stack([random.choice(elite, 2, replace=False) for _ in range(size)])
    one, other = population.permutation[parents[:, 0]], population.permutation[parents[:, 1]]
    middle = moved(vertices(problem, one), vertices(problem, other), other, np.full(size, 0.5))
    toward = _random_permutations(len(problem.left), size, random)
    return moved(middle, vertices(problem, toward), toward, np.full(size, _MUTATION))


def _random_permutations(units: int, size: int, random: np.random.Generator) -> Integers:
    return random.permuted(np.tile(np.arange(units), (size, 1)), axis=1)
