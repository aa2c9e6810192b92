"""An exponential filter: what a linear network of rank one can do without error."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from rnnkit.tasks.base import Preset
from rnnkit.tasks.filtering import FILTER_PRESET, LinearFilter

__all__ = ["Filter"]


@dataclass(frozen=True, kw_only=True)
class Filter(LinearFilter):
    """Answer with the response gain exp(-decay t) (Ger & Barak, figures 1 to 5).

    A linear `lowrank` network of rank one with alpha = `dt` does it exactly where its overlaps are s_zm = gain,
    s_vu = (exp(-decay dt) - 1 + dt) / dt and s_zu s_vm = gain s_vu. The drives, steps and sizes are ours: see
    :class:`rnnkit.tasks.filtering.LinearFilter`.

    Parameters
    ----------
    gain, decay : float
        Of the response; `decay` per membrane time constant.
    steps : int
        Steps of a trial.
    dt : float
        Duration of a step, in membrane time constants: alpha of the networks to train.
    drive : {"impulse", "noise"}
        The input: one impulse of 1/dt at the first step, or white noise.

    Examples
    --------
    >>> import numpy as np
    >>> trials = Filter(steps=4, dt=0.5, decay=2 * np.log(2)).sample([np.random.default_rng(0)], 1)
    >>> trials.inputs[0, 0, :, 0].tolist(), trials.targets[0, 0, :, 0].tolist()
    ([2.0, 0.0, 0.0, 0.0], [1.0, 0.5, 0.25, 0.125])
    """

    name: ClassVar[str] = "filter"
    summary: ClassVar[str] = "answer an impulse, or noise, as an exponential filter does"
    source: ClassVar[str] = "Ger & Barak, Learning reveals invisible structure in low-rank RNNs, app. (captions)"
    preset: ClassVar[Preset] = FILTER_PRESET

    gain: float = field(default=1.0, metadata={"help": "response to a unit impulse, at once"})
    decay: float = field(default=0.2, metadata={"help": "rate of its decay, per membrane time constant"})
    steps: int = field(default=100, metadata={"help": "steps of a trial"})
    dt: float = field(default=0.2, metadata={"help": "duration of a step, in time constants: the networks' alpha"})
    drive: Literal["impulse", "noise"] = field(
        default="impulse", metadata={"help": "an impulse of 1/dt at the first step, or white noise"}
    )

    def recursion(self) -> tuple[list[float], list[float]]:
        """Return b = [gain] and a = [1, -exp(-decay dt)]."""
        return [self.gain], [1.0, -math.exp(-self.decay * self.dt)]
