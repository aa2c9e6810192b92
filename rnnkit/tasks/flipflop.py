"""The N-bit flip-flop: remember the last pulse on each of several independent channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from rnnkit.tasks.base import Array, Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle
from rnnkit.tasks.scoring import sign_accuracy

__all__ = ["FlipFlop"]


@dataclass(frozen=True, kw_only=True)
class FlipFlop(Task):
    """Hold the sign of the last pulse seen on each bit (Huang et al., appendices A, F.1 and G.1).

    Each input is +1 or -1, equally often, with `probability` at each step, and 0 otherwise, independently
    over bits and steps. The target of a bit is its last nonzero input up to and including the present
    step, and 0 before its first pulse; a bit therefore changes with half of `probability` at each step.

    Parameters
    ----------
    bits : int
        Independent bits: as many inputs and as many outputs.
    probability : float
        Chance of a pulse at each step, on each bit.
    steps : int
        Steps of a trial.
    start : {"zero", "pulse"}
        Whether the first step is like any other, or carries a pulse on every bit, so that no target is 0.

    Examples
    --------
    >>> task = FlipFlop(bits=2, steps=10)
    >>> trials = task.sample([np.random.default_rng(5)], 1)
    >>> trials.inputs.shape
    (1, 1, 10, 2)
    >>> for channel in (trials.inputs, trials.targets):
    ...     print(*channel[0, 0, :, 0].astype(int))
    0 1 0 0 0 -1 0 1 1 1
    0 1 1 1 1 -1 -1 1 1 1
    """

    name: ClassVar[str] = "flipflop"
    summary: ClassVar[str] = "hold the sign of the last pulse on each of several bits"
    source: ClassVar[str] = "Huang et al., Measuring and controlling solution degeneracy, app. A, F.1, G.1"
    preset: ClassVar[Preset] = Preset(lr=1e-3, batch=256, epochs=300, stop_loss=0.001)

    bits: int = field(default=3, metadata={"help": "independent bits, each with an input and an output"})
    probability: float = field(default=0.3, metadata={"help": "chance of a pulse at each step, on each bit"})
    steps: int = field(default=100, metadata={"help": "steps of a trial"})
    start: Literal["zero", "pulse"] = field(
        default="zero", metadata={"help": "first step like any other, or a pulse on every bit"}
    )

    def __post_init__(self) -> None:
        settle(self)
        require(self, "bits", self.bits >= 1, "1 or more")
        require(self, "probability", 0 < self.probability <= 1, "more than 0, at most 1")
        require(self, "steps", self.steps >= 1, "1 or more")

    @property
    def inputs(self) -> int:
        """Number of input channels: one a bit."""
        return self.bits

    @property
    def outputs(self) -> int:
        """Number of output channels: one a bit."""
        return self.bits

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
            `inputs` and `targets`, both (networks, trials, steps, bits); no mask.
        """
        # One uniform number decides both: below half the probability a pulse up, below it a pulse down.
        draws = np.empty((len(streams), trials, self.steps, self.bits), np.float32)
        for stream, own in zip(streams, draws, strict=True):
            stream.random(out=own, dtype=np.float32)
        up = draws < self.probability / 2
        pulse = draws < self.probability
        if self.start == "pulse":
            up[:, :, 0] = draws[:, :, 0] < 0.5
            pulse[:, :, 0] = True
        pulses = 2 * up.view(np.int8) - pulse.view(np.int8)

        # Fill by doubling: after the pass of a shift s, a target is the last pulse of the 2 s steps up to it.
        held = pulses.reshape(-1, self.steps * self.bits).copy()
        shift = self.bits
        while shift < held.shape[1]:
            held[:, shift:] += (held[:, shift:] == 0) * held[:, :-shift]
            shift *= 2
        return Trials(inputs=pulses.astype(np.float32), targets=held.astype(np.float32).reshape(pulses.shape))

    def ood(self) -> FlipFlop:
        """Return the task with twice the steps."""
        return replace(self, steps=2 * self.steps)

    def accuracy(self, outputs: Array, trials: Trials) -> NDArray[np.float64]:
        """Return the share of (trial, step, bit) whose output has the target's sign, targets of 0 left out.

        Parameters
        ----------
        outputs : (networks, trials, steps, bits) float32
        trials : Trials

        Returns
        -------
        (networks,) float64
            NaN where outputs are not finite.
        """
        return sign_accuracy(outputs, trials.targets, (1, 2, 3))
