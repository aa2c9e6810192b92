"""Compile loops that numpy has no words for."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

__all__ = ["compiled"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

# Sums and maxima may be taken in any order, or no loop over them is vectorised; values are finite.
_FAST = {"nnan", "nsz", "reassoc", "contract"}


def compiled(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Compile a function at its first call and keep the result on disk; it runs outside the interpreter's lock.

    The stored code is renewed when the function's own file changes: functions that call each other belong
    in one file. Write loops rather than assignments to slices, which take seconds to compile.
    """
    try:
        made = njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")(function)
    except RuntimeError:  # no directory to keep it in
        made = njit(nogil=True, fastmath=_FAST, error_model="numpy")(function)
    return cast(Callable[_Arguments, _Result], made)
