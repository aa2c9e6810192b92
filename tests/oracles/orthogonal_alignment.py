"""Slow, obvious references for the orthogonal alignment: scipy from many starts, and an angle grid for two rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import expm
from scipy.optimize import minimize

Array = npt.NDArray[np.float64]


def many_starts(a: Array, b: Array, starts: int, seed: int = 0) -> float:
    """Return the least ``||a - q b q^T||`` that BFGS finds from rotations of both determinants.

    Each start ``q0`` is followed in the chart ``q = expm(skew(p)) q0`` with numerical derivatives in ``p``.
    """
    generator = np.random.default_rng(seed)
    n = len(a)
    upper = np.triu_indices(n, 1)

    def rotation(parameters: Array, start: Array) -> Array:
        skew = np.zeros((n, n))
        skew[upper] = parameters
        return np.asarray(expm(skew - skew.T) @ start)

    def squared(parameters: Array, start: Array) -> float:
        q = rotation(parameters, start)
        return float(np.square(a - q @ b @ q.T).sum())

    best = np.inf
    for number in range(starts):
        start = np.linalg.qr(generator.normal(size=(n, n)))[0]
        start[:, 0] *= (-1) ** number
        found = minimize(squared, np.zeros(len(upper[0])), args=(start,), method="BFGS")
        best = min(best, float(found.fun))
    return best**0.5


def angle_grid(a: Array, b: Array, angles: int = 20001) -> float:
    """Return the least distance of 2 x 2 matrices over a grid of rotations and reflections."""
    turn = np.linspace(0, 2 * np.pi, angles)
    cos, sin = np.cos(turn), np.sin(turn)
    rotations = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], axis=-2)
    both = np.concatenate([rotations, rotations @ np.diag([1.0, -1.0])])
    return float(np.linalg.norm(a - both @ b @ both.mT, axis=(1, 2)).min())
