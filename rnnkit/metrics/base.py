"""What every metric is: a name, a level, and distances for pairs of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint

__all__ = [
    "Each",
    "Metric",
    "MetricOptions",
    "Network",
    "PairDistance",
    "Reduction",
    "acting_readout",
    "acting_weights",
]


@dataclass(frozen=True)
class Network:
    """One network to compare.

    Attributes
    ----------
    checkpoint : Checkpoint
    activity : (trials, steps, units) float64 or None
        On trials common to the networks it is compared with; None when no metric asked for it.
    inputs : (trials, steps, inputs) float64 or None
        Of these trials: `inputs[:, t]` drives the step that ends in `activity[:, t]`.
    outputs : (samples, outputs) float64 or None
        On these trials: the task's own outputs at the steps that its mask counts, trials one after another.
    outputs_ood : (samples, outputs) float64 or None
        The same on the task's out-of-distribution trials; None when no metric asked for it.
    """

    checkpoint: Checkpoint
    activity: NDArray[np.float64] | None = None
    inputs: NDArray[np.float64] | None = None
    outputs: NDArray[np.float64] | None = None
    outputs_ood: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class MetricOptions:
    """Options of `compare` that reach the metrics.

    Attributes
    ----------
    seed : int
        Of the solvers' random starts.
    variance : float
        Share of the variance that principal components keep.
    components : int or None
        Principal components of `dsa`, common to all networks; None for as many as `variance` asks.
    delay : int or None
        Delays of the embedding; None to choose.
    delay_by : str
        `heldout` or `training`.
    max_delay : int
    basis : str
        `whitened` or `pc`.
    starts : int or None
        Starts of the solvers; None for each solver's own number.
    bound : str
        Effort for the lower bound of `dsa`: `spectra`, `quick` or `full`.
    match : str
        What `pif` compares: `weights`, the recurrent ones alone, or `io`, input and readout weights and biases too.
    solver : str
        `rnnkit`, or the package whose solver replaces ours in the metrics that name it (:attr:`Metric.solvers`).
    device : torch.device
    threads : int
    """

    seed: int = 0
    variance: float = 0.99
    components: int | None = None
    delay: int | None = None
    delay_by: str = "heldout"
    max_delay: int = 30
    basis: str = "whitened"
    starts: int | None = None
    bound: str = "quick"
    match: str = "weights"
    solver: str = "rnnkit"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    threads: int = 1

    def settings(self) -> dict[str, Any]:
        """Return what says what is computed, not where or how fast."""
        return {name: value for name, value in asdict(self).items() if name not in ("device", "threads")}


@dataclass(frozen=True)
class PairDistance:
    """The distance of one pair; numbers are NaN, and `status` says why, where there is none.

    `relative` is scale-free, NaN where the metric has no such form; `starts` is -1 where nothing was started.
    """

    distance: float
    status: str
    lower_bound: float = float("nan")
    relative: float = float("nan")
    per_parameter: float = float("nan")
    starts: int = -1
    starts_at_best: int = -1
    size_a: int = -1
    size_b: int = -1


@dataclass(frozen=True)
class Reduction:
    """What one network comes down to for one metric: plain arrays, kept on disk, and a status."""

    arrays: Mapping[str, NDArray[Any]]
    status: str = "ok"

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in self.arrays.values())


class Each(Protocol):
    """A pass over all networks, one at a time, wherever they are."""

    def __call__(self, function: Callable[..., Any], *arguments: Any, only: Sequence[int] | None = None) -> list[Any]:
        """Return function(network, *arguments) of every network, or of those in `only`; in their order.

        The function stands at the top level of a module, and what it returns is small.
        """


class Metric(ABC):
    """A distance between networks. Register it in :mod:`rnnkit.metrics`.

    Either :meth:`prepare` is written, which sees all networks at once: the simple way, all in memory. Or
    :meth:`reduce` and :meth:`gather` are, and :meth:`common` if networks depend on each other: then any number of
    networks passes through a bounded memory. Of a class and its bases, whichever was written last is used.

    Attributes
    ----------
    name, level, definition : str
    needs_activity : bool
        Whether the networks are to be run on common trials: activity, inputs and outputs are given then.
    needs_ood : bool
        Whether they are to be run on the task's out-of-distribution trials.
    uses : tuple of str or None
        The options that a distance depends on, apart from `solver` and those that :meth:`common` settles; None for
        all.
    solvers : tuple of str
        The packages that can take the place of our solver.
    reduction : str
        The metric whose reductions it shares; empty for its own.
    """

    name: ClassVar[str]
    level: ClassVar[str]
    definition: ClassVar[str]
    needs_activity: ClassVar[bool]
    needs_ood: ClassVar[bool] = False
    uses: ClassVar[tuple[str, ...] | None] = None
    solvers: ClassVar[tuple[str, ...]] = ()
    reduction: ClassVar[str] = ""

    def solver(self, options: MetricOptions) -> str:
        """Return whose solver this metric's distances are by."""
        return options.solver if options.solver in self.solvers else "rnnkit"

    @property
    def activity_alone(self) -> bool:
        """Whether activity is all it needs, so that recordings have a distance; override where that is not so."""
        return self.needs_activity and not self.needs_ood and self.level != "behaviour"

    @property
    def same_samples(self) -> bool:
        """Whether it compares two activities step by step, so that they need the same trials and steps."""
        return self.level in ("representation", "behaviour")

    def common(self, each: Each, options: MetricOptions) -> dict[str, Any]:
        """Choose what is common to all networks, in as many passes as it takes; plain values.

        Metrics that inherit one such method share what it chooses.
        """
        return {}

    def settled(self, common: Mapping[str, Any]) -> dict[str, Any]:
        """Return the part of `common` that distances depend on, without how it came about."""
        return dict(common)

    def reduce(self, network: Network, common: Mapping[str, Any], options: MetricOptions) -> Reduction:
        """Reduce one network, whatever the number of its pairs."""
        raise NotImplementedError

    def gather(self, reductions: Sequence[Reduction], common: Mapping[str, Any], options: MetricOptions) -> Any:
        """Put some networks' reductions together, as :meth:`distances` takes them."""
        raise NotImplementedError

    def prepare(self, networks: Sequence[Network], options: MetricOptions) -> Any:
        """Reduce every network once, whatever the number of its pairs."""

        def each(function: Callable[..., Any], *arguments: Any, only: Sequence[int] | None = None) -> list[Any]:
            chosen = range(len(networks)) if only is None else only
            return [function(networks[k], *arguments) for k in chosen]

        common = self.common(each, options)
        return self.gather([self.reduce(network, common, options) for network in networks], common, options)

    @abstractmethod
    def distances(self, prepared: Any, pairs: Sequence[tuple[int, int]], options: MetricOptions) -> list[PairDistance]:
        """Return the distance of each pair of indices into the networks prepared."""

    def parameters(self, prepared: Any) -> dict[str, Any]:
        """Return what was chosen in preparing, for the table's metadata."""
        return {}

    def chosen(self, common: Mapping[str, Any], statuses: Sequence[str]) -> dict[str, Any]:
        """Return the same from what is common and the statuses of all reductions."""
        return dict(common)

    @classmethod
    def reduces(cls) -> bool:
        """Whether networks are reduced one at a time, not prepared all at once."""
        owner = next(c for c in cls.__mro__ if "reduce" in vars(c) or "prepare" in vars(c))
        return owner is not Metric and "reduce" in vars(owner)


def acting_weights(checkpoint: Checkpoint, initial: bool = False) -> NDArray[np.float64]:
    """Return the recurrent weights that act, (gates, units, units): J / N in `mup`, left right^T / N of low rank.

    In `plrnn` that is W, without the factors A of the units on their own state.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="mup", units=2, inputs=1, outputs=1)
    >>> acting_weights(Checkpoint("a", shape, {"recurrent.weight": np.eye(2)}))
    array([[[0.5, 0. ],
            [0. , 0.5]]])
    """
    tensors = checkpoint.initial if initial else checkpoint.weights
    architecture = checkpoint.architecture
    if architecture.low_rank:
        left, right = (np.asarray(tensors[f"recurrent.{side}"], dtype=np.float64) for side in ("left", "right"))
        weights = left @ right.T / architecture.units
    else:
        weights = np.asarray(tensors["recurrent.weight"], dtype=np.float64)
        if architecture.family == "mup":
            weights = weights / architecture.units
    return weights.reshape(architecture.spec.gates, architecture.units, architecture.units)


def acting_readout(architecture: Architecture, tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Return the readout that acts, (..., outputs, units), 1 / N and 1 / gamma included.

    With latent outputs it is right^T / (N gamma). A stack of networks has its axis first.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="leaky", units=2, inputs=1, outputs=1, rank=1, readout="latent")
    >>> acting_readout(shape, {"recurrent.right": np.array([[4.0], [6.0]])})
    array([[2., 3.]])
    """
    latent = architecture.readout == "latent"
    held = np.asarray(tensors["recurrent.right" if latent else "readout.weight"], dtype=np.float64)
    return (held.swapaxes(-1, -2) if latent else held) * (architecture.readout_scale / architecture.gamma)
