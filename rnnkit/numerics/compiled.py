"""Compile loops that numpy has no words for."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

__all__ = ["compiled", "compiled_keeping_nan"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_KEEPING_NAN = {"nsz", "contract"}
# Sums and maxima may be taken in any order, or no loop over them is vectorised; values are finite.
_FAST = {*_KEEPING_NAN, "nnan", "reassoc"}


def compiled(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Compile a function at its first call and keep the result on disk; it runs outside the interpreter's lock.

    The stored code is renewed when the function's own file changes: functions that call each other belong
    in one file. Write loops rather than assignments to slices, which take seconds to compile.
    """
    return _compiled(function, _FAST)


def compiled_keeping_nan(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Compile as :func:`compiled` does, for loops without sums whose values may be NaN or infinite."""
    return _compiled(function, _KEEPING_NAN)


def _compiled(function: Callable[_Arguments, _Result], fastmath: set[str]) -> Callable[_Arguments, _Result]:
    try:
        made = njit(cache=True, nogil=True, fastmath=fastmath, error_model="numpy")(function)
    except RuntimeError:  # no directory to keep it in
        made = njit(nogil=True, fastmath=fastmath, error_model="numpy")(function)
    return cast(Callable[_Arguments, _Result], made)
