"""Linear forward operators of network activity: principal components, delays, least squares.

Dynamical similarity analysis compares networks through the matrices that best carry their activity one
step forward (Huang et al., appendix I.1; Ostrow et al. 2023). Everything here is float64 and takes an
ensemble; alignment of the operators is another module's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lapack

from rnnkit.errors import InputError

__all__ = [
    "Operators",
    "PrincipalComponents",
    "delay_embed",
    "fit_operators",
    "four_axes",
    "leading_directions",
    "one_step_errors",
    "principal_components",
    "solve_normal",
    "underdetermined",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FitStatus = Literal["ok", "underdetermined", "rank_deficient", "no_variance"]

# Directions whose singular value is below this share of the largest are rounding of float32 activity
# (8 eps = 1e-6), and whitening would make them as large as the first.
RANK_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PrincipalComponents:
    """Principal axes of each network's activity.

    Attributes
    ----------
    mean : (networks, units) float64
    axes : (networks, units, units) float64
        Columns, by falling variance; all zero for a network whose activity does not vary.
    variances : (networks, units) float64
    counts : (networks,) int64
        Components needed to reach the asked share of variance; 0 for a network that does not vary.
    """

    mean: Floats
    axes: Floats
    variances: Floats
    counts: Ints

    def project(self, hidden: ArrayLike, components: int | None = None) -> Floats:
        """Project every network onto the same number of its own leading components.

        `hidden` is (networks, trials, steps, units), the result (networks, trials, steps, components)
        float64; `components` is by default the largest of `counts`. An `InputError` is raised if no network
        varies, or more components are asked for than there are units.
        """
        activity = four_axes("hidden", hidden)
        common = int(self.counts.max()) if components is None else components
        if not 1 <= common <= self.axes.shape[-1]:
            what = f"{common} components of networks of {self.axes.shape[-1]} units"
            raise InputError("components", what, "give 1 to the number of units; see that the activity varies")
        centred = activity - self.mean[:, None, None, :]
        projected: Floats = centred @ self.axes[:, None, :, :common]
        return projected


@dataclass(frozen=True)
class Operators:
    """One linear forward operator for each network: state(t + 1) = operator @ state(t).

    Attributes
    ----------
    operator : (networks, size, size) float64
        NaN where the status is ``underdetermined`` or ``no_variance``.
    training_error, heldout_error : (networks,) float64
        One-step error of the newest block over its variance: of `operator` on its own rows, and of a fit to
        the even trials on the odd ones (NaN with a single trial). They do not depend on the basis.
    rank : (networks,) int64
        Numerical rank of the Hankel matrix; below `size`, the status is ``rank_deficient``.
    size, components, delays, rows : int
        size = components x delays; rows = pairs (t, t + 1) inside trials.
    basis : str
    status : tuple of str, one a network
    """

    operator: Floats
    training_error: Floats
    heldout_error: Floats
    rank: Ints
    size: int
    components: int
    delays: int
    rows: int
    basis: Literal["whitened", "pc"]
    status: tuple[FitStatus, ...]


def four_axes(name: str, array: ArrayLike) -> Floats:
    """Return (networks, trials, steps, k) float64, or refuse."""
    values = np.asarray(array, dtype=np.float64)
    if values.ndim != 4 or values.size == 0:
        raise InputError(name, f"shape {values.shape}", "give (networks, trials, steps, units), none empty")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2, 3)))
    if bad.size:
        raise InputError(name, f"not finite in networks {bad.tolist()}", "leave these networks out")
    return values


def principal_components(hidden: ArrayLike, variance: float = 0.99) -> PrincipalComponents:
    """Find each network's principal components, and how many reach a share of its variance.

    The activity of each network is centred over trials x steps (Huang et al., appendix I.1).

    Parameters
    ----------
    hidden : (networks, trials, steps, units)
    variance : float in (0, 1]

    Raises
    ------
    InputError
        If the share is out of range, or the activity is not four-dimensional and finite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> hidden = rng.normal(size=(2, 10, 20, 3)) @ rng.normal(size=(3, 8))
    >>> pcs = principal_components(hidden, variance=0.999999)
    >>> pcs.counts.tolist(), pcs.project(hidden).shape
    ([3, 3], (2, 10, 20, 3))
    """
    if not 0 < variance <= 1:
        raise InputError("variance", f"{variance} is not a share", "give a number above 0, at most 1")
    # Constant float32 activity differs from its mean by rounding only: that is not variance.
    precision = float(np.finfo(np.result_type(np.asarray(hidden).dtype, np.float32)).eps)
    activity = four_axes("hidden", hidden)
    networks, _, _, units = activity.shape
    mean = activity.mean(axis=(1, 2))
    covariance = np.empty((networks, units, units))
    for index in range(networks):  # one GEMM each; batched it would need a centred copy of everything
        centred = (activity[index] - mean[index]).reshape(-1, units)
        covariance[index] = centred.T @ centred / len(centred)
    ascending, vectors = np.linalg.eigh(covariance)
    variances, axes = np.maximum(ascending[:, ::-1], 0.0), vectors[:, :, ::-1].copy()
    total = variances.sum(axis=-1)
    alive = total > (8 * precision) ** 2 * (total + (mean**2).sum(axis=-1))
    axes[~alive] = 0.0
    share = np.cumsum(variances, axis=-1) / np.where(alive, total, 1.0)[:, None]
    # A share of 1e-12 is rounding, of float32 activity or of the sum: with variance = 1 it is left out.
    reaching = 1 + (share < variance - 1e-12).sum(axis=-1)
    return PrincipalComponents(mean, axes, variances, np.where(alive, reaching, 0))


def delay_embed(x: ArrayLike, delays: int) -> Floats:
    """Stack each state with the ones before it, inside trials only.

    Row t holds [x(t + d - 1), ..., x(t)]: the newest block comes first, as in dsa-metric.

    Parameters
    ----------
    x : (networks, trials, steps, k)
        The result is (networks, trials, steps - d + 1, k * d) float64.
    delays : int
        d, the number of blocks; 1 leaves `x` as it is.

    Raises
    ------
    InputError
        If a trial is shorter than `delays`.

    Examples
    --------
    >>> delay_embed(np.arange(4.0).reshape(1, 1, 4, 1), 2)[0, 0].tolist()
    [[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]]
    """
    states = four_axes("x", x)
    steps = states.shape[2]
    if not 1 <= delays <= steps:
        raise InputError("delays", f"{delays} delays in trials of {steps} steps", "give 1 to the steps of a trial")
    return np.concatenate([states[:, :, delays - 1 - i : steps - i] for i in range(delays)], axis=-1)


def underdetermined(shape: tuple[int, ...], delays: int) -> bool:
    """Return whether an operator of so many delays has more unknowns than half the rows to fit it."""
    _, trials, steps, k = shape
    return k * delays >= trials * (steps - delays) / 2


def _relative_error(target: Floats, prediction: Floats) -> float:
    spread = float(((target - target.mean(axis=0)) ** 2).sum())
    return float(((target - prediction) ** 2).sum()) / spread if spread > 0 else float("nan")


def solve_normal(gram: Floats, cross: Floats, tolerance: float) -> Floats:
    """Solve gram @ x = cross, leaving out directions below tolerance^2 of the largest eigenvalue.

    Examples
    --------
    >>> solve_normal(np.diag([2.0, 0.0]), np.array([[4.0], [0.0]]), 1e-6).tolist()
    [[2.0], [0.0]]
    """
    factor, failed = lapack.dpotrf(gram, lower=1)
    if not failed:
        # For symmetric matrices the 1-norm condition number bounds the 2-norm one: nothing is left out.
        reciprocal, _ = lapack.dpocon(factor, np.abs(gram).sum(axis=0).max(), uplo="L")
        if reciprocal > 10 * tolerance**2:  # 10: the estimator's slack
            return np.asarray(lapack.dpotrs(factor, cross, lower=1)[0])
    return np.asarray(np.linalg.pinv(gram, rtol=tolerance**2, hermitian=True) @ cross)


def one_step_errors(fit: Floats, score: Floats, delays: Ints, tolerance: float) -> Floats:
    """Fit the newest block on the trials of `fit` for each of `delays`; the errors on those of `score`.

    `fit` and `score` are one network's, (1, trials, steps, k); `delays` increases. Each fit takes all its
    rows, each score the steps that the largest delay can predict. Normal equations, because only the error
    is wanted; the Gram matrix of d delays is a block of that of d + 1, and the rows that start a trial.
    """
    k, largest = fit.shape[-1], int(delays[-1])
    # Zeros stand in for what precedes a trial, so row t is time t; no fit reads them.
    padded = np.pad(fit[:, :, :-1], ((0, 0), (0, 0), (largest - 1, 0), (0, 0)))
    before, after = delay_embed(padded, largest)[0], fit[0, :, 1:]
    late = before[:, largest - 1 :].reshape(-1, k * largest)
    gram, cross = late.T @ late, late.T @ after[:, largest - 1 :].reshape(-1, k)
    rows = delay_embed(score[:, :, :-1], largest).reshape(-1, k * largest)
    target = score[:, :, largest:].reshape(-1, k)
    errors = np.empty(len(delays))
    for d in range(largest, 0, -1):
        size = k * d
        if d < largest:
            edge = before[:, d - 1, :size]
            gram[:size, :size] += edge.T @ edge
            cross[:size] += edge.T @ after[:, d - 1]
        if d in delays:
            weights = solve_normal(gram[:size, :size], cross[:size], tolerance)
            errors[delays == d] = _relative_error(target, rows[:, :size] @ weights)
    return errors


def fit_operators(
    projected: ArrayLike,
    delays: int = 1,
    basis: Literal["whitened", "pc"] = "whitened",
    rank_tolerance: float = RANK_TOLERANCE,
) -> Operators:
    """Fit each network's forward operator by least squares over all pairs (t, t + 1) inside trials.

    With H = V S U^T the Hankel matrix (rows: trials x times, columns: stacked components), ``whitened``
    regresses the rows of V on those one step before, which is the A_v of dsa-metric at full rank: each
    direction counts the same, however little it varies. ``pc`` is the same map in stacked components,
    U S A_v S^-1 U^T: the least-squares operator, of least norm where that is not unique.

    Directions of H with singular values below `rank_tolerance` of the largest carry nothing but rounding.
    They are left out: the operator is zero on them (``whitened``: its last rows and columns), and the status
    is ``rank_deficient``. A network that does not vary at all has no operator (``no_variance``, NaN).
    With size >= rows / 2 nothing is fitted (``underdetermined``, NaN).

    Parameters
    ----------
    projected : (networks, trials, steps, components)
    delays, basis, rank_tolerance
        As above.

    Raises
    ------
    InputError
        If the activity is not four-dimensional and finite, or trials are not longer than `delays`.

    References
    ----------
    Huang et al., appendix I.1; Ostrow et al. 2023 (dsa-metric, ``DMD.compute_havok_dmd``).

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(1, 5, 30, 2))
    >>> for t in range(29):
    ...     x[:, :, t + 1] = x[:, :, t] @ np.array([[0.9, 0.2], [-0.2, 0.8]]).T
    >>> fit_operators(x, basis="pc").operator[0].round(6).tolist()
    [[0.9, 0.2], [-0.2, 0.8]]
    """
    states = four_axes("projected", projected)
    if basis not in ("whitened", "pc"):
        raise InputError("basis", f"unknown basis {basis!r}", "give 'whitened' or 'pc'")
    networks, trials, steps, k = states.shape
    if not 1 <= delays < steps:
        raise InputError("delays", f"{delays} delays in trials of {steps} steps", "leave one step to predict")
    size, rows = k * delays, trials * (steps - delays)
    operator = np.full((networks, size, size), np.nan)
    training, heldout = np.full(networks, np.nan), np.full(networks, np.nan)
    rank = np.zeros(networks, dtype=np.int64)
    status: list[FitStatus] = ["underdetermined"] * networks
    # A Hankel matrix takes tens of MB and its factors tens of ms, so networks follow one another.
    for index in range(0 if underdetermined(states.shape, delays) else networks):
        state = states[index : index + 1]
        operator[index], training[index], rank[index] = _fit(state, delays, basis, rank_tolerance)
        if rank[index] == 0:
            status[index] = "no_variance"
            continue
        status[index] = "ok" if rank[index] == size else "rank_deficient"
        if trials > 1:
            halves = state[:, ::2], state[:, 1::2]
            heldout[index] = one_step_errors(*halves, np.array([delays]), rank_tolerance)[0]
    return Operators(operator, training, heldout, rank, size, k, delays, rows, basis, tuple(status))


def leading_directions(hankel: Floats, tolerance: float = RANK_TOLERANCE) -> tuple[Floats, Floats]:
    """Return right singular vectors (size, rank) and singular values (rank,) of a Hankel matrix (..., size).

    Those above `tolerance` of the largest; none where the matrix is zero.

    Examples
    --------
    >>> leading_directions(np.array([[3.0, 0.0], [0.0, 1e-9]]))[1].tolist()
    [3.0]
    """
    # H = Q R, R = Q' S U^T: never the Gram matrix, which would halve the digits of the small directions.
    # (torch's QR, because numpy's takes ten times as long on tall matrices.)
    triangle = torch.linalg.qr(torch.from_numpy(hankel.reshape(-1, hankel.shape[-1])), mode="r").R.numpy()
    _, singular, rows = np.linalg.svd(triangle)
    rank = int((singular > tolerance * singular[0]).sum())
    return rows[:rank].T, singular[:rank]


def _fit(state: Floats, delays: int, basis: str, tolerance: float) -> tuple[Floats, float, int]:
    """Fit one network, (1, trials, steps, k): its operator, training error and rank."""
    k = state.shape[-1]
    hankel = delay_embed(state, delays)[0]
    size = hankel.shape[-1]
    axes, scale = leading_directions(hankel, tolerance)
    rank = len(scale)
    if rank == 0:
        return np.full((size, size), np.nan), float("nan"), 0
    coordinates = hankel @ axes / scale
    before, after = coordinates[:, :-1].reshape(-1, rank), coordinates[:, 1:].reshape(-1, rank)
    # The Gram matrix of `before` is the identity less the last rows of the trials: well conditioned.
    forward = solve_normal(before.T @ before, before.T @ after, tolerance).T
    newest = (before @ forward.T) * scale @ axes[:k].T
    error = _relative_error(hankel[:, 1:, :k].reshape(-1, k), newest)
    if basis == "pc":
        return (axes * scale) @ forward @ (axes / scale).T, error, rank
    operator = np.zeros((size, size))
    operator[:rank, :rank] = forward
    return operator, error, rank
