"""`rnnkit onset`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.completion import choices
from rnnkit.cli.options import Checkpoints, Format, Out, Seed, named
from rnnkit.cli.output import check_apart, check_output, write_table
from rnnkit.cli.talk import progress
from rnnkit.errors import FileError

if TYPE_CHECKING:
    from rnnkit.interop import CheckpointFile
    from rnnkit.stages.curves import Curve

NAME = "onset"
EXAMPLE = "rnnkit onset ckpts -o onsets.parquet"


def run(
    checkpoints: Checkpoints,
    criterion: Annotated[
        str,
        typer.Option(
            "--criterion",
            metavar="NAME",
            help="hinge, a change point in the log loss; or threshold=VALUE, its first crossing, for comparison.",
            autocompletion=choices("hinge", "threshold="),
        ),
    ] = "hinge",
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            metavar="COLUMN",
            help="Column of the training table: val_loss, loss, or accuracy with a threshold.",
            autocompletion=choices("val_loss", "loss", "accuracy"),
        ),
    ] = "val_loss",
    level: Annotated[
        float, typer.Option("--level", help="Share of chance that the loss has to fall to, above 0 and below 1.")
    ] = 0.7,
    phase: Annotated[int, typer.Option("--phase", metavar="K", help="Phase of a protocol, 1 or more.")] = 1,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", metavar="DRAWS", help="Draws for the intervals, 0 or more.")
    ] = 200,
    training: Annotated[
        Path | None,
        typer.Option(
            "--training",
            metavar="FILE",
            help="Training table instead of those beside the checkpoints; - for standard input.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    out: Out = None,
    form: Format = None,
) -> int:
    """Find when the search phase of each network ended: where a loss that stood at chance began to fall for good.

    Networks whose search was still going on are censored, and stay in the table.
    """
    target = check_output(out, form)
    from rnnkit.history import history_beside, open_history
    from rnnkit.interop import find_all
    from rnnkit.stages.onset import METRICS, onset, parse_criterion

    parse_criterion(criterion)
    files = find_all(checkpoints)
    tables = [training] if training is not None else sorted({file.path.parent / "training.parquet" for file in files})
    beside = {file.name: history_beside(file.path) for file in files}
    held = {name: path for name, path in beside.items() if path.is_file()}
    read = [*(file.path for file in files), *named(tables), *held.values()]
    check_apart({"--out": out}, {f"input {path}": path for path in read})
    for path in named(tables):
        if training is None and not path.is_file():
            raise FileError(str(path), "no such file", "name the networks' training table with --training FILE")
    # A column that is not known is refused below, in one place.
    curves = _curves(files, training, metric, phase) if metric in METRICS else {}
    histories = {name: open_history(path) for name, path in held.items()}
    ran = provenance(
        criterion=criterion, metric=metric, level=level, phase=phase, bootstrap=bootstrap, training=training, seed=seed
    ).with_inputs(read)
    with progress("networks") as bar:
        table = onset(
            (file.open() for file in files),
            curves,
            histories,
            criterion=criterion,
            metric=metric,
            phase=phase,
            level=level,
            bootstrap=bootstrap,
            seed=seed,
            progress=bar,
        )
    return write_table("onsets", [table], target, bool(out or form), ran)


def _curves(files: Sequence[CheckpointFile], training: Path | None, metric: str, phase: int) -> dict[str, Curve]:
    """Return the curve of each network by its name here; in its table it has its file's."""
    from rnnkit.stages.curves import CURVE_COLUMNS, learning_curves
    from rnnkit.tables import read_parts

    found: dict[str, Curve] = {}
    by_table = [(training, list(files))] if training is not None else []
    if training is None:
        ordered = sorted(files, key=lambda file: str(file.path.parent))
        groups = itertools.groupby(ordered, key=lambda file: file.path.parent)
        by_table = [(folder / "training.parquet", list(group)) for folder, group in groups]
    for path, group in by_table:
        source = sys.stdin.buffer if str(path) == "-" else path
        parts = read_parts(source, "training", [*CURVE_COLUMNS, metric])
        curves = learning_curves(parts, metric, phase, "standard input" if str(path) == "-" else str(path))
        found |= {file.name: curves[file.path.stem] for file in group if file.path.stem in curves}
    return found
