"""Registering a command: its function plus the options that every command has."""

from __future__ import annotations

import functools
import inspect
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnkit.cli.manual import help_of, panel
from rnnkit.cli.talk import talk

if TYPE_CHECKING:
    from rnnkit.provenance import Provenance

__all__ = ["ReaderGoneError", "provenance", "register"]

_COMMON: dict[str, Any] = {
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel="Talk")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Say more.", rich_help_panel="Talk")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel="Talk")],
}


class ReaderGoneError(Exception):
    """Whoever read standard output has seen enough; under this name, since click ends a BrokenPipeError with 1."""


def register(app: typer.Typer, function: Callable[..., Any], name: str, example: str) -> None:
    """Add a command to the application, with --quiet, --verbose and --debug, and an example below its help.

    The help is the function's docstring and what :mod:`rnnkit.cli.manual` has of the command.

    `example` is a command line that can be pasted: help is wrapped to the terminal, so it is to fit in 76 columns.
    """
    signature = inspect.signature(function, eval_str=True)
    common = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for key, kind in _COMMON.items()
    ]

    @functools.wraps(function)
    def command(**arguments: Any) -> Any:
        for key in _COMMON:
            setattr(talk, key, arguments.pop(key))
        try:
            return function(**arguments)
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in signature.parameters.values()),
            *common,
        ]
    )
    says = help_of(name, inspect.getdoc(function) or "")
    app.command(name, help=says, epilog=f"Example: {example}", rich_help_panel=panel(name))(command)


def provenance(**parameters: Any) -> Provenance:
    """Return what is running now: the command line and the options in force."""
    from rnnkit.provenance import Provenance

    plain = {key: str(value) if hasattr(value, "parts") else value for key, value in parameters.items()}
    return Provenance(shlex.join(["rnnkit", *sys.argv[1:]]), plain)
