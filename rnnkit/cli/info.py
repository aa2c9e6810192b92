"""`rnnkit info`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import Format, Out
from rnnkit.cli.output import SHOWN, check_output, write_table
from rnnkit.cli.talk import talk
from rnnkit.errors import InputError

NAME = "info"
EXAMPLE = "rnnkit info ckpts"


def run(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Checkpoints; or one table (- for standard input), picture or file of snapshots.",
            show_default=False,
        ),
    ],
    out: Out = None,
    form: Format = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", help="Rows of a table to show.", min=1)] = SHOWN,
) -> int:
    """Show what a file that rnnkit wrote holds, and where it comes from.

    A row for each checkpoint, or a text on one table, picture or file of snapshots. With --verbose: all that one file
    says of itself, as JSON.
    """
    target = check_output(out, form)
    if len(paths) == 1 and (describe := _describer(paths[0], rows)) is not None:
        if out or form:
            raise InputError(paths[0], "is described in words", "leave out -o and --format")
        describe()
        return 0
    for path in paths:
        if (Path(path) / ".rnnkit-train").is_dir():
            talk.say(f"{path}: holds a run that was cut off; its command with --resume goes on")
    from rnnkit.interop import load_all
    from rnnkit.stages.info import info

    loaded = load_all(paths)
    table = info(loaded.checkpoints, [str(path) for path in loaded.paths])
    ran = provenance(paths=paths).with_inputs(list(loaded.paths))
    return write_table("info", [table], target, bool(out or form), ran)


def _describer(path: str, rows: int) -> Callable[[], None] | None:
    """Return what describes one file in words, or None for checkpoints, which make a table."""
    from rnnkit.checkpoints import HISTORY_SUFFIX
    from rnnkit.cli import describing
    from rnnkit.plots.settings import FORMATS

    file = Path(path)
    if path == "-" or file.suffix in (".parquet", ".csv", ".jsonl"):
        return lambda: describing.describe_table(path, rows)
    if file.suffix.lstrip(".") in FORMATS:
        return lambda: describing.describe_picture(file)
    if path.endswith(HISTORY_SUFFIX):
        return lambda: describing.describe_snapshots(file)
    if talk.verbose and file.is_file():
        return lambda: describing.describe_checkpoint(file)
    return None
