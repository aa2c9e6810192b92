"""Set what the paper on overlaps says of memory and divergence beside `path_dependence` tables.

    python path_claims.py --figure 3 build/fig3/memory.parquet -o build/fig3/claims.parquet

Figures 6 and 10 show single overlaps, and read a table of them besides (`overlaps --history`). Norms are above 0
whatever happens, so that each claim is of a difference, or of a number that is to be small. Networks are the samples.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from claim_tables import Outcome, ending, publish
from figure_claims import SMALL, outcome
from seed_verdicts import Values, shown, verdict_of_no_change, verdict_of_sign

from rnnkit.errors import InputError
from rnnkit.tables import read

Rows = list[Mapping[str, Any]]


def columns(rows: Rows, measure: str, column: str) -> dict[str, Values]:
    """Return a column of a measure by kind of overlaps, networks in one order."""
    held: dict[str, list[float]] = {}
    for row in rows:
        if row["measure"] == measure:
            held.setdefault(row["kind"], []).append(np.nan if row[column] is None else row[column])
    if not held:
        raise InputError(f"measure '{measure}'", "has no rows", "give the table of the figure's networks")
    return {kind: np.array(values) for kind, values in held.items()}


def unsettled(rows: Rows, measure: str) -> str:
    """Return what to add to a verdict where phases had not converged.

    Examples
    --------
    >>> unsettled([{"measure": "memory", "network": "a", "status": "phase_not_converged"}], "memory")
    ': 1 of 1 networks not converged'
    """
    named = {row["network"] for row in rows if row["measure"] == measure}
    bad = {row["network"] for row in rows if row["measure"] == measure and row["status"] == "phase_not_converged"}
    return f": {len(bad)} of {len(named)} networks not converged" if bad else ""


def row(figure: int, claim: str, statistic: str, values: str, found: Values, verdict: str) -> Outcome:
    """Return a row of the claims' table."""
    return outcome(f"Fig. {figure}", "filter", claim, statistic, values, found, verdict)


def memory_claims(rows: Rows, figure: int, rule: str) -> Iterator[Outcome]:
    """Give what is left after A-B-A, beyond A-A-A: of what networks do nothing, of unseen overlaps something."""
    beyond, note = columns(rows, "memory", "ratio_beyond_control"), unsettled(rows, "memory")
    each = ", ".join(f"{kind}: {shown(values)}" for kind, values in beyond.items())
    back = beyond["functional"]
    claim, statistic = f"A-B-A, {rule}: the function of A returns", "|A2 - AAA| / |B - A1|, functional"
    yield row(figure, claim, statistic, each, back, verdict_of_no_change(back, SMALL) + note)
    more = beyond["unseen"] - back
    claim, statistic = f"A-B-A, {rule}: unseen overlaps keep a memory of B", "the same, unseen less functional"
    yield row(figure, claim, statistic, each, more, verdict_of_sign(more) + note)


def divergence_claims(rows: Rows) -> Iterator[Outcome]:
    """Give how far networks are apart after A-C and B-C, of how far they were after A and B."""
    apart, note = columns(rows, "divergence", "ratio"), unsettled(rows, "divergence")
    first = columns(rows, "divergence", "excursion")
    each = ", ".join(f"{kind}: {shown(values)}" for kind, values in apart.items())
    least = np.minimum(first["visible"], first["unseen"]) - SMALL
    values = ", ".join(f"{kind}: {shown(values)}" for kind, values in first.items())
    claim, statistic = "A, B: seen and unseen overlaps differ", f"the smaller distance less {SMALL}"
    yield row(9, claim, statistic, values, least, verdict_of_sign(least) + note)
    seen = apart["visible"]
    claim, statistic = "A-C, B-C: seen overlaps come to the same values", "distance at the end / after phase 1, visible"
    yield row(9, claim, statistic, each, seen, verdict_of_no_change(seen, SMALL) + note)
    more = apart["unseen"] - seen
    claim, statistic = "A-C, B-C: unseen overlaps stay apart", "the same, unseen less visible"
    yield row(9, claim, statistic, each, more, verdict_of_sign(more) + note)


def ends(path: Path) -> dict[str, dict[tuple[str, str], tuple[float, bool]]]:
    """Return each network's overlaps at its last snapshot, with whether they are seen."""
    rows = read(path, "overlaps").to_pylist()
    last: dict[str, int] = {}
    for row in rows:
        last[row["network"]] = max(row["step"], last.get(row["network"], 0))
    found: dict[str, dict[tuple[str, str], tuple[float, bool]]] = {}
    for row in rows:
        if row["step"] == last[row["network"]] and row["value"] is not None:
            found.setdefault(row["network"], {})[row["left"], row["right"]] = (row["value"], row["visible"])
    return found


def single_claims(rows: Rows, history: Path, figure: int) -> Iterator[Outcome]:
    """Give, of the ten overlaps, which is furthest apart at the end: one that is unseen, or one that is seen."""
    measure, pair = ("memory", "A2 and AAA") if figure == 6 else ("divergence", "AC and BC")
    held = ends(history)
    partners = {row["network"]: row["other"] for row in rows if row["measure"] == measure and row["other"]}
    if not partners or any(name not in held for both in partners.items() for name in both):
        raise InputError(str(history), "lacks networks of the other table", "write both from the same networks")
    largest: dict[bool, list[float]] = {True: [], False: []}
    for network, other in partners.items():
        for seen in (True, False):
            apart = [
                abs(value - held[other][names][0])
                for names, (value, visible) in held[network].items()
                if visible == seen
            ]
            largest[seen].append(max(apart))
    unseen, seen_ones = np.array(largest[False]), np.array(largest[True])
    more = unseen - seen_ones
    values = f"unseen: {shown(unseen)}, seen: {shown(seen_ones)}"
    claim = f"of ten overlaps, those furthest apart in {pair} are unseen"
    yield row(
        figure,
        claim,
        "largest unseen less largest seen",
        values,
        more,
        verdict_of_sign(more) + unsettled(rows, measure),
    )


def outcomes(figure: int, table: Path, history: Path | None) -> Iterator[Outcome]:
    """Give the claims of one figure."""
    rows = read(table, "path_dependence").to_pylist()
    if figure in (3, 7):
        yield from memory_claims(rows, figure, "descent" if figure == 3 else "Adam")
    elif figure == 9:
        yield from divergence_claims(rows)
    elif history is None:
        raise InputError("--history", f"is needed for figure {figure}", "give the table of overlaps --history")
    else:
        yield from single_claims(rows, history, figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read tables and write the claims."""
    parser = argparse.ArgumentParser(description="Set the paper's claims on memory beside the tables of a run.")
    parser.add_argument("table", type=Path, help="`path_dependence` table")
    parser.add_argument("--figure", type=int, choices=(3, 6, 7, 9, 10), required=True)
    parser.add_argument("--history", type=Path, help="`overlaps` table of the same networks, for figures 6 and 10")
    parser.add_argument("-o", "--out", type=Path, required=True, help="table to write: .parquet, .csv or .jsonl")
    given = parser.parse_args(arguments)
    inputs = [path for path in (given.table, given.history) if path is not None]
    return ending(lambda: publish(outcomes(given.figure, given.table, given.history), given.out, inputs))


if __name__ == "__main__":
    sys.exit(main())
