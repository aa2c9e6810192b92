"""Draw tables: which tables a kind takes, and what is worked out before it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.plots import KINDS, Settings, draw, get_kind
from rnnkit.schemas import get_schema
from rnnkit.stages.embedding import embedding
from rnnkit.tables import group_columns

if TYPE_CHECKING:
    from rnnkit.plots.style import Picture

__all__ = ["KINDS", "plot"]


def plot(kind: str, tables: Sequence[tuple[str, pa.Table]], settings: Settings | None = None) -> Picture:
    """Draw tables as one figure.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    tables : sequence of (str, pyarrow.Table)
        Each with the name of its schema. Several of one schema are taken as one.
    settings : Settings, optional
        Sizes, labels, and what to draw.

    Returns
    -------
    Picture
        The figure, and a line for each thing that could not be drawn.

    Raises
    ------
    InputError
        When a table has no part in the kind, two hold the same row, or there is nothing to draw.

    Examples
    --------
    >>> from rnnkit.tables import build
    >>> held = {"network": "a", "phase": 1, "lr": 1, "seconds": 1, "status": "ok"}
    >>> rows = [held | {"epoch": k, "val_loss": 1 / k} for k in (1, 2)]
    >>> figure = plot("training", [("training", build("training", rows))]).figure
    >>> figure.axes[0].get_ylabel()
    'validation loss (squared target units)'
    """
    known = get_kind(kind)
    for name, _ in tables:
        if name not in known.schemas:
            what = f"a '{name}' table has no part in a plot of {kind}"
            raise InputError("TABLE", what, f"give {' or '.join(known.schemas)}")
    held = {name: _joined(name, [table for other, table in tables if other == name]) for name in dict(tables)}
    if kind == "embedding" and "embedding" not in held and "comparisons" in held and held["comparisons"].num_rows:
        # A picture shows every network of the table it is given.
        held["embedding"] = embedding(held["comparisons"], include_unconverged=True)
    return draw(kind, held, settings)


def _joined(name: str, tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all tables of one schema, or raise InputError where a key stands twice."""
    table = tables[0]
    if len(tables) > 1:
        try:
            table = pa.concat_tables([one.replace_schema_metadata() for one in tables], promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError("TABLE", f"the '{name}' tables differ in their columns", "plot them apart") from error
    schema = get_schema(name)
    # Of ablations the threshold joins the key when there are several, of points the step of training.
    joins = [column for column in ("alpha", "step") if schema.column(column) is not None]
    extra = [column for column in joins if column in table.column_names and column not in schema.key]
    keys = [*schema.key, *extra, *group_columns(table, name)]
    rows = table.select(keys).to_pandas()
    twice = rows.duplicated()
    if twice.any():
        first = rows[twice].iloc[0]
        named = ", ".join(f"{key} {first[key]}" for key in keys)
        raise InputError("TABLE", f"the '{name}' row of {named} stands there twice", "give each row once")
    return table
