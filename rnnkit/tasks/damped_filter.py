"""A damped oscillation as a filter: what a linear network of rank two can do without error, and none of rank one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from rnnkit.tasks.base import Preset
from rnnkit.tasks.filtering import FILTER_PRESET, LinearFilter
from rnnkit.tasks.parameters import require

__all__ = ["DampedFilter"]


@dataclass(frozen=True, kw_only=True)
class DampedFilter(LinearFilter):
    """Answer with the response gain exp(-decay t) cos(frequency t) (Ger & Barak, figure 12).

    With p = exp((-decay + i frequency) dt), a linear `lowrank` network of rank two and alpha = `dt` does it exactly
    where S_vu = (P - (1 - dt) 1) / dt, P the real 2 x 2 matrix of p, S_vm = S_vu q, S_zu q = s_zm = gain and
    S_zu P^t q = gain Re p^t; for one, q = (gain, 0) and S_zu = (1, 0).

    Parameters
    ----------
    gain, decay, frequency : float
        Of the response; `decay` and `frequency` (in radians) per membrane time constant.
    steps : int
        Steps of a trial.
    dt : float
        Duration of a step, in membrane time constants: alpha of the networks to train.
    drive : {"impulse", "noise"}
        The input: one impulse of 1/dt at the first step, or white noise.

    Examples
    --------
    >>> import numpy as np
    >>> task = DampedFilter(steps=4, dt=0.5, decay=2 * np.log(2), frequency=np.pi)
    >>> task.sample([np.random.default_rng(0)], 1).targets[0, 0, :, 0].round(12).tolist()
    [1.0, 0.0, -0.25, -0.0]
    """

    name: ClassVar[str] = "damped-filter"
    summary: ClassVar[str] = "answer an impulse, or noise, as a damped oscillator does"
    source: ClassVar[str] = "Ger & Barak, Learning reveals invisible structure in low-rank RNNs, app. (captions)"
    preset: ClassVar[Preset] = FILTER_PRESET

    gain: float = field(default=1.0, metadata={"help": "response to a unit impulse, at once"})
    decay: float = field(default=0.25, metadata={"help": "rate of its decay, per membrane time constant"})
    frequency: float = field(default=0.8, metadata={"help": "radians per membrane time constant"})
    steps: int = field(default=100, metadata={"help": "steps of a trial"})
    dt: float = field(default=0.2, metadata={"help": "duration of a step, in time constants: the networks' alpha"})
    drive: Literal["impulse", "noise"] = field(
        default="impulse", metadata={"help": "an impulse of 1/dt at the first step, or white noise"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        # Beyond half a cycle a step the samples are those of a lower frequency.
        nyquist = math.pi / self.dt
        require(self, "frequency", 0 <= self.frequency <= nyquist, f"0 to pi / dt ({nyquist:g})")

    def recursion(self) -> tuple[list[float], list[float]]:
        """Return b and a of gain Re p^t: a pair of conjugate poles p = exp((-decay + i frequency) dt)."""
        modulus = math.exp(-self.decay * self.dt)
        cosine = modulus * math.cos(self.frequency * self.dt)
        return [self.gain, -self.gain * cosine], [1.0, -2 * cosine, modulus**2]
