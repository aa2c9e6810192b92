"""Write the manual page `rnnkit.1` from the commands' help. `generate.py` calls this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnnkit._version import __version__

__all__ = ["manual_page"]


def _plain(text: str) -> str:
    """Return text that roff takes as it stands."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "").strip()
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _entry(head: str, says: str) -> list[str]:
    return [".TP", f".B {_plain(head)}", _plain(" ".join(says.split()))]


def _options(parameters: Sequence[Any], common: bool) -> list[str]:
    """Return what stands of options: a command's own, or those that every command has."""
    lines: list[str] = []
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            lines += [] if common else _entry(str(parameter.metavar or parameter.name), parameter.help or "")
        elif not parameter.hidden and (parameter.rich_help_panel == "Talk") == common:
            names = ", ".join([*sorted(parameter.opts, key=len, reverse=True), *parameter.secondary_opts])
            value = "" if parameter.is_flag or not parameter.metavar else f" {parameter.metavar}"
            shown = parameter.default is not None and parameter.show_default and not parameter.is_flag
            default = f" Default: {parameter.default}." if shown else ""
            lines += _entry(f"{names}{value}", f"{parameter.help or ''}{default}")
    return lines


def manual_page(commands: Mapping[str, Any]) -> str:
    """Return the manual page of all commands, in roff."""
    lines = [f'.TH RNNKIT 1 "" "rnnkit {__version__}" "User commands"']
    lines += [".SH NAME", "rnnkit \\- train ensembles of task RNNs and take saved checkpoints apart"]
    lines += [".SH SYNOPSIS", ".B rnnkit", ".I COMMAND", "[\\fIoptions\\fR]"]
    lines += [".SH COMMANDS"]
    for name, command in commands.items():
        lines.append(f".SS rnnkit {_plain(name)}")
        for paragraph in (command.help or "").split("\n\n"):
            lines += [".PP", _plain(" ".join(paragraph.split()))]
        lines += _options(command.params, common=False)
        lines += [".PP", "Example:", ".PP", ".nf", _plain((command.epilog or "").removeprefix("Example: ")), ".fi"]
    first = next(iter(commands.values()))
    lines += [".SH OPTIONS OF EVERY COMMAND", *_options(first.params, common=True)]
    codes = {
        "0": "Done.",
        "1": "Done, but some rows carry a failed status, or what else the command says of this code.",
        "2": "Bad usage or bad input; nothing was written.",
        "130": "Interrupted.",
    }
    lines += [".SH EXIT STATUS"]
    for code, says in codes.items():
        lines += _entry(code, says)
    return "\n".join(lines) + "\n"
