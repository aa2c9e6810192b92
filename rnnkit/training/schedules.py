"""Learning-rate factors, one per network and epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnnkit.errors import InputError

__all__ = ["PLATEAU_EPOCHS", "SCHEDULES", "Schedule", "cosine_factor", "parse_schedule", "plateau_factor"]

SCHEDULES = ("none", "cosine", "plateau")
PLATEAU_EPOCHS = 40
_PLATEAU_DECAY = 0.5
_PLATEAU_THRESHOLD = 1e-4


@dataclass(frozen=True)
class Schedule:
    """A schedule as `--schedule` names it; `patience` and `factor` are those of `plateau`."""

    kind: str
    patience: int = PLATEAU_EPOCHS
    factor: float = _PLATEAU_DECAY


def parse_schedule(text: str) -> Schedule:
    """Read `none`, `cosine`, `plateau` or `plateau:PATIENCE,FACTOR`; `+` does for the comma, as in --vary.

    Examples
    --------
    >>> parse_schedule("plateau:500,0.5")
    Schedule(kind='plateau', patience=500, factor=0.5)
    """
    kind, colon, rest = text.partition(":")
    if not colon:
        return Schedule(text)
    patience, _, factor = rest.replace("+", ",").partition(",")
    try:
        found = Schedule(kind, int(patience), float(factor))
    except ValueError:
        found = Schedule("")
    if found.kind != "plateau" or found.patience < 0 or not 0 < found.factor < 1:
        fix = "give plateau:PATIENCE,FACTOR, epochs of 0 or more and a factor between 0 and 1"
        raise InputError("--schedule", f"'{text}' is no schedule", fix)
    return found


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


def plateau_factor(losses: list[float], patience: int = PLATEAU_EPOCHS, decay: float = _PLATEAU_DECAY) -> float:
    """Return `decay` to the number of times that more than `patience` epochs passed without a better loss.

    As torch's ReduceLROnPlateau with that factor and patience and relative threshold 1e-4.

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
        if bad > patience:
            factor, bad = factor * decay, 0
    return factor
