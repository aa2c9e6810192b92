"""Evidence accumulation: say which of two inputs brought more pulses, after a delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnkit.tasks.base import Array, Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle

__all__ = ["EvidenceAccumulation"]

#: Numbers drawn for a trial beside those of its pulses: of the coherence, and of its sign.
_OF_A_TRIAL = 2


@dataclass(frozen=True, kw_only=True)
class EvidenceAccumulation(Task):
    """Count the pulses of two inputs and name the one with more (Haputhanthri et al., section of that name).

    A trial has a coherence c, one of `levels` equal steps up to `coherence`, with either sign. During the evidence each
    input carries a pulse of height 1 at each step, the first with probability `rate` (1 + c), the second with `rate`
    (1 - c), independently. After the delay, during the response, the target of the input that brought more pulses is 1;
    all other targets are 0, and every step counts. An even count is broken by one more pulse in the input that c
    favours, at its first step without one (by one fewer in the other, where all its steps have one).

    The paper has this in words; the steps, rates and coherences are ours. The best constant answer is 1/2 on both
    outputs during the response: its loss is response / (4 length), .1 by default, and half of its answers are right.

    Parameters
    ----------
    evidence, delay, response : int
        Steps of each stretch of a trial, in this order.
    rate : float
        Pulses per step and input, at a coherence of 0.
    coherence : float
        The largest.
    levels : int
        Coherences of either sign.

    Examples
    --------
    >>> task = EvidenceAccumulation(evidence=6, delay=2, response=3)
    >>> trials = task.sample([np.random.default_rng(3)], 1)
    >>> for array in (trials.inputs, trials.targets):
    ...     print(*(" ".join(str(int(value)) for value in channel) for channel in array[0, 0].T), sep=" | ")
    0 1 0 0 0 0 0 0 0 0 0 | 0 0 1 1 0 0 0 0 0 0 0
    0 0 0 0 0 0 0 0 0 0 0 | 0 0 0 0 0 0 0 0 1 1 1
    """

    name: ClassVar[str] = "evidence-accumulation"
    summary: ClassVar[str] = "say which of two inputs brought more pulses, after a delay"
    source: ClassVar[str] = "Haputhanthri et al., arXiv 2502.07256, section 'Evidence accumulation task'"
    preset: ClassVar[Preset] = Preset(lr=1e-3, batch=32, epochs=100, stop_loss=0.02, steps_per_epoch=50)

    evidence: int = field(default=20, metadata={"help": "steps with pulses"})
    delay: int = field(default=10, metadata={"help": "steps between evidence and response"})
    response: int = field(default=20, metadata={"help": "steps of the response"})
    rate: float = field(default=0.25, metadata={"help": "pulses per step and input, at a coherence of 0"})
    coherence: float = field(default=0.8, metadata={"help": "largest coherence"})
    levels: int = field(default=4, metadata={"help": "coherences of either sign, in equal steps"})

    def __post_init__(self) -> None:
        settle(self)
        require(self, "evidence", self.evidence >= 1, "1 or more")
        require(self, "delay", self.delay >= 0, "0 or more")
        require(self, "response", self.response >= 1, "1 or more")
        require(self, "levels", self.levels >= 1, "1 or more")
        require(self, "coherence", 0 < self.coherence <= 1, "more than 0, at most 1")
        most = 1 / (1 + self.coherence)
        require(
            self, "rate", 0 < self.rate <= most, f"more than 0, at most {most:.3g}: a probability at all coherences"
        )

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return 2

    @property
    def outputs(self) -> int:
        """Number of output channels: one an input."""
        return 2

    @property
    def length(self) -> int:
        """Number of steps of a trial."""
        return self.evidence + self.delay + self.response

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
            `inputs` and `targets`, both (networks, trials, steps, 2); no mask.
        """
        draws = np.empty((len(streams), trials, _OF_A_TRIAL + 2 * self.evidence))
        for stream, own in zip(streams, draws, strict=True):
            stream.random(out=own)
        level = 1 + np.floor(draws[..., 0] * self.levels)
        first = draws[..., 1] < 0.5
        signed = np.where(first, 1.0, -1.0) * self.coherence * level / self.levels
        chance = self.rate * (1 + np.stack([signed, -signed], axis=-1))
        pulses = draws[..., _OF_A_TRIAL:].reshape(*first.shape, self.evidence, 2) < chance[:, :, None]
        _break_ties(pulses, first)
        counts = pulses.sum(axis=2)
        inputs = np.zeros((*first.shape, self.length, 2), np.float32)
        inputs[:, :, : self.evidence] = pulses
        targets = np.zeros_like(inputs)
        targets[:, :, self.evidence + self.delay :] = (counts > counts[..., ::-1])[:, :, None]
        return Trials(inputs=inputs, targets=targets)

    def ood(self) -> EvidenceAccumulation:
        """Return the task with twice the evidence and twice the delay: more to count, and longer to keep."""
        return replace(self, evidence=2 * self.evidence, delay=2 * self.delay)

    def accuracy(self, outputs: Array, trials: Trials) -> NDArray[np.float64]:
        """Return the share of trials whose larger mean output over the response is the target's; equal ones are wrong.

        Parameters
        ----------
        outputs : (networks, trials, steps, 2) float32
        trials : Trials

        Returns
        -------
        (networks,) float64
            NaN where an output of the response is not finite.
        """
        said = outputs[:, :, -self.response :].astype(np.float64)
        finite = np.asarray(np.isfinite(said).all(axis=(1, 2, 3)))
        mean = np.where(finite[:, None, None, None], said, 0).mean(axis=2)
        wanted = trials.targets[:, :, -1, 0] > 0
        right = np.where(wanted, mean[..., 0] > mean[..., 1], mean[..., 1] > mean[..., 0])
        share: NDArray[np.float64] = np.where(finite, right.mean(axis=1), np.nan)
        return share


def _break_ties(pulses: NDArray[np.bool_], first: NDArray[np.bool_]) -> None:
    """Make the counts of both inputs differ, in place.

    Parameters
    ----------
    pulses : (networks, trials, steps, 2) bool
    first : (networks, trials) bool
        Whether the coherence favours the first input.
    """
    counts = pulses.sum(axis=2)
    networks, trials = np.nonzero(counts[..., 0] == counts[..., 1])
    favoured = np.where(first[networks, trials], 0, 1)
    full = counts[networks, trials, 0] == pulses.shape[2]
    channel = np.where(full, 1 - favoured, favoured)
    # The first step with a pulse where all have one, else the first without.
    own = pulses[networks, trials, :, channel]
    step = np.argmax(own == full[:, None], axis=1)
    pulses[networks, trials, step, channel] = ~full
