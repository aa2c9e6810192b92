"""CSV and JSON lines, the columns of a declared schema in their declared types."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from rnnkit.errors import FileError, InputError
from rnnkit.schemas import Schema
from rnnkit.tables.building import LISTS, TYPES

__all__ = ["DAMAGE", "first_line", "read_text", "refuse_repeats"]

#: What pyarrow raises for damaged files; UnicodeDecodeError is a ValueError.
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, RecursionError)


def read_text(path: Path, form: str, schema: Schema | None = None) -> pa.Table:
    """Read CSV or JSON lines, the columns of a declared schema in their declared types."""
    try:
        return _read_csv(path, schema) if form == "csv" else _read_jsonl(path, schema)
    except InputError:
        raise
    except (*DAMAGE, csv.Error) as error:
        raise FileError(str(path), f"is no readable {form} table: {first_line(error)}", "write it again") from error


def _text_type(name: str, schema: Schema | None, lists: pa.DataType | None) -> pa.DataType | None:
    """Return the type of a column in a text file, or None to go by its values.

    `lists` is the type that holds a list there, None for the column's own.
    """
    column = None if schema is None else schema.column(name)
    if column is not None:
        return lists or LISTS[column.type] if column.type in LISTS else TYPES[column.type]
    # Group columns are strings: 0.30 must not become 0.3.
    return pa.string() if schema is not None and schema.extra_keys else None


def _read_csv(path: Path, schema: Schema | None) -> pa.Table:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        header = next(csv.reader(handle), [])
    refuse_repeats(str(path), header)
    types = {name: kind for name in header if (kind := _text_type(name, schema, pa.string())) is not None}
    options = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    try:
        table = pa.csv.read_csv(path, convert_options=options)
    except pa.ArrowInvalid as error:
        place = re.match(r"In CSV column #(\d+): (?:Row #\d+: )?(.*)", first_line(error))
        if place is None or int(place[1]) >= len(header):
            raise
        raise InputError(str(path), f"column '{header[int(place[1])]}': {place[2]}", "write it again") from error
    # Empty lines before the header are passed by here, not above.
    refuse_repeats(str(path), table.column_names)
    return table


def _read_jsonl(path: Path, schema: Schema | None) -> pa.Table:
    with path.open(encoding="utf-8") as handle:
        rows = [json.loads(line) for line in handle if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise InputError(str(path), "a line holds no JSON object", "write a row a line, as {column: value}")
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        kind = _text_type(name, schema, None)
        try:
            columns[name] = pa.array(values, kind)
        except (pa.ArrowException, OverflowError) as error:
            raise InputError(str(path), f"column '{name}': {first_line(error)}", "write it again") from error
    return pa.table(columns)


def refuse_repeats(where: str, names: Sequence[str]) -> None:
    """Raise InputError when two columns have one name."""
    for name in names:
        if list(names).count(name) > 1:
            raise InputError(where, f"column '{name}' stands there twice", "give each column its own name")


def first_line(error: Exception) -> str:
    """Return what an error says in its first line, or else its kind."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
