r"""How many eigenvalues of a Jacobian lie outside the unit circle, proven by discs about the computed ones.

With DF V = V Lambda in floating point, Y an approximate inverse of V and E = |I - Y V| < 1 in the max norm, V is
regular, and for every Jacobian M in the box about a fixed point

    V^-1 M V = Lambda + B,    |B| e <= |Y| |S| e + E / (1 - E) max(|Y| |S| e),    S >= |M V - V Lambda|,

since V^-1 = (Y V)^-1 Y. By Gershgorin's theorem the eigenvalues of M lie in the discs about lambda_i with the radii
(|B| e)_i, and a set of discs apart from the others holds as many eigenvalues as discs. So where no disc meets the
unit circle, the number of those outside it is the number of unstable eigenvalues of the exact Jacobian at the exact
fixed point. (Wilkinson 1965, chapter 9; Rump 2010, section 13.)

S = |fl(J V - V Lambda)| + rounding + delta(radius) max|V|, with J and delta from
:mod:`~rnnkit.numerics.jacobian_enclosures`. Complex products are taken as real ones, and a complex number is bounded
by the sum of its parts, so that nothing is assumed of complex arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.intervals import UNIT_ROUNDOFF, FloatArray, gamma, raised
from rnnkit.numerics.jacobian_enclosures import JacobianEnclosure
from rnnkit.numerics.threads import one_thread

__all__ = ["Stabilities", "Stability", "certify_stability", "certify_stability_many"]

ComplexArray = NDArray[np.complex128]

#: Entries of a stack of Jacobians that are worked on at once: 8 MB an array.
_STACK = 2**20


@dataclass(frozen=True)
class Stability:
    """The eigenvalues of DF at a point, and what is proven about them.

    Attributes
    ----------
    eigenvalues : (size,) complex128
        Of DF as computed at the point (at the kink of a relu, with slope 1/2); by falling modulus, then real part, then
        imaginary part. NaN when DF or F is not finite.
    unstable_dims : int
        Number with modulus above 1: of all eigenvalues of the exact Jacobian at the fixed point where certified,
        else of the computed ones; -1 when DF or F is not finite.
    certified : bool
    spectral_radius : float
        Largest modulus computed; where the discs hold, off by no more than `disc_radius`.
    disc_radius : float
        Largest radius of a disc; NaN where the discs prove nothing.
    """

    eigenvalues: ComplexArray
    unstable_dims: int
    certified: bool
    spectral_radius: float
    disc_radius: float


@dataclass(frozen=True)
class Stabilities:
    """The same of many points of one network; the attributes of :class:`Stability`, stacked."""

    eigenvalues: ComplexArray
    unstable_dims: NDArray[np.int64]
    certified: NDArray[np.bool_]
    spectral_radius: FloatArray
    disc_radius: FloatArray

    def __getitem__(self, k: int) -> Stability:
        return Stability(
            self.eigenvalues[k],
            int(self.unstable_dims[k]),
            bool(self.certified[k]),
            float(self.spectral_radius[k]),
            float(self.disc_radius[k]),
        )


def certify_stability(system: AutonomousMap, network: int, point: FloatArray, radius: float) -> Stability:
    """Return the eigenvalues of DF at a point, and prove where they lie. See :func:`certify_stability_many`.

    Examples
    --------
    >>> double = AutonomousMap("outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), 2.0), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> found = certify_stability(double, 0, np.zeros(1), 1e-15)
    >>> found.unstable_dims, found.certified, found.spectral_radius
    (1, True, 2.0)
    """
    point = np.asarray(point, dtype=np.float64)
    return certify_stability_many(system, network, point[None], np.array([radius], dtype=np.float64))[0]


def certify_stability_many(system: AutonomousMap, network: int, points: FloatArray, radius: FloatArray) -> Stabilities:
    """Return the eigenvalues of DF at points, and prove how many lie outside the unit circle.

    Parameters
    ----------
    system : AutonomousMap
    network : int
    points : (points, size) float64
    radius : (points,) float64
        Radius, in the max norm, of the ball that holds the fixed point (`radius` of a certificate). NaN for a point
        without one: its eigenvalues are counted and nothing is proven.

    Returns
    -------
    Stabilities

    Raises
    ------
    InputError
        When there is no such network, or the points have another size.

    Examples
    --------
    An eigenvalue of 1 is never decided, however small the ball:

    >>> still = AutonomousMap("outer", "tanh", 0.0, 1.0, np.ones((1, 1, 1)), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> certify_stability_many(still, 0, np.zeros((1, 1)), np.array([1e-300])).certified.tolist()
    [False]
    """
    points, radius = np.asarray(points, dtype=np.float64), np.asarray(radius, dtype=np.float64)
    chunk = max(1, _STACK // max(1, points.shape[-1] ** 2))
    with one_thread(), np.errstate(all="ignore"):
        parts = [
            _decide(JacobianEnclosure(system, network, points[part]), radius[part])
            for part in (slice(k, k + chunk) for k in range(0, max(len(points), 1), chunk))
        ]
    return Stabilities(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))


_FIELDS = tuple(Stabilities.__dataclass_fields__)


def _decide(about: JacobianEnclosure, radius: FloatArray) -> Stabilities:
    # A relu's slope at NaN is a number; its residual is not.
    sound = np.asarray(np.isfinite(about.jacobian).all((1, 2)) & np.isfinite(about.residual).all(1))
    usable = np.where(sound[:, None, None], about.jacobian, 0.0)
    values, vectors = np.linalg.eig(usable)
    values, vectors = values.astype(np.complex128), vectors.astype(np.complex128)
    discs = _disc_radii(usable, values, vectors, about.deviation(radius[:, None])[:, 0])
    # An overflowing square is infinite and an underflowing one 0: on the right side of 1 either way. 3 roundings.
    modulus = np.sqrt(values.real**2 + values.imag**2)
    margin = raised(discs + 4 * UNIT_ROUNDOFF * modulus, 3)
    # The difference from 1 is one rounding, of numbers that are apart by more than the margin.
    clear = np.asarray((np.abs(modulus - 1) * (1 - 4 * UNIT_ROUNDOFF) > margin).all(1))
    kink = about.at_kink(radius[:, None])[:, 0]
    certified = sound & clear & ~kink
    order = np.lexsort((-values.imag, -values.real.round(9), -modulus.round(9)), axis=1)
    values = np.where(sound[:, None], np.take_along_axis(values, order, 1), np.nan)
    largest = np.where(sound, modulus.max(1), np.nan)
    widest = np.where(sound & np.isfinite(discs).all(1) & ~kink, discs.max(1), np.nan)
    return Stabilities(values, np.where(sound, (modulus > 1).sum(1), -1), certified, largest, widest)


def _disc_radii(jacobian: FloatArray, values: ComplexArray, vectors: ComplexArray, off: FloatArray) -> FloatArray:
    """Return radii, (points, size), of discs about the values that hold the eigenvalues of all Jacobians in the box.

    Parameters
    ----------
    jacobian : (points, size, size) float64
    values : (points, size) complex128
    vectors : (points, size, size) complex128
        One in each column.
    off : (points, size) float64
        Bound of the row sums of |M - jacobian|.

    Returns
    -------
    (points, size) float64
        NaN or infinite where the vectors prove nothing.
    """
    size = jacobian.shape[1]
    left, regular = _left_inverse(vectors)
    parts = np.concatenate([vectors.real, vectors.imag], axis=2)
    product = jacobian @ parts
    re, im = values.real[:, None], values.imag[:, None]
    real = product[..., :size] - (vectors.real * re - vectors.imag * im)
    imaginary = product[..., size:] - (vectors.real * im + vectors.imag * re)
    magnitude = np.abs(vectors.real) + np.abs(vectors.imag)
    # Per part: n products and n sums for J V, 2 products, a sum and the difference for V Lambda.
    rounding = gamma(size + 6) * (np.abs(jacobian) @ magnitude + magnitude * (np.abs(re) + np.abs(im)))
    spread = off[:, :, None] * magnitude.max(1)[:, None]
    defect = np.abs(real) + np.abs(imaginary) + rounding + spread
    rows = raised((left @ defect).sum(2), 4 * size + 64)
    share = raised(regular / (1 - regular), 2)
    share = np.where(regular < 1, share, np.nan)
    return raised(rows + share[:, None] * rows.max(1, keepdims=True), 2)


def _left_inverse(vectors: ComplexArray) -> tuple[FloatArray, FloatArray]:
    """Return |Y|, Y about the inverse of the vectors, and a bound of the max norm of I - Y V; NaN without."""
    size = vectors.shape[1]
    inverse = np.full_like(vectors, np.nan)
    for k, matrix in enumerate(vectors):  # one by one: a defective matrix must not cost the others theirs
        try:
            inverse[k] = np.linalg.inv(matrix)
        except np.linalg.LinAlgError:
            continue
    # [Yr -Yi] and [Yi Yr] times [Vr; Vi]: inner products of 2 n real terms.
    stacked = np.concatenate([vectors.real, vectors.imag], axis=1)
    real = np.concatenate([inverse.real, -inverse.imag], axis=2) @ stacked
    imaginary = np.concatenate([inverse.imag, inverse.real], axis=2) @ stacked
    real[:, range(size), range(size)] -= 1.0
    magnitude = np.abs(inverse.real) + np.abs(inverse.imag)
    rounding = gamma(2 * size + 2) * (magnitude @ (np.abs(vectors.real) + np.abs(vectors.imag)))
    off = np.abs(real) + np.abs(imaginary) + rounding
    return magnitude, raised(off.sum(2), 4 * size + 64).max(1)
