"""Delayed addition: remember two cued numbers, and give their sum at the last step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnkit.tasks.base import Array, Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle

__all__ = ["DelayedAddition"]

#: Latest step of the first cue, counted from 1 ("t1 < 10").
_FIRST_CUE = 9
#: Step of the first cue, counted from 1, where times are fixed.
_FIXED = 5
#: An answer that is off by this much is wrong.
_TOLERANCE = 0.04


@dataclass(frozen=True, kw_only=True)
class DelayedAddition(Task):
    """Add two numbers that a cue picks out of a stream (Haputhanthri et al., section "Delayed addition task").

    With steps counted from 1 to T: u1(t) is uniform in [0, 1) at every step, u2(t) is 1 at the steps t1 and t2 and 0
    elsewhere, and the target at step T is u1(t1) + u1(t2); no other step counts. The paper has t1 < 10 and t2 < T/2.
    That both are uniform, that t1 is drawn first and t2 is another step, which may come before it, are ours.

    An answer that is off by less than d = .04 is correct. The best constant answer is 1: its loss is 1/6, and its share
    of correct answers 2d - d^2 = .0784, which is chance and no sign of learning. Who knows one number only has a loss
    of 1/12.

    Parameters
    ----------
    steps : int
        T.
    fixed_times : bool
        The same two steps in every trial, 5 and T/2 - 1, for decoding over time.

    Examples
    --------
    >>> task = DelayedAddition(steps=14, fixed_times=True)
    >>> trials = task.sample([np.random.default_rng(0)], 1)
    >>> print(*trials.inputs[0, 0, :, 1].astype(int), "|", *trials.mask[0, 0].astype(int))
    0 0 0 0 1 1 0 0 0 0 0 0 0 0 | 0 0 0 0 0 0 0 0 0 0 0 0 0 1
    >>> numbers, cue = trials.inputs[0, 0].T
    >>> bool(abs(trials.targets[0, 0, -1, 0] - numbers[cue == 1].sum()) < 1e-6)
    True
    """

    name: ClassVar[str] = "delayed-addition"
    summary: ClassVar[str] = "add two cued numbers of a stream, and answer at the last step"
    source: ClassVar[str] = "Haputhanthri et al., arXiv 2502.07256, section 'Delayed addition task'"
    preset: ClassVar[Preset] = Preset(lr=1e-3, batch=32, epochs=150, stop_loss=0.001, steps_per_epoch=50)
    aligned: ClassVar[Mapping[str, Any]] = MappingProxyType({"fixed_times": True})

    steps: int = field(default=40, metadata={"help": "steps of a trial"})
    fixed_times: bool = field(default=False, metadata={"help": "cues at steps 5 and steps/2 - 1 of every trial"})

    def __post_init__(self) -> None:
        settle(self)
        require(self, "steps", self.steps >= 10, "10 or more, as the first cue is among steps 1 to 9")
        apart = not self.fixed_times or self._last_cue > _FIXED
        require(self, "steps", apart, "14 or more, so that the fixed cues are two steps")

    @property
    def _last_cue(self) -> int:
        """Latest step of the second cue, counted from 1."""
        return self.steps // 2 - 1

    @property
    def inputs(self) -> int:
        """Number of input channels: numbers and cue."""
        return 2

    @property
    def outputs(self) -> int:
        """Number of output channels: the sum."""
        return 1

    @property
    def length(self) -> int:
        """Number of steps of a trial."""
        return self.steps

    def _times(self, draws: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the steps of both cues, counted from 1, (networks, trials, 2), from numbers uniform in [0, 1)."""
        if self.fixed_times:
            times: NDArray[np.int64] = np.empty(draws.shape, np.int64)
            times[:] = _FIXED, self._last_cue
            return times
        first = 1 + (draws[..., 0] * _FIRST_CUE).astype(np.int64)
        # One step fewer to choose from where the first cue is among them; those from it on move up by one.
        among = first <= self._last_cue
        second = 1 + (draws[..., 1] * (self._last_cue - among)).astype(np.int64)
        second += among & (second >= first)
        return np.stack([first, second], axis=-1)

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
            `inputs` (networks, trials, steps, 2); `targets` (networks, trials, steps, 1), 0 but at the last step;
            `mask` (networks, trials, steps), 1 at the last step.
        """
        draws = np.empty((len(streams), trials, 2))
        numbers = np.empty((len(streams), trials, self.steps), np.float32)
        for stream, own, values in zip(streams, draws, numbers, strict=True):
            stream.random(out=own)
            stream.random(out=values, dtype=np.float32)
        places = self._times(draws) - 1
        inputs = np.zeros((*numbers.shape, 2), np.float32)
        inputs[..., 0] = numbers
        np.put_along_axis(inputs[..., 1], places, np.float32(1), axis=-1)
        targets = np.zeros((*numbers.shape, 1), np.float32)
        targets[..., -1, 0] = np.take_along_axis(numbers, places, axis=-1).sum(axis=-1)
        mask = np.zeros(numbers.shape, np.float32)
        mask[..., -1] = 1
        return Trials(inputs=inputs, targets=targets, mask=mask)

    def quantities(self, trials: Trials) -> dict[str, Array]:
        """Return both cued numbers, the earlier one first, and their sum, each (networks, trials).

        Examples
        --------
        >>> task = DelayedAddition(steps=10)
        >>> trials = task.sample([np.random.default_rng(0)], 1)
        >>> found = task.quantities(trials)
        >>> bool(found["cue1"] + found["cue2"] == found["sum"] == trials.targets[0, :, -1, 0])
        True
        """
        numbers, cue = trials.inputs[..., 0], trials.inputs[..., 1]
        first, last = cue.argmax(axis=-1), cue.shape[-1] - 1 - cue[..., ::-1].argmax(axis=-1)
        cued = [np.take_along_axis(numbers, at[..., None], axis=-1)[..., 0] for at in (first, last)]
        return {"cue1": cued[0], "cue2": cued[1], "sum": trials.targets[..., -1, 0]}

    def ood(self) -> DelayedAddition:
        """Return the task with twice the steps: cues are spread over twice the time and kept for twice the time."""
        return replace(self, steps=2 * self.steps)

    def accuracy(self, outputs: Array, trials: Trials) -> NDArray[np.float64]:
        """Return the share of trials whose answer is off by less than .04.

        Parameters
        ----------
        outputs : (networks, trials, steps, 1) float32
        trials : Trials

        Returns
        -------
        (networks,) float64
            NaN where an answer is not finite.
        """
        answers = outputs[:, :, -1, 0]
        finite = np.asarray(np.isfinite(answers).all(axis=1))
        wrong = np.abs(np.where(finite[:, None], answers, 0) - trials.targets[:, :, -1, 0])
        share: NDArray[np.float64] = np.where(finite, (wrong < _TOLERANCE).mean(axis=1), np.nan)
        return share
