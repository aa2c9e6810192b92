"""`rnnkit spectrum`."""

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

NAME = "spectrum"
EXAMPLE = "rnnkit spectrum ckpts -o spectra.parquet"


def run(
    checkpoints: Checkpoints,
    task: TaskName = None,
    parameters: TaskParameters = None,
    history: HistoryFlag = False,
    initial: Initial = False,
    memory_units: MemoryUnits = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="The mean frequency of each group of units, not its whole spectrum.")
    ] = False,
    trials: Annotated[int, typer.Option("--trials", metavar="B", help="Trials put end to end, 1 or more.")] = 50,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Transform the units' activity into frequencies, over trials that follow on each other."""
    target, chosen = check_output(out, form), parse_parameters(parameters)
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.stages.spectrum import spectrum

    where = choose_device(device)
    set_threads(threads)
    opened = open_networks(checkpoints, out, history=history, initial=initial)
    ran = provenance(
        task=task, parameters=chosen, history=history, initial=initial, memory_units=memory_units, summary=summary,
        trials=trials, seed=seed,
    ).with_inputs(opened.paths)  # fmt: skip
    parts = spectrum(
        opened.networks,
        TaskChoice(task, chosen),
        initial=initial,
        histories=opened.histories,
        memory_units=memory_units,
        summary=summary,
        trials=trials,
        seed=seed,
        device=where,
    )
    name = "spectra_summary" if summary else "spectra"
    with progress("snapshots" if history else "networks") as bar:
        return write_table(name, counted(parts, opened.moments, bar), target, bool(out or form), ran)
