"""`rnnkit tasks`."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated, Any

import typer

from rnnkit.cli import completion

NAME = "tasks"
EXAMPLE = "rnnkit tasks flipflop"


def run(
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="TASK", help="Task or preset to describe.", show_default=False, autocompletion=completion.tasks
        ),
    ] = None,
) -> None:
    """List the tasks and presets, or the parameters, defaults and source of one."""
    from rnnkit.tasks import PRESETS, describe, make_task, task_class, task_names, task_parameters

    if task is None:
        width = max(map(len, (*task_names(), *PRESETS)))
        lines = [f"{name:<{width}}  {task_class(name).summary}" for name in task_names()]
        lines += [f"{name:<{width}}  preset of {p.task}: {p.summary}" for name, p in PRESETS.items()]
    else:
        found, named = task_class(task), PRESETS.get(task)
        about: Any = found if named is None else named
        held = {p.name: p.default for p in describe(found)} if named is None else task_parameters(make_task(task))
        preset = dataclasses.asdict(found.preset) | (dict(named.settings) if named else {})
        lines = [f"{task}: {about.summary}", f"source: {about.source}"]
        lines += [f"task: {named.task}"] if named else []
        lines += ["parameters (-t KEY=VALUE):"]
        lines += [
            f"  {p.name}={'' if held[p.name] is None else held[p.name]}  {p.type}  {p.help}" for p in describe(found)
        ]
        lines += ["training preset: " + ", ".join(f"{key} {value}" for key, value in preset.items())]
    sys.stdout.write("\n".join(lines) + "\n")
