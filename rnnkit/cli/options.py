"""Options that several commands share, declared once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.completion import choices, task_parameters, tasks
from rnnkit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "By",
    "Checkpoints",
    "Device",
    "Format",
    "Inputs",
    "Out",
    "Seed",
    "TaskName",
    "TaskParameters",
    "Threads",
    "Trials",
    "named",
    "open_inputs",
    "parse_parameters",
    "split_names",
]

Checkpoints = Annotated[
    list[str],
    typer.Argument(metavar="CKPT...", help="Checkpoints: files, folders or patterns.", show_default=False),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Table to write: .parquet, .csv or .jsonl; - for standard output.",
        show_default=False,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="parquet, csv or jsonl, whatever the ending.",
        show_default=False,
        autocompletion=choices("parquet", "csv", "jsonl"),
    ),
]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="Task to run on; each network's own by default.",
        show_default=False,
        autocompletion=tasks,
    ),
]
TaskParameters = Annotated[
    list[str] | None,
    typer.Option(
        "-t",
        metavar="KEY=VALUE",
        help="Task parameter; may be repeated.",
        show_default=False,
        autocompletion=task_parameters,
    ),
]
Trials = Annotated[
    int | None, typer.Option("--trials", metavar="B", help="Number of trials, 1 or more.", show_default=False)
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Fixes everything random.")]
Device = Annotated[
    str, typer.Option("--device", help="auto, cpu or cuda[:k].", autocompletion=choices("auto", "cpu", "cuda"))
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="CPU threads; all cores by default.", show_default=False),
]
Inputs = Annotated[
    Path | None,
    typer.Option(
        "--inputs",
        metavar="FILE",
        help="Inputs to run on instead of a task: .npz or a table; - for standard input.",
        show_default=False,
    ),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="KEY,...", help="Settings to add as columns, to group by.", show_default=False),
]


def split_names(option: str, text: str | None) -> list[str]:
    """Split a comma-separated list of names.

    Examples
    --------
    >>> split_names("--by", "gamma, units"), split_names("--by", None)
    (['gamma', 'units'], [])
    """
    if text is None:
        return []
    names = [name.strip() for name in text.split(",")]
    twice = next((name for name in names if names.count(name) > 1), None)
    if "" in names:
        raise InputError(option, f"'{text}' is no list of names", "separate names by commas")
    if twice is not None:
        raise InputError(option, f"'{twice}' is given twice", "give it once")
    return names


def named(paths: Sequence[Path | None]) -> list[Path]:
    """Return the files among these options: neither those left out nor standard input.

    Examples
    --------
    >>> named([Path("a.parquet"), None, Path("-")])
    [PosixPath('a.parquet')]
    """
    return [path for path in paths if path is not None and str(path) != "-"]


def open_inputs(path: Path | None) -> NDArray[np.float32] | None:
    """Read what --inputs names, (trials, steps, inputs); None when it is not given."""
    if path is None:
        return None
    from rnnkit.interop.inputs import read_inputs

    return read_inputs(sys.stdin.buffer if str(path) == "-" else path)


def parse_parameters(texts: list[str] | None) -> dict[str, str]:
    """Read `KEY=VALUE` texts of `-t`.

    Examples
    --------
    >>> parse_parameters(["bits=3", "steps=50"])
    {'bits': '3', 'steps': '50'}
    """
    parameters: dict[str, str] = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key or not value.strip():
            raise InputError("-t", f"'{text}' is not KEY=VALUE", "for example -t bits=3")
        if key in parameters:
            raise InputError("-t", f"'{key}' is given twice", "give it once")
        parameters[key] = value.strip()
    return parameters
