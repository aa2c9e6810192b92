"""Write the pages of the Python reference from docstrings: everything that a module lists in `__all__`.

`generate.py` calls this. Nothing here depends on when or where it runs, so the same code gives the same bytes.
"""

from __future__ import annotations

import ast
import enum
import html
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

#: Pages by file name: the title, what a reader finds there, and the packages and modules on it.
PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "python-stages.md": ("Stages", "Every command as a function.", ("rnnkit.stages",)),
    "python-files.md": (
        "Files and tables",
        "Checkpoints, tables, their schemas, where they come from, and what can go wrong.",
        (
            *("rnnkit.checkpoints", "rnnkit.history", "rnnkit.architectures", "rnnkit.tables", "rnnkit.schemas"),
            *("rnnkit.provenance", "rnnkit.errors", "rnnkit.random_streams", "rnnkit.devices", "rnnkit.atomic"),
            "rnnkit.journal",
        ),
    ),
    "python-tasks.md": ("Tasks", "Samplers of trials.", ("rnnkit.tasks",)),
    "python-models.md": ("Models", "Steps, scans and their gradients.", ("rnnkit.models",)),
    "python-training.md": ("Training", "The loop over an ensemble.", ("rnnkit.training",)),
    "python-metrics.md": ("Metrics", "Distances between networks.", ("rnnkit.metrics",)),
    "python-numerics.md": ("Numerics", "Methods as pure functions of arrays.", ("rnnkit.numerics",)),
    "python-plots.md": ("Plots and reports", "Tables in, figures and pages out.", ("rnnkit.plots", "rnnkit.report")),
    "python-interop.md": ("Other software's files", "Reading and writing them.", ("rnnkit.interop",)),
}

#: Headings of numpydoc sections whose lines are `name : type` with a description below.
_LISTED = ("Parameters", "Other Parameters", "Returns", "Yields", "Raises", "Attributes")
_SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)


def modules(names: tuple[str, ...]) -> list[ModuleType]:
    """Return these modules and all below them that list what is public, a package before its modules."""
    found = []
    for name in names:
        module = import_module(name)
        found.append(module)
        found += [
            import_module(inner.name)
            for inner in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}.")
            if not inner.name.rpartition(".")[2].startswith("_")
        ]
    return [module for module in found if getattr(module, "__all__", None)]


def public() -> dict[str, list[str]]:
    """Return the public names of every module but those of the command line."""
    # By the files, because a folder without an __init__ is a package too.
    folder = Path(str(import_module("rnnkit").__file__)).parent
    names = {f"rnnkit.{path.stem}" for path in folder.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    names -= {"rnnkit.cli", "rnnkit.__init__", "rnnkit.__main__"}
    return {module.__name__: sorted(module.__all__) for module in modules(tuple(sorted(names)))}


def text(words: str) -> str:
    """Return prose as Markdown: what stands in backticks stays code, nothing else is markup."""
    words = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", words)
    words = re.sub(r"``([^`]+)``", r"`\1`", words)
    parts = words.split("`")
    for k, part in enumerate(parts):
        escaped = html.escape(part, quote=False)
        if k % 2:
            parts[k] = f"<code>{escaped}</code>"
            continue
        for mark in "_*[]|":
            escaped = escaped.replace(mark, f"&#{ord(mark)};")
        parts[k] = escaped
    return "".join(parts)


def _paragraphs(body: str) -> Iterator[str]:
    """Yield blocks of prose, lists, and fenced blocks for whatever is indented, tabulated or an example."""
    for block in re.split(r"\n\s*\n", body.strip("\n")):
        if not block.strip():
            continue
        plain = inspect.cleandoc(block)
        if plain.startswith(">>>"):
            yield f"```pycon\n{plain}\n```"
        elif block.startswith(("    ", "==", "+-")):
            yield f"```text\n{plain}\n```"
        elif re.match(r"[-*] |\d+\. ", plain):
            items = re.split(r"\n(?=(?:[-*] |\d+\. ))", plain)
            yield "\n".join(f"- {text(' '.join(re.sub(r'^(?:[-*]|[0-9]+[.]) ', '', i).split()))}" for i in items)
        else:
            yield text(" ".join(plain.removesuffix("::").split())) + (":" if plain.endswith("::") else "")


def _entries(body: str) -> str:
    """Return `name : type` lines with indented descriptions as a list."""
    items: list[list[str]] = []
    for line in body.strip("\n").splitlines():
        if line and not line.startswith(" "):
            items.append([line, ""])
        elif items:
            items[-1][1] += f" {line.strip()}"
    shown = []
    for head, meaning in items:
        name, colon, kind = head.partition(" : ")
        held = f"<code>{html.escape(name, quote=False)}</code>" + (f" ({text(kind)})" if colon else "")
        shown.append(f"- {held}" + (f": {text(' '.join(meaning.split()))}" if meaning.strip() else ""))
    return "\n".join(shown)


def docstring(found: str) -> str:
    """Return a numpydoc docstring as Markdown."""
    first, *rest = _SECTION.split(found + "\n")
    parts = list(_paragraphs(first))
    for heading, body in zip(rest[::2], rest[1::2], strict=True):
        parts.append(f"**{heading}**")
        parts += [_entries(body)] if heading in _LISTED else list(_paragraphs(body))
    return "\n\n".join(parts) + "\n"


def _annotation(found: Any) -> str:
    return found if isinstance(found, str) else inspect.formatannotation(found)


def _default(value: Any) -> str:
    """A default as it would be typed; of what has no such form, the dots."""
    if isinstance(value, enum.Enum):
        return str(value)
    if callable(value):
        return getattr(value, "__name__", "...")
    shown = repr(value)
    return "..." if shown.startswith("<") or len(shown) > 60 else shown


def signature(name: str, found: Any) -> str:
    """Return a callable's name with its parameters, one to a line where they do not fit on one."""
    try:
        held = inspect.signature(found)
    except (TypeError, ValueError):
        return name
    shown: list[str] = []
    starred = False
    for parameter in held.parameters.values():
        if parameter.name in ("self", "cls") and not shown:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
        starred |= parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        mark = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        typed = "" if parameter.annotation is parameter.empty else f": {_annotation(parameter.annotation)}"
        given = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
        shown.append(f"{mark}{parameter.name}{typed}{given}")
    back = "" if held.return_annotation in (held.empty, None) else f" -> {_annotation(held.return_annotation)}"
    back = "" if inspect.isclass(found) else back
    line = f"{name}({', '.join(shown)}){back}"
    return line if len(line) <= 100 else f"{name}(\n    " + ",\n    ".join(shown) + f",\n){back}"


def _constant_notes(module: ModuleType) -> dict[str, str]:
    """What is said of a module's constants: in `#:` lines above them, or a string below."""
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    lines, notes = source.splitlines(), {}
    body = ast.parse(source).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        name = getattr(targets[0], "id", None)
        if name is None:
            continue
        above, line = [], node.lineno - 2
        while line >= 0 and lines[line].startswith("#:"):
            above.insert(0, lines[line].removeprefix("#:").strip())
            line -= 1
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            above = [inspect.cleandoc(after.value.value)]
        notes[name] = " ".join(above)
    return notes


def _constant(name: str, value: Any, note: str) -> str:
    """Return a constant's kind, what it is, and its value or keys where they are short."""
    kind = type(value).__name__
    said = [text(note)] if note else []
    if isinstance(value, bool | int | float | str | tuple | frozenset) and " at 0x" not in repr(value):
        held = sorted(value) if isinstance(value, frozenset) else value
        shown = f"{name} = {held!r}"
    elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
        shown = f"{name}: {kind} of " + ", ".join(map(repr, value))
    else:
        shown = f"{name}: {kind}" if " at 0x" in repr(value) or kind != "type" else f"{name} = {value!r}"
    return "\n\n".join([f"```python\n{shown}\n```", *said]) + "\n"


def _members(found: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class itself has and says something of."""
    for name, member in vars(found).items():
        if name.startswith("_"):
            continue
        inner = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if isinstance(inner, property) or inspect.isfunction(inner):
            yield name, inner


def _entry(name: str, found: Any, note: str) -> str:
    if not (inspect.isclass(found) or inspect.isroutine(found)) or (inspect.isclass(found) and not found.__module__):
        return _constant(name, found, note)
    said = inspect.getdoc(found) or note
    parts = [f"```python\n{'class ' if inspect.isclass(found) else ''}{signature(name, found)}\n```\n"]
    parts.append(docstring(said) if said else "")
    for inner, member in _members(found) if inspect.isclass(found) else ():
        held = inspect.getdoc(member)
        head = inner if isinstance(member, property) else signature(inner, member)
        parts += [f"```python\n{name}.{head}\n```\n", docstring(held) if held else ""]
    return "\n".join(part for part in parts if part)


def _home(module: ModuleType, name: str) -> str | None:
    """The module where what is listed here is described: this one, or the one that defines it."""
    found = getattr(module, name)
    named = getattr(found, "__module__", None) if inspect.isclass(found) or inspect.isroutine(found) else None
    if isinstance(named, str) and named.startswith("rnnkit.") and named != module.__name__:
        return named if found.__name__ in getattr(import_module(named), "__all__", ()) else None
    if named is None and name not in _constants(module.__name__):
        # A constant does not know its module: it is the one that assigns it.
        return next((m for m in public() if name in _constants(m) and _same(m, name, found)), None)
    return None


def _constants(module: str) -> dict[str, str]:
    if module not in _NOTES:
        _NOTES[module] = _constant_notes(import_module(module))
    return _NOTES[module]


_NOTES: dict[str, dict[str, str]] = {}


def _same(module: str, name: str, found: Any) -> bool:
    held = import_module(module)
    return name in held.__all__ and getattr(held, name) is found


def _page_of(module: str) -> str:
    return next(
        page for page, (_, _, roots) in PAGES.items() if any(module == r or module.startswith(f"{r}.") for r in roots)
    )


def _section(module: ModuleType) -> str:
    """Return one module: what it says of itself, then every public name, or where that is described."""
    parts = [f"## {module.__name__}\n", docstring(inspect.getdoc(module) or "")]
    elsewhere, here = [], []
    for name in sorted(module.__all__):
        home = _home(module, name)
        if home is not None and home != module.__name__:
            own = getattr(module, name)
            defined = own.__name__ if inspect.isclass(own) or inspect.isroutine(own) else name
            elsewhere.append(f"- [{text(name)}]({_page_of(home)}#{home}.{defined})")
        else:
            here.append(name)
    parts.append("\n".join(elsewhere) + "\n" if elsewhere else "")
    for name in here:
        note = _constants(module.__name__).get(name, "")
        heading = f"### {text(name)} {{ #{module.__name__}.{name} }}\n"
        parts += [heading, _entry(name, getattr(module, name), note)]
    return "\n".join(part for part in parts if part)


def page(file: str) -> str:
    """Return one page."""
    title, says, roots = PAGES[file]
    head = f"# Python: {title.lower()}\n\n{says} What these modules list in their `__all__`, from their docstrings.\n"
    return "\n".join([head, *map(_section, modules(roots))])


def pages() -> dict[str, Callable[[], str]]:
    """Return what makes each page, by its file."""
    return {file: (lambda file=file: page(file)) for file in PAGES}  # type: ignore[misc]
