"""Tables of low-rank structure: overlaps of loading vectors, and what a truncation keeps."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["CONSERVED", "GRAM_MATRIX", "OVERLAPS", "OVERLAP_THEORY", "TRUNCATIONS"]

_STEP = Column(
    "step", "int64", "optimiser steps", "of training so far; 0 before it, and where a checkpoint does not say"
)
_RANK = Column("rank", "int64", "", "of the recurrent weights: a low-rank network's own, or that of the truncation")
_SHARE = Column("share_of_norm", "float64", "share", "of the squared norm of the recurrent weights that is kept", True)

OVERLAPS = Schema(
    "overlaps",
    1,
    "Overlaps of the loading vectors of low-rank and truncated networks, and which the loss sees.",
    ("network", "step", "left", "right"),
    (
        NETWORK,
        _STEP,
        Column("left", "string", "", "a loading vector: `m` input, `b` bias, `h` initial state, `u`, `v`, `z` readout"),
        Column("right", "string", "", "the same one, or a later one"),
        Column("value", "float64", "squared weight units", "left . right / N", True),
        Column("visible", "bool", "", "the loss is a function of it; null where no theory says", True),
        _SHARE,
        _RANK,
        STATUS,
    ),
)

TRUNCATIONS = Schema(
    "truncations",
    1,
    "How much of a network's weights and behaviour a truncation of its recurrent weights keeps.",
    ("network", "step", "rank"),
    (
        NETWORK,
        _STEP,
        _RANK,
        _SHARE,
        Column("fvu_full", "float64", "share", "fraction of variance unexplained by the network as it is", True),
        Column("fvu", "float64", "share", "the same of the truncated one", True),
        Column("delta_fvu", "float64", "share", "fvu - fvu_full", True),
        Column("accuracy_full", "float64", "share", "where the task defines one", True),
        Column("accuracy", "float64", "share", "the same of the truncated one", True),
        Column("rollout_distance", "float64", "share", "as fvu, with the network's own outputs for targets", True),
        Column("trials", "int64", "trials", "run, common to all networks of a task"),
        STATUS,
    ),
)

OVERLAP_THEORY = Schema(
    "overlap_theory",
    1,
    "What a theory that knows the initial overlaps alone predicts of training, beside what was measured.",
    ("network", "step", "left", "right", "motion"),
    (
        NETWORK,
        Column("step", "int64", "steps", "optimiser steps of training"),
        Column("left", "string", "", "loading vector as in `overlaps`; `loss` in both columns for the loss"),
        Column("right", "string", "", "the other one"),
        Column(
            "motion",
            "string",
            "",
            "`descent`: gradient descent, step by step; `flow`: its limit of small steps; `direct`: descent on the "
            "overlaps themselves, which training does not do",
        ),
        Column(
            "measured",
            "float64",
            "1",
            "overlap, or mean squared error on the trials of the last step taken, at step 0 of the first",
            True,
        ),
        Column("predicted", "float64", "1", "the same from the overlaps at step 0", True),
        Column("deviation", "float64", "1", "predicted less measured", True),
        Column("visible", "bool", "", "the loss is a function of it; null for the loss", True),
        Column("phase", "int64", "", "of the protocol, from 1: the one that ended or was under way"),
        STATUS,
    ),
)

CONSERVED = Schema(
    "conserved",
    1,
    "Combinations of overlaps that gradient flow leaves as they are.",
    ("network", "step", "quantity"),
    (
        NETWORK,
        Column("step", "int64", "steps", "optimiser steps of training"),
        Column("quantity", "string", "", "`I1`, `I2`, …: traces of powers of DS; `uu-vv`, `mm-zz`"),
        Column("value", "float64", "1", "of it at this step", True),
        Column("drift", "float64", "1", "value less that at the first step of the table", True),
        Column("holds", "bool", "", "gradient flow conserves it in such a network, trained as this one was"),
        STATUS,
    ),
)

GRAM_MATRIX = Schema(
    "gram_matrix",
    1,
    "How fast an overlap moves for each slope of the loss by another: d overlap / d time = -(matrix) (slopes).",
    ("network", "step", "left", "right", "by_left", "by_right"),
    (
        NETWORK,
        Column("step", "int64", "steps", "optimiser steps of training"),
        Column("left", "string", "", "loading vector of the overlap that moves"),
        Column("right", "string", "", "the other one"),
        Column("by_left", "string", "", "loading vector of the overlap whose slope moves it"),
        Column("by_right", "string", "", "the other one"),
        Column("value", "float64", "1", "entry of the augmented Gram matrix", True),
        Column("visible", "bool", "", "the loss is a function of the overlap that moves", True),
        Column("by_visible", "bool", "", "the loss is a function of the other, so that there is a slope", True),
        STATUS,
    ),
)
