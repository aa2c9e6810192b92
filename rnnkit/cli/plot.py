"""`rnnkit plot`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnkit.cli import completion
from rnnkit.cli.command import provenance
from rnnkit.cli.options import named, split_names
from rnnkit.cli.talk import talk
from rnnkit.errors import InputError, unknown_name
from rnnkit.plots import KINDS, Settings, get_kind
from rnnkit.plots.settings import FORMATS

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "plot"
EXAMPLE = "rnnkit plot training ckpts/training.parquet -o training.pdf"

_KINDS = ", ".join(f"{name} (of {' or '.join(kind.needs)})" for name, kind in KINDS.items())


def _chosen(option: str, metavar: str | None, choice: str, help: str, **more: Any) -> Any:
    """Return an option that chooses what is drawn; its help says in which kinds."""
    kinds = ", ".join(name for name, kind in KINDS.items() if choice in kind.choices)
    return typer.Option(option, metavar=metavar, help=f"{help} Of {kinds}.", show_default=False, **more)


def run(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help=f"Which picture, and of which table: {_KINDS}.",
            show_default=False,
            autocompletion=completion.kinds,
        ),
    ],
    tables: Annotated[
        list[Path],
        typer.Argument(metavar="TABLE...", help="Tables to draw; - for standard input.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Picture to write: .png, .svg or .pdf.", show_default=False),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="png, svg or pdf, whatever the ending.",
            show_default=False,
            autocompletion=completion.choices(*FORMATS),
        ),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option("--width", help="Inches, 0.5 to 100; 3.4, or 7 for several panels.", show_default=False),
    ] = None,
    height: Annotated[
        float | None,
        typer.Option("--height", help="Inches, 0.5 to 100; by the panels, by default.", show_default=False),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Title of the figure.", show_default=False)] = None,
    xlabel: Annotated[str | None, typer.Option("--xlabel", help="Label of x axes.", show_default=False)] = None,
    ylabel: Annotated[str | None, typer.Option("--ylabel", help="Label of y axes.", show_default=False)] = None,
    font_size: Annotated[float, typer.Option("--font-size", help="Points, 1 to 100.")] = 8.0,
    dpi: Annotated[float, typer.Option("--dpi", help="Dots per inch of .png, 10 to 2400.")] = 300.0,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style", metavar="KEY=VALUE", help="Parameter of matplotlib (rc); may be repeated.", show_default=False
        ),
    ] = None,
    colour: Annotated[str | None, _chosen("--colour", "KEY", "colour", "Column to colour by.")] = None,
    value: Annotated[str | None, _chosen("--value", "COLUMN", "value", "Column to show.")] = None,
    metric: Annotated[
        str | None,
        _chosen(
            "--metric", "NAME,...", "metrics", "Metrics to show; all by default.", autocompletion=completion.metrics
        ),
    ] = None,
    network: Annotated[
        str | None, _chosen("--network", "NAME,...", "networks", "Networks to show; all by default.")
    ] = None,
    factor: Annotated[str | None, _chosen("--factor", "KEY", "factor", "Group column along the x axis.")] = None,
    factor_scale: Annotated[
        str | None,
        _chosen(
            *("--factor-scale", "NAME", "factor_scale"),
            "Of the factor: log or linear; log where its values span decades.",
            autocompletion=completion.choices("log", "linear"),
        ),
    ] = None,
    scale: Annotated[
        str | None,
        _chosen(
            *("--scale", "NAME", "scale", "Of values: log or linear."),
            autocompletion=completion.choices("log", "linear"),
        ),
    ] = None,
    dims: Annotated[int, _chosen("--dims", None, "dims", "2 or 3 principal components (default 2).")] = 2,
    trials: Annotated[
        int | None, _chosen("--trials", "B", "trials", "Trials to show, the first of the table, 1 or more.")
    ] = None,
    step: Annotated[
        int | None, _chosen("--step", "K", "step", "Step of training to show, 0 or more; the last by default.")
    ] = None,
) -> int:
    """Draw tables as a figure, to be printed in a column of a journal."""
    known = get_kind(kind)
    target, form = _target(out, form, tables)
    settings = Settings(
        *(width, height, title, xlabel, ylabel, font_size, dpi, _rc(style), colour, value),
        metrics=tuple(split_names("--metric", metric)),
        networks=tuple(split_names("--network", network)),
        factor=factor,
        factor_scale=factor_scale,
        scale=scale,
        dims=dims,
        trials=trials,
        step=step,
    )
    from rnnkit.atomic import atomic_path
    from rnnkit.stages.plot import plot as stage

    held = [_read(path, known.schemas) for path in tables]
    picture = stage(kind, held, settings)
    from rnnkit.plots.saving import save

    ran = provenance(kind=kind, **vars(settings)).with_inputs(named(tables))
    if target is None:
        save(picture, sys.stdout.buffer, form, settings, title or kind, ran)
    else:
        with atomic_path(target) as temporary:
            save(picture, temporary, form, settings, title or kind, ran)
    for line in (*picture.left_out, *picture.notes):
        talk.say(line)
    return 1 if picture.left_out else 0


def _target(out: Path | None, form: str | None, tables: Sequence[Path]) -> tuple[Path | None, str]:
    """Return the file (None for standard output) and the format, before any work is done."""
    if form is not None and form not in FORMATS:
        raise unknown_name("--format", form, FORMATS, "format")
    if out is None or str(out) == "-":
        if sys.stdout.isatty():
            raise InputError("--out", "a picture is nothing for a terminal", "name a .png, .svg or .pdf file")
        return None, form or "svg"
    ending = out.suffix.lstrip(".")
    if form is None and ending not in FORMATS:
        raise InputError(f"--out {out}", "its ending names no format", "end in .png, .svg or .pdf, or add --format")
    if any(path.resolve() == out.resolve() for path in named(tables)):
        raise InputError("--out", "is the same file as a table", "name another file")
    from rnnkit.atomic import check_target

    check_target(out)
    return out, form or ending


def _rc(texts: Sequence[str] | None) -> dict[str, str]:
    """Read the `KEY=VALUE` texts of --style.

    Examples
    --------
    >>> _rc(["axes.grid=true"])
    {'axes.grid': 'true'}
    """
    held: dict[str, str] = {}
    for text in texts or []:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key or not value:
            raise InputError("--style", f"'{text}' is not KEY=VALUE", "for example --style axes.grid=true")
        if key in held:
            raise InputError("--style", f"'{key}' is given twice", "give it once")
        held[key] = value
    return held


def _read(path: Path, schemas: Sequence[str]) -> tuple[str, pa.Table]:
    """Read a table that may be of several schemas; a text file is of the first whose columns it has."""
    from rnnkit.schemas import get_schema
    from rnnkit.tables import read, read_any, read_rows

    if path.suffix in (".csv", ".jsonl"):
        held = set(read_rows(path).column_names)
        fitting = (n for n in schemas if {c.name for c in get_schema(n).columns if not c.optional} <= held)
        name = next(fitting, schemas[0])
        return name, read(path, name)
    table, name = read_any(sys.stdin.buffer if str(path) == "-" else path, schemas)
    return name, table
