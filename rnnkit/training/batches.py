"""The trials of every optimiser step: what the loop trains on, and what anybody can draw again from a checkpoint.

They depend on the task, the batch, the network's seed and the epoch only, so a saved network says all that is needed
to have every batch that it was trained on once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks import Task, Trials, make_task

__all__ = ["Batches", "TrainingBatch", "block_steps", "training_batches"]

#: Optimiser steps whose trials are drawn together; part of what defines a network's data.
_BLOCK_STEPS = 8
#: Largest number of input and target elements drawn at once for one network.
_BLOCK_ELEMENTS = 4_000_000


def block_steps(task: Task, batch: int) -> int:
    """Return the number of steps drawn together: fixed by the task and batch alone, whatever the company.

    Examples
    --------
    >>> from rnnkit.tasks import make_task
    >>> block_steps(make_task("flipflop"), 64), block_steps(make_task("flipflop"), 4096)
    (8, 1)
    """
    a_step = batch * task.length * (task.inputs + task.outputs)
    return max(1, min(_BLOCK_STEPS, _BLOCK_ELEMENTS // max(a_step, 1)))


class Batches:
    """Draws the trials of every optimiser step, for one network or several at once.

    Parameters
    ----------
    task : Task
    seeds : sequence of int
        One per network.
    batch, steps_per_epoch : int
    fixed : bool
        The same trials at every step of every epoch: one batch, from the stream of epoch 0 and block 0.

    Examples
    --------
    >>> from rnnkit.tasks import make_task
    >>> task = make_task("flipflop", {"steps": 5})
    >>> first, second = Batches(task, [0], batch=4, steps_per_epoch=2).epoch(0)
    >>> first.inputs.shape, bool((first.inputs == second.inputs).all())
    ((1, 4, 5, 3), False)
    >>> first, second = Batches(task, [0], batch=4, steps_per_epoch=2, fixed=True).epoch(7)
    >>> first is second
    True
    """

    def __init__(self, task: Task, seeds: Sequence[int], batch: int, steps_per_epoch: int, fixed: bool = False) -> None:
        self.task, self.seeds = task, tuple(seeds)
        self.batch, self.steps_per_epoch, self.fixed = batch, steps_per_epoch, fixed
        self._held: Trials | None = None

    def _draw(self, epoch: int, first: int, steps: int) -> Trials:
        streams = [stream(seed, "training", epoch, first) for seed in self.seeds]
        return self.task.sample(streams, steps * self.batch)

    def epoch(self, epoch: int) -> Iterator[Trials]:
        """Yield the trials of an epoch's steps, each (networks, batch, steps, channels); epochs count from 0."""
        if self.fixed:
            if self._held is None:
                self._held = self._draw(0, 0, 1)
            for _ in range(self.steps_per_epoch):
                yield self._held
            return
        block = block_steps(self.task, self.batch)
        for first in range(0, self.steps_per_epoch, block):
            steps = min(block, self.steps_per_epoch - first)
            drawn = self._draw(epoch, first, steps)
            for k in range(steps):
                part = slice(k * self.batch, (k + 1) * self.batch)
                mask = None if drawn.mask is None else drawn.mask[:, part]
                yield Trials(drawn.inputs[:, part], drawn.targets[:, part], mask)


@dataclass(frozen=True)
class TrainingBatch:
    """What a network was trained on at one optimiser step.

    Attributes
    ----------
    step : int
        The optimiser step, from 1: the update from the weights of snapshot `step` - 1 to those of snapshot `step`.
    epoch, phase : int
        Both from 1; the phase is 1 without a protocol.
    task : Task
        That of the phase.
    trials : Trials
        (1, batch, steps, channels).
    """

    step: int
    epoch: int
    phase: int
    task: Task
    trials: Trials


def training_batches(checkpoint: Checkpoint, epochs: int | None = None) -> Iterator[TrainingBatch]:
    """Draw once more the trials that a saved network was trained on, step by step.

    Parameters
    ----------
    checkpoint : Checkpoint
        A network that this package trained.
    epochs : int, optional
        How many to draw; those it was trained for by default.

    Yields
    ------
    TrainingBatch
        In the order of training. Those of one epoch are drawn when they are asked for.

    Raises
    ------
    InputError
        For a network that does not say how it was trained, such as an imported one.

    Examples
    --------
    >>> from rnnkit.stages import plan_networks, train
    >>> quick = {"units": 4, "batch": 2, "epochs": 2, "steps_per_epoch": 3, "validation_trials": 2}
    >>> network = train(plan_networks("flipflop", {"steps": 5}, quick, [0])).networks[0]
    >>> [(batch.step, batch.epoch) for batch in training_batches(network)]
    [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)]
    """
    held = checkpoint.training
    if checkpoint.task is None or checkpoint.seed is None or "epochs_trained" not in held:
        raise InputError(checkpoint.name, "does not say how it was trained", "give a network that rnnkit trained")
    # Networks from before protocols and fixed trials do not have these.
    protocol = held.get("protocol") or [{"parameters": checkpoint.task_parameters}]
    phases = [
        Batches(
            make_task(checkpoint.task, phase["parameters"]),
            [checkpoint.seed],
            held["batch"],
            held["steps_per_epoch"],
            held.get("fixed_trials", False),
        )
        for phase in protocol
    ]
    return _numbered(phases, int(held["epochs"]), held["epochs_trained"] if epochs is None else epochs)


def _numbered(phases: Sequence[Batches], phase_epochs: int, epochs: int) -> Iterator[TrainingBatch]:
    step = 0
    for epoch in range(epochs):
        phase = min(epoch // phase_epochs, len(phases) - 1)
        for trials in phases[phase].epoch(epoch):
            step += 1
            yield TrainingBatch(step, epoch + 1, phase + 1, phases[phase].task, trials)
