"""Networks that learn by freeze-in: what they are drawn with, and an ensemble of them between two epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.numerics.cue_responses import Responses, judge, respond
from rnnkit.numerics.freeze_in import PLASTIC, learning_steps, present_
from rnnkit.random_streams import stream

__all__ = ["CERTIFY", "Crowd", "FreezeIn", "Probe", "network_names"]

FloatArray = NDArray[np.float64]

#: Which probes come with proofs.
CERTIFY = ("last", "all", "none")
#: Of gains, rates, amplitudes and noise: with it no sum of currents can overflow.
_MOST = 1e6
#: Of units, cues and steps of a presentation: matrices of 800 MB; and of epochs and free steps, which take time alone.
_LARGE, _MANY = 10_000, 1_000_000


@dataclass(frozen=True, kw_only=True)
class FreezeIn:
    """How networks are drawn and learn ("abrupt-learning", S1.10); the fields after `rate` are not in the paper.

    Attributes
    ----------
    units, cues : int
    gain : float
        W ~ N(0, gain^2 / N) with W_ii = 0.
    alpha, rate : float
        Share of the state that a step replaces; learning rate of a step.
    amplitude : float
        A cue is an input current of `amplitude` times its column of C ~ N(0, 1).
    cue_steps, plastic_steps : int
        How long a cue lasts, and what follows it.
    epochs : int
        Presentations of each cue, in a new order in every epoch.
    noise : float
        Standard deviation of independent normal numbers added to the input current of each unit at every step.
    plastic : str
        When weights learn: `after` the cue, `during` it, or `both`.
    carry : bool
        A presentation begins where the last one ended, not at r = 0.

    Raises
    ------
    InputError
        For a value out of its range.

    Examples
    --------
    >>> FreezeIn(alpha=2.0)
    Traceback (most recent call last):
    rnnkit.errors.InputError: --alpha: 2 is not above 0 and at most 1 (give a share of the state)
    """

    units: int = 400
    cues: int = 25
    gain: float = 1.8
    alpha: float = 0.1
    rate: float = 1e-3
    amplitude: float = 4.0
    cue_steps: int = 50
    plastic_steps: int = 20
    epochs: int = 24
    noise: float = 0.0
    plastic: str = "after"
    carry: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha <= 1.0:
            raise InputError("--alpha", f"{self.alpha:g} is not above 0 and at most 1", "give a share of the state")
        for name in ("gain", "rate", "amplitude", "noise"):
            _within(name, getattr(self, name), 0, _MOST)
        for name in ("units", "cues", "cue_steps", "plastic_steps"):
            _within(name, getattr(self, name), 1, _LARGE)
        _within("epochs", self.epochs, 1, _MANY)
        if self.plastic not in PLASTIC:
            raise unknown_name("--plastic", self.plastic, PLASTIC, "part of a presentation")


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How and when networks are looked at.

    Attributes
    ----------
    every : int
        Epochs between probes; there is one before learning and one at the end besides.
    free_steps : int
        Without input, after the cue and before the state is judged.
    still : float
        A state has settled when |tanh(W r) - r| is below this.
    apart : float
        Points further than this from each other, in the root mean square over units, are two.
    certify : str
        Which probes come with proofs and eigenvalues: the `last`, `all`, or `none`.

    Examples
    --------
    >>> Probe(every=10).epochs(24)
    [0, 10, 20, 24]
    """

    every: int = 1
    free_steps: int = 1500
    still: float = 1e-3
    apart: float = 0.05
    certify: str = "last"

    def __post_init__(self) -> None:
        _within("probe_every", self.every, 1, _MANY)
        _within("free_steps", self.free_steps, 0, _MANY)
        for name in ("still", "apart"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise InputError(f"--{name}", f"{getattr(self, name):g} is not above 0 and at most 1", "give another")
        if self.certify not in CERTIFY:
            raise unknown_name("--certify", self.certify, CERTIFY, "choice of probes")

    def epochs(self, last: int) -> list[int]:
        """Return the epochs after which networks are probed."""
        return sorted({*range(0, last + 1, self.every), last})

    def certifies(self, epoch: int, last: int) -> bool:
        """Tell whether the probe after an epoch comes with proofs."""
        return self.certify == "all" or (self.certify == "last" and epoch == last)


def _within(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        option = f"--{name.replace('_', '-')}"
        raise InputError(option, f"{value:g} is not between {least:g} and {most:g}", "give a number in this range")


def network_names(settings: FreezeIn, seeds: Sequence[int]) -> list[str]:
    """Return what the networks of these seeds are called.

    Examples
    --------
    >>> network_names(FreezeIn(units=50, cues=3), [0, 7])
    ['freeze-in-n50-k3-s0', 'freeze-in-n50-k3-s7']
    """
    return [f"freeze-in-n{settings.units}-k{settings.cues}-s{seed}" for seed in seeds]


class Crowd:
    """Some networks between two epochs; they learn in place. What one does depends on its own seed alone.

    Parameters
    ----------
    settings : FreezeIn
    seeds : sequence of int
        Of the order of the cues and the noise.
    recurrent : (networks, units, units) float64
        W before learning; copied.
    inputs : (networks, units, cues) float64
        C.
    """

    def __init__(self, settings: FreezeIn, seeds: Sequence[int], recurrent: FloatArray, inputs: FloatArray) -> None:
        self.settings, self.seeds, self.initial, self.inputs = settings, list(seeds), recurrent, inputs
        self.recurrent, self.epoch = np.array(recurrent, order="C"), 0
        self._state = np.zeros(recurrent.shape[:2])
        self._drives = np.ascontiguousarray(settings.amplitude * inputs.transpose(0, 2, 1))

    @staticmethod
    def elements(settings: FreezeIn) -> int:
        """Return how many numbers a network takes: weights before and after, cues, states, noise of a presentation."""
        steps = settings.cue_steps + settings.plastic_steps if settings.noise else 0
        return settings.units * (2 * settings.units + 6 * settings.cues + steps)

    @classmethod
    def drawn(cls, settings: FreezeIn, seeds: Sequence[int]) -> Crowd:
        """Draw networks. More cues leave the weights and the first cues as they are.

        Examples
        --------
        >>> few, many = (Crowd.drawn(FreezeIn(units=9, cues=k), [3]) for k in (2, 5))
        >>> bool((few.recurrent == many.recurrent).all() and (few.inputs == many.inputs[..., :2]).all())
        True
        """
        n, recurrent, inputs = settings.units, [], []
        for seed in seeds:
            draw = stream(seed, "weights")
            weights = settings.gain / math.sqrt(n) * draw.standard_normal((n, n))
            np.fill_diagonal(weights, 0.0)
            recurrent.append(weights)
            inputs.append(draw.standard_normal((settings.cues, n)).T)
        return cls(settings, seeds, np.stack(recurrent), np.stack(inputs))

    def advance(self) -> None:
        """Present all cues once, to each network in an order of its own."""
        held, (steps, _, _) = self.settings, self._steps()
        draws = [stream(seed, "training", self.epoch) for seed in self.seeds]
        orders = np.stack([draw.permutation(held.cues) for draw in draws])
        networks, silent = np.arange(len(draws)), np.zeros((len(draws), 0, held.units))
        for cues in orders.T:
            noise = silent
            if held.noise:
                noise = held.noise * np.stack([draw.standard_normal((steps, held.units)) for draw in draws])
            if not held.carry:
                self._state.fill(0.0)
            present_(
                self.recurrent,
                self._state,
                self._drives[networks, cues],
                noise,
                alpha=held.alpha,
                rate=held.rate,
                cue_steps=held.cue_steps,
                plastic_steps=held.plastic_steps,
                plastic=held.plastic,
            )
        self.epoch += 1

    def _steps(self) -> tuple[int, int, int]:
        return learning_steps(self.settings.plastic, self.settings.cue_steps, self.settings.plastic_steps)

    def respond(self, probe: Probe) -> tuple[FloatArray, Responses]:
        """Return where each cue leaves each network, (networks, cues, units), and what these states are."""
        held = self.settings
        states = respond(
            self.recurrent, self._drives, alpha=held.alpha, cue_steps=held.cue_steps, free_steps=probe.free_steps
        )
        return states, judge(self.recurrent, states, still=probe.still, apart=probe.apart)

    def network(self, k: int) -> Checkpoint:
        """Return a network as a `leaky` checkpoint without a readout; a cue is an input of 1 on its channel."""
        held = self.settings
        shape = Architecture(family="leaky", units=held.units, inputs=held.cues, outputs=0, rate=held.alpha, bias=False)
        inputs = np.ascontiguousarray(self._drives[k].T)
        first, last = (
            {"input.weight": inputs, "recurrent.weight": weights[k].copy(), "readout.weight": np.zeros((0, held.units))}
            for weights in (self.initial, self.recurrent)
        )
        settings: dict[str, Any] = {"rule": "freeze-in", **asdict(held), "epochs": self.epoch}
        name = network_names(held, self.seeds)[k]
        return Checkpoint(name, shape, last, first, training=settings, seed=self.seeds[k], status="budget")
