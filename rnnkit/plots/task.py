"""Example trials of a task: inputs, targets, and what networks answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.plots.frames import vectors, wanted
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, BLUE, GREY, Picture, colours_of, finish, legend, panels
from rnnkit.plots.words import many

__all__ = ["draw"]

Floats = NDArray[np.float64]

#: Trials, unless --trials says otherwise.
_TRIALS = 3
#: Output channels that have a panel each; more share one.
_APART = 4
_PALE = GREY
#: Input channels that a legend can name.
_NAMED = 8


@dataclass(frozen=True)
class _Trial:
    """One trial.

    Attributes
    ----------
    number : int
    inputs : (steps, inputs) float64
    targets : (steps, outputs) float64, optional
    mask : (steps,) float64, optional
    outputs : list of (steps, outputs) float64
        Of each network.
    """

    number: int
    inputs: Floats
    targets: Floats | None
    mask: Floats | None
    outputs: list[Floats]


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw the first trials of a `sample` or `rollout` table, a column of panels each.

    Inputs on top, then each output channel: the target, and over it the outputs of every network that was given these
    inputs. Steps that the loss leaves out are shaded.
    """
    name = "sample" if "sample" in tables else "rollout"
    if name == "sample" and settings.networks:
        raise InputError("--network", "a 'sample' table holds no networks", "give a 'rollout' table")
    count = _TRIALS if settings.trials is None else settings.trials
    table, known, found = _first(tables[name], count)
    networks: list[str] = []
    left_out: tuple[str, ...] = ()
    if name == "rollout":
        asked = wanted(list(dict.fromkeys(str(name) for name in table["network"].to_pylist())), settings)
        trials, networks, left_out = _with_outputs(table, asked)
    else:
        trials = [_trial(table, number) for number in known]
    width = _width(trials[0])
    apart = [[k] for k in range(width)] if width <= _APART else [list(range(width))]
    down = 1 + len(apart)
    figure, places = panels(down * len(trials), settings, aspect=0.45 if len(trials) > 1 else 0.35, columns=len(trials))
    for k, trial in enumerate(trials):
        column = places[k :: len(trials)]
        _draw_inputs(column[0], trial)
        column[0].set_title(f"trial {trial.number}")
        for channels, axes in zip(apart, column[1:], strict=True):
            _draw_answers(axes, trial, channels, width)
        column[-1].set_xlabel("step")
        for axes in column[:-1]:
            axes.tick_params(labelbottom=False)
    _align(places, len(trials))
    for row, axes in enumerate(places[:: len(trials)]):
        one = "" if row == 0 or width == 1 or width > _APART else f" {row - 1}"
        axes.set_ylabel("inputs" if row == 0 else f"output{one}")
    figure.supylabel("task units", fontsize="medium")
    _key(places[0], trials)
    legend(figure, places[0])
    finish(figure, places, settings)
    notes = (
        (f"{len(trials)} of {found} trials are drawn (--trials takes more)",)
        if settings.trials is None and found > len(trials)
        else ()
    )
    whose = f", with the outputs of {many(len(networks), 'network')}" if networks else ""
    shape = (
        f"{many(len(trials[0].inputs), 'step')}, {many(trials[0].inputs.shape[1], 'input')}, {many(width, 'output')}"
    )
    alt = f"{many(len(trials), 'example trial')} of {shape}: inputs and targets by step{whose}."
    return Picture(figure, alt, left_out, notes)


def _first(table: pa.Table, count: int) -> tuple[pa.Table, list[int], int]:
    """Return the rows of the first trials without the states, the trials' numbers, and how many there are in all."""
    numbers = np.unique(table["trial"].to_numpy())
    known = [int(number) for number in numbers[:count]]
    slim = table.drop_columns([name for name in ("hidden",) if name in table.column_names])
    return slim.filter(pc.is_in(slim["trial"], pa.array(known))), known, len(numbers)


def _trial(table: pa.Table, number: int) -> _Trial:
    """Return one trial of a `sample`, or of one network's rows of a `rollout`, without outputs."""
    own = table.filter(pc.equal(table["trial"], pa.scalar(number))).sort_by("step")
    targets = None if own["target"].null_count else vectors(own, "target")
    mask = own["mask"].to_numpy() if "mask" in own.column_names else None
    return _Trial(number, vectors(own, "input"), targets, mask, [])


def _with_outputs(table: pa.Table, names: Sequence[str]) -> tuple[list[_Trial], list[str], tuple[str, ...]]:
    """Return the trials with every network's outputs, those networks, and a line for each that has other inputs.

    The trials are those of the first network with outputs.
    """
    trials: list[_Trial] = []
    held: list[str] = []
    left_out: list[str] = []
    for name in names:
        own = table.filter(pc.equal(table["network"], pa.scalar(name))).sort_by(
            [("trial", "ascending"), ("step", "ascending")]
        )
        if own["output"].null_count:
            left_out.append(f"{name}: has steps without outputs ({_status(own)})")
            continue
        mine = [_trial(own, number) for number in np.unique(own["trial"].to_numpy()).tolist()]
        trials = trials or mine
        if not _same(trials, mine):
            left_out.append(f"{name}: was given other inputs than {held[0]}")
            continue
        for trial in trials:
            trial.outputs.append(vectors(own.filter(pc.equal(own["trial"], pa.scalar(trial.number))), "output"))
        held.append(name)
    if not trials:
        raise InputError("TABLE", "no network has outputs", "look at its statuses")
    return trials, held, tuple(left_out)


def _status(table: pa.Table) -> str:
    return next((str(status) for status in table["status"].to_pylist() if status != "ok"), "ok")


def _same(trials: Sequence[_Trial], others: Sequence[_Trial]) -> bool:
    """Whether inputs and targets agree."""
    pairs = zip(trials, others, strict=False)
    return len(trials) == len(others) and all(
        np.array_equal(one.inputs, other.inputs)
        and (one.targets is None) == (other.targets is None)
        and (one.targets is None or other.targets is None or np.array_equal(one.targets, other.targets))
        for one, other in pairs
    )


def _width(trial: _Trial) -> int:
    """Return the number of output channels; 0 where neither targets nor outputs are known."""
    known = trial.outputs[0] if trial.targets is None and trial.outputs else trial.targets
    return 0 if known is None else int(known.shape[1])


def _input_shades(count: int) -> dict[int, str]:
    """Return a colour for each input; the first of all is that of the outputs."""
    shades = colours_of(list(range(count + 1)))
    return {channel: shades[channel + 1] for channel in range(count)}


def _draw_inputs(axes: Axes, trial: _Trial) -> None:
    shades = _input_shades(trial.inputs.shape[1])
    for channel in range(trial.inputs.shape[1]):
        axes.plot(trial.inputs[:, channel], color=shades[channel], linewidth=0.8, gid=f"input {channel}")


def _draw_answers(axes: Axes, trial: _Trial, channels: Sequence[int], width: int) -> None:
    """Draw targets and outputs of some channels, and shade the steps that do not count."""
    shades = {0: BLUE} if len(channels) == 1 else colours_of(list(range(width)))
    if trial.mask is not None:
        left = np.flatnonzero(trial.mask == 0)
        for run in np.split(left, np.flatnonzero(np.diff(left) > 1) + 1) if len(left) else ():
            axes.axvspan(run[0] - 0.5, run[-1] + 0.5, color=BLACK, alpha=0.08, linewidth=0, gid="masked")
    for channel in channels:
        shade = shades[0] if len(channels) == 1 else shades[channel]
        if trial.targets is not None:
            # Wide and pale, so that an output on it does not hide it.
            line = _PALE if len(channels) == 1 else shade
            axes.plot(
                trial.targets[:, channel], color=line, linewidth=2.6, alpha=0.6, zorder=1, gid=f"target {channel}"
            )
        faint = 1.0 if len(trial.outputs) < 2 else max(0.15, 0.6 / np.sqrt(len(trial.outputs)))
        for outputs in trial.outputs:
            axes.plot(outputs[:, channel], color=shade, linewidth=0.8, alpha=faint, zorder=2, gid=f"output {channel}")


def _align(places: Sequence[Axes], across: int) -> None:
    """Give the panels of a row one scale, and numbers to the first only."""
    for start in range(0, len(places), across):
        row = places[start : start + across]
        low, high = (choose(axes.get_ylim()[k] for axes in row) for k, choose in ((0, min), (1, max)))
        for k, axes in enumerate(row):
            axes.set_ylim(low, high)
            if k:
                axes.tick_params(labelleft=False)


def _key(axes: Axes, trials: Sequence[_Trial]) -> None:
    """Put inputs, target, output and mask into the legend, as far as they are drawn."""
    inputs = trials[0].inputs.shape[1]
    shades = _input_shades(inputs)
    for channel in range(inputs) if 1 < inputs <= _NAMED else ():
        axes.plot([], [], color=shades[channel], linewidth=0.8, label=f"input {channel}")
    if trials[0].targets is not None:
        axes.plot([], [], color=_PALE, linewidth=2.6, alpha=0.6, label="target")
    if trials[0].outputs:
        several = len(trials[0].outputs) > 1
        axes.plot([], [], color=BLUE, linewidth=0.8, label="output of each network" if several else "output")
    if any(trial.mask is not None and (trial.mask == 0).any() for trial in trials):
        axes.fill_between([], [], [], color=BLACK, alpha=0.08, linewidth=0, label="not scored")
