"""What the scripts of this study share: a row of the claims' table, and the bounds of "none" and of "agrees"."""

from __future__ import annotations

import numpy as np
from claim_tables import Outcome
from seed_verdicts import Values, interval_of

#: A share that counts as none.
SMALL = 0.01
#: Curves that are as near as this, of how far they go, agree by eye.
AGREES = 0.05
#: What is equal to rounding, after some thousand steps.
ROUNDING = 1e-10


def outcome(figure: str, task: str, claim: str, statistic: str, values: str, found: Values, verdict: str) -> Outcome:
    """Return a row of the claims' table, networks being the samples; `figure` names its target: `Fig. 3`."""
    target = figure.lower().replace(". ", "")
    return Outcome(
        "Ger & Barak",
        figure,
        task,
        claim,
        statistic,
        values,
        *interval_of(found),
        str(int(np.isfinite(found).sum())),
        verdict,
        f"make -C pipelines/overlaps {target}",
    )
