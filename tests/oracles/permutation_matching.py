"""Slow, obvious references for the matching of two networks' units."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
from scipy.optimize import linear_sum_assignment


def squared_distance(a, b, permutation, linear_a=None, linear_b=None):
    """Square of the distance at one permutation, from its definition; a, b with or without a gate axis."""
    total = np.sum((a - b[..., permutation, :][..., permutation]) ** 2)
    if linear_a is not None:
        total += np.sum((linear_a - linear_b[permutation]) ** 2)
    return float(total)


def brute_force(a, b, linear_a=None, linear_b=None):
    """Least distance over all permutations; for up to seven units."""
    every = (np.array(p) for p in permutations(range(a.shape[-1])))
    return np.sqrt(min(squared_distance(a, b, p, linear_a, linear_b) for p in every))


def exchanged_squares(a, b, permutation, linear_a=None, linear_b=None):
    """Squared distance after each single exchange of two partners, keyed by the two units."""
    squares = {}
    for u, v in combinations(range(a.shape[-1]), 2):
        swapped = permutation.copy()
        swapped[[u, v]] = swapped[[v, u]]
        squares[u, v] = squared_distance(a, b, swapped, linear_a, linear_b)
    return squares


def _overlap(a, b, linear, matrix):
    return sum(np.sum(x * (matrix @ y @ matrix.T)) for x, y in zip(a, b, strict=True)) + np.sum(linear * matrix)


def slope_at(a, b, linear, permutation):
    """Gradient at a permutation, its columns in the order of the permutation."""
    b = b[:, permutation][:, :, permutation]
    return sum(x @ y.T + x.T @ y for x, y in zip(a, b, strict=True)) + linear[:, permutation]


def ascent(a, b, linear, points, weights, steps, tolerance):
    """Best permutation of a Frank-Wolfe ascent from a mean of permutations, and the steps taken."""
    units = len(linear)
    matrix = np.full((units, units), (1 - sum(weights)) / units)
    for point, weight in zip(points, weights, strict=True):
        matrix += weight * np.eye(units)[point]
    best, value, taken = None, -np.inf, 0
    while taken < steps:
        taken += 1
        slope = sum(x @ matrix @ y.T + x.T @ matrix @ y for x, y in zip(a, b, strict=True)) + linear
        toward = linear_sum_assignment(slope, maximize=True)[1]
        end = np.eye(units)[toward]
        if _overlap(a, b, linear, end) > value:
            best, value = toward, _overlap(a, b, linear, end)
        now, rise = _overlap(a, b, linear, matrix), np.sum(slope * (end - matrix))
        bend = _overlap(a, b, linear, end) - now - rise
        shares = [0.0, 1.0]
        if bend < 0 and 0 < -rise / (2 * bend) < 1:
            shares.append(-rise / (2 * bend))
        share = max(shares, key=lambda t: rise * t + bend * t * t)
        if share * (rise + share * bend) <= tolerance * abs(np.sum(slope * matrix)):
            break
        matrix = (1 - share) * matrix + share * end
    return best, taken


def tabu_search(a, b, linear, start, patience, tenure, tolerance):
    """Best permutation of a robust tabu search that evaluates every exchange anew, and the exchanges made."""
    units = len(linear)

    def value(permutation):
        return _overlap(a, b, linear, np.eye(units)[permutation])

    permutation, best, since, made = start.copy(), start.copy(), 0, 0
    until = {}  # (unit, partner): how long they may not meet
    while True:
        free, every = [], []
        for u, v in combinations(range(units), 2):
            swapped = permutation.copy()
            swapped[[u, v]] = swapped[[v, u]]
            every.append((value(swapped), u, v))
            if min(until.get((u, permutation[v]), 0), until.get((v, permutation[u]), 0)) <= made:
                free.append(every[-1])
        if every and max(every)[0] > value(best) + tolerance:
            _, u, v = max(every)
        elif since >= patience or not free:
            return best, made
        else:
            _, u, v = max(free)
        made += 1
        until[u, permutation[u]] = made + tenure[2 * made % len(tenure)]
        until[v, permutation[v]] = made + tenure[(2 * made + 1) % len(tenure)]
        permutation[[u, v]] = permutation[[v, u]]
        since += 1
        if value(permutation) > value(best) + tolerance:
            best, since = permutation.copy(), 0
