"""`rnnkit sample-gram`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.completion import choices, tasks
from rnnkit.cli.grams import (
    Alpha,
    Network,
    Nonlinearity,
    OutFolder,
    Overwrite,
    Quasi,
    Step,
    name_of,
    open_gram,
    write_networks,
)
from rnnkit.cli.options import TaskParameters, named, parse_parameters
from rnnkit.cli.scale import parse_counts
from rnnkit.errors import InputError, unknown_name

NAME = "sample-gram"
EXAMPLE = "rnnkit sample-gram --start random --units 200 --seeds 0:4 -o nets"


def run(
    out: OutFolder,
    overlaps: Annotated[
        Path | None,
        typer.Option(
            "--overlaps",
            metavar="FILE",
            help="Table of overlaps: left, right and value, a row for each pair; - for standard input.",
            show_default=False,
        ),
    ] = None,
    network: Network = None,
    step: Step = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="NAME",
            help="Overlaps instead of a table: independent (S = 1) or random (correlations drawn with each seed).",
            show_default=False,
            autocompletion=choices("independent", "random"),
        ),
    ] = None,
    inputs: Annotated[
        int | None, typer.Option(min=0, help="Of --start: input vectors, 0 or more (1 by default).", show_default=False)
    ] = None,
    rank: Annotated[
        int | None, typer.Option(min=1, help="Of --start: rank, 1 or more (1 by default).", show_default=False)
    ] = None,
    outputs: Annotated[
        int | None,
        typer.Option(min=1, help="Of --start: output vectors, 1 or more (1 by default).", show_default=False),
    ] = None,
    units: Annotated[str, typer.Option("--units", metavar="N,...", help="Numbers of units, each 1 or more.")] = "200",
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="SEEDS", help="0:4, 3 or 0,2,5: a network for each, and number of units.")
    ] = "0",
    alpha: Alpha = None,
    nonlinearity: Nonlinearity = None,
    quasi: Quasi = False,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Task the networks do.", show_default=False, autocompletion=tasks),
    ] = None,
    parameters: TaskParameters = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw low-rank networks whose loading vectors have exactly the overlaps asked for.

    The overlaps of a table, or those of a start. Networks are called NAME-nUNITS-sSEED, after the table's network, the
    file or the start; a --step is added to the name.
    """
    chosen = parse_parameters(parameters)
    if (overlaps is None) == (start is None):
        raise InputError("--overlaps, --start", "one of them says which overlaps", "give one of the two")
    sizes = {"inputs": inputs, "rank": rank, "outputs": outputs}
    if given := [name for name, size in sizes.items() if size is not None and start is None]:
        raise InputError(f"--{given[0]}", "is of a start", "leave it out: the table has its vectors")
    if start is not None and (network is not None or step is not None):
        raise InputError("--network, --step", "choose from a table", "add --overlaps FILE")
    if chosen and task is None:
        raise InputError("-t", "sets parameters of no task", "add --task TASK")
    if nonlinearity not in (None, "tanh", "identity"):
        raise unknown_name("--nonlinearity", str(nonlinearity), ("tanh", "identity"), "nonlinearity")
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.stages.low_rank_networks import Constants
    from rnnkit.stages.sample_gram import Start, sample_gram
    from rnnkit.tasks import make_task, task_parameters
    from rnnkit.training.plans import parse_seeds

    drawn, counts = parse_seeds(seeds), parse_counts("--units", units)
    done = None if task is None else make_task(task, chosen)
    constants = Constants(
        alpha=0.2 if alpha is None else alpha,
        nonlinearity=nonlinearity or "tanh",
        task=None if done is None else done.name,
        task_parameters={} if done is None else task_parameters(done),
    )
    if overlaps is not None:
        gram = open_gram(overlaps, network, step)
        name = name_of(gram, overlaps, step)
        made = list(sample_gram(gram, counts, drawn, constants, name=name, quasi=quasi))
    else:
        chosen_start = Start(name=str(start), **{name: size for name, size in sizes.items() if size is not None})
        made = list(sample_gram(chosen_start, counts, drawn, constants, name=str(start), quasi=quasi))
    for one in made:
        if one.task is not None:
            TaskChoice().of(one)
    ran = provenance(
        overlaps=overlaps, network=network, step=step, start=start, units=counts, seeds=drawn, quasi=quasi,
        inputs=inputs, rank=rank, outputs=outputs,
    ).with_inputs(named([overlaps]))  # fmt: skip
    write_networks(out, made, ran, overwrite)
