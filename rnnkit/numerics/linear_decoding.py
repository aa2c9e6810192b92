"""Linear readouts of activity by least squares, many small systems at once, over trials that come in blocks.

The rows [1, x, y] of all trials (x the units of one step, y what is decoded) are reduced to their triangular factor R
block by block: R^T R is the matrix of all their products, so that R holds all that least squares ask for. The same
factor serves every group of units, as it is that of the columns chosen from it; and the squared error of a readout on
other trials is that on their factor. Trials are never held together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

__all__ = ["Readouts", "Scores", "empty_factor", "fit_readouts", "reduce_rows", "score_readouts"]

Array = NDArray[np.float64]

#: Units that vary by less than this share of their size stand still, and so do directions that vary by less than this
#: share of the largest: what is left of them in double precision tells nothing.
_STILL = 1e-10


@dataclass(frozen=True)
class Readouts:
    """Readouts y = a + b x of one group of units.

    Attributes
    ----------
    units : (k,) int64
        The group.
    weights : (..., k, targets) float64
        b: of all that fit equally well the one that is smallest in units of their standard deviation.
    intercept : (..., targets) float64
        a.
    rank : (...) int64
        Directions in which the group's activity varies.
    r2 : (..., targets) float64
        On the trials that it was fitted to; NaN where a target does not vary.
    noise_variance : (..., k) float64
        Of the noise on each unit.
    """

    units: NDArray[np.int64]
    weights: Array
    intercept: Array
    rank: NDArray[np.int64]
    r2: Array
    noise_variance: Array


@dataclass(frozen=True)
class Scores:
    """How well readouts do on trials of their own.

    Attributes
    ----------
    r2 : (..., targets) float64
        1 - sum (y - a - b x)^2 / sum (y - mean y)^2, below 0 when the mean would have done better; NaN where the
        target does not vary.
    mse : (..., targets) float64
    """

    r2: Array
    mse: Array


def empty_factor(shape: tuple[int, ...], columns: int) -> Array:
    """Return the factor of no rows, (*shape, columns, columns)."""
    return np.zeros((*shape, columns, columns))


def reduce_rows(factor: Array, states: Array, values: Array) -> Array:
    """Return the triangular factor of the rows so far and of those of another block of trials.

    Parameters
    ----------
    factor : (..., columns, columns) float64
        Of the rows so far; columns = 1 + units + targets.
    states : (..., trials, units) float64
    values : (..., trials, targets) float64
        To decode; broadcast against the states.

    Examples
    --------
    >>> x, y = np.arange(12.0).reshape(4, 3) ** 2, np.ones((4, 1))
    >>> held = reduce_rows(empty_factor((), 5), x[:3], y[:3])
    >>> held = reduce_rows(held, x[3:], y[3:])
    >>> rows = np.hstack([np.ones((4, 1)), x, y])
    >>> bool(np.allclose(held.T @ held, rows.T @ rows))
    True
    """
    columns, units = factor.shape[-1], states.shape[-1]
    rows = np.empty((*states.shape[:-1], columns))
    rows[..., 0] = 1.0
    rows[..., 1 : units + 1] = states
    rows[..., units + 1 :] = values
    return np.asarray(np.linalg.qr(np.concatenate([factor, rows], axis=-2), mode="r"))


def fit_readouts(factor: Array, units: NDArray[np.int64], targets: int, trials: int, noise: float = 0.0) -> Readouts:
    """Fit readouts of a group of units by ordinary least squares, with an intercept.

    The factor of the group's columns comes from a QR decomposition; units are divided by their standard deviation, and
    singular values below 1e-10 of the largest count as 0 (paper "abrupt-learning", Methods 7, has "linear regression").

    Independent noise on every unit, of `noise` times its standard deviation, is worked out rather than drawn: what
    it adds to sums of squares is known, and adds as many rows to the system (ridge regression).

    Parameters
    ----------
    factor : (..., 1 + N + targets, 1 + N + targets) float64
        As :func:`reduce_rows` gives it, of finite rows.
    units : (k,) int64
        Of the N.
    targets, trials : int
    noise : float
        0 or more.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(50, 3))
    >>> held = reduce_rows(empty_factor((), 5), x, 2 + x[:, :1] - 3 * x[:, 2:])
    >>> found = fit_readouts(held, np.array([0, 2]), 1, 50)
    >>> found.weights[:, 0].round(9).tolist(), found.intercept.round(9).tolist(), int(found.rank)
    ([1.0, -3.0], [2.0], 2)
    """
    k = len(units)
    places = np.concatenate([[0], 1 + units, np.arange(factor.shape[-1] - targets, factor.shape[-1])])
    held = np.asarray(np.linalg.qr(factor[..., places], mode="r"))
    # Below the first row, that of the means, stands what is left when the means are taken off.
    x, y = held[..., 1:, 1 : k + 1], held[..., 1:, k + 1 :]
    size = np.linalg.norm(held[..., :, 1 : k + 1], axis=-2)
    spread = np.linalg.norm(x, axis=-2)
    moves = spread > _STILL * size
    scale = np.where(moves, spread, 1.0)
    z = np.where(moves[..., None, :], x / scale[..., None, :], 0.0)
    if noise > 0:
        z = np.concatenate([z, noise * moves[..., None, :] * np.eye(k)], axis=-2)
        y = np.concatenate([y, np.zeros((*y.shape[:-2], k, targets))], axis=-2)
    left, values, right = _svd(z)
    kept = values > _STILL * values[..., :1]
    inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
    solution = right.swapaxes(-1, -2) @ (inverse[..., None] * (left.swapaxes(-1, -2) @ y))
    weights = solution / scale[..., None]
    means = held[..., 0, k + 1 :] - (held[..., 0, None, 1 : k + 1] @ weights)[..., 0, :]
    return Readouts(
        units=units,
        weights=weights,
        intercept=means / held[..., 0, :1],
        rank=kept.sum(axis=-1) if noise == 0 else moves.sum(axis=-1),
        r2=_explained(((y - z @ solution) ** 2).sum(axis=-2), held[..., k + 1 :]),
        noise_variance=noise**2 * np.where(moves, spread, 0.0) ** 2 / trials,
    )


def score_readouts(readouts: Readouts, factor: Array, trials: int) -> Scores:
    """Score readouts on other trials, from their factor.

    Parameters
    ----------
    readouts : Readouts
    factor : (..., 1 + N + targets, 1 + N + targets) float64
        Of the other trials.
    trials : int
        How many they are.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> fitted, tested = (reduce_rows(empty_factor((), 5), part, part[:, :1]) for part in (x[:50], x[50:]))
    >>> both = fit_readouts(fitted, np.array([0, 1]), 1, 50), fit_readouts(fitted, np.array([2]), 1, 50)
    >>> [float(score_readouts(found, tested, 10).r2.round(2)[0]) for found in both]
    [1.0, -0.13]
    """
    targets = readouts.intercept.shape[-1]
    wanted = factor[..., -targets:]
    given = factor[..., :1] * readouts.intercept[..., None, :] + factor[..., 1 + readouts.units] @ readouts.weights
    squares = ((wanted - given) ** 2).sum(axis=-2)
    squares = squares + trials * (readouts.noise_variance[..., None] * readouts.weights**2).sum(axis=-2)
    return Scores(_explained(squares, wanted), squares / trials)


def _explained(squares: Array, wanted: Array) -> Array:
    """Return 1 - squares / variance of the columns `wanted`, the first row of which is their mean's; NaN for none."""
    spread = np.linalg.norm(wanted[..., 1:, :], axis=-2)
    varies = spread > _STILL * np.linalg.norm(wanted, axis=-2)
    found: Array = 1.0 - squares / np.where(varies, spread, np.nan) ** 2
    return found


def _svd(matrices: Array) -> tuple[Array, Array, Array]:
    """Return singular value decompositions, by QR iteration where divide and conquer does not converge."""
    try:
        left, values, right = np.linalg.svd(matrices, full_matrices=False)
    except np.linalg.LinAlgError:
        flat = matrices.reshape(-1, *matrices.shape[-2:])
        each = [scipy.linalg.svd(one, full_matrices=False, lapack_driver="gesvd") for one in flat]
        left, values, right = (
            np.stack(part).reshape(*matrices.shape[:-2], *part[0].shape) for part in zip(*each, strict=True)
        )
    return left, values, right
