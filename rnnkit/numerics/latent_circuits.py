"""The latent circuit of networks of rank one: how fast their one latent variable moves, and where it hardly does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Circuits", "flat_length", "velocities", "velocities_at"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Drives of units (circuits, points, units) that are held at a time: what stays in a cache takes a tenth of the time.
_BLOCK = 1 << 15
#: Circuits that are worked on at a time.
_TOGETHER = 32


@dataclass(frozen=True)
class Circuits:
    """Networks with W = m n^T / N at a constant input.

    Attributes
    ----------
    left, right : (circuits, units) float64
        m and n.
    drive : (circuits, units) float64
        C u0 + h: what the units get besides the latent variable.
    nonlinearity : str
        `tanh`, `relu` or `identity`.
    """

    left: Floats
    right: Floats
    drive: Floats
    nonlinearity: str = "tanh"

    def __len__(self) -> int:
        return len(self.left)


def _activate(name: str, drive: Floats) -> tuple[Floats, Floats]:
    """Return phi and phi' (of relu at 0: 0); `drive` is overwritten."""
    if name == "tanh":
        rates = np.tanh(drive, out=drive)
        return rates, 1 - rates**2
    if name == "relu":
        return np.maximum(drive, 0.0), (drive > 0).astype(np.float64)
    return drive, np.ones_like(drive)


def velocities(circuits: Circuits, kappa: Floats) -> tuple[Floats, Floats]:
    """Return how fast the latent variable moves, and the slope of that, on a grid.

    With kappa = n.r / N (`leaky`), or h = m kappa + C u0 + b (`lowrank`), a step at constant input u0 is
    kappa <- kappa + alpha f(kappa), where::

        f(kappa) = -kappa + (1/N) sum_i n_i phi(m_i kappa + (C u0 + b)_i)
        f'(kappa) = -1 + (1/N) sum_i m_i n_i phi'(m_i kappa + (C u0 + b)_i)

    (Haputhanthri et al., equation 4). One unit of time is the time constant.

    Parameters
    ----------
    circuits : Circuits
    kappa : (points,) float64

    Returns
    -------
    velocity, slope : (circuits, points) float64

    Examples
    --------
    >>> two = Circuits(np.ones((1, 2)), np.full((1, 2), 1.5), np.zeros((1, 2)))
    >>> velocity, slope = velocities(two, np.array([0.0, 1.0]))
    >>> velocity.round(4).tolist(), slope.round(4).tolist()  # -k + 1.5 tanh k
    ([[0.0, 0.1424]], [[0.5, -0.37]])
    """
    count, units = circuits.left.shape
    velocity, slope = np.empty((count, len(kappa))), np.empty((count, len(kappa)))
    each = max(1, _BLOCK // (_TOGETHER * units))
    for k in range(0, count, _TOGETHER):
        some = slice(k, k + _TOGETHER)
        left, fixed = circuits.left[some, None], circuits.drive[some, None]
        right, gains = circuits.right[some, :, None], (circuits.left * circuits.right)[some, :, None]
        for first in range(0, len(kappa), each):
            here = slice(first, first + each)
            rates, slopes = _activate(circuits.nonlinearity, kappa[here, None] * left + fixed)
            velocity[some, here] = (rates @ right)[..., 0] / units - kappa[here]
            slope[some, here] = (slopes @ gains)[..., 0] / units - 1
    return velocity, slope


def velocities_at(circuits: Circuits, which: Counts, kappa: Floats) -> tuple[Floats, Floats]:
    """Return velocity and slope of some circuits, each at a place of its own.

    Parameters
    ----------
    circuits : Circuits
    which : (places,) int64
        Circuits, from 0.
    kappa : (places,) float64

    Returns
    -------
    velocity, slope : (places,) float64

    Examples
    --------
    >>> one = Circuits(np.ones((1, 2)), np.full((1, 2), 1.5), np.zeros((1, 2)))
    >>> float(velocities_at(one, np.array([0]), np.array([1.0]))[0][0].round(4))
    0.1424
    """
    units = circuits.left.shape[1]
    velocity, slope = np.empty(len(which)), np.empty(len(which))
    each = max(1, _BLOCK // units)
    for first in range(0, len(which), each):
        here = slice(first, first + each)
        left, right = circuits.left[which[here]], circuits.right[which[here]]
        drive = kappa[here, None] * left + circuits.drive[which[here]]
        rates, slopes = _activate(circuits.nonlinearity, drive)
        velocity[here] = np.einsum("kn,kn->k", rates, right) / units - kappa[here]
        slope[here] = np.einsum("kn,kn,kn->k", slopes, left, right) / units - 1
    return velocity, slope


def flat_length(kappa: Floats, velocity: Floats, slope: Floats, threshold: float) -> Floats:
    """Return the flatness score: the length of the grid cells at both of whose ends |f| and |f'| are below a threshold.

    Parameters
    ----------
    kappa : (points,) float64
        Rising.
    velocity, slope : (circuits, points) float64
    threshold : float

    Returns
    -------
    (circuits,) float64

    Examples
    --------
    >>> grid = np.array([0.0, 0.5, 1.0, 1.5])
    >>> flat_length(grid, np.array([[0.1, 0.0, 0.0, 0.3]]), np.zeros((1, 4)), 0.2).tolist()
    [1.0]
    """
    flat = (np.abs(velocity) < threshold) & (np.abs(slope) < threshold)
    return np.asarray((flat[:, 1:] & flat[:, :-1]) @ np.diff(kappa), dtype=np.float64)
