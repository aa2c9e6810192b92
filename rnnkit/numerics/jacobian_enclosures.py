"""A network's step in a box about a point: the residual, the Jacobian, and how far both can be off, proven.

The Jacobian of every form is a sum of terms, diagonal times a block of the recurrent matrix (or times the identity),
or, in the form `inner`, the recurrent matrix times a diagonal. So the Jacobians of all states y with |y - x| <= r in
the max norm lie in the sum of the same terms with intervals for the diagonals, and

    sum_j |DF(y) - J|_ij <= sum over terms of (farthest of the interval from the diagonal in J) |W_row|_1.

Blocks of DF, with every diagonal an interval (z, r, n, i, f, g, o the gates' values, c' the new cell):

`outer`   keep + diag(gain phi'(W h + v)) W
`inner`   keep + W diag(gain phi'(h))
`gru`     diag(z) + diag((h - n) z (1 - z)) W_z + diag(k r) W_n + diag(k p r (1 - r)) W_r,
          k = (1 - z) (1 - n^2), p = W_n h + b_n
`lstm`    c by h: D = diag(c f (1 - f)) W_f + diag(g i (1 - i)) W_i + diag(i (1 - g^2)) W_g;  c by c: diag(f);
          h by h: diag(tanh(c') o (1 - o)) W_o + diag(q) D;  h by c: diag(q f), q = o (1 - tanh(c')^2)

relu is differentiable off 0; a unit whose interval holds 0 gets [0, 1], which holds Clarke's generalised derivative:
relu is Lipschitz, so that the mean value theorem, all that the certificates need, holds with it (Clarke 1983).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.intervals import (
    TANH_ERROR,
    FloatArray,
    Interval,
    gamma,
    interval_sigmoid,
    interval_tanh,
    raised,
    sigmoid_slope,
    tanh_slope,
)

__all__ = ["JacobianEnclosure"]

BoolArray = NDArray[np.bool_]

#: Roundings on the way to an entry of J: 4 products of terms, 5 sums, and the identity taken away.
_ENTRY_ROUNDINGS = 8


@dataclass(frozen=True)
class _Term:
    """A diagonal times a matrix, in the block (row, column) of the Jacobian; by column: the matrix times a diagonal."""

    row: int
    column: int
    matrix: FloatArray | None
    diagonal: Interval
    by_column: bool = False


class JacobianEnclosure:
    """F about points of one network's state space.

    Parameters
    ----------
    system : AutonomousMap
    network : int
    points : (points, size) float64

    Attributes
    ----------
    residual : (points, size) float64
        G(x) = F(x) - x as computed.
    residual_error : (points, size) float64
        Bound of its error against the exact map.
    jacobian : (points, size, size) float64
        DF(x) as computed.

    Raises
    ------
    InputError
        When there is no such network, or the points have another size.

    Examples
    --------
    >>> one = AutonomousMap("outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), 2.0), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> about = JacobianEnclosure(one, 0, np.zeros((1, 1)))
    >>> about.jacobian.item(), bool(about.deviation(np.array([[0.5]])).item() >= 2 * np.tanh(1.0) ** 2)
    (2.0, True)
    """

    def __init__(self, system: AutonomousMap, network: int, points: FloatArray) -> None:
        if not 0 <= network < system.networks:
            raise InputError("network", f"there is no network {network}", f"give 0 to {system.networks - 1}")
        points = np.ascontiguousarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != system.size:
            raise InputError("points", f"shape {points.shape}", f"give (points, {system.size})")
        self._system, self._points, self._units = system, points, system.units
        self._weight = system.recurrent[network]
        self._drive, self._bias = system.drive[network], system.recurrent_bias[network]
        self._kept = np.array(system.kept[network])[None, None]
        #: |W_i|_1 of every row; summed in `units` roundings.
        self._norms = raised(np.abs(self._weight).sum(1), self._units)
        self._sum_up()
        at_point, exact = self._terms(np.zeros((len(points), 1)))
        self.residual = exact.middle()[:, 0]
        self.residual_error = exact.farthest(self.residual[:, None])[:, 0]
        self._centres = [term.diagonal.middle()[:, 0] for term in at_point]
        self.jacobian, self._rounding = self._form(at_point)

    def deviation(self, radii: FloatArray) -> FloatArray:
        """Bound the row sums of |DF(y) - J| over all y within a radius of the point, in the max norm.

        J is the Jacobian as computed; taking the identity off it, rounded, is covered too.

        Parameters
        ----------
        radii : (points, radii) float64
            Not negative.

        Returns
        -------
        (points, radii, size) float64
        """
        terms, _ = self._terms(radii)
        found = np.repeat(self._rounding[:, None], radii.shape[1], axis=1)
        for term, centre in zip(terms, self._centres, strict=True):
            off = np.broadcast_to(term.diagonal.farthest(centre[:, None]), (*radii.shape, self._units))
            found[..., self._block(term.row)] += self._row_sums(term, off)
        # At most 5 terms a row; each is a product of two bounds that are upper bounds already.
        return raised(found, 8)

    def at_kink(self, radii: FloatArray) -> BoolArray:
        """Return where, within the radius, a unit of a relu network may cross its kink, (points, radii)."""
        if self._system.nonlinearity != "relu" or self._system.form not in ("outer", "inner"):
            return np.zeros(radii.shape, dtype=np.bool_)
        return np.asarray(self._argument(radii).holds_zero().any(-1), dtype=np.bool_)

    def _block(self, index: int) -> slice:
        return slice(index * self._units, (index + 1) * self._units)

    def _sum_up(self) -> None:
        """Compute the sums W u + b and a bound of their error; u is the state, or in `inner` its rates."""
        u, error = self._points[:, : self._units], 0.0
        if self._system.form == "inner":
            if self._system.nonlinearity == "tanh":
                u, error = np.tanh(u), TANH_ERROR
            elif self._system.nonlinearity == "relu":
                u = np.maximum(u, 0.0)
        offset = self._bias if self._system.form == "gru" else self._drive
        self._sums = u @ self._weight.T + offset
        size = np.abs(u) @ np.abs(self._weight).T + np.abs(offset)
        # n products and n sums in any order: gamma_{n+1} of the sum of magnitudes; the rates' own error on top.
        bound = gamma(self._units + 2) * size + error * self._norms
        self._sums_error = raised(bound, self._units + 4)

    def _around_sums(self, radii: FloatArray) -> Interval:
        """Return the sums W h + b of all h in the box, (points, radii, gates * units)."""
        spread = raised(self._sums_error[:, None] + radii[..., None] * self._norms, 2)
        return Interval.around(self._sums[:, None], spread)

    def _state(self, radii: FloatArray, block: int) -> Interval:
        part = self._points[:, None, self._block(block)]
        return Interval.around(part, np.broadcast_to(radii[..., None], (*radii.shape, self._units)))

    def _argument(self, radii: FloatArray) -> Interval:
        """Return what the nonlinearity of `outer` and `inner` is applied to."""
        return self._around_sums(radii) if self._system.form == "outer" else self._state(radii, 0)

    def _activate(self, x: Interval) -> tuple[Interval, Interval]:
        """Return enclosures of phi and of its (generalised) derivative."""
        if self._system.nonlinearity == "tanh":
            rate = interval_tanh(x)
            return rate, tanh_slope(rate)
        ones = np.ones_like(x.lower)
        if self._system.nonlinearity == "relu":
            rate = Interval(np.maximum(x.lower, 0.0), np.maximum(x.upper, 0.0))
            return rate, Interval(np.where(x.lower > 0, ones, 0.0), np.where(x.upper < 0, 0.0, ones))
        return x, Interval(ones, ones)

    def _terms(self, radii: FloatArray) -> tuple[list[_Term], Interval]:
        """Return the terms of DF over the boxes, and the residual over them, (points, radii, size)."""
        if self._system.form == "gru":
            return self._gru(radii)
        if self._system.form == "lstm":
            return self._lstm(radii)
        gain = self._system.gain
        h = self._state(radii, 0)
        rate, slope = self._activate(self._argument(radii))
        inner = self._system.form == "inner"
        # The residual is wanted at radius 0 alone, where the sums of `inner`, taken at the point, are those of the box.
        new = self._around_sums(np.zeros_like(radii)) if inner else rate
        kept = Interval(self._kept, self._kept)
        less_one = kept - Interval(*(np.ones((1, 1, self._units)) for _ in range(2)))
        terms = [_Term(0, 0, self._weight, slope.scaled(gain), inner), _Term(0, 0, None, kept)]
        return terms, h * less_one + new.scaled(gain)

    def _gru(self, radii: FloatArray) -> tuple[list[_Term], Interval]:
        h, sums = self._state(radii, 0), self._around_sums(radii)
        drive = [Interval(part, part) for part in np.split(self._drive, 3)]
        product = [Interval(sums.lower[..., part], sums.upper[..., part]) for part in map(self._block, range(3))]
        reset = interval_sigmoid(product[0] + drive[0])
        update = interval_sigmoid(product[1] + drive[1])
        candidate = interval_tanh(drive[2] + reset * product[2])
        by_candidate = update.one_minus() * tanh_slope(candidate)
        w_reset, w_update, w_candidate = np.split(self._weight, 3)
        terms = [
            _Term(0, 0, w_reset, by_candidate * product[2] * sigmoid_slope(reset)),
            _Term(0, 0, w_update, (h - candidate) * sigmoid_slope(update)),
            _Term(0, 0, w_candidate, by_candidate * reset),
            _Term(0, 0, None, update),
        ]
        # (1 - z) n + z h - h, with the cancellation done by hand: exact for the exact map.
        return terms, update.one_minus() * (candidate - h)

    def _lstm(self, radii: FloatArray) -> tuple[list[_Term], Interval]:
        h, cell, sums = self._state(radii, 0), self._state(radii, 1), self._around_sums(radii)
        parts = [Interval(sums.lower[..., part], sums.upper[..., part]) for part in map(self._block, range(4))]
        i, f, o = (interval_sigmoid(parts[k]) for k in (0, 1, 3))
        g = interval_tanh(parts[2])
        new_cell = f * cell + i * g
        squashed = interval_tanh(new_cell)
        through = o * tanh_slope(squashed)
        w_i, w_f, w_g, w_o = np.split(self._weight, 4)
        by_gate = [(w_f, cell * sigmoid_slope(f)), (w_i, g * sigmoid_slope(i)), (w_g, i * tanh_slope(g))]
        terms = [_Term(1, 0, weight, diagonal) for weight, diagonal in by_gate]
        terms += [_Term(0, 0, weight, through * diagonal) for weight, diagonal in by_gate]
        terms += [_Term(0, 0, w_o, squashed * sigmoid_slope(o)), _Term(1, 1, None, f), _Term(0, 1, None, through * f)]
        both = (o * squashed - h, new_cell - cell)
        return terms, Interval(
            *(np.concatenate(ends, -1) for ends in zip(*((b.lower, b.upper) for b in both), strict=True))
        )

    def _row_sums(self, term: _Term, diagonal: FloatArray) -> FloatArray:
        """Bound the row sums of |matrix| times nonnegative diagonals (..., units)."""
        if term.matrix is None:
            return diagonal
        if term.by_column:
            return raised(diagonal @ np.abs(term.matrix).T, self._units)
        return raised(diagonal * raised(np.abs(term.matrix).sum(1), self._units), 1)

    def _form(self, terms: Sequence[_Term]) -> tuple[FloatArray, FloatArray]:
        """Form J from the diagonals' middles, and bound the row sums of its rounding errors."""
        size, n = self._points.shape[1], self._units
        jacobian = np.zeros((len(self._points), size, size))
        scale = np.ones((len(self._points), size))
        for term, centre in zip(terms, self._centres, strict=True):
            centre = np.broadcast_to(centre, (len(self._points), n))
            scale[:, self._block(term.row)] += self._row_sums(term, np.abs(centre))
            block = jacobian[:, self._block(term.row), self._block(term.column)]
            if term.matrix is None:
                block[:, range(n), range(n)] += centre
            else:
                block += term.matrix * (centre[:, None, :] if term.by_column else centre[:, :, None])
        return jacobian, raised(gamma(_ENTRY_ROUNDINGS) * scale, 8)
