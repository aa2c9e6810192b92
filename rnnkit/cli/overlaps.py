"""`rnnkit overlaps`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli import completion
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
    split_names,
)
from rnnkit.cli.output import check_apart, check_aside, check_output, write_table
from rnnkit.cli.scale import parse_counts
from rnnkit.cli.talk import Bar, progress
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
    theory: Annotated[
        bool,
        typer.Option(
            "--theory", help="Write what theory predicts from the overlaps before training, beside what was measured."
        ),
    ] = False,
    motion: Annotated[
        str | None,
        typer.Option(
            "--motion",
            metavar="NAME,...",
            help="Of --theory: descent (training, step by step; default), flow (its limit of small steps), "
            "direct (descent on the overlaps themselves).",
            show_default=False,
            autocompletion=completion.choices("descent", "flow", "direct"),
        ),
    ] = None,
    conserved: Annotated[
        Path | None,
        typer.Option("--conserved", metavar="FILE", help="Table of what gradient flow conserves.", show_default=False),
    ] = None,
    gram: Annotated[
        Path | None,
        typer.Option("--gram", metavar="FILE", help="Table of the augmented Gram matrix.", show_default=False),
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
    target, aside = check_output(out, form), _aside(truncations=truncations, conserved=conserved, gram=gram)
    outputs = {"--out": out, **{f"--{name}": path for name, (path, _) in aside.items()}}
    check_apart(outputs, {})
    ranks, chosen = _ranks(rank), parse_parameters(parameters)
    motions = split_names("--motion", motion)
    sampled = task is not None or bool(chosen) or trials is not None or ood
    _check_together(bool(ranks), history, initial, truncations, sampled, inputs)
    _check_theory(theory, bool(ranks), initial, motions, [name for name in ("conserved", "gram") if name in aside])
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.history import history_beside, open_history
    from rnnkit.interop import load_all
    from rnnkit.stages import conserved_quantities, gram_matrices
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.stages.overlap_theory import overlap_theory
    from rnnkit.stages.overlaps import overlaps
    from rnnkit.stages.truncations import truncations as truncation_tables

    where = choose_device(device)
    set_threads(threads)
    loaded = load_all(checkpoints)
    beside = [history_beside(path) for path in loaded.paths] if history else []
    read = [*loaded.paths, *beside, *named([inputs])]
    check_apart(outputs, {f"input {path}": path for path in read})
    networks, histories = loaded.checkpoints, [open_history(path) for path in beside]
    given, count = open_inputs(inputs), trials if trials is not None else 100
    ran = provenance(
        rank=ranks, history=history, initial=initial, task=task, parameters=chosen, inputs=inputs,
        trials=count, seed=seed, ood=ood, theory=theory, motion=motions or None,
    ).with_inputs(read)  # fmt: skip

    def truncated() -> Iterator[pa.Table]:
        with progress("truncations") as bar:
            yield from truncation_tables(
                *(networks, ranks, TaskChoice(task, chosen)), initial=initial, trials=count, seed=seed, ood=ood,
                inputs=given, device=where, progress=bar,
            )  # fmt: skip

    if theory:
        name, parts = "overlap_theory", overlap_theory(networks, histories, motions=motions or ("descent",))
    else:
        name, parts = "overlaps", overlaps(networks, ranks, initial=initial, histories=histories)
    # Tables beside it are made whole before anything is written, so that an error leaves no part of the work.
    makers: dict[str, Callable[[], Iterator[pa.Table]]] = {
        "truncations": truncated,
        "conserved": partial(conserved_quantities, networks, histories, initial=initial),
        "gram": partial(gram_matrices, networks, histories, initial=initial),
    }
    made = {key: list(makers[key]()) for key in aside}
    snapshots = sum(len(found.steps) for found in histories) if history else len(networks)
    with progress("snapshots" if history else "networks") as bar:
        code = write_table(name, _counted(parts, snapshots, bar), target, bool(out or form), ran)
    return max([code, *(write_table(_SCHEMAS[key], made[key], aside[key], True, ran) for key in aside)])


#: Schemas of the tables beside the main one, by option.
_SCHEMAS = {"truncations": "truncations", "conserved": "conserved", "gram": "gram_matrix"}


def _aside(**paths: Path | None) -> dict[str, tuple[Path | None, str]]:
    """Return files and formats of the tables that go to a file beside the main one."""
    return {name: check_aside(path, f"--{name}") for name, path in paths.items() if path is not None}


def _counted(parts: Iterable[pa.Table], snapshots: int, bar: Bar) -> Iterator[pa.Table]:
    """Pass tables on, and show how many snapshots they were of."""
    done = 0
    for part in parts:
        yield part
        done += len(set(part["step"].to_pylist()))
        bar(done, snapshots)


def _check_theory(theory: bool, ranks: bool, initial: bool, motions: Sequence[str], views: Sequence[str]) -> None:
    """Raise InputError for options that do not go with the theory, or need it."""
    if motions and not theory:
        raise InputError("--motion", "is of the theory", "add --theory")
    if ranks and (theory or views):
        option = "--theory" if theory else f"--{views[0]}"
        raise InputError(option, "is of the vectors that were trained, not of truncations", "leave out --rank")
    if theory and initial:
        raise InputError("--theory", "is of the whole training", "leave out --initial")


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
