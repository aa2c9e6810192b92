"""What a file holds and where it comes from, in words: for `rnnkit info`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnkit.cli.output import show
from rnnkit.cli.talk import talk

__all__ = ["describe_checkpoint", "describe_picture", "describe_snapshots", "describe_table", "provenance_lines"]

_NAMED = 3


def provenance_lines(held: Mapping[str, Any]) -> list[str]:
    """Return the command that made a file, what it read, and the versions that ran, a line each.

    Examples
    --------
    >>> note = {"command": "rnnkit compare ckpts", "inputs": {"a": "0123456789abcdef"}, "software": {"rnnkit": "1.0"}}
    >>> print("\\n".join(provenance_lines(note)))
    made by: rnnkit compare ckpts
    from: a (SHA-256 0123456789ab…)
    with: rnnkit 1.0
    """
    lines = [f"made by: {held['command']}"] if held.get("command") else []
    inputs = _texts(held.get("inputs"))
    if inputs:
        named = [f"{path} (SHA-256 {digest[:12]}…)" for path, digest in list(inputs.items())[:_NAMED]]
        more = f", and {len(inputs) - _NAMED} more" if len(inputs) > _NAMED else ""
        lines.append(f"from: {', '.join(named)}{more}")
    software = _texts(held.get("software"))
    if software:
        named = sorted(software, key=lambda name: (name not in ("rnnkit", "python"), name != "rnnkit", name))
        lines.append("with: " + ", ".join(f"{name} {software[name]}" for name in named))
    return lines


def _texts(held: object) -> dict[str, str]:
    """A mapping as text; nothing where metadata of others have something else in its place."""
    return {str(key): str(value) for key, value in held.items()} if isinstance(held, Mapping) else {}


def _say(lines: list[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def describe_table(path: str, rows: int) -> None:
    """Print a table's schema, where it comes from, and its first rows; with --verbose, all of it as JSON."""
    from rnnkit.tables import describe, read_rows

    table = read_rows(sys.stdin.buffer if path == "-" else Path(path))
    held = describe(table, path)
    if talk.verbose:
        _say([json.dumps(held, indent=2)])
        return
    head = f"{path}: {held.get('schema', 'a')} table, {held['rows']} rows, {len(held['columns'])} columns"
    _say([head, *provenance_lines(held)])
    show([table], rows, "--rows N shows more rows, a pipe into 'less -S' all columns")


def describe_picture(path: Path) -> None:
    """Print where a picture comes from; with --verbose, all of it as JSON."""
    from rnnkit.plots.captions import read_caption

    held = read_caption(path)
    if talk.verbose:
        _say([json.dumps(held, indent=2)])
        return
    _say([f"{path}: picture", *provenance_lines(held)])


def describe_snapshots(path: Path) -> None:
    """Print whose snapshots a file holds, at which steps, and their tensors."""
    from rnnkit.checkpoints import HISTORY_SUFFIX, load_history

    steps, tensors = load_history(path)
    network = path.name.removesuffix(HISTORY_SUFFIX)
    shown = [str(step) for step in steps]
    shown = shown if len(shown) <= 8 else [*shown[:4], "…", *shown[-2:]]
    lines = [f"{path}: {len(steps)} snapshots of {network}, at optimiser steps {', '.join(shown)}"]
    _say([*lines, *(f"  {name} {tuple(value.shape)} {value.dtype}" for name, value in sorted(tensors.items()))])


def describe_checkpoint(path: Path) -> None:
    """Print all that a checkpoint says of itself, and the shapes of its tensors, as JSON."""
    from rnnkit.interop.loading import load

    network = load(path)
    shapes = {name: list(value.shape) for name, value in sorted(network.weights.items())}
    _say([json.dumps({"name": network.name, **network.metadata(), "tensors": shapes}, indent=2)])
