"""Matrices that a Schur form is easy, hard or nearly impossible to order for, by class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rng = np.random.Generator


def jordan(rng: Rng, units: int) -> Array:
    """Blocks of sizes 1 to 5 with normal eigenvalues."""
    out, first = np.zeros((units, units)), 0
    while first < units:
        size = min(int(rng.integers(1, 6)), units - first)
        part = slice(first, first + size)
        out[part, part] = rng.normal() * np.eye(size) + np.diag(np.ones(size - 1), 1)
        first += size
    return out


def clustered(rng: Rng, units: int) -> Array:
    """Half of the moduli within 1e-10, and couplings of order 3."""
    t = np.triu(rng.normal(size=(units, units)) * 3, 1)
    for k in range(0, units, 2):
        size = 1 + 1e-10 * rng.random() if k < units // 2 else rng.random()
        angle = rng.uniform(0, np.pi)
        c, s = size * np.cos(angle), size * np.sin(angle)
        t[k : k + 2, k : k + 2] = [[c, -s], [s, c]]
    q = rotation(rng, units)
    return q @ t @ q.T


def rotation(rng: Rng, units: int) -> Array:
    return np.linalg.qr(rng.normal(size=(units, units)))[0]


def gaussian(rng: Rng, units: int) -> Array:
    return rng.normal(size=(units, units)) / np.sqrt(units)


def turned_jordan(rng: Rng, units: int) -> Array:
    q = rotation(rng, units)
    return q @ jordan(rng, units) @ q.T


def bent_jordan(rng: Rng, units: int) -> Array:
    x = rng.normal(size=(units, units))
    return x @ jordan(rng, units) @ np.linalg.inv(x)


def special(rng: Rng, units: int) -> Array:
    which = rng.integers(5)
    if which == 0:
        return np.roll(np.eye(units), 1, axis=0)
    if which == 1:
        return np.outer(rng.normal(size=units), rng.normal(size=units))
    if which == 2:
        return np.triu(rng.normal(size=(units, units)), 1)
    return gaussian(rng, units) * (1e-160 if which == 3 else 0.0)


def scaled(rng: Rng, units: int) -> Array:
    return gaussian(rng, units) * 1e150


#: `ill-conditioned jordan` alone can be impossible to order; `special` are shifts, rank one, nilpotent, tiny, zero.
CLASSES: dict[str, Callable[[Rng, int], Array]] = {
    "gaussian": gaussian,
    "orthogonal": rotation,
    "jordan": turned_jordan,
    "ill-conditioned jordan": bent_jordan,
    "clustered": clustered,
    "special": special,
    "scaled": scaled,
}
