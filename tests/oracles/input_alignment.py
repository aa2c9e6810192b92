"""Slow, obvious joint alignment: scipy from many starts, with numerical derivatives."""

import numpy as np
from scipy.linalg import expm
from scipy.optimize import minimize


def joint_distance(a, b, drive_a, drive_b, q):
    return np.sqrt(((a - q @ b @ q.T) ** 2).sum() + ((drive_a - q @ drive_b) ** 2).sum())


def many_starts(a, b, drive_a, drive_b, starts, seed=0):
    """Return the least joint distance that BFGS finds from rotations of both determinants."""
    rng, n = np.random.default_rng(seed), len(a)
    upper = np.triu_indices(n, 1)

    def squared(parameters, start):
        skew = np.zeros((n, n))
        skew[upper] = parameters
        return joint_distance(a, b, drive_a, drive_b, expm(skew - skew.T) @ start) ** 2

    best = np.inf
    for number in range(starts):
        start = np.linalg.qr(rng.normal(size=(n, n)))[0]
        start[:, 0] *= (-1) ** number
        best = min(best, minimize(squared, np.zeros(len(upper[0])), args=(start,), method="BFGS").fun)
    return best**0.5
