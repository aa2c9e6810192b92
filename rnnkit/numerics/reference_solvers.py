"""The solvers behind published numbers: dsa-metric's alignment and qc-procrustes' matching, as their packages run them.

For comparison only. Each call goes to the package itself (extra ``rnnkit[reference]``), one pair after another under
a lock, on copies, as both change what they are given or what is global: dsa-metric draws its start from torch's one
generator, qc-procrustes prints. What a package returns is an alignment; the distance is for the caller to evaluate
there, so that two solvers are judged by the same number.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from types import ModuleType

import numpy as np
import numpy.typing as npt
import torch

from rnnkit.errors import InputError
from rnnkit.numerics.threads import one_thread

__all__ = ["PACKAGES", "STARTS", "dsa_metric_rotations", "qc_procrustes_permutations", "require_package"]

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: The module that each package's solver is in.
PACKAGES = {"dsa-metric": "DSA.simdist", "qc-procrustes": "procrustes.permutation"}
#: Searches that each runs for a pair.
STARTS = {"dsa-metric": 2, "qc-procrustes": 1}

# One at a time: torch's generator, the filters of warnings and a module's `print` belong to the whole process.
_lock = Lock()


def require_package(name: str) -> ModuleType:
    """Import the solver's module of a package in :data:`PACKAGES`.

    Raises
    ------
    InputError
        If it is not installed.
    """
    with _lock, _quiet():
        try:
            return import_module(PACKAGES[name])
        except ImportError as error:
            what = f"the package {name} cannot be imported"
            raise InputError("--solver", what, "pip install 'rnnkit[reference]'") from error


def dsa_metric_rotations(a: Array, b: Array, *, iterations: int = 1500, seed: int = 0) -> Array:
    """Return the rotations at which dsa-metric 2.0.2 ends, of two descents by Adam for each pair.

    The package divides each operator by its Frobenius norm and descends on ``|A - C B C^T|^2`` in float32, C the
    Cayley transform of a network of three layers, once as B is and once with two of its coordinates exchanged.

    Parameters
    ----------
    a, b : (pairs, n, n) float64
        Operators. Not changed.
    iterations : int
        Steps of a descent: 1500 is the default of the package's configuration for a comparison, 200 that of the
        class alone.
    seed : int
        Of torch's generator, set anew for each pair and put back afterwards.

    Returns
    -------
    (pairs, n, n) float64
        C, orthonormalised in float64. The identity where an operator is zero, when all are as good; NaN where an
        operator or the package's result is not finite.

    Raises
    ------
    InputError
        If the package is missing.
    """
    module = require_package("dsa-metric")
    rotations = np.full(a.shape, np.nan)
    for k, pair in enumerate(zip(a, b, strict=True)):
        if not all(np.isfinite(x).all() for x in pair):
            continue
        if not all(x.any() for x in pair):
            rotations[k] = np.eye(a.shape[-1])
            continue
        with _lock, _quiet(), one_thread(), torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.default_generator.manual_seed(seed)
            solver = module.SimilarityTransformDist(iters=iterations, score_method="euclidean")
            # Of unit size before float32, which ends at 1e38. The largest entry first: squares have a range too.
            solver.fit(*(torch.from_numpy(_unit(x)).float() for x in pair))
            found = solver.C_star.double().numpy()
        if np.isfinite(found).all():
            left, _, right = np.linalg.svd(found)
            rotations[k] = left @ right
    return rotations


def qc_procrustes_permutations(a: Array, b: Array) -> Integers:
    """Return the permutations of qc-procrustes' ``permutation_2sided(single=True, method="nmf")``.

    The method multiplies the entries of its start, entry by entry. Its default start is the identity, whose zeros
    stay zeros: whatever the matrices, it ends where it began.

    Parameters
    ----------
    a, b : (pairs, units, units) float64
        Weights. Not changed.

    Returns
    -------
    (pairs, units) int64
        p: ``b[p][:, p]`` lies over a, as in :func:`rnnkit.numerics.permutation_matching.match_permutation`. -1
        where weights are not finite or the package refuses them.

    Raises
    ------
    InputError
        If the package is missing.
    """
    module = require_package("qc-procrustes")
    permutations = np.full(a.shape[:2], -1, dtype=np.int64)
    for k, (first, second) in enumerate(zip(a, b, strict=True)):
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            continue
        with _lock, _quiet(), _unprinted(module), one_thread(), np.errstate(all="ignore"):
            try:
                found = module.permutation_2sided(first.copy(), second.copy(), single=True, method="nmf").t
            except ValueError:  # its iteration ran out of range
                continue
        permutations[k] = found.argmax(axis=1)  # t^T a t is compared with b
    return permutations


def _unit(matrix: Array) -> Array:
    matrix = matrix / np.abs(matrix).max()
    return np.asarray(matrix / np.linalg.norm(matrix), dtype=np.float64)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _unprinted(module: ModuleType) -> Iterator[None]:
    """Take `print` away from a module; standard output itself may be another thread's."""
    vars(module)["print"] = lambda *_, **__: None
    try:
        yield
    finally:
        del vars(module)["print"]
