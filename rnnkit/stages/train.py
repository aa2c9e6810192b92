"""Train an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import torch

from rnnkit.checkpoints import Checkpoint
from rnnkit.provenance import Provenance
from rnnkit.tables import build
from rnnkit.training.folder import TrainingFolder, to_checkpoint
from rnnkit.training.loop import EpochReport, train_group
from rnnkit.training.settings import NetworkPlan, group_plans
from rnnkit.training.states import GroupState

__all__ = ["Trained", "train", "train_into"]

_CPU = torch.device("cpu")

OnEpoch = Callable[[EpochReport], None]


@dataclass(frozen=True)
class Trained:
    """Networks in the order they were planned, and the `training` table."""

    networks: list[Checkpoint]
    table: pa.Table


def train(
    plans: Sequence[NetworkPlan],
    *,
    device: torch.device = _CPU,
    threads: int = 1,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Train networks in memory.

    Parameters
    ----------
    plans : sequence of NetworkPlan
        See :func:`rnnkit.training.plans.plan_networks`.
    device : torch.device
    threads : int
    on_epoch : callable, optional
        Called after every epoch of every group.

    Examples
    --------
    >>> from rnnkit.training.plans import plan_networks
    >>> quick = {"units": 8, "batch": 4, "epochs": 1, "steps_per_epoch": 2, "validation_trials": 4}
    >>> trained = train(plan_networks("flipflop", {"bits": 1, "steps": 5}, quick, [0, 1]))
    >>> [network.status for network in trained.networks]
    ['budget', 'budget']
    """
    done: dict[str, Checkpoint] = {}
    tables = []
    for group in group_plans(plans):
        rows = []
        for report in train_group(group, device, threads):
            done |= {one.plan.name: to_checkpoint(one, Provenance()) for one in report.finished}
            rows += report.rows
            if on_epoch is not None:
                on_epoch(report)
        tables.append(build("training", rows))
    return Trained([done[plan.name] for plan in plans], pa.concat_tables(tables))


def train_into(
    folder: TrainingFolder, *, device: torch.device = _CPU, threads: int = 1, on_epoch: OnEpoch | None = None
) -> pa.Table:
    """Train into a folder, going on from the state it holds; return the `training` table."""
    try:
        for index, plans, state in folder.pending():
            _train_group_into(folder, index, plans, state, device, threads, on_epoch)
        return folder.finish()
    finally:
        folder.close()


def _train_group_into(
    folder: TrainingFolder,
    index: int,
    plans: Sequence[NetworkPlan],
    state: GroupState | None,
    device: torch.device,
    threads: int,
    on_epoch: OnEpoch | None,
) -> None:
    rows = list(state.rows) if state is not None else []
    for report in train_group(plans, device, threads, state):
        for one in report.finished:
            folder.save_network(one)
        rows += report.rows
        folder.save_state(index, report.state, force=bool(report.finished))
        try:
            if on_epoch is not None:
                on_epoch(report)
        except KeyboardInterrupt:
            folder.save_state(index, report.state, force=True)
            raise
    folder.finish_group(index, rows)
