"""Where in training steps are counted from: an `onsets` table read for the steps of its networks."""

from __future__ import annotations

import pyarrow as pa

from rnnkit.errors import unknown_name
from rnnkit.stages.weight_events import onsets_of

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
    >>> held = {"network": ["a", "b"], "onset": [120, None], "onset_low": [90, None], "crossing": [150, None]}
    >>> starts_of(pa.table(held), "onset")
    {'a': 120.0, 'b': nan}
    """
    if align not in ALIGNMENTS:
        raise unknown_name("--align", align, ALIGNMENTS, "point of training")
    return {name: float(getattr(ends, align)) for name, ends in onsets_of(table).items()}
