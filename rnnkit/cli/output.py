"""Where a table goes: a file, standard output, or a readable head on a terminal."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnkit.cli.talk import talk
from rnnkit.errors import InputError, unknown_name
from rnnkit.schemas import get_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from rnnkit.provenance import Provenance

__all__ = ["SHOWN", "check_apart", "check_aside", "check_output", "show", "write_table"]

_FORMATS = ("parquet", "csv", "jsonl")
#: Rows of a table that are shown.
SHOWN = 20
#: Columns of a terminal that are too few to tell what a table says.
_FEW = 6
#: Wider than any table.
_ENDLESS = 100_000
#: Lines said of a table that was written.
_LINES = 4


def check_output(out: Path | None, form: str | None, option: str = "--out") -> tuple[Path | None, str]:
    """Return the file (None for standard output) and the format, before any work is done.

    `option` is what an error names.

    Raises
    ------
    InputError
        For an ending or format that is not known.
    FileError
        When the folder cannot be written to.
    """
    if form is not None and form not in _FORMATS:
        raise unknown_name("--format", form, _FORMATS, "format")
    if out is None or str(out) == "-":
        return None, form or "parquet"
    ending = out.suffix.lstrip(".")
    if form is None and ending not in _FORMATS:
        raise InputError(
            f"{option} {out}", "its ending names no format", "end in .parquet, .csv or .jsonl, or add --format"
        )
    from rnnkit.atomic import check_target

    check_target(out)
    return out, form or ending


def check_aside(path: Path | None, option: str) -> tuple[Path | None, str]:
    """Return file and format of a table beside the main one, no file where it is not asked for.

    Raises
    ------
    InputError
        For standard output, where the main table may go, and as :func:`check_output`.
    """
    if path is not None and str(path) == "-":
        raise InputError(option, "goes to a file", "name a file")
    return check_output(path, None, option)


def check_apart(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Raise InputError when an output, by its option, is the same file as another output or an input.

    Examples
    --------
    >>> check_apart({"--out": Path("a.csv")}, {"--comparisons": Path("b.csv"), "--summary": None})
    >>> check_apart({"--out": Path("a.csv"), "--embed": Path("./a.csv")}, {})
    Traceback (most recent call last):
    rnnkit.errors.InputError: --embed: is the same file as --out (name another file)
    """
    taken: dict[Path, str] = {}
    for place, of in ((inputs, False), (outputs, True)):
        for option, path in place.items():
            if path is None or str(path) == "-":
                continue
            if of and path.resolve() in taken:
                raise InputError(option, f"is the same file as {taken[path.resolve()]}", "name another file")
            taken[path.resolve()] = option


def show(tables: Iterable[pa.Table], rows: int = SHOWN, more: str = "add -o FILE to write them all") -> set[str]:
    """Print the first rows as text; return the statuses seen.

    Columns without a value are left out, and on a terminal those that do not fit, last ones first, `status` kept:
    they are named on standard error, with `more`, how to see them.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    statuses: set[str] = set()
    cells: dict[str, list[str]] = {}
    total = 0
    for part in tables:
        statuses |= _statuses(part)
        for name in part.column_names:
            values = cells.setdefault(name, [])
            values += [_cell(value) for value in part.column(name).slice(0, rows - len(values)).to_pylist()]
        total += part.num_rows
    talk.close_bar()
    cells = {name: values for name, values in cells.items() if set(values) != {"-"}} or cells
    # Where there is no terminal to fit, nothing is left out or folded.
    console = Console() if sys.stdout.isatty() else Console(width=_ENDLESS)
    held = _fitted(cells, console.width) if sys.stdout.isatty() else cells
    names = list(held)
    shown = Table(*names, box=SIMPLE_HEAD)
    for row in zip(*held.values(), strict=True):
        shown.add_row(*row)
    console.print(shown)
    if total > rows or len(names) < len(cells):
        parts = f"{min(total, rows)} of {total} rows"
        if left := [name for name in cells if name not in names]:
            parts += f", without the columns {', '.join(left)}"
        talk.say(f"{parts}; {more}")
    return statuses


def _shortened(text: str, width: int) -> str:
    """Cut the middle out of a long text: names differ at their ends."""
    half = (width - 1) // 2
    return text if len(text) <= width else f"{text[:half]}…{text[-half:]}"


def _fitted(cells: dict[str, list[str]], width: int) -> dict[str, list[str]]:
    """Return the columns that fit a terminal, with long texts cut; cut more where few columns would be left."""
    for share in (3, 5):
        cut = {name: [_shortened(value, width // share) for value in values] for name, values in cells.items()}
        sizes = {name: max(map(len, [name, *values])) + 3 for name, values in cut.items()}
        names = list(cut)
        while sum(sizes[name] for name in names) + 1 > width and len(names) > 1:
            names.remove([name for name in names if name != "status"][-1])
        if len(names) >= _FEW:
            break
    return {name: cut[name] for name in names}


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        head = ", ".join(_entry(v) for v in value[:4])
        return f"[{head}{', ...' if len(value) > 4 else ''}]"
    return str(value)


def _entry(value: Any) -> str:
    """Return a number of a list; complex ones are held as {re, im}."""
    return f"{value['re']:.3g}{value['im']:+.3g}i" if isinstance(value, dict) else f"{value:.3g}"


def _statuses(table: pa.Table) -> set[str]:
    import pyarrow.compute as pc

    found = pc.unique(table.column("status")).to_pylist() if "status" in table.column_names else []
    return {str(status) for status in found}


class _Summing:
    """What is said of a table of this schema when all of it is written; nothing of one that has no sentence."""

    def __init__(self, name: str) -> None:
        from rnnkit.report.sentences import SENTENCES

        self._sentence = None if talk.quiet else SENTENCES.get(name)
        self._parts: list[pa.Table] = []

    def take(self, table: pa.Table) -> None:
        """Keep the few columns that the sentence is worked out from."""
        if self._sentence is not None:
            self._parts.append(table.select([name for name in self._sentence.columns if name in table.column_names]))

    def lines(self) -> list[str]:
        """Return the sentence's lines, the first of them where there are many."""
        if self._sentence is None or not sum(part.num_rows for part in self._parts):
            return []
        import pyarrow as pa

        return self._sentence.say(pa.concat_tables(self._parts).to_pandas())[:_LINES]


def write_table(
    name: str,
    tables: Iterable[pa.Table],
    target: tuple[Path | None, str],
    explicit: bool,
    provenance: Provenance,
) -> int:
    """Write the batches of a table; return the exit code: 1 when a row carries a failed status, else 0.

    Parameters
    ----------
    name : str
        The table's schema.
    tables : iterable of pyarrow.Table
    target : (Path or None, format)
        As :func:`check_output` gives it.
    explicit : bool
        A file, `-` or a format was asked for: then a terminal gets the table itself.
    provenance : Provenance
    """
    from rnnkit.tables import open_writer, table_metadata

    path, form = target
    if path is None and not explicit and sys.stdout.isatty():
        statuses = show(tables)
    else:
        statuses, summing = set(), _Summing(name if path is not None else "")
        # The metadata also hold what was chosen on the way to the first rows.
        tables = iter(tables)
        first = list(itertools.islice(tables, 1))
        with open_writer(path or sys.stdout.buffer, form, table_metadata(name, provenance)) as writer:
            for table in itertools.chain(first, tables):
                statuses |= _statuses(table)
                summing.take(table)
                writer.write(table)
        if path is not None:
            talk.say("\n  ".join([f"{path}: {writer.rows} row{'s' * (writer.rows != 1)}", *summing.lines()]))
        if path is None:
            sys.stdout.buffer.flush()
    bad = sorted(str(status) for status in statuses - get_schema(name).good)
    if bad:
        talk.say(f"some rows are flagged: {', '.join(bad)}")
    return 1 if bad else 0
