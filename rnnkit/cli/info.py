"""`rnnkit info`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import Format, Out
from rnnkit.cli.output import check_output, write_table
from rnnkit.errors import InputError

NAME = "info"


def run(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Checkpoints or one table.", show_default=False)
    ],
    out: Out = None,
    form: Format = None,
) -> int:
    """Show what checkpoints or a table hold."""
    target = check_output(out, form)
    if len(paths) == 1 and Path(paths[0]).suffix in (".parquet", ".csv", ".jsonl"):
        if out or form:
            raise InputError(paths[0], "is a table, and its description is text", "leave out -o and --format")
        from rnnkit.tables import describe_file

        sys.stdout.write(json.dumps(describe_file(Path(paths[0])), indent=2) + "\n")
        return 0
    from rnnkit.interop import load_all
    from rnnkit.stages.info import info

    loaded = load_all(paths)
    table = info(loaded.checkpoints, [str(path) for path in loaded.paths])
    ran = provenance(paths=paths).with_inputs(list(loaded.paths))
    return write_table("info", [table], target, bool(out or form), ran)
