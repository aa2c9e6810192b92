"""`rnnkit latent`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.completion import choices
from rnnkit.cli.options import Checkpoints, Format, Out, named
from rnnkit.cli.output import check_apart, check_output, write_table
from rnnkit.cli.talk import Bar, progress
from rnnkit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "latent"
EXAMPLE = "rnnkit latent ckpts --history --flow flow.parquet -o latent.parquet"


def run(
    checkpoints: Checkpoints,
    history: Annotated[
        bool, typer.Option("--history", help="Of every snapshot of training, from the files beside the checkpoints.")
    ] = False,
    grid: Annotated[int, typer.Option("--grid", metavar="POINTS", help="Points of the grid, 2 or more.")] = 100,
    range_: Annotated[
        str, typer.Option("--range", metavar="LOW,HIGH", help="Latent values from the first to the last of them.")
    ] = "-3,3",
    constant: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="V,V,...",
            help="Constant input, a number for each channel; zero by default.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="What |velocity| and |slope| are below where it is flat, above 0.")
    ] = 0.2,
    task_range: Annotated[
        str, typer.Option("--task-range", metavar="LOW,HIGH", help="Latent values that the task uses.")
    ] = "0,2",
    flow: Annotated[
        Path | None,
        typer.Option("--flow", metavar="FILE", help="Table of the velocity at each point.", show_default=False),
    ] = None,
    align: Annotated[
        str | None,
        typer.Option(
            "--align",
            metavar="NAME",
            help="Also count steps from the onset or the crossing of --onsets.",
            show_default=False,
            autocompletion=choices("onset", "crossing"),
        ),
    ] = None,
    onsets: Annotated[
        Path | None,
        typer.Option(
            "--onsets",
            metavar="FILE",
            help="Table of rnnkit onset, for --align; - for standard input.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Take the latent circuit of networks of rank one: its fixed points, and how flat it is.

    Their one latent variable moves by an equation of its own at a constant input.
    """
    target, aside = check_output(out, form), check_output(flow, None, "--flow")
    if flow is not None and aside[0] is None:
        raise InputError("--flow", "goes to a file", "name a file")
    outputs = {"--out": out, "--flow": flow}
    check_apart(outputs, {"--onsets": onsets})
    if (align is None) != (onsets is None):
        option, other = ("--align", "--onsets FILE") if onsets is None else ("--onsets", "--align onset")
        raise InputError(option, "has no part alone", f"add {other}")
    low, high = _pair("--range", range_)
    given = None if constant is None else tuple(_numbers("--input", constant))
    from rnnkit.history import history_beside, open_history
    from rnnkit.interop import load_all
    from rnnkit.stages.latent import LatentGrid, latent, latent_flow

    chosen = LatentGrid(grid, low, high, threshold, _pair("--task-range", task_range), given)
    starts = None if align is None or onsets is None else _starts(onsets, align)
    loaded = load_all(checkpoints)
    beside = [history_beside(path) for path in loaded.paths] if history else []
    read = [*loaded.paths, *beside, *named([onsets])]
    check_apart(outputs, {f"input {path}": path for path in read})
    networks, histories = loaded.checkpoints, [open_history(path) for path in beside]
    total = sum(len(one.steps) for one in histories) if history else len(networks)
    ran = provenance(history=history, **vars(chosen), align=align, onsets=onsets, flow=flow).with_inputs(read)
    with progress("snapshots" if history else "networks") as bar:
        parts = _counted(latent(networks, histories, chosen, starts), total, bar)
        code = write_table("latent", parts, target, bool(out or form), ran)
    if flow is None:
        return code
    # The grid alone takes a twentieth of the time: it is gone over again rather than held, or written side by side.
    with progress("flow") as bar:
        parts = _counted(latent_flow(networks, histories, chosen, starts), total * grid, bar)
        return max(code, write_table("latent_flow", parts, aside, True, ran))


def _counted(parts: Iterable[pa.Table], total: int, bar: Bar) -> Iterator[pa.Table]:
    """Pass tables on, and show how many of all rows they were."""
    done = 0
    for part in parts:
        yield part
        done += part.num_rows
        bar(done, total)


def _starts(path: Path, align: str) -> dict[str, float]:
    """Return the step that each network's steps are counted from."""
    from rnnkit.stages.aligning import starts_of
    from rnnkit.tables import read

    return starts_of(read(sys.stdin.buffer if str(path) == "-" else path, "onsets"), align)


def _numbers(option: str, text: str) -> list[float]:
    """Read numbers separated by commas.

    Examples
    --------
    >>> _numbers("--input", "0.5, 0")
    [0.5, 0.0]
    """
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError(option, f"'{text}' is no list of numbers", "for example 0,2") from None


def _pair(option: str, text: str) -> tuple[float, float]:
    numbers = _numbers(option, text)
    if len(numbers) != 2:
        raise InputError(option, f"'{text}' is no pair of numbers", "for example 0,2")
    return numbers[0], numbers[1]
