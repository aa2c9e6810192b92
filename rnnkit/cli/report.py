"""`rnnkit report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.options import split_names
from rnnkit.cli.talk import progress, talk
from rnnkit.errors import InputError

NAME = "report"
EXAMPLE = "rnnkit report demo -o report.html"
_ENDINGS = (".html", ".htm")


def run(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with checkpoints and tables.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Page to write: .html; - for standard output."),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Title; the folder's name by default.")] = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", help="Rows of each table to show, 1 or more.")] = 50,
    include: Annotated[
        list[str] | None,
        typer.Option(
            "--include", metavar="PATTERN", help="Files to take, such as 'a/*'; may be repeated.", show_default=False
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="PATTERN", help="Files to leave; may be repeated.", show_default=False),
    ] = None,
    plots: Annotated[
        str | None,
        typer.Option("--plots", metavar="KIND,...", help="Kinds to draw, or none; all that can be, by default."),
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="No scripts: a smaller page whose tables cannot be sorted.")
    ] = False,
) -> int:
    """Write one page on a folder: what was trained, what came out, plots, tables, and the commands that made them."""
    target = _target(out)
    kinds = None if plots is None else [] if plots == "none" else split_names("--plots", plots)
    options = {"rows": rows, "include": include or [], "exclude": exclude or [], "kinds": kinds, "static": static}
    from rnnkit.atomic import atomic_path
    from rnnkit.stages.report import report

    ran = provenance(folder=folder, title=title, **options)
    with progress("report") as bar:
        page = report(
            folder,
            title=title,
            rows=rows,
            include=include or [],
            exclude=exclude or [],
            kinds=kinds,
            static=static,
            ran=ran,
            progress=bar,
        )
    if target is None:
        sys.stdout.buffer.write(page.html.encode())
        sys.stdout.buffer.flush()
    else:
        with atomic_path(target) as temporary:
            temporary.write_text(page.html, encoding="utf-8", newline="\n")
        talk.detail(f"{target}: {len(page.files)} files, {target.stat().st_size / 1e6:.1f} MB")
    for line in page.missing:
        talk.say(line)
    return 1 if page.missing else 0


def _target(out: Path | None) -> Path | None:
    """Return the file, None for standard output, before any work is done."""
    if out is None or str(out) == "-":
        if sys.stdout.isatty():
            raise InputError("--out", "a page is nothing for a terminal", "name an .html file")
        return None
    if out.suffix not in _ENDINGS:
        raise InputError(f"--out {out}", "its ending is not that of a page", "end in .html")
    from rnnkit.atomic import check_target

    check_target(out)
    return out
