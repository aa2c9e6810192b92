"""The shell blocks of the documentation: found, split into commands, and run in this process at small sizes.

One process for all commands, because starting Python and importing torch costs more than the commands themselves.
Redirections, pipes, file patterns and lines continued with a backslash work as in a shell; nothing else does.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Outcome, run_cli

__all__ = ["IF_GIVEN", "SMALLER", "Command", "blocks", "lines", "pipeline", "run_line", "smaller"]

#: What every command of a block is run with besides what the page says: sizes, so that all pages run in a minute.
#: Of an option that is given twice the last one counts.
SMALLER: dict[str, tuple[str, ...]] = {
    "train": (
        *("--seeds", "0:3", "--batch", "4", "--epochs", "1", "--steps-per-epoch", "2", "--threads", "1"),
        *("--validation-trials", "4", "--stop-loss", "1e9", "--patience", "0"),
    ),
    "rollout": ("--trials", "12", "--threads", "1"),
    "compare": ("--trials", "8", "--starts", "1", "--max-delay", "2", "--bound", "spectra", "--threads", "1"),
    "degeneracy": ("--permutations", "19"),
    "fixedpoints": ("--starts", "6", "--threads", "1"),
    "schur-ablate": ("--trials", "3", "--threads", "1"),
    "feature-learning": ("--trials", "1", "--threads", "1"),
    "freeze-in": (
        *("--units", "20", "--cues", "2", "--epochs", "2", "--free-steps", "20", "--seeds", "0:2", "--threads", "1"),
    ),
    "ramping": ("--trials", "4", "--threads", "1"),
    "decode": ("--fit-trials", "60", "--test-trials", "9", "--threads", "1"),
    "spectrum": ("--trials", "2", "--threads", "1"),
    "memory-demand": (
        *("--trials", "24", "--steps", "2", "--hidden", "4", "--batch", "8", "--bootstrap", "9"),
        *("--threads", "1"),
    ),
}
#: Options that are made smaller where a page gives them.
IF_GIVEN = {"--controls": "2", "--orders": "2", "--workers": "1"}


@dataclass(frozen=True)
class Command:
    """One command of a pipeline, and the file its standard output goes to."""

    words: tuple[str, ...]
    out: str | None = None


def blocks(page: Path) -> list[str]:
    """The blocks marked `sh`, those inside lists too."""
    found = re.findall(r"^( *)```sh\n(.*?)^\1```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def lines(page: Path) -> Iterator[str]:
    """Yield the lines of all blocks of a page, those continued with a backslash as one."""
    for block in blocks(page):
        yield from (line for line in block.replace("\\\n", " ").splitlines() if line.strip() and line[0] != "#")


def pipeline(line: str) -> list[Command]:
    """Split a line at its pipes.

    >>> pipeline("rnnkit info - < a.parquet")
    Traceback (most recent call last):
    ValueError: < is not understood here: rnnkit info - < a.parquet
    >>> pipeline("a b | c 'd e' > f")
    [Command(words=('a', 'b'), out=None), Command(words=('c', 'd e'), out='f')]
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    outs: list[str | None] = [None]
    tokens = list(lexer)
    while tokens:
        token = tokens.pop(0)
        if token == "|":
            found.append([])
            outs.append(None)
        elif token == ">":
            outs[-1] = tokens.pop(0)
        elif set(token) <= set("();<>|&"):
            raise ValueError(f"{token} is not understood here: {line}")
        else:
            found[-1].append(token)
    return [Command(tuple(words), out) for words, out in zip(found, outs, strict=True)]


def smaller(words: tuple[str, ...]) -> list[str]:
    """The words of an `rnnkit` command with its sizes cut down."""
    name, *rest = words
    more = list(SMALLER.get(name, ()))
    for option, value in IF_GIVEN.items():
        more += [option, value] if option in rest else []
    if name == "rollout" and "--inputs" in rest:  # they bring their own trials
        more = more[2:]
    return [name, *rest, *more]


def _expanded(words: list[str]) -> list[str]:
    """Replace file patterns by the files, as a shell does."""
    return [name for word in words for name in (sorted(map(str, Path().glob(word))) if "*" in word else []) or [word]]


def run_line(line: str) -> list[Outcome]:
    """Run a line of `rnnkit` commands in the current folder."""
    piped, done = b"", []
    for command in pipeline(line):
        assert command.words[0] == "rnnkit", line
        done.append(run_cli(*_expanded(smaller(command.words[1:])), stdin=piped))
        piped = done[-1].out
        if command.out is not None:
            Path(command.out).write_bytes(piped)
    return done
