"""Set what the paper on abrupt learning says of freeze-in (figure 7) beside `freeze_in` tables.

    python freeze_in_claims.py fig7 build/fig7/after.parquet --both build/fig7/both.parquet -o build/fig7/claims.parquet
    python freeze_in_claims.py capacity build/capacity/k*.parquet -o build/capacity/claims.parquet

A point counts where it is proven to be a stable fixed point, if the probe came with proofs; networks are the samples.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from claim_tables import Outcome, ending, publish
from seed_verdicts import Values, interval_of, shown, verdict_of_no_change, verdict_of_sign, verdict_of_size

from rnnkit.errors import InputError
from rnnkit.tables import read

PAPER, FIGURE, TASK = "Haputhanthri et al.", "Fig. 7", "freeze-in"
#: "As little as 12 presentation of the cue sequence".
PRESENTATIONS = 12
#: Cues that the paper chose, "not due to some inherent limit".
CUES = 25
#: A share of cues that counts as none, and a change of the weights' norm that is none (it was 1 to 4 % in trials).
SMALL, STEADY = 0.02, 0.06
#: A rise is from this share of the cues to the other.
LOW, HIGH = 0.1, 0.9


def table(path: Path) -> pd.DataFrame:
    """Return a `freeze_in` table's rows."""
    rows = read(path, "freeze_in").to_pandas()
    if rows.empty:
        raise InputError(str(path), "has no rows", "write it again")
    return rows


def counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the distinct points at which cues had settled, (epochs, networks)."""
    return rows.pivot_table(index="epoch", columns="network", values="point", aggfunc="nunique", dropna=False)


def last(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the last probe."""
    return rows[rows["epoch"] == rows["epoch"].max()]


def each(rows: pd.DataFrame, column: str) -> Values:
    """Return the largest value of a column of each network."""
    return np.asarray(rows.groupby("network", sort=False)[column].max(), dtype=np.float64)


def first_reaching(points: pd.DataFrame, level: float) -> Values:
    """Return the first epoch at which each network has so many points; NaN where it never has.

    Examples
    --------
    >>> first_reaching(pd.DataFrame({"a": [0, 2, 5], "b": [0, 0, 1]}, index=[0, 4, 8]), 2)
    array([ 4., nan])
    """
    reached = points >= level
    epochs = np.array([float(reached.index[column.argmax()]) for _, column in reached.items()])
    return np.where(reached.any(), epochs, np.nan)


def outcome(claim: str, statistic: str, values: str, found: Values, verdict: str, target: str = "fig7") -> Outcome:
    """Return one row of the claims' table."""
    count, command = str(int(np.isfinite(found).sum())), f"make -C pipelines/abrupt-learning {target}"
    return Outcome(PAPER, FIGURE, TASK, claim, statistic, values, *interval_of(found), count, verdict, command)


def proven(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose point is proven to be a fixed point, and stable."""
    return rows[(rows["certified"] == True) & (rows["stability_certified"] == True)]  # noqa: E712 - null is neither


def figure_claims(rows: pd.DataFrame, both: pd.DataFrame) -> Iterator[Outcome]:
    """Give what figure 7 shows: a point for each cue, soon, abruptly, without the cue; and the rule's fine print."""
    end, points = last(rows), counts(rows)
    cues = int(end.groupby("network").size().iloc[0])
    own = proven(end).groupby("network")["point"].nunique().reindex(points.columns, fill_value=0)
    lacking = 1 - np.asarray(own, dtype=np.float64) / cues
    said = f"points: {shown(np.asarray(own, dtype=np.float64))} of {cues}"
    claim = f"{cues} cues have a stable fixed point each"
    yield outcome(claim, "share of cues without a proven one", said, lacking, verdict_of_no_change(lacking, SMALL))

    whole, half = first_reaching(points, cues), first_reaching(points, cues / 2)
    said = f"all: {shown(whole)}, half: {shown(half)}, paper: {PRESENTATIONS}"
    verdict = verdict_of_size(whole, PRESENTATIONS) + never(whole)
    yield outcome("in about 12 presentations", "presentations until all cues have points", said, whole, verdict)

    begin, top = first_reaching(points, LOW * cues), first_reaching(points, HIGH * cues)
    spare = begin - (top - begin)
    moved = rows.pivot_table(index="epoch", columns="network", values="weight_change")
    share = np.array(
        [np.interp(b, moved.index, moved[k]) / moved[k].iloc[-1] for k, b in zip(moved, begin, strict=True)]
    )
    said = f"wait: {shown(begin)}, rise: {shown(top - begin)}; change of weights by then, of all: {shown(share)}"
    yield outcome("abruptly", "wait for 10 % less rise to 90 %", said, spare, verdict_of_sign(spare) + never(top))

    slowest = each(proven(end), "abscissa")
    said = f"largest abscissa: {shown(slowest)}"
    claim, statistic = "points outlive the cue", "minus the largest abscissa without input"
    yield outcome(claim, statistic, said, -slowest, verdict_of_sign(-slowest))

    ratio = each(end, "weight_norm_ratio") - 1
    # In a table of Markdown a bar would end the cell.
    said = f"norm of W over that before: {shown(ratio + 1)}"
    claim, statistic = "weights do not collapse to 0 (the paper's question)", "norm of W over that before, less 1"
    yield outcome(claim, statistic, said, ratio, verdict_of_no_change(ratio, STEADY))

    none = np.asarray(counts(both).iloc[-1], dtype=np.float64) / cues
    claim, statistic = "learning during the cue too makes no points", "points / cues"
    yield outcome(claim, statistic, f"share: {shown(none)}", none, verdict_of_no_change(none, SMALL))


def never(found: Values) -> str:
    """Return what to add to a verdict where networks never came so far.

    Examples
    --------
    >>> never(np.array([3.0, np.nan])), never(np.array([3.0]))
    (': 1 of 2 networks never did', '')
    """
    missing = int(np.isnan(found).sum())
    return f": {missing} of {len(found)} networks never did" if missing else ""


def capacity_claims(tables: Sequence[pd.DataFrame]) -> Iterator[Outcome]:
    """Give how many points there are at the end for each number of cues, and whether 25 is a limit."""
    found: dict[int, Values] = {}
    epochs = {int(rows["epoch"].max()) for rows in tables}
    for rows in tables:
        cues = int(last(rows).groupby("network").size().iloc[0])
        if cues in found:
            raise InputError(f"{cues} cues", "have two tables", "give a table for each number of cues")
        found[cues] = np.asarray(counts(rows).iloc[-1], dtype=np.float64)
    if len({len(points) for points in found.values()}) > 1:
        raise InputError("tables", "differ in their number of networks", "give the same seeds to each")
    said = ", ".join(f"{cues} cues: {shown(found[cues])}" for cues in sorted(found))
    most = np.stack(list(found.values())).max(0) - CUES
    statistic = f"largest number of points less {CUES}, after {' or '.join(map(str, sorted(epochs)))} presentations"
    yield outcome(f"{CUES} points are a choice, no limit", statistic, said, most, verdict_of_sign(most), "capacity")


def outcomes(what: str, tables: Sequence[Path], both: Path | None) -> Iterator[Outcome]:
    """Give the claims of one target."""
    if what == "capacity":
        yield from capacity_claims([table(path) for path in tables])
    elif both is None:
        raise InputError("--both", "is needed for figure 7", "give the table of freeze-in --plastic both")
    else:
        yield from figure_claims(pd.concat([table(path) for path in tables], ignore_index=True), table(both))


def main(arguments: Sequence[str] | None = None) -> int:
    """Read tables and write the claims."""
    parser = argparse.ArgumentParser(description="Claims on freeze-in, from `freeze_in` tables.")
    parser.add_argument("what", choices=("fig7", "capacity"))
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--both", type=Path, help="table of freeze-in --plastic both")
    parser.add_argument("-o", "--out", type=Path, required=True, help="table to write")
    given = parser.parse_args(arguments)
    inputs = [*given.tables, *([given.both] if given.both else [])]
    return ending(lambda: publish(outcomes(given.what, given.tables, given.both), given.out, inputs))


if __name__ == "__main__":
    sys.exit(main())
