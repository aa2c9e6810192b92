"""`rnnkit overlaps`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import (
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
)
from rnnkit.cli.output import check_apart, check_output, write_table
from rnnkit.cli.scale import parse_counts
from rnnkit.cli.talk import progress
from rnnkit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "overlaps"
EXAMPLE = "rnnkit overlaps ckpts --rank 2 -o overlaps.parquet"


def run(
    checkpoints: Checkpoints,
    rank: Annotated[
        str | None,
        typer.Option(
            "--rank",
            metavar="R,...",
            help="Truncate the recurrent weights to these ranks, each from 1 to the number of units.",
            show_default=False,
        ),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Of every snapshot of training, from the files beside the checkpoints.")
    ] = False,
    initial: Annotated[
        bool, typer.Option("--initial", help="Of the weights before training instead of those after it.")
    ] = False,
    truncations: Annotated[
        Path | None,
        typer.Option(
            "--truncations",
            metavar="FILE",
            help="Table of how much behaviour each rank keeps: the truncated networks are run.",
            show_default=False,
        ),
    ] = None,
    task: TaskName = None,
    parameters: TaskParameters = None,
    inputs: Inputs = None,
    trials: Trials = None,
    seed: Seed = 0,
    ood: Annotated[bool, typer.Option("--ood", help="The task's out-of-distribution version.")] = False,
    device: Device = "auto",
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Measure the overlaps of networks' loading vectors, and say which the loss sees.

    The options of trials (--task, -t, --inputs, --trials, --seed, --ood) are those of the table of --truncations.
    """
    target, aside = check_output(out, form), check_output(truncations, None, "--truncations")
    if truncations is not None and aside[0] is None:
        raise InputError("--truncations", "goes to a file", "name a file")
    outputs = {"--out": out, "--truncations": truncations}
    check_apart(outputs, {})
    ranks, chosen = _ranks(rank), parse_parameters(parameters)
    sampled = task is not None or bool(chosen) or trials is not None or ood
    _check_together(bool(ranks), history, initial, truncations, sampled, inputs)
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.history import history_beside, open_history
    from rnnkit.interop import load_all
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.stages.overlaps import overlaps
    from rnnkit.stages.truncations import truncations as truncation_tables

    where = choose_device(device)
    set_threads(threads)
    loaded = load_all(checkpoints)
    beside = [history_beside(path) for path in loaded.paths] if history else []
    read = [*loaded.paths, *beside, *named([inputs])]
    check_apart(outputs, {f"input {path}": path for path in read})
    histories = [open_history(path) for path in beside]
    given, count = open_inputs(inputs), trials if trials is not None else 100
    ran = provenance(
        rank=ranks, history=history, initial=initial, task=task, parameters=chosen, inputs=inputs,
        trials=count, seed=seed, ood=ood,
    ).with_inputs(read)  # fmt: skip
    networks, rows = loaded.checkpoints, []
    if aside[0] is not None:
        with progress("truncations") as bar:
            rows = list(
                truncation_tables(
                    networks,
                    ranks,
                    TaskChoice(task, chosen),
                    initial=initial,
                    trials=count,
                    seed=seed,
                    ood=ood,
                    inputs=given,
                    device=where,
                    progress=bar,
                )
            )
    snapshots = sum(len(found.steps) for found in histories) if history else len(networks)
    with progress("snapshots" if history else "networks") as bar:
        parts = overlaps(networks, ranks, initial=initial, histories=histories)

        def counted() -> Iterator[pa.Table]:
            done = 0
            for part in parts:
                yield part
                done += len(set(part["step"].to_pylist()))
                bar(done, snapshots)

        code = write_table("overlaps", counted(), target, bool(out or form), ran)
    return max(code, write_table("truncations", rows, aside, True, ran)) if aside[0] is not None else code


def _check_together(
    ranks: bool, history: bool, initial: bool, truncations: Path | None, sampled: bool, inputs: Path | None
) -> None:
    """Raise InputError for options that do not go together."""
    if truncations is None and (sampled or inputs is not None):
        options = "--task, -t, --inputs, --trials, --ood"
        raise InputError(options, "are of the table of truncations", "add --truncations FILE")
    if history and (initial or truncations is not None):
        raise InputError("--history", "has every snapshot, from the first", "leave out --initial and --truncations")
    if inputs is not None and sampled:
        raise InputError("--inputs", "replaces the task's trials", "leave out --task, -t, --trials and --ood")
    if truncations is not None and not ranks:
        raise InputError("--truncations", "needs ranks to truncate to", "add --rank R")


def _ranks(text: str | None) -> list[int]:
    ranks = parse_counts("--rank", text)
    if len(set(ranks)) < len(ranks):
        raise InputError("--rank", f"'{text}' names a rank twice", "give it once")
    return ranks
