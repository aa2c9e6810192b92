"""Set what the paper on overlaps says of its theory beside `overlap_theory` tables: networks are the samples.

    python theory_claims.py theory.parquet --figure 5 --finer finer.parquet -o claims.parquet

Figures 5 and 12 are of linear filters, 4 and 8 of a flip-flop with tanh. A deviation is of a theory that knows the
overlaps before training alone; shares are of how far overlaps move, and of the loss at first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from claim_tables import FAILS, HOLDS, Outcome, ending, publish
from figure_claims import AGREES, ROUNDING, SMALL, outcome
from seed_verdicts import Values, shown, verdict_of_no_change, verdict_of_sign
from tanh_floor import LAYOUT, MODEL

from rnnkit.errors import InputError
from rnnkit.numerics.reduced_activity import reduced_outputs
from rnnkit.tables import read

TASKS = {4: "flipflop-pulse", 5: "filter", 8: "flipflop-pulse", 12: "damped-filter"}


class Theory:
    """An `overlap_theory` table, by motion and network."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, read(path, "overlap_theory").to_pandas()

    def _each(self, motion: str, losses: bool, measure: Callable[[pd.DataFrame], float]) -> Values:
        rows = self.rows[(self.rows["motion"] == motion) & ((self.rows["left"] == "loss") == losses)]
        if rows.empty:
            raise InputError(str(self.path), f"has no rows of motion '{motion}'", f"write it with --motion {motion}")
        return np.array([measure(own.sort_values("step")) for _, own in rows.groupby("network")])

    def learned(self) -> Values:
        """Return the last loss over the first."""
        return self._each(
            self.rows["motion"].iloc[0], True, lambda own: own["measured"].iloc[-1] / own["measured"].iloc[0]
        )

    def deviation(self, motion: str) -> Values:
        """Return the largest deviation of an overlap at any step."""
        return self._each(motion, False, lambda own: own["deviation"].abs().max())

    def share(self, motion: str) -> Values:
        """Return the same, of the largest change of an overlap."""

        def moved(own: pd.DataFrame) -> float:
            first = own.groupby(["left", "right"])["measured"].transform("first")
            return float((own["measured"] - first).abs().max())

        return self.deviation(motion) / self._each(motion, False, moved)

    def of_loss(self, motion: str) -> Values:
        """Return the largest deviation of the loss, of the loss at first."""
        return self._each(motion, True, lambda own: own["deviation"].abs().max() / own["measured"].iloc[0])

    def last(self, network: str, column: str) -> Values:
        """Return the matrix of a network's overlaps at its last step, `measured` or as `predicted` by descent."""
        own = self.rows[(self.rows["network"] == network) & (self.rows["left"] != "loss")]
        if own.empty:
            raise InputError(str(self.path), f"has no network '{network}'", "give the outputs of its networks")
        own = own[(own["motion"] == "descent") & (own["step"] == own["step"].max())]
        places = {name: k for k, name in enumerate(LAYOUT.names)}
        found = np.zeros((LAYOUT.size, LAYOUT.size))
        for left, right, value in own[["left", "right", column]].itertuples(index=False):
            found[places[left], places[right]] = found[places[right], places[left]] = value
        return found

    def counts(self) -> tuple[int, int]:
        """Return how many overlaps the loss sees, and how many not."""
        pairs = self.rows[self.rows["left"] != "loss"].drop_duplicates(["left", "right"])["visible"]
        return int(pairs.sum()), int((~pairs.astype(bool)).sum())


def linear_claims(theory: Theory, finer: Theory, figure: int) -> Iterator[Outcome]:
    """Give: the filter is learnt, descent is followed to rounding, and flow to the order of the learning rate."""
    named, task = f"Fig. {figure}", TASKS[figure]
    counts = (4, 6) if figure == 5 else (9, 12)
    seen, unseen = theory.counts()
    verdict = HOLDS if (seen, unseen) == counts else FAILS
    claim = f"{counts[0]} overlaps that the loss sees and {counts[1]} that it does not"
    yield outcome(named, task, claim, "numbers", f"{seen} and {unseen}", np.array([float(seen)]), verdict)
    found = theory.learned()
    claim = "the network becomes the filter"
    yield outcome(named, task, claim, "last loss / first", shown(found), found, verdict_of_no_change(found, SMALL))
    found = theory.deviation("descent")
    claim, statistic = "exact for linear networks", "largest deviation of an overlap, theory of each step"
    yield outcome(named, task, claim, statistic, shown(found), found, verdict_of_no_change(found, ROUNDING))
    found = theory.of_loss("flow")
    claim, statistic = "the ODE's loss is the network's", "largest deviation / first loss"
    yield outcome(named, task, claim, statistic, shown(found), found, verdict_of_no_change(found, AGREES))
    found = theory.share("flow")
    claim, statistic = "the ODE's overlaps are the network's", "largest deviation / largest change"
    yield outcome(named, task, claim, statistic, shown(found), found, verdict_of_no_change(found, AGREES))
    found = theory.deviation("flow") / finer.deviation("flow")
    claim, statistic = "the ODE is off by the step alone", "deviation / that at half the learning rate, less 2"
    yield outcome(named, task, claim, statistic, shown(found), found - 2, verdict_of_no_change(found - 2, 0.1))


def flip_flop_claims(theory: Theory, outputs: Path | None, independent: Theory | None = None) -> Iterator[Outcome]:
    """Give: learnt, followed in loss and overlaps, done by overlaps alone, and not what direct descent does."""
    named, task = "Fig. 4", TASKS[4]
    found = theory.learned()
    claim = "the network learns the flip-flop"
    yield outcome(named, task, claim, "last loss / first", shown(found), found, verdict_of_no_change(found, AGREES))
    if outputs is not None:
        for column, claim in (
            ("predicted", "the effective network of the theory does what the network does"),
            ("measured", "so does that of the network's own overlaps"),
        ):
            found = unexplained(outputs, theory, column)
            statistic, verdict = "variance of its outputs not explained", verdict_of_no_change(found, AGREES)
            yield outcome(named, task, claim, statistic, shown(found), found, verdict)
    yield from followed(theory, named, "descent")
    if independent is not None:
        yield from followed(independent, named, "descent from independent vectors")
    more = theory.of_loss("direct") - theory.of_loss("descent")
    values = f"direct: {shown(theory.of_loss('direct'))}"
    claim, statistic = (
        "descent on the overlaps themselves leads elsewhere",
        "deviation of the loss, beyond the theory's",
    )
    yield outcome(named, task, claim, statistic, values, more - SMALL, verdict_of_sign(more - SMALL))


def followed(theory: Theory, named: str, rule: str) -> Iterator[Outcome]:
    """Give how near a theory comes to tanh networks, in loss and overlaps."""
    for found, what, statistic in (
        (theory.of_loss("descent"), "loss", "largest deviation / first loss"),
        (theory.share("descent"), "overlaps", "largest deviation / largest change"),
    ):
        verdict = verdict_of_no_change(found, AGREES)
        yield outcome(
            named, TASKS[4], f"{rule}: the theory follows the {what}", statistic, shown(found), found, verdict
        )


def optimizer_claims(theories: dict[str, Theory], trained: dict[str, Path]) -> Iterator[Outcome]:
    """Give: every optimiser learns, and where overlaps close on themselves the theory follows."""
    for rule, path in trained.items():
        losses = read(path, "training").to_pandas().sort_values("epoch").groupby("network")["val_loss"]
        found = np.array([float(own.iloc[-1] / own.iloc[0]) for _, own in losses])
        verdict = verdict_of_no_change(found, AGREES)
        statistic = "validation loss, last epoch / first"
        yield outcome("Fig. 8", TASKS[8], f"{rule}: learns the flip-flop", statistic, shown(found), found, verdict)
    for rule, theory in theories.items():
        yield from followed(theory, "Fig. 8", rule)


def unexplained(path: Path, theory: Theory, column: str) -> Values:
    """Return the share of the variance of networks' outputs that effective networks do not explain.

    An effective network has infinitely many Gaussian units, and the overlaps that the theory's table has in `column` at
    the last step; it is given the trials of the `rollout` table.
    """
    rows = read(path, "rollout").to_pandas().sort_values(["network", "trial", "step"])
    found = []
    for name, own in rows.groupby("network"):
        steps = own["step"].nunique()
        inputs, outputs = (np.stack(own[key].to_list()).reshape(-1, steps, 1) for key in ("input", "output"))
        effective = reduced_outputs(MODEL, theory.last(str(name), column)[None], inputs)[0]
        found.append(float(((outputs - effective) ** 2).sum() / ((outputs - outputs.mean()) ** 2).sum()))
    return np.array(found)


def named_files(words: Sequence[str]) -> dict[str, Path]:
    """Return files by the names before their equals signs.

    Examples
    --------
    >>> named_files(["Adam=a.parquet"])["Adam"].name
    'a.parquet'
    """
    return {name: Path(path) for name, _, path in (word.partition("=") for word in words)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read tables and write the claims."""
    parser = argparse.ArgumentParser(description="Set the paper's claims on its theory beside the tables of a run.")
    parser.add_argument("tables", nargs="+", help="`overlap_theory` table; of figure 8 several, as NAME=FILE")
    parser.add_argument("--figure", type=int, choices=sorted(TASKS), required=True)
    parser.add_argument("--finer", type=Path, help="the same at half the learning rate, for figures 5 and 12")
    parser.add_argument("--outputs", type=Path, help="`rollout` table of the networks, figure 4")
    parser.add_argument("--independent", type=Path, help="theory of networks that start independent, figure 4")
    parser.add_argument("--training", nargs="+", default=[], help="`training` tables as NAME=FILE, for figure 8")
    parser.add_argument("-o", "--out", type=Path, required=True, help="table to write: .parquet, .csv or .jsonl")
    given = parser.parse_args(arguments)
    if given.figure in (5, 12) and given.finer is None:
        parser.error("--finer is needed for figures 5 and 12")

    def outcomes() -> Iterator[Outcome]:
        if given.figure == 8:
            theories = {name: Theory(path) for name, path in named_files(given.tables).items()}
            yield from optimizer_claims(theories, named_files(given.training))
        elif given.figure == 4:
            independent = None if given.independent is None else Theory(given.independent)
            yield from flip_flop_claims(Theory(Path(given.tables[0])), given.outputs, independent)
        else:
            yield from linear_claims(Theory(Path(given.tables[0])), Theory(given.finer), given.figure)

    inputs = [Path(word.rpartition("=")[2]) for word in (*given.tables, *given.training)]
    inputs += [path for path in (given.finer, given.independent, given.outputs) if path is not None]
    return ending(lambda: publish(outcomes(), given.out, inputs))


if __name__ == "__main__":
    sys.exit(main())
