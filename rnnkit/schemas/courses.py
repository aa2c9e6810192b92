"""Tables of networks trained in phases: what is left of earlier tasks, and how unseen overlaps moved."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["CARRIED_OVERLAPS", "PATH_DEPENDENCE"]

_UNIT = "squared weight units"

PATH_DEPENDENCE = Schema(
    "path_dependence",
    1,
    "What of the tasks that a network learnt before is left in its overlaps.",
    ("network", "other", "measure", "kind"),
    (
        NETWORK,
        Column("other", "string", "", "of `memory`, the control, or empty; of `divergence`, the second network"),
        Column("measure", "string", "", "`memory`: after A-B-A; `divergence`: two networks after A-C and B-C"),
        Column("kind", "string", "", "of overlaps: `unseen`, `visible`, or `functional`, what a linear response shows"),
        Column("protocol", "string", "", "phases of the network, by their names"),
        Column("other_protocol", "string", "", "those of the other", True),
        Column("excursion", "float64", _UNIT, "|x(B) - x(A1)|; or how far apart after their first phases", True),
        Column("left", "float64", _UNIT, "|x(A2) - x(A1)|; or how far apart at the end", True),
        Column("ratio", "float64", "share", "left / excursion", True),
        Column("beyond_control", "float64", _UNIT, "|x(A2) - x(A-A-A)|; null for `divergence`", True),
        Column("ratio_beyond_control", "float64", "share", "beyond_control / excursion", True),
        Column("losses", "vector64", "loss", "of the network at the end of each phase"),
        Column("other_losses", "vector64", "loss", "of the other", True),
        Column("stop_loss", "float64", "loss", "below which a phase counts as converged", True),
        STATUS,
    ),
)

CARRIED_OVERLAPS = Schema(
    "carried_overlaps",
    1,
    "Unseen overlaps at the end of each phase: measured, and carried along the path of the visible ones.",
    ("network", "phase", "left", "right"),
    (
        NETWORK,
        Column("phase", "int64", "", "of the protocol, counts from 1"),
        Column("left", "string", "", "a loading vector, as in `overlaps`"),
        Column("right", "string", "", "the same one, or a later one"),
        Column("protocol", "string", "", "phases of the network, by their names"),
        Column("step", "int64", "optimiser steps", "at the end of the phase"),
        Column("start", "float64", _UNIT, "before training, where the path begins", True),
        Column("measured", "float64", _UNIT, "at the end of the phase", True),
        Column("carried", "float64", _UNIT, "from the start, along all phases so far", True),
        Column("deviation", "float64", _UNIT, "carried less measured", True),
        Column(
            "error", "float64", _UNIT, "how far `carried` is from that of every other snapshot, all phases so far", True
        ),
        STATUS,
    ),
)
