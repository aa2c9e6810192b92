"""`rnnkit path-dependence`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import Checkpoints, Format, Out
from rnnkit.cli.output import check_apart, check_aside, check_output, write_table
from rnnkit.cli.talk import progress, talk
from rnnkit.errors import FileError

NAME = "path-dependence"
EXAMPLE = "rnnkit path-dependence aba aaa -o memory.parquet"


def run(
    checkpoints: Checkpoints,
    connection: Annotated[
        Path | None,
        typer.Option(
            "--connection",
            metavar="FILE",
            help="Table of unseen overlaps carried along the path of the visible ones, beside the measured ones.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Measure what of earlier tasks is left in the overlaps of low-rank networks trained in phases.

    Memory after --protocol A,B,A, with A,A,A of the same start as its control; divergence of A,C and B,C. Networks are
    matched by their weights before training, seed and settings. Needs the snapshots of train --snapshots K or
    --snapshot-steps K.
    """
    target, aside = check_output(out, form), check_aside(connection, "--connection")
    outputs = {"--out": out, "--connection": connection}
    check_apart(outputs, {})
    from rnnkit.history import history_beside, open_history
    from rnnkit.interop import load_all
    from rnnkit.stages.path_dependence import path_dependence

    loaded = load_all(checkpoints)
    beside = [history_beside(path) for path in loaded.paths]
    for path in beside:
        if not path.is_file():
            raise FileError(str(path), "no such file", "train with --snapshots K or --snapshot-steps K")
    read = [*loaded.paths, *beside]
    check_apart(outputs, {f"input {path}": path for path in read})
    histories = [open_history(path) for path in beside]
    ran = provenance(connection=connection).with_inputs(read)
    with progress("networks") as bar:
        table, carried = path_dependence(loaded.checkpoints, histories, connection=connection is not None, progress=bar)
    used = {*table["network"].to_pylist(), *table["other"].to_pylist()}
    if alone := [network.name for network in loaded.checkpoints if network.name not in used]:
        others = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
        talk.say(f"{alone[0]}{others}: in no row (no return to a task, and no partner of the same start)")
    code = write_table("path_dependence", [table], target, bool(out or form), ran)
    return max(code, write_table("carried_overlaps", [carried], aside, True, ran)) if aside[0] is not None else code
