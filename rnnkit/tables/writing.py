"""Batches of a table to a file or a stream, in one of three formats."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from rnnkit.atomic import atomic_path
from rnnkit.provenance import Provenance
from rnnkit.schemas import get_schema

__all__ = ["FORMATS", "TableWriter", "open_writer", "table_metadata"]

FORMATS = ("parquet", "csv", "jsonl")


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
