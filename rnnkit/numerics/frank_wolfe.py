"""Frank-Wolfe over the doubly stochastic matrices for the quadratic assignment of two networks' units.

The fast approximate algorithm (FAQ) of Vogelstein et al. 2015, PLoS ONE 10: e0121002: maximise the linear
model at the current point by one linear assignment, then move along the segment to that permutation
by an exact line search. In single precision. The point itself is never formed: its gradient is affine,
so a point is the gradient there and two numbers, and a step costs one product over the units whose
partners the new permutation changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnkit.numerics.compiled import compiled
from rnnkit.numerics.two_exchange import Assignment, Integers, Real

__all__ = ["Ascent", "Relaxation", "assign"]

# Rows and inner indices of the product are taken four by four.
_BLOCK = 4
_HUGE = np.float32(1e30)


@dataclass(frozen=True)
class Ascent:
    """The best permutation a search met.

    Attributes
    ----------
    permutation : (units,) int64
    value : float
        The overlap there, in single precision.
    steps : int
        Steps taken.
    """

    permutation: Integers
    value: float
    steps: int


@dataclass(frozen=True)
class Relaxation:
    """A quadratic assignment in the layout that its gradient is computed from, all of it float32.

    Attributes
    ----------
    left : (units, 2 gates units)
        ``[a_g, a_g^T]`` for each gate, filled up with rows of zeros to whole blocks.
    right : (2 gates units, units)
        ``b_g^T`` on top of ``b_g`` for each gate: ``P b_g^T`` and ``P b_g`` are rows of it.
    linear, centre : (units, units)
        Linear term, and gradient at the barycentre, the matrix with all entries 1 / units.
    """

    left: Real
    right: Real
    linear: Real
    centre: Real

    @classmethod
    def of(cls, problem: Assignment) -> Relaxation:
        """Lay out a problem whose entries single precision can hold."""
        units = problem.units
        wide = np.concatenate([matrix for gate in problem.a for matrix in (gate, gate.T)], axis=1)
        left = np.zeros((-(-units // _BLOCK) * _BLOCK, wide.shape[1]), dtype=np.float32)
        left[:units] = wide
        right = np.concatenate([matrix for gate in problem.b for matrix in (gate.T, gate)])
        sums = [(x.sum(axis=2), x.sum(axis=1)) for x in (problem.a, problem.b)]
        centre = sum(x.T @ y for x, y in zip(*sums, strict=True)) / units + problem.linear
        return cls(left, *(x.astype(np.float32, order="C") for x in (right, problem.linear, centre)))

    def climb(self, permutations: Integers, weights: Real, steps: int, tolerance: float) -> Ascent:
        """Climb from a mean of permutations and return the best permutation met on the way.

        Parameters
        ----------
        permutations : (any, units) int64
        weights : (any,) float64
            Weight of each; what they leave up to 1 is the barycentre's.
        steps : int
            Steps allowed.
        tolerance : float
            A step that gains less than this part of the value is the last.

        Examples
        --------
        >>> import numpy as np
        >>> a = np.array([[[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [3.0, 0.0, 0.0]]])
        >>> order = np.array([2, 0, 1])
        >>> problem = Assignment(a, a[:, order][:, :, order], np.zeros((3, 3)))
        >>> Relaxation.of(problem).climb(np.zeros((0, 3), int), np.zeros(0), 20, 1e-3).permutation
        array([1, 2, 0])
        """
        best = np.zeros(len(self.linear), dtype=np.int64)
        value, taken = _climb(
            self.left, self.right, self.linear, self.centre, permutations, weights, steps, tolerance, best
        )
        return Ascent(best, float(value), int(taken))


@compiled
def _climb(
    left: Real,
    right: Real,
    linear: Real,
    centre: Real,
    permutations: Integers,
    weights: Real,
    steps: int,
    tolerance: float,
    best: Integers,
) -> tuple[float, int]:
    """Climb; `best` receives the permutation. Return its value and the steps taken."""
    units = len(linear)
    inner = right.shape[0] + _BLOCK
    rows, index, held = np.zeros((inner, units), np.float32), np.zeros(inner, np.int64), np.full(units, -1)
    end = np.zeros((left.shape[0], units), np.float32)
    _mix(end, linear, 0.0, 1.0)
    slope = np.zeros((units, units), np.float32)
    rest = 1.0
    for k in range(len(weights)):
        rest -= weights[k]
    _mix(slope, centre, 0.0, rest)
    along, fixed = rest * _mean(centre), rest * _mean(linear)
    for k in range(len(weights)):
        _advance(left, right, permutations[k], held, index, rows, end)
        _mix(slope, end, 1.0, weights[k])
        fixed += weights[k] * _at(linear, permutations[k])
    along = rest * _mean(slope)
    for k in range(len(weights)):
        along += weights[k] * _at(slope, permutations[k])
    # point P: slope is G(P), along <G(P), P>, fixed <linear, P>; toward is the permutation Q, end G(Q)
    prices, toward = np.zeros(units, np.float32), np.zeros(units, np.int64)
    value, taken = -np.inf, 0
    while taken < steps:
        taken += 1
        assign(slope, prices, toward)
        _advance(left, right, toward, held, index, rows, end)
        end_along, end_fixed, forth = _at(end, toward), _at(linear, toward), _at(slope, toward)
        reached = (end_along + end_fixed) / 2
        if reached > value:
            value = reached
            for i in range(units):
                best[i] = toward[i]
        # f(P + t (Q - P)) = f(P) + rise t + bend t^2
        rise = forth - along
        bend = (end_along - 2 * forth + end_fixed - fixed + along) / 2
        share = 1.0 if rise + bend > 0 else 0.0
        if bend < 0 and rise < -2 * bend:
            share = max(0.0, rise / (-2 * bend))
        if share * (rise + share * bend) <= tolerance * abs(along):
            break
        back = forth - end_fixed + fixed  # <G(Q), P>, as G - linear is a symmetric operator on P
        rest = 1 - share
        along = rest * rest * along + share * rest * (forth + back) + share * share * end_along
        fixed = rest * fixed + share * end_fixed
        _mix(slope, end, rest, share)
    return value, taken


@compiled
def assign(worth: Real, prices: Real, partner: Integers) -> None:
    """Find the permutation of largest total worth: `partner` receives each row's column.

    Jonker and Volgenant 1987, Computing 38: 325-340, in float32. `prices`, (units,), are the columns' duals: any
    at the start, those of a similar problem for speed, and optimal ones at the end. Rows first bid for
    columns, the displaced bid again; who is left after `2 units` bids goes by shortest augmenting paths.
    """
    units = len(prices)
    owner = np.full(units, -1)
    waiting, left = np.zeros(units, np.int64), 0
    key, distance = np.zeros(units, np.float32), np.zeros(units, np.float32)
    closed, previous = np.zeros(units, np.float32), np.zeros(units, np.int32)
    bits = key.view(np.int32)
    bids = 2 * units
    for start in range(units):
        row = start
        while row >= 0:
            for j in range(units):
                key[j] = worth[row, j] - prices[j]
            column = _largest(bits)
            most = key[column]
            key[column] = -_HUGE
            second = key[_largest(bits)]
            displaced = owner[column]
            bids -= 1
            if displaced >= 0 and (bids < 0 or most <= second):
                waiting[left] = row
                left += 1
                break
            if units > 1:
                prices[column] += most - second
            owner[column] = row
            row = displaced
    for k in range(left):
        start = row = waiting[k]
        for j in range(units):
            key[j] = worth[row, j] - prices[j]
            distance[j] = _HUGE
            closed[j] = 0
        base = key[_largest(bits)]
        reached = np.float32(0)
        while True:
            for j in range(units):
                there = max(base - (worth[row, j] - prices[j]), reached)
                previous[j] = row if there < distance[j] else previous[j]
                distance[j] = min(there, distance[j])
                key[j] = -distance[j] - closed[j]
            column = _largest(bits)
            reached = distance[column]
            closed[column] = _HUGE
            row = owner[column]
            if row < 0:
                break
            base = reached + (worth[row, column] - prices[column])
        for j in range(units):
            if closed[j] > 0:
                prices[j] += reached - distance[j]
        for j in range(units):
            if owner[j] >= 0:
                partner[owner[j]] = j
        while row != start:
            row = previous[column]
            owner[column] = row
            partner[row], column = column, partner[row]
    for j in range(units):
        partner[owner[j]] = j


@compiled
def _largest(bits: npt.NDArray[np.int32]) -> int:
    """Return where the largest number stands, given the bits of float32 numbers.

    As integers they have the same order once those with a sign are turned round; the compiler makes vectors of
    this search for a maximum, not of the same among floats.
    """
    most = np.int32(-(2**31))
    for j in range(len(bits)):
        most = max(most, np.int32(bits[j] ^ (np.int32(bits[j] >> 31) & np.int32(0x7FFFFFFF))))
    column = 0
    while bits[column] ^ ((bits[column] >> 31) & 0x7FFFFFFF) != most:
        column += 1
    return column


@compiled
def _advance(
    left: Real, right: Real, permutation: Integers, held: Integers, index: Integers, rows: Real, slope: Real
) -> None:
    """Make `slope`, the gradient at the permutation `held`, the gradient at another; -1 holds nothing yet.

    It costs a product over the units whose partners change: all at first, a quarter in later steps.
    """
    units, inner = right.shape[1], 0
    for start in range(0, right.shape[0], units):
        for j in range(units):
            new, old = permutation[j], held[j]
            if new != old:
                index[inner] = start + j
                for k in range(units):
                    rows[inner, k] = right[start + new, k]
                if old >= 0:
                    for k in range(units):
                        rows[inner, k] -= right[start + old, k]
                inner += 1
    while inner % _BLOCK:
        index[inner] = 0
        for k in range(units):
            rows[inner, k] = 0
        inner += 1
    for j in range(units):
        held[j] = permutation[j]
    for i in range(0, left.shape[0], _BLOCK):
        for j in range(0, inner, _BLOCK):
            p, q, r, s = index[j], index[j + 1], index[j + 2], index[j + 3]
            a0, a1, a2, a3 = left[i, p], left[i, q], left[i, r], left[i, s]
            b0, b1, b2, b3 = left[i + 1, p], left[i + 1, q], left[i + 1, r], left[i + 1, s]
            c0, c1, c2, c3 = left[i + 2, p], left[i + 2, q], left[i + 2, r], left[i + 2, s]
            d0, d1, d2, d3 = left[i + 3, p], left[i + 3, q], left[i + 3, r], left[i + 3, s]
            for k in range(units):
                w, x, y, z = rows[j, k], rows[j + 1, k], rows[j + 2, k], rows[j + 3, k]
                slope[i, k] += a0 * w + a1 * x + a2 * y + a3 * z
                slope[i + 1, k] += b0 * w + b1 * x + b2 * y + b3 * z
                slope[i + 2, k] += c0 * w + c1 * x + c2 * y + c3 * z
                slope[i + 3, k] += d0 * w + d1 * x + d2 * y + d3 * z


@compiled
def _mix(slope: Real, other: Real, keep: float, share: float) -> None:
    """Keep so much of a matrix and add a share of another."""
    kept, weight = np.float32(keep), np.float32(share)
    units = slope.shape[1]  # either may have rows to fill up blocks below
    for i in range(units):
        for j in range(units):
            slope[i, j] = kept * slope[i, j] + weight * other[i, j]


@compiled
def _at(matrix: Real, permutation: Integers) -> float:
    """Return <matrix, Q>."""
    total = 0.0
    for i in range(len(permutation)):
        total += matrix[i, permutation[i]]
    return total


@compiled
def _mean(matrix: Real) -> float:
    """Return <matrix, barycentre>."""
    total = 0.0
    for i in range(len(matrix)):
        for j in range(len(matrix)):
            total += matrix[i, j]
    return total / len(matrix)
