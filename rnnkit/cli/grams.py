"""Options of the commands that make networks from overlaps, and how their files are written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.completion import choices
from rnnkit.cli.talk import talk
from rnnkit.errors import FileError

if TYPE_CHECKING:
    from rnnkit.checkpoints import Checkpoint
    from rnnkit.provenance import Provenance
    from rnnkit.stages.low_rank_networks import Gram

__all__ = [
    *("Alpha", "Network", "Nonlinearity", "OutFolder", "Overwrite", "Quasi", "Step"),
    *("name_of", "open_gram", "write_networks"),
]

OutFolder = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the checkpoints.", show_default=False)
]
Network = Annotated[
    str | None,
    typer.Option("--network", metavar="NAME", help="Which one, of a table of several.", show_default=False),
]
Step = Annotated[
    int | None,
    typer.Option("--step", min=0, help="Which step of training, of a table of several.", show_default=False),
]
Alpha = Annotated[
    float | None,
    typer.Option(
        "--alpha", help="Share of the state a step replaces: above 0, at most 1 (0.2 by default).", show_default=False
    ),
]
Nonlinearity = Annotated[
    str | None,
    typer.Option(
        "--nonlinearity",
        metavar="NAME",
        help="tanh (default) or identity.",
        show_default=False,
        autocompletion=choices("tanh", "identity"),
    ),
]
Quasi = Annotated[
    bool,
    typer.Option("--quasi", help="Draw by a scrambled Sobol sequence: nearer to infinitely many units."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace checkpoints of the same names.")]


def open_gram(path: Path, network: str | None, step: int | None) -> Gram:
    """Read the overlaps that a table holds; `-` is standard input."""
    from rnnkit.stages.low_rank_networks import gram_of_table
    from rnnkit.tables import read_rows

    piped = str(path) == "-"
    table = read_rows(sys.stdin.buffer if piped else path)
    return gram_of_table(table, "standard input" if piped else str(path), network, step)


def name_of(gram: Gram, path: Path, step: int | None) -> str:
    """Return what networks made from a table are called: its network, or the file, and the step if it was chosen."""
    stem = "gram" if str(path) == "-" else path.stem
    return (gram.network or stem) + (f"-step{step}" if step is not None else "")


def write_networks(
    folder: Path,
    networks: Iterable[Checkpoint],
    ran: Provenance,
    overwrite: bool,
    told: Callable[[Checkpoint], str] = lambda network: "",
) -> None:
    """Write checkpoints into a folder, all or none of them, and say how many.

    Raises
    ------
    FileError
        When one is there already, unless it may be replaced, or the folder cannot be written.
    """
    from rnnkit.atomic import check_writable
    from rnnkit.checkpoints import save_native

    made = list(networks)
    targets = [folder / f"{network.name}.safetensors" for network in made]
    for target in targets:
        if target.exists() and not overwrite:
            raise FileError(str(target), "exists already", "add --overwrite or choose another folder")
    check_writable(folder)
    for network, target in zip(made, targets, strict=True):
        save_native(replace(network, provenance={**ran.to_json(), **network.provenance}), target)
        if said := told(network):
            talk.say(said)
    talk.say(f"{len(made)} network{'s' * (len(made) != 1)} written to {folder}")
