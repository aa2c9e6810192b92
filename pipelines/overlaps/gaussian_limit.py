"""How exact the Gaussian theory of tanh networks is as they grow: at the start, in training, and with vectors redrawn.

    python gaussian_limit.py floor --units 256,1024,4096 --seeds 16,8,4 -o claims.parquet

`rates`: what descent does to the overlaps of Gaussian networks at the first step. `floor`: after it, in training. The
spread over seeds shrinks as networks grow; the deviation of the mean does not. `closure` says why: training makes rows
of the vectors non-Gaussian, and where they are redrawn after each step, Gaussian and with the same overlaps, it does.
Networks of rank one learn a flip-flop from exactly the same overlaps (in `rates`, from the same in the mean).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from claim_tables import FAILS, HOLDS, OPEN, Outcome, ending, markdown, publish
from figure_claims import AGREES, outcome
from numpy.typing import NDArray
from seed_verdicts import shown, verdict_of_no_change
from tanh_floor import LAYOUT, START, TASKS, Measured, flip_flop, predicted, predicted_rates, rates, train, vectors_of

Array = NDArray[np.float64]
#: Sizes and networks of each where the command line gives none.
DEFAULTS = {
    "rates": ((256, 1024, 4096, 16384), (12, 12, 12, 12)),
    "floor": ((256, 1024, 4096), (16, 8, 4)),
    "closure": ((512, 2048, 8192), (8, 4, 4)),
}
STEPS, RATE = {"floor": 200, "closure": 40}, 0.25
TASK = "flip-flop"
_UPPER = np.triu_indices(LAYOUT.size)


def apart(measured: Measured, theory: Measured) -> Array:
    """Return deviations of overlaps (networks, steps + 1, pairs), each pair once."""
    return (measured.overlaps - theory.overlaps)[:, :, _UPPER[0], _UPPER[1]]


def row(measured: Measured, theory: Measured) -> dict[str, float]:
    """Return the figures of one size of networks."""
    gaps = apart(measured, theory)
    steps = gaps.shape[1] - 1
    spread = np.sqrt(gaps.var(0, ddof=1).mean()) if len(gaps) > 1 else np.nan
    mean, first = gaps.mean(0), theory.losses[0, 0]
    return {
        "spread of seeds (rms)": float(spread),
        "deviation of mean (rms)": float(np.sqrt((mean**2).mean())),
        **{f"largest at {t}": float(np.abs(mean[t]).max()) for t in sorted({steps // 10, steps // 4, steps})},
        "loss, of the first": float(np.abs(measured.losses.mean(0) - theory.losses[0]).max() / first),
        "last loss, of the first": float(measured.losses[:, -1].max() / first),
    }


def shrinking(claim: str, figure: str, small: Array, large: Array, units: Sequence[int]) -> Outcome:
    """Return whether networks' deviations fall as networks grow: the whole interval at most twice what 1/sqrt N asks.

    The interval is that of networks drawn anew, 2,000 times.
    """
    rng = np.random.default_rng(0)
    draws = [float(rng.choice(large, len(large)).mean() / rng.choice(small, len(small)).mean()) for _ in range(2000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    ideal = float(np.sqrt(units[0] / units[-1]))
    verdict = HOLDS if high < 2 * ideal else FAILS if low > 2 * ideal else OPEN
    ratio, count = np.array([large.mean() / small.mean()]), len(small) + len(large)
    statistic = f"mean deviation at N = {units[-1]} over that at {units[0]} (1/sqrt N: {ideal:.2g})"
    values = f"{shown(large)} over {shown(small)}"
    one = outcome(figure, TASK, claim, statistic, values, ratio, verdict, networks=count)
    return replace(one, ci_low=float(low), ci_high=float(high))


def print_table(heading: str, units: Sequence[int], seeds: Sequence[int], rows: Sequence[dict[str, float]]) -> None:
    """Print a row for each size."""
    body = [
        (str(size), str(count), *(f"{value:.2g}" for value in found.values()))
        for size, count, found in zip(units, seeds, rows, strict=True)
    ]
    sys.stdout.write(f"{heading}\n\n{markdown(('units', 'networks', *rows[0]), body)}\n")


def rates_study(units: Sequence[int], seeds: Sequence[int], task: str) -> Iterator[Outcome]:
    """Give how far the rates of Gaussian networks are from the theory's, before any training."""
    trials = flip_flop(*TASKS[task])
    theory = predicted_rates(trials)
    gaps = [
        np.abs(rates(vectors_of(START, size, range(count), exact=False), trials) - theory).max((1, 2))
        for size, count in zip(units, seeds, strict=True)
    ]
    largest = float(np.abs(theory).max())
    rows = [{"largest deviation": float(own.mean()), "of the largest": float(own.mean()) / largest} for own in gaps]
    print_table(f"Task {task}: rates of overlaps at the start, up to {largest:.3g}.", units, seeds, rows)
    yield shrinking("asymptotically exact, at the start of training", "Rates", gaps[0], gaps[-1], units)


def training_study(
    kind: str, units: Sequence[int], seeds: Sequence[int], task: str, steps: int, rate: float
) -> Iterator[Outcome]:
    """Give how far trained networks stray from the theory; of `closure`, with vectors redrawn after each step."""
    trials = flip_flop(*TASKS[task])
    theory = predicted(trials, rate, steps)
    change = float(np.abs(theory.overlaps - START).max())
    found = [
        train(vectors_of(START, size, range(count)), trials, rate, steps, redraw=kind == "closure")
        for size, count in zip(units, seeds, strict=True)
    ]
    heading = f"Task {task}, learning rate {rate}, {steps} steps; overlaps move by up to {change:.3f}."
    print_table(heading, units, seeds, [row(one, theory) for one in found])
    gaps = [apart(one, theory) for one in found]
    far = [np.sqrt((own**2).mean((1, 2))) for own in (gaps[0], gaps[-1])]
    claim = "asymptotically exact, " + ("in training" if kind == "floor" else "while vectors are kept Gaussian")
    yield shrinking(claim, kind.capitalize(), *far, units)
    if kind == "floor":
        first, large = theory.losses[0, 0], found[-1]
        off = np.abs(large.losses - theory.losses).max(1) / first
        share = np.abs(gaps[-1]).max((1, 2)) / change
        for values, claim, statistic in (
            (off, "losses match closely", "largest deviation / first loss"),
            (share, "overlaps match closely", "largest deviation / largest change"),
        ):
            statistic += f", N = {units[-1]}"
            verdict = verdict_of_no_change(values, AGREES)
            yield outcome("Floor", TASK, claim, statistic, shown(values), values, verdict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of a study, and write its claims."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("study", choices=DEFAULTS)
    words.add_argument("--units", help="sizes, each 4 or more")
    words.add_argument("--seeds", help="networks of each size, 1 or more; 2 or more of the first and last")
    words.add_argument("--steps", type=int, help="steps of descent, 4 or more")
    words.add_argument("--rate", type=float, help=f"learning rate, above 0 ({RATE} by default)")
    words.add_argument("--task", choices=TASKS, default="standard", help="how large pulses and targets are")
    words.add_argument("-o", "--out", type=Path, required=True, help="table of claims: .parquet, .csv or .jsonl")
    given = words.parse_args(arguments)
    units, seeds = (
        [int(word) for word in text.split(",")] if text else list(default)
        for text, default in zip((given.units, given.seeds), DEFAULTS[given.study], strict=True)
    )
    if given.study == "rates" and (given.steps or given.rate):
        words.error("--steps and --rate: have no part in rates (leave them out)")
    if len(units) != len(seeds):
        words.error(f"--seeds: {len(seeds)} numbers for {len(units)} sizes (give one for each)")
    if given.study == "rates":
        found = rates_study(units, seeds, given.task)
    else:
        found = training_study(
            given.study, units, seeds, given.task, given.steps or STEPS[given.study], given.rate or RATE
        )
    return ending(lambda: publish(found, given.out, []))


if __name__ == "__main__":
    sys.exit(main())
