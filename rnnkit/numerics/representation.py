"""Distances between representations of the same inputs that ignore rotations: debiased linear CKA and shape.

Samples are trials x steps, in the same order for both networks. Both work on features: the largest products are
(units, samples) x (samples, units), never samples x samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnkit.errors import InputError

__all__ = ["Centred", "centred", "debiased_cka", "shape_angle"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Centred:
    """Centred activity of unit Frobenius norm, and what every one of its pairs needs.

    Attributes
    ----------
    samples : (samples, units) float64
        All zero for activity that does not vary.
    lengths : (samples,) float64
        Squared norm of each sample.
    dependence : float
        The unbiased HSIC of `samples` with itself; NaN with fewer than four samples.
    varies : bool
    """

    samples: Floats
    lengths: Floats
    dependence: float
    varies: bool


def centred(activity: ArrayLike) -> Centred:
    """Centre each unit over the samples and divide all by the Frobenius norm.

    Parameters
    ----------
    activity : (samples, units)

    Raises
    ------
    InputError
        If the activity is not two-dimensional and finite.

    Examples
    --------
    >>> centred([[1.0, 0.0], [3.0, 0.0]]).samples.round(6).tolist()
    [[-0.707107, 0.0], [0.707107, 0.0]]
    """
    given = np.asarray(activity)
    values = given.astype(np.float64)
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise InputError("activity", f"shape {values.shape}, or not finite", "give finite (samples, units)")
    mean = values.mean(axis=0)
    values = values - mean
    norm = float(np.linalg.norm(values))
    # Constant activity differs from its mean by rounding only: that is not variance.
    precision = 8 * float(np.finfo(np.result_type(given.dtype, np.float32)).eps)
    varies = norm > precision * float(np.hypot(norm, np.sqrt(len(values)) * np.linalg.norm(mean)))
    values = values / norm if varies else np.zeros_like(values)
    lengths = (values**2).sum(axis=1)
    return Centred(values, lengths, _dependence(values, lengths, values, lengths), varies)


def _dependence(x: Floats, lengths_x: Floats, y: Floats, lengths_y: Floats) -> float:
    """Return the unbiased HSIC of centred samples (Song et al. 2012, J. Mach. Learn. Res. 13: 1393, equation 5).

    With K = x x^T, L = y y^T and their diagonals set to zero: (tr K L + sum K sum L / ((n - 1) (n - 2)) -
    2 sum_i (K 1)_i (L 1)_i / (n - 2)) / (n (n - 3)). As x is centred, the rows of x x^T sum to 0, so
    those of K to minus its diagonal.
    """
    n = len(x)
    if n < 4:
        return float("nan")
    shared = float(lengths_x @ lengths_y)
    trace = float(np.sum((x.T @ y) ** 2)) - shared
    totals = float(lengths_x.sum() * lengths_y.sum())
    return (trace + totals / ((n - 1) * (n - 2)) - 2 * shared / (n - 2)) / (n * (n - 3))


def debiased_cka(x: Centred, y: Centred) -> float:
    """Return the debiased linear centred kernel alignment of two networks, from -1 to 1.

    The unbiased HSIC of both over the root of the product of each with itself. It does not change with a shift
    of the activity; that :class:`Centred` is centred only keeps digits. NaN without variance, or with fewer than
    four samples.

    Raises
    ------
    InputError
        If the numbers of samples differ.

    References
    ----------
    Kornblith et al. 2019, "Similarity of neural network representations revisited"; Murphy, Zylberberg & Fyshe
    2024, "Correcting biased centered kernel alignment measures in biological and artificial neural networks".

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(debiased_cka(centred(x), centred(2 * x[:, ::-1] + 1)), 12)
    1.0
    """
    _same_samples(x, y)
    scale = float(np.sqrt(x.dependence * y.dependence))
    if not scale > 0:
        return float("nan")
    return float(np.clip(_dependence(x.samples, x.lengths, y.samples, y.lengths) / scale, -1.0, 1.0))


def shape_angle(x: Centred, y: Centred) -> float:
    """Return the angle between two networks' activity at the best orthogonal map, 0 to pi / 2: a metric.

    arccos max over orthogonal Q of <x, y Q>, the activity centred and of unit norm, the network of fewer units
    padded with zeros. The best Q follows from the singular vectors of x^T y. The angle is 2 arcsin(|x - y Q| / 2),
    which keeps its digits near 0, where an arccos would lose half of them. NaN without variance.

    Raises
    ------
    InputError
        If the numbers of samples differ.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman 2021, "Generalized shape metrics on neural representations".

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> shape_angle(centred(x), centred(3 * x[:, ::-1] - 1)) < 1e-12
    True
    """
    _same_samples(x, y)
    if not (x.varies and y.varies):
        return float("nan")
    first, second = (x.samples, y.samples) if x.samples.shape[1] >= y.samples.shape[1] else (y.samples, x.samples)
    left, _, right = np.linalg.svd(first.T @ second, full_matrices=False)
    gap = float(np.linalg.norm(first - second @ (left @ right).T))
    return float(2 * np.arcsin(min(gap / 2, 1.0)))


def _same_samples(x: Centred, y: Centred) -> None:
    if len(x.samples) != len(y.samples):
        what = f"{len(x.samples)} and {len(y.samples)} samples"
        raise InputError("x, y", what, "give networks run on the same trials")
