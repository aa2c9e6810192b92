"""`rnnkit tasks`."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated

import typer

NAME = "tasks"


def run(
    task: Annotated[str | None, typer.Argument(metavar="TASK", help="Task to describe.", show_default=False)] = None,
) -> None:
    """List the tasks, or one task's parameters, defaults and source."""
    from rnnkit.tasks import describe, task_class, task_names

    if task is None:
        width = max(map(len, task_names()))
        lines = [f"{name:<{width}}  {task_class(name).summary}" for name in task_names()]
    else:
        found = task_class(task)
        lines = [f"{task}: {found.summary}", f"source: {found.source}", "parameters (-t KEY=VALUE):"]
        lines += [f"  {p.name}={'' if p.default is None else p.default}  {p.type}  {p.help}" for p in describe(found)]
        preset = ", ".join(f"{key} {value}" for key, value in dataclasses.asdict(found.preset).items())
        lines += [f"training preset: {preset}"]
    sys.stdout.write("\n".join(lines) + "\n")
