"""What is in a folder: tables with their heads, files of networks, their digests and where they come from."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rnnkit.checkpoints import HISTORY_SUFFIX
from rnnkit.errors import FileError, InputError, RnnkitError
from rnnkit.provenance import file_digest
from rnnkit.schemas import SCHEMAS
from rnnkit.tables import FORMATS, describe, read

__all__ = ["File", "TableFile", "find_files", "open_table"]

_ENDINGS = (*(f".{form}" for form in FORMATS), ".safetensors")
#: What pyarrow and the csv and json modules raise for damaged files; UnicodeDecodeError is a ValueError.
_DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, RecursionError, csv.Error)
#: Numbers of a list that a head shows.
_SHOWN = 4
#: Texts of numbers up to this length are left as they are.
_DIGITS = 10
#: Rows that are decoded at a time, to count statuses.
_BATCH = 65_536


@dataclass(frozen=True)
class File:
    """A file of the folder.

    Attributes
    ----------
    path : Path
        To open it.
    name : str
        Relative to the folder, with forward slashes.
    digest : str
        SHA-256 of its bytes.
    """

    path: Path
    name: str
    digest: str

    @property
    def folder(self) -> str:
        """The folder that it is in, relative to the whole one; empty for the latter itself."""
        return self.name.rpartition("/")[0]

    @property
    def snapshots(self) -> bool:
        """Whether it holds snapshots of a network's training."""
        return self.name.endswith(HISTORY_SUFFIX)


@dataclass(frozen=True)
class TableFile(File):
    """A table of the folder.

    Attributes
    ----------
    schema : str or None
        Declared schema, None for a table from elsewhere.
    note : mapping
        Command, parameters, software and inputs, as the file says; empty where it says nothing.
    rows : int
    columns : tuple of str
    head : tuple of tuple of str
        The first rows as text, a cell per column; empty for null.
    statuses : mapping of str to int
        How many rows have each status; empty for a table without.
    """

    schema: str | None = None
    note: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    columns: tuple[str, ...] = ()
    head: tuple[tuple[str, ...], ...] = ()
    statuses: Mapping[str, int] = field(default_factory=dict)


def find_files(folder: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[File]:
    """Return the tables and checkpoints of a folder and of those below it, sorted by name.

    Parameters
    ----------
    folder : Path
    include, exclude : sequence of str
        Shell patterns of names relative to the folder; `*` also stands for slashes. Without `include`, all files.
        Hidden files and folders are passed by.

    Raises
    ------
    FileError
        When there is no such folder, nothing in it can be reported, or a file cannot be read.
    InputError
        For a pattern of `include` or `exclude` that no file has.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for file in ("b.csv", "a.parquet", "a.txt", ".c.csv"):
    ...         _ = (Path(name) / file).write_text("x")
    ...     [file.name for file in find_files(Path(name), exclude=["b*"])]
    ['a.parquet']
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "no such folder"
        raise FileError(str(folder), what, "give a folder with checkpoints and tables")
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.suffix in _ENDINGS}
    shown = {name: path for name, path in paths.items() if not any(p.startswith(".") for p in name.split("/"))}
    names = sorted(name for name, path in shown.items() if path.is_file())
    if not names:
        made = folder / "ckpts"
        fix = f"fill it: rnnkit train flipflop -o {made}; rnnkit compare {made} -o {folder / 'dist.parquet'}"
        raise FileError(str(folder), "holds no checkpoint and no table", fix)
    for option, patterns in (("--include", include), ("--exclude", exclude)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise InputError(option, f"'{pattern}' fits no file of {folder}", f"there is {_some(names)}")
    kept = [name for name in names if not include or any(fnmatchcase(name, one) for one in include)]
    kept = [name for name in kept if not any(fnmatchcase(name, one) for one in exclude)]
    if not kept:
        raise InputError("--exclude", "leaves no file to report", "exclude less")
    return [File(shown[name], name, file_digest(shown[name])) for name in kept]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def open_table(file: File, rows: int) -> TableFile:
    """Return what a table holds, with its first rows; no more of it is in memory than a part at a time.

    Raises
    ------
    FileError
        When it is damaged.
    InputError
        When its columns are not those of the table that it says it is.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path = Path(name) / "t.csv"
    ...     _ = path.write_text("network,status\\na,ok\\nb,ok\\n")
    ...     table = open_table(File(path, "t.csv", ""), 1)
    >>> table.rows, table.head, table.statuses
    (2, (('a', 'ok'),), {'ok': 2})
    """
    try:
        return _parquet(file, rows) if file.path.suffix == ".parquet" else _text(file, rows)
    except RnnkitError:
        raise
    except _DAMAGE as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(file.name, f"is no readable table: {line}", "write it again") from error


def _parquet(file: File, rows: int) -> TableFile:
    with pq.ParquetFile(file.path, page_checksum_verification=True) as held:
        schema = held.schema_arrow
        note = describe(schema.empty_table(), file.name)
        first = next(held.iter_batches(batch_size=rows), None)
        statuses: Counter[str] = Counter()
        if "status" in schema.names:
            for batch in held.iter_batches(batch_size=_BATCH, columns=["status"]):
                statuses.update(str(value) for value in batch.column(0).to_pylist())
        count = held.metadata.num_rows
    head = () if first is None else tuple(zip(*(map(_cell, c.to_pylist()) for c in first.columns), strict=True))
    known = note.get("schema")
    name = known if known in SCHEMAS else _fitting(schema.names)
    if name is not None:
        _check(schema, name, file.name)
    return TableFile(
        *(file.path, file.name, file.digest, name),
        note=note,
        rows=count,
        columns=tuple(schema.names),
        head=head,
        statuses=dict(statuses),
    )


def _check(schema: pa.Schema, name: str, where: str) -> None:
    """Raise InputError unless the columns are those of the declared schema, as whoever reads the table finds."""
    stream = io.BytesIO()
    pq.write_table(schema.empty_table(), stream)
    stream.seek(0)
    read(stream, name, where)


def _text(file: File, rows: int) -> TableFile:
    """Read a text table a line at a time."""
    with file.path.open(encoding="utf-8-sig", newline="") as handle:
        columns, head = dict[str, None](), list[dict[str, Any]]()
        if file.path.suffix == ".csv":
            reader = csv.DictReader(handle, strict=True)
            columns |= dict.fromkeys(reader.fieldnames or [])
            lines = _csv_rows(reader)
        else:
            lines = _json_rows(handle)
        statuses, count = Counter[str](), 0
        for row in lines:
            columns |= dict.fromkeys(row)
            if count < rows:
                head.append(row)
            count += 1
            if "status" in row:
                statuses[str(row["status"])] += 1
    names = tuple(columns)
    return TableFile(
        *(file.path, file.name, file.digest, _fitting(names)),
        rows=count,
        columns=names,
        head=tuple(tuple(_cell(row.get(name)) for name in names) for row in head),
        statuses=dict(statuses),
    )


def _csv_rows(rows: csv.DictReader[str]) -> Iterator[dict[str, Any]]:
    for row in rows:
        if None in row or None in row.values():  # what DictReader does with too many cells, and with too few
            raise ValueError(f"line {rows.line_num} has not {len(rows.fieldnames or [])} cells")
        yield {name: _shortened(cell) for name, cell in row.items()}


def _shortened(cell: str) -> str:
    """Return a number of many digits to six of them, and any other text as it is.

    Examples
    --------
    >>> _shortened("0.00018645425097929547"), _shortened("0.30"), _shortened("a-long-name-1")
    ('0.000186454', '0.30', 'a-long-name-1')
    """
    if len(cell) <= _DIGITS or not set(cell) <= set("0123456789.eE+-"):
        return cell
    try:
        return f"{float(cell):.6g}"
    except ValueError:
        return cell


def _json_rows(handle: Any) -> Iterator[dict[str, Any]]:
    for line in handle:
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a line holds no JSON object")
            yield row


def _fitting(names: Sequence[str]) -> str | None:
    """Return the schema whose columns these are; of several, the one with the most of them."""
    held = set(names)
    shared = {
        name: len(held & {column.name for column in schema.columns})
        for name, schema in SCHEMAS.items()
        if {column.name for column in schema.columns if not column.optional} <= held
    }
    return max(shared, key=lambda name: shared[name], default=None)


def _cell(value: object) -> str:
    """Return a value as text: numbers to six digits, the first entries of a list.

    Examples
    --------
    >>> _cell(1 / 3), _cell(None), _cell([1.0, 2.5]), _cell([{"re": 1.0, "im": -2.0}])
    ('0.333333', '', '1, 2.5', '1-2i')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        head = ", ".join(_entry(one) for one in itertools.islice(value, _SHOWN))
        return f"{head}, … ({len(value)})" if len(value) > _SHOWN else head
    return str(value)


def _entry(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['re']:.3g}{value['im']:+.3g}i" if {"re", "im"} <= set(value) else str(value)
    return f"{value:.3g}" if isinstance(value, int | float) else str(value)
