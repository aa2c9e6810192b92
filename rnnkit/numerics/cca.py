"""Singular vector canonical correlation analysis: how alike two networks represent the same inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnkit.errors import InputError

__all__ = ["Svcca", "SvccaBases", "svcca", "svcca_basis", "svcca_from_bases"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SvccaStatus = Literal["ok", "no_variance"]

# A canonical correlation exceeds 1 by rounding only if the bases are orthonormal.
ROUNDING = 1e-9


@dataclass(frozen=True)
class SvccaBases:
    """Orthonormal bases of the leading activity of each network, computed once for all its pairs.

    Attributes
    ----------
    basis : (networks, samples, largest) float64
        Orthonormal columns, as many as `components`; then zeros.
    components : (networks,) int64
        Components that reach the asked share of variance; 0 for activity that does not vary.
    variance : float
        The share asked for.
    """

    basis: Floats
    components: Ints
    variance: float


@dataclass(frozen=True)
class Svcca:
    """SVCCA of pairs of networks.

    Attributes
    ----------
    distance : (pairs,) float64
        1 - mean canonical correlation over min(components_x, components_y); NaN without variance.
    correlations : (pairs, largest) float64
        By falling value, at most 1; NaN beyond min(components_x, components_y).
    components_x, components_y : (pairs,) int64
        kx and ky.
    status : tuple of str, one a pair
        ``ok``, or ``no_variance`` where either network's activity is constant.
    """

    distance: Floats
    correlations: Floats
    components_x: Ints
    components_y: Ints
    status: tuple[SvccaStatus, ...]


def svcca_basis(activity: Iterable[ArrayLike], variance: float = 0.99) -> SvccaBases:
    """Reduce each network's activity to an orthonormal basis of its leading principal components.

    Columns (units) are centred; the fewest components that reach `variance` are kept.

    Parameters
    ----------
    activity : (networks, samples, units), or one (samples, units) a network
        Samples are trials x steps, the same for all; networks may differ in units.
    variance : float in (0, 1]

    Raises
    ------
    InputError
        If the share is out of range, the samples of two networks differ in number, or a network's activity
        is empty or not finite.

    References
    ----------
    Raghu et al. 2017; Huang et al., appendix J.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> latent = rng.normal(size=(200, 3))
    >>> bases = svcca_basis([latent @ rng.normal(size=(3, 8)), latent @ rng.normal(size=(3, 5))], 1.0)
    >>> bases.components.tolist(), bases.basis.shape
    ([3, 3], (2, 200, 3))
    """
    if not 0 < variance <= 1:
        raise InputError("variance", f"{variance} is not a share", "give a number above 0, at most 1")
    columns = [_leading_columns(np.asarray(one), index, variance) for index, one in enumerate(activity)]
    if len({len(one) for one in columns}) != 1:
        what = f"networks of {[len(one) for one in columns]} samples"
        raise InputError("activity", what, "give one or more networks, all on the same trials and steps")
    components = np.array([one.shape[1] for one in columns], dtype=np.int64)
    basis = np.zeros((len(columns), len(columns[0]), max(1, int(components.max()))))
    for index, one in enumerate(columns):
        basis[index, :, : one.shape[1]] = one
    return SvccaBases(basis, components, variance)


def _leading_columns(activity: NDArray[np.floating], index: int, variance: float) -> Floats:
    """Return one network's orthonormal basis, (samples, components)."""
    if activity.ndim != 2 or activity.size == 0:
        raise InputError(f"activity of network {index}", f"shape {activity.shape}", "give (samples, units)")
    # Constant float32 activity differs from its mean by rounding only: that is not variance.
    precision = float(np.finfo(np.result_type(activity.dtype, np.float32)).eps)
    values = activity.astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"activity of network {index}", "not finite", "leave this network out")
    mean = values.mean(axis=0)
    centred = values - mean
    ascending, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    variances = np.maximum(ascending[::-1], 0.0)
    total = float(variances.sum())
    if total <= (8 * precision) ** 2 * (total + float((mean**2).sum())):
        return np.empty((len(values), 0))
    # A share of 1e-12 is rounding, of float32 activity or of the sum: with variance = 1 it is left out.
    kept = 1 + int((np.cumsum(variances) / total < variance - 1e-12).sum())
    # QR, because columns centred @ v / s are orthonormal only to eps x (largest variance / smallest kept).
    return np.linalg.qr(centred @ vectors[:, ::-1][:, :kept])[0]


def svcca_from_bases(bases: SvccaBases, a: ArrayLike, b: ArrayLike, block: int = 32) -> Svcca:
    """Compare pairs of networks by the singular values of Qa^T Qb.

    Parameters
    ----------
    bases : SvccaBases
    a, b : (pairs,) int
        The networks of each pair, as indices into `bases`.
    block : int
        Pairs compared at once: 2 x block x samples x largest float64 are held. No effect on values.

    Raises
    ------
    InputError
        If the indices do not fit, or a basis is not orthonormal (a correlation above 1 by more than 1e-9).

    References
    ----------
    Björck and Golub 1973 (canonical correlations as singular values); Huang et al., appendix J.

    Examples
    --------
    >>> latent = np.random.default_rng(0).normal(size=(500, 2))
    >>> bases = svcca_basis([latent, latent @ [[1.0, 2.0], [-2.0, 1.0]], latent[:, :1] + 5])
    >>> pairs = svcca_from_bases(bases, [0, 0], [1, 2])
    >>> pairs.distance.round(9).tolist(), pairs.components_y.tolist()
    ([0.0, 0.0], [2, 1])
    """
    first, second = np.atleast_1d(np.asarray(a)), np.atleast_1d(np.asarray(b))
    networks, _, largest = bases.basis.shape
    indices = np.concatenate([first, second])
    if first.ndim != 1 or first.shape != second.shape:
        raise InputError("a, b", f"shapes {first.shape} and {second.shape}", "give two lists of one length")
    integers = indices.dtype.kind in "iu"
    if indices.size and not (integers and indices.min() >= 0 and indices.max() < networks):
        raise InputError("a, b", "not all are networks", f"give integers from 0 to {networks - 1}")
    if block < 1:
        raise InputError("block", f"{block} pairs", "give 1 or more")
    first, second = first.astype(int), second.astype(int)
    correlations = np.empty((len(first), largest))
    for start in range(0, len(first), block):
        these = slice(start, start + block)
        x, y = bases.basis[first[these]], bases.basis[second[these]]
        correlations[these] = np.linalg.svd(x.transpose(0, 2, 1) @ y, compute_uv=False)
    if correlations.size and correlations.max() > 1 + ROUNDING:
        what = f"a canonical correlation of {correlations.max():.12g}"
        raise InputError("bases", what, "give bases with orthonormal columns, as svcca_basis does")
    components_x, components_y = bases.components[first], bases.components[second]
    common = np.minimum(components_x, components_y)
    # Padding with zero columns adds zero singular values, which sort last.
    counted = np.arange(largest) < common[:, None]
    correlations = np.where(counted, np.minimum(correlations, 1.0), np.nan)
    sums = np.where(counted, correlations, 0.0).sum(axis=1)
    distance = np.where(common > 0, 1 - sums / np.maximum(common, 1), np.nan)
    status: tuple[SvccaStatus, ...] = tuple("ok" if k else "no_variance" for k in common)
    return Svcca(distance, correlations, components_x, components_y, status)


def svcca(x: ArrayLike, y: ArrayLike, variance: float = 0.99) -> Svcca:
    """Compare each network of `x` with the same-numbered one of `y` by SVCCA.

    Centre the units, keep the components that reach `variance` of each network, and take canonical
    correlations: distance = 1 - mean over min(kx, ky). It is 0 for relabelled, rotated and scaled activity.

    Parameters
    ----------
    x : (networks, samples, units) and y : (networks, samples, units of y)
    variance : float in (0, 1]

    Raises
    ------
    InputError
        If the networks or samples differ in number, or an array is empty or not finite.

    References
    ----------
    Raghu et al. 2017; Huang et al., appendix J, d_repr = 1 - SVCCA.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(1, 300, 4))
    >>> result = svcca(x, 3 * x[:, :, ::-1] + 1)
    >>> abs(result.distance).round(12).tolist(), result.components_x.tolist()
    ([0.0], [4])
    """
    left, right = np.asarray(x), np.asarray(y)
    if left.ndim != 3 or right.ndim != 3 or left.shape[:2] != right.shape[:2]:
        what = f"shapes {left.shape} and {right.shape}"
        raise InputError("x, y", what, "give (networks, samples, units), the first two in common")
    pairs = np.arange(len(left))
    return svcca_from_bases(svcca_basis([*left, *right], variance), pairs, pairs + len(left))
