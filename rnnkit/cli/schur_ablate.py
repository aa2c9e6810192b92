"""`rnnkit schur-ablate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.completion import choices
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
    split_names,
)
from rnnkit.cli.output import check_apart, check_aside, check_output, write_table
from rnnkit.cli.talk import progress, talk
from rnnkit.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnnkit.checkpoints import Checkpoint
    from rnnkit.interop.loading import Loaded
    from rnnkit.provenance import Provenance

NAME = "schur-ablate"
EXAMPLE = "rnnkit schur-ablate ckpts --alpha 0.9 -o ablations.parquet"

_CONTROLS = ("isotropic", "entries", "rotated")


def run(
    checkpoints: Checkpoints,
    alpha: Annotated[
        str,
        typer.Option(
            "--alpha",
            metavar="SHARE,...",
            help="Blocks of at least this share of the spectral radius lead: above 0, at most 1.",
        ),
    ] = "0.9",
    orders: Annotated[
        int, typer.Option("--orders", min=0, metavar="K", help="Random orders of the blocks inside the sectors.")
    ] = 0,
    controls: Annotated[
        int,
        typer.Option("--controls", min=0, metavar="N", help="Random removals of equal norm, of each kind of control."),
    ] = 0,
    control: Annotated[
        str,
        typer.Option(
            "--control",
            metavar="KIND,...",
            help="isotropic, entries, rotated, or all.",
            autocompletion=choices("all", *_CONTROLS),
        ),
    ] = "all",
    controls_out: Annotated[
        Path | None,
        typer.Option("--controls-out", metavar="FILE", help="Table of the controls.", show_default=False),
    ] = None,
    schur: Annotated[
        Path | None,
        typer.Option("--schur", metavar="FILE", help="Table of the blocks of the Schur forms.", show_default=False),
    ] = None,
    schur_rows: Annotated[
        bool, typer.Option("--schur-rows", help="Keep the rows of T in the table of --schur, to be drawn.")
    ] = False,
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="Largest rollout distance of a stabiliser, 0 or more.")
    ] = 0.01,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="DIR", help="Folder for the ablated networks.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace networks that --save finds there.")] = False,
    task: TaskName = None,
    parameters: TaskParameters = None,
    trials: Annotated[int, typer.Option("--trials", min=1, metavar="B", help="Trials common to all networks.")] = 512,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Take couplings out of the ordered Schur form of the recurrent weights, and evaluate what is left.

    Seven ablations: couplings inside the leading sector (RR), into it from the rest (CR), in the rest (CC), and sums.
    """
    target = check_output(out, form)
    aside = check_aside(controls_out, "--controls-out"), check_aside(schur, "--schur")
    check_apart({"--out": out, "--controls-out": controls_out, "--schur": schur}, {})
    alphas, kinds, chosen = _shares(alpha), _kinds(control), parse_parameters(parameters)
    if (controls > 0) != (aside[0][0] is not None):
        raise InputError("--controls, --controls-out", "go together", "give a number of draws and a file for them")
    if overwrite and save is None:
        raise InputError("--overwrite", "is of the networks that --save writes", "add --save DIR")
    if control != "all" and not controls:
        raise InputError("--control", "chooses among controls", "add --controls N")
    if schur_rows and schur is None:
        raise InputError("--schur-rows", "is of the table that --schur writes", "add --schur FILE")
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.interop import load_all
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.stages.schur_ablate import schur_ablate

    where = choose_device(device)
    set_threads(threads)
    loaded = load_all(checkpoints)
    outputs = {"--out": out, "--controls-out": controls_out, "--schur": schur}
    check_apart(outputs, {f"CKPT {path}": path for path in loaded.paths})
    ran = provenance(
        alpha=alphas,
        orders=orders,
        controls=controls,
        control=kinds,
        epsilon=epsilon,
        schur_rows=schur_rows,
        task=task,
        parameters=chosen,
        trials=trials,
        seed=seed,
    )
    with progress("copies") as bar:
        found = schur_ablate(
            loaded.checkpoints,
            TaskChoice(task, chosen),
            alphas=alphas,
            orders=orders,
            controls=controls,
            kinds=kinds,
            epsilon=epsilon,
            schur_rows=schur_rows,
            trials=trials,
            seed=seed,
            device=where,
            keep=None if save is None else _saver(save, loaded, alphas, ran, overwrite),
            progress=bar,
        )
    ran = ran.with_inputs(loaded.paths)
    code = write_table("ablations", [found.ablations], target, bool(out or form), ran)
    for name, table, (path, kind) in (
        ("ablation_controls", found.controls, aside[0]),
        ("schur", found.schur, aside[1]),
    ):
        if path is not None:
            code = max(code, write_table(name, [table], (path, kind), True, ran))
    return code


def _shares(text: str) -> list[float]:
    """Read the values of --alpha."""
    try:
        values = [float(value) for value in text.split(",")]
    except ValueError as error:
        raise InputError("--alpha", f"'{text}' is no list of numbers", "for example --alpha 0.8,0.9") from error
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise InputError("--alpha", f"{twice:g} is given twice", "give it once")
    return values


def _kinds(text: str) -> list[str]:
    """Read the value of --control."""
    names = split_names("--control", text)
    for name in names:
        if name not in _CONTROLS and names != ["all"]:
            raise unknown_name("--control", name, ("all", *_CONTROLS), "control")
    return list(_CONTROLS) if names == ["all"] else names


def _saver(
    folder: Path, loaded: Loaded, alphas: list[float], ran: Provenance, overwrite: bool
) -> Callable[[int, Checkpoint], None]:
    """Return what writes an ablated network with its parent's digest; never over a network that was read."""
    from rnnkit.atomic import check_target
    from rnnkit.checkpoints import save_native
    from rnnkit.provenance import file_digest
    from rnnkit.stages.schur_ablate import copy_names

    if folder.resolve() in {path.resolve().parent for path in loaded.paths}:
        raise InputError("--save", f"{folder} holds the networks given", "choose another folder for their copies")
    for network in loaded.checkpoints:
        for name in copy_names(network.name, alphas).values():
            if not overwrite and (folder / f"{name}.safetensors").exists():
                raise InputError("--save", f"{folder} holds '{name}' already", "choose another folder, or --overwrite")
    check_target(folder / "network.safetensors")
    digests: dict[int, str] = {}

    def write(parent: int, copy: Checkpoint) -> None:
        path = folder / f"{copy.name}.safetensors"
        source = loaded.paths[parent]
        if parent not in digests:
            digests[parent] = file_digest(source)
        grown = {"name": loaded.checkpoints[parent].name, "sha256": digests[parent], **copy.provenance}
        held = {**ran.to_json(), "inputs": {str(source): digests[parent]}, "parent": grown}
        save_native(replace(copy, provenance=held), path)
        talk.detail(str(path))

    return write
