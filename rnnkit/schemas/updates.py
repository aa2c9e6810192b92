"""Tables of recurrent weights along training: updates, events among them, correlations across time."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["WEIGHT_CORRELATION", "WEIGHT_EVENTS", "WEIGHT_UPDATES"]

_STEP = Column("step", "int64", "optimiser steps", "of training until the snapshot")
_ROOT = "weight units per square root of a step"

WEIGHT_UPDATES = Schema(
    "weight_updates",
    1,
    "Recurrent weights at each snapshot, and their update until the next one, beside a random walk.",
    ("network", "step"),
    (
        NETWORK,
        _STEP,
        Column("relative_step", "float64", "optimiser steps", "since what --align names; null without", True, True),
        Column("gap", "int64", "optimiser steps", "until the next snapshot; null for the last", True),
        Column("update_singular_values", "vector64", "weight units", "of W(next) - W, falling", True),
        Column("weight_singular_values", "vector64", "weight units", "of W, falling", True),
        Column("update_norm", "float64", "weight units", "Frobenius norm of W(next) - W", True),
        Column("alignment", "float64", "1", "cosine of W(next) - W and W(last) - W", True),
        Column("alignment_null", "float64", "1", "what it is for a random walk with steps of these norms", True),
        Column(
            "score",
            "float64",
            "standard deviations",
            "how far the update stands out among those around it; null without --events",
            True,
        ),
        Column(
            "event", "string", "", "the update is part of: `none`, `explicit`, `hidden`; null without --events", True
        ),
        STATUS,
    ),
)

WEIGHT_CORRELATION = Schema(
    "weight_correlation",
    1,
    "Correlations of the recurrent weights of a network at two times.",
    ("network", "step_a", "step_b"),
    (
        NETWORK,
        Column("step_a", "int64", "optimiser steps", "of the earlier snapshot"),
        Column("step_b", "int64", "optimiser steps", "of the later one"),
        Column("correlation", "float64", "1", "Pearson's, over all entries", True),
        STATUS,
    ),
)

WEIGHT_EVENTS = Schema(
    "weight_events",
    1,
    "Sudden updates and ends of the search phase, each compared with what was before and with what came after.",
    ("network", "number"),
    (
        NETWORK,
        Column("number", "int64", "", "0 for the onset, then 1, 2, ... in time"),
        Column(
            "kind",
            "string",
            "",
            "`onset`, the end of the search phase; `explicit`, `hidden`: event at it, or elsewhere; `transient`: "
            "sudden updates that did not last",
        ),
        Column("centre", "float64", "optimiser steps", "the onset, or the middle of the most sudden update", True),
        Column("begin", "int64", "optimiser steps", "before the first sudden update", True),
        Column("end", "int64", "optimiser steps", "after the last", True),
        Column("score", "float64", "standard deviations", "of the most sudden update", True),
        Column("change", "float64", "1", "1 - correlation of the weights before and after", True),
        Column("usual_change", "float64", "1", "median of the same over all pairs of as many snapshots apart", True),
        Column("update", "float64", _ROOT, "mean largest singular value of updates, over sqrt(gap), around it", True),
        Column("update_before", "float64", _ROOT, "the same before", True),
        Column("update_after", "float64", _ROOT, "the same after", True),
        Column("weight", "float64", "weight units", "mean largest singular value of W around it", True),
        Column("weight_before", "float64", "weight units", "the same before", True),
        Column("weight_after", "float64", "weight units", "the same after", True),
        STATUS,
    ),
)
