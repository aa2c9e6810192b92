"""The rules by which claims are judged: differences and p-values in, a word out. None knows what a paper concludes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from claim_tables import FAILS, HOLDS, OPEN

UP, DOWN, NEITHER = "↑", "↓", "–"

#: Above this p-value a difference has no direction.
LEVEL = 0.05


def arrow(difference: float, p_value: float) -> str:
    """Return the direction of a difference, or a dash where the test does not tell it from none.

    Examples
    --------
    >>> arrow(0.3, 0.01), arrow(-0.3, 0.01), arrow(0.3, 0.2), arrow(float("nan"), 0.01)
    ('↑', '↓', '–', '–')
    """
    if not (math.isfinite(difference) and math.isfinite(p_value)) or p_value > LEVEL or difference == 0:
        return NEITHER
    return UP if difference > 0 else DOWN


def verdict_of_arrow(difference: float, p_value: float, claimed: str) -> str:
    """Tell whether a difference goes the way claimed: by the test it does, or goes the other way, or stays open.

    A difference that the test does not see is no proof that there is none, so it stays open.

    Examples
    --------
    >>> [verdict_of_arrow(-0.3, p, claimed) for p, claimed in ((0.01, "↓"), (0.01, "↑"), (0.2, "↓"))]
    ['holds', 'does not hold', 'undecided']
    """
    found = arrow(difference, p_value)
    if found == NEITHER:
        return OPEN
    return HOLDS if found == claimed else FAILS


def beside_untrained(verdict: str, difference: float, p_value: float, claimed: str) -> str:
    """Qualify a verdict that holds where untrained networks go the same way: then training is not what did it.

    Parameters
    ----------
    verdict : str
        On the trained networks.
    difference, p_value : float
        Of the same statistic of the untrained ones; NaN where there is none.
    claimed : str

    Examples
    --------
    >>> beside_untrained("holds", -0.2, 0.001, "↓")
    'holds, and so it does before training'
    >>> beside_untrained("holds", 0.0, 1.0, "↓"), beside_untrained("undecided", -0.2, 0.001, "↓")
    ('holds', 'undecided')
    """
    same = verdict == HOLDS and arrow(difference, p_value) == claimed
    return f"{HOLDS}, and so it does before training" if same else verdict


def verdict_of_no_change(low: float, high: float, small: float) -> str:
    """Tell whether a difference is at most small in size, by its interval.

    Examples
    --------
    >>> verdict_of_no_change(-0.01, 0.02, 0.05), verdict_of_no_change(0.06, 0.2, 0.05)
    ('holds', 'does not hold')
    >>> verdict_of_no_change(-0.01, 0.2, 0.05), verdict_of_no_change(float("nan"), 0.2, 0.05)
    ('undecided', 'undecided')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return OPEN
    if -small <= low and high <= small:
        return HOLDS
    return FAILS if low > small or high < -small else OPEN


def steady(values: Sequence[float]) -> bool:
    """Tell whether values go one way throughout.

    Examples
    --------
    >>> steady([1.0, 2.0, 2.5]), steady([1.0, 3.0, 2.5]), steady([1.0, float("nan")])
    (True, False, False)
    """
    steps = [after - before for before, after in pairwise(values)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)
