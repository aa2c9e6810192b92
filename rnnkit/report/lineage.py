"""How the files of a folder came about: commands in an order that works, inputs that changed since, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from rnnkit.report.files import File

__all__ = ["Made", "Step", "commands", "versions"]


@dataclass(frozen=True)
class Made:
    """A file, with what it says about how it was made.

    Attributes
    ----------
    file : File
    note : mapping
        `command`, `software`, `inputs` as :meth:`rnnkit.provenance.Provenance.to_json` gives them; may be empty.
    """

    file: File
    note: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """A command, the files that say they are by it, and what it read.

    Attributes
    ----------
    command : str
    files : tuple of str
    read : tuple of (str, str, str)
        Name as it was given, SHA-256 at the time, and state: `unchanged`, `changed` or `elsewhere`.
    """

    command: str
    files: tuple[str, ...]
    read: tuple[tuple[str, str, str], ...]


def commands(made: Sequence[Made], files: Sequence[File]) -> list[Step]:
    """Return the commands that made the files, each after those that made what it read.

    Parameters
    ----------
    made : sequence of Made
        The files that name their command are considered.
    files : sequence of File
        All files of the folder: an input is `unchanged` if one of them has its digest, `changed` if one has its name
        and another digest, and `elsewhere` if there is neither.

    Examples
    --------
    >>> from pathlib import Path
    >>> net, table = File(Path("n"), "ckpts/n.safetensors", "1"), File(Path("t"), "t.parquet", "2")
    >>> read = {"run/ckpts/n.safetensors": "1", "run/old/t.parquet": "9", "x.npz": "3"}
    >>> notes = [Made(table, {"command": "compare", "inputs": read}), Made(net, {"command": "train"})]
    >>> first, second = commands(notes, [net, table])
    >>> first.command, second.command, [state for _, _, state in second.read]
    ('train', 'compare', ['unchanged', 'changed', 'elsewhere'])
    """
    digests = {file.digest: file.name for file in files}
    names = {file.name for file in files}
    parts: dict[str, list[Made]] = {}
    for one in made:
        if one.note.get("command"):
            parts.setdefault(str(one.note["command"]), []).append(one)
    reads = {command: _read(own, digests, names) for command, own in parts.items()}
    makers = {one.file.name: command for command, own in parts.items() for one in own}
    before = {
        command: {makers[name] for name, _, _, _ in read if name in makers} - {command}
        for command, read in reads.items()
    }
    return [
        Step(command, tuple(one.file.name for one in parts[command]), tuple(row[1:] for row in reads[command]))
        for command in _ordered(before)
    ]


def _read(own: Sequence[Made], digests: Mapping[str, str], names: set[str]) -> list[tuple[str | None, str, str, str]]:
    """Return for each input of a command: the file of the folder that it is, if any, name, digest and state."""
    inputs: dict[tuple[str, str], None] = {}
    for one in own:
        inputs |= {(str(name), str(digest)): None for name, digest in dict(one.note.get("inputs") or {}).items()}
    rows: list[tuple[str | None, str, str, str]] = []
    for name, digest in inputs:
        held = digests.get(digest)
        same = held or _same_name(name, names)
        state = "unchanged" if held else "changed" if same else "elsewhere"
        rows.append((same, name, digest, state))
    return rows


def _same_name(given: str, names: set[str]) -> str | None:
    """Return the file of the folder that ends as a path given elsewhere does, or None.

    Examples
    --------
    >>> _same_name("demo/ckpts/a.safetensors", {"ckpts/a.safetensors"}), _same_name("b/a.csv", {"c/a.csv"})
    ('ckpts/a.safetensors', None)
    """
    path = PureWindowsPath(given) if "\\" in given else PurePosixPath(given)
    return next((end for k in range(len(path.parts)) if (end := "/".join(path.parts[k:])) in names), None)


def _ordered(before: Mapping[str, set[str]]) -> list[str]:
    """Return commands, each after those in its set, otherwise as given; those in a circle last."""
    done: list[str] = []
    waiting = list(before)
    while waiting:
        ready = next((one for one in waiting if before[one] <= set(done)), waiting[0])
        done.append(ready)
        waiting.remove(ready)
    return done


def versions(made: Sequence[Made]) -> list[tuple[str, tuple[str, ...]]]:
    """Return each set of software versions, as one text, with the files that were made with it.

    Examples
    --------
    >>> from pathlib import Path
    >>> versions([Made(File(Path("a"), "a", ""), {"software": {"rnnkit": "1", "numpy": "2"}})])
    [('rnnkit 1, numpy 2', ('a',))]
    """
    found: dict[str, list[str]] = {}
    for one in made:
        software = dict(one.note.get("software") or {})
        if software:
            names = sorted(software, key=lambda name: (name != "rnnkit", name != "python", name))
            found.setdefault(", ".join(f"{name} {software[name]}" for name in names), []).append(one.file.name)
    return [(text, tuple(names)) for text, names in found.items()]
