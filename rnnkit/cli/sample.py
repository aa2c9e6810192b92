"""`rnnkit sample`."""

from __future__ import annotations

from typing import Annotated

import typer

from rnnkit.cli import completion
from rnnkit.cli.command import provenance
from rnnkit.cli.options import Format, Out, Seed, TaskParameters, parse_parameters
from rnnkit.cli.output import check_output, write_table

NAME = "sample"
EXAMPLE = "rnnkit sample flipflop -t bits=2 --trials 4 -o trials.parquet"


def run(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK", help="Task to draw trials of.", show_default=False, autocompletion=completion.tasks
        ),
    ],
    parameters: TaskParameters = None,
    trials: Annotated[int, typer.Option("--trials", min=1, metavar="B", help="Number of trials.")] = 10,
    seed: Seed = 0,
    ood: Annotated[bool, typer.Option("--ood", help="The out-of-distribution version.")] = False,
    out: Out = None,
    form: Format = None,
) -> int:
    """Draw trials of a task as a table."""
    target = check_output(out, form)
    chosen = parse_parameters(parameters)
    from rnnkit.stages.sample import sample

    table = sample(task, chosen, trials=trials, seed=seed, ood=ood)
    run_of = provenance(task=task, parameters=chosen, trials=trials, seed=seed, ood=ood)
    return write_table("sample", [table], target, bool(out or form), run_of)
