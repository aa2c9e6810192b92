"""Orthogonal alignment of two operators, the distance of dynamical similarity analysis.

``d(A, B) = min over Q in O(n) of ||A - Q B Q^T||_F`` for real square matrices, not symmetric in general. The
problem is not convex and has many local minima; a local search built from matrix products alone is paired with a
global one that uses what distinguishes the minima. The steps are in :mod:`rnnkit.numerics.orthogonal_search`:

1. Coordinates. Each matrix is written in the eigenbasis of its symmetric part, signs fixed by its skew part, so
   that the search sees the same numbers whatever basis the operators come in.
2. Starts. Sorted eigenbases of symmetric functions of each matrix, matched, the signs synchronised through the
   entrywise product of the two matrices (right at once for a planted rotation), and Haar-random rotations.
3. Local search. L-BFGS ascent of ``<A, Q B Q^T>`` in the Lie algebra, preconditioned by the diagonal of the
   Hessian, in float32: a factorisation of a small matrix costs as much as ten products of a batch.
4. Recombination. Local maxima of a pair mostly differ by the sign of a nearly decoupled subspace, so ``Q1 Q2^T``
   applied to a third maximum, or the flip of the coordinates whose reversal costs least, reaches better maxima
   sooner than fresh starts. Three populations do so apart, then together: a single one goes stale.
5. Polish in float64, and evaluation at the orthonormalised rotation.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch

from rnnkit.errors import InputError, unknown_name
from rnnkit.numerics.alignment_bounds import Effort
from rnnkit.numerics.orthogonal_population import Found, Search, distances, norms
from rnnkit.numerics.threads import one_thread

__all__ = ["CERTIFIED", "OrthogonalAlignment", "align_orthogonal"]

Array = npt.NDArray[np.float64]


#: Gap between distance and bound, relative to the norms, that leaves nothing to find.
CERTIFIED = 1e-7


@dataclass(frozen=True)
class OrthogonalAlignment:
    """The alignment of each pair, how it was reached, and how much better another could be.

    Attributes
    ----------
    distance : (pairs,) float64
        ``||A - Q B Q^T||_F`` evaluated at ``rotation``, an upper bound of the minimum. NaN for an invalid pair.
    rotation : (pairs, n, n) float64
        The orthogonal ``Q``, of either determinant.
    lower_bound : (pairs,) float64
        No rotation is closer than this; see :mod:`rnnkit.numerics.alignment_bounds`.
    status : (pairs,) str
        ``optimal`` (distance and bound meet, to 1e-7 of the norms), ``converged`` (a stationary point to 1e-7 of
        ``||A|| ||B||``), ``budget`` (stopped by ``max_iterations``), ``invalid`` (input not finite).
    starts : (pairs,) int
        Local searches run: starts and recombinations.
    starts_at_best : (pairs,) int
        How many of them ended within 1 % of the best distance.
    iterations : (pairs,) int
        Local search steps taken, summed over the searches.
    """

    distance: Array
    rotation: Array
    lower_bound: Array
    status: npt.NDArray[np.str_]
    starts: npt.NDArray[np.int64]
    starts_at_best: npt.NDArray[np.int64]
    iterations: npt.NDArray[np.int64]


def align_orthogonal(
    a: Array,
    b: Array,
    *,
    starts: int = 36,
    rounds: int = 2,
    explore_iterations: int = 150,
    max_iterations: int = 300,
    bound: Effort = "quick",
    seed: int = 0,
    device: str | torch.device | None = None,
    workers: int = 1,
) -> OrthogonalAlignment:
    """Minimise ``||A - Q B Q^T||_F`` over orthogonal ``Q`` for every pair of a batch.

    Parameters
    ----------
    a, b : (pairs, n, n) float64
        The operators, taken as they are: divide them by their norms for a distance of normalised operators.
    starts : int
        Random starts per pair, rounded up to a multiple of three, beside three fixed spectral ones: a quarter
        Haar-random rotations, the others eigenbases of random mixtures. 0 runs the fixed ones alone.
    rounds : int
        Rounds of recombination in each of the three populations, and again in all of them together.
    explore_iterations : int
        Steps of every local search in float32.
    max_iterations : int
        Steps of the final float64 search, run on the best two candidates.
    bound : {"spectra", "quick", "full"}
        Effort for the lower bound; ``full`` takes far longer than the search from size 20 on. See
        :func:`rnnkit.numerics.alignment_bounds.tight_bound`.
    seed : int
        Seed of the random starts, which are the same for all pairs: no pair's result depends on its batch.
    device : str or torch.device, optional
        Where the search runs; by default the CPU.
    workers : int
        Threads, each with a share of the pairs; the result does not depend on it. Each runs its products on
        one thread: they are too small for more. On other devices there is one.

    Returns
    -------
    OrthogonalAlignment
        Symmetric in the two arguments: each pair is solved in one canonical order.

    Raises
    ------
    InputError
        If the shapes do not fit or a count is out of range.

    Notes
    -----
    The distance is that of Ostrow, Eisen, Kozachkov & Fiete (2023), "Beyond Geometry: Comparing the Temporal
    Structure of Computation in Neural Circuits with Dynamical Similarity Analysis", before any normalisation.
    The value is a local minimum reached from many starts, an upper bound of the distance; only the status
    ``optimal`` is a proof.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> a = generator.normal(size=(1, 6, 6))
    >>> planted = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    >>> found = align_orthogonal(a, planted.T @ a @ planted)
    >>> bool(found.distance[0] < 1e-12), str(found.status[0])
    (True, 'optimal')
    """
    a, b = _checked(a, b)
    for name, value, least in (
        ("starts", starts, 0),
        ("rounds", rounds, 0),
        ("explore_iterations", explore_iterations, 1),
        ("max_iterations", max_iterations, 0),
        ("workers", workers, 1),
    ):
        if value < least:
            raise InputError(name, f"{value} is below {least}", f"give {least} or more")
    pairs, n = a.shape[:2]
    if bound not in (known := get_args(Effort)):
        raise unknown_name("bound", bound, known, "effort")
    distance, lower = np.full(pairs, np.nan), np.full(pairs, np.nan)
    rotation = np.full((pairs, n, n), np.nan)
    status = np.full(pairs, "invalid", dtype="<U9")
    counts = np.zeros((3, pairs), dtype=np.int64)
    valid = np.flatnonzero(np.isfinite(a).all((1, 2)) & np.isfinite(b).all((1, 2)))
    if valid.size:
        # Powers of two scale exactly, and keep squares of extreme entries in range.
        size = np.maximum(np.abs(a[valid]).max((1, 2)), np.abs(b[valid]).max((1, 2)))
        scale = np.exp2(np.floor(np.log2(np.where(size > 0, size, 1.0))))
        first, second = a[valid] / scale[:, None, None], b[valid] / scale[:, None, None]
        place = torch.device(device or "cpu")
        search = Search(starts, rounds, explore_iterations, max_iterations, bound, seed, place)
        found = _shared(search, first, second, workers)
        reached = distances(first, second, found.rotation)
        rotation[valid], distance[valid], lower[valid] = found.rotation, reached * scale, found.bound * scale
        counts[:, valid] = found.counts
        status[valid] = np.where(found.stationary, "converged", "budget")
        status[valid[reached - found.bound <= CERTIFIED * norms(first, second)]] = "optimal"
    return OrthogonalAlignment(distance, rotation, lower, status, *counts)


def _shared(search: Search, a: Array, b: Array, workers: int) -> Found:
    """Run the search on shares of the pairs, one thread each."""

    def one(share: npt.NDArray[np.int64]) -> Found:
        torch.set_num_threads(1)  # of this thread only
        return search.run(a[share], b[share])

    if search.device.type != "cpu":
        return search.run(a, b)
    with one_thread(), ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(one, np.array_split(np.arange(len(a)), min(workers, len(a)))))
    return Found.together(parts)


def _checked(a: Array, b: Array) -> tuple[Array, Array]:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 3 or a.shape[1] != a.shape[2] or a.shape[1] == 0:
        raise InputError("a", f"shape {a.shape} is not (pairs, n, n)", "stack square operators")
    if a.shape != b.shape:
        raise InputError("b", f"shape {b.shape} differs from {a.shape}", "give as many, of the same size")
    return a, b
