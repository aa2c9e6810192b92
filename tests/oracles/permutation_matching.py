"""Slow, obvious references for the matching of two networks' units."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np


def squared_distance(a, b, permutation, linear_a=None, linear_b=None):
    """Square of the distance at one permutation, from its definition."""
    total = np.sum((a - b[permutation][:, permutation]) ** 2)
    if linear_a is not None:
        total += np.sum((linear_a - linear_b[permutation]) ** 2)
    return float(total)


def brute_force(a, b, linear_a=None, linear_b=None):
    """Least distance over all permutations; for up to seven units."""
    every = (np.array(p) for p in permutations(range(len(a))))
    return np.sqrt(min(squared_distance(a, b, p, linear_a, linear_b) for p in every))


def exchanged_squares(a, b, permutation, linear_a=None, linear_b=None):
    """Squared distance after each single exchange of two partners, keyed by the two units."""
    squares = {}
    for u, v in combinations(range(len(a)), 2):
        swapped = permutation.copy()
        swapped[[u, v]] = swapped[[v, u]]
        squares[u, v] = squared_distance(a, b, swapped, linear_a, linear_b)
    return squares
