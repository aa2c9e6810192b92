"""Set what the paper says of the augmented Gram matrix (Fig. 11) beside tables: which overlaps its entries are made of.

    python gram_claims.py --linear build/fig11/linear.parquet build/fig11/linear-gram.parquet \
        --tanh build/fig11/tanh.parquet build/fig11/tanh-gram.parquet -o build/fig11/claims.parquet

Every entry is a sum of overlaps with fixed coefficients. They are found from the tables alone: of more networks than
there are overlaps, by least squares, whose residual says whether it is so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from claim_tables import FAILS, HOLDS, Outcome, ending, publish
from figure_claims import ROUNDING, outcome
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.tables import read


@dataclass(frozen=True)
class Structure:
    """How the entries of the matrix are made of overlaps.

    Attributes
    ----------
    coefficients : (rows, columns, overlaps)
    residual : float
        Largest difference between an entry and its sum.
    visible : (overlaps,) bool
    networks : int
    """

    coefficients: NDArray[np.float64]
    residual: float
    visible: NDArray[np.bool_]
    networks: int

    def mixed(self, rows: NDArray[np.bool_], forbidden: NDArray[np.bool_]) -> int:
        """Count the entries of these rows, where there is a slope, that hold an overlap that they should not."""
        block = np.abs(self.coefficients[rows][:, self.visible][:, :, forbidden])
        return int((block.max(2, initial=0.0) > 1e-6).sum())


def structure(overlaps: Path, gram: Path) -> Structure:
    """Find the coefficients from the tables of overlaps and of matrices of the same networks."""
    held = read(overlaps, "overlaps").to_pandas().pivot(index="network", columns=["left", "right"], values="value")
    table = read(gram, "gram_matrix").to_pandas()
    matrices = table.pivot(index="network", columns=["left", "right", "by_left", "by_right"], values="value")
    if not held.index.equals(matrices.index):
        raise InputError(str(gram), "holds other networks than the overlaps", "write both from the same ones")
    count, names = len(held), list(held.columns)
    if np.linalg.matrix_rank(held.to_numpy()) < len(names):
        raise InputError(
            str(overlaps), f"holds {count} networks that do not tell {len(names)} overlaps apart", "give more of them"
        )
    entries = matrices[[(*row, *by) for row in names for by in names]].to_numpy()
    found, *_ = np.linalg.lstsq(held.to_numpy(), entries, rcond=None)
    residual = float(np.abs(held.to_numpy() @ found - entries).max())
    seen = table.drop_duplicates(["left", "right"]).set_index(["left", "right"])["visible"]
    visible = np.array([bool(seen[name]) for name in names])
    return Structure(found.T.reshape(len(names), len(names), -1), residual, visible, count)


def outcomes(linear: Structure, tanh: Structure) -> Iterator[Outcome]:
    """Give: the separation of the linear matrix, and its loss with tanh."""

    def row(claim: str, statistic: str, value: float, good: bool, of: Structure, task: str) -> Outcome:
        found = np.array([value])
        verdict = HOLDS if good else FAILS
        return outcome("Fig. 11", task, claim, statistic, f"{value:.3g}", found, verdict, networks=of.networks)

    worst = max(linear.residual, tanh.residual)
    yield row("entries are sums of overlaps", "largest residual", worst, worst < ROUNDING, linear, "linear, tanh")
    seen, unseen = linear.visible, ~linear.visible
    count = linear.mixed(seen, seen)
    claim, statistic = "seen overlaps move by unseen ones alone", "entries that hold a seen one"
    yield row(claim, statistic, float(count), count == 0, linear, "linear")
    count = linear.mixed(unseen, unseen)
    claim, statistic = "unseen overlaps move by seen ones alone", "entries that hold an unseen one"
    yield row(claim, statistic, float(count), count == 0, linear, "linear")
    count = tanh.mixed(tanh.visible, tanh.visible)
    claim, statistic = "tanh: the separation is lost", "entries of seen rows that hold a seen one"
    yield row(claim, statistic, float(count), count > 0, tanh, "tanh")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read tables and write the claims."""
    parser = argparse.ArgumentParser(
        description="Set the paper's claims on the Gram matrix beside the tables of a run."
    )
    for name in ("linear", "tanh"):
        words = f"`overlaps` and `gram_matrix` tables of {name} networks"
        parser.add_argument(f"--{name}", type=Path, nargs=2, required=True, help=words)
    parser.add_argument("-o", "--out", type=Path, required=True, help="table to write: .parquet, .csv or .jsonl")
    given = parser.parse_args(arguments)
    inputs = [*given.linear, *given.tanh]
    return ending(lambda: publish(outcomes(structure(*given.linear), structure(*given.tanh)), given.out, inputs))


if __name__ == "__main__":
    sys.exit(main())
