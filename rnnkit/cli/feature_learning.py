"""`rnnkit feature-learning`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.completion import choices
from rnnkit.cli.options import (
    By,
    Checkpoints,
    Device,
    Format,
    Out,
    Seed,
    TaskName,
    TaskParameters,
    Threads,
    parse_parameters,
    split_names,
)
from rnnkit.cli.output import check_apart, check_aside, check_output, write_table
from rnnkit.cli.scale import parse_bytes
from rnnkit.cli.talk import progress, talk
from rnnkit.errors import unknown_name

NAME = "feature-learning"
EXAMPLE = "rnnkit feature-learning ckpts -o features.parquet"


def run(
    checkpoints: Checkpoints,
    task: TaskName = None,
    parameters: TaskParameters = None,
    trials: Annotated[int, typer.Option("--trials", min=1, metavar="B", help="Trials to measure on.")] = 20,
    trained: Annotated[
        str,
        typer.Option(
            "--parameters",
            metavar="WHAT",
            help="The kernel is by recurrent weights, or by all.",
            autocompletion=choices("recurrent", "all"),
        ),
    ] = "recurrent",
    centred: Annotated[
        bool, typer.Option("--centred", help="Subtract each unit's mean from the representations.")
    ] = False,
    by: By = None,
    memory: Annotated[
        str, typer.Option("--memory", metavar="SIZE", help="For kernels and activity: 500M, 2G. Less takes longer.")
    ] = "1G",
    eigenvalues: Annotated[
        Path | None,
        typer.Option(
            "--eigenvalues",
            metavar="FILE",
            help="Table of the eigenvalues of the recurrent weights, before and after.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Measure how much networks learnt features: weights, tangent kernel and representation, after and before."""
    target, aside = check_output(out, form), check_aside(eigenvalues, "--eigenvalues")
    outputs = {"--out": out, "--eigenvalues": eigenvalues}
    check_apart(outputs, {})
    chosen, keys, size = parse_parameters(parameters), split_names("--by", by), parse_bytes(memory)
    if trained not in ("recurrent", "all"):
        raise unknown_name("--parameters", trained, ("recurrent", "all"), "value")
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.interop import load_all
    from rnnkit.stages.eigenvalues import eigenvalues as eigenvalue_table
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.stages.feature_learning import feature_learning

    where = choose_device(device)
    set_threads(threads)
    loaded = load_all(checkpoints)
    check_apart(outputs, {f"CKPT {path}": path for path in loaded.paths})
    ran = provenance(
        task=task, t=chosen, trials=trials, seed=seed, parameters=trained, centred=centred, by=keys, memory=memory
    ).with_inputs(loaded.paths)
    with progress("networks") as bar:
        table = feature_learning(
            loaded.checkpoints,
            TaskChoice(task, chosen),
            trials=trials,
            seed=seed,
            parameters=trained,
            centred=centred,
            by=keys,
            memory=size,
            device=where,
            progress=bar,
        )
    found = zip(table["network"].to_pylist(), table["status"].to_pylist(), strict=True)
    if lacking := [name for name, status in found if status == "no_initial_weights"]:
        others = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        talk.say(f"{lacking[0]}{others}: no weights before training (rnnkit import FILE --initial FILE adds them)")
    code = write_table("feature_learning", [table], target, bool(out or form), ran)
    if aside[0] is not None:
        code = max(code, write_table("eigenvalues", [eigenvalue_table(loaded.checkpoints)], aside, True, ran))
    return code
