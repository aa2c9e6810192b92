"""Updates along training beside a random walk, and sudden ones among them: events of geometric restructuring.

Of snapshots W_0 ... W_K, update k is dW_k = W_{k+1} - W_k (Haputhanthri et al., arXiv 2502.07256, who find events by
eye; the rule here is ours).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError

__all__ = ["EventRule", "Scores", "Spike", "random_walk_alignment", "running_median", "scores_of", "spikes_of"]

Floats = NDArray[np.float64]

#: The median absolute deviation times this is the standard deviation of normal numbers.
_NORMAL = 1.4826


@dataclass(frozen=True)
class EventRule:
    """What counts as an event.

    Attributes
    ----------
    window : int
        Updates on each side that an update is compared with.
    threshold : float
        Score above which an update is sudden.
    merge : int
        Sudden updates with so many others between them, or fewer, are one.
    margin : int
        Snapshots before and after that weights are compared at.
    sustained : float
        How many times more than usual they have to have changed.

    Raises
    ------
    InputError
        For a value out of range.

    Examples
    --------
    >>> EventRule().least
    51
    """

    window: int = 25
    threshold: float = 3.5
    merge: int = 3
    margin: int = 3
    sustained: float = 3.0

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InputError("--window", f"{self.window} is not a number of updates", "give 1 or more")
        if not 0 < self.threshold < np.inf:
            raise InputError("--threshold", f"{self.threshold} is not a positive number", "it bounds a score")
        # Snapshot k is before update k: a margin of 0 would end before the last sudden update.
        for option, value, least in (("--merge", self.merge, 0), ("--margin", self.margin, 1)):
            if value < least:
                raise InputError(option, f"{value} is not a number of snapshots", f"give {least} or more")
        if not 0 <= self.sustained < np.inf:
            raise InputError("--sustained", f"{self.sustained} is not a factor", "give 0 or more")

    @property
    def least(self) -> int:
        """Updates that it takes: one window."""
        return 2 * self.window + 1


@dataclass(frozen=True)
class Scores:
    """How far updates stand out.

    Attributes
    ----------
    values : (K,) float64
        In standard deviations; NaN where there is none.
    status : str
        `ok`, `too_few_snapshots`, or `no_spread` where the updates do not vary.
    """

    values: Floats
    status: str


@dataclass(frozen=True)
class Spike:
    """Consecutive sudden updates.

    Attributes
    ----------
    first, last : int
        The first sudden update, and the last.
    peak : int
        That of the highest score.
    before, after : int
        Snapshots that weights are compared at.
    """

    first: int
    last: int
    peak: int
    before: int
    after: int


def random_walk_alignment(norms: Floats) -> Floats:
    """Return the cosine of update and way to the end that a random walk with steps of these norms has.

    The way left, W_K - W_k, is the sum of the updates to come, of which dW_k is one. Where they are independent and
    have many entries, those after it are orthogonal to it: the cosine is |dW_k| / sqrt(sum_{j >= k} |dW_j|^2), which
    rises to 1 at the end whatever the walk is about.

    Parameters
    ----------
    norms : (K,) float64
        |dW_k|; NaN for one that is not known.

    Returns
    -------
    (K,) float64
        NaN before the last norm that is not known, and where all updates to come are 0.

    Examples
    --------
    >>> random_walk_alignment(np.ones(4)).round(3).tolist()
    [0.5, 0.577, 0.707, 1.0]
    """
    left = np.sqrt(np.cumsum(np.square(norms)[::-1])[::-1])
    return np.asarray(np.divide(norms, left, out=np.full_like(left, np.nan), where=left > 0))


def running_median(values: Floats, window: int) -> Floats:
    """Return the median of each value and of up to `window` values on each side; NaN counts as missing.

    Examples
    --------
    >>> running_median(np.array([1.0, 9.0, 2.0, np.nan, 3.0]), 1).tolist()
    [5.0, 2.0, 5.5, 2.5, 3.0]
    """
    found = np.full(len(values), np.nan)
    for k in range(len(values)):
        held = values[max(0, k - window) : k + window + 1]
        held = held[np.isfinite(held)]
        if len(held):
            found[k] = np.median(held)
    return found


def scores_of(sizes: Floats, window: int) -> Scores:
    """Return how far the logarithms of sizes stand above their running median, in robust standard deviations.

    e_k = (y_k - b_k) / (1.4826 MAD of y - b), with y = log of the sizes and b its running median.

    Parameters
    ----------
    sizes : (K,) float64
        Above 0, or NaN.
    window : int
        Values on each side that the median is taken over.

    Examples
    --------
    >>> sizes = np.exp(np.tile([0.0, 0.1], 20))
    >>> sizes[20] = np.exp(1.0)
    >>> found = scores_of(sizes, 5)
    >>> found.status, int(found.values.argmax()), bool(found.values[20] > 5)
    ('ok', 20, True)
    """
    nothing = np.full(len(sizes), np.nan)
    if np.isfinite(sizes).sum() < 2 * window + 1:
        return Scores(nothing, "too_few_snapshots")
    logs = np.log(sizes)
    above = logs - running_median(logs, window)
    held = above[np.isfinite(above)]
    spread = _NORMAL * float(np.median(np.abs(held - np.median(held))))
    return Scores(above / spread, "ok") if spread > 0 else Scores(nothing, "no_spread")


def spikes_of(scores: Floats, rule: EventRule) -> list[Spike]:
    """Return the runs of sudden updates, in time.

    Parameters
    ----------
    scores : (K,) float64
        Of the updates; NaN is not sudden.
    rule : EventRule

    Examples
    --------
    >>> scores = np.array([0.0, 4.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 9.0])
    >>> [(one.first, one.last, one.peak, one.before, one.after) for one in spikes_of(scores, EventRule())]
    [(1, 3, 3, 0, 6), (8, 8, 8, 5, 9)]
    """
    sudden = np.flatnonzero(np.nan_to_num(scores, nan=-np.inf) > rule.threshold)
    cuts = np.flatnonzero(np.diff(sudden) > rule.merge + 1) + 1
    found = []
    for run in np.split(sudden, cuts) if len(sudden) else []:
        first, last = int(run[0]), int(run[-1])
        peak = int(run[np.argmax(scores[run])])
        found.append(Spike(first, last, peak, max(0, first - rule.margin), min(len(scores), last + rule.margin)))
    return found
