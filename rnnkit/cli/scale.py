"""Options of `compare` for large studies: room, workers, and going on from what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.talk import talk
from rnnkit.errors import FileError, InputError

if TYPE_CHECKING:
    from rnnkit.stages.kept import Earlier, Kept

__all__ = [
    "Activity",
    "Cache",
    "GridComponents",
    "GridDelays",
    "Memory",
    "Resume",
    "Scheduler",
    "Sensitivity",
    "Workers",
    "keeping",
    "parse_bytes",
    "parse_counts",
]

_PANEL = "Large studies"

Activity = Annotated[
    list[Path] | None,
    typer.Option(
        "--activity",
        metavar="TABLE...",
        help="Activity to compare, instead of or beside checkpoints: rollout tables, or .npz arrays of "
        "(trials, steps, units).",
        show_default=False,
    ),
]
Workers = Annotated[
    int, typer.Option("--workers", min=1, metavar="N", help="Processes on this computer.", rich_help_panel=_PANEL)
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler whose workers do the work, as tcp://host:8786.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Memory = Annotated[
    str,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Networks' data held in memory at once, by all workers together: 500M, 2G.",
        rich_help_panel=_PANEL,
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Keep what networks are reduced to here, and use it again; a temporary folder by default.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="FILE",
        help="Go on with a table that was cut off, or take the rows of networks that a complete one has already.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]

Sensitivity = Annotated[
    Path | None,
    typer.Option(
        "--sensitivity",
        metavar="FILE",
        help="Also write how the distances of dsa change with rank and delay, compared anew at points of a grid.",
        show_default=False,
    ),
]
GridComponents = Annotated[
    str | None,
    typer.Option(
        "--grid-components",
        metavar="K,...",
        help="Components to try for --sensitivity; half and twice those chosen by default.",
        show_default=False,
    ),
]
GridDelays = Annotated[
    str | None,
    typer.Option("--grid-delays", metavar="D,...", help="Delays to try, likewise.", show_default=False),
]

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_bytes(text: str) -> int:
    """Return a size in bytes.

    Examples
    --------
    >>> parse_bytes("500M"), parse_bytes("1.5G"), parse_bytes("2GiB")
    (524288000, 1610612736, 2147483648)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found is not None else 0
    if size < 1:
        raise InputError("--memory", f"'{text}' is no size", "for example 500M or 2G")
    return size


def parse_counts(option: str, text: str | None) -> list[int]:
    """Return a list of whole numbers from 1 on.

    Examples
    --------
    >>> parse_counts("--grid-delays", "1,3"), parse_counts("--grid-delays", None)
    ([1, 3], [])
    """
    words = [] if text is None else text.split(",")
    if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise InputError(option, f"'{text}' is no list of numbers from 1 on", "for example 2,4,8")
    return [int(word) for word in words]


def _part(path: Path) -> Path:
    """Where the rows of a table stand while it is being made."""
    return path.with_name(path.name + ".part")


def _earlier(path: Path) -> Earlier:
    from rnnkit.stages.kept import Earlier
    from rnnkit.tables import read

    table = read(path, "comparisons")
    note = json.loads((table.schema.metadata or {}).get(b"rnnkit", b"{}"))
    return Earlier(table, note.get("parameters", {}).get("resume"), f"--resume {path}")


@contextmanager
def keeping(target: Path | None, resume: Path | None) -> Iterator[Kept]:
    """Give what is found done and where rows are kept: beside the table to be written, until that is whole.

    Raises
    ------
    InputError
        When a part of such a table is there and was not to be resumed, another run is writing it, or there is
        nothing to resume.
    """
    from rnnkit.atomic import clear_unfinished
    from rnnkit.journal import Journal
    from rnnkit.stages.kept import Kept

    part = None if target is None else _part(target)
    if part is not None and part.exists() and resume is None and len(Journal(part)):
        raise InputError(str(part), "holds rows of a run that was cut off", f"add --resume {target}, or delete it")
    journal = None if part is None else Journal(part)
    earlier = None
    if resume is not None:
        if part is not None and _part(resume).resolve() != part.resolve() and _part(resume).is_file():
            what = f"is part of a table that goes to {resume}"
            raise InputError(str(_part(resume)), what, f"give -o {resume} with --resume {resume}")
        if resume.exists():
            earlier = _earlier(resume)
        elif not (part is not None and part.exists()) and resume != target:
            raise FileError(str(resume), "no such table, nor a part of it", "check the name, or leave out --resume")
    if journal is not None and target is not None and part is not None and part.exists():
        journal.claim()
        clear_unfinished(target)
    kept = Kept(journal, earlier)
    if resume is not None:
        begun = 0 if journal is None else len(journal)
        found = [f"going on after {begun} batches"] if begun else []
        found += ["using its rows"] if earlier is not None else []
        told = f"{resume}: {' and '.join(found) or 'nothing of it was kept, beginning anew'}"
        kept.announce = lambda: talk.say(told)
    finished = False
    try:
        yield kept
        finished = True
    finally:
        if journal is not None:
            talk.resumable = len(journal) > 0 and not finished
            journal.close(remove=finished)
