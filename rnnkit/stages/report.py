"""A folder of checkpoints and tables as one HTML page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, RnnkitError
from rnnkit.interop import load, network_names
from rnnkit.plots.words import many
from rnnkit.provenance import Provenance
from rnnkit.report.files import File, TableFile, find_files, open_table
from rnnkit.report.lineage import Made, Step, commands, versions
from rnnkit.report.page import Command, Grid, Page, Table, check_installed, render
from rnnkit.report.sentences import SENTENCES, flagged
from rnnkit.schemas import GOOD, SCHEMAS
from rnnkit.stages.info import info
from rnnkit.stages.report_plots import chosen_kinds, column_frame, plots

__all__ = ["Report", "report"]

#: Files of a command that are named one by one.
_NAMED = 6
#: Columns of the table of networks, of those that `info` has.
_SHOWN = (
    *("network", "task", "model", "units", "seed", "training_loss", "val_loss", "status"),
    *("task_parameters", "constants", "initial", "path"),
)

Progress = Callable[[float, float, str], None]


@dataclass(frozen=True)
class Report:
    """A page, and what is missing from it.

    Attributes
    ----------
    html : str
    missing : tuple of str
        A line for each file that could not be read and each picture, or part of one, that could not be drawn.
    files : tuple of Path
        That it is made from.
    """

    html: str
    missing: tuple[str, ...]
    files: tuple[Path, ...]


def report(
    folder: Path,
    *,
    title: str | None = None,
    rows: int = 50,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    kinds: Sequence[str] | None = None,
    static: bool = False,
    ran: Provenance | None = None,
    progress: Progress = lambda done, total, note: None,
) -> Report:
    """Return one page on everything in a folder and those below it.

    Parameters
    ----------
    folder : Path
        With checkpoints (`.safetensors`) and tables (`.parquet`, `.csv`, `.jsonl`).
    title : str, optional
        By default it names the folder.
    rows : int
        Of each table's head.
    include, exclude : sequence of str
        Patterns of the files to take and to leave, relative to the folder.
    kinds : sequence of str, optional
        Kinds of plots to draw; by default all that have their tables.
    static : bool
        No scripts: tables cannot be sorted, points do not say what they are.
    ran : Provenance, optional
        Of the page itself; its inputs are filled in here.
    progress : function of (done, total, note), optional

    Returns
    -------
    Report
        The same files and options give the same page.

    Raises
    ------
    FileError
        When there is no such folder, or nothing in it.
    InputError
        When a pattern fits no file, a kind is not known or has no table, or `rows` is no positive number.
    RnnkitError
        When jinja2, itables or matplotlib is not installed.
    """
    if rows < 1:
        raise InputError("--rows", f"{rows} is not a number of rows", "give 1 or more")
    check_installed()
    found = find_files(folder, include, exclude)
    held = _open(found, rows, progress)
    wanted = chosen_kinds(kinds, [table.schema for table in held.tables])
    anchors = {table.name: f"table-{k}" for k, table in enumerate(held.tables)}
    rest = [file for file in found if file.name not in anchors]
    anchors |= {file.name: f"file-{k}" for k, file in enumerate(rest)}
    links = {name: f"network-{k}" for k, name in enumerate(held.names)}
    drawn = plots(held.tables, wanted, links, anchors, folder, static, progress)
    made = [*(Made(*pair) for pair in held.networks), *(Made(table, table.note) for table in held.tables)]
    steps = commands(made, found)
    said = _sentences(held)
    named = {name for step in steps for name in step.files}
    page = Page(
        title=title or f"rnnkit report: {folder.resolve().name}",
        subtitle=_subtitle(held, len(drawn.plots)),
        sentences=said or ["The folder holds no table that a sentence could be made of."],
        problems=[*held.problems, *drawn.problems, *_flagged(held)],
        networks=_networks(held, links),
        plots=drawn.plots,
        tables=[_section(table, anchors[table.name], links) for table in held.tables],
        steps=[_command(step) for step in steps],
        silent=[one.file.name for one in made if one.file.name not in named],
        versions=[(text, _some(names)) for text, names in versions(made)],
        files=_files(found, anchors),
        anchors=anchors,
    )
    ran = ran or Provenance()
    ran = Provenance(ran.command, ran.parameters, {**ran.inputs, **{file.name: file.digest for file in found}})
    paths = tuple(file.path for file in found)
    return Report(render(page, ran, static), (*held.problems, *drawn.problems), paths)


@dataclass(frozen=True)
class _Held:
    """What the files hold: tables in the order of the schemas, networks with their notes, `info` of these."""

    tables: list[TableFile]
    networks: list[tuple[File, Mapping[str, Any]]]
    names: list[str]
    info: pa.Table | None
    snapshots: int
    problems: list[str]


def _open(found: Sequence[File], rows: int, progress: Progress) -> _Held:
    """Open each file, one at a time; what cannot be read becomes a line."""
    tables: list[TableFile] = []
    networks: list[tuple[File, Mapping[str, Any]]] = []
    parts: list[pa.Table] = []
    problems: list[str] = []
    kept = [file for file in found if file.path.suffix == ".safetensors" and not file.snapshots]
    names = dict(zip((file.name for file in kept), network_names([file.path for file in kept]), strict=True))
    for k, file in enumerate(found):
        progress(k, len(found), file.name)
        try:
            if file.path.suffix != ".safetensors":
                tables.append(open_table(file, rows))
            elif not file.snapshots:
                network = load(file.path).named(names[file.name])
                parts.append(info([network], [file.name]))
                networks.append((file, _note(network)))
        except RnnkitError as error:
            problems.append(str(error).replace(str(file.path), file.name))
    order = list(SCHEMAS)
    tables.sort(key=lambda table: (order.index(table.schema) if table.schema else len(order), table.name))
    return _Held(
        tables,
        networks,
        [names[file.name] for file, _ in networks],
        pa.concat_tables(parts) if parts else None,
        sum(file.snapshots for file in found),
        problems,
    )


def _note(network: Checkpoint) -> Mapping[str, Any]:
    return dict(network.provenance)


def _subtitle(held: _Held, pictures: int) -> str:
    counts = [
        (len(held.networks), "network"),
        (held.snapshots, "file of snapshots"),
        (len(held.tables), "table"),
        (pictures, "plot"),
    ]
    said = [many(count, noun).replace("file of snapshotss", "files of snapshots") for count, noun in counts if count]
    return ", ".join(said) + "."


def _sentences(held: _Held) -> list[str]:
    lines = [] if held.info is None else SENTENCES["info"].say(held.info.to_pandas())
    for name, sentence in SENTENCES.items():
        own = [table for table in held.tables if table.schema == name and table.rows]
        if name == "info" and held.info is not None:
            continue
        for table in own:
            try:
                said = sentence.say(column_frame(table, [one for one in sentence.columns if one in table.columns]))
            except RnnkitError as error:
                held.problems.append(str(error).replace(str(table.path), table.name))
                continue
            lines += [f"{table.name}: {line}" for line in said] if len(own) > 1 else said
    return lines


def _flagged(held: _Held) -> list[str]:
    lines = [
        flagged(table.name, table.rows, dict(table.statuses), SCHEMAS[table.schema].good if table.schema else GOOD)
        for table in held.tables
    ]
    if held.info is not None:
        counts = held.info.to_pandas()["status"].value_counts()
        lines.insert(0, flagged("networks", len(held.networks), {str(k): int(v) for k, v in counts.items()}))
    return [line for line in lines if line is not None]


def _networks(held: _Held, links: Mapping[str, str]) -> Grid | None:
    if held.info is None:
        return None
    rows = [[_text(name, row[name]) for name in _SHOWN] for row in held.info.select(_SHOWN).to_pylist()]
    caption = "Every network, with its task, architecture, last losses, and how its training ended."
    return Grid("Networks", caption, _SHOWN, rows, [links[name] for name in held.names], whole=True)


def _text(name: str, value: object) -> str:
    """Return a cell of the table of networks; what `info` keeps as JSON reads as settings are given.

    Examples
    --------
    >>> _text("task_parameters", '{"bits": 3, "start": "zero"}'), _text("initial", True), _text("seed", None)
    ('bits=3 start=zero', 'yes', '')
    """
    if value is None:
        return ""
    if name in ("task_parameters", "constants"):
        return " ".join(f"{key}={part}" for key, part in json.loads(str(value)).items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _section(table: TableFile, anchor: str, links: Mapping[str, str]) -> Table:
    schema = None if table.schema is None else SCHEMAS[table.schema]
    shown = "all" if len(table.head) == table.rows else f"the first {len(table.head)}"
    about = "A table of no schema of rnnkit." if schema is None else f"{schema.name}: {schema.summary}"
    meanings = [] if schema is None else [(c.name, _meaning(c.meaning, c.unit)) for c in schema.columns]
    return Table(
        *(f"{table.name}, head", f"{many(table.rows, 'row')} in all, {shown} here.", table.columns, table.head),
        links=links,
        anchor=anchor,
        name=table.name,
        about=about,
        meanings=[(name, text) for name, text in meanings if name in table.columns and text],
    )


def _meaning(meaning: str, unit: str) -> str:
    plain = meaning.replace("`", "")
    return f"{plain} ({unit})" if unit and plain else plain or unit


def _command(step: Step) -> Command:
    states = [state for _, _, state in step.read]
    said = {
        "unchanged": "in this folder and unchanged",
        "changed": "in this folder, but changed since",
        "elsewhere": "not in this folder",
    }
    each = [f"{states.count(state)} {words}" for state, words in said.items() if state in states]
    read = f"Read {many(len(states), 'file')}: {', '.join(each)}." if states else ""
    return Command(step.command, step.files[:_NAMED], max(0, len(step.files) - _NAMED), read, step.read)


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _files(found: Sequence[File], anchors: Mapping[str, str]) -> Grid:
    rows = [[file.name, str(file.path.stat().st_size), file.digest] for file in found]
    ids = ["" if anchors[file.name].startswith("table-") else anchors[file.name] for file in found]
    links = {name: anchor for name, anchor in anchors.items() if anchor.startswith("table-")}
    return Grid("Files", "Every file of this report.", ["file", "bytes", "SHA-256"], rows, ids, links, True)
