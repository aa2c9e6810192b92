"""What a table is declared with: columns, and the schema that holds them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GOOD", "NETWORK", "STATUS", "Column", "Schema"]


@dataclass(frozen=True)
class Column:
    """One column: name, type, unit, meaning.

    Types are `string`, `int64`, `float64`, `bool`; lists are `vector` of float32, `vector64` of float64, and
    `complexes` of {re, im}.
    `nullable` columns are null where a number could not be had; `status` then says why. `optional` ones may
    be left out of a file altogether.
    """

    name: str
    type: str
    unit: str
    meaning: str
    nullable: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """A table: its key, columns and version. `extra_keys`: group columns (strings) may be added.

    `failures` are statuses that say here that a number is missing, though in other tables they are what came out.
    """

    name: str
    version: int
    summary: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    extra_keys: bool = False
    failures: frozenset[str] = frozenset()

    @property
    def good(self) -> frozenset[str]:
        """Statuses of rows that are what they should be."""
        return GOOD - self.failures

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


NETWORK = Column("network", "string", "", "checkpoint's file stem")

STATUS = Column("status", "string", "", "`ok`, or why a number is missing")

#: Statuses of rows that are what they should be, in all tables that do not say otherwise.
GOOD = frozenset(
    {"ok", "optimal", "converged", "exact", "budget", "training", "imported", "rank_deficient", "reference"}
    | {"empty", "threshold_tie", "threshold_close", "no_freedom", "no_theorem", "no_theory", "no_control"}
    | {"no_end", "no_plateau", "gradual", "last", "no_onset"}
    | {"silent", "constant", "constant_target"}
)
