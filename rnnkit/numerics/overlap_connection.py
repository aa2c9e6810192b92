"""How overlaps that the loss does not see follow those that it sees: the augmented Gram matrix and its connection.

The overlaps' gradients by the vectors have products that are overlaps again: N <grad s_ab, grad s_cd> =
d_ac s_bd + d_ad s_bc + d_bc s_ad + d_bd s_ac = G_ab,cd (Ger & Barak, Fig. 11). Flow is ds/dtau = -G dLoss/ds, and since
the loss has slopes by visible overlaps only, ds_invisible = G_iv G_vv^-1 ds_visible along it: the invisible overlaps
are carried along the visible ones' path, whatever the loss and the speed. What a closed path leaves behind, its
holonomy, is what they remember. That view of the paper's memory is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

from rnnkit.errors import InputError
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.reduced_kernels import Array
from rnnkit.numerics.threads import one_thread

__all__ = ["Transport", "connection", "gram_matrix", "transport"]


@dataclass(frozen=True, kw_only=True)
class Transport:
    """Overlaps carried along a path.

    Attributes
    ----------
    overlaps : (kept, n, n) float64
        At each point of the path: visible overlaps as given, the others as the connection carries them.
    error : float
        Largest difference at the end from a path of every other point: what the path's own spacing may have cost.
    status : str
        `ok`; or `failed` where the integration gave up (overlaps that no longer determine it), NaN from there on.
    """

    overlaps: Array
    error: float
    status: str


def gram_matrix(overlaps: Array, relative: Array | None = None) -> Array:
    """Return the augmented Gram matrix over pairs of vectors, in the order of :meth:`Layout.pairs`.

    Parameters
    ----------
    overlaps : (..., n, n)
    relative : (n,), optional
        Factor on the rate of each vector, all 1 by default: each Kronecker delta then weighs the factor of its vector,
        and flow is still -G dLoss/ds.

    Returns
    -------
    (..., p, p) float64
        p = n (n + 1) / 2. Symmetric, positive semidefinite where the overlaps are.

    Examples
    --------
    Two vectors; pairs 11, 12, 22:

    >>> gram_matrix(np.array([[2.0, 0.5], [0.5, 3.0]]))
    array([[ 8.,  1.,  0.],
           [ 1.,  5.,  1.],
           [ 0.,  1., 12.]])
    """
    overlaps = np.asarray(overlaps, dtype=np.float64)
    n = overlaps.shape[-1]
    a, b = np.triu_indices(n)
    same = np.diag(np.ones(n) if relative is None else np.asarray(relative, dtype=np.float64))

    def part(x: NDArray[np.intp], y: NDArray[np.intp], z: NDArray[np.intp], w: NDArray[np.intp]) -> Array:
        product: Array = same[np.ix_(x, z)] * overlaps[..., y[:, None], w]
        return product

    return part(a, b, a, b) + part(a, b, b, a) + part(b, a, a, b) + part(b, a, b, a)


def connection(layout: Layout, overlaps: Array, linear: bool, relative: Array | None = None) -> Array:
    """Return G_iv G_vv^-1: how far the invisible overlaps go for what the visible ones do.

    Parameters
    ----------
    layout : Layout
    overlaps : (..., n, n)
        Positive definite, or there is no one answer.
    linear : bool
    relative : (n,), optional
        Factor on the rate of each vector; visible overlaps of two untrained vectors do not move and have column 0.

    Returns
    -------
    (..., invisible, visible) float64
        Pairs in the order of :meth:`Layout.pairs`.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the visible block is singular.

    Examples
    --------
    Of orthonormal vectors, nothing unseen moves at first order:

    >>> bool(np.any(connection(Layout(inputs=1, rank=1, outputs=1), np.eye(4), linear=True)))
    False
    """
    gram = gram_matrix(overlaps, relative)
    rows, columns = layout.pairs()
    visible = layout.visible(linear)[rows, columns]
    moves = np.ones(layout.size) if relative is None else np.asarray(relative, dtype=np.float64)
    driving = visible & (moves[rows] + moves[columns] > 0)
    across = gram[..., np.flatnonzero(~visible)[:, None], np.flatnonzero(driving)]
    within = gram[..., np.flatnonzero(driving)[:, None], np.flatnonzero(driving)]
    found = np.zeros((*gram.shape[:-2], int((~visible).sum()), int(visible.sum())))
    with one_thread():
        found[..., driving[visible]] = np.linalg.solve(within, across.swapaxes(-1, -2)).swapaxes(-1, -2)
    return found


def transport(
    layout: Layout,
    start: Array,
    path: Array,
    linear: bool,
    relative: Array | None = None,
    times: Array | None = None,
    tolerance: float = 1e-10,
) -> Transport:
    """Carry the invisible overlaps from the start along a smooth path of the visible ones.

    The path is taken as the cubic spline through its points. Phases of training that meet at a corner are to be
    carried one by one, each from where the last ended.

    Parameters
    ----------
    layout : Layout
    start : (n, n)
        All overlaps at the path's first point.
    path : (points, n, n)
        Only visible overlaps are read. Five points or more, so that the error can be told.
    linear : bool
    relative : (n,), optional
        Factor on the rate of each vector.
    times : (points,), optional
        Rising; the spline's variable. Only the path matters, but it is smooth in learning time.
    tolerance : float
        Relative local error of the integrator (DOP853).

    Raises
    ------
    InputError
        When shapes do not fit or the path does not begin at the start.

    Examples
    --------
    A path that does not move leaves all as it was:

    >>> held = np.diag([1.0, 2.0, 3.0, 4.0])
    >>> found = transport(Layout(inputs=1, rank=1, outputs=1), held, np.stack([held] * 5), linear=True)
    >>> bool(np.array_equal(found.overlaps[-1], held)), found.error, found.status
    (True, 0.0, 'ok')
    """
    start, path = np.asarray(start, dtype=np.float64), np.asarray(path, dtype=np.float64)
    n = layout.size
    if start.shape != (n, n) or path.ndim != 3 or path.shape[1:] != (n, n) or len(path) < 5:
        raise InputError("path", f"{path.shape} from {start.shape}", f"give (5 or more, {n}, {n}) from ({n}, {n})")
    visible = layout.visible(linear)
    if not np.allclose(path[0][visible], start[visible], rtol=1e-9, atol=1e-12):
        raise InputError("path", "does not begin at the start", "its visible overlaps are to be the start's")
    at = np.arange(float(len(path))) if times is None else np.asarray(times, dtype=np.float64)
    if at.shape != (len(path),) or np.any(np.diff(at) <= 0):
        raise InputError("times", "do not rise along the path", "give one for each point")
    # Every other point, the last one in any case.
    coarse = np.unique(np.append(np.arange(0, len(path), 2), len(path) - 1))
    carried, good = _carried(layout, start, path, at, linear, relative, tolerance)
    rough, _ = _carried(layout, start, path[coarse], at[coarse], linear, relative, tolerance)
    error = float(np.abs(carried[-1] - rough[-1]).max())
    return Transport(overlaps=carried, error=error, status="ok" if good else "failed")


def _carried(
    layout: Layout, start: Array, path: Array, at: Array, linear: bool, relative: Array | None, tolerance: float
) -> tuple[Array, bool]:
    """Return overlaps (points, n, n) along a path, and whether the integration reached its end."""
    rows, columns = layout.pairs()
    visible = layout.visible(linear)[rows, columns]
    spline = CubicSpline(at, path[:, rows[visible], columns[visible]])
    speed = spline.derivative()

    def whole(seen: Array, unseen: Array) -> Array:
        pairs = np.empty((*seen.shape[:-1], len(rows)))
        pairs[..., visible], pairs[..., ~visible] = seen, unseen
        out = np.empty((*seen.shape[:-1], layout.size, layout.size))
        out[..., rows, columns] = out[..., columns, rows] = pairs
        return out

    def motion(time: float, unseen: Array) -> Array:
        moved: Array = connection(layout, whole(spline(time), unseen), linear, relative) @ speed(time)
        return moved

    unseen = np.full((len(path), int((~visible).sum())), np.nan)
    unseen[0] = start[rows[~visible], columns[~visible]]
    good = True
    try:
        found = solve_ivp(
            motion, (at[0], at[-1]), unseen[0], method="DOP853", t_eval=at, rtol=tolerance, atol=tolerance / 100
        )
        unseen[: found.y.shape[1]], good = found.y.T, bool(found.success)
    except np.linalg.LinAlgError:
        good = False
    return whole(path[:, rows[visible], columns[visible]], unseen), good
