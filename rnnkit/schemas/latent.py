"""Tables of the latent circuit of networks of rank one: fixed points, flatness, flow."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["LATENT", "LATENT_FLOW"]

_STEP = Column("step", "int64", "optimiser steps", "of training so far; 0 where a checkpoint does not say")
_SINCE = Column("relative_step", "float64", "optimiser steps", "since what --align names; null without it", True, True)

LATENT = Schema(
    "latent",
    1,
    "Fixed points and flatness of the latent circuit of networks of rank one.",
    ("network", "step"),
    (
        NETWORK,
        _STEP,
        _SINCE,
        Column("fixed_points", "int64", "", "in the range, by the grid", True),
        Column("stable", "int64", "", "of these, stable in continuous time: the velocity falls through 0", True),
        Column("stable_steps", "int64", "", "of these, stable in the network's own steps too", True),
        Column("roots", "vector64", "latent units", "the fixed points, rising", True),
        Column("slopes", "vector64", "per time constant", "slope of the velocity at each", True),
        Column("fixed_points_fine", "int64", "", "in the range, by a grid twenty times finer", True),
        Column("outside", "int64", "", "that lie beyond the range for certain, 0 to 2", True),
        Column("flatness", "float64", "latent units", "length of the flat cells of the grid", True),
        Column("flatness_range", "float64", "latent units", "the same over the range that the task uses", True),
        Column(
            "min_abs_velocity",
            "float64",
            "latent units per time constant",
            "smallest in the range; 0 with a fixed point",
            True,
        ),
        STATUS,
    ),
)

LATENT_FLOW = Schema(
    "latent_flow",
    1,
    "Velocity of the latent variable of networks of rank one, on a grid.",
    ("network", "step", "kappa"),
    (
        NETWORK,
        _STEP,
        _SINCE,
        Column("kappa", "float64", "latent units", "the latent variable"),
        Column("velocity", "float64", "latent units per time constant", "how fast it moves", True),
        Column("slope", "float64", "per time constant", "derivative of the velocity by it", True),
        STATUS,
    ),
)
