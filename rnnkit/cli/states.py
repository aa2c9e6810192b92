"""What the commands that run networks at moments of their training share: options, and the files they read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.output import check_apart
from rnnkit.cli.talk import Bar
from rnnkit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from rnnkit.checkpoints import Checkpoint
    from rnnkit.history import History

__all__ = ["HistoryFlag", "Initial", "MemoryUnits", "Opened", "counted", "open_networks"]

HistoryFlag = Annotated[
    bool, typer.Option("--history", help="At every snapshot of training, from the files beside the checkpoints.")
]
Initial = Annotated[bool, typer.Option("--initial", help="With the weights before training instead of those after it.")]
MemoryUnits = Annotated[
    int | None,
    typer.Option(
        "--memory-units",
        metavar="N",
        help="Take the first N units as memory units, from 1 to one less than all; those of training by default.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Opened:
    """Networks and their snapshots.

    Attributes
    ----------
    networks : tuple of Checkpoint
    histories : list of History
        One for each network, or none at all.
    paths : tuple of Path
        All files that were opened.
    """

    networks: tuple[Checkpoint, ...]
    histories: list[History]
    paths: tuple[Path, ...]

    @property
    def moments(self) -> int:
        """How many sets of weights there are to run."""
        return sum(len(held.steps) for held in self.histories) if self.histories else len(self.networks)


def open_networks(checkpoints: list[str], out: Path | None, *, history: bool, initial: bool) -> Opened:
    """Open the checkpoints, and the snapshots beside them where they are asked for.

    Raises
    ------
    InputError
        For options that do not go together, or an output that is one of the inputs.
    FileError
        For files that are missing or damaged.
    """
    if history and initial:
        raise InputError("--history", "has every snapshot, from the first", "leave out --initial")
    from rnnkit.history import history_beside, open_history
    from rnnkit.interop import load_all

    loaded = load_all(checkpoints)
    beside = [history_beside(path) for path in loaded.paths] if history else []
    read = (*loaded.paths, *beside)
    check_apart({"--out": out}, {f"input {path}": path for path in read})
    return Opened(loaded.checkpoints, [open_history(path) for path in beside], read)


def counted(parts: Iterable[pa.Table], total: int, bar: Bar) -> Iterator[pa.Table]:
    """Pass tables on, and show how many networks or snapshots they were of."""
    done = 0
    for part in parts:
        yield part
        done += part.group_by(["network", "step"]).aggregate([]).num_rows
        bar(done, total)
