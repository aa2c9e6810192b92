"""Set what the degeneracy paper claims beside what the tables of a run say: Table 1, and every claim tried.

    python claims.py build/small/l1-flipflop build/small/l1-delayed-discrimination --table claims.csv -o claims.md
    python claims.py build/small/l1-flipflop --row

Every verdict follows from a rule written once, in `rules.py`; the claims stand in `paper.py`.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from paper import LEVELS, PAPER, TABLE_1, Claim, degeneracy_claims, other_claims
from rules import LEVEL, arrow, beside_untrained, holm, steady, verdict_of_arrow, verdict_of_no_change
from studies import Effect, Study

from rnnkit.atomic import atomic_path
from rnnkit.errors import InputError, RnnkitError


@dataclass(frozen=True)
class Judged:
    """One row of the table of claims, as text.

    `estimate`: the statistic at the largest value of the factor less that at the smallest, with its 95 % interval;
    `values` at each value of the factor; `p_holm` is the p-value adjusted for the number of claims in the table.
    """

    paper: str
    figure: str
    task: str
    claim: str
    statistic: str
    values: str
    estimate: str
    p: str
    p_holm: str
    networks: str
    verdict: str
    command: str


# Numbers


def shown(value: float, digits: int = 3) -> str:
    """Return a number as text, `none` for NaN.

    Examples
    --------
    >>> shown(0.12345), shown(float("nan"))
    ('0.123', 'none')
    """
    return f"{value:.{digits}g}" if math.isfinite(value) else "none"


def interval(effect: Effect) -> str:
    """Return a difference with its interval.

    Examples
    --------
    >>> interval(Effect((2.0, 3.0), (8, 8), 1.0, 0.5, 1.5, 0.01))
    '+1 [+0.5, +1.5]'
    """
    if not math.isfinite(effect.difference):
        return "none"
    ends = ", ".join(f"{end:+.3g}" if math.isfinite(end) else "–" for end in (effect.low, effect.high))
    return f"{effect.difference:+.3g} [{ends}]"


def cell(effect: Effect | None) -> str:
    """Return an effect as it stands in a row of Table 1: arrow, size in per cent with interval, p-value.

    Examples
    --------
    >>> cell(Effect((2.0, 3.0), (8, 8), 1.0, 0.5, 1.5, 0.01))
    '↑ +50 % [+25, +75], p 0.01'
    >>> cell(Effect((0.0, 3.0), (8, 8), 3.0, 2.0, 4.0, 0.2))
    '– +3 [+2, +4], p 0.2'
    """
    if effect is None:
        return "no such statistic"
    change, low, high = (100 * part for part in effect.share)
    if math.isfinite(change):
        ends = ", ".join(f"{end:+.2g}" if abs(end) < 100 else f"{end:+.0f}" for end in (low, high))
        size = f"{change:+.2g} % [{ends}]" if abs(change) < 100 else f"{change:+.0f} % [{ends}]"
    else:
        size = interval(effect)
    return f"{arrow(effect.difference, effect.p_value)} {size}, p {shown(effect.p_value, 2)}"


# Rows


def effect_of(study: Study, claim: Claim, metric: str) -> Effect | None:
    """Return the effect that a claim is about."""
    return study.feature_effect(metric) if claim.level == "feature learning" else study.effect(metric)


def verdict_of(study: Study, claim: Claim, effect: Effect) -> str:
    """Judge a claim by its rule, beside untrained networks where the table holds them."""
    if claim.arrow == "=":
        return verdict_of_no_change(effect.low, effect.high, claim.small)
    verdict = verdict_of_arrow(effect.difference, effect.p_value, claim.arrow)
    before = study.effect(claim.untrained) if claim.untrained else None
    if before is not None:
        verdict = beside_untrained(verdict, before.difference, before.p_value, claim.arrow)
    inside = [value for value in effect.values if math.isfinite(value)]
    return verdict if steady(inside) or verdict == "undecided" else f"{verdict}, not monotone"


def claims_of(study: Study) -> list[tuple[Claim, Effect]]:
    """Return every claim about a study with what the study has to say on it."""
    if study.factor not in TABLE_1:
        raise InputError(str(study.folder), f"'{study.factor}' is no factor", f"known: {', '.join(TABLE_1)}")
    claims = [*degeneracy_claims(study.factor), *other_claims(study.factor, study.task)]
    found = [(claim, effect_of(study, claim, claim.metric)) for claim in claims]
    return [(claim, effect) for claim, effect in found if effect is not None]


def judged(studies: Iterable[Study], scale: str) -> list[Judged]:
    """Return the table of claims."""
    tried = [(study, claim, effect) for study in studies for claim, effect in claims_of(study)]
    tested = [effect.p_value if claim.arrow != "=" else math.nan for _, claim, effect in tried]
    rows = []
    for (study, claim, effect), adjusted in zip(tried, holm(tested), strict=True):
        pairs = zip(study.settings, effect.values, strict=True)
        rows.append(
            Judged(
                PAPER,
                claim.figure,
                study.task,
                f"{study.factor} ↑: {claim.text or f'{claim.level} {claim.arrow}'}",
                claim.metric if claim.form == "paper" else f"{claim.metric} ({claim.form})",
                ", ".join(f"{setting}: {shown(value)}" for setting, value in pairs),
                interval(effect),
                shown(effect.p_value, 2),
                shown(adjusted, 2),
                ", ".join(map(str, effect.networks)),
                verdict_of(study, claim, effect),
                f"make -C pipelines/degeneracy SCALE={scale} {study.folder.name}",
            )
        )
    return rows


#: Columns of Table 1 here: title, and metric with another for widths where the paper divides by the parameters.
_COLUMNS = (
    ("dynamics", "dsa", "dsa"),
    ("of unit norm", "dsa-relative", "dsa-relative"),
    ("weights", "pif", "pif-per-parameter"),
    ("relative", "pif-relative", "pif-relative"),
    ("untrained", "pif-initial", "pif-initial-per-parameter"),
    ("over untrained", "pif-ratio-to-initial", "pif-ratio-to-initial"),
    ("behaviour", "ood-loss", "ood-loss"),
)


def table_row(study: Study) -> list[str]:
    """Return a study's row of Table 1: the paper's arrows, then each level's arrow, size and p-value."""
    paper = " ".join(TABLE_1[study.factor])
    cells = [cell(study.effect(wide if study.factor == "width" else plain)) for _, plain, wide in _COLUMNS]
    ends = f"{study.settings[0]} to {study.settings[-1]}"
    return [f"{study.factor}, {ends}", study.task, paper, *cells]


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def rows_page(studies: Sequence[Study]) -> str:
    """Return Table 1 with a row a study."""
    header = ("factor", "task", f"paper: {', '.join(LEVELS)}", *(title for title, _, _ in _COLUMNS))
    return markdown(header, [table_row(study) for study in studies])


def page(studies: Sequence[Study], rows: Sequence[Judged]) -> str:
    """Return the whole page."""
    kinds = [row.verdict.partition(",")[0] for row in rows]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    expected = LEVEL * sum(row.p != "none" for row in rows)
    said = f"{len(rows)} claims: {counts}. By chance alone, some {expected:.0f} would get a direction.\n"
    # The paper is the page's; it stands in the file of claims.
    names = [field.name.replace("_", " ") for field in fields(Judged)][1:]
    body = [[f"`{text}`" if k == len(names) - 1 else text for k, text in enumerate(astuple(row)[1:])] for row in rows]
    return "\n".join(["## Table 1\n", rows_page(studies), "## Claims\n", said, markdown(names, body)])


def as_csv(rows: Sequence[Judged]) -> str:
    """Return the table of claims as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Judged))
    writer.writerows(astuple(row) for row in rows)
    return text.getvalue()


def write(text: str, path: Path | None) -> None:
    """Write a file whole, or to standard output."""
    if path is None:
        sys.stdout.write(text)
        return
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read folders of tables and write the page; 2 when a table is missing or damaged."""
    parser = argparse.ArgumentParser(description="Set the paper's claims beside the tables of a run.")
    parser.add_argument("studies", type=Path, nargs="+", help="folders FACTOR-TASK that the Makefile filled")
    parser.add_argument("--scale", default="small", help="scale that the folders were made at, for the commands")
    parser.add_argument("--row", action="store_true", help="only the rows of Table 1")
    parser.add_argument("--table", type=Path, help="also write the claims as CSV")
    parser.add_argument("-o", "--out", type=Path, help="file to write; standard output without it")
    given = parser.parse_args(arguments)
    try:
        studies = [Study(folder) for folder in given.studies]
        rows = judged(studies, given.scale)
        write(rows_page(studies) if given.row else page(studies, rows), given.out)
        if given.table is not None:
            write(as_csv(rows), given.table)
    except RnnkitError as error:
        sys.stderr.write(f"claims: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
