"""Tables of low-rank structure: overlaps of loading vectors, and what a truncation keeps."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["OVERLAPS", "TRUNCATIONS"]

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
