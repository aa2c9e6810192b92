"""`rnnkit info`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import Format, Out
from rnnkit.cli.output import check_output, show, write_table
from rnnkit.cli.talk import talk
from rnnkit.errors import InputError

NAME = "info"
EXAMPLE = "rnnkit info ckpts"


def run(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Checkpoints, or one table (- for standard input).", show_default=False),
    ],
    out: Out = None,
    form: Format = None,
) -> int:
    """Show what checkpoints or a table hold; with --verbose, all of a table's provenance."""
    target = check_output(out, form)
    if len(paths) == 1 and (paths[0] == "-" or Path(paths[0]).suffix in (".parquet", ".csv", ".jsonl")):
        if out or form:
            raise InputError(paths[0], "is a table, and its description is text", "leave out -o and --format")
        return _describe(paths[0])
    from rnnkit.interop import load_all
    from rnnkit.stages.info import info

    loaded = load_all(paths)
    table = info(loaded.checkpoints, [str(path) for path in loaded.paths])
    ran = provenance(paths=paths).with_inputs(list(loaded.paths))
    return write_table("info", [table], target, bool(out or form), ran)


def _describe(path: str) -> int:
    """Print what a table holds: its schema, the command that made it, its first rows."""
    from rnnkit.tables import describe, read_rows

    table = read_rows(sys.stdin.buffer if path == "-" else Path(path))
    held = describe(table, path)
    if talk.verbose:
        sys.stdout.write(json.dumps(held, indent=2) + "\n")
        return 0
    lines = [f"{path}: {held.get('schema', 'a')} table, {held['rows']} rows, {len(held['columns'])} columns"]
    if held.get("command"):
        lines.append(f"made by: {held['command']}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    show([table])
    return 0
