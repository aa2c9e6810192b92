"""The ensemble loop: all networks of a group trained together, each stopped on its own account."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnkit.training.chunks import chunk_sizes
from rnnkit.training.epochs import Chunk, ChunkEpoch
from rnnkit.training.schedules import cosine_factor, parse_schedule, plateau_factor
from rnnkit.training.settings import NetworkPlan
from rnnkit.training.states import GroupState, Record, TrainedNetwork, finish

__all__ = ["EpochReport", "train_group"]


@dataclass(frozen=True)
class EpochReport:
    """What an epoch brought: its rows, the networks that stopped, and the state to resume from."""

    rows: list[dict[str, Any]]
    finished: list[TrainedNetwork]
    state: GroupState


def _learning_rates(plans: Sequence[NetworkPlan], records: Sequence[Record], epoch: int) -> list[float]:
    """Learning rate per network in an epoch (from 0), with its schedule and the factor gamma (eq. 6).

    A schedule begins anew with each phase of a protocol.
    """
    rates = []
    for plan, record in zip(plans, records, strict=True):
        s = plan.settings
        begin = plan.phase_begin(epoch)
        factor = 1.0
        schedule = parse_schedule(s.schedule)
        if schedule.kind == "cosine":
            factor = cosine_factor(epoch - begin, s.restart)
        elif schedule.kind == "plateau":
            factor = plateau_factor(record.losses[begin:], schedule.patience, schedule.factor)
        rates.append(s.lr * plan.architecture.gamma * factor)
    return rates


def _status(plan: NetworkPlan, record: Record, loss: float, epochs_done: int) -> str:
    """`training`, or why the network stops now."""
    stop = plan.settings.stop_loss
    if not math.isfinite(loss):
        return "diverged"
    if record.crossing_epoch is None and loss < stop:
        record.crossing_epoch = epochs_done
    if plan.protocol:  # every phase runs to its end
        if epochs_done < plan.most_epochs:
            return "training"
        return "converged" if all(end is not None and end < stop for end in record.phase_losses(plan)) else "budget"
    if record.crossing_epoch is not None and epochs_done >= record.crossing_epoch + plan.settings.patience:
        return "converged"
    if epochs_done >= plan.settings.epochs:
        return "converged" if record.crossing_epoch is not None else "budget"
    return "training"


def _keep_snapshots(
    plan: NetworkPlan, state: GroupState, k: int, status: str, taken: Sequence[tuple[int, Tensor]]
) -> None:
    """Add what is to be kept of an epoch that is over; of one in which the network diverged only where it went back to.

    Parameters
    ----------
    k : int
        The network's position among the active ones.
    taken : sequence of (step, (parameters,))
        Weights after steps inside the epoch.
    """
    s = plan.settings
    if not (s.snapshots or s.snapshot_steps):
        return
    kept, steps = state.snapshots[k], state.records[k].snapshot_steps
    epochs = state.epoch - (status == "diverged")
    if status != "diverged":
        kept += [weights for _, weights in taken]
        steps += [step for step, _ in taken]
    due = bool(s.snapshots) and epochs % s.snapshots == 0
    ends = status != "training" or plan.ends_phase(epochs)
    if (due or ends) and steps[-1] != epochs * s.steps_per_epoch:
        kept.append(state.flat[k].clone())
        steps.append(epochs * s.steps_per_epoch)


class _Group:
    """The networks of a group cut into chunks, which stay while no network stops and no phase ends."""

    def __init__(
        self, plans: Sequence[NetworkPlan], state: GroupState, device: torch.device, workers: int, one_kernel: bool
    ) -> None:
        self.plans, self.state, self.device = plans, state, device
        self.workers, self.one_kernel = workers, one_kernel
        self._of: tuple[object, ...] = ()

    def prepare(self, rates: Sequence[float]) -> None:
        """Cut anew where the networks or the task have changed, and set the learning rates of the epoch."""
        lead, state = self.plans[0], self.state
        phase = lead.phase_of(state.epoch)
        here = [self.plans[k] for k in state.active]
        if (phase, *state.active) != self._of:
            self._of = (phase, *state.active)
            self.lr = torch.zeros(len(here), dtype=state.flat.dtype, device=self.device)
            sizes = chunk_sizes(
                len(here), lead.settings.batch, lead.architecture.units, self.workers, self.device.type != "cpu"
            )
            ends = np.cumsum(sizes)
            self.parts = [slice(int(end - size), int(end)) for size, end in zip(sizes, ends, strict=True)]
            task = lead.phases[phase].task
            self.chunks = [Chunk(here[p], task, state, p, self.lr, self.one_kernel) for p in self.parts]
        self.lr.copy_(torch.tensor(rates, dtype=self.lr.dtype))

    def run(self, pool: ThreadPoolExecutor) -> ChunkEpoch:
        """Train all chunks for an epoch; return what it brought all networks, but for snapshots."""
        state = self.state
        if state.epoch and self.plans[0].phase_begin(state.epoch) == state.epoch:
            state.first.zero_()
            state.second.zero_()
        done = list(pool.map(lambda chunk: chunk.run(state.epoch), self.chunks))
        accuracy = [one.accuracy for one in done if one.accuracy is not None]
        self.taken = [
            [(step, weights[k].clone()) for step, weights in one.snapshots]
            for one in done
            for k in range(len(one.loss))
        ]

        def joined(name: str) -> Tensor:
            return torch.cat([getattr(one, name) for one in done])

        return ChunkEpoch(
            loss=joined("loss"),
            task=joined("task"),
            tcr=joined("tcr"),
            mar=joined("mar"),
            norm=joined("norm"),
            validation=joined("validation"),
            accuracy=np.concatenate(accuracy) if accuracy else None,
            snapshots=[],
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
    one_kernel = device.type != "cpu" if one_kernel is None else one_kernel
    workers = 1 if one_kernel else threads
    group = _Group(plans, state, device, workers, one_kernel)
    with ThreadPoolExecutor(workers) as pool:
        while state.active:
            started = time.perf_counter()
            rates = _learning_rates([plans[k] for k in state.active], state.records, state.epoch)
            group.prepare(rates)
            before = state.flat.clone()
            brought = group.run(pool)
            state.epoch += 1
            yield _report(plans, state, brought, group.taken, before, rates, time.perf_counter() - started)


def _report(
    plans: Sequence[NetworkPlan],
    state: GroupState,
    brought: ChunkEpoch,
    taken: Sequence[Sequence[tuple[int, Tensor]]],
    before: Tensor,
    rates: Sequence[float],
    seconds: float,
) -> EpochReport:
    """Take stock of an epoch: rows, snapshots, and which networks stop; those leave the state."""
    loss, norm, validation = brought.loss.tolist(), brought.norm.tolist(), brought.validation.tolist()
    task, tcr, mar = brought.task.tolist(), brought.tcr.tolist(), brought.mar.tolist()
    accuracy = None if brought.accuracy is None else brought.accuracy.tolist()
    rows, finished, going = [], [], []
    for k, index in enumerate(state.active):
        plan, record = plans[index], state.records[k]
        record.losses.append(loss[k])
        finite = math.isfinite(loss[k]) and bool(torch.isfinite(state.flat[k]).all())
        status = _status(plan, record, loss[k] if finite else math.nan, state.epoch)
        if not finite:
            state.flat[k] = before[k]
        _keep_snapshots(plan, state, k, status, taken[k])
        rows.append(
            {
                "network": plan.name,
                "epoch": state.epoch,
                "phase": plan.phase_of(state.epoch - 1) + 1,
                "loss": loss[k],
                "task_loss": task[k],
                "tcr_loss": tcr[k] if plan.settings.tcr else None,
                "mar_loss": mar[k] if plan.settings.mar else None,
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
            finished.append(finish(plan, state, k, status, validation[k]))
    state.rows.extend(rows)
    if len(going) < len(state.active):
        state.keep(going)
    return EpochReport(rows, finished, state)
