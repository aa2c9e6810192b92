"""Take couplings out of networks' ordered Schur forms, run what is left, and say what was lost.

"Task-restricted symmetries in recurrent weight space", sections 2 to 4; orders, controls and the subspace account
are additions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import torch

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.numerics.ablation_controls import CONTROLS
from rnnkit.numerics.schur_ablations import ABLATIONS
from rnnkit.stages.copies import DENSE, Company, as_dense
from rnnkit.stages.evaluation import TaskChoice, flaw, require_sound, same_task, sample_trials
from rnnkit.stages.schur_copies import Plan, Taken, run_copies, take
from rnnkit.stages.schur_rows import ROW_TABLES, Rows, rows_of, unfit_rows
from rnnkit.tables import build
from rnnkit.tasks import Task, Trials

__all__ = ["Ablations", "copy_names", "schur_ablate"]

_CPU = torch.device("cpu")
#: Elements of the weights and outputs of the networks that are in memory together.
_ELEMENTS = 16_000_000


@dataclass(frozen=True)
class Ablations:
    """Tables of schemas `ablations`, `ablation_controls` (no rows without controls) and `schur`."""

    ablations: pa.Table
    controls: pa.Table
    schur: pa.Table


def schur_ablate(
    networks: Sequence[Checkpoint],
    choice: TaskChoice | None = None,
    *,
    alphas: Sequence[float] = (0.9,),
    orders: int = 0,
    controls: int = 0,
    kinds: Sequence[str] = tuple(CONTROLS),
    epsilon: float = 0.01,
    schur_rows: bool = False,
    trials: int = 512,
    seed: int = 0,
    device: torch.device = _CPU,
    keep: Callable[[int, Checkpoint], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Ablations:
    """Remove the seven sets of coupling blocks from each network and evaluate what is left, nothing refitted.

    Parameters
    ----------
    networks : sequence of Checkpoint
        With one dense recurrent matrix: `vanilla`, `leaky`, `current`, `mup`, or `lowrank`, whose matrix is formed.
    choice : TaskChoice, optional
        The task; each network's own by default.
    alphas : sequence of float
        Thresholds of the leading sector, as shares of the spectral radius.
    orders : int
        Random orders of the blocks inside the sectors, the same for all networks of as many blocks.
    controls : int
        Random removals of the same norm, of each kind.
    kinds : sequence of str
        Of `isotropic`, `entries`, `rotated`.
    epsilon : float
        Largest rollout distance of a stabiliser.
    schur_rows : bool
        Keep the rows of T in the `schur` table: units^2 numbers of each network and threshold.
    trials, seed, device
        Of the trials, the same for all networks of a task; the seed is also that of orders and controls.
    keep : callable, optional
        Called with a network's place and each ablated copy of it but those whose row is `empty`.
    progress : callable, optional
        Called with copies run and copies in all.

    Raises
    ------
    InputError
        For a network of another family, for values out of range, or when no network is sound.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=3, inputs=1, outputs=1)
    >>> weights = {name: np.ones(size) for name, size in shape.shapes().items()}
    >>> weights["recurrent.weight"] = np.array([[0.8, 1.0, 2.0], [0.0, 0.5, 3.0], [0.0, 0.0, 0.1]])
    >>> net = Checkpoint("net", shape, weights, task="flipflop", task_parameters={"bits": 1, "steps": 5})
    >>> table = schur_ablate([net], trials=4).ablations.to_pydict()
    >>> table["ablation"][:3], table["dim_r"][:3], table["status"][:3]
    (['RR', 'CR', 'CC'], [1, 1, 1], ['empty', 'ok', 'ok'])
    """
    plan = Plan(tuple(alphas), orders, controls, tuple(kinds), epsilon, seed, schur_rows)
    _check(networks, plan)
    require_sound(networks)
    tasks = [(choice or TaskChoice()).of(network) for network in networks]
    results = {k: unfit_rows(n, plan, status) for k, n in enumerate(networks) if (status := flaw(n)) is not None}
    sound = [k for k in range(len(networks)) if k not in results]
    meter = _Meter(len(sound), plan.copies, progress)
    for task, places in _groups(tasks, sound, same_task):
        drawn = sample_trials(task, trials, seed)
        for _, alike in _groups([replace(n.architecture, gamma=1.0) for n in networks], places, lambda shape: shape):
            for part in _parts(networks, alike, drawn, plan):
                members = [as_dense(networks[k]) for k in part]
                for place, one, rows in zip(part, *_evaluate(members, task, drawn, plan, device, meter), strict=True):
                    results[place] = rows
                    if keep is not None:
                        for copy in _kept(one, plan):
                            keep(place, copy)
    ordered = [results[place] for place in range(len(networks))]
    return Ablations(*(build(name, [row for rows in ordered for row in rows[name]]) for name in ROW_TABLES))


def _check(networks: Sequence[Checkpoint], plan: Plan) -> None:
    """Raise InputError for what cannot be done."""
    for network in networks:
        family = network.architecture.family
        if family not in DENSE:
            raise InputError(
                network.name,
                f"is a '{family}' network, which has no single dense recurrent matrix",
                f"give networks of the families {', '.join(DENSE)}",
            )
    if not plan.alphas or len(set(plan.alphas)) < len(plan.alphas):
        raise InputError("--alpha", "no value, or one is given twice", "give different shares of the spectral radius")
    for alpha in plan.alphas:
        if not 0 < alpha <= 1:
            raise InputError("--alpha", f"{alpha} is not in (0, 1]", "give a share of the spectral radius")
    if not 0 <= plan.epsilon < float("inf"):
        raise InputError("--epsilon", f"{plan.epsilon} is no distance", "give 0 or more")
    for option, value in (("--orders", plan.orders), ("--controls", plan.controls)):
        if value < 0:
            raise InputError(option, f"{value} is not a number of draws", "give 0 or more")
    for kind in plan.kinds:
        if kind not in CONTROLS:
            raise unknown_name("--control", kind, ("all", *CONTROLS), "control")


def _groups(values: Sequence[Any], places: Sequence[int], key: Callable[[Any], Any]) -> list[tuple[Any, list[int]]]:
    """Group places by the key of their values, in order of first appearance."""
    groups: dict[Any, tuple[Any, list[int]]] = {}
    for place in places:
        groups.setdefault(key(values[place]), (values[place], []))[1].append(place)
    return list(groups.values())


def _parts(networks: Sequence[Checkpoint], places: Sequence[int], drawn: Trials, plan: Plan) -> Iterator[Sequence[int]]:
    """Split networks of one architecture so that their weights, removals and outputs fit the memory."""
    units = networks[places[0]].architecture.units
    each = units**2 * (len(ABLATIONS) * len(plan.alphas) + 6) + drawn.targets.size
    size = max(1, _ELEMENTS // each)
    for first in range(0, len(places), size):
        yield places[first : first + size]


def _evaluate(
    members: Sequence[Checkpoint], task: Task, drawn: Trials, plan: Plan, device: torch.device, meter: _Meter
) -> tuple[list[Taken], list[Rows]]:
    """Take networks of one architecture apart, run all their copies, and make their rows."""
    company = Company(members, task, drawn, device)
    themselves = list(company.themselves())
    taken = [take(network, plan.alphas) for network in members]
    running = {k: one for k, one in enumerate(taken) if themselves[k][0].finite}
    run_copies(company, running, plan, meter.ran)
    meter.done(len(members))
    return taken, [rows_of(one, *own, plan) for one, own in zip(taken, themselves, strict=True)]


def copy_names(network: str, alphas: Sequence[float]) -> dict[tuple[float, str], str]:
    """Return what the ablated copies of a network are called, by alpha and ablation.

    Examples
    --------
    >>> names = copy_names("net", [0.9])
    >>> names[0.9, "RR+CR"], copy_names("net", [0.8, 0.9])[0.8, "CC"]
    ('net-RR+CR', 'net-alpha0.8-CC')
    """
    several = len(alphas) > 1
    return {(a, name): f"{network}-{f'alpha{a:g}-' * several}{name}" for a in alphas for name in ABLATIONS}


def _kept(one: Taken, plan: Plan) -> Iterator[Checkpoint]:
    """Yield the copies of a network that lack more than rounding, in the type its weights are stored in."""
    parent = one.network
    names = copy_names(parent.name, plan.alphas)
    for alpha in plan.alphas:
        cut = one.cut(alpha)
        copies = one.without(one.schur, cut.removed)
        for k, ablation in enumerate(ABLATIONS):
            if not cut.empty(k):
                stored = copies[k].astype(parent.weights["recurrent.weight"].dtype)
                yield replace(
                    parent,
                    name=names[alpha, ablation],
                    weights={**parent.weights, "recurrent.weight": stored},
                    training={**parent.training, "ablation": ablation, "ablation_alpha": alpha},
                    losses={},
                    status="imported",
                )


class _Meter:
    """How many copies were run, of at most how many."""

    def __init__(self, networks: int, copies: int, progress: Callable[[int, int], None] | None) -> None:
        self._copies, self._total, self._show = copies, networks * copies, progress
        self._count = self._finished = 0

    def ran(self) -> None:
        """Count a copy."""
        self._count += 1
        self._report()

    def done(self, networks: int) -> None:
        """Count whole networks, with the copies that there was no need to run."""
        self._finished += networks * self._copies
        self._count = self._finished
        self._report()

    def _report(self) -> None:
        if self._show is not None:
            self._show(self._count, self._total)
