"""Networks that the loss cannot tell apart: the same visible overlaps, others invisible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.numerics.gram_completion import vary
from rnnkit.numerics.gram_sampling import sample_vectors
from rnnkit.numerics.loading_vectors import overlaps_of
from rnnkit.numerics.threads import one_thread
from rnnkit.random_streams import stream
from rnnkit.stages.loadings import layout_of, loadings, sees_linearly
from rnnkit.stages.low_rank_networks import Constants, Gram, network_of
from rnnkit.stages.overlaps import weights_of

__all__ = ["Twin", "gram_of_network", "twins"]


@dataclass(frozen=True)
class Twin:
    """A network and how its overlaps differ from those of its original.

    Attributes
    ----------
    network : Checkpoint
    moved : float
        Largest difference of an invisible overlap, of its vectors as they were drawn.
    kept : float
        Largest difference of a visible one: rounding.
    """

    network: Checkpoint
    moved: float
    kept: float


def gram_of_network(network: Checkpoint, rank: int | None = None, initial: bool = False) -> tuple[Gram, Constants]:
    """Return a network's overlaps, and the constants of the low-rank network that it is, or is truncated to.

    Parameters
    ----------
    network : Checkpoint
    rank : int, optional
        To truncate the recurrent weights to; needed where they are of full rank.
    initial : bool
        Of the weights before training.

    Raises
    ------
    InputError
        For a network that has no such overlaps, or of which no theory says which ones the loss sees.
    """
    shape = network.architecture
    step, weights = weights_of(network, initial)
    layout = layout_of(network.name, shape, weights, rank)
    if sees_linearly(shape) is None:
        what = f"is a '{shape.family}' network with {shape.nonlinearity}: no theory says which overlaps its loss sees"
        raise InputError(network.name, what, "give networks with tanh, or linear ones, that do not leak rates")
    for name, value in weights.items():
        if not np.isfinite(value).all():
            raise InputError(network.name, f"tensor '{name}' holds NaN or infinity", "give finite weights")
    (found,) = loadings(layout, shape, {name: value[None] for name, value in weights.items()}, [rank])
    bias = weights.get("readout.bias")
    constants = Constants(
        alpha=shape.rate,
        nonlinearity=shape.nonlinearity,
        readout_bias=None if bias is None else np.asarray(bias, np.float64) / shape.gamma,
        task=network.task,
        task_parameters=network.task_parameters,
    )
    return Gram(found.layout, overlaps_of(found.vectors[0]), network.name, step), constants


def twins(
    original: Gram,
    constants: Constants,
    units: int,
    *,
    name: str,
    copies: int = 1,
    spread: float = 1.0,
    seed: int = 0,
    quasi: bool = False,
) -> Iterator[Twin]:
    """Yield networks with the visible overlaps of an original and invisible ones drawn at random.

    A linear network's output is a function of its visible overlaps: twins have the original's, to rounding. With tanh
    that holds of infinitely many units with Gaussian entries; of N, twins differ by terms of order 1/sqrt(N).

    Parameters
    ----------
    original : Gram
    constants : Constants
        The nonlinearity among them says which overlaps are visible.
    units : int
        Of the twins.
    name : str
        Twins are called `NAME-twin1` and so on.
    copies : int
    spread : float
        How far apart, above 0: see :func:`rnnkit.numerics.gram_completion.vary`.
    seed : int
    quasi : bool
        Draw by a scrambled Sobol sequence.

    Raises
    ------
    InputError
        When the visible overlaps leave no freedom, or units are too few.

    Examples
    --------
    >>> from rnnkit.numerics.loading_vectors import Layout
    >>> original = Gram(Layout(inputs=1, rank=1, outputs=1), np.eye(4))
    >>> (twin,) = twins(original, Constants(nonlinearity="identity"), 50, name="a")
    >>> twin.network.name, bool(twin.moved > 0.1), bool(twin.kept < 1e-12)
    ('a-twin1', True, True)
    """
    if not 0 < spread < float("inf"):
        raise InputError("--spread", f"{spread} is no distance", "give a number above 0")
    inner, linear = original.layout.inner, constants.nonlinearity == "identity"
    rows, columns = original.layout.pairs()
    seen = original.layout.visible(linear)[rows, columns]
    for copy in range(1, copies + 1):
        with one_thread():
            varied = vary(original.values, inner, linear, spread, stream(seed, "reference", copy))
            vectors = sample_vectors(varied, units, stream(seed, "weights", copy), quasi)
        change = np.abs(overlaps_of(vectors) - original.values)[rows, columns]
        network = network_of(f"{name}-twin{copy}", original.layout, vectors, constants, seed)
        yield Twin(network, float(change[~seen].max()), float(change[seen].max()))
