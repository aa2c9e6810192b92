"""Gradient flow of a low-rank network in its overlaps: the limit of descent at small learning rates.

dS/dtau = -(S Gamma D + D Gamma S), D the relative rates, tau = rate steps. What is integrated is L of S = L^T S_0 L,
dL/dtau = -L Gamma D, so that S stays positive semidefinite and the vectors themselves, X_0 L, are known too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from rnnkit.errors import InputError
from rnnkit.numerics.overlap_descent import DescentRule, carry
from rnnkit.numerics.reduced_activity import ReducedModel, Trials, loss_gradient
from rnnkit.numerics.reduced_kernels import Array
from rnnkit.numerics.threads import one_thread

__all__ = ["Flow", "Slope", "flow", "follow"]

#: The loss and Gamma (n, n) and the slope by the offset (outputs,) of one network, from S (n, n) and offset (outputs,).
Slope = Callable[[Array, Array], tuple[float, Array, Array]]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Where the flow went. NaN after the time at which a network's integration gave up.

    Attributes
    ----------
    times : (kept,) float64
        Learning time, rate times steps.
    overlaps : (networks, kept, n, n) float64
    offset : (networks, kept, outputs) float64
    losses : (networks, kept) float64
    transfer : (networks, n, n) float64
        L at the last time: X = X_0 L.
    evaluations : (networks,) int64
        How often the gradient was taken.
    status : tuple of str
        Per network `ok`, or `failed` where the integrator gave up.
    """

    times: Array
    overlaps: Array
    offset: Array
    losses: Array
    transfer: Array
    evaluations: np.ndarray[tuple[int], np.dtype[np.int64]]
    status: tuple[str, ...]


def flow(
    model: ReducedModel,
    overlaps: Array,
    trials: Trials,
    times: Sequence[float] | Array,
    relative: Sequence[float] = (),
    offset: Array | None = None,
    tolerance: float = 1e-10,
) -> Flow:
    """Integrate gradient flow on fixed trials, for each network by itself.

    Parameters
    ----------
    overlaps : (networks, n, n)
        S at time 0.
    trials : Trials
    times : (kept,)
        Learning times, rising from 0 or later; that of descent after t steps is rate t.
    relative : sequence of float
        Factor on the rate of each vector, as of :class:`DescentRule`.
    offset : (networks, outputs), optional
        The readout's at the start; without it there is none, and none is learned.
    tolerance : float
        Relative local error of the integrator (DOP853); the absolute one is a hundredth of it.

    Raises
    ------
    InputError
        When shapes do not fit, or times or tolerance are out of range.

    Examples
    --------
    A readout that learns by itself, ds_zm/dtau = 2 (1 - s_zm):

    >>> from rnnkit.numerics.loading_vectors import Layout
    >>> model = ReducedModel(layout=Layout(inputs=1, rank=1, outputs=1), alpha=0.5, linear=True)
    >>> once = Trials.of(np.array([[[2.0]]]), np.array([[[1.0]]]))
    >>> path = flow(model, np.eye(4)[None], once, [0.0, 0.5], relative=(0, 0, 0, 1))
    >>> bool(abs(path.overlaps[0, 1, 0, 3] - (1 - np.exp(-1))) < 1e-9)
    True
    """
    factors = DescentRule(rate=1.0, relative=tuple(relative)).factors(model)
    learned = float(offset is not None)
    start, at, _ = model.parameters(overlaps, offset)
    inputs, targets, mask = trials.arrays(model, len(start))
    scales = np.broadcast_to(np.asarray(model.scale, dtype=np.float64), (len(start),))
    paths = []
    # Each by itself: a common step size would let a network's numbers depend on its company.
    for k in range(len(start)):
        own = min(k, len(inputs) - 1)
        one = ReducedModel(layout=model.layout, alpha=model.alpha, linear=model.linear, scale=float(scales[k]))
        batch = Trials(inputs=inputs[own, None], targets=targets[own, None], mask=mask[own, None])

        def slope(s: Array, c: Array, one: ReducedModel = one, batch: Trials = batch) -> tuple[float, Array, Array]:
            found = loss_gradient(one, s[None], batch, c[None])
            return float(found.loss[0]), found.gamma[0], learned * found.offset[0]

        paths.append(follow(slope, start[k], at[k], times, factors, tolerance))
    return Flow(
        times=np.array(times, dtype=np.float64),
        **{name: np.stack([getattr(p, name)[0] for p in paths]) for name in _STACKED},
        status=tuple(p.status[0] for p in paths),
    )


_STACKED = ("overlaps", "offset", "losses", "transfer", "evaluations")


def follow(
    slope: Slope,
    overlaps: Array,
    offset: Array,
    times: Sequence[float] | Array,
    factors: Array,
    tolerance: float = 1e-10,
) -> Flow:
    """Integrate the flow of one network down any loss of its overlaps.

    Parameters
    ----------
    slope : callable
        (S (n, n), offset (outputs,)) to (loss, Gamma (n, n), slope by the offset (outputs,)).
    overlaps : (n, n)
    offset : (outputs,)
    times : (kept,)
    factors : (n,)
        Factor on the rate of each vector.

    Returns
    -------
    Flow
        Of an ensemble of one.

    Examples
    --------
    >>> def quartic(s, c):  # of a single vector: loss s^2 / 2, Gamma = 2 s, ds/dtau = -4 s^2
    ...     return float(s[0, 0] ** 2 / 2), 2 * s, 0 * c
    >>> found = follow(quartic, np.eye(1), np.zeros(1), [1.0], np.ones(1))
    >>> bool(abs(found.overlaps[0, 0, 0, 0] - 1 / 5) < 1e-9)
    True
    """
    times = np.array(times, dtype=np.float64)
    if len(times) == 0 or not times[0] >= 0.0 or np.any(np.diff(times) <= 0) or not np.isfinite(times[-1]):
        raise InputError("times", "learning times do not rise from 0 on", "give each once, in order")
    if not 1e-13 <= tolerance <= 1e-2:
        raise InputError("tolerance", f"{tolerance} is not between 1e-13 and 0.01", "1e-10 is the usual one")
    n, readouts, kept = len(overlaps), len(offset), len(times)

    def motion(_: float, state: Array) -> Array:
        transfer = state[: n * n].reshape(n, n)
        _, gamma, by_offset = slope(carry(overlaps, transfer), state[n * n :])
        return np.concatenate([-(transfer @ gamma * factors).ravel(), -by_offset])

    state = np.concatenate([np.eye(n).ravel(), offset])
    evaluations, good = 0, True
    path = np.full((kept, n * n + readouts), np.nan)
    path[times == 0.0] = state
    if times[-1] > 0.0:
        with one_thread(), np.errstate(all="ignore"):
            span, absolute = (0.0, float(times[-1])), tolerance / 100
            found = solve_ivp(motion, span, state, method="DOP853", t_eval=times, rtol=tolerance, atol=absolute)
        path[: found.y.shape[1]] = found.y.T
        evaluations, good = int(found.nfev), bool(found.success)
    transfers = path[:, : n * n].reshape(kept, n, n)
    carried = carry(np.broadcast_to(overlaps, transfers.shape), transfers)
    losses = [slope(s, c)[0] for s, c in zip(carried, path[:, n * n :], strict=True)]
    return Flow(
        times=times,
        overlaps=carried[None],
        offset=path[None, :, n * n :],
        losses=np.array([losses]),
        transfer=transfers[-1:],
        evaluations=np.array([evaluations]),
        status=("ok" if good else "failed",),
    )
