"""Set what the degeneracy paper claims beside what the tables of a run say: Table 1, and every claim tried.

    python claims.py build/small/l1-flipflop build/small/l1-delayed-discrimination --table claims.parquet -o claims.md
    python claims.py build/small/l1-flipflop --row

Every verdict follows from a rule written once, in `rules.py`; the claims stand in `paper.py`.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from claim_tables import Outcome, ending, interval, markdown, rows_of, shown, write_rows, write_text
from claim_tables import page as claims_page
from paper import LEVELS, PAPER, TABLE_1, Claim, degeneracy_claims, other_claims
from rules import LEVEL, arrow, beside_untrained, steady, verdict_of_arrow, verdict_of_no_change
from studies import Effect, Study

from rnnkit.errors import InputError


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
        size = interval(effect.difference, effect.low, effect.high, "+")
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


def judged(studies: Iterable[Study], scale: str) -> list[Outcome]:
    """Return what came out of every claim about the studies."""
    outcomes = []
    for study in studies:
        for claim, effect in claims_of(study):
            pairs = zip(study.settings, effect.values, strict=True)
            outcomes.append(
                Outcome(
                    PAPER,
                    claim.figure,
                    study.task,
                    f"{study.factor} ↑: {claim.text or f'{claim.level} {claim.arrow}'}",
                    claim.metric if claim.form == "paper" else f"{claim.metric} ({claim.form})",
                    ", ".join(f"{setting}: {shown(value)}" for setting, value in pairs),
                    *(effect.difference, effect.low, effect.high),
                    ", ".join(map(str, effect.networks)),
                    verdict_of(study, claim, effect),
                    f"make -C pipelines/degeneracy SCALE={scale} {study.folder.name}",
                    effect.p_value if claim.arrow != "=" else math.nan,
                )
            )
    return outcomes


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


def rows_page(studies: Sequence[Study]) -> str:
    """Return Table 1 with a row a study."""
    header = ("factor", "task", f"paper: {', '.join(LEVELS)}", *(title for title, _, _ in _COLUMNS))
    return markdown(header, [table_row(study) for study in studies])


def page(studies: Sequence[Study], rows: Sequence[dict[str, object]]) -> str:
    """Return the whole page."""
    expected = LEVEL * sum(row["p_value"] is not None for row in rows)
    said = f"By chance alone, some {expected:.0f} would get a direction.\n"
    return "\n".join(["## Table 1\n", rows_page(studies), "## Claims\n", said, claims_page(rows)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Read folders of tables and write the page."""
    parser = argparse.ArgumentParser(description="Set the paper's claims beside the tables of a run.")
    parser.add_argument("studies", type=Path, nargs="+", help="folders FACTOR-TASK that the Makefile filled")
    parser.add_argument("--scale", default="small", help="scale that the folders were made at, for the commands")
    parser.add_argument("--row", action="store_true", help="only the rows of Table 1")
    parser.add_argument("--table", type=Path, help="also write the claims: .parquet, .csv or .jsonl")
    parser.add_argument("-o", "--out", type=Path, help="file to write; standard output without it")
    given = parser.parse_args(arguments)

    def judge() -> None:
        studies = [Study(folder) for folder in given.studies]
        rows = rows_of(judged(studies, given.scale))
        write_text(rows_page(studies) if given.row else page(studies, rows), given.out)
        if given.table is not None:
            write_rows(rows, given.table, [folder / "degeneracy.parquet" for folder in given.studies])

    return ending(judge)


if __name__ == "__main__":
    sys.exit(main())
