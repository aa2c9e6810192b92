"""`rnnkit ramping`."""

from __future__ import annotations

from typing import Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import (
    Checkpoints,
    Device,
    Format,
    Out,
    Seed,
    TaskName,
    TaskParameters,
    Threads,
    parse_parameters,
)
from rnnkit.cli.output import check_output, write_table
from rnnkit.cli.states import HistoryFlag, Initial, MemoryUnits, counted, open_networks
from rnnkit.cli.talk import progress

NAME = "ramping"
EXAMPLE = "rnnkit ramping ckpts --history --summary -o ramping.parquet"


def run(
    checkpoints: Checkpoints,
    task: TaskName = None,
    parameters: TaskParameters = None,
    history: HistoryFlag = False,
    initial: Initial = False,
    memory_units: MemoryUnits = None,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="FROM:TO",
            help="Steps to fit the line to, three or more: 20:40 is 20 to 39, counted from 0; the trial's second half "
            "by default.",
            show_default=False,
        ),
    ] = None,
    min_slope: Annotated[
        float,
        typer.Option("--min-slope", help="A unit ramps when its slope per step is beyond this, 0 or more."),
    ] = 0.005,
    min_r2: Annotated[
        float, typer.Option("--min-r2", help="It ramps when its r2 is above this, from 0 to below 1.")
    ] = 0.9,
    summary: Annotated[
        bool, typer.Option("--summary", help="A row for each group of units, not for each unit.")
    ] = False,
    trials: Annotated[
        int, typer.Option("--trials", metavar="B", help="Trials that activity is averaged over, 1 or more.")
    ] = 300,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Find units whose mean activity rises or falls steadily within a trial."""
    target, chosen = check_output(out, form), parse_parameters(parameters)
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.stages.ramping import parse_window, ramping

    bounds = None if window is None else parse_window(window)
    where = choose_device(device)
    set_threads(threads)
    opened = open_networks(checkpoints, out, history=history, initial=initial)
    ran = provenance(
        task=task, parameters=chosen, history=history, initial=initial, memory_units=memory_units, window=window,
        min_slope=min_slope, min_r2=min_r2, summary=summary, trials=trials, seed=seed,
    ).with_inputs(opened.paths)  # fmt: skip
    parts = ramping(
        opened.networks,
        TaskChoice(task, chosen),
        initial=initial,
        histories=opened.histories,
        memory_units=memory_units,
        window=bounds,
        min_slope=min_slope,
        min_r2=min_r2,
        summary=summary,
        trials=trials,
        seed=seed,
        device=where,
    )
    name = "ramping_summary" if summary else "ramping"
    with progress("snapshots" if history else "networks") as bar:
        return write_table(name, counted(parts, opened.moments, bar), target, bool(out or form), ran)
