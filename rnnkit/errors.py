"""The error tree. Only :mod:`rnnkit.cli` turns an error into a line and an exit code."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["FileError", "InputError", "RnnkitError", "unknown_name"]


class RnnkitError(Exception):
    """Something the user can mend: where it is, what it is, and how to mend it.

    Parameters
    ----------
    where : str
        The file, tensor, column or option at fault.
    what : str
        What was found, and what was expected.
    fix : str
        How to mend it.

    Examples
    --------
    >>> str(RnnkitError("--units", "0 is not a number of units", "give 1 or more"))
    '--units: 0 is not a number of units (give 1 or more)'
    """

    def __init__(self, where: str, what: str, fix: str) -> None:
        super().__init__(where, what, fix)
        self.where = where
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.where}: {self.what} ({self.fix})"


class InputError(RnnkitError, ValueError):
    """A value, shape or name that does not fit."""


class FileError(RnnkitError, OSError):
    """A file that is missing, unreadable, damaged or cannot be written."""

    # OSError formats two-argument instances itself; ours always carry where, what and how to mend.
    def __str__(self) -> str:
        return RnnkitError.__str__(self)


def unknown_name(where: str, name: str, known: Iterable[str], kind: str) -> InputError:
    """Return the error for a name that is not one of the known ones, with the nearest suggested.

    Examples
    --------
    >>> print(unknown_name("TASK", "flipflip", ["flipflop", "sine"], "task"))
    TASK: unknown task 'flipflip' (did you mean 'flipflop'? known: flipflop, sine)
    """
    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return InputError(where, f"unknown {kind} '{name}'", f"{hint}known: {', '.join(known)}")
