"""Estimates with errors that respect what is independent: the networks, not the pairs they form.

A network enters n - 1 pairs, so the standard error over pairs is too small, by a factor that grows as
sqrt(n). Here every error is a jackknife over networks: the statistic is computed again without each network
in turn. Writing theta for the statistic and theta_(-i) for it without network i,

    se^2 = (n - 1)/n sum_i (theta_(-i) - theta)^2,      contribution_i = n theta - (n - 1) theta_(-i).

The contributions (pseudo-values) behave as a sample whose mean is the statistic, so that their standard
deviation over sqrt(n) is again its error. Intervals take Student's quantile with n - 1 degrees of freedom and
Hall's correction for the skewness of the contributions (:func:`skewed_interval`). Standard deviations and
ratios are taken on the scale of their logarithm, correlations on that of their inverse hyperbolic tangent,
without the correction. Percentile bootstrap intervals are there on request: they are too narrow for fewer
than about fifty networks. benchmarks/interval_coverage.py measures both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from rnnkit.errors import InputError

__all__ = ["NAN", "Estimate", "Floats", "check_bootstrap", "divide", "jackknifed", "skewed_interval"]

Floats = NDArray[np.float64]
#: Gives a statistic from how often each network counts, (draws, networks) to (draws,).
Weighted = Callable[[Floats], Floats]
NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A statistic over networks.

    Attributes
    ----------
    value, se : float
        NaN where there are too few networks; `se` needs three.
    ci_low, ci_high : float
        Ends of the interval; NaN with fewer than three networks.
    networks : int
        Networks that entered.
    missing : int
        Values left out because they were NaN; for pairs, those of all n(n-1)/2 without a value.
    contributions : (networks,)
        Pseudo-values of the jackknife, on the scale of the interval; empty without `se`.
    """

    value: float
    se: float
    ci_low: float
    ci_high: float
    networks: int
    missing: int
    contributions: Floats = field(default_factory=lambda: np.empty(0), compare=False, repr=False, kw_only=True)


def skewed_interval(value: float, contributions: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends of an interval around a mean of skewed contributions.

    T = (value - truth) / se is skewed as the contributions are. With their skewness g and k = g / sqrt(n),
    T + k T^2 / 3 + k^2 T^3 / 27 + k / 6 is symmetric to second order and nearer to Student's t; its inverse,
    q -> 3/k ((1 + k (q - k/6))^(1/3) - 1), turns the two quantiles into those of T.

    Parameters
    ----------
    value : float
        The statistic, about which the interval is set.
    contributions : (networks,)
        At least three.
    confidence : float in (0, 1)

    References
    ----------
    Hall 1992, "On the removal of skewness by transformation", J. R. Statist. Soc. B 54, 221-228.

    Examples
    --------
    >>> low, high = skewed_interval(2.5, [1.0, 2.0, 3.0, 4.0])
    >>> round(2.5 - low, 3), round(high - 2.5, 3)
    (2.054, 2.054)
    >>> low, high = skewed_interval(2.5, [1.0, 1.0, 1.0, 7.0])
    >>> 2.5 - low < high - 2.5
    True
    """
    sample = np.asarray(contributions, dtype=np.float64)
    n = len(sample)
    deviations = sample - sample.mean()
    scale = float(sample.std(ddof=1))
    if not scale > 0:
        return (value, value) if scale == 0 else (NAN, NAN)
    skewness = n / ((n - 1) * (n - 2)) * float(((deviations / scale) ** 3).sum())
    quantile = float(stdtrit(n - 1, (1 + confidence) / 2))
    k = skewness / np.sqrt(n)

    def unskewed(q: float) -> float:
        return q if abs(k) < 1e-6 else float(3 / k * (np.cbrt(1 + k * (q - k / 6)) - 1))

    error = scale / np.sqrt(n)
    return float(value - error * unskewed(quantile)), float(value - error * unskewed(-quantile))


_SCALES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "plain": (np.asarray, float),
    "log": (np.log, np.exp),
    "correlation": (np.arctanh, np.tanh),
}


def jackknifed(
    value: float,
    left_out: Floats,
    missing: int,
    weighted: Weighted,
    bootstrap: int,
    rng: np.random.Generator | None,
    confidence: float,
    scale: str = "plain",
) -> Estimate:
    """Return the estimate from a statistic and its values without each network.

    Parameters
    ----------
    value : float
        The statistic.
    left_out : (networks,)
        The statistic without each network.
    missing : int
        What was left out before.
    weighted : callable
        The statistic from how often each network counts; called for bootstrap draws only.
    bootstrap, rng, confidence
        As in :func:`rnnkit.numerics.pair_statistics.pair_mean`.
    scale : str
        On which the interval is set: `plain`, `log` or `correlation`.
    """
    n = len(left_out)
    se = float(np.sqrt((n - 1) / n * ((left_out - value) ** 2).sum()))
    forward, backward = _SCALES[scale]
    # A left-out sample may be without spread, or in line: then there is no interval.
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = float(forward(value))
        contributions = n * middle - (n - 1) * np.asarray(forward(left_out), dtype=np.float64)
    if bootstrap and rng is not None:
        low, high = _quantiles(weighted(_draw(n, bootstrap, rng)), confidence)
    elif np.ptp(left_out) <= 1e-12 * abs(value):
        low, high = value, value
    elif not np.isfinite(contributions).all():
        low, high = NAN, NAN
    elif scale == "correlation":
        half = float(stdtrit(n - 1, (1 + confidence) / 2) * contributions.std(ddof=1) / np.sqrt(n))
        low, high = float(backward(middle - half)), float(backward(middle + half))
    else:
        low, high = map(float, map(backward, skewed_interval(middle, contributions, confidence)))
    return Estimate(value, se, low, high, n, missing, contributions=contributions)


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Divide, with NaN where the denominator is 0."""
    quotient: Floats = np.where(denominator > 0, numerator, np.nan) / np.where(denominator > 0, denominator, 1.0)
    return quotient


def _draw(n: int, draws: int, rng: np.random.Generator) -> Floats:
    """Return how often each of n networks is in each bootstrap sample, (draws, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)


def _quantiles(statistics: Floats, confidence: float) -> tuple[float, float]:
    defined = statistics[np.isfinite(statistics)]
    if not len(defined):
        return NAN, NAN
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def check_bootstrap(bootstrap: int, rng: np.random.Generator | None, confidence: float) -> None:
    """Raise InputError unless there are 0 or more draws, a generator for them, and a share between 0 and 1."""
    if bootstrap < 0:
        raise InputError("bootstrap", f"{bootstrap} draws", "give 0 or more")
    if bootstrap and rng is None:
        raise InputError("rng", "no generator for the bootstrap", "give a numpy Generator, or bootstrap=0")
    if not 0 < confidence < 1:
        raise InputError("confidence", f"{confidence} is not a share", "give a number between 0 and 1")
