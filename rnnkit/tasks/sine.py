"""Sine wave generation: a constant input names a frequency, and the output is its sine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from rnnkit.tasks.base import Array, Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle

__all__ = ["Sine"]


@dataclass(frozen=True, kw_only=True)
class Sine(Task):
    """Generate the sine of the frequency an input names (Huang et al., appendices A, F.3 and G.3).

    Each channel draws one of `frequencies` values f evenly spaced from `frequency_min` to
    `frequency_max`, or any f between them. Its input is constant, the frequency centred and scaled to [-1, 1]:
    x = (f - (max + min)/2) / ((max - min)/2). Its target is y[t] = sin(2 pi f t dt) for t = 0, 1, ...,
    so the first target is 0, whatever the frequency. The scaling is ours, the paper gives none: with
    f/30, or f as it stands, networks learn many times more slowly.

    Networks without biases are odd, y(-x) = -y(x): a centred input would then ask for y(f) = -y(max + min - f).
    `cue=share` gives x = f / max instead, of one sign.

    Parameters
    ----------
    channels : int
        Independent sines: as many inputs and as many outputs.
    steps : int
        Steps of a trial.
    dt : float
        Duration of a step, in seconds.
    frequencies : int
        Number of frequencies; one alone is `frequency_min`, and 0 stands for all of them: f is uniform in between.
    frequency_min, frequency_max : float
        The lowest and the highest, in hertz; the highest at most half a cycle a step.
    cue : {"centred", "share"}
        The input: the frequency centred and scaled to [-1, 1], or over `frequency_max`.
    first : {0, 1}
        t of the first target.

    Examples
    --------
    >>> task = Sine(steps=5, dt=0.25, frequencies=2, frequency_min=0, frequency_max=1)
    >>> trials = task.sample([np.random.default_rng(0)], 1)
    >>> for channel in (trials.inputs, trials.targets):
    ...     print(*channel[0, 0, :, 0].round().astype(int))
    1 1 1 1 1
    0 1 0 -1 0
    """

    name: ClassVar[str] = "sine"
    summary: ClassVar[str] = "generate the sine of the frequency that a constant input names"
    source: ClassVar[str] = "Huang et al., Measuring and controlling solution degeneracy, app. A, F.3, G.3"
    preset: ClassVar[Preset] = Preset(lr=5e-4, batch=32, epochs=500, stop_loss=0.05)

    channels: int = field(default=1, metadata={"help": "independent sines, each with an input and an output"})
    steps: int = field(default=100, metadata={"help": "steps of a trial"})
    dt: float = field(default=0.01, metadata={"help": "duration of a step, in seconds"})
    frequencies: int = field(default=100, metadata={"help": "number of evenly spaced frequencies; 0 for any"})
    frequency_min: float = field(default=1.0, metadata={"help": "lowest frequency, in hertz"})
    frequency_max: float = field(default=30.0, metadata={"help": "highest frequency, in hertz"})
    cue: Literal["centred", "share"] = field(
        default="centred", metadata={"help": "input: the frequency centred, or as a share of the highest"}
    )
    first: Literal[0, 1] = field(default=0, metadata={"help": "step that the first target belongs to"})

    def __post_init__(self) -> None:
        settle(self)
        require(self, "channels", self.channels >= 1, "1 or more")
        require(self, "steps", self.steps >= 1, "1 or more")
        require(self, "dt", self.dt > 0, "more than 0")
        require(self, "frequencies", self.frequencies >= 0, "0 or more")
        require(self, "frequency_min", self.frequency_min >= 0, "0 or more")
        # Beyond half a cycle a step the samples are those of a lower frequency.
        nyquist = 0.5 / self.dt
        require(
            self,
            "frequency_max",
            self.frequency_min < self.frequency_max <= nyquist,
            f"more than frequency_min ({self.frequency_min:g}) and at most 1/(2 dt) ({nyquist:g})",
        )

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
            `inputs` and `targets`, both (networks, trials, steps, channels); no mask.
        """
        draws = np.empty((len(streams), trials, self.channels))
        for stream, own in zip(streams, draws, strict=True):
            stream.random(out=own)
        inputs = np.empty((len(streams), trials, self.steps, self.channels), np.float32)
        if self.frequencies == 0:
            frequency = self.frequency_min + (self.frequency_max - self.frequency_min) * draws
            inputs[:] = self._cued(frequency)[:, :, None]
            return Trials(inputs=inputs, targets=self._sines(frequency[:, :, None], axis=2))
        # (frequencies, steps): every sine there is, computed once.
        choice = (draws * self.frequencies).astype(np.intp)
        frequency = np.linspace(self.frequency_min, self.frequency_max, self.frequencies)
        inputs[:] = self._cued(frequency)[choice][:, :, None]
        sines = self._sines(frequency[:, None], axis=1)
        return Trials(inputs=inputs, targets=np.ascontiguousarray(sines[choice].swapaxes(2, 3)))

    def _cued(self, frequency: NDArray[np.float64]) -> Array:
        """Return the input that names each frequency."""
        if self.cue == "share":
            return (frequency / self.frequency_max).astype(np.float32)
        centre = (self.frequency_max + self.frequency_min) / 2
        return ((frequency - centre) / (self.frequency_max - centre)).astype(np.float32)

    def _sines(self, frequency: NDArray[np.float64], axis: int) -> Array:
        """Return sin(2 pi f t dt), computed in double precision, with the steps along `axis`, of extent 1 before."""
        steps = np.expand_dims(
            np.arange(self.first, self.first + self.steps), tuple(k for k in range(frequency.ndim) if k != axis)
        )
        return np.sin(2 * np.pi * self.dt * (frequency * steps)).astype(np.float32)

    def ood(self) -> Sine:
        """Return the task with twice the steps: the same sines, carried on."""
        return replace(self, steps=2 * self.steps)
