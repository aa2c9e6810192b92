"""`rnnkit weight-updates`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli import completion
from rnnkit.cli.command import provenance
from rnnkit.cli.options import Checkpoints, Format, Out, named
from rnnkit.cli.output import check_apart, check_output, write_table
from rnnkit.cli.talk import progress, talk
from rnnkit.errors import FileError, InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from rnnkit.stages.weight_events import Onset
    from rnnkit.stages.weight_updates import NetworkUpdates

NAME = "weight-updates"
EXAMPLE = "rnnkit weight-updates ckpts --events -o updates.parquet"

_EVENTS, _SIDES = "Events", "Both sides"


def run(
    checkpoints: Checkpoints,
    correlation: Annotated[
        Path | None,
        typer.Option(
            "--correlation",
            metavar="FILE",
            help="Table of the correlations of the weights at all pairs of snapshots.",
            show_default=False,
        ),
    ] = None,
    onsets: Annotated[
        Path | None,
        typer.Option(
            "--onsets",
            metavar="FILE",
            help="Table 'onsets' of the same networks, for --events, --sides and --align; - for standard input.",
            show_default=False,
        ),
    ] = None,
    align: Annotated[
        str | None,
        typer.Option(
            "--align",
            metavar="POINT",
            help="Also count steps from the onset or the crossing.",
            show_default=False,
            autocompletion=completion.choices("onset", "crossing"),
        ),
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="Look for sudden updates that last.", rich_help_panel=_EVENTS)
    ] = False,
    window: Annotated[
        int | None,
        typer.Option(
            "--window",
            help="Updates on each side to compare one with, 1 or more (default 25).",
            show_default=False,
            rich_help_panel=_EVENTS,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            help="Score of a sudden update, above 0 (default 3.5).",
            show_default=False,
            rich_help_panel=_EVENTS,
        ),
    ] = None,
    merge: Annotated[
        int | None,
        typer.Option(
            "--merge",
            help="Updates between sudden ones of one event, 0 or more (default 3).",
            show_default=False,
            rich_help_panel=_EVENTS,
        ),
    ] = None,
    margin: Annotated[
        int | None,
        typer.Option(
            "--margin",
            help="Snapshots before and after it to compare, 1 or more (default 3).",
            show_default=False,
            rich_help_panel=_EVENTS,
        ),
    ] = None,
    sustained: Annotated[
        float | None,
        typer.Option(
            "--sustained",
            help="Times the usual change that lasts, 0 or more (default 3).",
            show_default=False,
            rich_help_panel=_EVENTS,
        ),
    ] = None,
    sides: Annotated[
        Path | None,
        typer.Option(
            "--sides",
            metavar="FILE",
            help="Table of onsets and sudden updates, each compared with before and after.",
            show_default=False,
            rich_help_panel=_SIDES,
        ),
    ] = None,
    around: Annotated[
        float | None,
        typer.Option(
            "--around",
            help="Steps on each side that count as at it, above 0 (default 50).",
            show_default=False,
            rich_help_panel=_SIDES,
        ),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="NEAR,FAR",
            help="Steps before it to compare with, from 0 on (default 100,400).",
            show_default=False,
            rich_help_panel=_SIDES,
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--after",
            metavar="NEAR,FAR",
            help="Steps after it, from 0 on (default 350,450).",
            show_default=False,
            rich_help_panel=_SIDES,
        ),
    ] = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Measure the updates of recurrent weights along training.

    Singular values, alignment with the way to the end beside that of a random walk, sudden updates that last. Needs the
    snapshots of train --snapshots K or --snapshot-steps K.
    """
    target = check_output(out, form)
    aside = {"correlation": _file("--correlation", correlation), "sides": _file("--sides", sides)}
    outputs = {"--out": out, "--correlation": correlation, "--sides": sides}
    check_apart(outputs, {"--onsets": onsets})
    finding = _given(window=window, threshold=threshold, merge=merge, margin=margin, sustained=sustained)
    ranges = _given(around=around, before=_range("--before", before), after=_range("--after", after))
    _check_together(events, finding, sides, ranges, onsets, align)
    from rnnkit.history import history_beside, open_history
    from rnnkit.interop import load_all
    from rnnkit.stages.weight_correlation import weight_correlation
    from rnnkit.stages.weight_events import EventRule, Sides
    from rnnkit.stages.weight_updates import weight_updates

    rule = EventRule(**finding) if events else None  # type: ignore[arg-type]
    windows = Sides(**ranges) if sides is not None else None  # type: ignore[arg-type]
    loaded = load_all(checkpoints)
    beside = [history_beside(path) for path in loaded.paths]
    for path in beside:
        if not path.is_file():
            raise FileError(str(path), "no such file", "train with --snapshots K or --snapshot-steps K")
    read = [*loaded.paths, *beside, *named([onsets])]
    check_apart(outputs, {f"input {path}": path for path in read})
    networks, histories = loaded.checkpoints, [open_history(path) for path in beside]
    ends = _onsets(onsets)
    ran = provenance(
        events=events, align=align, **finding, **ranges, onsets=onsets, correlation=correlation, sides=sides
    ).with_inputs(read)
    if events and onsets is None:
        talk.say("without --onsets every event counts as hidden")
    kept: list[pa.Table] = []
    with progress("snapshots") as bar:
        parts = weight_updates(networks, histories, rule=rule, onsets=ends, align=align, sides=windows, progress=bar)
        code = write_table("weight_updates", _split(parts, kept), target, bool(out or form), ran)
    if sides is not None:
        code = max(code, write_table("weight_events", kept, aside["sides"], True, ran))
    if correlation is not None:
        with progress("pairs of snapshots") as bar:
            pairs = weight_correlation(networks, histories, progress=bar)
            code = max(code, write_table("weight_correlation", pairs, aside["correlation"], True, ran))
    return code


def _split(parts: Iterable[NetworkUpdates], kept: list[pa.Table]) -> Iterator[pa.Table]:
    """Pass the tables of updates on, and keep those of events."""
    for part in parts:
        kept.append(part.events)
        yield part.updates


def _onsets(path: Path | None) -> dict[str, Onset] | None:
    """Read the ends of the search phases, by network."""
    if path is None:
        return None
    from rnnkit.stages.weight_events import onsets_of
    from rnnkit.tables import read

    return onsets_of(read(sys.stdin.buffer if str(path) == "-" else path, "onsets"))


def _file(option: str, path: Path | None) -> tuple[Path | None, str]:
    """Return file and format of a table that goes to a file beside the main one."""
    found = check_output(path, None, option)
    if path is not None and found[0] is None:
        raise InputError(option, "goes to a file", "name a file")
    return found


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _range(option: str, text: str | None) -> tuple[float, float] | None:
    """Read two numbers of steps.

    Examples
    --------
    >>> _range("--before", "100,400"), _range("--before", None)
    ((100.0, 400.0), None)
    """
    if text is None:
        return None
    try:
        near, far = (float(word) for word in text.split(","))
    except ValueError as error:
        raise InputError(option, f"'{text}' is no pair of numbers", "for example 100,400") from error
    return near, far


def _check_together(
    events: bool,
    finding: dict[str, object],
    sides: Path | None,
    ranges: dict[str, object],
    onsets: Path | None,
    align: str | None,
) -> None:
    """Raise InputError for options that do not go together."""
    if finding and not events:
        raise InputError(f"--{next(iter(finding))}", "is of the events", "add --events")
    if ranges and sides is None:
        raise InputError(f"--{next(iter(ranges))}", "is of the table of --sides", "add --sides FILE")
    if sides is not None and not events and onsets is None:
        raise InputError("--sides", "needs something to compare", "add --events, --onsets FILE, or both")
    if onsets is not None and not events and sides is None and align is None:
        raise InputError("--onsets", "has no part without events", "add --events, --sides FILE or --align onset")
