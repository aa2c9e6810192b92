"""`rnnkit rollout`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import (
    By,
    Checkpoints,
    Device,
    Format,
    Inputs,
    Out,
    Seed,
    TaskName,
    TaskParameters,
    Threads,
    Trials,
    named,
    open_inputs,
    parse_parameters,
    split_names,
)
from rnnkit.cli.output import check_output, write_table
from rnnkit.cli.talk import progress
from rnnkit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "rollout"
EXAMPLE = "rnnkit rollout ckpts --ood --summary -o summary.parquet"


def run(
    checkpoints: Checkpoints,
    task: TaskName = None,
    parameters: TaskParameters = None,
    inputs: Inputs = None,
    trials: Trials = None,
    seed: Seed = 0,
    ood: Annotated[bool, typer.Option("--ood", help="The task's out-of-distribution version.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="One row per network and condition.")] = False,
    by: By = None,
    device: Device = "auto",
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Run networks over trials: inputs, targets, outputs and states, or a summary.

    Without --trials: 100 trials, 2000 for a summary. A summary with --ood has rows of both conditions.
    """
    target = check_output(out, form)
    chosen, keys = parse_parameters(parameters), split_names("--by", by)
    if inputs is not None and (summary or ood or task or chosen or trials is not None):
        raise InputError(
            "--inputs", "replaces the task's trials", "leave out --task, -t, --trials, --ood and --summary"
        )
    if keys and not summary:
        raise InputError("--by", "adds columns to a summary", "add --summary")
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.interop import load_all
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.stages.rollout import rollout as rollouts
    from rnnkit.stages.rollout import summary as summaries

    where = choose_device(device)
    set_threads(threads)
    loaded = load_all(checkpoints)
    choice = TaskChoice(task, chosen)
    given = open_inputs(inputs)
    count = trials if trials is not None else 2000 if summary else 100
    ran = provenance(task=task, parameters=chosen, inputs=inputs, trials=count, seed=seed, ood=ood, by=keys)
    ran = ran.with_inputs([*loaded.paths, *named([inputs])])
    networks = loaded.checkpoints
    if summary:
        table = summaries(networks, choice, trials=count, seed=seed, ood=ood, by=keys, device=where)
        return write_table("summary", [table], target, bool(out or form), ran)
    with progress("networks") as bar:
        parts = rollouts(networks, choice, trials=count, seed=seed, ood=ood, inputs=given, device=where)

        def counted() -> Iterator[pa.Table]:
            for done, part in enumerate(parts, 1):
                yield part
                bar(done, len(networks))

        return write_table("rollout", counted(), target, bool(out or form), ran)
