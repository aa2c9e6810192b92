"""Searches for the fixed points of a batch of networks of one architecture, and the two tables of each network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.models.autonomous import autonomous_map
from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.fixed_point_completion import Found, find_points
from rnnkit.numerics.fixed_point_search import Descent
from rnnkit.random_streams import stream
from rnnkit.stages.evaluation import flaw
from rnnkit.stages.fixed_point_rows import Row, coverage_rows, flawed_row, point_rows
from rnnkit.stages.fixed_point_starts import draw_starts
from rnnkit.tables import build
from rnnkit.tasks import Task

__all__ = ["STARTS", "Member", "Searches"]

#: Starts of a network, by method; the second is the paper's.
STARTS = {"lm": 512, "descent": 500}
#: Columns that are of some tables only.
_OF_DESCENT = ("method", "converged", "solver_speed")

Tables = tuple[pa.Table, pa.Table]


@dataclass(frozen=True)
class Member:
    """A network, or a snapshot of one.

    Attributes
    ----------
    network : Checkpoint
    step : int or None
        Optimiser step of a snapshot.
    """

    network: Checkpoint
    step: int | None = None


@dataclass(frozen=True)
class _System:
    """What was found for a batch at one input by one method."""

    place: int
    constant: NDArray[np.float64]
    method: str
    map: AutonomousMap
    found: list[Found]


@dataclass(frozen=True)
class Searches:
    """How networks are searched.

    Attributes
    ----------
    inputs : tuple of (inputs,) float64
        Constant inputs; zero where there is none.
    methods : tuple of str
        Of `lm` and `descent`.
    starts : int or None
        For each network, input and method; :data:`STARTS` by default.
    slow, directions : bool
        Keep slow points of `lm`; work out the unstable directions.
    descent : Descent
    history : bool
        Members are snapshots: the tables have a column `step`.
    seed : int
    device : torch.device
    """

    inputs: tuple[NDArray[np.float64], ...]
    methods: tuple[str, ...]
    starts: int | None
    slow: bool
    directions: bool
    descent: Descent
    history: bool
    seed: int
    device: torch.device

    def count(self, method: str) -> int:
        """Return how many starts a method has."""
        return STARTS[method] if self.starts is None else self.starts

    @property
    def each(self) -> int:
        """Searches of a network: descent is followed by the solver."""
        once = sum(self.count(method) * (2 if method == "descent" else 1) for method in self.methods)
        return once * max(1, len(self.inputs))

    def run(self, members: Sequence[Member], task: Task | None, told: Callable[[int], None]) -> Iterator[Tables]:
        """Yield points and coverage of each member, in their order.

        Parameters
        ----------
        members : sequence of Member
            Of one architecture.
        task : Task or None
        told : callable
            Told how many searches were done, block by block.
        """
        sound = [member.network for member in members if flaw(member.network) is None]
        systems = list(self._systems(sound, task, told)) if sound else []
        k = 0
        for member in members:
            if (status := flaw(member.network)) is not None:
                yield self.flawed(member, status)
                continue
            points: list[Row] = []
            covered: list[Row] = []
            for system in systems:
                alone, found, descent = system.map.only(k), system.found[k], system.method == "descent"
                shared = {"system": system.place, "method": system.method}
                own = point_rows(
                    *(member.network, alone, found, system.constant, self.slow or descent, descent, self.directions)
                )
                points += [{**row, **shared} for row in own]
                covered += [{**row, **shared} for row in coverage_rows(alone, found, system.constant)]
            yield self._tables(member, points, covered)
            k += 1

    def flawed(self, member: Member, status: str) -> Tables:
        """Return the tables of a network that cannot be searched: a row for each input and method, with its status."""
        points: list[Row] = []
        covered: list[Row] = []
        for place, constant in enumerate(self._constants(member.network)):
            for method in self.methods:
                shared = {"system": place, "method": method}
                for rows, row in zip((points, covered), flawed_row(status, constant), strict=True):
                    rows.append({**row, **shared})
        return self._tables(member, points, covered)

    def _constants(self, network: Checkpoint) -> Sequence[NDArray[np.float64]]:
        return self.inputs or (np.zeros(network.architecture.inputs),)

    def _systems(
        self, networks: Sequence[Checkpoint], task: Task | None, told: Callable[[int], None]
    ) -> Iterator[_System]:
        middle = partial(stream, self.seed, "solver", 2)
        for place, constant in enumerate(self._constants(networks[0])):
            system = autonomous_map(networks, constant)
            for method in self.methods:
                drawn = draw_starts(
                    *(networks, system, constant, task, self.count(method), self.seed, self.device),
                    states_only=method == "descent",
                )
                found = find_points(system, drawn.states, drawn.kind, middle, method, self.device, told, self.descent)
                yield _System(place, constant, method, system, found)

    def _tables(self, member: Member, points: list[Row], covered: list[Row]) -> Tables:
        """Return the two tables of one network; points are numbered through all inputs and methods."""
        shared = {"network": member.network.name, "step": member.step}
        for number, row in enumerate(points):
            row |= {**shared, "point": number}
        for row in covered:
            row |= shared
            if row["starts_from"] == "all" and row["points"]:
                fixed = [p for p in points if p["kind"] == "fixed" and _same_search(p, row)]
                row["stable"] = sum(p["stable"] for p in fixed)
        left_out = (() if self.history else ("step",)) + (() if "descent" in self.methods else _OF_DESCENT)
        built = (build("fixedpoints", points), build("fixedpoint_coverage", covered))
        first, second = (t.drop_columns([name for name in left_out if name in t.column_names]) for t in built)
        return first, second


def _same_search(one: Row, other: Row) -> bool:
    return (one["system"], one["method"]) == (other["system"], other["method"])
