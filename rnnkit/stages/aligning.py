"""Where in training steps are counted from: an `onsets` table read for the steps of its networks."""

from __future__ import annotations

import math

import pyarrow as pa

from rnnkit.errors import InputError, unknown_name

__all__ = ["ALIGNMENTS", "starts_of"]

#: Columns of an `onsets` table that steps can be counted from.
ALIGNMENTS = ("onset", "crossing")


def starts_of(table: pa.Table, align: str) -> dict[str, float]:
    """Return the step that each network's steps are counted from; NaN where its search had no such end.

    Parameters
    ----------
    table : pyarrow.Table
        Of schema `onsets`.
    align : str
        One of :data:`ALIGNMENTS`.

    Raises
    ------
    InputError
        For another word, and when a network stands in two rows.

    Examples
    --------
    >>> starts_of(pa.table({"network": ["a", "b"], "onset": [120, None]}), "onset")
    {'a': 120.0, 'b': nan}
    """
    if align not in ALIGNMENTS:
        raise unknown_name("--align", align, ALIGNMENTS, "point of training")
    found: dict[str, float] = {}
    for name, step in zip(table["network"].to_pylist(), table[align].to_pylist(), strict=True):
        if name in found:
            raise InputError("--onsets", f"network '{name}' stands in two rows", "give a table of one criterion")
        found[name] = math.nan if step is None else float(step)
    return found
