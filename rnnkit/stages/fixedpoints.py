"""Find the fixed points of networks at constant inputs, prove them, and say how complete the set may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.models.autonomous import autonomous_map
from rnnkit.numerics.fixed_point_completion import METHODS, find_points
from rnnkit.numerics.krawczyk import ASSUMPTIONS
from rnnkit.random_streams import stream
from rnnkit.stages.evaluation import TaskChoice, flaw, same_task
from rnnkit.stages.fixed_point_rows import Row, coverage_rows, flawed_row, point_rows
from rnnkit.stages.fixed_point_starts import draw_starts
from rnnkit.tables import build
from rnnkit.tasks import Task

__all__ = ["ASSUMPTIONS", "fixedpoints"]

#: Starts of a network, by method; the second is the paper's.
_STARTS = {"newton": 512, "descent": 500}
#: States of a batch of networks, (networks, starts, gates * units): 64 MB.
_ELEMENTS = 2**23

_CPU = torch.device("cpu")


def fixedpoints(
    networks: Sequence[Checkpoint],
    inputs: Sequence[Sequence[float]] | None = None,
    choice: TaskChoice | None = None,
    *,
    starts: int | None = None,
    slow: bool = False,
    method: str = "newton",
    directions: bool = False,
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
        Keep slow points.
    method : str
        `newton`, or `descent` (paper "abrupt-learning", Algorithm 1, which keeps all points it ends on).
    directions : bool
        Work out the directions along which deviations from each point grow.
    seed : int
    device : torch.device
        Of the search; certificates are always worked out on the CPU.
    report : callable
        Told how many searches are done, and of how many.

    Yields
    ------
    points, coverage : pyarrow.Table
        Of schemas `fixedpoints` and `fixedpoint_coverage`. A network with weights that are not finite, or without a
        point, has one row that says so.

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
    if method not in METHODS:
        raise unknown_name("--method", method, METHODS, "method")
    count = _STARTS[method] if starts is None else starts
    if count < 1:
        raise InputError("--starts", f"{count} is not a number of starts", "give 1 or more")
    systems = [np.asarray(given, dtype=np.float64) for given in inputs or ()]
    _check(networks, systems)
    groups = _groups([network for network in networks if flaw(network) is None], choice, count)
    total, done = float(count * max(1, len(systems)) * sum(len(members) for _, members in groups)), 0.0

    def told(searched: int) -> None:
        nonlocal done
        done += searched
        report(done, total)

    for task, members in groups:
        rows: dict[str, tuple[list[Row], list[Row]]] = {network.name: ([], []) for network in members}
        for place, constant in enumerate(systems or [np.zeros(members[0].architecture.inputs)]):
            system = autonomous_map(members, constant)
            drawn = draw_starts(members, system, constant, task, count, seed, device, method == "descent")
            middle = partial(stream, seed, "solver", 2)
            found = find_points(system, drawn.states, drawn.kind, middle, method, device, told)
            for k, network in enumerate(members):
                alone, descent = system.only(k), method == "descent"
                points = point_rows(network, alone, found[k], constant, slow or descent, descent, directions)
                for to, new in zip(rows[network.name], (points, coverage_rows(alone, found[k], constant)), strict=True):
                    to.extend({**row, "system": place} for row in new)
        for network in members:
            yield _tables(network, *rows[network.name])
    for network in networks:
        status = flaw(network)
        if status is not None:
            given = systems or [np.zeros(network.architecture.inputs)]
            bad = [flawed_row(status, constant) for constant in given]
            yield _tables(
                network, *([{**row, "system": k} for k, row in enumerate(part)] for part in zip(*bad, strict=True))
            )


def _tables(network: Checkpoint, points: list[Row], covered: list[Row]) -> tuple[pa.Table, pa.Table]:
    """Return the two tables of one network; points are numbered through all inputs."""
    for number, row in enumerate(points):
        row |= {"network": network.name, "point": number}
    for row in covered:
        row["network"] = network.name
        if row["starts_from"] == "all" and row["points"]:
            fixed = [p for p in points if p["system"] == row["system"] and p["kind"] == "fixed"]
            row["stable"] = sum(p["stable"] for p in fixed)
    return build("fixedpoints", points), build("fixedpoint_coverage", covered)


def _check(networks: Sequence[Checkpoint], systems: Sequence[NDArray[np.float64]]) -> None:
    """Raise InputError unless every network can be searched at every input."""
    if networks and all(flaw(network) is not None for network in networks):
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


def _groups(
    networks: Sequence[Checkpoint], choice: TaskChoice | None, count: int
) -> list[tuple[Task | None, list[Checkpoint]]]:
    """Group networks that can be searched together: of one architecture and task, and not too many."""
    chosen = choice or TaskChoice()
    alike: dict[tuple[object, ...], tuple[Task | None, list[Checkpoint]]] = {}
    for network in networks:
        tasked = network.task is not None or chosen.name is not None
        task = chosen.of(network) if tasked or chosen.parameters else None
        key = (replace(network.architecture, gamma=1.0), None if task is None else same_task(task))
        alike.setdefault(key, (task, []))[1].append(network)
    groups = []
    for task, members in alike.values():
        shape = members[0].architecture
        together = max(1, _ELEMENTS // (count * shape.units * shape.spec.gates))
        groups += [(task, members[k : k + together]) for k in range(0, len(members), together)]
    return groups
