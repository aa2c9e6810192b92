"""A task whose answer lies a known number of steps back."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from rnnkit.tasks.base import Preset, Task, Trials
from rnnkit.tasks.parameters import settle


@dataclass(frozen=True, kw_only=True)
class Planted(Task):
    """The target at t is a function of the input at t and at t - back, or noise."""

    name: ClassVar[str] = "planted"
    summary: ClassVar[str] = "a known memory"
    source: ClassVar[str] = "tests"
    preset: ClassVar[Preset] = Preset(lr=1e-3, batch=8, epochs=1, stop_loss=0.1)

    back: int = field(default=2, metadata={"help": "steps back"})
    rule: Literal["linear", "parity", "masked", "noise", "constant", "huge"] = field(
        default="linear", metadata={"help": "what is done with them"}
    )
    scale: float = field(default=1.0, metadata={"help": "of inputs and targets"})
    steps: int = field(default=20, metadata={"help": "steps of a trial"})

    def __post_init__(self):
        settle(self)

    @property
    def inputs(self):
        return 2

    @property
    def outputs(self):
        return 1

    @property
    def length(self):
        return self.steps

    def sample(self, streams, trials):
        x = np.stack([rng.normal(size=(trials, self.steps, 2)) for rng in streams])
        noise = np.stack([rng.normal(size=(trials, self.steps, 1)) for rng in streams])
        early = np.zeros_like(x)
        early[:, :, self.back :] = x[:, :, : self.steps - self.back]
        mask = None
        if self.rule == "parity":
            x, early = np.sign(x), np.sign(early)
            y = x[..., :1] * early[..., 1:]
        elif self.rule == "noise":
            y = noise
        elif self.rule == "constant":
            y = np.ones_like(noise)
        else:
            y = early[..., :1] - 0.5 * early[..., 1:]
        if self.rule == "masked":
            mask = np.zeros(x.shape[:3], np.float32)
            mask[:, :, self.back + 2 :: 2] = 1
            y = np.where(mask[..., None] > 0, y, 5 * noise)
        if self.rule == "huge":
            y = np.sign(y) * 1e30
        x, y = (self.scale * x).astype(np.float32), (self.scale * y).astype(np.float32)
        return Trials(inputs=x, targets=y, mask=mask)

    def ood(self):
        return self
