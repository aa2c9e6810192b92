"""Networks with given overlaps, and Gaussian otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.numerics.gram_sampling import check_gram, sample_vectors
from rnnkit.numerics.loading_vectors import Layout, overlaps_of
from rnnkit.numerics.threads import one_thread
from rnnkit.random_streams import stream
from rnnkit.stages.low_rank_networks import Constants, Gram, network_of

__all__ = ["STARTS", "Start", "sample_gram", "start_gram"]

#: Overlaps to start from: of independent unit vectors, or of vectors at random angles.
STARTS = ("independent", "random")


@dataclass(frozen=True, kw_only=True)
class Start:
    """Overlaps to start from, by name, and how many vectors there are.

    Attributes
    ----------
    name : str
        One of :data:`STARTS`.
    inputs, rank, outputs : int
    """

    name: str
    inputs: int = 1
    rank: int = 1
    outputs: int = 1

    @property
    def layout(self) -> Layout:
        """Its vectors."""
        return Layout(inputs=self.inputs, rank=self.rank, outputs=self.outputs)


def start_gram(start: str, layout: Layout, seed: int) -> NDArray[np.float64]:
    """Return the overlaps of a start, all vectors of mean square 1.

    Parameters
    ----------
    start : str
        `independent`: S = 1. `random`: the correlations of 2n independent normal numbers each, drawn with the seed.
    layout : Layout
    seed : int

    Examples
    --------
    >>> start_gram("independent", Layout(inputs=1, rank=1, outputs=1), 0).tolist()[0]
    [1.0, 0.0, 0.0, 0.0]
    """
    if start not in STARTS:
        raise unknown_name("--start", start, STARTS, "start")
    if start == "independent":
        return np.eye(layout.size)
    drawn = overlaps_of(stream(seed, "reference", 0).standard_normal((2 * layout.size, layout.size)))
    size = np.sqrt(np.diagonal(drawn))
    found = drawn / size / size[:, None]
    np.fill_diagonal(found, 1.0)
    return np.asarray((found + found.T) / 2)


def sample_gram(
    source: Gram | Start,
    units: Sequence[int],
    seeds: Sequence[int],
    constants: Constants,
    *,
    name: str,
    quasi: bool = False,
) -> Iterator[Checkpoint]:
    """Yield a network with exactly these overlaps for each number of units and seed.

    Parameters
    ----------
    source : Gram or Start
    units, seeds : sequence of int
        Networks are called `NAME-nUNITS-sSEED`.
    constants : Constants
    name : str
    quasi : bool
        Draw by a scrambled Sobol sequence.

    Raises
    ------
    InputError
        When no vectors have such overlaps, or units are fewer than their rank.

    Examples
    --------
    >>> (net,) = sample_gram(Start(name="independent"), [50], [3], Constants(), name="start")
    >>> net.name, net.status, bool(abs(net.weights["input.weight"].T @ net.weights["recurrent.left"]).max() < 1e-12)
    ('start-n50-s3', 'imported', True)
    """
    if isinstance(source, Gram):
        check_gram(source.values, name)
    for count in units:
        if count < 1:
            raise InputError("--units", f"{count} is not a number of units", "give 1 or more")
        for seed in seeds:
            gram = source.values if isinstance(source, Gram) else start_gram(source.name, source.layout, seed)
            with one_thread():
                vectors = sample_vectors(gram, count, stream(seed, "weights"), quasi)
            yield network_of(f"{name}-n{count}-s{seed}", source.layout, vectors, constants, seed)
