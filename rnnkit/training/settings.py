"""What to train: one plan per network, and which plans share a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.models.initialisation import INITIALISATIONS
from rnnkit.tasks import task_parameters
from rnnkit.tasks.base import Task
from rnnkit.training.phases import Phase
from rnnkit.training.schedules import SCHEDULES, parse_schedule

__all__ = ["DTYPES", "OPTIMIZERS", "SAVED", "SCHEDULES", "NetworkPlan", "Settings", "group_plans"]

OPTIMIZERS = ("adam", "sgd")
DTYPES = ("float32", "float64")
CONSISTENCY_ON = ("state", "current", "both")
DECAYS = ("decoupled", "l2")

_NOT_NEGATIVE = (
    *("patience", "snapshots", "snapshot_steps", "stop_loss"),
    *("l1", "nuclear", "tcr", "mar", "weight_decay", "clip"),
)

#: The `init` of a network whose weights before training were not drawn, but read from a file.
SAVED = "saved"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one network is trained.

    Attributes
    ----------
    optimizer : str
        `adam`, or `sgd`: gradient descent.
    lr : float
        The learning rate before the factor gamma (eta_0 in `mup`). Gradient descent of `lowrank` networks
        multiplies it by N.
    momentum : float
        Of gradient descent: the share of the velocity that is kept, from 0 to below 1.
    dtype : str
        `float32` or `float64`: the type of weights, gradients and losses.
    batch : int
        Trials per optimiser step.
    fixed_trials : bool
        The same batch at every step.
    epochs, steps_per_epoch : int
        With a protocol, epochs of each phase.
    schedule : str
        `none`; `cosine`: warm restarts, first period `restart` epochs, doubling; `plateau`: times 0.5 after
        40 epochs without a better training loss; `plateau:PATIENCE,FACTOR`.
    restart : int
    stop_loss : float
        The epoch's mean training loss (penalties left out) to get below.
    patience : int
        Epochs trained after that.
    stop_on : str
        `main`: auxiliary outputs do not count for stopping; `all`: they do.
    l1, nuclear : float
        Penalties on the recurrent weights.
    tcr : float
        Strength of temporal consistency (:mod:`rnnkit.training.consistency`).
    tcr_on : str
        `state`; in `leaky` also `current`, the drive of the nonlinearity, or `both`.
    mar : float
        Strength of the penalty that makes memory units integrators (:mod:`rnnkit.training.memory`).
    mai : bool
        Memory units are integrators before training.
    memory_units : int or None
        The first so many units are what `tcr`, `mar` and `mai` act on; all of them for None.
    weight_decay : float
        On the recurrent weights as stored.
    weight_decay_mode : str
        `decoupled` from the gradient, as torch.optim.AdamW; or `l2`, a part of it, as torch.optim.Adam.
    clip : float
        Most that the norm of a network's gradient may be; 0 for any.
    penalty_on : str
        `recurrent`, or `all` for input and readout weights too.
    freeze : str
        Tensors, or vectors of tensors, that are not trained, as :func:`rnnkit.training.frozen.frozen_names` reads
        them; `none` for none.
    init : str
        `saved` for weights from a file.
    gain : float
    init_input : str
        `units` or `inputs`: the number whose root the input weights are drawn by; `own` where the family has a law of
        its own, `saved` as for `init`, `default` for the family's.
    init_a : str
        Of the factors on their own state in `plrnn`: `half`, `small` or a number.
    zero_diagonal : bool
        The recurrent weights of `plrnn` have a zero diagonal, which is not trained.
    epsilon : float or None
        Adam's; None is 1e-8, times (64/N)^2 / gamma in `mup`.
    validation_trials : int
        Size of the fixed validation set.
    snapshots : int
        Keep the weights every so many epochs; 0 for never.
    snapshot_steps : int
        The same, every so many optimiser steps.
    """

    optimizer: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.0
    dtype: str = "float32"
    batch: int = 64
    fixed_trials: bool = False
    epochs: int = 300
    steps_per_epoch: int = 128
    schedule: str = "none"
    restart: int = 50
    stop_loss: float = 1e-3
    patience: int = 3
    stop_on: str = "main"
    l1: float = 0.0
    nuclear: float = 0.0
    tcr: float = 0.0
    tcr_on: str = "state"
    mar: float = 0.0
    mai: bool = False
    memory_units: int | None = None
    weight_decay: float = 0.0
    weight_decay_mode: str = "decoupled"
    clip: float = 0.0
    penalty_on: str = "recurrent"
    freeze: str = "none"
    init: str = "uniform"
    gain: float = 1.0
    init_input: str = "default"
    init_a: str = "half"
    zero_diagonal: bool = False
    epsilon: float | None = None
    validation_trials: int = 512
    snapshots: int = 0
    snapshot_steps: int = 0

    def __post_init__(self) -> None:
        for name in ("batch", "epochs", "steps_per_epoch", "validation_trials", "restart"):
            if getattr(self, name) < 1:
                option = f"--{name.replace('_', '-')}"
                raise InputError(option, f"{getattr(self, name)} is too small", "give 1 or more")
        for name in _NOT_NEGATIVE:
            if not 0 <= getattr(self, name) < float("inf"):
                option = f"--{name.replace('_', '-')}"
                raise InputError(option, f"{getattr(self, name)} is not valid", "give 0 or more")
        if not 0 < self.lr < float("inf"):
            raise InputError("--lr", f"{self.lr} is not a learning rate", "give a positive number")
        if self.epsilon is not None and not 0 < self.epsilon < float("inf"):
            raise InputError("--epsilon", f"{self.epsilon} is not valid", "give a positive number")
        for option, value, known in (
            ("--optimizer", self.optimizer, OPTIMIZERS),
            ("--dtype", self.dtype, DTYPES),
            ("--schedule", parse_schedule(self.schedule).kind, SCHEDULES),
            ("--tcr-on", self.tcr_on, CONSISTENCY_ON),
            ("--weight-decay-mode", self.weight_decay_mode, DECAYS),
            ("--stop-on", self.stop_on, ("main", "all")),
            ("--penalty-on", self.penalty_on, ("recurrent", "all")),
            ("--init", self.init, (*INITIALISATIONS, SAVED)),
        ):
            if value not in known:
                raise unknown_name(option, value, known, "value")
        self._check_optimizer()
        if self.snapshots and self.snapshot_steps:
            raise InputError("--snapshot-steps", "is given with --snapshots", "count in epochs or in steps")

    def _check_optimizer(self) -> None:
        """Raise InputError for a setting that the optimiser does not have."""
        if not 0 <= self.momentum < 1:
            raise InputError("--momentum", f"{self.momentum} is not valid", "give a number from 0 to below 1")
        if self.momentum and self.optimizer != "sgd":
            raise InputError("--momentum", f"'{self.optimizer}' has moments of its own", "add --optimizer sgd")
        if self.epsilon is not None and self.optimizer != "adam":
            raise InputError("--epsilon", f"is Adam's, not that of '{self.optimizer}'", "leave it out")


@dataclass(frozen=True)
class NetworkPlan:
    """One network to train.

    Attributes
    ----------
    name : str
    seed : int
    task : Task
        With a protocol that of its last phase.
    architecture : Architecture
        Gamma included.
    settings : Settings
    protocol : tuple of Phase
        Tasks to train on one after the other, each for all epochs of the settings; empty for one task alone.
    start : Checkpoint or None
        Whose weights it starts from; None for weights drawn from the seed.
    """

    name: str
    seed: int
    task: Task
    architecture: Architecture
    settings: Settings
    protocol: tuple[Phase, ...] = ()
    start: Checkpoint | None = field(default=None, compare=False)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The protocol, or the one task as its only phase."""
        return self.protocol or (Phase("", self.task),)

    @property
    def memory_units(self) -> int:
        """How many of the first units are memory units."""
        held = self.settings.memory_units
        return self.architecture.units if held is None else held

    @property
    def most_epochs(self) -> int:
        """Epochs of all phases."""
        return self.settings.epochs * len(self.phases)

    def phase_of(self, epoch: int) -> int:
        """Return which phase an epoch belongs to; both count from 0."""
        return min(epoch // self.settings.epochs, len(self.phases) - 1)

    def phase_begin(self, epoch: int) -> int:
        """Return the first epoch of the phase that an epoch belongs to."""
        return self.phase_of(epoch) * self.settings.epochs

    def ends_phase(self, epochs: int) -> bool:
        """Tell whether a phase of a protocol ends after so many epochs."""
        return bool(self.protocol) and epochs % self.settings.epochs == 0

    def adam_epsilon(self) -> float | None:
        """Adam's epsilon: in `mup` it shrinks with width, as the gradients do. None where Adam is not used."""
        if self.settings.optimizer != "adam":
            return None
        if self.settings.epsilon is not None:
            return self.settings.epsilon
        if self.architecture.family == "mup":
            return 1e-8 * (64 / self.architecture.units) ** 2 / self.architecture.gamma
        return 1e-8

    def batch_key(self) -> tuple[Any, ...]:
        """Plans with equal keys are trained in one batch: all that sets shapes and loops."""
        shape = replace(self.architecture, gamma=1.0)
        s = self.settings
        loop = s.batch, s.steps_per_epoch, s.stop_on, s.penalty_on, s.validation_trials, s.fixed_trials
        phases = (s.epochs, self.protocol) if self.protocol else ()
        return shape, self.task, *loop, s.optimizer, s.dtype, s.snapshot_steps, phases

    def to_json(self) -> dict[str, Any]:
        """Return the training settings as they stand in a checkpoint's metadata."""
        s = self.settings
        held = asdict(s) | {"epsilon": self.adam_epsilon(), "memory_units": self.memory_units}
        held["init_gain"] = s.gain if s.init == "gaussian" else None
        if not self.architecture.spec.diagonal or self.start is not None:
            held["init_a"] = None
        if self.protocol:
            held["protocol"] = [{"name": p.name, "parameters": task_parameters(p.task)} for p in self.protocol]
        if self.start is not None:
            held["start"] = {"network": self.start.name, "digest": self.start.digest()}
        return held


def group_plans(plans: Sequence[NetworkPlan]) -> list[list[NetworkPlan]]:
    """Split plans into the groups that share a batch, in order of first appearance."""
    groups: dict[tuple[Any, ...], list[NetworkPlan]] = {}
    for plan in plans:
        groups.setdefault(plan.batch_key(), []).append(plan)
    return list(groups.values())
