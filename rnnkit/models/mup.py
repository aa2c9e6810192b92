"""`mup`: the current form in the maximal-update parametrisation (paper "degeneracy", appendix L, eq. 4 to 6).

J is stored with entries of variance N; J / N acts (:mod:`rnnkit.models.couplings`).
"""

from __future__ import annotations

from rnnkit.models.current import Current

__all__ = ["Mup"]


class Mup(Current):
    """h <- h + tau (-h + J phi(h) / N + U x + b)."""

    family = "mup"
