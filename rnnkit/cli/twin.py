"""`rnnkit twin`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnkit.cli.command import provenance
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
from rnnkit.cli.options import Seed, named
from rnnkit.errors import InputError, unknown_name

if TYPE_CHECKING:
    from rnnkit.checkpoints import Checkpoint
    from rnnkit.stages.low_rank_networks import Gram

NAME = "twin"
EXAMPLE = "rnnkit twin ckpts --copies 4 --spread 1 -o twins"


def run(
    out: OutFolder,
    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(metavar="CKPT...", help="Checkpoints: files, folders or patterns.", show_default=False),
    ] = None,
    overlaps: Annotated[
        Path | None,
        typer.Option(
            "--overlaps",
            metavar="FILE",
            help="Table of overlaps instead of checkpoints; - for standard input.",
            show_default=False,
        ),
    ] = None,
    network: Network = None,
    step: Step = None,
    alpha: Alpha = None,
    nonlinearity: Nonlinearity = None,
    rank: Annotated[
        int | None,
        typer.Option(
            "--rank", min=1, metavar="R", help="Truncate recurrent weights to this rank, 1 or more.", show_default=False
        ),
    ] = None,
    initial: Annotated[bool, typer.Option("--initial", help="Of the weights before training.")] = False,
    copies: Annotated[int, typer.Option("--copies", min=1, metavar="K", help="Twins of each network, 1 or more.")] = 1,
    spread: Annotated[
        float,
        typer.Option("--spread", help="How far the unseen overlaps move, above 0: by a factor of up to e^spread."),
    ] = 1.0,
    units: Annotated[
        int | None,
        typer.Option("--units", min=1, metavar="N", help="Units of the twins, 1 or more.", show_default=False),
    ] = None,
    quasi: Quasi = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Make networks with the same overlaps that the loss sees, and others that it does not.

    As many units as the original, 200 from a table. Twins are called NAME-twin1 and so on; how far they are from it is
    said on standard error.
    """
    if bool(checkpoints) == (overlaps is not None):
        raise InputError("CKPT, --overlaps", "one of them says what to make twins of", "give one of the two")
    of_table = {"--network": network, "--step": step, "--alpha": alpha, "--nonlinearity": nonlinearity}
    if given := [option for option, value in of_table.items() if value is not None and overlaps is None]:
        raise InputError(given[0], "is of overlaps from a table", "leave it out: checkpoints have their own")
    if overlaps is not None and (rank is not None or initial):
        raise InputError("--rank, --initial", "are of checkpoints", "leave them out")
    if nonlinearity not in (None, "tanh", "identity"):
        raise unknown_name("--nonlinearity", str(nonlinearity), ("tanh", "identity"), "nonlinearity")
    from rnnkit.interop import load_all
    from rnnkit.provenance import file_digest
    from rnnkit.stages.low_rank_networks import Constants
    from rnnkit.stages.twins import gram_of_network, twins

    ran = provenance(
        rank=rank, initial=initial, copies=copies, spread=spread, units=units, quasi=quasi, seed=seed,
        network=network, step=step, alpha=alpha, nonlinearity=nonlinearity,
    )  # fmt: skip
    made: list[Checkpoint] = []
    told: dict[str, str] = {}
    sources: list[tuple[Gram, Constants, int, str, dict[str, Any]]] = []
    if overlaps is not None:
        constants = Constants(alpha=0.2 if alpha is None else alpha, nonlinearity=nonlinearity or "tanh")
        gram = open_gram(overlaps, network, step)
        sources.append((gram, constants, units or 200, name_of(gram, overlaps, step), {}))
        ran = ran.with_inputs(named([overlaps]))
    else:
        loaded = load_all(checkpoints or [])
        ran = ran.with_inputs(loaded.paths)
        for path, parent in zip(loaded.paths, loaded.checkpoints, strict=True):
            gram, constants = gram_of_network(parent, rank, initial)
            grown = {"parent": {"name": parent.name, "sha256": file_digest(path)}}
            sources.append((gram, constants, units or parent.architecture.units, parent.name, grown))
    for gram, constants, count, name, grown in sources:
        for twin in twins(gram, constants, count, name=name, copies=copies, spread=spread, seed=seed, quasi=quasi):
            made.append(replace(twin.network, provenance=grown))
            unseen, seen = f"{twin.moved:.3g}", f"{twin.kept:.1g}"
            told[twin.network.name] = f"{twin.network.name}: overlaps not seen differ by up to {unseen}, seen by {seen}"
    write_networks(out, made, ran, overwrite, lambda network: told[network.name])
