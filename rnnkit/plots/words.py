"""What a picture's alternative text is made of: numbers of things, and ranges of values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["listed", "many", "number", "value_range"]


def many(count: int, noun: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> many(1, "network"), many(8, "network")
    ('1 network', '8 networks')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def number(value: float) -> str:
    """Return a number with three digits.

    Examples
    --------
    >>> number(0.12345), number(float("nan"))
    ('0.123', 'none')
    """
    return f"{value:.3g}" if np.isfinite(value) else "none"


def value_range(values: ArrayLike) -> str:
    """Return the least and the largest of the numbers that are there, and their median between.

    Examples
    --------
    >>> value_range([3.0, 1.0, float("nan"), 2.0]), value_range([2.0]), value_range([])
    ('1 to 3, median 2', '2', 'no number')
    """
    held = np.asarray(values, dtype=np.float64).ravel()
    held = held[np.isfinite(held)]
    if not len(held):
        return "no number"
    if held.min() == held.max():
        return number(float(held[0]))
    return f"{number(float(held.min()))} to {number(float(held.max()))}, median {number(float(np.median(held)))}"


def listed(parts: Iterable[str], most: int = 6) -> str:
    """Return parts one after another, those after the first few by their number only.

    Examples
    --------
    >>> listed(["a", "b"]), listed(["a", "b", "c"], most=1)
    ('a; b', 'a; and 2 more')
    """
    held = list(parts)
    return "; ".join([*held[:most], *([f"and {len(held) - most} more"] if len(held) > most else [])])
