"""Latent circuits one at a time: sums over units written out, roots by SciPy's Brent between points of a grid."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

PHI = {"tanh": np.tanh, "relu": lambda x: max(x, 0.0), "identity": lambda x: x}


def velocity(left, right, drive, kappa: float, nonlinearity: str = "tanh") -> float:
    """-kappa + (1/N) sum_i n_i phi(m_i kappa + d_i)."""
    total = 0.0
    for m, n, d in zip(left, right, drive, strict=True):
        total += n * PHI[nonlinearity](m * kappa + d)
    return total / len(left) - kappa


def roots(left, right, drive, low: float, high: float, points: int, nonlinearity: str = "tanh") -> list[float]:
    """Sign changes between neighbouring points, refined."""

    def f(kappa: float) -> float:
        return velocity(left, right, drive, kappa, nonlinearity)

    grid = np.linspace(low, high, points)
    values = [f(kappa) for kappa in grid]
    found = []
    for k in range(points - 1):
        if values[k] * values[k + 1] < 0:
            found.append(float(brentq(f, grid[k], grid[k + 1], xtol=1e-15, rtol=1e-14)))
    return found


def flat_length(left, right, drive, low: float, high: float, threshold: float, points: int = 20001) -> float:
    """The flat part of a range, by a sum over many points; the slope by central differences."""
    grid = np.linspace(low, high, points)
    d = 1e-5
    flat = 0
    for kappa in grid:
        here = velocity(left, right, drive, kappa)
        slope = (velocity(left, right, drive, kappa + d) - velocity(left, right, drive, kappa - d)) / (2 * d)
        flat += abs(here) < threshold and abs(slope) < threshold
    return flat * (high - low) / points
