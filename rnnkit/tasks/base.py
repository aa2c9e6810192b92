"""What every task is: parameters, a vectorised sampler, and its out-of-distribution version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Preset", "Task", "Trials"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Trials:
    """A batch of trials for each of several networks.

    Attributes
    ----------
    inputs : (networks, trials, steps, inputs) float32
    targets : (networks, trials, steps, outputs) float32
    mask : (networks, trials, steps) float32 or None
        Weight of each step in the loss; None means every step counts once.
    """

    inputs: Array
    targets: Array
    mask: Array | None = None


@dataclass(frozen=True)
class Preset:
    """The training settings of a task's paper, used where the command line gives none.

    `batch` in trials, `epochs` of `steps_per_epoch` optimiser steps; `stop_loss` in the task's mean
    squared error; `patience` in epochs after the stop loss is first met; `tau` is the step of the `mup`
    family.
    """

    lr: float
    batch: int
    epochs: int
    stop_loss: float
    schedule: Literal["none", "cosine", "plateau"] = "none"
    steps_per_epoch: int = 128
    patience: int = 3
    tau: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A task: frozen parameters (the dataclass fields) and a sampler.

    Each parameter is a field with a default and `metadata={"help": ...}`; `__post_init__` refuses values
    that make no sense with an :class:`rnnkit.errors.InputError`. Registered in :mod:`rnnkit.tasks`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str]
    preset: ClassVar[Preset]
    #: Parameters under which what happens in a trial happens at the same steps in all trials: for decoding over time.
    aligned: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    @property
    @abstractmethod
    def inputs(self) -> int:
        """Number of input channels."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Number of output channels."""

    @property
    def main_outputs(self) -> int:
        """Number of leading outputs that belong to the task itself; the rest are auxiliary."""
        return self.outputs

    @property
    @abstractmethod
    def length(self) -> int:
        """Number of steps of a trial."""

    @abstractmethod
    def sample(self, streams: Sequence[np.random.Generator], trials: int) -> Trials:
        """Draw trials for each network, from that network's own stream.

        What a network gets depends on its stream and on `trials` only, not on the other streams.
        """

    @abstractmethod
    def ood(self) -> Task:
        """Return the out-of-distribution version of this task (same channels)."""

    def quantities(self, trials: Trials) -> dict[str, Array]:
        """Return what a trial is about as a whole, each quantity (networks, trials) by its name; none by default."""
        return {}

    def accuracy(self, outputs: Array, trials: Trials) -> NDArray[np.float64] | None:
        """Return the share of correct answers per network, (networks,), or None where none is defined."""
        return None
