"""Estimates with errors that respect what is independent: the networks, not the pairs they form.

A network enters n - 1 pairs, so the standard error over pairs is too small, by a factor that grows as
sqrt(n). Here every error is a jackknife over networks: the statistic is computed again without each network
in turn. Writing theta for the statistic and theta_(-i) for it without network i,

    se^2 = (n - 1)/n sum_i (theta_(-i) - theta)^2,      contribution_i = n theta - (n - 1) theta_(-i).

The contributions (pseudo-values) behave as a sample whose mean is the statistic, so that their standard
deviation over sqrt(n) is again its error. Intervals take Student's quantile, with the degrees of freedom that
the contributions' tails leave, and Hall's correction for their skewness (:func:`skewed_interval`). Standard
deviations and ratios are taken on the scale of their logarithm, correlations on that of their inverse
hyperbolic tangent, without the correction. Means over pairs have noise of single pairs besides, which the
jackknife counts twice (:class:`Refinement`). Percentile bootstrap intervals are there on request: they are too
narrow for fewer than about fifty networks. benchmarks/interval_coverage.py measures both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from rnnkit.errors import InputError

__all__ = [
    "NAN",
    "Estimate",
    "Floats",
    "Refinement",
    "check_bootstrap",
    "divide",
    "jackknifed",
    "skewed_interval",
    "skewness_correction",
]

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
        Pseudo-values of the jackknife, on the scale of the interval; empty without `se`. Where pairs have
        noise of their own, so spread that Student's interval with n - 1 degrees of freedom is the right one.
    curvature : float
        What contributions of pairs add to the skewness of the statistic; see :class:`Refinement`.
    """

    value: float
    se: float
    ci_low: float
    ci_high: float
    networks: int
    missing: int
    contributions: Floats = field(default_factory=lambda: np.empty(0), compare=False, repr=False, kw_only=True)
    curvature: float = field(default=0.0, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Refinement:
    """What is known of a statistic's error beyond the jackknife over networks.

    Attributes
    ----------
    error : float
        The standard error over that of the jackknife.
    freedom : float
        Degrees of freedom of the error.
    curvature : float
        E[c_a c_b e_ab] / (s^3 sqrt(n)) of what networks (c) and pairs (e) contribute, with s = sd(c), or
        sqrt(n) / 2 times the standard error where that is larger.
    size : float
        The standard error, for where the jackknife has none.
    """

    error: float
    freedom: float
    curvature: float = 0.0
    size: float = 0.0


def skewness_correction(skewness: Any, curvature: Any = 0.0) -> tuple[Any, Any]:
    """Return (a, b) such that T + a T^2 + a^2 T^3 / 3 + b is symmetric to second order, T = (value - truth) / se.

    Parameters
    ----------
    skewness, curvature : float or array
        Of the contributions, over sqrt(n).

    References
    ----------
    Hall 1992, "On the removal of skewness by transformation", J. R. Statist. Soc. B 54, 221-228, for the
    transformation; Helmers 1991, "On the Edgeworth expansion and the bootstrap approximation for a Studentized
    U-statistic", Ann. Statist. 19, 470-484, for its coefficients: P(T <= x) is
    Phi(x) + phi(x) ((2 x^2 + 1) skewness + 3 (x^2 + 1) curvature) / 6.
    """
    return skewness / 3 + curvature / 2, skewness / 6 + curvature / 2


def skewed_interval(
    value: float, contributions: ArrayLike, confidence: float = 0.95, curvature: float = 0.0
) -> tuple[float, float]:
    """Return the ends of an interval around a mean of skewed contributions.

    Corrected for skewness (:func:`skewness_correction`), T = (value - truth) / se is nearer to Student's t. The
    inverse of the correction, q -> ((1 + 3 a (q - b))^(1/3) - 1) / a, turns the two quantiles into those of T.
    The degrees of freedom are those of :func:`_quantile`.

    Parameters
    ----------
    value : float
        The statistic, about which the interval is set.
    contributions : (networks,)
        At least three.
    confidence : float in (0, 1)
    curvature : float
        Of an :class:`Estimate`.

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
    scale = float(sample.std(ddof=1))
    if not scale > 0:
        return (value, value) if scale == 0 else (NAN, NAN)
    skewness = n / ((n - 1) * (n - 2)) * float((((sample - sample.mean()) / scale) ** 3).sum())
    a, b = skewness_correction(skewness / np.sqrt(n), curvature)
    quantile, error = _quantile(sample, confidence), scale / np.sqrt(n)

    def skewed(q: float) -> float:
        return q - b if abs(a) < 1e-6 else float((np.cbrt(1 + 3 * a * (q - b)) - 1) / a)

    return float(value - error * skewed(quantile)), float(value - error * skewed(-quantile))


def _quantile(sample: Floats, confidence: float) -> float:
    """Return Student's quantile for the mean of a sample that may have heavy tails.

    The relative variance of the sample's variance is 2/(n - 1) + g/n, with g the excess kurtosis; a chi-square
    variable of f degrees of freedom has 2/f (Satterthwaite 1946, "An approximate distribution of estimates of
    variance components", Biometrics Bull. 2, 110-114). Here g is the usual estimate, and 0 where that is
    negative or has fewer than four values.
    """
    n = len(sample)
    deviations = sample - sample.mean()
    squares = (deviations / np.abs(deviations).max()) ** 2
    excess = 0.0
    if n > 3:
        kurtosis = float((squares**2).mean() / squares.mean() ** 2) - 3
        excess = max((n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurtosis + 6), 0.0)
    return float(stdtrit(2 / (2 / (n - 1) + excess / n), (1 + confidence) / 2))


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
    refinement: Refinement | None = None,
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
    refinement : Refinement, optional
        By default the jackknife's error has n - 1 degrees of freedom.
    """
    n = len(left_out)
    alike = np.ptp(left_out) <= 1e-12 * abs(value)
    if refinement is None:
        refinement = Refinement(1.0, n - 1)
    forward, backward = _SCALES[scale]
    if alike:
        se = refinement.size * (abs(value) if scale == "log" else 1.0)
    else:
        se = refinement.error * float(np.sqrt((n - 1) / n * ((left_out - value) ** 2).sum()))
    # A left-out sample may be without spread, or in line: then there is no interval.
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = float(forward(value))
        contributions = n * middle - (n - 1) * np.asarray(forward(left_out), dtype=np.float64)
        mean, tail = contributions.mean(), (1 + confidence) / 2
        stretch = refinement.error * stdtrit(refinement.freedom, tail) / stdtrit(n - 1, tail)
        contributions = mean + stretch * (contributions - mean)
    if alike and se > 0:  # from pairs alone: networks have no contributions of their own
        contributions = np.full(n, NAN)
    if bootstrap and rng is not None:
        low, high = _quantiles(weighted(_draw(n, bootstrap, rng)), confidence)
    elif alike:
        width = float(refinement.size * stdtrit(refinement.freedom, tail))
        low, high = (value, value) if width == 0 else (float(backward(middle - width)), float(backward(middle + width)))
    elif not np.isfinite(contributions).all():
        low, high = NAN, NAN
    elif scale == "correlation":
        half = float(_quantile(contributions, confidence) * contributions.std(ddof=1) / np.sqrt(n))
        low, high = float(backward(middle - half)), float(backward(middle + half))
    else:
        low, high = map(float, map(backward, skewed_interval(middle, contributions, confidence, refinement.curvature)))
    return Estimate(value, se, low, high, n, missing, contributions=contributions, curvature=refinement.curvature)


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
