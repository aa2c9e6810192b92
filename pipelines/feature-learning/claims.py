"""Set what the degeneracy paper says of gamma (appendix N) beside `feature_learning` tables over gamma.

    python claims.py build/vanilla.parquet build/mup.parquet -o build/claims.parquet

Networks of one seed start from the same weights, so differences are taken within seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from claim_tables import Outcome, ending, publish, shown
from seed_verdicts import Values, interval_of, verdict_of_sign

from rnnkit.tables import read

PAPER, FIGURE = "Huang et al.", "Fig. 17, app. N"

#: Statistic, what the paper says of it as gamma grows, and the sign that this is.
CLAIMS = (
    ("weight_change_norm_absolute", "weights move further", 1),
    ("kernel_alignment", "the tangent kernel turns more", -1),
)


def by_gamma(path: Path, column: str) -> dict[float, Values]:
    """Return a column by gamma, least first; of the seeds that have every gamma, in the same order."""
    rows = [row for row in read(path, "feature_learning").to_pylist() if row["status"] == "ok"]
    held: dict[float, dict[str, float]] = {}
    for row in rows:
        held.setdefault(float(row["gamma"]), {})[row["network"].rsplit("-", 1)[1]] = row[column]
    seeds = sorted(set.intersection(*(set(values) for values in held.values())))
    return {gamma: np.array([values[seed] for seed in seeds]) for gamma, values in sorted(held.items())}


def outcomes(path: Path) -> Iterator[Outcome]:
    """Give what one table says of each claim: the largest gamma less the smallest, seed by seed."""
    for column, claim, sign in CLAIMS:
        values = by_gamma(path, column)
        change = values[max(values)] - values[min(values)]
        means = ", ".join(f"{gamma:g}: {shown(float(one.mean()))}" for gamma, one in values.items())
        yield Outcome(
            PAPER,
            FIGURE,
            "flipflop",
            f"gamma ↑, {path.stem}: {claim}",
            column,
            means,
            *interval_of(change),
            str(len(change)),
            verdict_of_sign(sign * change),
            "make -C pipelines/feature-learning gamma",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read tables and write the claims."""
    parser = argparse.ArgumentParser(description="Set the paper's claims on gamma beside the tables of a run.")
    parser.add_argument("tables", type=Path, nargs="+", help="`feature_learning` tables with a column gamma")
    parser.add_argument("-o", "--out", type=Path, required=True, help="table to write: .parquet, .csv or .jsonl")
    given = parser.parse_args(arguments)
    every = (one for path in given.tables for one in outcomes(path))
    return ending(lambda: publish(every, given.out, given.tables))


if __name__ == "__main__":
    sys.exit(main())
