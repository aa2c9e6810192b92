"""A flip-flop of one bit with pulses that last: the nonlinear task of the theory of overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from rnnkit.tasks.base import Array, Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle
from rnnkit.tasks.scoring import sign_accuracy

__all__ = ["FlipFlopPulse"]


@dataclass(frozen=True, kw_only=True)
class FlipFlopPulse(Task):
    """Hold the sign of the last pulse (Ger & Barak, figure 4, whose task only its caption describes).

    A pulse lasts `pulse_steps` steps and is +-`amplitude`, equally often. The first begins, and the next one follows on
    the end of the last, after a gap of 1 or more steps, drawn geometrically with mean `gap`. The target is 0 before
    the first pulse, and then `level` times the sign of the last one, from its first step on. With `loss=held` the steps
    of a pulse do not count: no leaky network can jump, and what it does on its way is not asked for.

    Parameters
    ----------
    steps : int
        Steps of a trial.
    pulse_steps : int
        Steps of a pulse.
    gap : float
        Mean number of steps between pulses, 1 or more.
    amplitude, level : float
        Size of input pulses, and of targets.
    loss : {"held", "all"}
        Which steps count: those without a pulse, or all.

    Examples
    --------
    >>> task = FlipFlopPulse(steps=16, pulse_steps=2, gap=3)
    >>> trials = task.sample([np.random.default_rng(5)], 1)
    >>> for channel in (trials.inputs[0, 0, :, 0], 2 * trials.targets[0, 0, :, 0], trials.mask[0, 0]):
    ...     print(*channel.astype(int))
    0 0 0 0 0 -1 -1 0 0 1 1 0 1 1 0 0
    0 0 0 0 0 -1 -1 -1 -1 1 1 1 1 1 1 1
    1 1 1 1 1 0 0 1 1 0 0 1 0 0 1 1
    """

    name: ClassVar[str] = "flipflop-pulse"
    summary: ClassVar[str] = "hold the sign of the last of some pulses that last several steps"
    source: ClassVar[str] = "Ger & Barak, Learning reveals invisible structure in low-rank RNNs, app. (captions)"
    preset: ClassVar[Preset] = Preset(lr=1e-3, batch=64, epochs=100, stop_loss=0.0025)

    steps: int = field(default=60, metadata={"help": "steps of a trial"})
    pulse_steps: int = field(default=5, metadata={"help": "steps of a pulse"})
    gap: float = field(default=10.0, metadata={"help": "mean number of steps between pulses"})
    amplitude: float = field(default=1.0, metadata={"help": "size of the input pulses"})
    level: float = field(default=0.5, metadata={"help": "size of the targets"})
    loss: Literal["held", "all"] = field(default="held", metadata={"help": "steps that count: without a pulse, or all"})

    def __post_init__(self) -> None:
        settle(self)
        require(self, "steps", self.steps >= 1, "1 or more")
        require(self, "pulse_steps", self.pulse_steps >= 1, "1 or more")
        require(self, "gap", self.gap >= 1, "1 or more")
        require(self, "amplitude", self.amplitude > 0, "more than 0")
        require(self, "level", self.level > 0, "more than 0")

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return 1

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return 1

    @property
    def length(self) -> int:
        """Number of steps of a trial."""
        return self.steps

    def sample(self, streams: Sequence[np.random.Generator], trials: int) -> Trials:
        """Draw trials for each network from its own stream.

        Parameters
        ----------
        streams : sequence of numpy.random.Generator
            One a network.
        trials : int
            Trials for each network.

        Returns
        -------
        Trials
            `inputs` and `targets`, both (networks, trials, steps, 1); `mask` where the loss leaves pulses out.
        """
        most = -(-self.steps // (self.pulse_steps + 1))
        draws = np.empty((len(streams), trials, most, 2))
        for stream, own in zip(streams, draws, strict=True):
            stream.random(out=own)
        count, since = self._pulses(self._gaps(draws[..., 0]))
        signs = np.where(draws[..., 1] < 0.5, 1.0, -1.0)
        last = np.take_along_axis(signs, np.maximum(count - 1, 0), axis=2) * (count > 0)
        pulsed = (count > 0) & (since < self.pulse_steps)
        inputs = (self.amplitude * last * pulsed).astype(np.float32)[..., None]
        targets = (self.level * last).astype(np.float32)[..., None]
        return Trials(inputs, targets, (~pulsed).astype(np.float32) if self.loss == "held" else None)

    def _gaps(self, draws: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return geometric numbers 1, 2, ... of mean `gap` from uniform ones."""
        if self.gap == 1:
            return np.ones(draws.shape, np.int64)
        # No gap beyond the trial matters, and none may overflow.
        steps = np.floor(np.log1p(-draws) / np.log1p(-1 / self.gap)) + 1
        return np.asarray(np.minimum(steps, self.steps), np.int64)

    def _pulses(self, gaps: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many pulses have begun at each step, and how many steps ago the last one did."""
        starts = np.cumsum(gaps + self.pulse_steps, axis=2) - self.pulse_steps
        begun = np.zeros((*gaps.shape[:2], self.steps), np.int64)
        network, trial, pulse = np.nonzero(starts < self.steps)
        begun[network, trial, starts[network, trial, pulse]] = 1
        steps = np.arange(self.steps)
        return np.cumsum(begun, axis=2), steps - np.maximum.accumulate(steps * begun, axis=2)

    def ood(self) -> FlipFlopPulse:
        """Return the task with twice the steps."""
        return replace(self, steps=2 * self.steps)

    def accuracy(self, outputs: Array, trials: Trials) -> NDArray[np.float64]:
        """Return the share of (trial, step) whose output has the target's sign, of those that count and are not 0.

        Parameters
        ----------
        outputs : (networks, trials, steps, 1) float32
        trials : Trials

        Returns
        -------
        (networks,) float64
            NaN where outputs are not finite.
        """
        targets = trials.targets if trials.mask is None else trials.targets * trials.mask[..., None]
        return sign_accuracy(outputs, targets, (1, 2, 3))
