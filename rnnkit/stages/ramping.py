"""Units whose mean activity ramps within a trial, of networks and along their training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.numerics.ramps import Ramps, find_ramps
from rnnkit.stages.evaluation import TaskChoice, sample_trials
from rnnkit.stages.moments import GROUPS, Batch, batches, run_states, table_of
from rnnkit.tasks import Task

__all__ = ["parse_window", "ramping"]

_CPU = torch.device("cpu")


def parse_window(text: str) -> tuple[int, int]:
    """Read a window of steps, `FROM:TO`: the first step, from 0, and the one after the last.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> parse_window("20:40")
    (20, 40)
    """
    first, _, after = text.partition(":")
    if not (first.isdecimal() and after.isdecimal()):
        raise InputError("--window", f"'{text}' is no window", "give FROM:TO, such as 20:40 for steps 20 to 39")
    return int(first), int(after)


def ramping(
    networks: Sequence[Checkpoint],
    choice: TaskChoice | None = None,
    *,
    initial: bool = False,
    histories: Sequence[History] = (),
    memory_units: int | None = None,
    window: tuple[int, int] | None = None,
    min_slope: float = 0.005,
    min_r2: float = 0.9,
    summary: bool = False,
    trials: int = 300,
    seed: int = 0,
    device: torch.device = _CPU,
) -> Iterator[pa.Table]:
    """Yield the ramps in the trial-mean activity of networks' units (paper "abrupt-learning", Fig. 4C).

    Parameters
    ----------
    networks : sequence of Checkpoint
    choice : TaskChoice, optional
        The task; each network's own by default.
    initial : bool
        Of the weights before training instead of those after it.
    histories : sequence of History
        Of every snapshot instead: one file for each network, or none at all.
    memory_units : int, optional
        The first so many are memory units, the others computation units; those of training by default.
    window : (int, int), optional
        First step of a trial, from 0, and the one after the last; the second half by default, steps t with
        T/2 < t <= T where they count from 1.
    min_slope, min_r2 : float
        Thresholds (:func:`rnnkit.numerics.ramps.find_ramps`): 0 or more, and from 0 to below 1.
    summary : bool
        A row for each group instead of one for each unit.
    trials, seed : int
        Of the trials that the mean is over, the same for all networks of a task.
    device : torch.device

    Yields
    ------
    pyarrow.Table
        Of schema `ramping`, or `ramping_summary`, some networks or snapshots at a time, in the order given.

    Raises
    ------
    InputError
        When channels do not fit, no network is sound, or an option is out of range.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=2, inputs=1, outputs=1, nonlinearity="identity")
    >>> held = {name: np.zeros(size) for name, size in shape.shapes().items()}
    >>> held |= {"recurrent.weight": np.eye(2), "recurrent.bias": np.array([0.5, 0.0])}
    >>> found = next(ramping([Checkpoint("a", shape, held)], TaskChoice("sine", {"steps": 10})))
    >>> found.select(["slope", "peak", "ramping", "status"]).to_pylist()  # doctest: +NORMALIZE_WHITESPACE
    [{'slope': 0.1, 'peak': 5.0, 'ramping': True, 'status': 'ok'},
     {'slope': None, 'peak': 0.0, 'ramping': False, 'status': 'silent'}]
    """
    if not 0 <= min_slope < np.inf:
        raise InputError("--min-slope", f"{min_slope} is no slope to pass", "give 0 or more")
    if not 0 <= min_r2 < 1:
        raise InputError("--min-r2", f"{min_r2} is no share to pass", "give 0 or more, less than 1")
    choice = choice or TaskChoice()
    rows: Callable[[Batch, Ramps], pa.Table] = _summary if summary else _rows

    def bounds(task: Task) -> tuple[int, int]:
        return window or (task.length // 2, task.length)

    for network in networks:
        # A window that does not fit a later network's trials is refused before anything is run.
        task = choice.of(network)
        find_ramps(np.zeros((task.length, 1)), bounds(task))
    for batch in batches(networks, choice, initial=initial, histories=histories, memory_units=memory_units):
        inputs = sample_trials(batch.task, trials, seed).inputs[0]
        found = find_ramps(
            _mean_activity(batch, inputs, device), bounds(batch.task), min_slope=min_slope, min_r2=min_r2
        )
        yield rows(batch, found)


def _mean_activity(batch: Batch, inputs: NDArray[np.float32], device: torch.device) -> NDArray[np.float64]:
    """Return means over trials, (moments, steps, units); NaN where a network cannot be run, or diverged."""
    units = batch.moments[0].network.architecture.units
    mean = np.full((len(batch.moments), inputs.shape[1], units), np.nan)
    if batch.sound:
        total = np.zeros((len(batch.sound), *mean.shape[1:]))
        for _, states, finite in run_states([batch.moments[k] for k in batch.sound], inputs, device):
            total += np.where(finite[..., None], states.sum(axis=1), np.nan)
        mean[batch.sound] = total / len(inputs)
    return mean


def _statuses(batch: Batch, found: Ramps) -> NDArray[np.object_]:
    """Return the status of each unit, (moments, units)."""
    still = np.where(found.peak < np.finfo(np.float64).tiny, "silent", "constant")
    status = np.where(np.isnan(found.r2), still, "ok").astype(object)
    status[np.isnan(found.peak)] = "diverged"
    for k, moment in enumerate(batch.moments):
        if moment.status is not None:
            status[k] = moment.status
    return status


def _rows(batch: Batch, found: Ramps) -> pa.Table:
    """Return a row for each moment and unit."""
    count, units = found.slope.shape
    group = np.full(units, "all", object)
    for name, places in batch.groups.items():
        group[places] = name
    ramps = found.ramping.astype(object)
    ramps[np.isnan(found.peak)] = None
    return table_of(
        "ramping",
        {
            "network": [moment.network.name for moment in batch.moments for _ in range(units)],
            "step": np.repeat([moment.step for moment in batch.moments], units),
            "unit": np.tile(np.arange(units), count),
            "group": np.tile(group, count),
            "slope": found.slope.ravel(),
            "r2": found.r2.ravel(),
            "peak": found.peak.ravel(),
            "ramping": ramps.ravel(),
            "status": _statuses(batch, found).ravel(),
        },
    )


def _summary(batch: Batch, found: Ramps) -> pa.Table:
    """Return a row for each moment and group."""
    columns: dict[str, list[object]] = {}
    for k, moment in enumerate(batch.moments):
        for group in (name for name in GROUPS if name in batch.groups):
            places = batch.groups[group]
            # Of a network that has diverged no unit counts.
            bad = bool(np.isnan(found.peak[k]).any())
            slopes, r2 = (values[k, places][~np.isnan(values[k, places])] for values in (found.slope, found.r2))
            row = {
                "network": moment.network.name,
                "step": moment.step,
                "group": group,
                "units": len(places),
                "ramping": None if bad else int(found.ramping[k, places].sum()),
                "mean_abs_slope": np.nan if bad or not len(slopes) else float(np.abs(slopes).mean()),
                "median_r2": np.nan if bad or not len(r2) else float(np.median(r2)),
                "status": (moment.status or "diverged") if bad else _group_status(slopes, r2),
            }
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
    return table_of("ramping_summary", columns)


def _group_status(slopes: NDArray[np.float64], r2: NDArray[np.float64]) -> str:
    return "silent" if not len(slopes) else "constant" if not len(r2) else "ok"
