"""Set what the paper on task-restricted symmetries says beside what the tables of a run say, finding by finding.

    python findings.py build/tables --claims build/claims.parquet -o build/findings.md

Every verdict follows from a rule written once, in `../seed_verdicts.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from claim_tables import FAILS, HOLDS, OPEN, Outcome, ending, markdown, rows_of, write_rows, write_text
from seed_verdicts import (
    Values,
    interval_of,
    shown,
    spread,
    under_all_orders,
    verdict_of_no_change,
    verdict_of_sign,
    verdict_of_size,
)

from rnnkit.tables import read

PAPER = "Task-restricted symmetries"
COMMAND = "make -C pipelines/schur"
CROSS = ("flipflop", "sine", "context-integration")
COPY, CAYLEY = "copy-n72-orthogonal", "copy-n72-cayley"
KINDS = ("isotropic", "entries", "rotated")
ABLATIONS = ("RR", "CR", "CC", "RR+CR", "RR+CC", "CR+CC", "RR+CR+CC")
ALPHA = 0.9

#: Changes up to these are called none: of the fraction of variance unexplained, and of an accuracy.
SMALL_FVU, SMALL_ACCURACY = 0.01, 0.005


@dataclass(frozen=True)
class Finding:
    """One row of the table: the paper's claim and numbers, ours, what an order or a null does to them.

    `values` is the statistic of each network, `ours` what it amounts to in words.
    """

    where: str
    claim: str
    paper: str
    statistic: str
    values: Values
    ours: str
    orders: str
    null: str
    verdict: str

    def outcome(self) -> Outcome:
        """Return the row that the finding has among the claims of all papers."""
        task, _, claim = self.claim.partition(": ")
        return Outcome(
            PAPER,
            self.where,
            task,
            claim,
            self.statistic,
            f"paper {self.paper}",
            *interval_of(self.values),
            str(int(np.isfinite(self.values).sum())),
            self.verdict,
            COMMAND,
        )


def where(held: str) -> str:
    """Return the section of the paper that a set of networks is from."""
    return "section 3" if held.startswith("copy") else "section 4"


# Tables


class Study:
    """The tables of a run, by set of networks and kind.

    Parameters
    ----------
    folder : Path
        Holds `SET-KIND.parquet`, KIND one of ablations, alphas, orders, controls.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table = cache(self._table)

    def _table(self, held: str, kind: str) -> pd.DataFrame:
        schema = "ablation_controls" if kind == "controls" else "ablations"
        return read(self.folder / f"{held}-{kind}.parquet", schema).to_pandas()

    def sets(self) -> list[str]:
        """Return the copy networks there are, as `copy-nUNITS-CONSTRUCTION`."""
        return sorted(path.name.removesuffix("-ablations.parquet") for path in self.folder.glob("copy-*-ablations.*"))

    def values(self, held: str, ablation: str, column: str, kind: str = "ablations") -> Values:
        """Return a column of one ablation, a number per network, in the networks' order; NaN for null."""
        table = self.table(held, kind)
        chosen = table[(table["ablation"] == ablation) & np.isclose(table["alpha"], ALPHA)]
        return chosen[column].to_numpy(dtype=float, na_value=np.nan)

    def status(self, held: str, ablation: str, which: str) -> int:
        """Return how many networks have this status in an ablation."""
        table = self.table(held, "ablations")
        return int(((table["ablation"] == ablation) & (table["status"] == which)).sum())

    def range_over_orders(self, held: str, ablation: str) -> tuple[Values, Values]:
        """Return the least and the largest change of FVU per network: over random orders and the one by modulus."""
        by_modulus = self.values(held, ablation, "delta_fvu", "orders")
        low, high = (self.values(held, ablation, f"delta_fvu_order_{end}", "orders") for end in ("min", "max"))
        return np.fmin(low, by_modulus), np.fmax(high, by_modulus)

    def null(self, held: str, ablation: str) -> str:
        """Say how much of each null is at most as damaging as the real removal: median over networks, and range."""
        table = self.table(held, "controls")
        shares = []
        for kind in KINDS:
            rows = table[(table["ablation"] == ablation) & (table["control"] == kind) & (table["status"] == "ok")]
            found = rows["share_at_most"].dropna().to_numpy(dtype=float)
            middle = f"{np.median(found):.2f} [{found.min():.2f}, {found.max():.2f}]" if len(found) else "none"
            shares.append(f"{kind} {middle}")
        return ", ".join(shares)


# Findings


def minus(ablation: str) -> str:
    """Return an ablation as the paper writes it.

    Examples
    --------
    >>> minus("RR+CR")
    '−RR −CR'
    """
    return " ".join(f"−{block}" for block in ablation.split("+"))


def size_finding(study: Study, held: str, ablation: str, paper: float, error: float) -> Finding:
    """Set the damage of one ablation beside the paper's number."""
    values = study.values(held, ablation, "delta_fvu")
    return Finding(
        where(held),
        f"{held}: ΔFVU of {minus(ablation)}",
        f"{paper:g} ± {error:g}",
        "delta_fvu",
        values,
        shown(values),
        spread(*study.range_over_orders(held, ablation)),
        study.null(held, ablation),
        verdict_of_size(values, paper),
    )


def order_finding(study: Study, held: str, worse: str, milder: str, paper: str) -> Finding:
    """Ask which of two ablations does more damage; where orders inside the sectors decide, it stays open."""
    difference = study.values(held, worse, "delta_fvu") - study.values(held, milder, "delta_fvu")
    signs = under_all_orders(study.range_over_orders(held, worse), study.range_over_orders(held, milder))
    verdict, turned = verdict_of_sign(difference), int((signs == 0).sum())
    if verdict != OPEN and turned:
        verdict = f"{OPEN}: {verdict} by modulus, orders decide in {turned}"
    return Finding(
        where(held),
        f"{held}: {minus(worse)} does more damage than {minus(milder)}",
        paper,
        f"delta_fvu, {worse} less {milder}",
        difference,
        f"difference {shown(difference)}, above 0 in {int((difference > 0).sum())}",
        f"above 0 under every order in {int((signs > 0).sum())}, below in {int((signs < 0).sum())}",
        "",
        verdict,
    )


def little_finding(study: Study, held: str, ablation: str, paper: str) -> Finding:
    """Ask whether an ablation changes next to nothing, and whether there was anything to remove."""
    values, mass = study.values(held, ablation, "delta_fvu"), study.values(held, ablation, "removed_mass")
    empty = study.status(held, ablation, "empty")
    verdict = verdict_of_no_change(values, SMALL_FVU)
    return Finding(
        where(held),
        f"{held}: {minus(ablation)} changes little (≤ {SMALL_FVU:g})",
        paper,
        "delta_fvu",
        values,
        f"ΔFVU {shown(values)}; mass {shown(mass)}; nothing to remove in {empty}",
        spread(*study.range_over_orders(held, ablation)),
        study.null(held, ablation),
        verdict,
    )


def sensitivity_finding(study: Study, held: str, ablation: str, paper: float, error: float) -> Finding:
    """Set the damage per removed mass beside the paper's number."""
    values = study.values(held, ablation, "sensitivity")
    return Finding(
        where(held),
        f"{held}: sensitivity to {minus(ablation)}",
        f"{paper:g} ± {error:g}",
        "sensitivity",
        values,
        shown(values),
        "",
        "",
        verdict_of_size(values, paper),
    )


def accuracy_finding(study: Study, ablation: str, paper: float) -> Finding:
    """Set an accuracy of the copy networks beside the paper's: near it within .05, two standard errors considered."""
    full = ablation == ""
    values = study.values(COPY, ablation or "RR", "accuracy_full" if full else "accuracy")
    orders = "" if full else "ΔFVU " + spread(*study.range_over_orders(COPY, ablation))
    return Finding(
        where(COPY),
        "copy: accuracy over 128 lags" + ("" if full else f" of {minus(ablation)}"),
        f"{paper:g}",
        "accuracy",
        values,
        shown(values, 4),
        orders,
        "" if full else study.null(COPY, ablation),
        verdict_of_no_change(values - paper, 0.05),
    )


def pair_finding(study: Study, held: str, less: str, more: str, paper: str) -> Finding:
    """Ask whether removing CC as well changes an accuracy."""
    before = study.values(held, less, "accuracy") if less else study.values(held, more, "accuracy_full")
    values = study.values(held, more, "accuracy") - before
    return Finding(
        where(COPY),
        f"copy: −CC changes no accuracy {f'given {minus(less)}' if less else 'alone'} (≤ {SMALL_ACCURACY:g})",
        paper,
        "accuracy, change",
        values,
        f"change {shown(values)}",
        "" if less else "ΔFVU " + spread(*study.range_over_orders(held, more)),
        "" if less else study.null(held, more),
        verdict_of_no_change(values, SMALL_ACCURACY),
    )


def alpha_finding(study: Study, held: str) -> Finding:
    """Ask whether the profile survives other thresholds, and whether these make another partition at all."""
    table = study.table(held, "alphas")
    dims = table.groupby("network")["dim_r"].nunique()
    gaps = table.loc[np.isclose(table["alpha"], ALPHA), "gap"].astype(float)
    damage = table.pivot_table(index=["network", "ablation"], columns="alpha", values="delta_fvu")
    change = (damage.max(axis=1) - damage.min(axis=1)).dropna()
    verdict = HOLDS if change.max() <= SMALL_FVU else FAILS
    if (dims == 1).all():
        verdict = f"{HOLDS}, and says nothing: one partition at every α"
    return Finding(
        "Table 1",
        f"{held}: the profile is the same at α .8 to .95",
        "same (copy only)",
        "delta_fvu, largest less least over α, largest of the ablations",
        change.groupby("network").max().to_numpy(dtype=float),
        f"ΔFVU moves by up to {change.max():.3g}; dim R differs in {int((dims > 1).sum())} of {len(dims)}; "
        f"gap {gaps.min():.2g} to {gaps.max():.2g}",
        "",
        "",
        verdict,
    )


def cayley_finding(study: Study) -> Finding:
    """Ask whether Cayley networks lose anything, and whether anything was removed."""
    change = np.stack(
        [study.values(CAYLEY, a, "accuracy") - study.values(CAYLEY, a, "accuracy_full") for a in ABLATIONS]
    )
    mass = np.concatenate([study.values(CAYLEY, a, "removed_mass") for a in ABLATIONS])
    verdict = FAILS if np.nanmax(abs(change)) > SMALL_ACCURACY else HOLDS
    whole = study.values(CAYLEY, "RR", "accuracy_full")
    if np.nanmax(mass) < 1e-6 and verdict == HOLDS:
        verdict = f"{HOLDS}, and says nothing: normal by construction"
    return Finding(
        where(CAYLEY),
        "copy: ablations leave the Cayley network as it is",
        "little change",
        "accuracy, largest change",
        np.nanmax(abs(change), axis=0),
        f"accuracy {shown(whole, 4)}; largest change {np.nanmax(abs(change)):.2g}; "
        f"largest mass removed {np.nanmax(mass):.1g}",
        "",
        "",
        verdict,
    )


def findings(study: Study) -> Iterator[Finding]:
    """Go through the paper's claims, section 4 after section 3."""
    yield accuracy_finding(study, "", 1.0)
    for ablation, paper in (("RR", 0.876), ("CR", 0.639), ("RR+CR", 0.624)):
        yield accuracy_finding(study, ablation, paper)
    for less, more, numbers in (
        ("", "CC", "1.00, 1.00"),
        ("RR", "RR+CC", ".876, .875"),
        ("CR", "CR+CC", ".639, .639"),
        ("RR+CR", "RR+CR+CC", ".624, .624"),
    ):
        yield pair_finding(study, COPY, less, more, numbers)
    yield cayley_finding(study)
    for task, full in zip(CROSS, (0.0048, 0.0036, 0.0104), strict=True):
        values = study.values(task, "RR", "fvu_full")
        claim = f"{task}: FVU of the full network"
        verdict = verdict_of_size(values, full)
        yield Finding(where(task), claim, f"{full:g}", "fvu_full", values, shown(values), "", "", verdict)
    yield size_finding(study, "flipflop", "CR", 0.0945, 0.00935)
    yield size_finding(study, "flipflop", "CC", 0.0496, 0.00539)
    yield order_finding(study, "flipflop", "CR", "CC", ".0945 > .0496")
    yield little_finding(study, "flipflop", "RR", "almost no effect")
    yield size_finding(study, "sine", "CC", 2.08, 0.23)
    yield size_finding(study, "sine", "CR", 1.73, 0.34)
    yield order_finding(study, "sine", "CC", "CR", "2.08 > 1.73")
    yield sensitivity_finding(study, "sine", "CR", 21.1, 5.1)
    yield sensitivity_finding(study, "sine", "CC", 12.3, 1.5)
    yield little_finding(study, "sine", "RR", "little effect")
    yield size_finding(study, "context-integration", "CC", 0.94, 0.03)
    yield size_finding(study, "context-integration", "CR", 0.37, 0.16)
    yield order_finding(study, "context-integration", "CC", "CR", ".94 > .37")
    for held in (COPY, *CROSS):
        yield alpha_finding(study, held)


# Pages


def profile_rows(study: Study) -> Iterator[list[str]]:
    """List every ablation of every task: how much is removed and what it does, over seeds."""
    for held in (*CROSS, COPY):
        for ablation in ABLATIONS:
            dims = study.values(held, ablation, "dim_r")
            yield [
                held,
                ablation,
                str(study.status(held, ablation, "empty")),
                f"{np.nanmin(dims):g} to {np.nanmax(dims):g}",
                shown(study.values(held, ablation, "removed_mass")),
                shown(study.values(held, ablation, "delta_fvu")),
                shown(study.values(held, ablation, "sensitivity")),
                spread(*study.range_over_orders(held, ablation)),
                shown(study.values(held, ablation, "drive")),
            ]


def copy_rows(study: Study) -> Iterator[list[str]]:
    """List the copy networks of every width and construction: accuracy whole and ablated."""
    for held in study.sets():
        whole = study.values(held, "RR", "accuracy_full")
        ablated = [shown(study.values(held, ablation, "accuracy"), 4) for ablation in ("RR", "CR", "CC", "RR+CR")]
        yield [held, shown(whole, 4), *ablated]


def page(study: Study, found: Sequence[Finding]) -> str:
    """Return the whole page."""
    rows = [[f.claim, f.paper, f.ours, f.orders, f.null, f.verdict] for f in found]
    return "\n".join(
        [
            "## Findings\n",
            markdown(
                (
                    "claim",
                    "paper",
                    "ours, mean ± SEM (seeds)",
                    "over orders",
                    "share of the null at most as bad",
                    "verdict",
                ),
                rows,
            ),
            "## Profiles\n",
            markdown(
                ("networks", "removed", "empty", "dim R", "mass", "ΔFVU", "sensitivity", "ΔFVU over orders", "drive"),
                list(profile_rows(study)),
            ),
            "## Copy, accuracy over 128 lags\n",
            markdown(("networks", "whole", "−RR", "−CR", "−CC", "−RR −CR"), list(copy_rows(study))),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read a folder of tables and write the page."""
    parser = argparse.ArgumentParser(description="Set the paper's claims beside the tables of a run.")
    parser.add_argument("tables", type=Path, help="folder of tables that the Makefile filled")
    parser.add_argument("--claims", type=Path, help="also write the claims: .parquet, .csv or .jsonl")
    parser.add_argument("-o", "--out", type=Path, help="file to write; standard output without it")
    given = parser.parse_args(arguments)

    def find() -> None:
        study = Study(given.tables)
        found = list(findings(study))
        write_text(page(study, found), given.out)
        if given.claims is not None:
            write_rows(rows_of([one.outcome() for one in found]), given.claims, sorted(given.tables.glob("*.parquet")))

    return ending(find)


if __name__ == "__main__":
    sys.exit(main())
