"""What a command says on standard error: messages, progress, warnings. Never on standard output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Protocol

__all__ = ["Bar", "Talk", "progress", "talk"]


@dataclass
class Talk:
    """How much to say: `quiet`, `verbose`, and whether an error shows its traceback."""

    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    #: Ctrl-C was pressed. Code of others sometimes swallows the exception; progress raises it again.
    interrupted: bool = False
    #: What has been done so far is kept, and the command can go on from it.
    resumable: bool = False
    #: Takes the progress bar away, if there is one, before something is printed on the terminal.
    close_bar: Callable[[], None] = lambda: None

    def interrupt(self, *_: object) -> NoReturn:
        """Handle SIGINT and SIGTERM."""
        self.interrupted = True
        raise KeyboardInterrupt

    def heed(self) -> None:
        """Stop if Ctrl-C was pressed."""
        if self.interrupted:
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        """Say something, unless quiet."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def detail(self, text: str) -> None:
        """Say something if verbose."""
        if self.verbose:
            self.say(text)


#: The one of this process, set from the options of the command that runs.
talk = Talk()


class Bar(Protocol):
    """A progress bar."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Show how far the work is."""


#: Seconds between lines where there is no terminal for a bar: enough to see that a job of the night lives.
_PERIOD = 60.0


def _lines(title: str) -> Bar:
    """Say how far the work is, once in a while."""
    said = time.monotonic()

    def show(done: float, total: float, note: str = "") -> None:
        nonlocal said
        talk.heed()
        if time.monotonic() - said >= _PERIOD:
            said = time.monotonic()
            talk.say(f"{title}: {done:g} of {total:g}{f' ({note})' if note else ''}")

    return show


@contextmanager
def progress(title: str) -> Iterator[Bar]:
    """Give a progress bar on standard error; where that is no terminal a line a minute, when quiet nothing."""
    if talk.quiet or not sys.stderr.isatty():
        yield _lines(title)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=None, note="", rate="")
        talk.close_bar = bars.stop

        def show(done: float, total: float, note: str = "") -> None:
            talk.heed()
            speed = bars.tasks[0].finished_speed or bars.tasks[0].speed
            rate = f"{speed:.3g}/s" if speed else ""
            bars.update(task, completed=done, total=total, note=note, rate=rate)

        yield show
