"""Repeat copy: symbols are shown once, then replayed in order, over and over, with no further input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnkit.tasks.base import Array, Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle
from rnnkit.tasks.scoring import sign_accuracy

__all__ = ["Copy"]


@dataclass(frozen=True, kw_only=True)
class Copy(Task):
    """Replay a sequence of random signs (paper "schur", section 3).

    z_1 .. z_s are drawn from {-1, +1}^d, each entry on its own. The input is z_t for t <= s and 0 after. The target
    at lag l = 1, 2, ... after the sequence is z_{1 + (l - 1) mod s}; only these steps count. That the replay starts
    again when it is through is ours: the paper scores 128 lags of 8 symbols and reports an accuracy of 1.00.

    Parameters
    ----------
    symbols : int
        s, the length of the sequence.
    channels : int
        d, inputs and outputs.
    lags : int
        Steps after the sequence.

    Examples
    --------
    >>> task = Copy(symbols=3, channels=1, lags=5)
    >>> trials = task.sample([np.random.default_rng(1)], 1)
    >>> for channel in (trials.inputs, trials.targets):
    ...     print(*channel[0, 0, :, 0].astype(int))
    1 -1 -1 0 0 0 0 0
    0 0 0 1 -1 -1 1 -1
    >>> print(*trials.mask[0, 0].astype(int))
    0 0 0 1 1 1 1 1
    """

    name: ClassVar[str] = "copy"
    summary: ClassVar[str] = "replay a sequence of random signs, over and over, with no further input"
    source: ClassVar[str] = "Task-restricted symmetries in recurrent weight space, section 3 (no appendix)"
    preset: ClassVar[Preset] = Preset(lr=1e-3, batch=64, epochs=60, stop_loss=0.01, steps_per_epoch=100)

    symbols: int = field(default=8, metadata={"help": "symbols shown before the replay"})
    channels: int = field(default=8, metadata={"help": "signs of a symbol: as many inputs and outputs"})
    lags: int = field(default=24, metadata={"help": "steps of replay"})

    def __post_init__(self) -> None:
        settle(self)
        for name in ("symbols", "channels", "lags"):
            require(self, name, getattr(self, name) >= 1, "1 or more")

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return self.channels

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return self.channels

    @property
    def length(self) -> int:
        """Number of steps of a trial: the sequence, then the lags."""
        return self.symbols + self.lags

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
            `inputs` and `targets`, both (networks, trials, steps, channels); `mask` is 1 from the first lag on.
        """
        draws = np.empty((len(streams), trials, self.symbols, self.channels), np.float32)
        for stream, own in zip(streams, draws, strict=True):
            stream.random(out=own, dtype=np.float32)
        sequence = np.where(draws < 0.5, np.float32(1), np.float32(-1))
        inputs = np.zeros((len(streams), trials, self.length, self.channels), np.float32)
        targets = np.zeros_like(inputs)
        inputs[:, :, : self.symbols] = sequence
        targets[:, :, self.symbols :] = sequence[:, :, np.arange(self.lags) % self.symbols]
        mask = np.zeros(inputs.shape[:3], np.float32)
        mask[:, :, self.symbols :] = 1
        return Trials(inputs=inputs, targets=targets, mask=mask)

    def ood(self) -> Copy:
        """Return the task with twice the lags."""
        return replace(self, lags=2 * self.lags)

    def accuracy(self, outputs: Array, trials: Trials) -> NDArray[np.float64]:
        """Return the share of (trial, lag, channel) whose output has the target's sign; an output of 0 has not.

        Parameters
        ----------
        outputs : (networks, trials, steps, channels) float32
        trials : Trials

        Returns
        -------
        (networks,) float64
            NaN where outputs are not finite.
        """
        # Targets are 0 while the sequence is shown, and only there.
        return sign_accuracy(outputs, trials.targets, (1, 2, 3))
