"""Learning-rate factors, one per network and epoch."""

from __future__ import annotations

import math

__all__ = ["PLATEAU_EPOCHS", "cosine_factor", "plateau_factor"]

PLATEAU_EPOCHS = 40
_PLATEAU_DECAY = 0.5
_PLATEAU_THRESHOLD = 1e-4


def cosine_factor(epoch: int, restart: int) -> float:
    """Cosine annealing with warm restarts, periods `restart`, 2 restart, 4 restart, ... epochs.

    `epoch` counts from 0. As torch's CosineAnnealingWarmRestarts with T_mult 2 and eta_min 0.

    Examples
    --------
    >>> cosine_factor(0, 50), cosine_factor(50, 50), round(cosine_factor(25, 50), 6)
    (1.0, 1.0, 0.5)
    """
    period = restart
    while epoch >= period:
        epoch -= period
        period *= 2
    return 0.5 * (1 + math.cos(math.pi * epoch / period))


def plateau_factor(losses: list[float]) -> float:
    """Return 0.5 to the number of times that 40 epochs passed without a better loss.

    As torch's ReduceLROnPlateau with factor 0.5, patience 40 and relative threshold 1e-4.

    Examples
    --------
    >>> plateau_factor([1.0] * 42), plateau_factor([1.0] * 41)
    (0.5, 1.0)
    """
    best, bad, factor = math.inf, 0, 1.0
    for loss in losses:
        if loss < best * (1 - _PLATEAU_THRESHOLD):
            best, bad = loss, 0
        else:
            bad += 1
        if bad > PLATEAU_EPOCHS:
            factor, bad = factor * _PLATEAU_DECAY, 0
    return factor
