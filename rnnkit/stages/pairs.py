"""The pairs of a comparison in tiles, and their rows back in order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["InOrder", "Tile", "blocks", "edge", "pairs_of", "tiles"]

Row = TypeVar("Row")

#: From this many networks in a group on, tiles are larger: there are enough of them for all workers.
_MANY = 64


@dataclass(frozen=True)
class Tile:
    """Pairs of one block of networks with another (or among themselves), for one metric.

    Attributes
    ----------
    number : int
        Counts all tiles of a comparison.
    band : int
        Counts the rows of tiles; `last` is the last tile of its band.
    last : bool
    metric : str
    pairs : list of (int, int)
        In the order of the table.
    """

    number: int
    band: int
    last: bool
    metric: str
    pairs: list[tuple[int, int]]


def edge(size: int) -> int:
    """Return how many networks of a group make a block: 4, or 8 in groups of 64 and more.

    It depends on nothing else, so that pairs are solved in the same company whatever the workers and the memory.
    """
    return 8 if size >= _MANY else 4


def blocks(members: Sequence[int]) -> list[Sequence[int]]:
    """Split a group into blocks of nearly equal size.

    Examples
    --------
    >>> blocks([0, 1, 2, 5, 7])
    [[0, 1, 2], [5, 7]]
    """
    count = -(-len(members) // edge(len(members)))
    cuts = [-(-len(members) * k // count) for k in range(count + 1)]
    return [members[a:b] for a, b in itertools.pairwise(cuts)]


def pairs_of(groups: Sequence[Sequence[int]]) -> int:
    """Return the number of pairs within groups."""
    return sum(len(group) * (len(group) - 1) // 2 for group in groups)


def tiles(groups: Sequence[Sequence[int]], metrics: Sequence[str]) -> Iterator[Tile]:
    """Yield all tiles: metric by metric, group by group, a block with itself and those after it.

    Examples
    --------
    >>> [(tile.band, tile.pairs) for tile in tiles([[0, 1, 2, 3, 4]], ["pif"])]
    [(0, [(0, 1), (0, 2), (1, 2)]), (0, [(0, 3), (0, 4), (1, 3), (1, 4), (2, 3), (2, 4)]), (1, [(3, 4)])]
    """
    number = band = 0
    for metric in metrics:
        for group in groups:
            cut = blocks(group)
            for row, first in enumerate(cut):
                for column, second in enumerate(cut[row:], start=row):
                    pairs = [(i, j) for i in first for j in second if i < j]
                    yield Tile(number, band, column == len(cut) - 1, metric, pairs)
                    number += 1
                band += 1


class InOrder(Generic[Row]):
    """Puts the rows of tiles that are done in any order back into the order of the table.

    A band of tiles is let go when it is whole and those before it are: what is held does not grow with the bands.
    """

    def __init__(self) -> None:
        self._next = 0
        self._bands: dict[int, list[tuple[tuple[int, int], Row]]] = {}
        self._done: dict[int, int] = {}
        self._first: dict[int, int] = {0: 0}

    def add(self, tile: Tile, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """Take the rows of a tile; yield the bands that are whole now."""
        band = tile.band
        self._bands.setdefault(band, []).extend(zip(tile.pairs, rows, strict=True))
        self._done[band] = self._done.get(band, 0) + 1
        if tile.last:
            self._first[band + 1] = tile.number + 1
        while self._next + 1 in self._first:
            whole = self._first[self._next + 1] - self._first[self._next]
            if self._done.get(self._next, 0) < whole:
                return
            rows_of = sorted(self._bands.pop(self._next), key=lambda item: item[0])
            del self._done[self._next], self._first[self._next]
            self._next += 1
            yield [row for _, row in rows_of]
