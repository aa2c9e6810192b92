"""Debiased CKA from samples x samples matrices, and shape distances by scipy's Procrustes."""

import numpy as np
from scipy.linalg import orthogonal_procrustes


def unbiased_hsic(x, y):
    """Song et al. 2012, equation 5, as printed."""
    n = len(x)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    one = np.ones(n)
    inner = (
        np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)
    )
    return inner / (n * (n - 3))


def cka(x, y):
    return unbiased_hsic(x, y) / np.sqrt(unbiased_hsic(x, x) * unbiased_hsic(y, y))


def shape_angle(x, y):
    """Centre, scale to unit norm, pad with zeros, and turn."""
    width = max(x.shape[1], y.shape[1])
    x, y = (z - z.mean(0) for z in (x, y))
    x, y = (np.pad(z / np.linalg.norm(z), ((0, 0), (0, width - z.shape[1]))) for z in (x, y))
    return np.arccos(min(orthogonal_procrustes(y, x)[1], 1.0))
