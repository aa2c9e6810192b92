"""What to train: one plan per network, and which plans share a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rnnkit.architectures import Architecture
from rnnkit.errors import InputError, unknown_name
from rnnkit.models.initialisation import INITIALISATIONS
from rnnkit.tasks.base import Task

__all__ = ["SCHEDULES", "NetworkPlan", "Settings", "group_plans"]

SCHEDULES = ("none", "cosine", "plateau")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one network is trained.

    Attributes
    ----------
    lr : float
        Adam's learning rate before the factor gamma (eta_0 in `mup`).
    batch : int
        Trials per optimiser step.
    epochs, steps_per_epoch : int
    schedule : str
        `none`; `cosine`: warm restarts, first period `restart` epochs, doubling; `plateau`: times 0.5 after
        40 epochs without a better training loss.
    restart : int
    stop_loss : float
        The epoch's mean training loss (penalties left out) to get below.
    patience : int
        Epochs trained after that.
    stop_on : str
        `main`: auxiliary outputs do not count for stopping; `all`: they do.
    l1, nuclear : float
        Penalties on the recurrent weights.
    penalty_on : str
        `recurrent`, or `all` for input and readout weights too.
    init : str
    gain : float
    epsilon : float or None
        Adam's; None is 1e-8, times (64/N)^2 / gamma in `mup`.
    validation_trials : int
        Size of the fixed validation set.
    snapshots : int
        Keep the weights every so many epochs; 0 for never.
    """

    lr: float = 1e-3
    batch: int = 64
    epochs: int = 300
    steps_per_epoch: int = 128
    schedule: str = "none"
    restart: int = 50
    stop_loss: float = 1e-3
    patience: int = 3
    stop_on: str = "main"
    l1: float = 0.0
    nuclear: float = 0.0
    penalty_on: str = "recurrent"
    init: str = "uniform"
    gain: float = 1.0
    epsilon: float | None = None
    validation_trials: int = 512
    snapshots: int = 0

    def __post_init__(self) -> None:
        for name in ("batch", "epochs", "steps_per_epoch", "validation_trials", "restart"):
            if getattr(self, name) < 1:
                option = f"--{name.replace('_', '-')}"
                raise InputError(option, f"{getattr(self, name)} is too small", "give 1 or more")
        for name in ("patience", "snapshots", "l1", "nuclear", "stop_loss"):
            if not 0 <= getattr(self, name) < float("inf"):
                option = f"--{name.replace('_', '-')}"
                raise InputError(option, f"{getattr(self, name)} is not valid", "give 0 or more")
        if not 0 < self.lr < float("inf"):
            raise InputError("--lr", f"{self.lr} is not a learning rate", "give a positive number")
        if self.epsilon is not None and not 0 < self.epsilon < float("inf"):
            raise InputError("--epsilon", f"{self.epsilon} is not valid", "give a positive number")
        for option, value, known in (
            ("--schedule", self.schedule, SCHEDULES),
            ("--stop-on", self.stop_on, ("main", "all")),
            ("--penalty-on", self.penalty_on, ("recurrent", "all")),
            ("--init", self.init, INITIALISATIONS),
        ):
            if value not in known:
                raise unknown_name(option, value, known, "value")


@dataclass(frozen=True)
class NetworkPlan:
    """One network to train: its name, seed, task, architecture (gamma included) and settings."""

    name: str
    seed: int
    task: Task
    architecture: Architecture
    settings: Settings

    def adam_epsilon(self) -> float:
        """Adam's epsilon: in `mup` it shrinks with width, as the gradients do."""
        if self.settings.epsilon is not None:
            return self.settings.epsilon
        if self.architecture.family == "mup":
            return 1e-8 * (64 / self.architecture.units) ** 2 / self.architecture.gamma
        return 1e-8

    def batch_key(self) -> tuple[Any, ...]:
        """Plans with equal keys are trained in one batch: all that sets shapes and loops."""
        shape = replace(self.architecture, gamma=1.0)
        s = self.settings
        return shape, self.task, s.batch, s.steps_per_epoch, s.stop_on, s.penalty_on, s.validation_trials

    def to_json(self) -> dict[str, Any]:
        """Return the training settings as they stand in a checkpoint's metadata."""
        return asdict(self.settings) | {"epsilon": self.adam_epsilon()}


def group_plans(plans: Sequence[NetworkPlan]) -> list[list[NetworkPlan]]:
    """Split plans into the groups that share a batch, in order of first appearance."""
    groups: dict[tuple[Any, ...], list[NetworkPlan]] = {}
    for plan in plans:
        groups.setdefault(plan.batch_key(), []).append(plan)
    return list(groups.values())
