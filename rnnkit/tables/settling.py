"""Columns as they were read, in the types that their schema declares."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rnnkit.errors import InputError
from rnnkit.schemas import Column
from rnnkit.tables.building import LISTS, TYPES

__all__ = ["settled"]


def settled(table: pa.Table, column: Column, where: str, form: str) -> pa.Table:
    """Return the table with one declared column in its declared type, or raise InputError."""
    place = table.column_names.index(column.name)
    values: Any = table.column(place)
    if column.type in LISTS:
        values = _vectors(values, column, where, form)
    else:
        values = _scalars(values, column, where)
    if values.null_count and not column.nullable:
        row = pc.index(pc.is_null(values), True).as_py()
        raise InputError(where, f"column '{column.name}' has no value in row {row}", "give it one")
    return table.set_column(place, column.name, values)


def _scalars(values: Any, column: Column, where: str) -> Any:
    wanted, held = TYPES[column.type], values.type
    inner = held.value_type if pa.types.is_dictionary(held) else held
    alike = (
        (pa.types.is_string(wanted) and (pa.types.is_string(inner) or pa.types.is_large_string(inner)))
        or (pa.types.is_boolean(wanted) and pa.types.is_boolean(inner))
        or (pa.types.is_integer(wanted) and (pa.types.is_integer(inner) or pa.types.is_floating(inner)))
        or (pa.types.is_floating(wanted) and (pa.types.is_integer(inner) or pa.types.is_floating(inner)))
        or pa.types.is_null(inner)
    )
    try:
        if not alike:
            raise pa.ArrowTypeError("types differ")
        values = values.cast(wanted)
    except pa.ArrowException as error:
        raise InputError(where, f"column '{column.name}' is {held}, expected {wanted}", "write it again") from error
    if pa.types.is_floating(wanted):
        # Tables from elsewhere may hold NaN or infinity: no numbers, so null.
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, wanted))
    return values


def _vectors(values: Any, column: Column, where: str, form: str) -> Any:
    wanted, held = LISTS[column.type], values.type
    try:
        if form == "csv":
            lists = [None if v is None else json.loads(v) for v in values.to_pylist()]
            return pa.chunked_array([pa.array(lists, wanted)])
        vector = pa.types.is_fixed_size_list(held) or pa.types.is_list(held) or pa.types.is_large_list(held)
        if not vector or not _alike(held.value_type, column.type):
            raise pa.ArrowTypeError("types differ")
        return values
    except (pa.ArrowException, ValueError, RecursionError) as error:
        raise InputError(where, f"column '{column.name}' is {held}, expected lists", "write it again") from error


def _alike(entry: pa.DataType, kind: str) -> bool:
    """Whether lists of such entries will do for a column of lists."""
    wanted = LISTS["complexes"].value_type  # type: ignore[attr-defined]
    return entry.equals(wanted) if kind == "complexes" else pa.types.is_floating(entry)
