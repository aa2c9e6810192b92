"""Context-dependent integration: sum up one of two noisy inputs, the one that a cue names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from rnnkit.tasks.base import Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle

__all__ = ["ContextIntegration"]


@dataclass(frozen=True, kw_only=True)
class ContextIntegration(Task):
    """Integrate the cued one of two streams (paper "schur", section 4; after Mante et al. 2013).

    Stream k = 1, 2 is u_k(t) = mu_k + `noise` N(0, 1), with mu_k uniform in +-`drift`, one draw a trial. The cue c is
    0 or 1, equally often. Inputs are u_1, u_2, c and 1 - c, the last two constant; c = 1 names the first stream. The
    target is the sum of the cued stream up to and including the present step, over `scale`. The paper gives four
    inputs and 48 steps; the rest is ours.

    Parameters
    ----------
    steps : int
        Steps of a trial.
    drift : float
        Largest mean of a stream.
    noise : float
        Standard deviation of a stream about its mean.
    scale : float
        What the sum is divided by.

    Examples
    --------
    >>> task = ContextIntegration(steps=6, scale=1)
    >>> trials = task.sample([np.random.default_rng(0)], 1)
    >>> trials.inputs.shape, trials.targets.shape
    ((1, 1, 6, 4), (1, 1, 6, 1))
    >>> streams, cue = trials.inputs[0, 0, :, :2], trials.inputs[0, 0, :, 2:]
    >>> bool(np.allclose(trials.targets[0, 0, :, 0], (streams * cue).sum(axis=1).cumsum(), atol=1e-5))
    True
    """

    name: ClassVar[str] = "context-integration"
    summary: ClassVar[str] = "sum up the one of two noisy inputs that a cue names"
    source: ClassVar[str] = "Task-restricted symmetries in recurrent weight space, section 4 (no appendix)"
    preset: ClassVar[Preset] = Preset(lr=1e-3, batch=64, epochs=30, stop_loss=0.001)

    steps: int = field(default=48, metadata={"help": "steps of a trial"})
    drift: float = field(default=0.5, metadata={"help": "largest mean of a stream"})
    noise: float = field(default=1.0, metadata={"help": "standard deviation of a stream about its mean"})
    scale: float = field(default=48.0, metadata={"help": "what the sum is divided by"})

    def __post_init__(self) -> None:
        settle(self)
        require(self, "steps", self.steps >= 1, "1 or more")
        require(self, "drift", self.drift >= 0, "0 or more")
        require(self, "noise", self.noise >= 0, "0 or more")
        require(self, "scale", self.scale > 0, "more than 0")
        require(self, "noise", self.noise > 0 or self.drift > 0, "more than 0, as drift is 0")

    @property
    def inputs(self) -> int:
        """Number of input channels: two streams, two cues."""
        return 4

    @property
    def outputs(self) -> int:
        """Number of output channels: the sum."""
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
            `inputs` (networks, trials, steps, 4) and `targets` (networks, trials, steps, 1); no mask.
        """
        # Two means and a cue a trial, then the noise: the same trials whatever its size.
        draws = np.empty((len(streams), trials, 1, 3))
        values = np.empty((len(streams), trials, self.steps, 2), np.float32)
        for stream, own, noise in zip(streams, draws, values, strict=True):
            stream.random(out=own)
            stream.standard_normal(out=noise, dtype=np.float32)
        values *= np.float32(self.noise)
        values += (self.drift * (2 * draws[..., :2] - 1)).astype(np.float32)
        first = draws[..., 2] < 0.5
        inputs = np.empty((len(streams), trials, self.steps, 4), np.float32)
        inputs[..., :2] = values
        inputs[..., 2] = first
        inputs[..., 3] = ~first
        cued = np.where(first, values[..., 0], values[..., 1])
        # Summed in double precision: rounding does not grow with the steps.
        sums = np.cumsum(cued, axis=2, dtype=np.float64) / self.scale
        return Trials(inputs=inputs, targets=sums.astype(np.float32)[..., None])

    def ood(self) -> ContextIntegration:
        """Return the task with twice the steps."""
        return replace(self, steps=2 * self.steps)
