"""Trajectories of networks in the space of their leading principal components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes

from rnnkit.errors import InputError, unknown_name
from rnnkit.plots.activity import TRIALS, Activity, activity, label_axes
from rnnkit.plots.colouring import Colouring, colouring
from rnnkit.plots.frames import few, short_names, wanted
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, Picture, finish, legend, panels
from rnnkit.plots.words import many, value_range

__all__ = ["draw"]

#: Sign patterns that colours can tell apart.
_PATTERNS = 8
_START: dict[str, Any] = {"markerfacecolor": "white", "markersize": 2.5, "markeredgewidth": 0.6, "zorder": 4}
_END: dict[str, Any] = {"markersize": 3, "zorder": 3}


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw the first trials of a `rollout` table, a panel for each network.

    The axes are the principal components of all the network's states, each network's own. Colours are by the signs
    of the targets at the trial's end, by the number of one channel there (`target.0`, `output.1`), or by trial. A
    white point is where a trial starts, a filled one where it ends.
    """
    table = tables["rollout"]
    names = [str(name) for name in pc.unique(table["network"]).to_pylist()]
    names, notes = few(wanted(names, settings), settings)
    count = TRIALS if settings.trials is None else settings.trials
    runs = {name: run for name in names if (run := activity(table, name, settings.dims, count)) is not None}
    if not runs:
        raise InputError("TABLE", "no network has states", "write the rollout of networks that do not diverge")
    by = settings.colour or _default(table, runs)
    values = {name: _values(table, run, by) for name, run in runs.items()}
    shades = colouring(by, [value for name in runs for value in values[name]])
    short = dict(zip(runs, short_names(list(runs)), strict=True))
    figure, places = panels(len(runs), settings, aspect=0.9, projection="3d" if settings.dims == 3 else None)
    for (name, run), axes in zip(runs.items(), places, strict=True):
        _panel(axes, run, values[name], shades)
        axes.set_title(short[name] if len(runs) > 1 else name, fontsize="small")
    label_axes(figure, places, [run.space for run in runs.values()])
    _key(places[0])
    shades.key(figure, places, "-")
    legend(figure, places[0])
    finish(figure, places, settings)
    found = max(run.found for run in runs.values())
    if settings.trials is None and found > TRIALS:
        notes = (*notes, f"{TRIALS} of {found} trials of a network are drawn (--trials takes more)")
    left_out = tuple(f"{name}: no states" for name in names if name not in runs)
    return Picture(figure, _alt(runs, by, settings.dims), left_out, notes)


def _alt(runs: Mapping[str, Activity], by: str, dims: int) -> str:
    shares = value_range([100 * float(run.space.explained.sum()) for run in runs.values()])
    trials = many(sum(len(run.trials) for run in runs.values()), "trial")
    where = f"in {dims} principal components, coloured by {by}"
    return f"Trajectories of {many(len(runs), 'network')} over {trials} {where}; percent of the variance: {shares}."


def _default(table: pa.Table, runs: Mapping[str, Activity]) -> str:
    """Colour by the targets' signs at the end where there are targets, and few enough patterns of them."""
    patterns = {pattern for run in runs.values() for pattern in _values(table, run, "target")}
    return "target" if patterns != {None} and len(patterns) <= _PATTERNS else "trial"


def _values(table: pa.Table, run: Activity, by: str) -> list[Any]:
    """Return what each trajectory is coloured by: trial, signs of all channels at its end, or one channel there."""
    if by == "trial":
        return [int(trial) for trial in run.trials]
    column, dot, channel = by.partition(".")
    if column not in ("target", "output") or (dot and not channel.isdecimal()):
        raise unknown_name("--colour", by, ("trial", "target", "output", "target.0", "output.0"), "colour")
    ends = [table[column][int(row)].as_py() for row in run.last]
    if not dot:
        return [None if end is None else _signs(end) for end in ends]
    width = max((len(end) for end in ends if end is not None), default=0)
    if int(channel) >= width:
        raise InputError("--colour", f"'{by}' names a channel of {width}", f"{column}s count from {column}.0")
    return [None if end is None else float(end[int(channel)]) for end in ends]


def _signs(values: Sequence[float]) -> str:
    """Return a sign for each number; of an output, which is never exactly 0, the nearest of -1, 0 and 1.

    Examples
    --------
    >>> _signs([1.0, -0.9, 0.1])
    '+−0'
    """
    return "".join("0" if abs(value) < 0.5 else "+" if value > 0 else "−" for value in values)


def _panel(axes: Axes, run: Activity, values: Sequence[Any], shades: Colouring) -> None:
    for path, value in zip(run.paths, values, strict=True):
        shade = shades.of(value)
        axes.plot(*path.T, color=shade, alpha=0.5, linewidth=0.5, zorder=1, gid="trajectory")
        axes.plot(*path[:1].T, "o", color=BLACK, gid="start", **_START)
        axes.plot(*path[-1:].T, "o", color=shade, gid="end", **_END)


def _key(axes: Axes) -> None:
    nowhere: Any = [[]] * (3 if axes.name == "3d" else 2)
    axes.plot(*nowhere, "o", color=BLACK, label="start", **_START)
    axes.plot(*nowhere, "o", color=BLACK, label="end", **_END)
