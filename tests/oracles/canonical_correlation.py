"""Canonical correlations the textbook way: a generalised eigenproblem of covariances, after a full SVD."""

import numpy as np
import scipy.linalg


def leading_scores(activity, variance):
    centred = activity - activity.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    kept = 1
    while (s[:kept] ** 2).sum() < (variance - 1e-12) * (s**2).sum():
        kept += 1
    return u[:, :kept] * s[:kept]


def svcca_distance(x, y, variance):
    """Return the distance, kx and ky."""
    x, y = leading_scores(x, variance), leading_scores(y, variance)
    kx, ky = x.shape[1], y.shape[1]
    between = x.T @ y
    left = np.block([[np.zeros((kx, kx)), between], [between.T, np.zeros((ky, ky))]])
    right = scipy.linalg.block_diag(x.T @ x, y.T @ y)
    correlations = np.sort(scipy.linalg.eigvalsh(left, right))[::-1][: min(kx, ky)]
    return 1 - correlations.mean(), kx, ky
