"""Tables: built from their schema, written atomically, read with their schema checked."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from rnnkit.atomic import atomic_path
from rnnkit.errors import FileError, InputError
from rnnkit.provenance import Provenance
from rnnkit.schemas import Schema, get_schema

__all__ = [
    "FORMATS",
    "arrow_schema",
    "build",
    "describe_file",
    "group_columns",
    "open_writer",
    "read",
    "read_any",
    "read_rows",
    "table_metadata",
]

FORMATS = ("parquet", "csv", "jsonl")

_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}


def arrow_schema(schema: Schema, extra: Sequence[str] = (), vectors: Mapping[str, int] | None = None) -> pa.Schema:
    """Return the pyarrow schema; `extra` group columns come after the key, as strings.

    `vectors` gives the length of each `vector` column, a fixed-size list of float32.
    """
    fields: list[pa.Field[Any]] = []
    keys = [column for column in schema.columns if column.name in schema.key]
    rest = [column for column in schema.columns if column.name not in schema.key]
    for column in keys:
        fields.append(pa.field(column.name, _TYPES[column.type], nullable=False))
    fields += [pa.field(name, pa.string(), nullable=True) for name in extra]
    for column in rest:
        if column.type == "vector":
            if vectors is None or column.name not in vectors:
                kind: pa.DataType = pa.list_(pa.float32())
            else:
                kind = pa.list_(pa.float32(), vectors[column.name])
        else:
            kind = _TYPES[column.type]
        unit = {"unit": column.unit, "meaning": column.meaning}
        fields.append(pa.field(column.name, kind, nullable=column.nullable, metadata=unit))
    return pa.schema(fields)


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


def table_metadata(name: str, provenance: Provenance) -> dict[str, str]:
    """Return the metadata of a table file: its one key `rnnkit`, as JSON."""
    schema = get_schema(name)
    return {"rnnkit": json.dumps({"schema": name, "version": schema.version, **provenance.to_json()}, sort_keys=True)}


class _Unseekable(io.RawIOBase):
    """A stream that counts what it was given, so that a writer may ask where it is."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(data)
        size = memoryview(data).nbytes
        self._position += size
        return size

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()


class TableWriter:
    """Writes batches of one table to a stream, in one of the three formats."""

    def __init__(self, stream: IO[bytes], form: str, metadata: Mapping[str, str]) -> None:
        self._stream, self._form, self._metadata = _Unseekable(stream), form, dict(metadata)
        self._parquet: pq.ParquetWriter | None = None
        self._schema = pa.schema([])
        self._started = False
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        """Append a batch."""
        self.rows += table.num_rows
        if self._form == "parquet":
            if self._parquet is None:
                schema = table.schema.with_metadata(self._metadata)
                # A fixed row-group layout and no time stamps: the same rows give the same bytes.
                self._parquet = pq.ParquetWriter(cast(IO[bytes], self._stream), schema, compression="zstd")
                self._schema = schema
            self._parquet.write_table(table.cast(self._schema))
        elif self._form == "csv":
            options = pa.csv.WriteOptions(include_header=not self._started)
            pa.csv.write_csv(_flatten_vectors(table), cast(IO[bytes], self._stream), options)
        else:
            for row in table.to_pylist():
                self._stream.write((json.dumps(row, allow_nan=False) + "\n").encode())
        self._started = True

    def close(self) -> None:
        """Finish the table."""
        if self._parquet is not None:
            self._parquet.close()
        self._stream.flush()


def _flatten_vectors(table: pa.Table) -> pa.Table:
    """CSV has no lists: a vector column becomes one JSON string per row."""
    for k, field in enumerate(table.schema):
        if pa.types.is_fixed_size_list(field.type) or pa.types.is_list(field.type):
            values = [None if v is None else json.dumps(v) for v in table.column(k).to_pylist()]
            table = table.set_column(k, field.name, pa.array(values, pa.string()))
    return table


@contextmanager
def open_writer(target: Path | IO[bytes], form: str, metadata: Mapping[str, str]) -> Iterator[TableWriter]:
    """Give a writer to a file (whole or not at all) or an open binary stream."""
    if isinstance(target, Path):
        with atomic_path(target) as temporary, temporary.open("wb") as handle:
            writer = TableWriter(handle, form, metadata)
            yield writer
            writer.close()
    else:
        writer = TableWriter(target, form, metadata)
        yield writer
        writer.close()


def _read_parquet(source: Path | IO[bytes], where: str) -> pa.Table:
    try:
        if isinstance(source, Path):
            return pq.read_table(source, partitioning=None)
        return pq.read_table(pa.BufferReader(source.read()))
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        raise FileError(where, f"is no readable Parquet table: {_first_line(error)}", "write it again") from error


def _read_text(path: Path, form: str) -> pa.Table:
    try:
        if form == "csv":
            return pa.csv.read_csv(path)
        return pa.json.read_json(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise FileError(str(path), f"is no readable {form} table: {_first_line(error)}", "write it again") from error


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
        When a column is missing or of the wrong type, or the file holds another table.
    """
    where = where or (str(source) if isinstance(source, Path) else "standard input")
    if isinstance(source, Path) and not source.is_file():
        what = "is a folder" if source.is_dir() else "no such file"
        raise FileError(where, what, "give a table written by rnnkit")
    form = source.suffix.lstrip(".") if isinstance(source, Path) else "parquet"
    table = (
        _read_text(source, form) if isinstance(source, Path) and form in FORMATS[1:] else _read_parquet(source, where)
    )
    schema = get_schema(name)
    found = _metadata(table.schema, where)
    if found and found.get("schema") != name:
        raise InputError(where, f"holds a '{found.get('schema')}' table, expected '{name}'", "give the right file")
    if found and found.get("version") != schema.version:
        raise InputError(
            where, f"has schema version {found.get('version')}, expected {schema.version}", "write it again"
        )
    expected = arrow_schema(schema)
    for column in schema.columns:
        if column.name not in table.column_names and not column.optional:
            raise InputError(where, f"column '{column.name}' is missing", f"a '{name}' table needs it")
    return _checked_types(table, expected, where, form)


def _checked_types(table: pa.Table, expected: pa.Schema, where: str, form: str) -> pa.Table:
    """Return the table with its declared columns in their declared types, or raise InputError."""
    for k, field in enumerate(table.schema):
        if field.name not in expected.names:
            continue
        wanted = expected.field(field.name).type
        if pa.types.is_list(wanted):
            vector = pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
            if form == "csv" and pa.types.is_string(field.type):
                values = [None if v is None else json.loads(v) for v in table.column(k).to_pylist()]
                table = table.set_column(k, field.name, pa.array(values, wanted))
            elif not vector:
                raise InputError(where, f"column '{field.name}' is {field.type}, expected lists", "write it again")
        elif field.type != wanted:
            try:
                table = table.set_column(k, field.name, table.column(k).cast(wanted))
            except pa.ArrowInvalid as error:
                raise InputError(
                    where, f"column '{field.name}' is {field.type}, expected {wanted}", "write it again"
                ) from error
    return table


def read_any(path: Path, names: Sequence[str]) -> tuple[pa.Table, str]:
    """Read a Parquet table that may be of several schemas; return it with its schema's name."""
    held = str(describe_file(path).get("schema"))
    if held not in names:
        raise InputError(str(path), f"holds a '{held}' table, expected {' or '.join(names)}", "give the right file")
    return read(path, held), held


def describe_file(path: Path) -> dict[str, Any]:
    """Return what a table file holds: schema, provenance, rows and columns."""
    if not path.is_file():
        raise FileError(str(path), "no such file", "check the name")
    if path.suffix in (".csv", ".jsonl"):
        table = _read_text(path, path.suffix.lstrip("."))
        rows, schema, held = table.num_rows, table.schema, {}
    else:
        try:
            parquet = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise FileError(
                str(path), f"is no readable Parquet table: {_first_line(error)}", "write it again"
            ) from error
        rows, schema = parquet.metadata.num_rows, parquet.schema_arrow
        held = _metadata(schema, str(path))
    return {**held, "rows": rows, "columns": {field.name: str(field.type) for field in schema}}


def read_rows(path: Path) -> pa.Table:
    """Read a table of any schema, by its ending."""
    form = path.suffix.lstrip(".")
    return _read_text(path, form) if form in FORMATS[1:] else _read_parquet(path, str(path))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _metadata(schema: pa.Schema, where: str) -> dict[str, Any]:
    """Return what the one metadata key of a table says, or nothing for a table from elsewhere."""
    try:
        held = json.loads((schema.metadata or {}).get(b"rnnkit", b"{}"))
    except ValueError as error:
        raise FileError(where, "its metadata is damaged", "write it again") from error
    return held if isinstance(held, dict) else {}
