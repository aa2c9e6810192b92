"""The table of where the search phase of training ends."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["ONSETS"]

ONSETS = Schema(
    "onsets",
    1,
    "Where the search phase of each network's training ends.",
    ("network",),
    (
        NETWORK,
        Column("chance", "float64", "loss", "of the best constant predictor", True),
        Column("plateau", "float64", "loss", "level of the search phase", True),
        Column("onset", "float64", "optimiser steps", "end of the search phase", True),
        Column("onset_low", "float64", "optimiser steps", "lower end of its 95 % interval", True),
        Column("onset_high", "float64", "optimiser steps", "its upper end", True),
        Column("crossing", "float64", "optimiser steps", "at which the loss is below chance for good", True),
        Column("search_steps", "float64", "optimiser steps", "length of the search phase", True),
        Column("search_speed", "float64", "per optimiser step", "1 / search_steps", True),
        Column("delta_bic", "float64", "1", "in favour of a change of slope", True),
        Column("relapses", "int64", "", "returns to chance afterwards", True),
        Column("censored", "bool", "", "training ended before the search did"),
        Column(
            "distance_initial", "float64", "weight units", "Frobenius norm of W at the onset less W at step 0", True
        ),
        STATUS,
    ),
)
