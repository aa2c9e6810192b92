"""Tables: built from their schema, written atomically, read with their schema checked."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from rnnkit.atomic import atomic_path
from rnnkit.errors import FileError, InputError
from rnnkit.provenance import Provenance
from rnnkit.schemas import Column, Schema, get_schema

__all__ = [
    "FORMATS",
    "arrow_schema",
    "build",
    "check_group_keys",
    "describe",
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
#: Columns of lists. Fixed points are kept in full: rounded to float32 they would no longer stand still.
_LISTS: dict[str, pa.DataType] = {
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
        fields.append(pa.field(column.name, _TYPES[column.type], nullable=False))
    fields += [pa.field(name, pa.string(), nullable=True) for name in extra]
    for column in rest:
        if column.type in _LISTS:
            kind: pa.DataType = _LISTS[column.type]
            if column.type == "vector" and vectors is not None and column.name in vectors:
                kind = pa.list_(pa.float32(), vectors[column.name])
        else:
            kind = _TYPES[column.type]
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


def table_metadata(name: str, provenance: Provenance) -> dict[str, str]:
    """Return the metadata of a table file: its one key `rnnkit`, as JSON."""
    schema = get_schema(name)
    return {"rnnkit": json.dumps({"schema": name, "version": schema.version, **provenance.to_json()}, sort_keys=True)}


class _Unseekable(io.RawIOBase):
    """A stream that counts what it was given, so that a writer may ask where it is."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._position = 0
        #: Nothing more is passed on: the table stays without its end.
        self.abandoned = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self.abandoned:
            self._stream.write(data)
        size = memoryview(data).nbytes
        self._position += size
        return size

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        if not self.abandoned and not self._stream.closed:
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
                # Checksums: a bit that flips in a page is found when the table is read.
                self._parquet = pq.ParquetWriter(
                    cast(IO[bytes], self._stream), schema, compression="zstd", write_page_checksum=True
                )
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

    def abandon(self) -> None:
        """Leave the table without its end, so that nobody takes a part of it for the whole.

        pyarrow writes the end when the writer is collected, whatever happened before.
        """
        self._stream.abandoned = True


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
        with atomic_path(target) as temporary, temporary.open("wb") as handle, _writer(handle, form, metadata) as to:
            yield to
    else:
        with _writer(target, form, metadata) as to:
            yield to


@contextmanager
def _writer(stream: IO[bytes], form: str, metadata: Mapping[str, str]) -> Iterator[TableWriter]:
    writer = TableWriter(stream, form, metadata)
    try:
        yield writer
        writer.close()
    except BaseException:
        writer.abandon()
        raise


#: What pyarrow raises for damaged files; UnicodeDecodeError is a ValueError.
_DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, RecursionError)


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
    except _DAMAGE as error:
        raise FileError(where, f"is no readable Parquet table: {_first_line(error)}", "write it again") from error
    return table


def _read_text(path: Path, form: str, schema: Schema | None = None) -> pa.Table:
    """Read CSV or JSON lines, the columns of a declared schema in their declared types."""
    try:
        return _read_csv(path, schema) if form == "csv" else _read_jsonl(path, schema)
    except InputError:
        raise
    except (*_DAMAGE, csv.Error) as error:
        raise FileError(str(path), f"is no readable {form} table: {_first_line(error)}", "write it again") from error


def _text_type(name: str, schema: Schema | None, lists: pa.DataType | None) -> pa.DataType | None:
    """Return the type of a column in a text file, or None to go by its values.

    `lists` is the type that holds a list there, None for the column's own.
    """
    column = None if schema is None else schema.column(name)
    if column is not None:
        return lists or _LISTS[column.type] if column.type in _LISTS else _TYPES[column.type]
    # Group columns are strings: 0.30 must not become 0.3.
    return pa.string() if schema is not None and schema.extra_keys else None


def _read_csv(path: Path, schema: Schema | None) -> pa.Table:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        header = next(csv.reader(handle), [])
    _refuse_repeats(str(path), header)
    types = {name: kind for name in header if (kind := _text_type(name, schema, pa.string())) is not None}
    options = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    try:
        table = pa.csv.read_csv(path, convert_options=options)
    except pa.ArrowInvalid as error:
        place = re.match(r"In CSV column #(\d+): (?:Row #\d+: )?(.*)", _first_line(error))
        if place is None or int(place[1]) >= len(header):
            raise
        raise InputError(str(path), f"column '{header[int(place[1])]}': {place[2]}", "write it again") from error
    # Empty lines before the header are passed by here, not above.
    _refuse_repeats(str(path), table.column_names)
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
            raise InputError(str(path), f"column '{name}': {_first_line(error)}", "write it again") from error
    return pa.table(columns)


def _refuse_repeats(where: str, names: Sequence[str]) -> None:
    for name in names:
        if list(names).count(name) > 1:
            raise InputError(where, f"column '{name}' stands there twice", "give each column its own name")


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
        table = _read_text(source, form, get_schema(names[-1]))
    else:
        table = _read_parquet(source, where)
        _refuse_repeats(where, table.column_names)
    found = _metadata(table.schema, where)
    held = found.get("schema")
    if found and held not in names:
        raise InputError(where, f"holds a '{held}' table, expected {' or '.join(names)}", "give the right file")
    lacking = {name: [c for c in get_schema(name).columns if _lacks(table, c)] for name in names}
    name = str(held) if found else next((one for one in reversed(names) if not lacking[one]), names[0])
    schema = get_schema(name)
    if found and found.get("version") != schema.version:
        raise InputError(
            where, f"has schema version {found.get('version')}, expected {schema.version}", "write it again"
        )
    if lacking[name]:
        raise InputError(where, f"column '{lacking[name][0].name}' is missing", f"a '{name}' table needs it")
    for column in schema.columns:
        if column.name in table.column_names:
            table = _settled(table, column, where, form)
    return table, name


def _lacks(table: pa.Table, column: Column) -> bool:
    return column.name not in table.column_names and not column.optional


def _settled(table: pa.Table, column: Column, where: str, form: str) -> pa.Table:
    """Return the table with one declared column in its declared type, or raise InputError."""
    place = table.column_names.index(column.name)
    values: Any = table.column(place)
    if column.type in _LISTS:
        values = _vectors(values, column, where, form)
    else:
        values = _scalars(values, column, where)
    if values.null_count and not column.nullable:
        row = pc.index(pc.is_null(values), True).as_py()
        raise InputError(where, f"column '{column.name}' has no value in row {row}", "give it one")
    return table.set_column(place, column.name, values)


def _scalars(values: Any, column: Column, where: str) -> Any:
    wanted, held = _TYPES[column.type], values.type
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
    wanted, held = _LISTS[column.type], values.type
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
    wanted = _LISTS["complexes"].value_type  # type: ignore[attr-defined]
    return entry.equals(wanted) if kind == "complexes" else pa.types.is_floating(entry)


def read_rows(source: Path | IO[bytes]) -> pa.Table:
    """Read a table of any schema: a path by its ending, a stream as Parquet."""
    where = str(source) if isinstance(source, Path) else "standard input"
    if isinstance(source, Path) and not source.is_file():
        raise FileError(where, "is a folder" if source.is_dir() else "no such file", "check the name")
    if isinstance(source, Path) and source.suffix in (".csv", ".jsonl"):
        return _read_text(source, source.suffix.lstrip("."))
    return _read_parquet(source, where)


def describe(table: pa.Table, where: str) -> dict[str, Any]:
    """Return what a table of any schema holds: schema, provenance, rows and columns."""
    columns = {field.name: str(field.type) for field in table.schema}
    return {**_metadata(table.schema, where), "rows": table.num_rows, "columns": columns}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _metadata(schema: pa.Schema, where: str) -> dict[str, Any]:
    """Return what the one metadata key of a table says, or nothing for a table from elsewhere."""
    try:
        held = json.loads((schema.metadata or {}).get(b"rnnkit", b"{}"))
    except (ValueError, RecursionError) as error:
        raise FileError(where, "its metadata is damaged", "write it again") from error
    return held if isinstance(held, dict) else {}
