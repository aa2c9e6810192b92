"""Settings from a TOML file, as defaults of a command's options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from rnnkit.errors import FileError, unknown_name

__all__ = ["from_config", "read_config"]

_META = "rnnkit.config."
#: Options whose KEY=VALUE texts are merged one by one with those typed, so they do not pass as defaults.
_MERGED = ("parameters", "phase")


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take a configuration file's settings as defaults: the command line wins."""
    if path is None:
        return None
    import tomllib

    try:
        held = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise FileError(str(path), "no such file", "check the name") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileError(
            str(path), f"is no readable TOML file: {error.strerror if isinstance(error, OSError) else error}", "mend it"
        ) from error
    options = {str(option.name): option for option in context.command.params}
    known = options.keys() - {"config", "quiet", "verbose", "debug", "help"}
    defaults: dict[str, Any] = {}
    for key, value in held.items():
        name = {"t": "parameters", "o": "out"}.get(key, key.replace("-", "_"))
        if name not in known:
            raise unknown_name(f"{path}: '{key}'", key, {*known - {"parameters"}, "t"}, "setting")
        if isinstance(value, dict):
            value = _pairs(value)
        repeated = getattr(options[name], "multiple", False)
        # As text, so that the command line's own rules hold: 3.5 units are refused, not cut to 3.
        defaults[name] = [_text(v) for v in _listed(value)] if repeated else _text(value)
    for name in _MERGED:
        context.meta[_META + name] = defaults.pop(name, [])
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


def _pairs(table: dict[str, Any]) -> list[str]:
    """Write a table as KEY=VALUE texts; one of tables, `[phase.A]`, as NAME:KEY=VALUE."""
    pairs = []
    for key, value in table.items():
        inner = _pairs(value) if isinstance(value, dict) else None
        pairs += [f"{key}={_text(value)}"] if inner is None else [f"{key}:{pair}" for pair in inner]
    return pairs


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(_text(item) for item in value) if isinstance(value, list) else str(value)


def from_config(context: typer.Context, name: str) -> list[str]:
    """Return the KEY=VALUE texts of a file for `parameters` (-t) or `phase` (--phase)."""
    found: list[str] = context.meta.get(_META + name, [])
    return found
