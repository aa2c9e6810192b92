"""What a group of networks is while it trains, and what a network is when it has stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.models.initialisation import draw_weights
from rnnkit.random_streams import stream
from rnnkit.training.flat import pack, unpack_whole
from rnnkit.training.memory import start_as_integrators
from rnnkit.training.optimizers import empty_moments
from rnnkit.training.settings import NetworkPlan
from rnnkit.training.starts import start_weights, untrained_tensors

__all__ = ["GroupState", "Record", "TrainedNetwork", "finish"]

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that has stopped.

    Attributes
    ----------
    plan : NetworkPlan
    weights, initial : dict of arrays
        In the type it was trained in.
    status : str
        `converged`, `budget` or `diverged`.
    losses : dict
        `training` and `validation` of the last epoch, `crossing` of the first below the stop loss.
    epochs : int
        Epochs trained.
    crossing_epoch : int or None
    phase_losses : tuple of float or None
        Training loss at the end of each phase that began, None for one that was cut short; empty without a protocol.
    snapshot_steps : (K,) int64
    snapshots : dict of (K, ...) arrays
    """

    plan: NetworkPlan
    weights: Arrays
    initial: Arrays
    status: str
    losses: dict[str, float | None]
    epochs: int
    crossing_epoch: int | None
    phase_losses: tuple[float | None, ...]
    snapshot_steps: NDArray[np.int64]
    snapshots: Arrays


@dataclass
class Record:
    """What is known of one network while it trains."""

    losses: list[float] = field(default_factory=list)
    crossing_epoch: int | None = None
    snapshot_steps: list[int] = field(default_factory=list)

    def phase_losses(self, plan: NetworkPlan) -> tuple[float | None, ...]:
        """Training loss at the end of each phase that began; None for one that was cut short."""
        epochs = plan.settings.epochs
        ends = [epochs * (k + 1) for k in range(len(plan.protocol)) if epochs * k < len(self.losses)]
        return tuple(self.losses[end - 1] if end <= len(self.losses) else None for end in ends)


@dataclass
class GroupState:
    """Everything needed to go on: a resumed group runs as if it had never stopped.

    Attributes
    ----------
    epoch : int
        Epochs done.
    active : list of int
        Indices, into the group's plans, of the networks still training.
    flat, initial : (active networks, parameters)
        Weights, and weights before training, in the plans' type.
    first, second : (active networks, parameters)
        Adam's moments; or the velocity, and nothing: (active networks, 0).
    snapshots : list, by active network, of lists of (parameters,)
    records : list, by active network
    rows : list of dict
        Rows of the training table so far, of all the group's networks.
    """

    epoch: int
    active: list[int]
    flat: Tensor
    initial: Tensor
    first: Tensor
    second: Tensor
    snapshots: list[list[Tensor]]
    records: list[Record]
    rows: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def start(cls, plans: Sequence[NetworkPlan]) -> GroupState:
        """Draw every network's weights from its own stream, or take those of the network it starts from."""
        settings = plans[0].settings
        flat = pack(plans[0].architecture, [_before_training(plan) for plan in plans], settings.dtype)
        kept = [bool(plan.settings.snapshots or plan.settings.snapshot_steps) for plan in plans]
        snapshots = [[flat[k].clone()] if keep else [] for k, keep in enumerate(kept)]
        records = [Record(snapshot_steps=[0] if keep else []) for keep in kept]
        moments = empty_moments(settings.optimizer, flat)
        return cls(0, list(range(len(plans))), flat, flat.clone(), *moments, snapshots, records)

    def keep(self, positions: Sequence[int]) -> None:
        """Drop all active networks but those at these positions."""
        index = torch.as_tensor(list(positions), dtype=torch.long, device=self.flat.device)
        self.flat, self.initial = self.flat[index], self.initial[index]
        self.first, self.second = self.first[index], self.second[index]
        self.active = [self.active[k] for k in positions]
        self.snapshots = [self.snapshots[k] for k in positions]
        self.records = [self.records[k] for k in positions]


def _before_training(plan: NetworkPlan) -> Arrays:
    s = plan.settings
    if plan.start is not None:
        return start_weights(plan.start, plan.architecture)
    drawn = draw_weights(
        plan.architecture,
        s.init,
        s.gain,
        stream(plan.seed, "weights"),
        s.dtype,
        init_input=s.init_input,
        init_a=s.init_a,
        zero_diagonal=s.zero_diagonal,
    )
    return start_as_integrators(drawn, plan.memory_units) if s.mai else drawn


def finish(
    plan: NetworkPlan, state: GroupState, position: int, status: str, validation: float | None
) -> TrainedNetwork:
    """Return the network at a position among the active ones as it has stopped."""
    record = state.records[position]

    def arrays(flat: Tensor) -> Arrays:
        return unpack_whole(plan.architecture, flat)

    def single(flat: Tensor) -> Arrays:
        held = {name: value[0] for name, value in arrays(flat[None]).items()}
        return held | untrained_tensors(plan.start, plan.settings.dtype)

    crossing = record.crossing_epoch
    last = record.losses[-1] if record.losses else None
    kept = state.snapshots[position]
    return TrainedNetwork(
        plan,
        single(state.flat[position]),
        single(state.initial[position]),
        status,
        {
            "training": last,
            "validation": validation,
            "crossing": None if crossing is None else record.losses[crossing - 1],
        },
        state.epoch,
        crossing,
        record.phase_losses(plan),
        np.asarray(record.snapshot_steps, dtype=np.int64),
        arrays(torch.stack(kept)) if kept else {},
    )
