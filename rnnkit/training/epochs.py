"""An epoch's work on some of a group's networks: what one thread does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.models import make_model
from rnnkit.models.base import Weights, Workspace
from rnnkit.models.recurrence import CayleyRecurrence
from rnnkit.random_streams import stream
from rnnkit.tasks.base import Task, Trials
from rnnkit.training.batches import Batches
from rnnkit.training.chunks import trial_piece
from rnnkit.training.consistency import consistency_of
from rnnkit.training.flat import unpack
from rnnkit.training.frozen import frozen_entries
from rnnkit.training.gradients import Losses, batch_loss
from rnnkit.training.memory import memory_penalty_of
from rnnkit.training.optimizers import clip_, decay_of, make_update
from rnnkit.training.penalties import add_penalty_gradients
from rnnkit.training.settings import NetworkPlan
from rnnkit.training.starts import untrained_tensors
from rnnkit.training.states import GroupState

__all__ = ["Chunk", "ChunkEpoch"]

Batch = tuple[Tensor, Tensor, Tensor | None]


@dataclass(frozen=True)
class ChunkEpoch:
    """What an epoch of a chunk of networks brought.

    Attributes
    ----------
    loss, task, tcr, mar, norm : (networks,) float64
        Means over the epoch's steps: of the training loss that is reported; of the terms that are differentiated; of
        the norm of the gradient.
    validation : (networks,) float64
    accuracy : (networks,) float64 or None
    snapshots : list of (step, (networks, parameters))
        Weights after the steps that `--snapshot-steps` asks for.
    """

    loss: Tensor
    task: Tensor
    tcr: Tensor
    mar: Tensor
    norm: Tensor
    validation: Tensor
    accuracy: NDArray[np.float64] | None
    snapshots: list[tuple[int, Tensor]]


class Chunk:
    """One thread's share of the networks: views into the group's arrays, and an epoch's work on them.

    Parameters
    ----------
    plans : sequence of NetworkPlan
    task : Task
        That of the phase.
    state : GroupState
    part : slice
        The chunk's networks among the active ones.
    lr : (active networks,)
        Read at every step.
    one_kernel : bool
    """

    def __init__(
        self, plans: Sequence[NetworkPlan], task: Task, state: GroupState, part: slice, lr: Tensor, one_kernel: bool
    ) -> None:
        lead = plans[0]
        self.plans, self.task, self.settings = plans, task, lead.settings
        self.model = make_model(lead.architecture)
        self.flat = state.flat[part]
        self.weights = unpack(lead.architecture, self.flat)
        self._add_untrained(lead.architecture.units)
        self.grad = torch.zeros_like(self.flat)
        self.grads = unpack(lead.architecture, self.grad)
        cayley = lead.architecture.recurrent == "cayley"
        self.cayley = CayleyRecurrence(self.weights, self.grads) if cayley else None
        self.lr = lr[part]
        self.update = make_update(plans, state.first[part], state.second[part], self.lr)
        self.gamma = self._scalars([p.architecture.gamma for p in plans])
        self.l1 = self._scalars([p.settings.l1 for p in plans])
        self.nuclear = self._scalars([p.settings.nuclear for p in plans])
        frozen = np.stack([frozen_entries(p.architecture, p.settings.freeze, p.settings.zero_diagonal) for p in plans])
        self.frozen = torch.from_numpy(frozen).to(self.flat.device) if frozen.any() else None
        self.consistency = consistency_of(plans, self.flat)
        self.model.keep_currents = self.consistency is not None and self.consistency.on_currents()
        self.memory = memory_penalty_of(plans, self.flat)
        self.decay = decay_of(plans, self.frozen, self.flat)
        clips = [p.settings.clip for p in plans]
        self.clip = self._scalars([most or math.inf for most in clips]) if any(clips) else None
        s = self.settings
        self.batches = Batches(task, [p.seed for p in plans], s.batch, s.steps_per_epoch, s.fixed_trials)
        self.work = Workspace()
        self.one_kernel = one_kernel

    def _scalars(self, values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=self.flat.dtype, device=self.flat.device)

    def _add_untrained(self, units: int) -> None:
        """Put states before the first step that come from files beside the trained weights."""
        held = [untrained_tensors(plan.start, self.settings.dtype).get("initial_state") for plan in self.plans]
        if any(one is not None for one in held):
            rows = np.stack([np.zeros(units, self.settings.dtype) if one is None else one for one in held])
            self.weights["initial_state"] = torch.from_numpy(rows).to(self.flat.device)

    def _to_device(self, trials: Trials) -> Batch:
        """Trials are float32; they are cast to the weights' type."""

        def moved(array: NDArray[np.float32]) -> Tensor:
            return torch.from_numpy(array).to(device=self.flat.device, dtype=self.flat.dtype)

        mask = None if trials.mask is None else moved(trials.mask)
        return moved(trials.inputs), moved(trials.targets), mask

    def _loss(self, data: Batch, grads: Weights | None = None, outputs: Tensor | None = None) -> Losses:
        return batch_loss(
            self.model,
            self.weights,
            self.gamma,
            *data,
            self.work,
            grads,
            self.task.main_outputs if self.settings.stop_on == "main" else None,
            trial_piece(data[0].shape[1], self.one_kernel),
            outputs,
            None if grads is None else self.consistency,
        )

    def _gradient(self, data: Batch) -> Tensor:
        """Write the gradient of loss and penalties by what is trained to `grad`; return the losses.

        Returns
        -------
        (4, networks) float64
            The loss that is reported, and the terms that are differentiated: task, `tcr`, `mar`.
        """
        self.grad.zero_()
        losses = self._loss(data, self.grads)
        nothing = losses.total.new_zeros(losses.total.shape, dtype=torch.float64)
        tcr = nothing if losses.consistency is None else losses.consistency
        mar = nothing if self.memory is None else self.memory.add_gradient(self.weights, self.grads)
        everywhere = self.settings.penalty_on == "all"
        add_penalty_gradients(self.model, self.weights, self.l1, self.nuclear, self.grads, everywhere)
        if self.cayley is not None:
            self.cayley.pull_back()
        if self.frozen is not None:
            self.grad.masked_fill_(self.frozen, 0.0)
        return torch.stack([losses.main.double(), losses.total.double(), tcr, mar])

    def _move(self, norm: Tensor, step: int) -> None:
        """Clip the gradient, of these norms, and take a step; `step` counts from the optimiser's start."""
        if self.clip is not None:
            clip_(self.grad, norm, self.clip)
        if self.decay is not None:
            self.decay.apply_(self.flat, self.grad, self.lr)
        self.update(self.flat, self.grad, step)
        if self.cayley is not None:
            self.cayley.refresh()

    def train(self, epoch: int) -> tuple[Tensor, list[tuple[int, Tensor]]]:
        """Train for one epoch; return means over its steps, (5, networks) float64, and snapshots.

        The means are of what :meth:`_gradient` returns and of the norm of the gradient.
        """
        s = self.settings
        sums = torch.zeros(5, len(self.plans), dtype=torch.float64, device=self.flat.device)
        snapshots = []
        # The optimiser starts afresh with each phase.
        begun = self.plans[0].phase_begin(epoch) * s.steps_per_epoch
        last: Trials | None = None
        for step, trials in enumerate(self.batches.epoch(epoch), epoch * s.steps_per_epoch + 1):
            if trials is not last:
                last, data = trials, self._to_device(trials)
            sums[:4] += self._gradient(data)
            norm = self.grad.norm(dim=1)
            sums[4] += norm
            self._move(norm, step - begun)
            if s.snapshot_steps and step % s.snapshot_steps == 0:
                snapshots.append((step, self.flat.clone()))
        return sums / s.steps_per_epoch, snapshots

    def validate(self) -> tuple[Tensor, NDArray[np.float64] | None]:
        """Return validation loss and accuracy on the fixed validation set of each network's seed."""
        trials = self.task.sample([stream(p.seed, "validation") for p in self.plans], self.settings.validation_trials)
        data = self._to_device(trials)
        outputs = torch.empty_like(data[1])
        losses = self._loss(data, outputs=outputs).main
        return losses.double(), self.task.accuracy(outputs.float().cpu().numpy(), trials)

    def run(self, epoch: int) -> ChunkEpoch:
        """An epoch and its validation, on one thread."""
        if self.flat.device.type == "cpu":
            torch.set_num_threads(1)  # this thread's own; the parallelism is over chunks
        with torch.inference_mode():
            means, snapshots = self.train(epoch)
            loss, task, tcr, mar, norm = means
            return ChunkEpoch(loss, task, tcr, mar, norm, *self.validate(), snapshots)
