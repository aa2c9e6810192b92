"""Write the reference pages from the code: commands, schemas, tasks, metrics, models, and the Python reference.

The pages go to docs/reference/, which is not under version control. The same code gives the same bytes.
"""

from __future__ import annotations

import html
import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from rnnkit import architectures
from rnnkit.architectures import FAMILIES, OPTIONAL_TENSORS, Architecture
from rnnkit.cli.main import app
from rnnkit.metrics import METRICS, get_metric
from rnnkit.models.initialisation import default_initialisation
from rnnkit.schemas import SCHEMAS
from rnnkit.tasks import PRESETS, describe, make_task, task_class, task_names

# This file also runs where its folder is not on the path, as the tests load it.
sys.path.insert(0, str(Path(__file__).parent))
import manual_page
import python_reference

FOLDER = Path(__file__).parent / "reference"


def code(text: object) -> str:
    """Return text as code that may stand in a cell of a table."""
    return f"<code>{html.escape(str(text), quote=False).replace('|', '&#124;')}</code>"


def prose(text: object) -> str:
    """Return text that may stand in a cell: `code` stays code, nothing else is markup."""
    parts = str(text).split("`")
    plain = [html.escape(part, quote=False).replace("|", "&#124;").replace("_", "&#95;") for part in parts]
    joined = "".join(code(part) if k % 2 else plain[k] for k, part in enumerate(parts))
    return " ".join(joined.split())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def listing(rows: Iterable[tuple[str, str]]) -> str:
    """Return a list of names with what they are."""
    return "\n".join(f"- {name}: {value}" for name, value in rows) + "\n"


def commands() -> dict[str, Any]:
    """Return the commands by name, in the order of `rnnkit --help`."""
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def _default(parameter: Any) -> str:
    shown = parameter.default is not None and parameter.show_default and not parameter.is_flag
    return code(parameter.default) if shown else ""


def _kind(parameter: Any) -> str:
    """What stands after an option: its metavar, or the type of its value."""
    if parameter.is_flag:
        return ""
    if parameter.metavar:
        return str(parameter.metavar)
    annotation = parameter.type_descriptor.annotation
    return {int: "N", float: "X", str: "TEXT", Path: "PATH"}.get(annotation, "VALUE")


def _usage(name: str, command: Any) -> str:
    words = [f"rnnkit {name}", "[OPTIONS]"]
    for p in command.params:
        if p.param_type_name == "argument":
            shown = str(p.metavar or p.name.upper()).strip("[]")
            words.append(shown if p.required else f"[{shown}]")
    return " ".join(words)


def commands_page() -> str:
    """Return the page of all commands, as their `--help` has them."""
    parts = ["# Commands\n", "What `rnnkit COMMAND --help` says, for every command.\n"]
    for name, command in commands().items():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
        parts += [f"## rnnkit {name}\n", f"```text\n{_usage(name, command)}\n```\n"]
        parts += [prose(paragraph) + "\n" for paragraph in (command.help or "").split("\n\n")]
        parts.append(f"```text\n{(command.epilog or '').removeprefix('Example: ')}\n```\n")
        if arguments:
            rows = [
                (code(str(p.metavar or p.name).strip("[]")), code(p.default) if p.default else "", prose(p.help))
                for p in arguments
            ]
            parts.append(table(("argument", "default", "meaning"), rows))
        rows = []
        for p in sorted(options, key=lambda p: p.rich_help_panel == "Talk"):
            names = ", ".join([*sorted(p.opts, key=len, reverse=True), *p.secondary_opts])
            again = " (may be repeated)" if p.multiple and "repeated" not in p.help else ""
            must = " (required)" if p.required else ""
            rows.append((code(f"{names} {_kind(p)}".strip()), _default(p), prose(p.help + again + must)))
        parts.append(table(("option", "default", "meaning"), rows))
    return "\n".join(parts)


#: What columns of lists hold.
LISTS = {"vector": "list of float32", "vector64": "list of float64", "complexes": "list of {re, im}, float64"}


def schemas_page() -> str:
    """Return the page of all tables."""
    parts = [
        "# Tables\n",
        "Every table a command writes or reads. A column marked *null* holds a null where a number could not be",
        "had; `status` says why. How tables are stored: [Formats](../formats.md#tables).\n",
    ]
    for schema in SCHEMAS.values():
        key = ", ".join(code(name) for name in schema.key)
        parts += [f"## {schema.name}\n", f"{prose(schema.summary)} Version {schema.version}. Key: {key}.\n"]
        if schema.extra_keys:
            parts.append("Group columns, given by `--within` or `--by`, come after the key, as strings.\n")
        rows = []
        for column in schema.columns:
            marks = ", ".join(
                [mark for mark, held in (("null", column.nullable), ("optional", column.optional)) if held]
            )
            kind = LISTS.get(column.type, column.type)
            rows.append((code(column.name), kind, prose(column.unit), marks, prose(column.meaning)))
        parts.append(table(("column", "type", "unit", "may be", "meaning"), rows))
    return "\n".join(parts)


def _value(value: object) -> str:
    """Return a value as a user would type it."""
    if value is None:
        return ""
    if isinstance(value, float) and math.isclose(value, math.pi / 10):
        return "π/10"
    return code(str(value).lower() if isinstance(value, bool) else value)


def tasks_page() -> str:
    """Return the page of all tasks' parameters and presets."""
    parts = [
        "# Task parameters\n",
        "Set a parameter with `-t KEY=VALUE`. An empty default is settled from the other parameters.",
        "The rules of the tasks, and what was decided where the paper is silent: [Tasks](../tasks.md).\n",
    ]
    for name in task_names():
        found = task_class(name)
        task = make_task(name)
        parts += [
            f"## {name}\n",
            f"{prose(found.summary[0].upper() + found.summary[1:])}.\n",
            f"Source: {prose(found.source)}.\n",
            f"With the defaults: input channels {task.inputs}, output channels {task.outputs}, steps {task.length} "
            f"({task.ood().length} out of distribution).\n",
        ]
        rows = [(code(p.name), code(p.type), _value(p.default), prose(p.help)) for p in describe(found)]
        parts.append(table(("parameter", "type", "default", "meaning"), rows))
        preset = [(code(key), _value(value)) for key, value in asdict(found.preset).items()]
        parts += ["Training preset, used where the command line gives nothing:\n", table(("setting", "value"), preset)]
        for other, named in PRESETS.items():
            if named.task == name:
                held = [(code(key), _value(value)) for key, value in {**named.parameters, **named.settings}.items()]
                parts += [
                    f"### {other}\n",
                    f"{prose(named.summary[0].upper() + named.summary[1:])}. Source: {prose(named.source)}. "
                    "What differs from the above:\n",
                    table(("parameter or setting", "value"), held),
                ]
    return "\n".join(parts)


def metrics_page() -> str:
    """Return the page of all metrics."""
    parts = ["# Metrics\n", "The names that `rnnkit compare --metric` takes. More: [Compare](../compare.md).\n"]
    for name in METRICS:
        metric = get_metric(name)
        runs = "yes: on trials common to all networks" if metric.needs_activity else "no: from the weights alone"
        runs = "yes: on the task's out-of-distribution trials" if metric.needs_ood else runs
        rows = [("level", metric.level), ("definition", prose(metric.definition)), ("runs the networks", runs)]
        parts += [f"## {name}\n", listing(rows)]
    return "\n".join(parts)


#: Sizes that can be told apart in a shape, whatever the number of gates.
_SIZES = {"N": 1009, "I": 13, "O": 17, "R": 19}


def _symbol(extent: int) -> str:
    for name, size in _SIZES.items():
        if extent % size == 0:
            return name if extent == size else f"{extent // size}{name}"
    raise ValueError(extent)


def _equations() -> dict[str, tuple[str, str]]:
    """Step and readout of each family, from the one place where they are written."""
    found = {}
    for line in (architectures.__doc__ or "").splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        if len(cells) == 3 and cells[0].strip("`") in FAMILIES:
            found[cells[0].strip("`")] = (cells[1], cells[2])
    return found


def models_page() -> str:
    """Return the page of all model families."""
    parts = [
        "# Model families\n",
        "The names that `rnnkit train --model` and `rnnkit import --model` take. h is the state that tables show,",
        "phi the nonlinearity, N the number of units, I inputs, O outputs, R the rank. More: [Models](../models.md).\n",
    ]
    for name, (step, readout) in _equations().items():
        spec = FAMILIES[name]
        shape = Architecture(
            family=name,
            units=_SIZES["N"],
            inputs=_SIZES["I"],
            outputs=_SIZES["O"],
            rank=_SIZES["R"] if spec.low_rank else 0,
        )
        rate = f"{spec.rate_name}, default {spec.default_rate:g}" if spec.rate_name else "none"
        if name == "mup":
            rate = "tau, default the task's when training, 1 when importing"
        rows = [
            ("step", prose(step)),
            ("readout", prose(readout)),
            ("nonlinearity", ", ".join(spec.nonlinearities)),
            ("leak", rate),
            ("initialisation", default_initialisation(name)),
        ]
        tensors = [
            (code(key), code(f"({', '.join(map(_symbol, extents))}{',' * (len(extents) == 1)})"), optional)
            for key, extents in shape.shapes().items()
            for optional in ["zero" if key in OPTIONAL_TENSORS else ""]
        ]
        parts += [f"## {name}\n", f"{prose(spec.summary[0].upper() + spec.summary[1:])}.\n", listing(rows)]
        parts.append(table(("tensor", "shape", "if absent"), tensors))
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "schemas.md": schemas_page,
    "tasks.md": tasks_page,
    "metrics.md": metrics_page,
    "models.md": models_page,
    **python_reference.pages(),
}

#: All that is written: the pages, and the manual page.
FILES: dict[str, Callable[[], str]] = {**PAGES, "rnnkit.1": lambda: manual_page.manual_page(commands())}


def main(folder: Path = FOLDER) -> None:
    """Write every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in FILES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
