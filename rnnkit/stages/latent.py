"""The latent circuit of networks of rank one, after training or at every snapshot: fixed points, flatness, flow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.numerics.latent_circuits import flat_length, velocities
from rnnkit.numerics.latent_fixed_points import FINER, StillPoints, outside, still_points
from rnnkit.numerics.threads import one_thread
from rnnkit.schemas import get_schema
from rnnkit.stages.evaluation import require_sound
from rnnkit.stages.latent_blocks import TENSORS, CircuitBlock, blocks_of, check_rank_one, constant_input
from rnnkit.stages.overlaps import check_history
from rnnkit.tables import arrow_schema

__all__ = ["LatentGrid", "latent", "latent_flow"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LatentGrid:
    """Where a latent circuit is looked at, and what counts as flat.

    Attributes
    ----------
    points : int
        Of the grid: 2 or more.
    low, high : float
        Its range.
    threshold : float
        Below which |f| and |f'| are flat.
    task_range : (float, float)
        Values that the task asks of the latent variable: `flatness_range` is of these.
    constant : tuple of float, optional
        Input at which the circuit is looked at; zero by default.

    Raises
    ------
    InputError
        For values that make no grid.
    """

    points: int = 100
    low: float = -3.0
    high: float = 3.0
    threshold: float = 0.2
    task_range: tuple[float, float] = (0.0, 2.0)
    constant: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.points < 2:
            raise InputError("--grid", f"{self.points} is no number of points", "give 2 or more")
        for option, (low, high) in (("--range", (self.low, self.high)), ("--task-range", self.task_range)):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise InputError(option, f"{low:g},{high:g} is no range", "give two numbers, the smaller one first")
        if not 0 < self.threshold < math.inf:
            raise InputError("--threshold", f"{self.threshold} is no velocity to stay below", "give a number above 0")
        if self.constant is not None and not all(map(math.isfinite, self.constant)):
            raise InputError("--input", "holds NaN or infinity", "give finite numbers")

    def kappa(self) -> Floats:
        """Return the grid, (points,)."""
        return np.linspace(self.low, self.high, self.points)

    def finer(self) -> Floats:
        """Return the grid that counts are checked on."""
        return np.linspace(self.low, self.high, (self.points - 1) * FINER + 1)

    def task_kappa(self) -> Floats:
        """Return a grid over the task's range whose cells are no wider than those of the other one."""
        low, high = self.task_range
        cells = max(1, math.ceil((high - low) / (self.high - self.low) * (self.points - 1) - 1e-9))
        return np.linspace(low, high, cells + 1)


def latent(
    networks: Sequence[Checkpoint],
    histories: Sequence[History] = (),
    grid: LatentGrid | None = None,
    starts: Mapping[str, float] | None = None,
) -> Iterator[pa.Table]:
    """Yield fixed points and flatness of the latent circuits of networks of rank one, some rows at a time.

    Parameters
    ----------
    networks : sequence of Checkpoint
        `leaky` or `lowrank`, of rank 1.
    histories : sequence of History
        Of every snapshot instead of after training: one file for each network, or none at all.
    grid : LatentGrid, optional
    starts : mapping of str to float, optional
        Step that the steps of each network are also counted from (:func:`rnnkit.stages.aligning.starts_of`).

    Yields
    ------
    pyarrow.Table
        Of schema `latent`, in the order of the networks and their snapshots.

    Raises
    ------
    InputError
        For networks of another rank, an input or histories that do not fit, and networks that `starts` lacks.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="leaky", units=4, inputs=1, outputs=1, rank=1, readout="latent", bias=False)
    >>> held = {"input.weight": np.zeros((4, 1)), "recurrent.left": np.ones((4, 1))}
    >>> (table,) = latent([Checkpoint("a", shape, held | {"recurrent.right": np.full((4, 1), 1.5)})])
    >>> row = table.to_pylist()[0]  # f(k) = -k + 1.5 tanh(k)
    >>> row["fixed_points"], row["stable"], np.round(row["roots"], 4).tolist()
    (3, 2, [-1.2878, 0.0, 1.2878])
    """
    chosen = grid or LatentGrid()
    _check(networks, histories, chosen, starts)
    for block in blocks_of(networks, histories, chosen.constant):
        # Weights may be too large for a product of two: such circuits are found and flagged.
        with one_thread(), np.errstate(over="ignore", invalid="ignore"):
            held = _measures(block, chosen)
        yield _table("latent", block, held, starts, 1)


def latent_flow(
    networks: Sequence[Checkpoint],
    histories: Sequence[History] = (),
    grid: LatentGrid | None = None,
    starts: Mapping[str, float] | None = None,
) -> Iterator[pa.Table]:
    """Yield the velocity of the latent variable on the grid, a row for each network, step and point of it.

    Parameters and errors are those of :func:`latent`.

    Yields
    ------
    pyarrow.Table
        Of schema `latent_flow`.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="lowrank", units=4, inputs=1, outputs=1, rank=1, bias=False)
    >>> held = {"input.weight": np.zeros((4, 1)), "recurrent.left": np.ones((4, 1))}
    >>> net = Checkpoint("a", shape, held | {"recurrent.right": np.full((4, 1), 1.5)})
    >>> (table,) = latent_flow([net], grid=LatentGrid(points=3, low=-1, high=1))
    >>> np.round(table["velocity"].to_pylist(), 4).tolist()
    [-0.1424, 0.0, 0.1424]
    """
    chosen = grid or LatentGrid()
    _check(networks, histories, chosen, starts)
    kappa = chosen.kappa()
    for block in blocks_of(networks, histories, chosen.constant):
        with one_thread(), np.errstate(over="ignore", invalid="ignore"):
            velocity, slope = velocities(block.circuits, kappa)
        finite = (np.isfinite(velocity) & np.isfinite(slope)).all(axis=1)
        status = _statuses(block.status, finite)
        rows = np.repeat(np.array([one == "ok" for one in status]), len(kappa))
        held = {
            "kappa": pa.array(np.tile(kappa, len(block.steps))),
            "velocity": _numbers(velocity.ravel(), rows),
            "slope": _numbers(slope.ravel(), rows),
            "status": np.repeat(np.array(status, dtype=object), len(kappa)).tolist(),
        }
        yield _table("latent_flow", block, held, starts, len(kappa))


def _check(
    networks: Sequence[Checkpoint],
    histories: Sequence[History],
    grid: LatentGrid,
    starts: Mapping[str, float] | None,
) -> None:
    """Raise InputError for what does not fit together, before anything is worked out."""
    for network in networks:
        check_rank_one(network)
        constant_input(network, grid.constant)
        if starts is not None and network.name not in starts:
            what = f"has no row of network '{network.name}'"
            raise InputError("--onsets", what, "measure the onsets of the same networks")
    for network, history in zip(networks, histories, strict=False):
        check_history(network, history)
    if not histories:
        used = [{name: one.weights[name] for name in TENSORS if name in one.weights} for one in networks]
        require_sound([replace(one, weights=held) for one, held in zip(networks, used, strict=True)])


def _measures(block: CircuitBlock, grid: LatentGrid) -> dict[str, Any]:
    """Return the columns of some circuits that have numbers, and their status."""
    kappa, task, finer = grid.kappa(), grid.task_kappa(), grid.finer()
    held = [velocities(block.circuits, one) for one in (kappa, task, finer)]
    finite = np.array([np.isfinite(velocity).all(axis=1) & np.isfinite(slope).all(axis=1) for velocity, slope in held])
    sound = finite.all(axis=0)
    # Velocities that are not finite are set aside, and flagged.
    (velocity, slope), on_task, fine = (tuple(np.where(sound[:, None], one, 1.0) for one in pair) for pair in held)
    points, check = (still_points(block.circuits, *one) for one in ((kappa, velocity, slope), (finer, *fine)))
    status = _statuses(block.status, sound)
    flagged = np.array([one != "ok" for one in status])
    counted, checked = ~flagged & ~points.continuum, ~flagged & ~check.continuum
    found, fine_found = points.counts(), check.counts()
    for k in np.flatnonzero(~flagged):
        if points.continuum[k] or check.continuum[k]:
            status[k] = "continuum"
        elif found[k] != fine_found[k]:
            status[k] = "coarse_grid"
    steady = points.stable & (block.rates[points.circuit] * points.slope > -2)
    each = {"stable": points.stable, "stable_steps": steady}
    sums = {name: np.bincount(points.circuit, flags, len(sound)) for name, flags in each.items()}
    return {
        "fixed_points": _counts(found, counted),
        **{name: _counts(value, counted) for name, value in sums.items()},
        "roots": _lists(points, points.kappa, counted),
        "slopes": _lists(points, points.slope, counted),
        "fixed_points_fine": _counts(fine_found, checked),
        "outside": _counts(outside(block.circuits, velocity), ~flagged),
        "flatness": _numbers(flat_length(kappa, velocity, slope, grid.threshold), ~flagged),
        "flatness_range": _numbers(flat_length(task, *on_task, grid.threshold), ~flagged),
        "min_abs_velocity": _numbers(points.least, ~flagged),
        "status": status,
    }


def _statuses(status: Sequence[str], finite: NDArray[np.bool_]) -> list[str]:
    """Return the status of each circuit as far as its weights and velocities go."""
    return [one if one != "ok" or good else "not_finite:velocity" for one, good in zip(status, finite, strict=True)]


def _numbers(values: Floats, there: NDArray[np.bool_]) -> Any:
    return pa.array(values, pa.float64(), mask=~there)


def _counts(values: NDArray[Any], there: NDArray[np.bool_]) -> Any:
    return pa.array(values.astype(np.int64), pa.int64(), mask=~there)


def _lists(points: StillPoints, values: Floats, there: NDArray[np.bool_]) -> list[Floats | None]:
    """Return the values at the fixed points of each circuit."""
    ends = np.cumsum(points.counts())
    parts = np.split(values, ends[:-1])
    return [part if kept else None for part, kept in zip(parts, there, strict=True)]


def _table(
    name: str, block: CircuitBlock, held: Mapping[str, Any], starts: Mapping[str, float] | None, each: int
) -> pa.Table:
    """Return the rows of a block, `each` for a network and step, with its keys and aligned steps."""
    schema, columns = arrow_schema(get_schema(name)), dict(held)
    columns["network"] = np.repeat(np.array(block.networks, dtype=object), each).tolist()
    columns["step"] = np.repeat(block.steps, each)
    ends = np.array([math.nan if starts is None else starts[one] for one in block.networks])
    since = np.repeat(block.steps - ends, each)
    columns["relative_step"] = _numbers(since, np.isfinite(since))
    if starts is not None:
        pairs = zip(columns["status"], np.isfinite(since), strict=True)
        columns["status"] = [one if one != "ok" or known else "no_onset" for one, known in pairs]
    return pa.table({field.name: columns[field.name] for field in schema}, schema=schema)
