"""Rows that need no work: of a run that was cut off, and of an earlier table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.journal import Journal
from rnnkit.metrics import PairDistance

__all__ = ["Earlier", "Kept", "Solved"]

#: A pair's distance and the seconds it took.
Solved = tuple[PairDistance, float]

_ANEW = "give the options and networks of that run, or leave out --resume"


class Earlier:
    """The rows of a complete table, found by what the two networks are, and only if they would come out the same.

    Parameters
    ----------
    table : pyarrow.Table
        Of schema `comparisons`.
    note : dict
        Its metadata's `resume`, as :meth:`Kept.note` gave it.
    where : str
    """

    def __init__(self, table: pa.Table, note: Mapping[str, Any] | None, where: str) -> None:
        if not note:
            raise InputError(where, "does not say which networks it is of", "give a Parquet table written by compare")
        self._where = where
        # A table from before there was a choice is by our solver.
        self._metrics: Mapping[str, Mapping[str, Any]] = {
            name: {"solver": "rnnkit", **identity} for name, identity in note["metrics"].items()
        }
        self._networks: Mapping[str, str] = note["networks"]
        self._driven: Mapping[str, str] = note["driven"]
        self._rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for row in table.to_pylist():
            driven = "trials" in self._metrics.get(row["metric"], {})
            a, b = (self._networks.get(row[k], "") + (self._driven.get(row[k], "") if driven else "") for k in "ab")
            if row["distance"] is not None:
                self._rows[row["metric"], a, b] = row

    def check(self, metrics: Mapping[str, Mapping[str, Any]]) -> None:
        """Raise InputError unless the rows of each metric in common are of the same options and choices."""
        for name, identity in metrics.items():
            before = self._metrics.get(name)
            if before is None:
                continue
            for key in sorted({*before, *identity}):
                if before.get(key) != identity.get(key):
                    what = f"its {name} is of {key} {before.get(key)}, this one of {key} {identity.get(key)}"
                    option = "--" + {"delays": "delay"}.get(key, key).replace("_", "-")
                    raise InputError(self._where, what, f"fix it with {option}, or leave out --resume")

    def check_networks(self, networks: Mapping[str, str], driven: Mapping[str, str]) -> None:
        """Raise InputError if it has no two of these networks, on these trials."""
        now = {digest + driven[name] for name, digest in networks.items()}
        before = {digest + self._driven[name] for name, digest in self._networks.items()}
        if len(now & before) < 2:
            raise InputError(self._where, "has no two of these networks on these trials", _ANEW)

    def get(self, metric: str, a: str, b: str) -> Solved | None:
        """Return the distance of two networks."""
        row, swapped = self._rows.get((metric, a, b)), False
        if row is None:
            row, swapped = self._rows.get((metric, b, a)), True
        if row is None:
            return None
        numbers = {
            "lower_bound": row["lower_bound"],
            "relative": row["relative_distance"],
            "per_parameter": row["per_parameter"],
        }
        counts = {
            "starts": row["starts"],
            "starts_at_best": row["starts_at_best"],
            "size_a": row["size_b" if swapped else "size_a"],
            "size_b": row["size_a" if swapped else "size_b"],
        }
        held = {key: value for key, value in {**numbers, **counts}.items() if value is not None}
        return PairDistance(row["distance"], row["status"], **held), row["seconds"]


class Kept:
    """What a comparison finds done and keeps for later.

    Parameters
    ----------
    journal : Journal, optional
        Of this run, and of the one it continues if it has a header.
    earlier : Earlier, optional
    """

    def __init__(self, journal: Journal | None = None, earlier: Earlier | None = None) -> None:
        self.journal, self.earlier = journal, earlier
        #: Called when it is known that what is there can be used.
        self.announce: Callable[[], None] = lambda: None
        #: For the table's metadata, filled when the run begins: which networks, under which options.
        self.note: dict[str, Any] = {}

    def resume(self, run: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the state that a run that was cut off had reached, or None where there is none.

        Raises
        ------
        InputError
            When that was another run.
        """
        if self.journal is None or self.journal.header is None:
            return None
        before = self.journal.header["run"]
        for key, value in run.items():
            if before.get(key) != value:
                raise InputError(
                    str(self.journal.path), f"is part of another run: {_differing(before, run, key)}", _ANEW
                )
        return dict(self.journal.header["state"])

    def begin(self, run: Mapping[str, Any], state: Mapping[str, Any], note: Mapping[str, Any]) -> None:
        """Begin to keep, with all that is decided before the first row."""
        self.note.update(note)
        if self.earlier is not None:
            self.earlier.check(note["metrics"])
            self.earlier.check_networks(note["networks"], note["driven"])
        self.announce()
        if self.journal is not None and self.journal.header is None:
            self.journal.begin({"run": dict(run), "state": dict(state)})

    def has(self, number: int) -> bool:
        """Return whether a tile is done."""
        return self.journal is not None and number in self.journal

    def tile(self, number: int) -> list[Solved] | None:
        """Return the rows of a tile that is done."""
        rows = self.journal.get(number) if self.journal is not None and self.has(number) else None
        return None if rows is None else [(PairDistance(*row[:-1]), row[-1]) for row in rows]

    def keep(self, number: int, rows: Sequence[Solved]) -> None:
        """Keep the rows of a tile."""
        if self.journal is not None:
            self.journal.add(number, [[*dataclasses.astuple(found), seconds] for found, seconds in rows])

    def pair(self, metric: str, a: str, b: str) -> Solved | None:
        """Return the distance of two networks from the earlier table."""
        return None if self.earlier is None else self.earlier.get(metric, a, b)


def _differing(before: Mapping[str, Any], now: Mapping[str, Any], key: str) -> str:
    """Say what differs under a key of two runs."""
    old, new = before.get(key), now[key]
    if isinstance(old, dict) and isinstance(new, dict):
        name = next(name for name in {**new, **old} if old.get(name) != new.get(name))
        return f"{name} was {old.get(name)}, is {new.get(name)}"
    if key == "networks":
        return "its networks are others"
    return f"{key} was {old}, is {new}"
