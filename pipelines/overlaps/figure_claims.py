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


def outcome(
    figure: str,
    task: str,
    claim: str,
    statistic: str,
    values: str,
    found: Values,
    verdict: str,
    networks: int | None = None,
) -> Outcome:
    """Return a row of the claims' table; `figure` names its target too: `Fig. 3`, or `Floor`.

    Networks are the samples: as many as `found` holds, if nothing else is said.
    """
    target = figure.lower().replace(". ", "")
    count = int(np.isfinite(found).sum()) if networks is None else networks
    return Outcome(
        "Ger & Barak",
        figure,
        task,
        claim,
        statistic,
        values,
        *interval_of(found),
        str(count),
        verdict,
        f"make -C pipelines/overlaps {target}",
    )
