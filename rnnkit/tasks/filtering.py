"""What the tasks `filter` and `damped-filter` share: a linear filter's answer to an impulse or to white noise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from rnnkit.tasks.base import Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle

__all__ = ["FILTER_PRESET", "LinearFilter"]

#: For Adam, any family; the gradient descent of the theory is in the presets `overlaps/...`.
FILTER_PRESET = Preset(lr=1e-3, batch=32, epochs=100, stop_loss=1e-4)


@dataclass(frozen=True, kw_only=True)
class LinearFilter(Task):
    """A filter with response g(t), t in units of the membrane time constant, sampled every `dt` of it.

    `drive=impulse`: the input is 1/dt at the first step and 0 after it, and the target of step t is g(dt t): all
    trials are the same one. `drive=noise`: the inputs are N(0, 1), independent over steps, and the target is
    dt sum_k g(dt k) x[t - k].

    A leaky network with alpha = dt reads an input of 1/dt as a unit impulse (design: Ger & Barak).
    """

    gain: float
    decay: float
    steps: int
    dt: float
    drive: Literal["impulse", "noise"]

    @abstractmethod
    def recursion(self) -> tuple[list[float], list[float]]:
        """Return b and a of g's recursion, sum_k a[k] y[t - k] = sum_k b[k] x[t - k], for x an impulse of 1."""

    def __post_init__(self) -> None:
        settle(self)
        require(self, "gain", self.gain != 0, "a number that is not 0")
        require(self, "decay", self.decay > 0, "more than 0")
        require(self, "steps", self.steps >= 1, "1 or more")
        require(self, "dt", 0 < self.dt <= 1, "more than 0, at most 1")

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
        """Draw trials for each network from its own stream; an impulse draws nothing.

        Parameters
        ----------
        streams : sequence of numpy.random.Generator
            One a network.
        trials : int
            Trials for each network.

        Returns
        -------
        Trials
            `inputs` and `targets`, both (networks, trials, steps, 1); no mask.
        """
        inputs = np.zeros((len(streams), trials, self.steps), np.float32)
        if self.drive == "impulse":
            inputs[:, :, 0] = 1 / self.dt
            # Once for all trials, and from an impulse that no rounding of 1/dt has touched.
            unit = np.zeros(self.steps)
            unit[0] = 1
            targets = np.broadcast_to(self._answer(unit).astype(np.float32), inputs.shape).copy()
        else:
            for stream, own in zip(streams, inputs, strict=True):
                stream.standard_normal(out=own, dtype=np.float32)
            targets = (self.dt * self._answer(inputs)).astype(np.float32)
        return Trials(inputs=inputs[..., None], targets=np.ascontiguousarray(targets)[..., None])

    def _answer(self, drive: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return sum_k g(dt k) drive[..., t - k], by the filter's recursion in double precision."""
        from scipy.signal import lfilter  # not at import: listing tasks needs no scipy

        found: NDArray[np.float64] = lfilter(*self.recursion(), drive.astype(np.float64), axis=-1)
        return found

    def ood(self) -> Self:
        """Return the task with twice the steps."""
        return replace(self, steps=2 * self.steps)
