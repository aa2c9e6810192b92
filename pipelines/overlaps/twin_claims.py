"""Set what the paper says of twins (Fig. 2) beside tables: networks with the same seen overlaps come apart in training.

    python twin_claims.py build/fig2/same.parquet build/fig2/theory.parquet -o build/fig2/claims.parquet

The tables are a `summary` of all networks before training, and an `overlap_theory` of the same ones trained. A twin is
told by its name: that of its original, and `-twin` with a number.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from claim_tables import Outcome, ending, publish
from figure_claims import ROUNDING, SMALL, outcome
from seed_verdicts import Values, shown, verdict_of_no_change, verdict_of_sign

from rnnkit.errors import InputError
from rnnkit.tables import read


def pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return each original with its twins.

    Examples
    --------
    >>> pairs(["a", "a-twin1", "b"])
    [('a', 'a-twin1')]
    >>> pairs(["t-a-s0", "t-a-twin1-s0"])
    [('t-a-s0', 't-a-twin1-s0')]
    """
    held = {re.sub(r"-twin\d+", "", name): name for name in names if "-twin" not in name}
    return [
        (held[plain], name) for name in names if "-twin" in name and (plain := re.sub(r"-twin\d+", "", name)) in held
    ]


def largest_gap(rows: pd.DataFrame, both: tuple[str, str], first: bool) -> dict[str, float]:
    """Return the largest difference of two networks in `seen` and `unseen` overlaps, and in the `loss` of its first."""
    sides = [rows[rows["network"] == name].set_index(["step", "left", "right"]) for name in both]
    apart = (sides[0]["measured"] - sides[1]["measured"]).abs().rename("apart").reset_index()
    if first:
        apart = apart[apart["step"] == apart["step"].min()]
    seen = sides[0]["visible"].groupby(["left", "right"]).first()
    kind = [
        "loss" if left == "loss" else "seen" if seen[left, right] else "unseen"
        for left, right in zip(apart["left"], apart["right"], strict=True)
    ]
    found: dict[str, float] = apart["apart"].groupby(kind).max().to_dict()
    losses = sides[0].xs("loss", level="left")["measured"].sort_index()
    return found | {"loss": found["loss"] / float(losses.iloc[0])}


def outcomes(same: Path, theory: Path) -> Iterator[Outcome]:
    """Give: the same seen overlaps and outputs, other unseen overlaps, and what training makes of that."""
    before = read(same, "summary").to_pandas().set_index("network")["loss"]
    rows = read(theory, "overlap_theory").to_pandas()
    rows = rows[rows["motion"] == "descent"]
    named = pairs(list(dict.fromkeys(rows["network"])))
    if not named or len(pairs(list(before.index))) != len(named):
        raise InputError(str(theory), "holds other networks than the summary, or no twins", "train the same ones")

    def gaps(kind: str, first: bool) -> Values:
        return np.array([largest_gap(rows, both, first)[kind] for both in named])

    def row(claim: str, statistic: str, found: Values, verdict: str) -> Outcome:
        return outcome("Fig. 2", "filter", claim, statistic, shown(found), found, verdict)

    found = gaps("seen", first=True)
    yield row("twins' seen overlaps are equal", "largest difference", found, verdict_of_no_change(found, ROUNDING))
    found = gaps("unseen", first=True)
    yield row(
        "twins' unseen overlaps differ",
        f"largest difference less {SMALL}",
        found - SMALL,
        verdict_of_sign(found - SMALL),
    )
    found = np.array([abs(before[a] - before[b]) / before[a] for a, b in pairs(list(before.index))])
    yield row("twins do the same", "difference of the losses / loss", found, verdict_of_no_change(found, ROUNDING))
    for kind, claim in (
        ("loss", "training tells twins apart: losses"),
        ("seen", "training tells twins apart: overlaps"),
    ):
        found = gaps(kind, first=False)
        what = "largest difference / first loss" if kind == "loss" else "largest difference, of those seen"
        yield row(claim, f"{what}, less {SMALL}", found - SMALL, verdict_of_sign(found - SMALL))
    found = rows[rows["left"] != "loss"].groupby("network")["deviation"].apply(lambda own: own.abs().max()).to_numpy()
    yield row("the theory says how", "largest deviation of an overlap", found, verdict_of_no_change(found, ROUNDING))


def main(arguments: Sequence[str] | None = None) -> int:
    """Read tables and write the claims."""
    parser = argparse.ArgumentParser(description="Set the paper's claims on twins beside the tables of a run.")
    parser.add_argument("same", type=Path, help="`summary` table of all networks before training")
    parser.add_argument("theory", type=Path, help="`overlap_theory` table of the same ones, trained")
    parser.add_argument("-o", "--out", type=Path, required=True, help="table to write: .parquet, .csv or .jsonl")
    given = parser.parse_args(arguments)
    return ending(lambda: publish(outcomes(given.same, given.theory), given.out, [given.same, given.theory]))


if __name__ == "__main__":
    sys.exit(main())
