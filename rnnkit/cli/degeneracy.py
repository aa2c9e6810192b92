"""`rnnkit degeneracy`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import Format, Out, Seed, named, split_names
from rnnkit.cli.output import check_apart, check_aside, check_output, write_table
from rnnkit.cli.talk import talk
from rnnkit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "degeneracy"
EXAMPLE = "rnnkit degeneracy --comparisons dist.parquet -o degeneracy.csv"

_TABLE: dict[str, Any] = {"metavar": "TABLE", "show_default": False}


def run(
    comparisons: Annotated[
        Path | None, typer.Option("--comparisons", help="Table of `compare`; - for standard input.", **_TABLE)
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option("--summary", help="Table of `rollout --summary --ood`; - for standard input.", **_TABLE),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="KEY,...",
            help="Columns to group by; all group columns by default.",
            show_default=False,
        ),
    ] = None,
    include_unconverged: Annotated[
        bool, typer.Option("--include-unconverged", help="Also count networks that missed their stop loss.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="KEY=VALUE,...",
            help="Set every group against this one, with permutation tests over networks.",
            show_default=False,
        ),
    ] = None,
    permutations: Annotated[int, typer.Option("--permutations", help="Relabellings of each test, 1 or more.")] = 4999,
    bootstrap: Annotated[
        int | None,
        typer.Option(
            "--bootstrap",
            metavar="DRAWS",
            help="Percentile bootstrap intervals (2 draws or more) instead of the jackknife's; too narrow for few.",
            show_default=False,
        ),
    ] = None,
    embed: Annotated[
        Path | None,
        typer.Option(
            "--embed",
            metavar="FILE",
            help="Also write each network's coordinates, neighbours and cluster.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    out: Out = None,
    form: Format = None,
) -> int:
    """Mean pairwise distance per metric and spread of the out-of-distribution loss, with standard errors.

    Standard errors respect that pairs share networks.
    """
    target = check_output(out, form)
    keys = None if by is None else split_names("--by", by)
    reference = None if against is None else _group(against)
    draws = 0 if bootstrap is None else bootstrap
    if bootstrap == 0:
        raise InputError("--bootstrap", "0 draws are too few", "give 2 or more, such as 2000")
    if comparisons is not None and comparisons == summary:
        raise InputError("--comparisons", "is the same as --summary", "give two tables")
    check_apart({"--out": out, "--embed": embed}, {"--comparisons": comparisons, "--summary": summary})
    place = None if embed is None else _embedding_target(embed, comparisons)
    from rnnkit.stages.degeneracy import degeneracy as stage
    from rnnkit.stages.degeneracy import without_distance
    from rnnkit.tables import read

    def table(path: Path | None, name: str) -> pa.Table | None:
        if path is None:
            return None
        return read(sys.stdin.buffer, name) if str(path) == "-" else read(path, name)

    pairs, losses = table(comparisons, "comparisons"), table(summary, "summary")
    result = stage(
        pairs,
        losses,
        keys,
        against=reference,
        include_unconverged=include_unconverged,
        bootstrap=draws,
        permutations=permutations,
        seed=seed,
    )
    ran = provenance(
        by=keys,
        against=reference,
        include_unconverged=include_unconverged,
        bootstrap=bootstrap,
        permutations=permutations,
        seed=seed,
    )
    ran = ran.with_inputs(named([comparisons, summary]))
    if pairs is not None:
        for line in without_distance(pairs):
            talk.say(line)
    code = 0
    if place is not None and pairs is not None:
        from rnnkit.stages.embedding import embedding

        placed = embedding(pairs, keys, include_unconverged=include_unconverged, seed=seed)
        code = write_table("embedding", [placed], place, True, ran)
    return max(code, write_table("degeneracy", [result], target, bool(out or form), ran))


def _group(text: str) -> dict[str, str]:
    """Read the `KEY=VALUE,...` of --against.

    Examples
    --------
    >>> _group("gamma=1, units=64")
    {'gamma': '1', 'units': '64'}
    """
    group: dict[str, str] = {}
    for part in split_names("--against", text):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key or not value:
            raise InputError("--against", f"'{part}' is not KEY=VALUE", "for example --against gamma=1")
        if key in group:
            raise InputError("--against", f"'{key}' is given twice", "give it once")
        group[key] = value
    return group


def _embedding_target(embed: Path, comparisons: Path | None) -> tuple[Path | None, str]:
    """Return the file and format of --embed, or raise InputError where it cannot be written."""
    if comparisons is None:
        raise InputError("--embed", "needs distances", "add --comparisons")
    return check_aside(embed, "--embed")
