"""The page: its parts as plain data, and the template that they go into."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from types import ModuleType
from typing import Any

from rnnkit._version import __version__
from rnnkit.errors import RnnkitError
from rnnkit.provenance import Provenance

__all__ = ["Command", "Grid", "Page", "Plot", "Table", "check_installed", "render", "unprinted"]

#: Characters of a row that fit a portrait page of A4 in seven points.
_PAPER = 120
#: A cell's width in characters counts at most so much: it is folded, as the head of a column is not.
_CELL = 22


@dataclass(frozen=True)
class Grid:
    """A table of the page.

    Attributes
    ----------
    label : str
        What a screen reader calls it.
    caption : str
    columns : sequence of str
    rows : sequence of sequences of str
        A cell per column.
    ids : sequence of str
        Of the rows, to link to them; may be empty.
    links : mapping of str to str
        Ids that cells of the first column lead to, by their text.
    whole : bool
        On paper, too, all rows are to be seen.
    """

    label: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    ids: Sequence[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False

    @property
    def unprinted(self) -> tuple[str, ...]:
        """Columns that paper is too narrow for."""
        return unprinted(self.columns, self.rows)


@dataclass(frozen=True)
class Table(Grid):
    """A table's section: its head, where it stands, what it is, and what its columns mean."""

    anchor: str = ""
    name: str = ""
    about: str = ""
    meanings: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Plot:
    """A picture's section; `width` in CSS pixels is its size on paper, `command` draws it by itself."""

    anchor: str
    title: str
    markup: str
    alt: str
    width: int
    command: str
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Command:
    """A command's entry: the first files that it wrote and how many more, and what it read, in words and in full."""

    command: str
    files: Sequence[str]
    more: int
    said: str
    read: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Page:
    """All that a page says.

    Attributes
    ----------
    title, subtitle : str
    sentences, problems : sequence of str
    networks : Grid or None
    plots, tables, steps
        Sections, in order.
    silent : sequence of str
        Files that name no command.
    versions : sequence of (str, str)
        Software, and the files made with it.
    files : Grid
    anchors : mapping of str to str
        The id of each file's place in the page, by its name.
    """

    title: str
    subtitle: str
    sentences: Sequence[str]
    problems: Sequence[str]
    networks: Grid | None
    plots: Sequence[Plot]
    tables: Sequence[Table]
    steps: Sequence[Command]
    silent: Sequence[str]
    versions: Sequence[tuple[str, str]]
    files: Grid
    anchors: Mapping[str, str]


def unprinted(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the columns that do not fit on paper: the last ones, `status` kept.

    Examples
    --------
    >>> unprinted(["network", "a" * 90, "b", "c" * 20, "status"], [["n", "", "", "", "ok"]])
    ('cccccccccccccccccccc',)
    >>> unprinted(["network", "a", "b", "status"], [["n" * 22, "1" * 80, "2" * 80, "ok"]])
    ()
    >>> unprinted([*"abcdefg"], [["x" * 22] * 7])
    ('f', 'g')
    """
    widths = {name: 2 + max(len(name), *(min(_CELL, len(row[k])) for row in rows), 0) for k, name in enumerate(columns)}
    left = _PAPER - widths.get("status", 0)
    gone = []
    for name in columns:
        if name == "status":
            continue
        left -= widths[name]
        if left < 0:
            gone.append(name)
    return tuple(gone)


def check_installed() -> tuple[ModuleType, ModuleType]:
    """Return jinja2 and itables.

    Raises
    ------
    RnnkitError
        When one of them is not installed.
    """
    try:
        import itables
        import jinja2
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("jinja2", "itables", "markupsafe"):
            raise
        raise RnnkitError("report", f"{missing} is not installed", "pip install 'rnnkit[report]'") from error
    return jinja2, itables


def render(page: Page, ran: Provenance | None = None, static: bool = False) -> str:
    """Return the page as HTML that needs no other file and no network.

    Parameters
    ----------
    page : Page
        All texts are escaped but for the markup of pictures.
    ran : Provenance, optional
        Of the page itself; kept as JSON in its `rnnkit` meta element.
    static : bool
        Leave out the scripts: tables cannot be sorted or filtered.

    Raises
    ------
    RnnkitError
        When jinja2 or itables is not installed.
    """
    jinja2, itables = check_installed()
    held = (ran or Provenance()).to_json()
    held["software"] |= {"jinja2": jinja2.__version__, "itables": itables.__version__}
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_own),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    safe: Any = environment.filters["safe"]
    html: str = environment.get_template("page.html.j2").render(
        vars(page)
        | {
            "plots": [vars(plot) | {"markup": safe(plot.markup)} for plot in page.plots],
            "version": __version__,
            "command": held["command"],
            "provenance": json.dumps(held, sort_keys=True),
            "style": safe(_own("page.css")),
            "script": "" if static else safe(_script(_bundle("dt_bundle.js"))),
            "table_style": "" if static else safe(_bundle("dt_bundle.css")),
        }
    )
    return html


def _own(name: str) -> str:
    return (files("rnnkit.report") / name).read_text(encoding="utf-8")


def _bundle(name: str) -> str:
    """Return a file of DataTables as the itables package carries it."""
    return (files("itables") / "html" / name).read_text(encoding="utf-8")


def _script(bundle: str) -> str:
    """Return the page's module, with the bundle as one that it imports.

    In base 64 nothing in the bundle can end the script element early.
    """
    data = base64.b64encode(bundle.encode()).decode()
    return f'import DataTable from "data:text/javascript;base64,{data}";\n{_own("page.js")}'
