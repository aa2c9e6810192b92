"""Path integration: keep track of a position in a box from heading and speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnkit.tasks.base import Array, Preset, Task, Trials
from rnnkit.tasks.parameters import require, settle

__all__ = ["PathIntegration"]


class _Walk(NamedTuple):
    """What an animal does: `steps` lead, `arenas` are (networks, trials, channels)."""

    start: NDArray[np.float64]
    """Position before the first step, (*arenas, dimensions)."""
    heading: Array
    """Unit vector of each step, (steps, *arenas, dimensions)."""
    speed: Array
    """Length of each step, 0 in a stop, (steps, *arenas)."""
    displacement: Array
    """Speed times heading, (steps, *arenas, dimensions)."""
    position: NDArray[np.float64]
    """Position after each step, (steps, *arenas, dimensions)."""


@dataclass(frozen=True, kw_only=True)
class PathIntegration(Task):
    """Keep track of a position in a square or cubic box (Huang et al., appendices A, F.4 and G.4).

    The paper gives the numbers; the rest is ours. The start is uniform in the box, the heading uniform on
    the circle (sphere), the speed uniform up to `max_speed`, and the animal goes with probability
    mean_go / (mean_go + mean_stop). At each step

    1. it stops with probability 1/mean_go, or starts again with probability 1/mean_stop;
    2. azimuth, and in 3D elevation (over the poles), change by N(0, direction_std);
    3. speed changes by N(0, speed_std), reflected at 0 and `max_speed`; a stopped animal moves by 0;
    4. where the step would leave the box along an axis, the heading along that axis changes sign;
    5. the position moves by speed times heading.

    The target is the position after the step, times `unit`. Inputs are the heading and speed of the step
    (see `encoding`), and the start over half the box, at the first step only; every input has noise.
    Walls turn the heading before the step, so the inputs tell the true displacement: with velocity
    inputs, y[t] - y[0] is the sum of inputs 1 to t, times `unit`, but for the noise.

    Parameters
    ----------
    dimensions : {2, 3}
    channels : int
        Independent arenas. Inputs and outputs come arena by arena: heading and speed, then start.
    steps : int
        Steps of a trial.
    max_speed : float
        Largest speed, in box units a step; at most half the box.
    direction_std, speed_std : float
        Standard deviation of the change at each step of the angles, in radians, and of the speed.
    noise_std : float
        Standard deviation of the noise on every input.
    mean_stop, mean_go : float
        Mean duration of stops and of movement, in steps.
    box : float
        Side of the box, in box units; the box reaches from -box/2 to box/2.
    unit : float
        Output for one box unit. At 0.2 outputs reach from -1 to 1 in a box of 10; the preset's stop loss
        is in this unit.
    encoding : {"direction", "velocity", "angle"}
        Inputs of an arena. direction: heading as a unit vector, and speed. velocity: speed times
        heading, in box units. angle: azimuth in (-pi, pi], in 3D elevation, and speed.

    Examples
    --------
    >>> task = PathIntegration(steps=50, encoding="velocity", noise_std=0)
    >>> trials = task.sample([np.random.default_rng(0)], 1)
    >>> trials.inputs.shape, trials.targets.shape
    ((1, 1, 50, 4), (1, 1, 50, 2))
    >>> moved = trials.targets[0, 0, -1] - trials.targets[0, 0, 0]
    >>> bool(np.allclose(moved, 0.2 * trials.inputs[0, 0, 1:, :2].sum(axis=0), atol=1e-6))
    True
    """

    name: ClassVar[str] = "path-integration"
    summary: ClassVar[str] = "keep track of a position in a box from heading and speed"
    source: ClassVar[str] = "Huang et al., Measuring and controlling solution degeneracy, app. A, F.4, G.4"
    preset: ClassVar[Preset] = Preset(lr=1e-3, batch=64, epochs=1000, stop_loss=0.05, schedule="plateau", tau=0.1)

    dimensions: Literal[2, 3] = field(default=2, metadata={"help": "a square or a cubic box"})
    channels: int = field(default=1, metadata={"help": "independent arenas"})
    steps: int = field(default=100, metadata={"help": "steps of a trial"})
    max_speed: float = field(default=0.4, metadata={"help": "largest speed, in box units a step"})
    direction_std: float = field(
        default=np.pi / 10, metadata={"help": "standard deviation of a step's change of angle, in radians"}
    )
    speed_std: float = field(default=0.1, metadata={"help": "standard deviation of a step's change of speed"})
    noise_std: float = field(default=1e-4, metadata={"help": "standard deviation of noise on every input"})
    mean_stop: float = field(default=30.0, metadata={"help": "mean duration of a stop, in steps"})
    mean_go: float = field(default=50.0, metadata={"help": "mean duration of movement, in steps"})
    box: float = field(default=10.0, metadata={"help": "side of the box"})
    unit: float = field(default=0.2, metadata={"help": "output for one box unit"})
    encoding: Literal["direction", "velocity", "angle"] = field(
        default="direction",
        metadata={"help": "inputs: unit heading and speed, their product, or angles and speed"},
    )

    def __post_init__(self) -> None:
        settle(self)
        for name in ("channels", "steps"):
            require(self, name, getattr(self, name) >= 1, "1 or more")
        for name in ("box", "unit"):
            require(self, name, getattr(self, name) > 0, "more than 0")
        for name in ("direction_std", "speed_std", "noise_std"):
            require(self, name, getattr(self, name) >= 0, "0 or more")
        for name in ("mean_stop", "mean_go"):
            require(self, name, getattr(self, name) >= 1, "1 step or more")
        # A longer step could leave the box by the opposite wall once it is turned.
        half = self.box / 2
        require(self, "max_speed", 0 < self.max_speed <= half, f"more than 0, at most half the box ({half:g})")

    @property
    def inputs(self) -> int:
        """Number of input channels: of each arena heading and speed, then the start."""
        moving = self.dimensions if self.encoding != "direction" else self.dimensions + 1
        return self.channels * (moving + self.dimensions)

    @property
    def outputs(self) -> int:
        """Number of output channels: of each arena the position."""
        return self.channels * self.dimensions

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
            `inputs` (networks, trials, steps, inputs) and `targets` (networks, trials, steps, outputs);
            no mask.
        """
        walk = self._walk(streams, trials)
        inputs = np.zeros((len(streams), trials, self.steps, self.inputs), np.float32)
        # Drawn last: the walks are the same whatever the noise.
        if self.noise_std > 0:
            for stream, own in zip(streams, inputs, strict=True):
                stream.standard_normal(out=own, dtype=np.float32)
            inputs *= self.noise_std
        # (networks, trials, steps, channels, inputs of an arena), the same memory.
        arenas = inputs.reshape(*inputs.shape[:3], self.channels, -1)
        arenas[..., : -self.dimensions] += np.moveaxis(self._encoded(walk), 0, 2)
        arenas[:, :, 0, :, -self.dimensions :] += walk.start / (self.box / 2)
        targets = np.moveaxis(self.unit * walk.position, 0, 2).astype(np.float32, order="C")
        return Trials(inputs=inputs, targets=targets.reshape(*inputs.shape[:3], self.outputs))

    def ood(self) -> PathIntegration:
        """Return the task with twice the steps."""
        return replace(self, steps=2 * self.steps)

    def _encoded(self, walk: _Walk) -> Array:
        """Return what the inputs say of each step, (steps, *arenas, inputs but the start)."""
        if self.encoding == "velocity":
            return walk.displacement
        if self.encoding == "direction":
            return np.concatenate([walk.heading, walk.speed[..., None]], axis=-1)
        angles = [np.arctan2(walk.heading[..., 1], walk.heading[..., 0])]
        if self.dimensions == 3:
            angles.append(np.arcsin(np.clip(walk.heading[..., 2], -1, 1)))
        return np.stack([*angles, walk.speed], axis=-1)

    def _walk(self, streams: Sequence[np.random.Generator], trials: int) -> _Walk:
        """Draw the animals' walks.

        Increments are symmetric, so a reflection may mirror those that follow it without changing the
        law: speed is a free walk folded into [0, max_speed], and the heading is that of an animal that
        knows no walls, mirrored along an axis at each wall it meets. Only the walls need the loop.
        """
        arenas = (trials, self.channels)
        starts = np.empty((len(streams), *arenas, 2 * self.dimensions + 1))
        increments = np.empty((len(streams), self.steps, *arenas, self.dimensions), np.float32)
        switches = np.empty((len(streams), self.steps, *arenas), np.float32)
        for network, stream in enumerate(streams):
            stream.random(out=starts[network])
            stream.standard_normal(out=increments[network], dtype=np.float32)
            stream.random(out=switches[network], dtype=np.float32)
        position, angles, speed, going = np.split(starts, np.cumsum([self.dimensions, self.dimensions - 1, 1]), axis=-1)
        # Steps lead from here on.
        walk = np.cumsum(np.moveaxis(increments, 1, 0), axis=0)
        switches = np.moveaxis(switches, 1, 0)

        speeds = self._folded(self.max_speed * speed[..., 0] + self.speed_std * walk[..., -1])
        go = going[..., 0] < self.mean_go / (self.mean_go + self.mean_stop)
        moving = np.empty(switches.shape, bool)
        stays, starts_again = switches >= 1 / self.mean_go, switches < 1 / self.mean_stop
        for step in range(self.steps):
            go = np.where(go, stays[step], starts_again[step])
            moving[step] = go
        speeds = np.where(moving, speeds, np.float32(0))

        start = self.box * (position - 0.5)
        heading = self._free_heading(angles, self.direction_std * walk[..., :-1])
        displacement = heading * speeds[..., None]
        positions = _bounded(start, heading, displacement, self.box / 2)
        return _Walk(start, heading, speeds, displacement, positions)

    def _folded(self, speed: NDArray[np.float64]) -> Array:
        """Return the speed reflected at 0 and at the largest speed, as often as it takes."""
        around = np.mod(speed, 2 * self.max_speed)
        return (self.max_speed - np.abs(around - self.max_speed)).astype(np.float32)

    def _free_heading(self, uniform: NDArray[np.float64], turned: Array) -> Array:
        """Return unit vectors (steps, *arenas, dimensions): where angles began, and how far they turned."""
        azimuth = 2 * np.pi * uniform[..., 0].astype(np.float32) + turned[..., 0]
        flat = np.stack([np.cos(azimuth), np.sin(azimuth)], axis=-1)
        if self.dimensions == 2:
            return flat
        # Uniform on the sphere; beyond a pole the cosine is negative, which turns the azimuth by pi.
        elevation = np.arcsin(2 * uniform[..., 1] - 1).astype(np.float32) + turned[..., 1]
        return np.concatenate([np.cos(elevation)[..., None] * flat, np.sin(elevation)[..., None]], axis=-1)


def _bounded(start: NDArray[np.float64], heading: Array, displacement: Array, half: float) -> NDArray[np.float64]:
    """Mirror headings and displacements, in place, at each wall met, and return the positions."""
    positions = np.empty(displacement.shape)
    position, mirror = start, np.ones(start.shape, np.float32)
    for step, move in enumerate(displacement):
        move *= mirror
        leaves = np.abs(position + move) > half
        np.negative(move, out=move, where=leaves)
        np.negative(mirror, out=mirror, where=leaves)
        heading[step] *= mirror
        position = np.add(position, move, out=positions[step])
    return positions
