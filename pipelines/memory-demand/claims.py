"""Set the memory demands that the degeneracy paper prints (appendix H) beside those that were measured.

python claims.py build -o build/claims.parquet
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from claim_tables import FAILS, HOLDS, OPEN, Outcome, ending, publish

from rnnkit.tables import read

PAPER, FIGURE = "Huang et al.", "app. H"

#: What the paper prints; of delayed discrimination, the mean interval between the stimuli of its trials.
PRINTED = {"flipflop": 1, "sine": 2, "path-integration": 1, "delayed-discrimination": 25}


def verdict(printed: float, low: float, high: float) -> str:
    """Tell whether a printed number lies in an interval.

    Examples
    --------
    >>> verdict(1, 1, 1), verdict(25, 27, 27), verdict(1, float("nan"), 2)
    ('holds', 'does not hold', 'undecided')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return OPEN
    return HOLDS if low <= printed <= high else FAILS


def demand(path: Path) -> tuple[float, float, float]:
    """Return h* of a table and the ends of its interval; NaN where it has none."""
    row = read(path, "memory_demand").slice(0, 1).to_pylist()[0]
    held = (row[name] for name in ("h_star", "h_star_low", "h_star_high"))
    return tuple(math.nan if value is None else float(value) for value in held)  # type: ignore[return-value]


def outcomes(folder: Path) -> Iterator[Outcome]:
    """Go through the tasks, and what a longer delay does."""
    command = "make -C pipelines/memory-demand"
    for task, printed in PRINTED.items():
        star, low, high = demand(folder / f"{task}.csv")
        claim, found = f"the memory demand is {printed}", verdict(printed, low, high)
        yield Outcome(PAPER, FIGURE, task, claim, "h*", f"paper {printed}", star, low, high, "", found, command)
    task, less, more = "delayed-discrimination", demand(folder / "delay-15.csv"), demand(folder / "delay-25.csv")
    moved, low, high = more[0] - less[0], more[1] - less[2], more[2] - less[1]
    claim, values = "the memory demand is the delay's: ten steps more, ten more", f"15: {less[0]:g}, 25: {more[0]:g}"
    yield Outcome(PAPER, FIGURE, task, claim, "h*", values, moved, low, high, "", verdict(10, low, high), command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read a folder of tables and write the claims."""
    parser = argparse.ArgumentParser(description="Set the paper's memory demands beside those measured.")
    parser.add_argument("tables", type=Path, help="folder of tables that the Makefile filled")
    parser.add_argument("-o", "--out", type=Path, required=True, help="table to write: .parquet, .csv or .jsonl")
    given = parser.parse_args(arguments)
    return ending(lambda: publish(outcomes(given.tables), given.out, sorted(given.tables.glob("*.csv"))))


if __name__ == "__main__":
    sys.exit(main())
