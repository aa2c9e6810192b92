"""Protocols: one network trained on a sequence of tasks, or of versions of one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnnkit.errors import InputError, unknown_name
from rnnkit.tasks import Task, make_task

__all__ = ["Phase", "make_phases", "parse_phases", "parse_protocol"]


@dataclass(frozen=True)
class Phase:
    """A stretch of training: its name in the protocol and the task it is on."""

    name: str
    task: Task


def parse_protocol(text: str | None) -> tuple[str, ...]:
    """Read `A,B,A`: the names of the phases in their order, which may come again.

    Examples
    --------
    >>> parse_protocol("A,B,A"), parse_protocol(None)
    (('A', 'B', 'A'), ())
    """
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if any(not name or ":" in name or "=" in name for name in names):
        raise InputError("--protocol", f"'{text}' is no list of phases", "separate names by commas, as in A,B,A")
    return names


def parse_phases(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Read `NAME:KEY=VALUE` texts: the task parameters that are a phase's own.

    Examples
    --------
    >>> parse_phases(["B:bits=3", "B:probability=0.5"])
    {'B': {'bits': '3', 'probability': '0.5'}}
    """
    phases: dict[str, dict[str, str]] = {}
    for text in texts:
        name, colon, rest = text.partition(":")
        key, equals, value = rest.partition("=")
        name, key, value = name.strip(), key.strip().replace("-", "_"), value.strip()
        if not (colon and equals and name and key and value):
            raise InputError("--phase", f"'{text}' is not NAME:KEY=VALUE", "for example B:probability=0.5")
        held = phases.setdefault(name, {})
        if key in held:
            raise InputError("--phase", f"'{name}:{key}' is given twice", "give it once")
        held[key] = value
    return phases


def make_phases(
    task: str,
    parameters: Mapping[str, Any],
    protocol: Sequence[str],
    changes: Mapping[str, Mapping[str, Any]],
) -> tuple[Phase, ...]:
    """Build the phases of a protocol.

    Parameters
    ----------
    task : str
        Of all phases.
    parameters : dict
        Task parameters of all phases.
    protocol : sequence of str
        Names in their order.
    changes : dict of dict, by name
        Parameters that are a phase's own; a name without an entry is the task as it is.

    Raises
    ------
    InputError
        When `changes` names a phase that does not come, or the phases do not fit one network.

    Examples
    --------
    >>> phases = make_phases("flipflop", {"bits": 2}, ["A", "B"], {"B": {"probability": 0.5}})
    >>> [(phase.name, phase.task.probability) for phase in phases]
    [('A', 0.3), ('B', 0.5)]
    """
    for name in changes:
        if not protocol:
            raise InputError("--phase", f"there is no protocol that '{name}' is part of", "add --protocol")
        if name not in protocol:
            raise unknown_name("--phase", name, protocol, "phase of the protocol")
    tasks = {name: make_task(task, {**parameters, **changes.get(name, {})}) for name in protocol}
    phases = tuple(Phase(name, tasks[name]) for name in protocol)
    for phase in phases[1:]:
        for kind in ("inputs", "outputs", "length"):
            here, before = getattr(phase.task, kind), getattr(phases[0].task, kind)
            if here != before:
                has = f"{here} steps" if kind == "length" else f"{here} {kind}"
                what = f"'{phase.name}' has {has}, '{phases[0].name}' has {before}"
                raise InputError("--phase", what, "all phases are on one network and share channels and length")
    return phases
