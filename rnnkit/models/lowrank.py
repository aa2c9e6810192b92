"""`lowrank`: the current form with W = left right^T / N, which is never formed (:mod:`rnnkit.models.couplings`)."""

from __future__ import annotations

from rnnkit.models.current import Current

__all__ = ["LowRank"]


class LowRank(Current):
    """h <- h + alpha (-h + left right^T phi(h) / N + U x + b)."""

    family = "lowrank"
