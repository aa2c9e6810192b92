"""What can be read from networks' units by linear regression, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.numerics.linear_decoding import (
    Readouts,
    Scores,
    empty_factor,
    fit_readouts,
    reduce_rows,
    score_readouts,
)
from rnnkit.numerics.threads import one_thread
from rnnkit.random_streams import stream
from rnnkit.stages.evaluation import TaskChoice
from rnnkit.stages.moments import GROUPS, Batch, batches, run_states, table_of
from rnnkit.tasks import Task, override

__all__ = ["decode"]

_CPU = torch.device("cpu")
#: Bytes of triangular factors that are held together, of the trials to fit and to test alike.
_FACTOR_BYTES = 1 << 26


@dataclass(frozen=True)
class _Question:
    """What is to be decoded from some trials.

    Attributes
    ----------
    inputs : (trials, steps, inputs) float32
    names : tuple of str
        Of the targets.
    values : (trials, steps, targets) float32
    asked : (steps, targets) bool
        Where a target counts in every trial.
    """

    inputs: NDArray[np.float32]
    names: tuple[str, ...]
    values: NDArray[np.float32]
    asked: NDArray[np.bool_]


def decode(
    networks: Sequence[Checkpoint],
    choice: TaskChoice | None = None,
    *,
    initial: bool = False,
    histories: Sequence[History] = (),
    memory_units: int | None = None,
    fit_trials: int = 10_000,
    test_trials: int = 1000,
    noise: float = 0.0,
    seed: int = 0,
    device: torch.device = _CPU,
) -> Iterator[pa.Table]:
    """Yield how well each step's activity tells what a trial holds (paper "abrupt-learning", Methods 7).

    At every step of the trial a least-squares readout with an intercept goes from the units of a group to each target:
    to the quantities of the whole trial where the task names some (:meth:`rnnkit.tasks.base.Task.quantities`), with its
    events at the same steps of all trials; else to the inputs and targets of that step. A target of a step that does
    not count in every trial is left out.

    Parameters
    ----------
    networks, choice, initial, histories, memory_units, device
        As in :func:`rnnkit.stages.ramping`.
    fit_trials, test_trials : int
        Two or more each; they are other trials, the same for all networks of a task.
    noise : float
        Standard deviation of independent noise on each unit, in units of that of its activity over trials at that
        step; worked out, not drawn (:func:`rnnkit.numerics.linear_decoding.fit_readouts`).
    seed : int
        Of the trials.

    Yields
    ------
    pyarrow.Table
        Of schema `decoding`, some networks or snapshots at a time, in the order given.

    Raises
    ------
    InputError
        When channels do not fit, no network is sound, or an option is out of range.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=2, inputs=2, outputs=1, nonlinearity="identity")
    >>> held = {name: np.zeros(size) for name, size in shape.shapes().items()}
    >>> held |= {"recurrent.weight": np.eye(2, k=-1), "input.weight": np.eye(2, 1)[:, [0, 0]]}
    >>> task = TaskChoice("delayed-addition", {"steps": 14})
    >>> found = next(decode([Checkpoint("a", shape, held)], task, fit_trials=200, test_trials=100))
    >>> [row["time"] for row in found.to_pylist() if row["target"] == "cue1" and row["r2"] > 0.5]
    [4, 5]
    """
    for option, count in (("--fit-trials", fit_trials), ("--test-trials", test_trials)):
        if count < 2:
            raise InputError(option, f"{count} trials do not vary", "give 2 or more")
    if not 0 <= noise < np.inf:
        raise InputError("--noise", f"{noise} is no standard deviation", "give 0 or more")
    choice = choice or TaskChoice()

    def task_of(network: Checkpoint) -> Task:
        task, said = choice.of(network), choice.parameters or {}
        return override(task, {name: value for name, value in task.aligned.items() if name not in said})

    def held(network: Checkpoint, task: Task) -> int:
        # Several times the factors of all steps, or of as many as are worked on together.
        return 8 * min(task.length * _factor_bytes(network), _FACTOR_BYTES)

    found = batches(
        *(networks, choice),
        initial=initial,
        histories=histories,
        memory_units=memory_units,
        task_of=task_of,
        held=held,
    )
    asked: tuple[Task, _Question, _Question] | None = None
    for batch in found:
        if asked is None or asked[0] != batch.task:
            fitted = _question(batch.task, fit_trials, stream(seed, "evaluation", 1))
            asked = batch.task, fitted, _question(batch.task, test_trials, stream(seed, "evaluation"))
        yield _table(batch, asked[1], asked[2], noise, device)


def _factor_bytes(network: Checkpoint) -> int:
    """Return the bytes of the factors of one step: a few targets stand beside the units."""
    shape = network.architecture
    return 16 * (shape.units + shape.inputs + shape.outputs + 4) ** 2


def _question(task: Task, trials: int, rng: np.random.Generator) -> _Question:
    """Draw trials of a task, and say what is to be decoded from them."""
    drawn = task.sample([rng], trials)
    inputs, targets = drawn.inputs[0], drawn.targets[0]
    steps = inputs.shape[1]
    quantities = task.quantities(drawn)
    if quantities:
        each = np.stack([value[0] for value in quantities.values()], axis=-1)
        values = np.broadcast_to(each[:, None], (trials, steps, len(quantities)))
        return _Question(inputs, tuple(quantities), values, np.ones((steps, len(quantities)), bool))
    names = [f"input{k + 1}" for k in range(inputs.shape[-1])] + [f"target{k + 1}" for k in range(targets.shape[-1])]
    asked = np.ones((steps, len(names)), bool)
    if drawn.mask is not None:
        asked[:, inputs.shape[-1] :] = (drawn.mask[0] > 0).all(axis=0)[:, None]
    return _Question(inputs, tuple(names), np.concatenate([inputs, targets], axis=-1), asked)


def _table(batch: Batch, fitted: _Question, tested: _Question, noise: float, device: torch.device) -> pa.Table:
    """Return the rows of a batch; the steps of a trial are worked on a few at a time where their factors are large."""
    steps = fitted.inputs.shape[1]
    each = _factor_bytes(batch.moments[0].network) * len(batch.moments)
    most = max(1, _FACTOR_BYTES // each)
    parts = [
        _rows(batch, fitted, tested, range(first, min(first + most, steps)), noise, device)
        for first in range(0, steps, most)
    ]
    if len(parts) == 1:
        return parts[0]
    order: dict[Any, int] = {moment.network.name: k for k, moment in enumerate(batch.moments)}
    whole = pa.concat_tables(parts)
    keys = [np.array([order[name] for name in whole["network"].to_pylist()]), whole["step"].to_numpy()]
    return whole.take(np.lexsort((np.arange(len(whole)), keys[1], keys[0])).tolist())


def _factors(
    batch: Batch, question: _Question, times: range, device: torch.device
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Reduce the trials of some steps; return the factors of the sound networks, and where they did not diverge."""
    members = [batch.moments[k] for k in batch.sound]
    columns = 1 + members[0].network.architecture.units + len(question.names)
    factor = empty_factor((len(members), len(times)), columns)
    sound = np.ones((len(members), len(times)), bool)
    inputs = question.inputs[:, : times.stop]
    for block, states, finite in run_states(members, inputs, device):
        x = states[:, :, times.start :].swapaxes(1, 2)
        y = question.values[block, times.start : times.stop].swapaxes(0, 1)
        with one_thread():
            factor = reduce_rows(factor, x, np.broadcast_to(y, (*x.shape[:3], y.shape[-1])))
        sound &= finite[:, times.start :]
    return factor, sound


def _rows(
    batch: Batch, fitted: _Question, tested: _Question, times: range, noise: float, device: torch.device
) -> pa.Table:
    """Return the rows of some steps of the trial: for each moment, step, group and target."""
    groups = [name for name in GROUPS if name in batch.groups]
    shape = (len(batch.moments), len(times), len(groups), len(fitted.names))
    found = {name: np.full(shape, np.nan) for name in ("r2", "mse", "r2_fit", "rank")}
    status = np.full(shape, "diverged", object)
    if batch.sound:
        fit, fit_sound = _factors(batch, fitted, times, device)
        test, test_sound = _factors(batch, tested, times, device)
        sound = fit_sound & test_sound
        for place, name in enumerate(groups):
            with one_thread():
                readouts = fit_readouts(fit, batch.groups[name], len(fitted.names), len(fitted.inputs), noise)
                scores = score_readouts(readouts, test, len(tested.inputs))
            said = _statuses(readouts, scores, sound, len(fitted.inputs), noise)
            lacking = np.isin(said, ["diverged", "too_few_trials"])
            rank = np.broadcast_to(readouts.rank[..., None], said.shape)
            columns = {"r2": scores.r2, "mse": scores.mse, "r2_fit": readouts.r2, "rank": rank}
            for column, values in columns.items():
                unknown = said == "diverged" if column == "rank" else lacking
                found[column][batch.sound, :, place] = np.where(unknown, np.nan, values)
            status[batch.sound, :, place] = said
    for k, moment in enumerate(batch.moments):
        if moment.status is not None:
            status[k] = moment.status
    asked = np.broadcast_to((fitted.asked & tested.asked)[None, times.start : times.stop, None], shape)
    network, time, group, target = (places[asked] for places in np.indices(shape))
    rank = found.pop("rank")[asked]
    return table_of(
        "decoding",
        {
            "network": np.array([moment.network.name for moment in batch.moments], object)[network],
            "step": np.array([moment.step for moment in batch.moments])[network],
            "time": np.array(times)[time],
            "units": np.array(groups, object)[group],
            "target": np.array(fitted.names, object)[target],
            "rank": [None if np.isnan(value) else int(value) for value in rank],
            "status": status[asked],
            **{name: values[asked] for name, values in found.items()},
        },
    )


def _statuses(
    readouts: Readouts, scores: Scores, sound: NDArray[np.bool_], trials: int, noise: float
) -> NDArray[np.object_]:
    """Return what is to be said of each score, (networks, steps, targets)."""
    rank = readouts.rank[..., None]
    status = np.full(scores.r2.shape, "ok", object)
    # A direction that is not there, or a unit that repeats others: the readout is one of many, its score is theirs too.
    status[np.broadcast_to(rank < len(readouts.units), status.shape)] = "rank_deficient"
    status[np.isnan(scores.r2)] = "constant_target"
    if noise == 0:
        # Through so many trials a readout always passes, whatever they hold.
        status[np.broadcast_to(trials <= rank + 1, status.shape)] = "too_few_trials"
    status[~np.isfinite(scores.mse) | ~sound[..., None]] = "diverged"
    return status
