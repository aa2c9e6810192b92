"""From rows to a table of a declared schema."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.schemas import Schema, get_schema

__all__ = ["LISTS", "TYPES", "arrow_schema", "build", "check_group_keys", "group_columns"]

#: Types of scalar columns in pyarrow.
TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}
#: Columns of lists. Fixed points are kept in full: rounded to float32 they would no longer stand still.
LISTS: dict[str, pa.DataType] = {
    "vector": pa.list_(pa.float32()),
    "vector64": pa.list_(pa.float64()),
    "complexes": pa.list_(pa.struct([("re", pa.float64()), ("im", pa.float64())])),
}


def arrow_schema(schema: Schema, extra: Sequence[str] = (), vectors: Mapping[str, int] | None = None) -> pa.Schema:
    """Return the pyarrow schema; `extra` group columns come after the key, as strings.

    `vectors` gives the length of each `vector` column, a fixed-size list of float32.
    """
    check_group_keys(schema.name, extra)
    fields: list[pa.Field[Any]] = []
    keys = [column for column in schema.columns if column.name in schema.key]
    rest = [column for column in schema.columns if column.name not in schema.key]
    for column in keys:
        fields.append(pa.field(column.name, TYPES[column.type], nullable=False))
    fields += [pa.field(name, pa.string(), nullable=True) for name in extra]
    for column in rest:
        if column.type in LISTS:
            kind: pa.DataType = LISTS[column.type]
            if column.type == "vector" and vectors is not None and column.name in vectors:
                kind = pa.list_(pa.float32(), vectors[column.name])
        else:
            kind = TYPES[column.type]
        unit = {"unit": column.unit, "meaning": column.meaning}
        fields.append(pa.field(column.name, kind, nullable=column.nullable, metadata=unit))
    return pa.schema(fields)


def check_group_keys(name: str, keys: Sequence[str]) -> None:
    """Raise InputError when a group column would have the name of a declared one."""
    schema = get_schema(name)
    for key in keys:
        if schema.column(key) is not None:
            raise InputError(f"'{key}'", f"is a column of every {name} table already", "leave it out of the keys")


def _clean(value: Any) -> Any:
    """NaN and infinity are no numbers in a table: they become null, and the row's status says why."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def build(name: str, rows: Sequence[Mapping[str, Any]], extra: Sequence[str] = ()) -> pa.Table:
    """Build a table of a declared schema from rows.

    Raises
    ------
    InputError
        When a row lacks a column that may not be null.
    """
    schema = arrow_schema(get_schema(name), extra)
    columns = {field.name: [_clean(row.get(field.name)) for row in rows] for field in schema}
    for field in schema:
        if not field.nullable and any(value is None for value in columns[field.name]):
            raise InputError(f"table '{name}'", f"column '{field.name}' has no value in some row", "give it one")
    return pa.table(columns, schema=schema)


def group_columns(table: pa.Table, name: str) -> list[str]:
    """Return the columns that the declared schema does not know: the group keys added by --within or --by."""
    schema = get_schema(name)
    return [column for column in table.column_names if schema.column(column) is None]
