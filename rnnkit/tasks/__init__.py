"""The tasks by name. A task's module is imported when the task is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib import import_module

from rnnkit.errors import unknown_name
from rnnkit.tasks.base import Preset, Task, Trials
from rnnkit.tasks.parameters import Parameter, describe
from rnnkit.tasks.presets import PRESETS, NamedPreset

__all__ = [
    "PRESETS",
    "TASKS",
    "NamedPreset",
    "Parameter",
    "Preset",
    "Task",
    "Trials",
    "describe",
    "make_task",
    "override",
    "task_class",
    "task_names",
    "task_parameters",
]

TASKS: dict[str, str] = {
    "context-integration": "rnnkit.tasks.context_integration:ContextIntegration",
    "copy": "rnnkit.tasks.copying:Copy",
    "damped-filter": "rnnkit.tasks.damped_filter:DampedFilter",
    "delayed-addition": "rnnkit.tasks.delayed_addition:DelayedAddition",
    "delayed-discrimination": "rnnkit.tasks.delayed_discrimination:DelayedDiscrimination",
    "evidence-accumulation": "rnnkit.tasks.evidence_accumulation:EvidenceAccumulation",
    "filter": "rnnkit.tasks.filter:Filter",
    "flipflop": "rnnkit.tasks.flipflop:FlipFlop",
    "flipflop-pulse": "rnnkit.tasks.flipflop_pulse:FlipFlopPulse",
    "path-integration": "rnnkit.tasks.path_integration:PathIntegration",
    "sine": "rnnkit.tasks.sine:Sine",
}
"""Where each task lives, as module:class."""


def task_names() -> list[str]:
    """Return the names of all tasks, sorted.

    Examples
    --------
    >>> "flipflop" in task_names()
    True
    """
    return sorted(TASKS)


def task_class(name: str) -> type[Task]:
    """Return the class of a task, given its name or that of a preset.

    Raises
    ------
    InputError
        If no task has this name.

    Examples
    --------
    >>> task_class("sine").__name__
    'Sine'
    """
    if name in PRESETS:
        name = PRESETS[name].task
    if name not in TASKS:
        raise unknown_name("TASK", name, (*TASKS, *PRESETS), "task")
    module, _, class_name = TASKS[name].partition(":")
    found: type[Task] = getattr(import_module(module), class_name)
    return found


def make_task(name: str, parameters: Mapping[str, object] | None = None) -> Task:
    """Build a task from its name and parameters, given as text from a command line or already typed.

    Parameters
    ----------
    name : str
        One of :func:`task_names`, or of :data:`PRESETS`, which have defaults of their own.
    parameters : mapping, optional
        Parameters that differ from their defaults.

    Raises
    ------
    InputError
        If the task or a parameter is unknown, or a value does not fit.

    Examples
    --------
    >>> make_task("flipflop", {"bits": "2", "start": "pulse"})
    FlipFlop(bits=2, probability=0.3, steps=100, start='pulse')
    >>> make_task("schur/flipflop", {"bits": "2"})
    FlipFlop(bits=2, probability=0.05, steps=25, start='zero')
    """
    found = task_class(name)
    parameters = {**(PRESETS[name].parameters if name in PRESETS else {}), **(parameters or {})}
    known = {item.name for item in fields(found)}
    for parameter in parameters:
        if parameter not in known:
            raise unknown_name(name, parameter, known, "parameter")
    return found(**parameters)


def task_parameters(task: Task) -> dict[str, bool | int | float | str]:
    """Return a task's parameters as plain values, such as JSON can hold.

    `make_task(task.name, task_parameters(task))` is the same task again.

    Examples
    --------
    >>> task_parameters(make_task("flipflop"))
    {'bits': 3, 'probability': 0.3, 'steps': 100, 'start': 'zero'}
    """
    return asdict(task)


def override(task: Task, changes: Mapping[str, object]) -> Task:
    """Return the same task with some parameters changed.

    A parameter that a task settles from others (its default is None) is settled anew, unless it had been
    set to something else.

    Examples
    --------
    >>> longer = override(make_task("delayed-discrimination"), {"delay_max": 30})
    >>> longer.length
    70
    """
    kept: dict[str, object] = dict(task_parameters(task))
    for item in fields(task):
        rest = {name: value for name, value in kept.items() if name != item.name}
        if item.default is None and make_task(task.name, rest) == task:
            kept = rest
    return make_task(task.name, {**kept, **changes})
