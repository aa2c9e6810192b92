"""Delayed discrimination: compare the amplitudes of two pulses, separated by a variable delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnkit.tasks.base import Array, Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle
from rnnkit.tasks.scoring import sign_accuracy

__all__ = ["DelayedDiscrimination"]

_ONSET = 5
_PULSE = 5


class _Timeline(NamedTuple):
    """When things happen, in steps, for a trial of delay d, and what a user gets who gives no more."""

    second: int
    """The second pulse starts at second + d."""
    response: int
    """The response starts at response + d."""
    duration: int | None
    """Steps of the response; None lasts to the end of the trial."""
    beyond_delay: int
    """Steps of a trial beyond the longest delay."""
    sign: int
    """+1 where the answer is sign(f2 - f1), -1 where it is sign(f1 - f2)."""
    delays: tuple[int, int]
    amplitudes: Literal["real", "integer"]


_TIMELINES = {
    "standard": _Timeline(10, 15, None, 40, 1, (5, 20), "real"),
    "pulsed": _Timeline(15, 30, 5, 41, -1, (0, 19), "integer"),
}


@dataclass(frozen=True, kw_only=True)
class DelayedDiscrimination(Task):
    """Say which of two pulses was larger (Huang et al., appendices A, B, F.2 and G.2).

    A delay d, uniform over the integers from `delay_min` to `delay_max`, is drawn once a trial; amplitudes
    f1 and f2, uniform and independent, once a trial and channel.

    =========  ====================================  ====================================
    timeline   standard                              pulsed
    =========  ====================================  ====================================
    f1         steps 5 to 9                          steps 5 to 9, first `channels` inputs
    f2         steps 10 + d to 14 + d, same input    steps 15 + d to 19 + d, other inputs
    target     sign(f2 - f1) from 15 + d to the end  sign(f1 - f2), steps 30 + d to 34 + d
    steps      40 + delay_max                        41 + delay_max
    delays     5 to 20                               0 to 19
    amplitude  real                                  integer
    =========  ====================================  ====================================

    Inputs and targets are 0 elsewhere. The last three rows are what a timeline takes where the user gives
    nothing; once built, a task holds the values it took. The paper gives 60 steps, the delays, the range
    of amplitudes and, by its 25 steps from the end of f1 to the response (appendix H), pulses of 5; the
    onset and the response to the end are ours. `pulsed` is the task of the networks published with Turner,
    Dabholkar & Barak, "Charting and navigating the space of solutions for recurrent neural networks" (2021).

    Parameters
    ----------
    channels : int
        Independent comparisons with one delay.
    delay_min, delay_max : int, optional
        Shortest and longest delay, in steps.
    amplitude_min, amplitude_max : float
        Range of the amplitudes.
    amplitudes : {"real", "integer"}, optional
        Integer amplitudes of a trial and channel are never equal.
    scale : float
        What amplitudes are multiplied by at the input.
    steps : int, optional
        Steps of a trial.
    auxiliary : bool
        Add `channels` outputs, after the others: (f2 - f1) / (amplitude_max - amplitude_min) during the
        response (f1 - f2 in `pulsed`), unscaled. In the paper's app. B the difference stands as it is, and
        its variance, 10.7, swamps the sign's.
    loss : {"all", "response"}
        Whether every step counts in the loss, or the steps of the response only (a mask).
    timeline : {"standard", "pulsed"}

    Examples
    --------
    >>> task = DelayedDiscrimination(delay_min=2, delay_max=2, amplitudes="integer", steps=20)
    >>> trials = task.sample([np.random.default_rng(1)], 1)
    >>> for channel in (trials.inputs, trials.targets):
    ...     print(*channel[0, 0, :, 0].astype(int))
    0 0 0 0 0 10 10 10 10 10 0 0 3 3 3 3 3 0 0 0
    0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 -1 -1
    """

    name: ClassVar[str] = "delayed-discrimination"
    summary: ClassVar[str] = "say which of two pulses, a variable delay apart, was larger"
    source: ClassVar[str] = (
        "Huang et al., Measuring and controlling solution degeneracy, app. A, B, F.2, G.2; "
        "timeline=pulsed: Turner, Dabholkar & Barak 2021"
    )
    preset: ClassVar[Preset] = Preset(lr=1e-3, batch=256, epochs=500, stop_loss=0.01, schedule="cosine", tau=0.1)

    channels: int = field(default=1, metadata={"help": "independent comparisons with one delay"})
    delay_min: int | None = field(default=None, metadata={"help": "shortest delay in steps; if not given 5, pulsed 0"})
    delay_max: int | None = field(default=None, metadata={"help": "longest delay in steps; if not given 20, pulsed 19"})
    amplitude_min: float = field(default=2.0, metadata={"help": "smallest amplitude"})
    amplitude_max: float = field(default=10.0, metadata={"help": "largest amplitude"})
    amplitudes: Literal["real", "integer"] | None = field(
        default=None, metadata={"help": "real, or unequal integers; if not given real, pulsed integer"}
    )
    scale: float = field(default=1.0, metadata={"help": "what amplitudes are multiplied by at the input"})
    steps: int | None = field(
        default=None,
        metadata={"help": "steps of a trial; if not given 40 + delay_max, pulsed 41 + delay_max"},
    )
    auxiliary: bool = field(
        default=False, metadata={"help": "further outputs carry the difference over the range of amplitudes"}
    )
    loss: Literal["all", "response"] = field(
        default="all", metadata={"help": "the steps that count in the loss: all, or those of the response"}
    )
    timeline: Literal["standard", "pulsed"] = field(
        default="standard",
        metadata={"help": "one input a channel and an answer to the end, or two inputs and an answer of 5 steps"},
    )

    def __post_init__(self) -> None:
        settle(self)
        require(self, "channels", self.channels >= 1, "1 or more")
        timeline = self._timeline
        self._fill("delay_min", timeline.delays[0])
        self._fill("delay_max", timeline.delays[1])
        self._fill("amplitudes", timeline.amplitudes)
        shortest, longest = self._delays
        require(self, "delay_min", shortest >= 0, "0 or more")
        require(self, "delay_max", longest >= shortest, f"delay_min ({shortest}) or more")
        self._fill("steps", timeline.beyond_delay + longest)
        needed = timeline.response + longest + (timeline.duration or 1)
        require(
            self,
            "steps",
            self.length >= needed,
            f"{needed} or more, so that the response of the longest delay ({longest}) fits",
        )
        low, high = self.amplitude_min, self.amplitude_max
        require(self, "amplitude_max", high > low, f"more than amplitude_min ({low:g})")
        require(
            self,
            "amplitudes",
            self.amplitudes == "real" or floor(high) > ceil(low),
            f"real, or two integers from amplitude_min ({low:g}) to amplitude_max ({high:g})",
        )
        require(self, "scale", self.scale != 0, "a number other than 0")

    def _fill(self, name: str, value: object) -> None:
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)

    @property
    def _timeline(self) -> _Timeline:
        return _TIMELINES[self.timeline]

    @property
    def _delays(self) -> tuple[int, int]:
        assert self.delay_min is not None
        assert self.delay_max is not None
        return self.delay_min, self.delay_max

    @property
    def inputs(self) -> int:
        """Number of input channels: one a comparison, two in `pulsed` (every f1, then every f2)."""
        return self.channels if self.timeline == "standard" else 2 * self.channels

    @property
    def outputs(self) -> int:
        """Number of output channels: one a comparison, two with `auxiliary` (every sign, then the rest)."""
        return 2 * self.channels if self.auxiliary else self.channels

    @property
    def main_outputs(self) -> int:
        """Number of leading outputs that carry signs."""
        return self.channels

    @property
    def length(self) -> int:
        """Number of steps of a trial."""
        assert self.steps is not None
        return self.steps

    def _draw(
        self, streams: Sequence[np.random.Generator], trials: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return delays (networks, trials) and both amplitudes (networks, trials, channels)."""
        draws = np.empty((len(streams), trials, 1 + 2 * self.channels))
        for stream, own in zip(streams, draws, strict=True):
            stream.random(out=own)
        shortest, longest = self._delays
        delay = shortest + (draws[..., 0] * (longest - shortest + 1)).astype(np.int64)
        first, second = np.split(draws[..., 1:], 2, axis=-1)
        low, high = self.amplitude_min, self.amplitude_max
        if self.amplitudes == "real":
            return delay, low + (high - low) * first, low + (high - low) * second
        low, count = ceil(low), floor(high) - ceil(low) + 1
        first = np.floor(first * count)
        # One value fewer to choose from, and those from the first one's on moved up by one: never equal.
        second = np.floor(second * (count - 1))
        second += second >= first
        return delay, low + first, low + second

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
            `inputs` (networks, trials, steps, inputs); `targets` (networks, trials, steps, outputs);
            `mask` (networks, trials, steps) with `loss="response"`, 1 in the response, else None.
        """
        timeline, channels = self._timeline, self.channels
        delay, first, second = self._draw(streams, trials)
        since = np.arange(self.length) - delay[..., None]
        during_second = (since >= timeline.second) & (since < timeline.second + _PULSE)
        during_response = since >= timeline.response
        if timeline.duration is not None:
            during_response &= since < timeline.response + timeline.duration

        inputs = np.zeros((*since.shape, self.inputs), np.float32)
        inputs[:, :, _ONSET : _ONSET + _PULSE, :channels] = (self.scale * first)[:, :, None]
        # The last `channels` inputs are the first ones too in the standard timeline, at other steps.
        inputs[..., -channels:] += during_second[..., None] * (self.scale * second)[:, :, None]

        difference = timeline.sign * (second - first)
        answer = np.sign(difference)
        if self.auxiliary:
            spread = self.amplitude_max - self.amplitude_min
            answer = np.concatenate([answer, difference / spread], axis=-1)
        targets = np.where(during_response[..., None], answer[:, :, None], 0).astype(np.float32)
        mask = during_response.astype(np.float32) if self.loss == "response" else None
        return Trials(inputs=inputs, targets=targets, mask=mask)

    def ood(self) -> DelayedDiscrimination:
        """Return the task with both delays doubled and trials longer by as much as the longest delay grows.

        The response to the longest delay is then as long as before: 60 steps become 80 (`pulsed`: 79).
        """
        shortest, longest = self._delays
        return replace(self, delay_min=2 * shortest, delay_max=2 * longest, steps=self.length + longest)

    def accuracy(self, outputs: Array, trials: Trials) -> NDArray[np.float64]:
        """Return the share of (trial, channel) whose mean output over the response has the target's sign.

        Auxiliary outputs are left out.

        Parameters
        ----------
        outputs : (networks, trials, steps, outputs) float32
        trials : Trials

        Returns
        -------
        (networks,) float64
            NaN where outputs are not finite.
        """
        targets = trials.targets[..., : self.channels]
        with np.errstate(invalid="ignore"):  # what is not finite becomes NaN, and is reported as such
            answers = (outputs[..., : self.channels] * (targets != 0)).sum(axis=2, dtype=np.float64)
        return sign_accuracy(answers, targets.sum(axis=2), (1, 2))
