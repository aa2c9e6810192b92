"""The ensemble loop: all networks of a group trained together, each stopped on its own account."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.models import make_model
from rnnkit.models.base import Workspace
from rnnkit.models.initialisation import draw_weights
from rnnkit.models.recurrence import CayleyRecurrence
from rnnkit.random_streams import stream
from rnnkit.tasks.base import Trials
from rnnkit.training.adam import adam_step_
from rnnkit.training.chunks import chunk_sizes, trial_piece
from rnnkit.training.flat import pack, unpack, unpack_whole
from rnnkit.training.gradients import Losses, batch_loss
from rnnkit.training.penalties import add_penalty_gradients
from rnnkit.training.schedules import cosine_factor, plateau_factor
from rnnkit.training.settings import NetworkPlan

__all__ = ["EpochReport", "GroupState", "TrainedNetwork", "train_group"]

Arrays = dict[str, NDArray[np.float32]]

#: Optimiser steps whose trials are drawn together; part of what defines a network's data.
_BLOCK_STEPS = 8
#: Largest number of input and target elements drawn at once for one network.
_BLOCK_ELEMENTS = 4_000_000


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that has stopped.

    Attributes
    ----------
    plan : NetworkPlan
    weights, initial : dict of arrays
    status : str
        `converged`, `budget` or `diverged`.
    losses : dict
        `training` and `validation` of the last epoch, `crossing` of the first below the stop loss.
    epochs : int
        Epochs trained.
    crossing_epoch : int or None
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
    snapshot_steps: NDArray[np.int64]
    snapshots: Arrays


@dataclass
class Record:
    """What is known of one network while it trains."""

    losses: list[float] = field(default_factory=list)
    crossing_epoch: int | None = None
    snapshot_steps: list[int] = field(default_factory=list)


@dataclass
class GroupState:
    """Everything needed to go on: a resumed group runs as if it had never stopped.

    Attributes
    ----------
    epoch : int
        Epochs done.
    active : list of int
        Indices, into the group's plans, of the networks still training.
    flat, initial, first, second : (active networks, parameters) float32
        Weights, weights before training, and Adam's moments.
    snapshots : list, by active network, of lists of (parameters,) float32
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
        """Draw every network's weights from its own stream."""
        weights = [
            draw_weights(p.architecture, p.settings.init, p.settings.gain, stream(p.seed, "weights")) for p in plans
        ]
        flat = pack(plans[0].architecture, weights)
        snapshots: list[list[Tensor]] = [[flat[k].clone()] if p.settings.snapshots else [] for k, p in enumerate(plans)]
        records = [Record(snapshot_steps=[0] if p.settings.snapshots else []) for p in plans]
        zeros = torch.zeros_like(flat)
        return cls(0, list(range(len(plans))), flat, flat.clone(), zeros, zeros.clone(), snapshots, records)

    def keep(self, positions: Sequence[int]) -> None:
        """Drop all active networks but those at these positions."""
        index = torch.as_tensor(list(positions), dtype=torch.long, device=self.flat.device)
        self.flat, self.initial = self.flat[index], self.initial[index]
        self.first, self.second = self.first[index], self.second[index]
        self.active = [self.active[k] for k in positions]
        self.snapshots = [self.snapshots[k] for k in positions]
        self.records = [self.records[k] for k in positions]


@dataclass(frozen=True)
class EpochReport:
    """What an epoch brought: its rows, the networks that stopped, and the state to resume from."""

    rows: list[dict[str, Any]]
    finished: list[TrainedNetwork]
    state: GroupState


def _to_device(trials: Trials, device: torch.device) -> tuple[Tensor, Tensor, Tensor | None]:
    mask = None if trials.mask is None else torch.from_numpy(trials.mask).to(device)
    return torch.from_numpy(trials.inputs).to(device), torch.from_numpy(trials.targets).to(device), mask


class _Chunk:
    """One thread's share of the networks: views into the group's arrays, and an epoch's work on them."""

    def __init__(
        self, plans: Sequence[NetworkPlan], state: GroupState, part: slice, lr: Tensor, one_kernel: bool
    ) -> None:
        lead = plans[0]
        self.plans, self.task, self.settings = plans, lead.task, lead.settings
        self.model = make_model(lead.architecture)
        device = state.flat.device
        self.flat, self.first, self.second = state.flat[part], state.first[part], state.second[part]
        self.weights = unpack(lead.architecture, self.flat)
        self.grad = torch.zeros_like(self.flat)
        self.grads = unpack(lead.architecture, self.grad)
        cayley = lead.architecture.recurrent == "cayley"
        self.cayley = CayleyRecurrence(self.weights, self.grads) if cayley else None
        self.lr = lr[part]

        def scalars(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        self.gamma = scalars([p.architecture.gamma for p in plans])
        self.epsilon = scalars([p.adam_epsilon() for p in plans])
        self.l1 = scalars([p.settings.l1 for p in plans])
        self.nuclear = scalars([p.settings.nuclear for p in plans])
        self.work = Workspace()
        self.piece = trial_piece(self.settings.batch, one_kernel)

    def _block_steps(self) -> int:
        """Steps drawn together: fixed by the task and batch alone, whatever the company."""
        a_step = self.settings.batch * self.task.length * (self.task.inputs + self.task.outputs)
        return max(1, min(_BLOCK_STEPS, _BLOCK_ELEMENTS // max(a_step, 1)))

    def _loss(self, data: tuple[Tensor, Tensor, Tensor | None], train: bool) -> Losses:
        return batch_loss(
            self.model,
            self.weights,
            self.gamma,
            *data,
            self.work,
            self.grads if train else None,
            self.task.main_outputs if self.settings.stop_on == "main" else None,
            self.piece,
        )

    def epoch(self, epoch: int) -> tuple[Tensor, Tensor]:
        """Train for one epoch; return mean loss and mean gradient norm, each (networks,) float64."""
        s, device = self.settings, self.flat.device
        loss_sum = torch.zeros(len(self.plans), dtype=torch.float64, device=device)
        norm_sum = torch.zeros_like(loss_sum)
        block = self._block_steps()
        for first in range(0, s.steps_per_epoch, block):
            steps = min(block, s.steps_per_epoch - first)
            streams = [stream(p.seed, "training", epoch, first) for p in self.plans]
            inputs, targets, mask = _to_device(self.task.sample(streams, steps * s.batch), device)
            for k in range(steps):
                part = slice(k * s.batch, (k + 1) * s.batch)
                self.grad.zero_()
                data = inputs[:, part], targets[:, part], None if mask is None else mask[:, part]
                loss_sum += self._loss(data, train=True).main
                add_penalty_gradients(
                    self.model, self.weights, self.l1, self.nuclear, self.grads, s.penalty_on == "all"
                )
                if self.cayley is not None:
                    self.cayley.pull_back()
                norm_sum += self.grad.norm(dim=1)
                step = epoch * s.steps_per_epoch + first + k + 1
                adam_step_(self.flat, self.grad, self.first, self.second, step, self.lr, self.epsilon)
                if self.cayley is not None:
                    self.cayley.refresh()
        return loss_sum / s.steps_per_epoch, norm_sum / s.steps_per_epoch

    def validate(self) -> tuple[Tensor, NDArray[np.float64] | None]:
        """Return validation loss and accuracy on the fixed validation set of each network's seed."""
        trials = self.task.sample([stream(p.seed, "validation") for p in self.plans], self.settings.validation_trials)
        data = _to_device(trials, self.flat.device)
        losses = self._loss(data, train=False).main
        accuracy = self.task.accuracy(self._outputs(data[0]), trials)
        return losses.double(), accuracy

    def _outputs(self, inputs: Tensor) -> NDArray[np.float32]:
        """Outputs (networks, trials, steps, outputs)."""
        parts = []
        for first in range(0, inputs.shape[1], self.piece):
            x = inputs[:, first : first + self.piece].transpose(1, 2).contiguous()
            features = self.model.scan(self.weights, x, self.work).features
            out = self.model.readout(self.weights, self.gamma, features.flatten(1, 2))
            parts.append(out.unflatten(1, features.shape[1:3]).transpose(1, 2))
        return torch.cat(parts, dim=1).cpu().numpy()

    def run(self, epoch: int) -> tuple[Tensor, Tensor, Tensor, NDArray[np.float64] | None]:
        """An epoch and its validation, on one thread."""
        if self.flat.device.type == "cpu":
            torch.set_num_threads(1)  # this thread's own; the parallelism is over chunks
        with torch.inference_mode():
            loss, norm = self.epoch(epoch)
            return loss, norm, *self.validate()


def _learning_rates(plans: Sequence[NetworkPlan], records: Sequence[Record], epoch: int) -> list[float]:
    """Learning rate per network in an epoch (from 0), with its schedule and the factor gamma (eq. 6)."""
    rates = []
    for plan, record in zip(plans, records, strict=True):
        s = plan.settings
        factor = 1.0
        if s.schedule == "cosine":
            factor = cosine_factor(epoch, s.restart)
        elif s.schedule == "plateau":
            factor = plateau_factor(record.losses)
        rates.append(s.lr * plan.architecture.gamma * factor)
    return rates


def _status(plan: NetworkPlan, record: Record, loss: float, epochs_done: int) -> str:
    """`training`, or why the network stops now."""
    if not math.isfinite(loss):
        return "diverged"
    if record.crossing_epoch is None and loss < plan.settings.stop_loss:
        record.crossing_epoch = epochs_done
    if record.crossing_epoch is not None and epochs_done >= record.crossing_epoch + plan.settings.patience:
        return "converged"
    if epochs_done >= plan.settings.epochs:
        return "converged" if record.crossing_epoch is not None else "budget"
    return "training"


def _finish(
    plan: NetworkPlan, state: GroupState, position: int, status: str, validation: float | None
) -> TrainedNetwork:
    record = state.records[position]

    def arrays(flat: Tensor) -> Arrays:
        return unpack_whole(plan.architecture, flat)

    def single(flat: Tensor) -> Arrays:
        return {name: value[0] for name, value in arrays(flat[None]).items()}

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
        np.asarray(record.snapshot_steps, dtype=np.int64),
        arrays(torch.stack(kept)) if kept else {},
    )


def train_group(
    plans: Sequence[NetworkPlan],
    device: torch.device,
    threads: int,
    state: GroupState | None = None,
    one_kernel: bool | None = None,
) -> Iterator[EpochReport]:
    """Train networks that share a batch key, yielding after each epoch.

    Parameters
    ----------
    plans : sequence of NetworkPlan
        All with the same :meth:`NetworkPlan.batch_key`.
    device : torch.device
        On a CPU, `threads` threads work on chunks of networks; on a GPU one kernel a step does all.
    threads : int
    state : GroupState, optional
        Where to go on; from fresh weights by default.
    one_kernel : bool, optional
        All networks and trials in one kernel a step, on one thread: the default on a GPU. Otherwise chunks
        that fit a core's cache, `threads` of them at a time.

    Yields
    ------
    EpochReport
        A network that finished appears once, with the weights of the epoch it stopped at; one that
        diverged with the last finite weights it had at an epoch's end.
    """
    state = GroupState.start(plans) if state is None else state
    for name in ("flat", "initial", "first", "second"):
        setattr(state, name, getattr(state, name).to(device))
    lead = plans[0]
    one_kernel = device.type != "cpu" if one_kernel is None else one_kernel
    workers = 1 if one_kernel else threads
    with ThreadPoolExecutor(workers) as pool:
        while state.active:
            started = time.perf_counter()
            here = [plans[k] for k in state.active]
            rates = _learning_rates(here, state.records, state.epoch)
            lr = torch.tensor(rates, dtype=torch.float32, device=device)
            before = state.flat.clone()
            sizes = chunk_sizes(len(here), lead.settings.batch, lead.architecture.units, workers, device.type != "cpu")
            ends = np.cumsum(sizes)
            parts = [slice(int(end - size), int(end)) for size, end in zip(sizes, ends, strict=True)]
            chunks = [_Chunk(here[part], state, part, lr, one_kernel) for part in parts]
            results = list(pool.map(lambda chunk, epoch: chunk.run(epoch), chunks, [state.epoch] * len(chunks)))
            loss, norm, validation = (torch.cat([r[k] for r in results]).tolist() for k in range(3))
            accuracy = (
                None if results[0][3] is None else np.concatenate([r[3] for r in results if r[3] is not None]).tolist()
            )
            state.epoch += 1
            seconds = time.perf_counter() - started
            rows, finished, going = [], [], []
            for k, plan in enumerate(here):
                record = state.records[k]
                record.losses.append(loss[k])
                finite = math.isfinite(loss[k]) and bool(torch.isfinite(state.flat[k]).all())
                status = _status(plan, record, loss[k] if finite else math.nan, state.epoch)
                if not finite:
                    state.flat[k] = before[k]
                every = plan.settings.snapshots
                if every and finite and (state.epoch % every == 0 or status != "training"):
                    state.snapshots[k].append(state.flat[k].clone())
                    record.snapshot_steps.append(state.epoch * plan.settings.steps_per_epoch)
                rows.append(
                    {
                        "network": plan.name,
                        "epoch": state.epoch,
                        "loss": loss[k],
                        "val_loss": validation[k],
                        "accuracy": None if accuracy is None else accuracy[k],
                        "grad_norm": norm[k],
                        "lr": rates[k],
                        "seconds": seconds,
                        "status": status,
                    }
                )
                if status == "training":
                    going.append(k)
                else:
                    finished.append(_finish(plan, state, k, status, validation[k]))
            state.rows.extend(rows)
            if len(going) < len(here):
                state.keep(going)
            yield EpochReport(rows, finished, state)
