"""`rnnkit decode`."""

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

NAME = "decode"
EXAMPLE = "rnnkit decode ckpts --fit-trials 1000 -o decoding.parquet"


def run(
    checkpoints: Checkpoints,
    task: TaskName = None,
    parameters: TaskParameters = None,
    history: HistoryFlag = False,
    initial: Initial = False,
    memory_units: MemoryUnits = None,
    fit_trials: Annotated[
        int, typer.Option("--fit-trials", metavar="B", help="Trials that readouts are fitted to, 2 or more.")
    ] = 10_000,
    test_trials: Annotated[
        int, typer.Option("--test-trials", metavar="B", help="Other trials, that they are tested on, 2 or more.")
    ] = 1000,
    noise: Annotated[
        float,
        typer.Option(
            "--noise",
            metavar="SD",
            help="Noise on every unit, as a share of its standard deviation over trials, 0 or more.",
        ),
    ] = 0.0,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Read what a trial holds from the units, step by step, by linear regression."""
    target, chosen = check_output(out, form), parse_parameters(parameters)
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.stages.decode import decode
    from rnnkit.stages.evaluation import TaskChoice

    where = choose_device(device)
    set_threads(threads)
    opened = open_networks(checkpoints, out, history=history, initial=initial)
    ran = provenance(
        task=task, parameters=chosen, history=history, initial=initial, memory_units=memory_units,
        fit_trials=fit_trials, test_trials=test_trials, noise=noise, seed=seed,
    ).with_inputs(opened.paths)  # fmt: skip
    parts = decode(
        opened.networks,
        TaskChoice(task, chosen),
        initial=initial,
        histories=opened.histories,
        memory_units=memory_units,
        fit_trials=fit_trials,
        test_trials=test_trials,
        noise=noise,
        seed=seed,
        device=where,
    )
    with progress("snapshots" if history else "networks") as bar:
        return write_table("decoding", counted(parts, opened.moments, bar), target, bool(out or form), ran)
