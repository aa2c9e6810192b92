"""Orthogonal alignment of driven operators: one rotation for the recurrence and for what the inputs drive.

``d^2 = min over Q in O(n) of ||A1 - Q A2 Q^T||_F^2 + ||B1 - Q B2||_F^2``. Inputs are shared, so the columns of B
have no freedom. Beside each other in a square, ``X = [[A, B], [0, 0]]``, this is the alignment of
:mod:`rnnkit.numerics.orthogonal_alignment` over rotations ``diag(Q, I)``: the same search serves, the input
coordinates held fixed.

Starts: the best rotation of A alone; the Procrustes rotations of B and of the controllability matrix
[B, A B, A^2 B, ...], the second right at once for a planted rotation if the inputs reach every direction; sorted
eigenbases of symmetric functions of A and B, signs synchronised, right where inputs and recurrence together tell the
directions apart; Haar-random rotations. All are searched in float32, the best few to the end in float64.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch

from rnnkit.errors import InputError, unknown_name
from rnnkit.numerics import orthogonal_search as local
from rnnkit.numerics.alignment_bounds import EPS, LARGEST, QUICK, Effort, programme_bound, spectral_bound
from rnnkit.numerics.orthogonal_alignment import CERTIFIED, OrthogonalAlignment, align_orthogonal
from rnnkit.numerics.orthogonal_population import norms, second_first
from rnnkit.numerics.threads import one_thread

__all__ = ["align_driven", "driven_lower_bound"]

Array = npt.NDArray[np.float64]

_CHUNK = 1 << 17  # matrix entries per batched array of a search
_POLISHED = 4  # candidates searched to the end
_GAIN = 1e-6  # slope of a step at which a search in float32 ends
_STATIONARY = 1e-7  # gradient norm, relative to the product of the norms
_NEAR = 1e-3  # distance in unit norm below which the search goes on to rounding


def align_driven(
    a: Array,
    b: Array,
    drive_a: Array,
    drive_b: Array,
    *,
    starts: int = 36,
    explore_iterations: int = 150,
    max_iterations: int = 1000,
    bound: Effort = "quick",
    seed: int = 0,
    device: str | torch.device | None = None,
    workers: int = 1,
) -> OrthogonalAlignment:
    """Minimise ``||a - Q b Q^T||_F^2 + ||drive_a - Q drive_b||_F^2`` over orthogonal ``Q`` for every pair.

    Parameters
    ----------
    a, b : (pairs, n, n) float64
    drive_a, drive_b : (pairs, n, inputs) float64
        Without inputs the problem is that of :func:`rnnkit.numerics.orthogonal_alignment.align_orthogonal`.
    starts : int
        Random starts: those of the alignment of the recurrence alone, and again as many here, a quarter
        Haar-random rotations, the others eigenbases of random mixtures. 0 runs the fixed starts alone.
    explore_iterations : int
        Steps of every local search in float32.
    max_iterations : int
        Steps of the final float64 searches.
    bound : {"spectra", "quick", "full"}
        Effort for the lower bound. The semidefinite programme is solved for the joint problem; from size 17 on, with
        ``quick``, the descent for the recurrence is combined with the singular values of the drives.
    seed : int
    device : str or torch.device, optional
    workers : int
        Threads, each with a share of the pairs.

    Returns
    -------
    OrthogonalAlignment
        `distance`, `rotation` and `lower_bound` of the joint problem. Symmetric in the two networks: each pair is
        solved in one canonical order.

    Raises
    ------
    InputError
        If the shapes do not fit or a count is out of range.

    References
    ----------
    Ostrow, Eisen & Fiete 2025, "InputDSA: Demixing then comparing recurrent and externally driven dynamics".

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> a, drive = generator.normal(size=(1, 6, 6)), generator.normal(size=(1, 6, 2))
    >>> q = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    >>> found = align_driven(a, q.T @ a @ q, drive, q.T @ drive)
    >>> bool(found.distance[0] < 1e-12), bool(np.allclose(found.rotation[0], q)), str(found.status[0])
    (True, True, 'optimal')
    """
    x, y, n = _square(a, drive_a, "a"), _square(b, drive_b, "b"), np.asarray(a).shape[-1]
    if x.shape != y.shape or np.shape(a) != np.shape(b):
        raise InputError("b", f"shapes {np.shape(b)}, {np.shape(drive_b)}", "give as many, of the same sizes as a")
    if bound not in (known := get_args(Effort)):
        raise unknown_name("bound", bound, known, "effort")
    for name, value, least in (("explore_iterations", explore_iterations, 1), ("workers", workers, 1)):
        if value < least:
            raise InputError(name, f"{value} is below {least}", f"give {least} or more")
    pairs = len(x)
    distance, floor = np.full(pairs, np.nan), np.full(pairs, np.nan)
    rotation = np.full((pairs, n, n), np.nan)
    status = np.full(pairs, "invalid", dtype="<U9")
    counts = np.zeros((3, pairs), dtype=np.int64)
    valid = np.flatnonzero(np.isfinite(x).all((1, 2)) & np.isfinite(y).all((1, 2)))
    if not valid.size:
        return OrthogonalAlignment(distance, rotation, floor, status, *counts)
    # Powers of two scale exactly, and keep squares of extreme entries in range.
    size = np.maximum(np.abs(x[valid]).max((1, 2)), np.abs(y[valid]).max((1, 2)))
    scale = np.exp2(np.floor(np.log2(np.where(size > 0, size, 1.0))))
    swap = second_first(x[valid], y[valid])[:, None, None]
    scaled = x[valid] / scale[:, None, None], y[valid] / scale[:, None, None]
    first, second = np.where(swap, scaled[1], scaled[0]), np.where(swap, scaled[0], scaled[1])
    joint = n <= (LARGEST if bound == "full" else QUICK) and bound != "spectra"
    alone = align_orthogonal(
        first[:, :n, :n],
        second[:, :n, :n],
        starts=starts,
        seed=seed,
        device=device,
        workers=workers,
        bound="spectra" if joint else bound,
    )
    search = _Search(n, starts, explore_iterations, max_iterations, seed, torch.device(device or "cpu"))

    def one(share: npt.NDArray[np.int64]) -> list[Array]:
        torch.set_num_threads(1)  # of this thread only
        x, y = first[share], second[share]
        q, *rest = search.run(x, y, alone.rotation[share])
        parts = zip(x[:, :n, :n], y[:, :n, :n], _distance(x, y, q), x[:, :n, n:], y[:, :n, n:], strict=True)
        return [q, *rest, np.array([programme_bound(*part) if joint else 0.0 for part in parts])]

    shares = [s for s in np.array_split(np.arange(len(first)), workers if search.device.type == "cpu" else 1) if s.size]
    with one_thread(), ThreadPoolExecutor(workers) as pool:
        found = [np.concatenate(parts) for parts in zip(*pool.map(one, shares), strict=True)]
    q, gradient, (searches, at_best, steps), lower = found[0], found[1], found[2].T, found[3]
    reached = _distance(first, second, q)
    lower = np.maximum(lower, driven_lower_bound(first, second, n, alone.lower_bound))
    floor[valid] = np.minimum(lower, reached) * scale
    rotation[valid], distance[valid] = np.where(swap, q.mT, q), reached * scale
    status[valid] = np.where(gradient <= _STATIONARY, "converged", "budget")
    met = reached - lower <= CERTIFIED * norms(first, second)
    status[valid[met]] = "optimal"
    counts[:, valid] = searches + alone.starts, at_best, steps + alone.iterations
    return OrthogonalAlignment(distance, rotation, floor, status, *counts)


def driven_lower_bound(x: Array, y: Array, n: int, recurrent: Array) -> Array:
    r"""Return a number below the joint distance at every rotation, in floating point too.

    The larger of two: the bounds of the parts, :math:`\sqrt{b_A^2 + b_B^2}`, where :math:`b_A` is
    given and :math:`b_B^2 = \sum_i (\sigma_i(B_1) -
    \sigma_i(B_2))^2` (Mirsky 1960), reduced by the same margin; and the bound of the squares as wholes, whose
    rotations include ``diag(Q, I)``.

    Parameters
    ----------
    x, y : (pairs, n + inputs, n + inputs) float64
        ``[[A, B], [0, 0]]``.
    n : int
    recurrent : (pairs,) float64
        Bounds of the parts A alone.

    Returns
    -------
    (pairs,) float64

    Examples
    --------
    >>> x, y = np.zeros((2, 1, 3, 3))
    >>> x[0, 0, 2], y[0, 1, 2] = 3.0, 1.0
    >>> float(driven_lower_bound(x, y, 2, np.zeros(1))[0].round(12))
    2.0
    """
    whole = spectral_bound(x, y)
    first, second = x[:, :n, n:], y[:, :n, n:]
    if not first.shape[2]:
        return recurrent
    gap = np.linalg.svd(first, compute_uv=False) - np.linalg.svd(second, compute_uv=False)
    drive = np.maximum(np.linalg.norm(gap, axis=1) - 8 * x.shape[-1] * EPS * norms(first, second), 0.0)
    return np.asarray(np.maximum(np.hypot(recurrent, drive) * (1 - 4 * EPS), whole), dtype=np.float64)


def _square(operator: Array, drive: Array, name: str) -> Array:
    """Return ``[[operator, drive], [0, 0]]`` of each pair."""
    operator, drive = np.asarray(operator, dtype=np.float64), np.asarray(drive, dtype=np.float64)
    if operator.ndim != 3 or operator.shape[1] != operator.shape[2] or operator.shape[1] == 0:
        raise InputError(name, f"shape {operator.shape} is not (pairs, n, n)", "stack square operators")
    if drive.ndim != 3 or drive.shape[:2] != operator.shape[:2]:
        raise InputError(f"drive_{name}", f"shape {drive.shape}", f"give {operator.shape[:2]} rows and the inputs")
    wide = np.concatenate([operator, drive], axis=2)
    return np.pad(wide, ((0, 0), (0, drive.shape[2]), (0, 0)))


def _distance(x: Array, y: Array, q: Array) -> Array:
    n = q.shape[-1]
    recurrent = np.linalg.norm(x[:, :n, :n] - q @ y[:, :n, :n] @ q.mT, axis=(1, 2))
    drive = np.linalg.norm(x[:, :n, n:] - q @ y[:, :n, n:], axis=(1, 2))
    return np.asarray(np.hypot(recurrent, drive), dtype=np.float64)


@dataclass(frozen=True)
class _Search:
    """The search of a batch of pairs, in squares (pairs, n + inputs, n + inputs)."""

    n: int
    starts: int
    explore_iterations: int
    max_iterations: int
    seed: int
    device: torch.device

    def run(self, first: Array, second: Array, alone: Array) -> list[Array]:
        """Return the best rotations, their gradient norms, and (searches, at the best, steps) by pair."""
        x, y, q = (torch.as_tensor(z, device=self.device) for z in (first, second, alone))
        each = max(1, _CHUNK // ((self.starts + 7) * x.shape[1] ** 2))
        parts = [self._chunk(*part) for part in zip(x.split(each), y.split(each), q.split(each), strict=True)]
        return [torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True)]

    def _chunk(
        self, x: torch.Tensor, y: torch.Tensor, alone: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        n = self.n
        # The same numbers whatever basis the operators come in, and unit norm, so that tolerances are relative.
        inputs = x.shape[1] - n
        basis_x, basis_y = (self._bordered(local.intrinsic_basis(z[:, :n, :n]), inputs) for z in (x, y))
        x, y = basis_x.mT @ x @ basis_x, basis_y.mT @ y @ basis_y
        norms = [torch.linalg.vector_norm(z, dim=(1, 2)).clamp_min(1e-300) for z in (x, y)]
        x, y = x / norms[0][:, None, None], y / norms[1][:, None, None]
        starts = self._starts(x, y, basis_x[:, :n, :n].mT @ alone @ basis_y[:, :n, :n])
        found, steps = starts.clone(), torch.zeros_like(starts[..., 0, 0], dtype=torch.int64)
        far = torch.nonzero(_gaps(x, y, starts).amin(1) >= _NEAR)[:, 0]  # a planted rotation is found at once
        if far.numel():
            single = x[far].float(), y[far].float(), starts[far].float()
            ends, _, steps[far] = self._climb(*single, self.explore_iterations)
            found[far] = ends.double()
        # The starts themselves stay in the race: float32 loses digits.
        everything = local.orthonormal(torch.cat([found, starts], dim=1), 2)
        gaps = _gaps(x, y, everything)
        turning = everything[:, :, :n, :n].contiguous()
        best = local.distinct_first(turning, -gaps, _POLISHED)
        q, gap, gradient, more = self._polish(x, y, local.take(everything, best))
        # Ends of the searches are compared as distances: the norms enter as na / nb + nb / na.
        offset = norms[0] / norms[1] + norms[1] / norms[0] - 2
        squares = offset[:, None] + gaps[:, : starts.shape[1]] ** 2
        at_best = (squares <= 1.0201 * (offset + gap**2)[:, None] + 1e-6).sum(1).clamp_min(1)
        searches = torch.full_like(at_best, starts.shape[1])
        counts = torch.stack([searches, at_best, steps.sum(1) + more], dim=1)
        rotation = local.orthonormal((basis_x @ q @ basis_y.mT)[:, :n, :n], 2)
        return rotation, gradient, counts

    def _bordered(self, q: torch.Tensor, inputs: int) -> torch.Tensor:
        """Return ``diag(q, I)`` : (..., n + inputs, n + inputs), the inputs held fixed."""
        wide = torch.nn.functional.pad(q, (0, inputs, 0, inputs))
        wide.diagonal(dim1=-2, dim2=-1)[..., self.n :] = 1.0
        return wide

    def _climb(
        self, x: torch.Tensor, y: torch.Tensor, q: torch.Tensor, limit: int, goal: float = 1e-8
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Search from q : (pairs, candidates, ...); return rotations, gradient norms and steps by candidate."""
        # From a start that is orthogonal to single precision only, no orthogonal step would rise.
        sound = local.orthonormal(q, 2)
        on_cpu = self.device.type == "cpu"
        gain = _GAIN if x.dtype == torch.float32 else 0.0
        found, gradients, steps = local.climb_candidates(
            x, y, sound, limit, goal, gain, q.shape[2] - self.n, compiled=on_cpu
        )
        return local.orthonormal(found, 2), gradients, steps

    def _starts(self, x: torch.Tensor, y: torch.Tensor, alone: torch.Tensor) -> torch.Tensor:
        """Return all starts, (pairs, starts + 6, n + inputs, n + inputs)."""
        n, inputs = self.n, x.shape[1] - self.n
        uniform = self.starts // 4
        (a, b), (drive_a, drive_b) = ((z[:, :n, :n] for z in (x, y)), (z[:, :n, n:] for z in (x, y)))
        shared = drive_a @ drive_b.mT
        reach = shared
        largest = torch.maximum(*(torch.linalg.matrix_norm(z, 2) for z in (a, b))).clamp_min(1e-300)[:, None, None]
        for _ in range(n - 1):  # sum of A^k B_1 B_2^T A^T^k, the powers neither vanishing nor growing
            reach = shared + (a / largest) @ reach @ (b / largest).mT
        procrustes = [left @ right for left, _, right in (torch.linalg.svd(z) for z in (shared, reach))]
        random = local.haar(uniform, n, self.seed).to(x.device).expand(len(x), -1, n, n)
        small = torch.cat(
            [torch.stack([alone, *procrustes], 1), self._spectral(x, y, self.starts - uniform), random], 1
        )
        return self._bordered(small, inputs)

    def _spectral(self, x: torch.Tensor, y: torch.Tensor, count: int) -> torch.Tensor:
        """Return rotations (pairs, 3 + count, n, n) that match sorted eigenbases of functions of A and B."""
        n = self.n
        generator = torch.Generator().manual_seed(self.seed)
        fixed = torch.tensor(
            [[1.0] + 6 * [0.0], [1.0, 0.7, 0.4, 0.6, 0.3, 0.5, 0.2], [0.3, 0.5, 1.0, 0.8, -0.4, 0.6, -0.3]]
        ).double()
        weights = torch.cat([fixed, torch.randn(count, 7, generator=generator, dtype=torch.float64)]).to(x.device)
        bases = []
        for wide in (x, y):
            z, drive = wide[:, :n, :n], wide[:, :n, n:] @ wide[:, :n, n:].mT
            functions = [z, *(n**0.5 * f for f in (z @ z.mT, z.mT @ z, drive, z @ drive, z @ z)), n * z @ drive @ z.mT]
            mixed = torch.einsum("kf,pfij->pkij", weights, torch.stack([(f + f.mT) / 2 for f in functions], dim=1))
            bases.append(torch.linalg.eigh(mixed)[1])
        left, right = bases
        wide_left, wide_right = (self._bordered(z, x.shape[1] - n) for z in bases)
        agreement = (wide_left.mT @ x[:, None] @ wide_left) * (wide_right.mT @ y[:, None] @ wide_right)
        # One coordinate stands for all inputs: its sign is that of no reversal.
        square = torch.nn.functional.pad(agreement[..., :n, :n], (0, 1, 0, 1))
        square[..., :n, n] = agreement[..., :n, n:].sum(-1)
        signs = local.synchronised(square.flatten(0, 1)).reshape(*left.shape[:2], n + 1)
        matched: torch.Tensor = (left * (signs[..., :n] * signs[..., n:])[..., None, :]) @ right.mT
        return matched

    def _polish(
        self, x: torch.Tensor, y: torch.Tensor, candidates: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Search from the candidates to the end; return the best rotation, its gap and gradient, and all steps."""
        ends, gradients, steps = self._climb(x, y, candidates, self.max_iterations)
        taken = steps.sum(1)
        near = torch.nonzero(_gaps(x, y, ends).amin(1) < _NEAR)[:, 0]
        if near.numel():
            ends[near], gradients[near], more = self._climb(x[near], y[near], ends[near], self.max_iterations, 1e-15)
            taken[near] += more.sum(1)
        # At a planted rotation steps within rounding of the value may still cost digits of the gap.
        gaps, before = _gaps(x, y, ends), _gaps(x, y, candidates)
        kept = torch.where((before < gaps)[:, :, None, None], candidates, ends)
        gaps = torch.minimum(before, gaps)
        rows, best = torch.arange(len(x), device=x.device), gaps.argmin(1)
        return kept[rows, best], gaps[rows, best], gradients[rows, best], taken


def _gaps(x: torch.Tensor, y: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Return ``||x - q y q^T||_F`` by candidate: near 0 the value ``<x, q y q^T>`` has lost half the digits."""
    gaps: torch.Tensor = torch.linalg.vector_norm(x[:, None] - q @ y[:, None] @ q.mT, dim=(-1, -2))
    return gaps
