"""Every random number in rnnkit comes from a stream named by a seed, a purpose and an index.

A stream depends on nothing else: not on which networks share a batch, not on what was drawn before.
That is what makes a network trained alone the same as in company, and a resumed run the same as one
that was never stopped.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

__all__ = ["Purpose", "stream"]

Purpose = Literal[
    "weights", "training", "validation", "evaluation", "ood", "solver", "bootstrap", "permutation", "reference"
]

_PURPOSES: dict[Purpose, int] = {
    "weights": 1,
    "training": 2,
    "validation": 3,
    "evaluation": 4,
    "ood": 5,
    "solver": 6,
    "bootstrap": 7,
    "permutation": 8,
    "reference": 9,
}


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """Return the generator of one seed, purpose and index (such as an epoch).

    Examples
    --------
    >>> bool(stream(3, "training", 0).integers(10) == stream(3, "training", 0).integers(10))
    True
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, _PURPOSES[purpose], *index])))
