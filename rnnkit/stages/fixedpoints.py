"""Find the fixed points of networks at constant inputs, prove them, and say how complete the set may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.history import History
from rnnkit.numerics.fixed_point_completion import METHODS
from rnnkit.numerics.fixed_point_search import DESCENT, Descent
from rnnkit.numerics.krawczyk import ASSUMPTIONS
from rnnkit.stages.evaluation import TaskChoice, flaw, same_task
from rnnkit.stages.fixed_point_searches import Member, Searches
from rnnkit.stages.overlaps import check_history, snapshots_of
from rnnkit.tasks import Task

__all__ = ["ASSUMPTIONS", "METHOD_NAMES", "descent_of", "fixedpoints"]

#: What `method` may be; `newton` is what `lm` was called before.
METHOD_NAMES = (*METHODS, "both", "newton")
#: States of a batch of networks, (networks, starts, gates * units): 64 MB; and of snapshots, 16 MB and so many.
_ELEMENTS, _SNAPSHOT_ELEMENTS, _SNAPSHOTS = 2**23, 2**21, 64

_CPU = torch.device("cpu")


def descent_of(rate: float | None = None, steps: int | None = None) -> Descent:
    """Return how descent goes: as in the paper, where nothing else is said.

    Raises
    ------
    InputError
        For a rate or a number of steps that is none.

    Examples
    --------
    >>> descent_of(steps=10)
    Descent(rate=0.1, steps=10)
    """
    return Descent(DESCENT.rate if rate is None else rate, DESCENT.steps if steps is None else steps)


def fixedpoints(
    networks: Sequence[Checkpoint],
    inputs: Sequence[Sequence[float]] | None = None,
    choice: TaskChoice | None = None,
    *,
    starts: int | None = None,
    slow: bool = False,
    method: str = "lm",
    descent: Descent = DESCENT,
    directions: bool = False,
    histories: Sequence[History] = (),
    every: int = 1,
    seed: int = 0,
    device: torch.device = _CPU,
    report: Callable[[float, float], None] = lambda done, total: None,
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Find the fixed points of networks and yield, network by network, its points and how complete they may be.

    Parameters
    ----------
    networks : sequence of Checkpoint
    inputs : sequence of (inputs,) numbers, optional
        Constant inputs, each a system of its own; zero by default.
    choice : TaskChoice, optional
        The task whose trials give some of the starts; each network's own by default. Networks without one start
        from trajectories at the constant input.
    starts : int, optional
        Searches for each network and input: 512, or 500 for `descent`.
    slow : bool
        Keep slow points; descent keeps them as it is.
    method : str
        `lm`, the solver whose points are proven; `descent` (paper "abrupt-learning", Algorithm 1, which keeps all it
        ends on) with the solver's ends from the same starts beside it; or `both`.
    descent : Descent
        Rate and steps of `descent`.
    directions : bool
        Work out the directions along which deviations from each point grow.
    histories : sequence of History
        Search snapshots instead: one file for each network, or none at all. Every snapshot is searched as a network
        of its weights would be: from states of its own trials, which are the same trials for all.
    every : int
        Search every so-manieth snapshot, from the first, and the last one.
    seed : int
    device : torch.device
        Of the search; certificates are always worked out on the CPU.
    report : callable
        Told how many searches are done, and of how many.

    Yields
    ------
    points, coverage : pyarrow.Table
        Of schemas `fixedpoints` and `fixedpoint_coverage`, a pair for each network or batch of its snapshots. A
        network or snapshot with weights that are not finite, or without a point, has one row that says so.

    Raises
    ------
    InputError
        When an input, a task or an option does not fit.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=1, inputs=1, outputs=1)
    >>> held = {"input.weight": [[1.0]], "recurrent.weight": [[2.0]], "readout.weight": [[1.0]]}
    >>> one = Checkpoint("a", shape, {name: np.array(value) for name, value in held.items()})
    >>> points, coverage = next(fixedpoints([one], starts=32))
    >>> points["output"].combine_chunks().flatten().to_numpy().round(3) + 0.0
    array([-0.958,  0.958,  0.   ])
    >>> coverage["index_sum"][0].as_py()
    1
    """
    if method not in METHOD_NAMES:
        raise unknown_name("--method", method, METHOD_NAMES, "method")
    if starts is not None and starts < 1:
        raise InputError("--starts", f"{starts} is not a number of starts", "give 1 or more")
    if every < 1:
        raise InputError("--every", f"{every} is not a number of snapshots", "give 1 or more")
    systems = tuple(np.asarray(given, dtype=np.float64) for given in inputs or ())
    _check(networks, systems, bool(histories))
    methods = {"both": METHODS, "newton": ("lm",)}.get(method, (method,))
    how = Searches(systems, methods, starts, slow, directions, descent, bool(histories), seed, device)
    if histories:
        yield from _along(networks, histories, every, how, choice, report)
        return
    groups = _groups([network for network in networks if flaw(network) is None], choice, how)
    told = _counter(report, how.each * sum(len(members) for _, members in groups))
    for task, members in groups:
        yield from how.run([Member(network) for network in members], task, told)
    for network in networks:
        status = flaw(network)
        if status is not None:
            yield how.flawed(Member(network), status)


def _counter(report: Callable[[float, float], None], total: int) -> Callable[[int], None]:
    """Return what adds up the searches done and reports them, of so many."""
    done = 0

    def told(searched: int) -> None:
        nonlocal done
        done += searched
        report(float(done), float(total))

    return told


def _along(
    networks: Sequence[Checkpoint],
    histories: Sequence[History],
    every: int,
    how: Searches,
    choice: TaskChoice | None,
    report: Callable[[float, float], None],
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Search the snapshots of one network after another, a batch at a time."""
    tasks = []
    for network, history in zip(networks, histories, strict=True):
        check_history(network, history)  # before anything is written
        tasks.append(_task_of(network, choice))
    wanted = [_chosen(len(history.steps), every) for history in histories]
    told = _counter(report, how.each * sum(map(len, wanted)))
    for network, history, task, places in zip(networks, histories, tasks, wanted, strict=True):
        most = min(_SNAPSHOTS, _together(network, how, _SNAPSHOT_ELEMENTS))
        waiting: list[Member] = []
        for member in _members(network, history, places):
            waiting.append(member)
            if len(waiting) == most:
                yield _joined(how.run(waiting, task, told))
                waiting = []
        if waiting:
            yield _joined(how.run(waiting, task, told))


def _joined(parts: Iterator[tuple[pa.Table, pa.Table]]) -> tuple[pa.Table, pa.Table]:
    """Return the tables of a batch as one: a table file then has a part for each batch, not for each snapshot."""
    points, covered = zip(*parts, strict=True)
    return pa.concat_tables(points).combine_chunks(), pa.concat_tables(covered).combine_chunks()


def _chosen(count: int, every: int) -> list[int]:
    """Return the places of the snapshots that are searched.

    Examples
    --------
    >>> _chosen(6, 2), _chosen(5, 2), _chosen(0, 2)
    ([0, 2, 4, 5], [0, 2, 4], [])
    """
    return sorted({*range(0, count, every), *([count - 1] if count else [])})


def _members(network: Checkpoint, history: History, places: Sequence[int]) -> Iterator[Member]:
    """Yield snapshots as networks of their own."""
    wanted, place = set(places), 0
    for block in snapshots_of(network, history):
        for k, step in enumerate(block.steps.tolist()):
            if place in wanted:
                weights = {name: value[k].copy() for name, value in block.weights.items()}
                yield Member(replace(network, weights=weights, initial={}), step)
            place += 1


def _check(networks: Sequence[Checkpoint], systems: Sequence[NDArray[np.float64]], snapshots: bool) -> None:
    """Raise InputError unless every network can be searched at every input; of `snapshots` each has a status."""
    if networks and not snapshots and all(flaw(network) is not None for network in networks):
        what = f"tensor '{networks[0].bad_tensor()}' holds NaN or infinity"
        raise InputError(networks[0].name, what, "give finite weights")
    for constant in systems:
        shown = ",".join(f"{value:g}" for value in constant)
        if not np.isfinite(constant).all():
            raise InputError("--input", f"'{shown}' holds NaN or infinity", "give finite numbers")
        for network in networks:
            channels = network.architecture.inputs
            if len(constant) != channels:
                what = f"'{shown}' has {len(constant)} numbers, {network.name} has {channels} inputs"
                raise InputError("--input", what, "give a number for each input channel")


def _task_of(network: Checkpoint, choice: TaskChoice | None) -> Task | None:
    """Return the task whose trials give starts; None for a network that has none, where none was named."""
    chosen = choice or TaskChoice()
    tasked = network.task is not None or chosen.name is not None
    return chosen.of(network) if tasked or chosen.parameters else None


def _together(network: Checkpoint, how: Searches, elements: int) -> int:
    """Return how many such networks are searched together: 1 or more."""
    shape, count = network.architecture, max(map(how.count, how.methods))
    return max(1, elements // (count * shape.units * shape.spec.gates))


def _groups(
    networks: Sequence[Checkpoint], choice: TaskChoice | None, how: Searches
) -> list[tuple[Task | None, list[Checkpoint]]]:
    """Group networks that can be searched together: of one architecture and task, and not too many."""
    alike: dict[tuple[object, ...], tuple[Task | None, list[Checkpoint]]] = {}
    for network in networks:
        task = _task_of(network, choice)
        key = (replace(network.architecture, gamma=1.0), None if task is None else same_task(task))
        alike.setdefault(key, (task, []))[1].append(network)
    groups = []
    for task, members in alike.values():
        together = _together(members[0], how, _ELEMENTS)
        groups += [(task, members[k : k + together]) for k in range(0, len(members), together)]
    return groups
