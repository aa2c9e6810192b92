"""`rnnkit memory-demand`."""

from __future__ import annotations

from typing import Annotated

import typer

from rnnkit.cli import completion
from rnnkit.cli.command import provenance
from rnnkit.cli.options import Device, Format, Out, Seed, TaskParameters, Threads, parse_parameters
from rnnkit.cli.output import check_output, write_table
from rnnkit.cli.talk import progress
from rnnkit.errors import unknown_name

NAME = "memory-demand"
EXAMPLE = "rnnkit memory-demand flipflop --history 1:11 -o demand.csv"

_ENDS = ("t", "t-1")
_OUTPUTS = ("window", "previous", "none")


def run(
    task: Annotated[
        str,
        typer.Argument(metavar="TASK", help="Task to measure.", show_default=False, autocompletion=completion.tasks),
    ],
    parameters: TaskParameters = None,
    history: Annotated[
        str | None,
        typer.Option(
            "--history",
            metavar="LENGTHS",
            help="1:41 (1 to 40), or 1,2,5: lengths in steps; 1 to 40 by default, or to the length of a trial.",
            show_default=False,
        ),
    ] = None,
    inputs_until: Annotated[
        str,
        typer.Option(
            "--inputs-until",
            metavar="STEP",
            help="Last input seen when predicting step t: t or t-1.",
            autocompletion=completion.choices(*_ENDS),
        ),
    ] = "t",
    outputs: Annotated[
        str,
        typer.Option(
            "--outputs",
            metavar="NAME",
            help="Targets seen: window (as many as inputs), previous or none.",
            autocompletion=completion.choices(*_OUTPUTS),
        ),
    ] = "window",
    trials: Annotated[
        int, typer.Option("--trials", metavar="B", help="Trials, 8 or more; a quarter is held out.")
    ] = 4000,
    seeds: Annotated[str, typer.Option("--seeds", metavar="SEEDS", help="0:3 or 0,4,7: predictors a history.")] = "0:3",
    hidden: Annotated[int, typer.Option("--hidden", help="Units of a predictor's hidden layer, 1 to 65536.")] = 128,
    steps: Annotated[int, typer.Option("--steps", help="Training steps of a predictor, 1 to 10000000.")] = 1200,
    batch: Annotated[int, typer.Option("--batch", help="Samples of a training step, 1 to 1048576.")] = 512,
    lr: Annotated[float, typer.Option("--lr", help="Peak of the one-cycle learning rate, above 0.")] = 0.02,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Share of the curve's fall that counts as level: from 0 to below 1.")
    ] = 0.1,
    floor: Annotated[
        float, typer.Option("--floor", help="Share of the target's variance that counts as level, 0 or more.")
    ] = 1e-3,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", metavar="DRAWS", help="Draws for the intervals, 2 or more.")
    ] = 2000,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Measure how long a history a task asks for.

    How well small networks predict the next target from the last inputs and targets, and how many are enough.
    """
    target = check_output(out, form)
    chosen = parse_parameters(parameters)
    if inputs_until not in _ENDS:
        raise unknown_name("--inputs-until", inputs_until, _ENDS, "step")
    if outputs not in _OUTPUTS:
        raise unknown_name("--outputs", outputs, _OUTPUTS, "choice")
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.stages.memory_demand import memory_demand, parse_histories
    from rnnkit.stages.predictors import Predictor
    from rnnkit.training.plans import parse_seeds

    where = choose_device(device)
    set_threads(threads)
    lengths = None if history is None else parse_histories(history)
    predictor = Predictor(inputs_until, outputs, hidden, steps, batch, lr)  # type: ignore[arg-type]
    with progress("training steps") as bar:
        table = memory_demand(
            task,
            chosen,
            histories=lengths,
            predictor=predictor,
            trials=trials,
            seeds=parse_seeds(seeds),
            tolerance=tolerance,
            floor=floor,
            bootstrap=bootstrap,
            seed=seed,
            device=where,
            progress=bar,
        )
    ran = provenance(
        task=task,
        parameters=chosen,
        history=history,
        inputs_until=inputs_until,
        outputs=outputs,
        trials=trials,
        seeds=seeds,
        hidden=hidden,
        steps=steps,
        batch=batch,
        lr=lr,
        tolerance=tolerance,
        floor=floor,
        bootstrap=bootstrap,
        seed=seed,
    )
    return write_table("memory_demand", [table], target, bool(out or form), ran)
