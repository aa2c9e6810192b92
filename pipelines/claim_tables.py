"""What every study's claims share: the words of a verdict, the adjustment for many tests, the table, and its page.

    python claim_tables.py degeneracy/build/small/claims.parquet schur/build/claims.parquet -o build/claims.parquet

puts the tables of several studies into one, and prints it as Markdown.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rnnkit.atomic import atomic_path
from rnnkit.errors import RnnkitError
from rnnkit.provenance import Provenance
from rnnkit.tables import build, open_writer, read, table_metadata

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"


@dataclass(frozen=True)
class Outcome:
    """What came out of one claim; the attributes are the columns of the `claims` table.

    `verdict` may be qualified after a comma or a colon, "holds, not monotone"; the table keeps that as a note.
    """

    paper: str
    figure: str
    task: str
    claim: str
    statistic: str
    values: str
    estimate: float
    ci_low: float
    ci_high: float
    networks: str
    verdict: str
    command: str
    p_value: float = math.nan

    def row(self) -> dict[str, object]:
        """Return the row without its adjusted p-value.

        Examples
        --------
        >>> row = Outcome("A", "", "t", "c", "s", "", 1.0, 0.5, 1.5, "8", "holds, not monotone", "make").row()
        >>> row["verdict"], row["note"], row["p_value"], row["status"]
        ('holds', 'not monotone', None, 'ok')
        """
        kind = next(word for word in (HOLDS, FAILS, OPEN) if self.verdict.startswith(word))
        held = {name: None if value != value else value for name, value in asdict(self).items()}
        note = self.verdict.removeprefix(kind).lstrip(",: ").removeprefix("and ")
        return held | {
            "verdict": kind,
            "note": note or None,
            "status": "ok" if math.isfinite(self.estimate) else "no_estimate",
        }


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm 1979); NaN stay NaN and do not count.

    Examples
    --------
    >>> holm([0.01, 0.04, float("nan"), 0.03])
    [0.03, 0.06, nan, 0.06]
    """
    order = sorted((k for k, p in enumerate(p_values) if math.isfinite(p)), key=lambda k: p_values[k])
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, k in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[k]))
        adjusted[k] = largest
    return adjusted


def rows_of(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """Return the rows of a study's claims, p-values adjusted for all of them."""
    adjusted = holm([one.p_value for one in outcomes])
    return [one.row() | {"p_holm": p if math.isfinite(p) else None} for one, p in zip(outcomes, adjusted, strict=True)]


def write_rows(rows: Sequence[dict[str, object]], path: Path, inputs: Iterable[Path] = ()) -> None:
    """Write a `claims` table; its ending says whether as Parquet, CSV or JSON lines."""
    ran = Provenance(command=Path(sys.argv[0]).name).with_inputs(list(inputs))
    with open_writer(path, path.suffix.lstrip("."), table_metadata("claims", ran)) as writer:
        writer.write(build("claims", rows))


def write_text(text: str, path: Path | None) -> None:
    """Write a file whole, or to standard output."""
    if path is None:
        sys.stdout.write(text)
        return
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


# Pages


def shown(value: object, digits: int = 3) -> str:
    """Return a number as text, `none` for NaN and null.

    Examples
    --------
    >>> shown(0.12345), shown(float("nan")), shown(None)
    ('0.123', 'none', 'none')
    """
    return f"{value:.{digits}g}" if isinstance(value, float) and math.isfinite(value) else "none"


def interval(estimate: object, low: object, high: object, sign: str = "") -> str:
    """Return an estimate with its interval.

    Examples
    --------
    >>> interval(1.0, 0.5, 1.5, "+"), interval(1.0, None, 1.5), interval(None, None, None)
    ('+1 [+0.5, +1.5]', '1', 'none')
    """
    middle, *ends = (
        f"{value:{sign}.3g}" if isinstance(value, float) and math.isfinite(value) else None
        for value in (estimate, low, high)
    )
    if middle is None:
        return "none"
    return f"{middle} [{', '.join(end or '–' for end in ends)}]" if any(ends) and None not in ends else middle


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    # A bar inside a cell would end it.
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *(f"| {' | '.join(row)} |" for row in cells)]
    return "\n".join(lines) + "\n"


def page(rows: Sequence[dict[str, object]]) -> str:
    """Return claims as Markdown: how many came out how, and a table of them."""
    verdicts = [str(row["verdict"]) for row in rows]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in (HOLDS, FAILS, OPEN) if word in verdicts)
    header = ("paper", "task", "claim", "statistic", "estimate", "p", "p holm", "networks", "verdict", "command")
    body = [
        (
            f"{row['paper']}, {row['figure']}" if row["figure"] else str(row["paper"]),
            str(row["task"]),
            str(row["claim"]),
            f"{row['statistic']}: {row['values']}",
            interval(row["estimate"], row["ci_low"], row["ci_high"]),
            *(shown(row[name], 2) for name in ("p_value", "p_holm")),
            str(row["networks"]),
            f"{row['verdict']}: {row['note']}" if row["note"] else str(row["verdict"]),
            f"`{row['command']}`",
        )
        for row in rows
    ]
    return f"{len(rows)} claims: {counts}.\n\n{markdown(header, body)}"


def ending(work: Callable[[], None]) -> int:
    """Do the work of a script, and return its exit code: 2, with one line, when a table is missing or damaged."""
    try:
        work()
    except RnnkitError as error:
        sys.stderr.write(f"claims: {error}\n")
        return 2
    return 0


def publish(outcomes: Iterable[Outcome], path: Path, inputs: Iterable[Path]) -> None:
    """Write a study's claims as a table, and print them."""
    rows = rows_of(list(outcomes))
    write_rows(rows, path, inputs)
    sys.stdout.write(page(rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Join tables of claims."""
    parser = argparse.ArgumentParser(description="Join tables of claims, and print them as Markdown.")
    parser.add_argument("tables", type=Path, nargs="+", help="`claims` tables of studies")
    parser.add_argument("-o", "--out", type=Path, help="table to write: .parquet, .csv or .jsonl")
    given = parser.parse_args(arguments)

    def join() -> None:
        rows = [row for path in given.tables for row in read(path, "claims").to_pylist()]
        sys.stdout.write(page(rows))
        if given.out is not None:
            write_rows(rows, given.out, given.tables)

    return ending(join)


if __name__ == "__main__":
    sys.exit(main())
