"""The local ascent of the orthogonal alignment as compiled loops, one item after the other.

The same steps as :func:`rnnkit.numerics.orthogonal_search.climb`, which runs whole batches on any device. Small
matrices on a CPU are better off one at a time: an item's matrices stay in the core's nearest cache, no pass over
a batch waits for memory, every item stops when it is done, and the interpreter's lock is free.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rnnkit.numerics.compiled import compiled

__all__ = ["MEMORY", "STEP_CAP", "climb_items"]

Real = npt.NDArray[np.floating]

MEMORY = 10  # L-BFGS pairs kept
STEP_CAP = 1.5  # Frobenius norm of one step; the exponential below is orthogonal to 1e-3 there


@compiled
def climb_items(
    x: Real, y: Real, q: Real, limit: int, goal: float, gain: float, slack: float, fixed: int
) -> tuple[Real, npt.NDArray[np.int64]]:
    """Raise ``<x, q y q^T>`` for every item; `q` is overwritten.

    Parameters
    ----------
    x, y : (pairs, n, n) float32 or float64
        Of unit norm, C-contiguous.
    q : (pairs, candidates, n, n) like x
        Rotations, moved to where they end.
    limit : int
        Most steps for each item.
    goal, gain : float
        An item ends once its gradient is below `goal`, or the slope of a step below `gain`.
    slack : float
        Rounding of the entries of q y q^T together: a fall of the value by so much of the gap between x and
        them is none.
    fixed : int
        The last so many coordinates do not turn: `q` is the identity there, and stays so.

    Returns
    -------
    gradients : (pairs, candidates) like x
    steps : (pairs, candidates) int64
    """
    pairs, candidates, n = q.shape[0], q.shape[1], q.shape[2]
    gradients = np.zeros((pairs, candidates), dtype=x.dtype)
    steps = np.zeros((pairs, candidates), dtype=np.int64)
    m, m_new, t, g = np.empty_like(x[0]), np.empty_like(x[0]), np.empty_like(x[0]), np.empty_like(x[0])
    turn, q_new, work, move = np.empty_like(x[0]), np.empty_like(x[0]), np.empty_like(x[0]), np.empty_like(x[0])
    before = np.empty_like(x[0])
    moves = np.empty((MEMORY, n, n), dtype=x.dtype)
    changes = np.empty((MEMORY, n, n), dtype=x.dtype)
    rho, weights = np.zeros(MEMORY, dtype=x.dtype), np.zeros(MEMORY, dtype=x.dtype)
    trace, trace_new = np.empty(n, dtype=x.dtype), np.empty(n, dtype=x.dtype)
    exact = x.itemsize == 8
    for pair in range(pairs):
        for candidate in range(candidates):
            here = q[pair, candidate]
            np.dot(here, y[pair], work)
            np.dot(work, here.T, m)
            value = _landscape(x[pair], m, work, t, g, trace, fixed)
            radius = STEP_CAP
            taken = limit
            for step in range(limit):
                size = np.sqrt(_dot(g, g))
                if size < goal:
                    taken = step
                    break
                slope = _direction(x[pair], m, trace, g, moves, changes, rho, weights, step, move)
                length = np.sqrt(_dot(move, move))
                cut = min(1.0, radius / max(length, 1e-30))
                if slope * cut < gain:
                    taken = step
                    break
                _scale(move, cut)
                _exponential(move, work, t, turn)
                np.dot(turn, here, q_new)
                if exact:
                    _orthonormalise(q_new, work, t)
                    np.dot(q_new, y[pair], work)
                    np.dot(work, q_new.T, m_new)
                else:
                    np.dot(turn, m, work)
                    np.dot(work, turn.T, m_new)
                _copy(g, before)
                reached = _landscape(x[pair], m_new, work, t, g, trace_new, fixed)
                slot = step % MEMORY
                _remember(move, before, g, moves[slot], changes[slot])
                along = _dot(moves[slot], changes[slot])
                sound = along > 1e-8 * np.sqrt(_dot(moves[slot], moves[slot]) * _dot(changes[slot], changes[slot]))
                rho[slot] = 1 / along if sound else 0.0
                if reached >= value - slack * (np.sqrt(-2 * value) + slack):
                    if cut < 1:
                        radius = min(2 * radius, STEP_CAP)
                    value = reached
                    m, m_new = m_new, m
                    trace, trace_new = trace_new, trace
                    _copy(q_new, here)
                else:
                    radius = cut * length / 4
                    _copy(before, g)
            gradients[pair, candidate] = np.sqrt(_dot(g, g))
            steps[pair, candidate] = taken
    return gradients, steps


@compiled
def _dot(a: Real, b: Real) -> Any:
    left, right = a.ravel(), b.ravel()
    total = a.dtype.type(0)
    for k in range(left.size):
        total += left[k] * right[k]
    return total


@compiled
def _scale(a: Real, factor: float) -> None:
    flat = a.ravel()
    single = a.dtype.type(factor)
    for k in range(flat.size):
        flat[k] *= single


@compiled
def _copy(a: Real, out: Real) -> None:
    source, target = a.ravel(), out.ravel()
    for k in range(source.size):
        target[k] = source[k]


@compiled
def _landscape(x: Real, m: Real, work: Real, t: Real, g: Real, trace: Real, fixed: int) -> Any:
    """Fill ``t = x m^T + x^T m``, its trace and the gradient ``g = (t - t^T) / 2``; return ``-|x - m|^2 / 2``.

    That is the value but for a constant, and keeps its digits where x and m all but agree.
    """
    n = x.shape[0]
    np.dot(x, m.T, t)
    np.dot(x.T, m, work)
    half, value = x.dtype.type(0.5), x.dtype.type(0)
    for i in range(n):
        trace[i] = t[i, i] + work[i, i]
        for j in range(n):
            t[i, j] += work[i, j]
            value += (x[i, j] - m[i, j]) * (x[i, j] - m[i, j])
    for i in range(n):
        for j in range(i):
            slope = half * (t[i, j] - t[j, i])
            g[i, j] = slope
            g[j, i] = -slope
        g[i, i] = 0
    for i in range(n - fixed, n):  # the exponential and L-BFGS keep such rows and columns zero
        for j in range(n):
            g[i, j] = 0
            g[j, i] = 0
    return -value * half


@compiled
def _exponential(s: Real, half: Real, square: Real, out: Real) -> None:
    """Write ``exp(s)`` to fourth order at half the argument, squared: orthogonal to ``|s|^6 / 2304``."""
    n = s.shape[0]
    a, b, c, d = s.ravel(), half.ravel(), square.ravel(), out.ravel()
    two, six, many = s.dtype.type(1 / 2), s.dtype.type(1 / 6), s.dtype.type(1 / 24)
    for k in range(a.size):
        b[k] = a[k] * two
    np.dot(half, half, square)
    for k in range(a.size):
        d[k] = b[k] * six + c[k] * many
    np.dot(square, out, half)  # half (half / 6 + square / 24) half: all are polynomials of one matrix
    for k in range(a.size):
        d[k] = a[k] * two + c[k] * two + b[k]
    for i in range(n):
        out[i, i] += 1
    np.dot(out, out, square)
    for k in range(a.size):
        d[k] = c[k]


@compiled
def _orthonormalise(q: Real, work: Real, other: Real) -> None:
    """One step of Newton-Schulz towards the polar factor."""
    np.dot(q, q.T, work)
    np.dot(work, q, other)
    a, b = q.ravel(), other.ravel()
    for k in range(a.size):
        a[k] = 1.5 * a[k] - 0.5 * b[k]


@compiled
def _direction(
    x: Real, m: Real, trace: Real, g: Real, moves: Real, changes: Real, rho: Real, weights: Real, kept: int, out: Real
) -> Any:
    """Write the L-BFGS ascent direction (two loops), or the gradient where that does not ascend; return its slope."""
    n = x.shape[0]
    _copy(g, out)
    flat = out.ravel()
    first = max(0, kept - MEMORY)
    for place in range(kept - 1, first - 1, -1):
        slot = place % MEMORY
        weights[slot] = rho[slot] * _dot(moves[slot], out)
        weight, line = weights[slot], changes[slot].ravel()
        for k in range(flat.size):
            flat[k] -= weight * line[k]
    least, two = x.dtype.type(1e-3), x.dtype.type(2)
    for i in range(n):
        own, left, right = trace[i], two * x[i, i], two * m[i, i]
        for j in range(n):
            curvature = abs(own + trace[j] - left * m[j, j] - right * x[j, j])
            out[i, j] /= max(curvature, least)
    for place in range(first, kept):
        slot = place % MEMORY
        weight, line = weights[slot] - rho[slot] * _dot(changes[slot], out), moves[slot].ravel()
        for k in range(flat.size):
            flat[k] += weight * line[k]
    slope, size = _dot(g, out), _dot(g, g)
    if slope <= 1e-5 * np.sqrt(size * _dot(out, out)):
        _copy(g, out)
        return size
    return slope


@compiled
def _remember(move: Real, before: Real, after: Real, kept_move: Real, kept_change: Real) -> None:
    a, b, c, d, e = move.ravel(), before.ravel(), after.ravel(), kept_move.ravel(), kept_change.ravel()
    for k in range(a.size):
        d[k] = a[k]
        e[k] = b[k] - c[k]
