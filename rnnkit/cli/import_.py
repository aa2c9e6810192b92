"""`rnnkit import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.completion import choices, models, tasks
from rnnkit.cli.options import TaskParameters, parse_parameters
from rnnkit.cli.talk import talk
from rnnkit.errors import FileError, InputError

NAME = "import"
EXAMPLE = "rnnkit import mine.pt --task flipflop -t bits=3 -o ckpts"


def _names(texts: list[str] | None) -> dict[str, str]:
    names = {}
    for text in texts or []:
        tensor, equals, array = text.partition("=")
        if not equals or not tensor or not array:
            raise InputError("--array", f"'{text}' is not TENSOR=NAME", "for example recurrent.weight=W")
        names[tensor] = array
    return names


def _checkpoint_names(given: list[str] | None, paths: list[Path]) -> list[str]:
    from rnnkit.interop import network_names

    if not given:
        return network_names(paths)
    if len(given) != len(paths):
        raise InputError("--name", f"{len(given)} names for {len(paths)} files", "give one for each FILE, in order")
    for name in given:
        if not name.strip() or name.startswith(".") or {"/", "\\"} & set(name):
            raise InputError("--name", f"'{name}' is no file name", "use letters, digits, '-', '_' and '.'")
    if len(set(given)) < len(given):
        raise InputError("--name", "a name is given twice", "name every network differently")
    return given


def run(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help=".pt, .pth, .safetensors, .npz or .mat files.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", help="Folder for the checkpoints.", show_default=False),
    ],
    layout: Annotated[
        str,
        typer.Option(
            "--layout",
            metavar="NAME",
            help="auto, torch, current, lowrank or arrays.",
            autocompletion=choices("auto", "torch", "current", "lowrank", "arrays"),
        ),
    ] = "auto",
    alpha: Annotated[
        float | None,
        typer.Option(
            "--alpha",
            help="Share of the state a step replaces (leaky families): above 0, at most 1.",
            show_default=False,
        ),
    ] = None,
    nonlinearity: Annotated[
        str | None,
        typer.Option(
            "--nonlinearity",
            metavar="NAME",
            help="tanh, relu or identity.",
            show_default=False,
            autocompletion=choices("tanh", "relu", "identity"),
        ),
    ] = None,
    gamma: Annotated[
        float | None, typer.Option("--gamma", help="Divisor of the output, above 0.", show_default=False)
    ] = None,
    initial: Annotated[
        list[Path] | None,
        typer.Option(
            "--initial",
            metavar="FILE",
            help="Weights before training, one for each FILE in order.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="NAME", help="Model family, for plain arrays.", show_default=False, autocompletion=models
        ),
    ] = None,
    array: Annotated[
        list[str] | None,
        typer.Option(
            "--array",
            metavar="TENSOR=NAME",
            help="Which array is which tensor; may be repeated.",
            show_default=False,
        ),
    ] = None,
    transpose: Annotated[
        list[str] | None,
        typer.Option(
            "--transpose",
            metavar="TENSOR",
            help="Transpose this tensor; may be repeated.",
            show_default=False,
        ),
    ] = None,
    named: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Name of the checkpoint, one for each FILE in order; made from the files' paths by default.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Task the networks do.", show_default=False, autocompletion=tasks),
    ] = None,
    parameters: TaskParameters = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace checkpoints of the same names.")] = False,
) -> None:
    """Bring in networks trained elsewhere as checkpoints.

    Give --initial once per FILE, or once followed by several files at the end of the line: see the docs.
    """
    chosen, arrays = parse_parameters(parameters), _names(array)
    if chosen and task is None:
        raise InputError("-t", "sets parameters of no task", "add --task TASK")
    from dataclasses import replace

    from rnnkit.atomic import check_writable
    from rnnkit.checkpoints import save_native
    from rnnkit.interop import import_network, pair_initial
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.tasks import make_task, task_parameters

    settled = None if task is None else task_parameters(make_task(task, chosen))
    pairs = pair_initial(files, initial or [])
    paths = [path for path, _ in pairs]
    networks = []
    for (path, before), name in zip(pairs, _checkpoint_names(named, paths), strict=True):
        network = import_network(
            path,
            layout=layout,
            alpha=alpha,
            nonlinearity=nonlinearity,
            gamma=gamma,
            initial=before,
            task=task,
            task_parameters=settled,
            arrays=arrays,
            transpose=transpose or (),
            family=model,
            name=name,
        )
        if network.task is not None:
            TaskChoice().of(network)
        read = provenance(files=[str(path)]).with_inputs([path, *([before] if before else [])])
        networks.append(replace(network, provenance={**network.provenance, **read.to_json()}))
    check_writable(out)
    targets = [out / f"{network.name}.safetensors" for network in networks]
    for target in targets:
        if target.exists() and not overwrite:
            raise FileError(str(target), "exists already", "add --overwrite or choose another folder")
    for network, target in zip(networks, targets, strict=True):
        save_native(network, target)
    for network in networks:
        tensor = network.bad_tensor()
        if tensor is not None:
            talk.say(f"{network.name}: tensor '{tensor}' holds NaN or infinity: its rows will have no numbers")
    talk.say(f"{len(networks)} network{'s' * (len(networks) != 1)} in {out}")
