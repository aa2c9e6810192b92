"""A search of one batch of pairs: a population of local maxima that climbs and recombines.

:mod:`rnnkit.numerics.orthogonal_search` holds the steps, :mod:`rnnkit.numerics.orthogonal_alignment` says why these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from rnnkit.numerics import orthogonal_search as local
from rnnkit.numerics.alignment_bounds import EPS, Effort, spectral_bound, tight_bound

__all__ = ["Found", "Search", "distances", "meets", "norms", "second_first"]

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_CHUNK = 1 << 17  # matrix entries per batched array of a search, so that its working set stays in cache
_ISLANDS = 3  # populations that recombine apart before they are merged
_NEAR = 1e-4  # 1 - <A, Q B Q^T> / (||A|| ||B||) below which a start is polished before any search
_POLISHED = 2  # candidates searched to the end
_GAIN = 1e-6  # expected gain of a step at which a search in float32 ends
_STATIONARY = 1e-7  # gradient norm, relative to the product of the norms


@dataclass(frozen=True)
class Found:
    """What a search found of every pair.

    Attributes
    ----------
    rotation : (pairs, n, n) float64
    bound : (pairs,) float64
        Below the distance at every rotation.
    stationary : (pairs,) bool
    counts : (3, pairs) int64
        Searches run, those that ended at the best, and steps of all.
    """

    rotation: Array
    bound: Array
    stationary: npt.NDArray[np.bool_]
    counts: Counts

    @staticmethod
    def together(parts: Sequence[Found]) -> Found:
        """Put shares of a batch back together."""
        return Found(
            np.concatenate([part.rotation for part in parts]),
            np.concatenate([part.bound for part in parts]),
            np.concatenate([part.stationary for part in parts]),
            np.concatenate([part.counts for part in parts], axis=-1),
        )


@dataclass(frozen=True)
class _Ends:
    """Where local searches ended: rotations (pairs, k, n, n), values and steps (pairs, k)."""

    rotations: torch.Tensor
    values: torch.Tensor
    steps: torch.Tensor

    def joined(self, more: _Ends) -> _Ends:
        """Put the searches of both together, pair by pair."""
        return _Ends(
            torch.cat([self.rotations, more.rotations], dim=1),
            torch.cat([self.values, more.values], dim=1),
            torch.cat([self.steps, more.steps], dim=1),
        )

    def merged(self, pairs: int) -> _Ends:
        """Make one population of each pair's several."""
        n = self.rotations.shape[-1]
        return _Ends(
            self.rotations.reshape(pairs, -1, n, n), self.values.reshape(pairs, -1), self.steps.reshape(pairs, -1)
        )


@dataclass(frozen=True)
class Search:
    """The search of a batch of pairs; every step treats each pair alone."""

    starts: int
    rounds: int
    explore_iterations: int
    max_iterations: int
    bound: Effort
    seed: int
    device: torch.device

    @property
    def compiled(self) -> bool:
        """Whether local searches run as compiled loops, one after the other, or as batches on a device."""
        return self.device.type == "cpu"

    def run(self, a: Array, b: Array) -> Found:
        """Search, and bound from below what a search can reach."""
        pairs = len(a)
        swap = second_first(a, b)[:, None, None]
        first, second = np.where(swap, b, a), np.where(swap, a, b)
        bound = spectral_bound(first, second)
        basis_a, basis_b = (local.intrinsic_basis(torch.as_tensor(z)).numpy() for z in (first, second))
        # In unit norm the maximum is reached at the same rotation and every tolerance is relative.
        x = self._unit(basis_a.mT @ first @ basis_a)
        y = self._unit(basis_b.mT @ second @ basis_b)
        starts = local.spectral_starts(x, y, 0, self.seed)
        values, best = local.value(x, y, starts).max(1)
        q = starts[torch.arange(pairs), best]
        counts = np.zeros((3, pairs), dtype=np.int64)
        counts[0], counts[1] = starts.shape[1], 1
        stationary = np.ones(pairs, dtype=np.bool_)
        # A planted rotation is found at once, but for eigenvalues so close that a few steps are wanted.
        near = np.flatnonzero((values > 1 - _NEAR).cpu().numpy())
        if near.size:
            q[near], stationary[near], counts[2, near], _ = self._polish(x[near], y[near], q[near, None], 1e-14)
        reached = distances(first, second, basis_a @ q.cpu().numpy() @ basis_b.mT)
        rest = np.flatnonzero(~meets(reached, bound, first, second))
        if rest.size:
            candidates, ends, explored = self._explore_chunks(x[rest], y[rest])
            ends_at, settled, steps, best_values = self._polish(x[rest], y[rest], candidates)
            # A start that was followed to rounding beats an end that was not.
            further = distances(first[rest], second[rest], basis_a[rest] @ ends_at.cpu().numpy() @ basis_b[rest].mT)
            better = further < reached[rest]
            q[rest[better]], stationary[rest[better]] = ends_at[better], settled[better]
            # Ends of the searches are compared as distances: the norms enter as na / nb + nb / na.
            sizes = np.maximum([np.linalg.norm(z[rest], axis=(1, 2)) for z in (first, second)], 1e-300)
            offset = sizes[0] / sizes[1] + sizes[1] / sizes[0]
            squared = offset[:, None] - 2 * ends
            counts[0, rest] = ends.shape[1]
            counts[1, rest] = (squared <= 1.0201 * (offset - 2 * best_values)[:, None] + 1e-6).sum(1)
            counts[2, rest] += steps + explored
        rotation = basis_a @ local.orthonormal(q, 3).cpu().numpy() @ basis_b.mT
        rotation = local.orthonormal(torch.as_tensor(rotation), 2).numpy()
        for k in rest:
            bound[k] = max(bound[k], tight_bound(first[k], second[k], rotation[k], self.bound))
        return Found(np.where(swap, rotation.mT, rotation), bound, stationary, counts)

    def _unit(self, x: Array) -> torch.Tensor:
        norms = np.linalg.norm(x, axis=(1, 2))
        return torch.as_tensor(x / np.where(norms > 0, norms, 1.0)[:, None, None], device=self.device)

    def _explore_chunks(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Array, Counts]:
        each = max(1, _CHUNK // (max(self.starts, 1) * x.shape[1] ** 2))
        parts = [self._explore(x[k : k + each], y[k : k + each]) for k in range(0, len(x), each)]
        candidates, values, steps = zip(*parts, strict=True)
        return torch.cat(candidates), np.concatenate(values), np.concatenate(steps)

    def _explore(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Array, Counts]:
        """Return the best distinct rotations (pairs, candidates, n, n), where every search ended, and their steps."""
        pairs, n = x.shape[:2]
        starts = _ISLANDS * -(-self.starts // _ISLANDS)
        uniform = starts // 4
        random = local.haar(uniform, n, self.seed).to(self.device).expand(pairs, -1, n, n)
        mixed = local.spectral_starts(x, y, starts - uniform, self.seed)
        x, y = x.float(), y.float()
        dealt = torch.cat([mixed, random], dim=1).float().unflatten(1, (-1, _ISLANDS)).transpose(1, 2)
        apart = local.repeat(x, _ISLANDS), local.repeat(y, _ISLANDS)
        found = self._recombine(*apart, self._ascend(*apart, dealt.flatten(0, 1)), starts // 6)
        found = self._recombine(x, y, found.merged(pairs), starts // 4)
        best = local.distinct_first(found.rotations, found.values, _POLISHED)
        candidates = local.take(found.rotations, best).double()
        return candidates, found.values.double().cpu().numpy(), found.steps.sum(1).cpu().numpy()

    def _recombine(self, x: torch.Tensor, y: torch.Tensor, found: _Ends, count: int) -> _Ends:
        for number in range(self.rounds if count > 0 else 0):
            ranked = local.distinct_first(found.rotations, found.values, found.values.shape[1])
            flips = local.flips(x, y, found.rotations, ranked, number, count // 4)
            crossed = local.crossings(x, y, found.rotations, ranked, count - flips.shape[1])
            found = found.joined(self._ascend(x, y, torch.cat([flips, crossed], dim=1)))
        return found

    def _ascend(self, x: torch.Tensor, y: torch.Tensor, starts: torch.Tensor) -> _Ends:
        reached, _, steps = local.climb_candidates(
            x, y, starts, self.explore_iterations, 0.0, _GAIN, compiled=self.compiled
        )
        ends = local.orthonormal(reached, 2)
        return _Ends(ends, local.value(x, y, ends), steps)

    def _polish(
        self, x: torch.Tensor, y: torch.Tensor, starts: torch.Tensor, goal: float = 1e-8
    ) -> tuple[torch.Tensor, npt.NDArray[np.bool_], npt.NDArray[np.int64], Array]:
        """Return rotations, whether stationary, steps taken and values of the best of starts : (pairs, k, n, n)."""
        parts = []
        each = max(1, 2 * _CHUNK // (starts.shape[1] * x.shape[1] ** 2))
        for a, b, some in zip(x.split(each), y.split(each), starts.split(each), strict=True):
            q = local.orthonormal(some, 3)
            ends, gradient, steps = local.climb_candidates(a, b, q, self.max_iterations, goal, compiled=self.compiled)
            values, best = local.value(a, b, ends).max(1)
            rows = torch.arange(len(a), device=x.device)
            parts.append((ends[rows, best], gradient[rows, best] <= _STATIONARY, steps.sum(1), values))
        rotations, stationary, taken, values = (torch.cat(part) for part in zip(*parts, strict=True))
        return rotations, stationary.cpu().numpy(), taken.cpu().numpy(), values.cpu().numpy()


def norms(a: Array, b: Array) -> Array:
    """Return ``||A||_F + ||B||_F`` of every pair."""
    return np.asarray(np.linalg.norm(a, axis=(1, 2)) + np.linalg.norm(b, axis=(1, 2)), dtype=np.float64)


def distances(a: Array, b: Array, q: Array) -> Array:
    """Return ``||A - Q B Q^T||_F`` of every pair."""
    return np.asarray(np.linalg.norm(a - q @ b @ q.mT, axis=(1, 2)), dtype=np.float64)


def meets(distance: Array, bound: Array, a: Array, b: Array) -> npt.NDArray[np.bool_]:
    """Return whether distance and bound agree to rounding: the bound's own margin, twice over."""
    with np.errstate(invalid="ignore"):
        return np.asarray(distance - bound <= 32 * a.shape[-1] * EPS * norms(a, b))


def second_first(a: Array, b: Array) -> npt.NDArray[np.bool_]:
    """Return which pairs to solve as (b, a), so that both orders of a pair are one problem.

    By the spectrum of the symmetric part, which a change of basis moves only by rounding; entries decide ties.
    """
    spectra = [np.linalg.eigvalsh((z + z.mT) / 2) for z in (a, b)]
    keys = [np.concatenate([s, z.reshape(len(z), -1)], axis=1) for s, z in zip(spectra, (a, b), strict=True)]
    differs = keys[0] != keys[1]
    place = differs.argmax(1)
    rows = np.arange(len(a))
    return np.asarray(differs.any(1) & (keys[1][rows, place] < keys[0][rows, place]), dtype=np.bool_)
