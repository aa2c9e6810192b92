"""Table of fixed points that a local rule writes into a network."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["FREEZE_IN"]

FREEZE_IN = Schema(
    "freeze_in",
    1,
    "Where each cue leaves a network, as freeze-in learning goes on.",
    ("network", "epoch", "cue"),
    (
        NETWORK,
        Column("epoch", "int64", "presentations", "of each cue, so far; 0 is before learning"),
        Column("cue", "int64", "", "counts from 0"),
        Column("settled", "bool", "", "the speed is below --still at the end of the free steps"),
        Column("speed", "float64", "per time constant", "Euclidean norm of tanh(W r) - r, there"),
        Column(
            "point",
            "int64",
            "",
            "that the cue settled at, counts from 0 in the order of the cues; null if it did not, or in silence",
            True,
        ),
        Column("rms", "float64", "rate", "root mean square of the units' rates r, there"),
        Column("overlap_cue", "float64", "", "cosine of r with the cue's input weights; null where r = 0", True),
        Column("radius", "float64", "per step", "spectral radius of the step at the polished fixed point", True),
        Column(
            "abscissa",
            "float64",
            "per time constant",
            "largest real part of an eigenvalue of -1 + diag(1 - r²) W, there",
            True,
        ),
        Column("weight_norm_ratio", "float64", "share", "Frobenius norm of W over that before learning"),
        Column("weight_change", "float64", "share", "Frobenius norm of W - W before learning, over that of the latter"),
        Column("certified", "bool", "", "proven: one fixed point within `proof_radius`; null if not tried", True),
        Column("proof_radius", "float64", "rate", "in the max norm, about the polished point", True),
        Column("unique_radius", "float64", "rate", "proven: no second fixed point within it", True),
        Column("stability_certified", "bool", "", "proven: all eigenvalues of the step inside the unit circle", True),
        STATUS,
    ),
)
