"""How a task's parameters are read and refused: command-line text or typed values in, declared types out."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from math import isfinite
from numbers import Integral, Real
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from rnnkit.errors import InputError
from rnnkit.tasks.base import Task

__all__ = ["Parameter", "describe", "require", "settle"]

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Parameter(NamedTuple):
    """One parameter of a task: its name, its type as a user types it, its default, and what it does."""

    name: str
    type: str
    default: object
    help: str


def describe(task_class: type[Task]) -> list[Parameter]:
    """List a task's parameters in the order they are declared.

    Examples
    --------
    >>> from rnnkit.tasks import task_class
    >>> for parameter in describe(task_class("flipflop"))[:2]:
    ...     print(*parameter, sep=" | ")
    bits | integer | 3 | independent bits, each with an input and an output
    probability | number | 0.3 | chance of a pulse at each step, on each bit
    """
    hints = _hints(task_class)
    return [
        Parameter(item.name, _type_text(hints[item.name]), item.default, item.metadata["help"])
        for item in fields(task_class)
    ]


def settle(task: Task) -> None:
    """Turn every parameter of a task under construction into its declared type, or refuse it.

    Text is read as on a command line, NumPy scalars become Python's own, and None stays None only where
    the declaration allows it.

    Raises
    ------
    InputError
        If a value cannot be read as the declared type, or is not finite.
    """
    hints = _hints(type(task))
    for item in fields(task):
        value = _converted(_where(task, item.name), hints[item.name], getattr(task, item.name))
        object.__setattr__(task, item.name, value)


def require(task: Task, name: str, holds: bool, expected: str) -> None:
    """Refuse the value of one parameter unless the condition holds; `expected` says which values do.

    Raises
    ------
    InputError
        If the condition does not hold.
    """
    if not holds:
        raise InputError(_where(task, name), f"{getattr(task, name)!r} is not allowed", f"give {expected}")


@cache
def _hints(task_class: type[Task]) -> dict[str, Any]:
    return get_type_hints(task_class)


def _where(task: Task, name: str) -> str:
    return f"{task.name} parameter '{name}'"


def _without_none(hint: Any) -> Any:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if NoneType in get_args(hint) else hint


def _type_text(hint: Any) -> str:
    hint = _without_none(hint)
    if get_origin(hint) is Literal:
        return "|".join(str(choice) for choice in get_args(hint))
    return {bool: "true|false", int: "integer", float: "number"}[hint]


def _converted(where: str, hint: Any, value: object) -> object:
    """Return the value as the type of the hint: a Literal, bool, int or float, or one of these or None."""
    if value is None and NoneType in get_args(hint):
        return None
    hint = _without_none(hint)
    if get_origin(hint) is Literal:
        # Compared as text: '3' and 3 are the same choice, True is not the choice 1.
        result: object = {str(choice): choice for choice in get_args(hint)}.get(str(value))
        expected = " or ".join(str(choice) for choice in get_args(hint))
    else:
        result = {bool: _truth, int: _integer, float: _number}[hint](value)
        expected = {bool: "true or false", int: "an integer", float: "a finite number"}[hint]
    if result is None:
        raise InputError(where, f"{value!r} is not {expected}", f"give {expected}")
    return result


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else _TRUTH.get(str(value).lower())


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, Integral | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
