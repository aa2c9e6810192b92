"""`rnnkit degeneracy`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import Format, Out, Seed, named, split_names
from rnnkit.cli.output import check_output, write_table
from rnnkit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "degeneracy"

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
    bootstrap: Annotated[int, typer.Option("--bootstrap", help="Bootstrap draws.")] = 2000,
    seed: Seed = 0,
    out: Out = None,
    form: Format = None,
) -> int:
    """Mean pairwise distance per metric and spread of the out-of-distribution loss, with standard errors.

    Standard errors respect that pairs share networks.
    """
    target = check_output(out, form)
    keys = None if by is None else split_names(by)
    if comparisons is not None and comparisons == summary:
        raise InputError("--comparisons", "is the same as --summary", "give two tables")
    from rnnkit.stages.degeneracy import degeneracy as stage
    from rnnkit.tables import read

    def table(path: Path | None, name: str) -> pa.Table | None:
        if path is None:
            return None
        return read(sys.stdin.buffer, name) if str(path) == "-" else read(path, name)

    result = stage(
        table(comparisons, "comparisons"),
        table(summary, "summary"),
        keys,
        include_unconverged=include_unconverged,
        bootstrap=bootstrap,
        seed=seed,
    )
    ran = provenance(by=keys, include_unconverged=include_unconverged, bootstrap=bootstrap, seed=seed)
    ran = ran.with_inputs(named([comparisons, summary]))
    return write_table("degeneracy", [result], target, bool(out or form), ran)
