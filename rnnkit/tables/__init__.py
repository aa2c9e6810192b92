"""Tables: built from their schema, written atomically, read with their schema checked."""

from __future__ import annotations

from rnnkit.tables.building import arrow_schema, build, check_group_keys, group_columns
from rnnkit.tables.reading import describe, read, read_any, read_parts, read_rows
from rnnkit.tables.writing import FORMATS, TableWriter, open_writer, table_metadata

__all__ = [
    "FORMATS",
    "TableWriter",
    "arrow_schema",
    "build",
    "check_group_keys",
    "describe",
    "group_columns",
    "open_writer",
    "read",
    "read_any",
    "read_parts",
    "read_rows",
    "table_metadata",
]
