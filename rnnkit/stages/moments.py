"""Networks at moments of their training, run over trials a bounded number of states at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.architectures import CAYLEY_TENSORS
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.models import make_model
from rnnkit.models.base import Workspace
from rnnkit.models.ensembles import stack_weights
from rnnkit.models.recurrence import form_cayley
from rnnkit.schemas import get_schema
from rnnkit.stages.evaluation import TaskChoice, flaw, require_sound, same_task
from rnnkit.stages.overlaps import check_history, snapshots_of, weights_of
from rnnkit.tables import arrow_schema
from rnnkit.tasks import Task

__all__ = ["GROUPS", "Batch", "Moment", "batches", "moments", "run_states", "table_of", "unit_groups"]

#: Groups of units, in the order of the tables.
GROUPS = ("all", "memory", "computation")
#: Bytes of states, in double precision, that are held together.
_STATE_BYTES = 1 << 26
#: Trials run together at least, if they are as many.
_TRIALS = 64
#: Activity beyond this is as good as infinite: its square would be.
_LARGEST = 1e100


@dataclass(frozen=True)
class Moment:
    """A network at one step of its training.

    Attributes
    ----------
    network : Checkpoint
        With the weights that it had then.
    step : int
        Optimiser steps of training.
    status : str or None
        Why it cannot be run; None if it can.
    """

    network: Checkpoint
    step: int
    status: str | None


@dataclass(frozen=True)
class Batch:
    """Moments of one architecture, task and division into groups, that are run together.

    Attributes
    ----------
    moments : tuple of Moment
    task : Task
    groups : dict of str to (k,) int64
        Places of the units of each group.
    """

    moments: tuple[Moment, ...]
    task: Task
    groups: dict[str, NDArray[np.int64]]

    @property
    def sound(self) -> list[int]:
        """Places of the moments that can be run."""
        return [k for k, moment in enumerate(self.moments) if moment.status is None]


def unit_groups(network: Checkpoint, memory_units: int | None = None) -> dict[str, NDArray[np.int64]]:
    """Return the units of each group: `all`, and `memory` and `computation` where the first units are set apart.

    Parameters
    ----------
    network : Checkpoint
        Its training says how many are memory units; where all of them are, there is one group.
    memory_units : int, optional
        How many are, whatever its training says.

    Raises
    ------
    InputError
        When `memory_units` leaves a group empty.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=3, inputs=1, outputs=1)
    >>> {name: found.tolist() for name, found in unit_groups(Checkpoint("a", shape, {}), 2).items()}
    {'all': [0, 1, 2], 'memory': [0, 1], 'computation': [2]}
    """
    units = network.architecture.units
    if memory_units is not None and not 0 < memory_units < units:
        what = f"{memory_units} of the {units} units of {network.name} leave a group empty"
        raise InputError("--memory-units", what, f"give 1 to {units - 1}" if units > 1 else "leave it out")
    count = network.training.get("memory_units") if memory_units is None else memory_units
    every = np.arange(units)
    if not isinstance(count, int) or not 0 < count < units:
        return {"all": every}
    return dict(zip(GROUPS, (every, every[:count], every[count:]), strict=True))


def moments(
    networks: Sequence[Checkpoint], *, initial: bool = False, histories: Sequence[History] = ()
) -> Iterator[Moment]:
    """Yield the networks as they are, as they were before training, or at each of their snapshots.

    Parameters
    ----------
    networks : sequence of Checkpoint
    initial : bool
        Before training.
    histories : sequence of History
        A file of snapshots for each network, or none at all; a few snapshots are held at a time.

    Raises
    ------
    InputError
        When the weights before training are not known, no network is sound, or snapshots are of another network.
    """
    if not histories:
        found = [(network, *weights_of(network, initial)) for network in networks]
        then = [(replace(network, weights=weights), step) for network, step, weights in found]
        require_sound([network for network, _ in then])
        yield from (Moment(network, step, flaw(network)) for network, step in then)
        return
    for network, history in zip(networks, histories, strict=True):
        for block in snapshots_of(network, history):
            for k, step in enumerate(block.steps):
                held = _formed({name: value[k] for name, value in block.weights.items()})
                snapshot = replace(network, weights=held)
                yield Moment(snapshot, int(step), flaw(snapshot))


def _formed(weights: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the weights with the recurrent matrix of a Cayley network, of which snapshots hold what makes it."""
    if "recurrent.weight" in weights or not set(CAYLEY_TENSORS) <= set(weights):
        return weights
    parts = {name: torch.from_numpy(np.asarray(weights[name])[None]) for name in CAYLEY_TENSORS}
    if not all(bool(part.isfinite().all()) for part in parts.values()):
        return weights | {"recurrent.weight": np.full([2 * len(weights["recurrent.real"])] * 2, np.nan)}
    return weights | {"recurrent.weight": form_cayley(parts).matrix[0].numpy()}


def batches(
    networks: Sequence[Checkpoint],
    choice: TaskChoice,
    *,
    initial: bool = False,
    histories: Sequence[History] = (),
    memory_units: int | None = None,
    task_of: Callable[[Checkpoint], Task] | None = None,
    held: Callable[[Checkpoint, Task], int] = lambda network, task: 0,
) -> Iterator[Batch]:
    """Gather the moments of networks into batches: those that follow on each other, as many as fit together.

    Parameters
    ----------
    networks, initial, histories
        As in :func:`moments`.
    choice : TaskChoice
    memory_units : int, optional
        As in :func:`unit_groups`.
    task_of : function of network, optional
        Gives the task that is run; the chosen one by default.
    held : function of network and task
        Bytes that a network takes besides its states.

    Raises
    ------
    InputError
        Before anything is run, for networks, snapshots and options that do not go together.
    """
    task_of = task_of or choice.of
    tasks = {network.name: task_of(network) for network in networks}
    groups = {network.name: unit_groups(network, memory_units) for network in networks}
    for network, history in zip(networks, histories, strict=False):
        check_history(network, history)

    def key(moment: Moment) -> tuple[Any, ...]:
        network = moment.network
        split = len(groups[network.name].get("memory", ()))
        return replace(network.architecture, gamma=1.0), *same_task(tasks[network.name]), split

    for _, members in itertools.groupby(moments(networks, initial=initial, histories=histories), key=key):
        rest = iter(members)
        first = next(rest)
        network, task = first.network, tasks[first.network.name]
        each = _bytes(network, task.length) * _TRIALS + held(network, task)
        most = max(1, _STATE_BYTES // each)
        rest = itertools.chain([first], rest)
        while part := tuple(itertools.islice(rest, most)):
            yield Batch(part, task, groups[network.name])


def _bytes(network: Checkpoint, steps: int) -> int:
    """Return the bytes that the states of one trial take while they are made: states, features, and what gates add."""
    shape = network.architecture
    return 8 * steps * shape.units * (shape.spec.gates + 2)


def run_states(
    members: Sequence[Moment], inputs: NDArray[np.float32], device: torch.device
) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.bool_]]]:
    """Run networks of one architecture over common trials, a block of trials at a time, in float64.

    Parameters
    ----------
    members : sequence of Moment
    inputs : (trials, steps, inputs) float32
    device : torch.device

    Yields
    ------
    slice
        The trials of the block.
    (networks, trials, steps, units) float64
        States after each step, 0 where they are not finite or beyond 1e100; overwritten by the next block.
    (networks, steps) bool
        Where they are finite in all of the block's trials.
    """
    trials, steps = inputs.shape[:2]
    networks = [moment.network for moment in members]
    model, weights, work = make_model(networks[0].architecture), stack_weights(networks, device), Workspace()
    most = max(1, _STATE_BYTES // (_bytes(networks[0], steps) * len(networks)))
    for first in range(0, trials, most):
        block = slice(first, min(first + most, trials))
        x = torch.from_numpy(np.ascontiguousarray(inputs[block].transpose(1, 0, 2))).to(device, torch.float64)
        with torch.inference_mode():
            batch = x.expand(len(networks), *x.shape).contiguous()
            states = model.scan(weights, batch, work).states.transpose(1, 2).cpu().numpy()
        with np.errstate(invalid="ignore"):
            sound = (np.abs(states) <= _LARGEST).all(axis=(1, 3))
        if not sound.all():
            states = np.where(sound[:, None, :, None], states, 0.0)
        yield block, states, sound


def table_of(name: str, columns: dict[str, Any]) -> pa.Table:
    """Return a table of a declared schema from arrays of one length; numbers that are not finite become null.

    Examples
    --------
    >>> held = {"network": ["a"], "step": [0], "unit": [1], "group": ["all"], "slope": [np.nan], "status": ["silent"]}
    >>> table_of("ramping", held | {"r2": [1.0], "peak": [2.0], "ramping": [False]})["slope"].to_pylist()
    [None]
    """
    schema = arrow_schema(get_schema(name))

    def column(field: pa.Field[Any]) -> pa.Array[Any]:
        values = columns[field.name]
        if pa.types.is_floating(field.type):
            numbers = np.asarray(values, np.float64)
            found: pa.Array[Any] = pa.array(numbers, field.type, mask=~np.isfinite(numbers))
        else:
            found = pa.array(np.asarray(values).tolist(), field.type)
        return found

    return pa.table({field.name: column(field) for field in schema}, schema=schema)
