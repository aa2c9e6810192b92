"""What kind of network a checkpoint holds: its family, sizes and constants. Needs no torch.

The step and readout of each family, with h the state that tables show, phi the nonlinearity and gamma the
output divisor (1 unless the network was trained with the gamma trick or in muP):

=========== ===================================================== ============================
family      step                                                  readout
=========== ===================================================== ============================
`vanilla`   h <- phi(W h + U x + b)                               y = (R h + c) / gamma
`mup`       h <- h + tau (-h + J phi(h) / N + U x + b)            y = R phi(h) / (gamma N)
`leaky`     h <- (1 - alpha) h + alpha phi(W h + U x + b)         y = (R h + c) / gamma
`current`   h <- h + alpha (-h + W phi(h) + U x + b)              y = (R phi(h) + c) / gamma
`lowrank`   `current` with W = left right^T / N                   y = (R phi(h) / N + c) / gamma
`plrnn`     h <- A h + W relu(h) + U x + b, A diagonal            y = (R h + c) / gamma
`gru`       as PyTorch                                            y = (R h + c) / gamma
`lstm`      as PyTorch (state h, cell c)                          y = (R h + c) / gamma
=========== ===================================================== ============================

`leaky` too may have W = left right^T / N, and then its latent variables right^T h / N for outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnkit.errors import InputError, unknown_name

__all__ = [
    "CAYLEY_TENSORS",
    "FAMILIES",
    "NONLINEARITIES",
    "OPTIONAL_TENSORS",
    "READOUTS",
    "RECURRENCES",
    "Architecture",
    "FamilySpec",
]

NONLINEARITIES = ("tanh", "relu", "identity")

#: How the recurrent matrix is parametrised while it is trained.
RECURRENCES = ("dense", "cayley")

#: What the outputs are: a trained readout of the features, or the latent variables of a network of low rank.
READOUTS = ("linear", "latent")

#: What a `cayley` network is trained by, kept beside the `recurrent.weight` that they make.
CAYLEY_TENSORS = ("recurrent.skew", "recurrent.real", "recurrent.imaginary")

#: Tensors that count as zero when a checkpoint does not hold them.
OPTIONAL_TENSORS = frozenset({"input.bias", "recurrent.bias", "readout.bias", "initial_state"})


@dataclass(frozen=True)
class FamilySpec:
    """What sets one model family apart from the others.

    Attributes
    ----------
    summary : str
    gate_names : tuple of str
        Blocks stacked in the input and recurrent weights (PyTorch's gate order); one where nothing is gated.
    rate_name : str
        What the family calls the share of the state replaced at a step, or "" when it replaces all.
    default_rate : float
    reads_rates : bool
        The readout sees phi(h) rather than h.
    readout_over_units : bool
        The readout is divided by the number of units.
    readout_bias, input_bias, low_rank : bool
    may_be_low_rank : bool
        The recurrence is full unless a rank is given.
    diagonal : bool
        Every unit carries a factor of its own on its state, beside the recurrent weights.
    nonlinearities : tuple of str
        The first is what it has unless told otherwise.
    """

    summary: str
    gate_names: tuple[str, ...] = ("recurrent",)
    rate_name: str = ""
    default_rate: float = 1.0
    reads_rates: bool = False
    readout_over_units: bool = False
    readout_bias: bool = True
    input_bias: bool = False
    low_rank: bool = False
    may_be_low_rank: bool = False
    diagonal: bool = False
    nonlinearities: tuple[str, ...] = NONLINEARITIES

    @property
    def gates(self) -> int:
        """Number of blocks."""
        return len(self.gate_names)


FAMILIES: dict[str, FamilySpec] = {
    "vanilla": FamilySpec("discrete-time RNN, as torch.nn.RNN"),
    "mup": FamilySpec(
        "maximal-update parametrisation of the current form",
        rate_name="tau",
        reads_rates=True,
        readout_over_units=True,
        readout_bias=False,
    ),
    "leaky": FamilySpec("leaky rates", rate_name="alpha", default_rate=0.2, may_be_low_rank=True),
    "current": FamilySpec("leaky currents", rate_name="alpha", default_rate=0.2, reads_rates=True),
    "lowrank": FamilySpec(
        "leaky currents with low-rank recurrence",
        rate_name="alpha",
        default_rate=0.2,
        reads_rates=True,
        readout_over_units=True,
        low_rank=True,
    ),
    "plrnn": FamilySpec("piecewise-linear RNN", diagonal=True, nonlinearities=("relu",)),
    "gru": FamilySpec(
        "gated recurrent unit, as torch.nn.GRU",
        gate_names=("reset", "update", "new"),
        input_bias=True,
        nonlinearities=("tanh",),
    ),
    "lstm": FamilySpec(
        "long short-term memory, as torch.nn.LSTM",
        gate_names=("input", "forget", "cell", "output"),
        nonlinearities=("tanh",),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Family, sizes and constants of a network.

    Attributes
    ----------
    family : str
        One of :data:`FAMILIES`.
    units, inputs, outputs : int
    nonlinearity : str
        `tanh`, `relu` or `identity`; the family's first where it is empty.
    rate : float
        `alpha` (or `tau` in `mup`): the share of the state that a step replaces, in (0, 1]. 1 in families
        without a leak.
    gamma : float
        Divisor of the output.
    rank : int
        Rank of the recurrence in `lowrank`, and in `leaky` where it is low; else 0.
    bias : bool
        Whether there are biases to train, of the step and of the readout.
    recurrent : str
        `dense`, or `cayley`: W = O D O^T, normal by construction (see :mod:`rnnkit.numerics.cayley`).
    readout : str
        `linear`, or `latent`: the outputs are the latent variables right^T h / N of a `leaky` network of low rank,
        and there are no readout tensors.

    Raises
    ------
    InputError
        For a value that makes no sense in the family.

    Examples
    --------
    >>> Architecture(family="vanilla", units=4, inputs=2, outputs=1).shapes()["recurrent.weight"]
    (4, 4)
    """

    family: str
    units: int
    inputs: int
    outputs: int
    nonlinearity: str = ""
    rate: float = 1.0
    gamma: float = 1.0
    rank: int = 0
    bias: bool = True
    recurrent: str = "dense"
    readout: str = "linear"

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise unknown_name("--model", self.family, FAMILIES, "model family")
        spec = self.spec
        if not self.nonlinearity:
            object.__setattr__(self, "nonlinearity", spec.nonlinearities[0])
        if self.units < 1 or self.inputs < 0 or self.outputs < 0:
            raise InputError(
                f"{self.family} network",
                f"{self.units} units, {self.inputs} inputs, {self.outputs} outputs",
                "a network needs at least one unit and no negative size",
            )
        if self.nonlinearity not in spec.nonlinearities:
            raise unknown_name("--nonlinearity", self.nonlinearity, spec.nonlinearities, f"{self.family} nonlinearity")
        if not spec.rate_name and self.rate != 1.0:
            raise InputError("--alpha", f"{self.rate} for '{self.family}', which has no leak", "leave it out")
        if not 0.0 < self.rate <= 1.0:
            raise InputError(f"--{spec.rate_name}", f"{self.rate} is not in (0, 1]", "give a share of the state")
        if not 0.0 < self.gamma < float("inf"):
            raise InputError("--gamma", f"{self.gamma} is not a positive number", "it divides the output")
        fits = self.rank > 0 if spec.low_rank else self.rank == 0 or spec.may_be_low_rank
        if not fits or not 0 <= self.rank <= self.units:
            raise InputError(
                "--rank",
                f"rank {self.rank} for a '{self.family}' network of {self.units} units",
                f"'lowrank' and 'leaky' take a rank from 1 to {self.units}; the other families take none",
            )
        self._check_recurrence()
        self._check_readout()

    def _check_recurrence(self) -> None:
        """Raise InputError where the recurrence cannot be parametrised so."""
        if self.recurrent not in RECURRENCES:
            raise unknown_name("--recurrent", self.recurrent, RECURRENCES, "parametrisation")
        if self.recurrent == "dense":
            return
        # In `mup` J / N acts and entries grow with N; gates and low rank have no one square matrix.
        if self.spec.gates > 1 or self.low_rank or self.spec.diagonal or self.family == "mup":
            raise InputError(
                "--recurrent", f"'cayley' does not fit the '{self.family}' family", "use vanilla, leaky or current"
            )
        if self.units % 2:
            raise InputError("--units", f"{self.units} is odd", "'cayley' has blocks of 2: give an even number")

    def _check_readout(self) -> None:
        """Raise InputError where the outputs cannot be had so."""
        if self.readout not in READOUTS:
            raise unknown_name("--readout", self.readout, READOUTS, "readout")
        if self.readout == "linear":
            return
        if self.family != "leaky" or not self.low_rank:
            which = "without --rank" if self.family == "leaky" else f"of the '{self.family}' family"
            raise InputError("--readout", f"'latent' does not fit a network {which}", "use --model leaky --rank R")
        if self.outputs != self.rank:
            what = f"'latent' has {self.rank} outputs, one per latent variable, and the task has {self.outputs}"
            raise InputError("--readout", what, f"use --rank {self.outputs}, or --readout linear")

    @property
    def low_rank(self) -> bool:
        """Whether the recurrence is left right^T / N."""
        return self.rank > 0

    @property
    def spec(self) -> FamilySpec:
        """The family's entry in :data:`FAMILIES`."""
        return FAMILIES[self.family]

    @property
    def readout_scale(self) -> float:
        """Factor on the readout weights: 1/N in `mup`, `lowrank` and for latent outputs, else 1 (without gamma)."""
        return 1.0 / self.units if self.spec.readout_over_units or self.readout == "latent" else 1.0

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor of the family, `initial_state` included."""
        spec, n = self.spec, self.units
        rows = spec.gates * n
        shapes: dict[str, tuple[int, ...]] = {"input.weight": (rows, self.inputs)}
        if self.low_rank:
            shapes["recurrent.left"] = shapes["recurrent.right"] = (n, self.rank)
        else:
            shapes["recurrent.weight"] = (rows, n)
        if spec.diagonal:
            shapes["recurrent.diagonal"] = (n,)
        if self.recurrent == "cayley":
            shapes["recurrent.skew"] = (n * (n - 1) // 2,)
            shapes["recurrent.real"] = shapes["recurrent.imaginary"] = (n // 2,)
        if spec.input_bias and self.bias:
            shapes["input.bias"] = (rows,)
        if self.bias:
            shapes["recurrent.bias"] = (rows,)
        if self.readout == "linear":
            shapes["readout.weight"] = (self.outputs, n)
            if spec.readout_bias and self.bias:
                shapes["readout.bias"] = (self.outputs,)
        shapes["initial_state"] = (n,)
        return shapes

    def to_json(self) -> dict[str, Any]:
        """Return the constants as they stand in a checkpoint's metadata."""
        out: dict[str, Any] = {
            "family": self.family,
            "units": self.units,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "nonlinearity": self.nonlinearity,
            "gamma": self.gamma,
        }
        if self.spec.rate_name:
            out[self.spec.rate_name] = self.rate
        if self.low_rank:
            out["rank"] = self.rank
        if not self.bias:
            out["bias"] = False
        if self.recurrent != "dense":
            out["recurrent"] = self.recurrent
        if self.readout != "linear":
            out["readout"] = self.readout
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Architecture:
        """Read the constants back from a checkpoint's metadata."""
        values = dict(data)
        for name in ("alpha", "tau"):
            if name in values:
                values["rate"] = float(values.pop(name))
        return cls(**values)
