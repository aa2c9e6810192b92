"""`rnnkit export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.completion import choices
from rnnkit.cli.options import Checkpoints
from rnnkit.cli.talk import talk
from rnnkit.errors import unknown_name

NAME = "export"
EXAMPLE = "rnnkit export ckpts --to torch -o exported"

_KINDS = ("torch", "npz", "mat")


def run(
    checkpoints: Checkpoints,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="KIND", help="torch, npz or mat.", show_default=False, autocompletion=choices(*_KINDS)
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the files.", show_default=False)],
) -> None:
    """Write networks for other software: PyTorch state dicts, .npz or .mat. Importing them is the identity."""
    if to not in _KINDS:
        raise unknown_name("--to", to, _KINDS, "kind of file")
    from rnnkit.atomic import check_writable
    from rnnkit.interop import export_network, load_all

    networks = load_all(checkpoints).checkpoints
    check_writable(out)
    written = [path for network in networks for path in export_network(network, to, out)]
    for path in written:
        talk.detail(str(path))
    talk.say(f"{len(written)} file{'s' * (len(written) != 1)} in {out}")
