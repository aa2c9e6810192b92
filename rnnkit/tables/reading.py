"""Tables from files and streams, with their schema checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rnnkit.errors import FileError, InputError
from rnnkit.schemas import Column, get_schema
from rnnkit.tables.settling import settled
from rnnkit.tables.texts import DAMAGE, first_line, read_text, refuse_repeats
from rnnkit.tables.writing import FORMATS

__all__ = ["describe", "read", "read_any", "read_parts", "read_rows"]


def _piped(stream: IO[bytes], where: str) -> bytes:
    found = stream.read()
    if not found:
        raise FileError(where, "is empty", "look at what the command before it said")
    if not found.startswith(b"PAR1"):
        raise FileError(where, "holds no Parquet table", "pipe it without --format, or name a file")
    return found


def _read_parquet(source: Path | IO[bytes], where: str) -> pa.Table:
    try:
        held = source if isinstance(source, Path) else pa.BufferReader(_piped(source, where))
        table = pq.read_table(held, partitioning=None, page_checksum_verification=True)
        table.validate(full=True)
    except FileError:
        raise
    except DAMAGE as error:
        raise FileError(where, f"is no readable Parquet table: {first_line(error)}", "write it again") from error
    return table


def read(source: Path | IO[bytes], name: str, where: str | None = None) -> pa.Table:
    """Read a table and check that it is one of the declared schema.

    Parameters
    ----------
    source : Path or binary stream
        A stream holds Parquet; a path is read by its ending.
    name : str
        The schema expected.
    where : str, optional
        What to call the source in an error.

    Raises
    ------
    FileError
        When the file is missing or damaged.
    InputError
        When a column is missing, of the wrong type or without a value where it needs one, or the file holds
        another table.
    """
    return _read_as(source, (name,), where)[0]


def read_any(source: Path | IO[bytes], names: Sequence[str], where: str | None = None) -> tuple[pa.Table, str]:
    """Read a table that may be of several schemas; return it with its schema's name.

    A table that does not say what it is, is the first of those whose columns it has.
    """
    return _read_as(source, names, where)


def _read_as(source: Path | IO[bytes], names: Sequence[str], where: str | None) -> tuple[pa.Table, str]:
    where = where or (str(source) if isinstance(source, Path) else "standard input")
    if isinstance(source, Path) and not source.is_file():
        what = "is a folder" if source.is_dir() else "no such file"
        raise FileError(where, what, "give a table written by rnnkit")
    form = source.suffix.lstrip(".") if isinstance(source, Path) else "parquet"
    if isinstance(source, Path) and form in FORMATS[1:]:
        # The same columns have the same types in all schemas that are read as alternatives.
        table = read_text(source, form, get_schema(names[-1]))
    else:
        table = _read_parquet(source, where)
        refuse_repeats(where, table.column_names)
    name = _schema_of(table, names, where)
    for column in get_schema(name).columns:
        if column.name in table.column_names:
            table = settled(table, column, where, form)
    return table, name


def _schema_of(table: pa.Table, names: Sequence[str], where: str) -> str:
    """Return which of the schemas a table is of, or raise InputError where it is of none, or lacks a column."""
    found = _metadata(table.schema, where)
    held = found.get("schema")
    if found and held not in names:
        raise InputError(where, f"holds a '{held}' table, expected {' or '.join(names)}", "give the right file")
    lacking = {name: [c for c in get_schema(name).columns if _lacks(table, c)] for name in names}
    nearest = min(names, key=lambda one: len(lacking[one]))
    name = str(held) if found else next((one for one in reversed(names) if not lacking[one]), nearest)
    schema = get_schema(name)
    if found and found.get("version") != schema.version:
        raise InputError(
            where, f"has schema version {found.get('version')}, expected {schema.version}", "write it again"
        )
    if lacking[name]:
        raise InputError(where, f"column '{lacking[name][0].name}' is missing", f"a '{name}' table needs it")
    return name


def read_parts(
    source: Path | IO[bytes], name: str, columns: Sequence[str], where: str | None = None, rows: int = 1 << 16
) -> Iterator[pa.Table]:
    """Read some columns of a table, as :func:`read` does, a part of the rows at a time where the file allows it.

    Parameters
    ----------
    source : Path or binary stream
    name : str
        The schema expected.
    columns : sequence of str
        Of the schema; optional ones are left out where the file does not have them.
    where : str, optional
    rows : int
        Of a part of a Parquet file; text files and streams come whole.

    Raises
    ------
    FileError, InputError
        As :func:`read`, the first time a part is asked for, or when a damaged one is reached.
    """
    if not (isinstance(source, Path) and source.is_file() and source.suffix.lstrip(".") not in FORMATS[1:]):
        table = read(source, name, where)
        yield table.select([column for column in columns if column in table.column_names])
        return
    where, schema = where or str(source), get_schema(name)
    try:
        with pq.ParquetFile(source, page_checksum_verification=True) as held:
            refuse_repeats(where, held.schema_arrow.names)
            _schema_of(held.schema_arrow.empty_table(), (name,), where)
            here = [
                column for column in schema.columns if column.name in columns and column.name in held.schema_arrow.names
            ]
            for batch in held.iter_batches(batch_size=rows, columns=[column.name for column in here]):
                part = pa.Table.from_batches([batch])
                part.validate(full=True)
                for column in here:
                    part = settled(part, column, where, "parquet")
                yield part
    except InputError:
        raise
    except DAMAGE as error:
        raise FileError(where, f"is no readable Parquet table: {first_line(error)}", "write it again") from error


def _lacks(table: pa.Table, column: Column) -> bool:
    return column.name not in table.column_names and not column.optional


def read_rows(source: Path | IO[bytes]) -> pa.Table:
    """Read a table of any schema: a path by its ending, a stream as Parquet."""
    where = str(source) if isinstance(source, Path) else "standard input"
    if isinstance(source, Path) and not source.is_file():
        raise FileError(where, "is a folder" if source.is_dir() else "no such file", "check the name")
    if isinstance(source, Path) and source.suffix in (".csv", ".jsonl"):
        return read_text(source, source.suffix.lstrip("."))
    return _read_parquet(source, where)


def describe(table: pa.Table, where: str) -> dict[str, Any]:
    """Return what a table of any schema holds: schema, provenance, rows and columns."""
    columns = {field.name: str(field.type) for field in table.schema}
    return {**_metadata(table.schema, where), "rows": table.num_rows, "columns": columns}


def _metadata(schema: pa.Schema, where: str) -> dict[str, Any]:
    """Return what the one metadata key of a table says, or nothing for a table from elsewhere."""
    try:
        held = json.loads((schema.metadata or {}).get(b"rnnkit", b"{}"))
    except (ValueError, RecursionError) as error:
        raise FileError(where, "its metadata is damaged", "write it again") from error
    return held if isinstance(held, dict) else {}
