"""What Huang et al., "Measuring and controlling solution degeneracy", claim, and what each claim is asked of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rules import DOWN, UP

PAPER = "Huang et al."
TASKS = ("flipflop", "delayed-discrimination", "sine", "path-integration")
LEVELS = ("dynamics", "weights", "behaviour")

#: Table 1, by factor: dynamics, weights, behaviour. Memory demand and auxiliary loss are kinds of complexity (app. B).
TABLE_1 = {
    "complexity": (DOWN, UP, DOWN),
    "gamma": (DOWN, UP, UP),
    "width": (DOWN, DOWN, DOWN),
    "nuclear": (DOWN, DOWN, DOWN),
    "l1": (DOWN, DOWN, DOWN),
    "delay": (DOWN, UP, DOWN),
    "auxiliary": (DOWN, UP, DOWN),
}

#: Where the paper shows it.
FIGURES = {
    "complexity": "Table 1, Fig. 2",
    "gamma": "Table 1, Figs. 3A, 8",
    "width": "Table 1, Figs. 3B, 9",
    "nuclear": "Table 1, Figs. 4, 25",
    "l1": "Table 1, Figs. 4, 26",
    "delay": "Fig. 6A",
    "auxiliary": "Fig. 6B",
}

#: Figures of feature learning over gamma and over width, by task.
_OVER_GAMMA = dict(zip(TASKS, ("Fig. 17", "Fig. 18", "Fig. 19", "Fig. 20"), strict=True))
_OVER_WIDTH = dict(zip(TASKS, ("Fig. 21", "Fig. 22", "Fig. 23", "Fig. 24"), strict=True))

#: Kernel alignments no further apart than this are called the same: half of what appendix N's gammas do.
SAME_ALIGNMENT = 0.05


@dataclass(frozen=True)
class Claim:
    """One claim: as a factor grows, a statistic goes up, goes down, or stays.

    Attributes
    ----------
    figure, text : str
    level : str
        One of `LEVELS`, or `feature learning`.
    form : str
        `paper`: the statistic that the paper uses; any other is ours, for the same claim.
    metric : str
        Of the degeneracy table; a column of the feature-learning table at the level `feature learning`.
    arrow : str
        UP, DOWN, or "=" for no change.
    untrained : str
        The same statistic of untrained networks, where the degeneracy table has it.
    small : float
        Largest change that counts as none, where the arrow is "=".
    """

    figure: str
    text: str
    level: str
    form: str
    metric: str
    arrow: str
    untrained: str = ""
    small: float = 0.0


def degeneracy_claims(factor: str) -> Iterator[Claim]:
    """Give the arrows of a factor, each in the paper's form and in ours.

    Examples
    --------
    >>> [(claim.metric, claim.arrow) for claim in degeneracy_claims("width")][2:5]
    [('pif-per-parameter', '↓'), ('pif-relative', '↓'), ('pif-ratio-to-initial', '↓')]
    """
    dynamics, weights, behaviour = TABLE_1[factor]
    figure = FIGURES[factor]
    by_count = factor == "width"
    claim = Claim(figure, "", "dynamics", "paper", "dsa", dynamics)
    yield claim
    yield replace(claim, form="of unit norm", metric="dsa-relative")
    suffix = "-per-parameter" if by_count else ""
    claim = Claim(figure, "", "weights", "paper", f"pif{suffix}", weights, f"pif-initial{suffix}")
    yield claim
    yield replace(claim, form="relative to the norms", metric="pif-relative", untrained="pif-initial-relative")
    yield replace(claim, form="over untrained pairs", metric="pif-ratio-to-initial", untrained="")
    claim = Claim(figure, "", "behaviour", "paper", "ood-loss", behaviour)
    yield claim
    yield replace(claim, form="of the logarithm", metric="ood-log-loss")
    yield replace(claim, form="less the training loss", metric="ood-excess-loss")


def other_claims(factor: str, task: str) -> Iterator[Claim]:
    """Give what the paper says of a factor besides Table 1: feature learning, and the mean loss.

    Examples
    --------
    >>> [claim.figure for claim in other_claims("gamma", "delayed-discrimination")]
    ['Fig. 18', 'Fig. 18', 'Fig. 13']
    """
    if factor in ("complexity", "gamma"):
        figure = "Fig. 7" if factor == "complexity" else _OVER_GAMMA[task]
        claim = Claim(figure, "weights move further", "feature learning", "paper", "weight_change_norm_absolute", UP)
        yield claim
        yield replace(claim, text="the tangent kernel turns more", metric="kernel_alignment", arrow=DOWN)
    if factor == "gamma" and task != "flipflop":
        yield Claim("Fig. 13", "mean OOD loss grows", "behaviour", "paper", "ood-loss-mean", UP)
    if factor == "width":
        text = f"kernel alignment stays (within {SAME_ALIGNMENT:g})"
        yield Claim(_OVER_WIDTH[task], text, "feature learning", "paper", "kernel_alignment", "=", small=SAME_ALIGNMENT)
