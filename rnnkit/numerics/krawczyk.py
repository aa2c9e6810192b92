r"""Proofs that a network's step has exactly one fixed point near a point, by Krawczyk's test in the max norm.

G(x) = F(x) - x. With A any matrix (here a floating-point inverse of J, itself a floating-point Jacobian of G at x),

    Y    >= |A G(x)|,        Z(r) >= row sums of |I - A M| for all M in the Jacobians of G over |y - x| <= r.

If max_i (Y_i + Z_i(r) r) < r for an r > 0, then y -> y - A G(y) maps the ball |y - x| <= r into itself and contracts
it, A is regular, and G has exactly one zero in that ball (Krawczyk 1969; Moore 1977; Rump 2010, section 13). In
floating point, with g = fl(G(x)), |g - G(x)| <= e_g, n = size and delta(r) from
:mod:`~rnnkit.numerics.jacobian_enclosures`:

    Y    = |fl(A g)| + |A| (gamma_{n+2} |g| + e_g)
    Z(r) = |fl(I - A J)| e + |A| (gamma_{n+2} |J| e + delta(r)) + 2 u,        e = (1, .., 1)

each rounded up. The sign of det(I - DF) is that of det J in the whole ball, because Z < 1; it is read off an LU
factorisation whose own backward error is bounded in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.intervals import UNIT_ROUNDOFF, FloatArray, gamma, raised
from rnnkit.numerics.jacobian_enclosures import JacobianEnclosure
from rnnkit.numerics.threads import one_thread

__all__ = ["ASSUMPTIONS", "Certificate", "Certificates", "certify", "certify_many"]

#: What the proofs take for granted; goes with every table that holds one.
ASSUMPTIONS = (
    "IEEE 754 binary64, rounding to nearest; inner products summed conventionally, in any order, fused or not (no "
    "Strassen, TF32 or emulated products); |fl(tanh x) - tanh x| <= 2^-50. The map is the network's step in exact "
    "arithmetic with its weights, leak and drive as float64 numbers, once W = J/N or W = left right^T/N, U v + b and "
    "1 - alpha are formed; a float32 rollout is not the same map."
)

#: A polishing step never moves a point by more than this: the certificate is about the point that was given.
_LONGEST_STEP = 1e-3
#: Entries of a stack of Jacobians that are worked on at once: 16 MB an array.
_STACK = 2**21
#: No ball smaller than this is tried.
_SMALLEST = 1e-18
#: Radii tried first, in 64ths of a doubling: four steps of 19 %, then by factors of 4.
_COARSE = np.concatenate([16.0 * np.arange(4), 64.0 + 128.0 * np.arange(31)])


@dataclass(frozen=True)
class Certificate:
    """What is proven about one point.

    Attributes
    ----------
    certified : bool
        Exactly one fixed point of the exact map lies within `radius` of `point`, and within `unique_radius`.
    status : str
        `certified`; `kink`, a unit of a relu network may cross its kink; `singular`, the Jacobian of F(x) - x is not
        proven regular even at the point; `uncertified`, no ball passes.
    point : (size,) float64
        The point, after polishing.
    radius, unique_radius : float
        In the max norm; NaN when not certified. `radius` is the least that passed in steps of 19 %,
        `unique_radius` the largest in steps of 1.1 %, no more than 1.
    index : int
        sign det(I - DF) at the fixed point, proven; 0 when not.
    """

    certified: bool
    status: str
    point: FloatArray
    radius: float
    unique_radius: float
    index: int


@dataclass(frozen=True)
class Certificates:
    """What is proven about many points of one network; the attributes of :class:`Certificate`, stacked."""

    certified: NDArray[np.bool_]
    status: NDArray[np.str_]
    point: FloatArray
    radius: FloatArray
    unique_radius: FloatArray
    index: NDArray[np.int64]

    def __getitem__(self, k: int) -> Certificate:
        return Certificate(
            bool(self.certified[k]),
            str(self.status[k]),
            self.point[k],
            float(self.radius[k]),
            float(self.unique_radius[k]),
            int(self.index[k]),
        )


def certify(system: AutonomousMap, network: int, point: FloatArray, polish: int = 2) -> Certificate:
    """Prove, if it can be done, that one fixed point lies near a point. See :func:`certify_many`.

    Parameters
    ----------
    system : AutonomousMap
    network : int
    point : (size,) float64
    polish : int
        Newton steps in float64 before the proof.

    Examples
    --------
    tanh(h / 2) has a fixed point at 0:

    >>> half = AutonomousMap("outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), 0.5), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> certify(half, 0, np.array([1e-9])).status
    'certified'

    A ghost: with 1e-9 more of drive, tanh(2 h + b) would have a pair of fixed points here.

    >>> fold, drive = 0.5 ** 0.5, 2 * 0.5 ** 0.5 - np.arctanh(0.5 ** 0.5)
    >>> weight, none = np.full((1, 1, 1), 2.0), np.zeros((1, 1))
    >>> ghost = AutonomousMap("outer", "tanh", 0.0, 1.0, weight, np.full((1, 1), -1e-9 - drive), none)
    >>> certify(ghost, 0, np.array([fold])).certified
    False
    """
    return certify_many(system, network, np.asarray(point, dtype=np.float64)[None], polish)[0]


def certify_many(system: AutonomousMap, network: int, points: FloatArray, polish: int = 2) -> Certificates:
    """Prove, where it can be done, that exactly one fixed point lies near each point.

    Parameters
    ----------
    system : AutonomousMap
    network : int
    points : (points, size) float64
    polish : int
        Newton steps in float64 before the proof, each taken only where it makes the residual smaller and is short.

    Returns
    -------
    Certificates

    Raises
    ------
    InputError
        When there is no such network, or the points have another size.

    Examples
    --------
    >>> double = AutonomousMap("outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), 2.0), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> found = certify_many(double, 0, np.array([[-0.9575], [0.0], [0.9575], [0.5]]))
    >>> found.status.tolist(), found.index.tolist()
    (['certified', 'certified', 'certified', 'uncertified'], [1, -1, 1, 0])
    """
    points = np.array(points, dtype=np.float64)
    size = points.shape[-1]
    chunk = max(1, _STACK // max(1, size * (size + 256)))
    with one_thread(), np.errstate(all="ignore"):
        parts = [
            _certify_chunk(system, network, points[k : k + chunk], polish) for k in range(0, max(len(points), 1), chunk)
        ]
    return Certificates(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))


_FIELDS = tuple(Certificates.__dataclass_fields__)


def _certify_chunk(system: AutonomousMap, network: int, points: FloatArray, polish: int) -> Certificates:
    about = JacobianEnclosure(system, network, points)
    jacobian, inverse = _newton_matrices(about)
    for _ in range(polish):
        about, points, moved = _polished(system, network, about, points, inverse)
        if not moved:
            break
        jacobian, inverse = _newton_matrices(about)
    test = _Test(about, jacobian, inverse)
    radius, unique_radius = test.search()
    certified = np.isfinite(radius)
    # At a kink existence is still proven, but stability and index would be of two Jacobians at once.
    reach = np.where(certified, radius, np.minimum(test.first, 1.0))
    kink = about.at_kink(np.nan_to_num(reach, nan=0.0)[:, None])[:, 0]
    certified &= ~kink
    status = np.select([certified, kink, ~(test.singular < 1)], ["certified", "kink", "singular"], "uncertified")
    index = np.where(certified, (-1) ** jacobian.shape[1] * _determinant_signs(jacobian, inverse, test.singular), 0)
    radius, unique_radius = (np.where(certified, found, np.nan) for found in (radius, unique_radius))
    return Certificates(certified, status, points, radius, unique_radius, index.astype(np.int64))


def _newton_matrices(about: JacobianEnclosure) -> tuple[FloatArray, FloatArray]:
    """Return J = DF - I and an approximate inverse; NaN where there is none."""
    jacobian = about.jacobian.copy()
    size = jacobian.shape[1]
    jacobian[:, range(size), range(size)] -= 1.0
    return jacobian, _inverses(jacobian)


def _inverses(matrices: FloatArray) -> FloatArray:
    found = np.full_like(matrices, np.nan)
    sound = np.flatnonzero(np.isfinite(matrices).all((1, 2)))
    try:
        found[sound] = np.linalg.inv(matrices[sound])
    except np.linalg.LinAlgError:  # one exactly singular matrix must not cost the others theirs
        for k in sound:
            try:
                found[k] = np.linalg.inv(matrices[k])
            except np.linalg.LinAlgError:
                continue
    return found


def _polished(
    system: AutonomousMap, network: int, about: JacobianEnclosure, points: FloatArray, inverse: FloatArray
) -> tuple[JacobianEnclosure, FloatArray, bool]:
    """Take a Newton step where it is short and makes the residual smaller."""
    step = (inverse @ about.residual[:, :, None])[:, :, 0]
    short = np.abs(step).max(1) <= _LONGEST_STEP
    tried = np.where(short[:, None], points - step, points)
    there = JacobianEnclosure(system, network, tried)
    better = short & (np.abs(there.residual).max(1) < np.abs(about.residual).max(1))
    if not better.any():
        return about, points, False
    points = np.where(better[:, None], tried, points)
    return JacobianEnclosure(system, network, points), points, True


class _Test:
    """Y and Z of the theorem about points, and the search for radii that pass."""

    def __init__(self, about: JacobianEnclosure, jacobian: FloatArray, inverse: FloatArray) -> None:
        size = jacobian.shape[1]
        self._about, self._steps = about, 4 * size + 64
        self._inverse = np.abs(inverse)
        # n products and n sums, computed in any order: gamma_n |A| |g|; one rounding more for the difference.
        residual = gamma(size + 2) * np.abs(about.residual) + about.residual_error
        self._y = np.abs(_apply(inverse, about.residual)) + _apply(self._inverse, residual)
        self._y = raised(self._y, self._steps)
        product = inverse @ jacobian
        product[:, range(size), range(size)] -= 1.0
        rounding = gamma(size + 2) * np.abs(jacobian).sum(2)
        base = np.abs(product).sum(2) + _apply(self._inverse, rounding) + 2 * UNIT_ROUNDOFF
        self._base = raised(base, self._steps)
        #: max_i Z_i(0): below 1, J and the exact Jacobian at the point are regular.
        self.singular = self._z(np.zeros((len(base), 1))).max(2)[:, 0]
        #: Where a ball must start to pass: for Z linear in r, inside the radii that pass if there are any.
        first = 2 * self._y.max(1) / (1 - self.singular)
        self.first = np.where(self.singular < 1, np.maximum(first, _SMALLEST), np.nan)

    def _z(self, radii: FloatArray) -> FloatArray:
        """Return Z(r), (points, radii, size)."""
        off = self._about.deviation(radii) @ self._inverse.mT
        return raised(self._base[:, None] + off, self._steps)

    def passes(self, radii: FloatArray) -> NDArray[np.bool_]:
        """Return which radii (points, radii) satisfy the theorem; NaN never does."""
        bound = raised(self._y[:, None] + self._z(radii) * radii[:, :, None], 2)
        return np.asarray((bound < radii[:, :, None]).all(2), dtype=np.bool_)

    def search(self) -> tuple[FloatArray, FloatArray]:
        """Return the least and the largest radius that passed, (points,) each; NaN where none did.

        Radii are powers of 2 ** (1 / 64), so that rounding errors, and with them the order of the units, seldom show
        in what is reported. Every radius reported was itself tested: a coarse search costs sharpness, never truth.
        """
        start = 16 * np.ceil(4 * np.log2(self.first))[:, None]
        tried, passed = self._try(start + _COARSE)
        least = np.where(passed, tried, np.inf).min(1)
        largest = np.where(passed, tried, -np.inf).max(1)
        for finer in (10 * np.arange(1, 13), np.arange(1, 10)):  # between passing and 4 times as much, 128 steps
            tried, passed = self._try(largest[:, None] + finer)
            largest = np.maximum(largest, np.where(passed, tried, -np.inf).max(1))
        found = np.isfinite(least)
        return np.where(found, 2 ** (least / 64), np.nan), np.where(found, 2 ** (largest / 64), np.nan)

    def _try(self, powers: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Test the radii 2 ** (powers / 64), none above 1; return the powers and which passed."""
        powers = np.minimum(powers, 0.0)
        return powers, self.passes(2 ** (powers / 64))


def _apply(matrices: FloatArray, vectors: FloatArray) -> FloatArray:
    found: FloatArray = (matrices @ vectors[:, :, None])[:, :, 0]
    return found


def _determinant_signs(jacobian: FloatArray, inverse: FloatArray, singular: FloatArray) -> NDArray[np.int64]:
    """Return sign det J where proven, else 0.

    The computed factors satisfy |J - P L U| <= gamma_n P |L| |U| (Higham 2002, theorem 9.3). Where
    |I - A J| + |A| gamma_n P |L| |U| has row sums below 1, all matrices between J and P L U are regular and their
    determinants have one sign: that of the permutation times those of U's diagonal.
    """
    size = jacobian.shape[1]
    if not len(jacobian):  # scipy's factors of no matrices have no shape
        return np.zeros(0, dtype=np.int64)
    sound = np.asarray(np.isfinite(jacobian).all((1, 2)) & np.isfinite(inverse).all((1, 2)))
    usable = np.where(sound[:, None, None], jacobian, np.eye(size))
    order, lower, upper = scipy.linalg.lu(usable, p_indices=True, check_finite=False)
    backward = _apply(np.abs(lower), np.abs(upper).sum(2))
    backward = gamma(size) * np.take_along_axis(backward, order, 1)
    bound = raised(singular + _apply(np.abs(inverse), backward).max(1), 4 * size + 64)
    crossed = (order[:, :, None] > order[:, None, :])[:, *np.triu_indices(size, 1)].sum(1)
    signs = (-1) ** crossed * np.sign(np.diagonal(upper, axis1=1, axis2=2)).prod(1)
    return np.where(sound & (bound < 1), signs, 0).astype(np.int64)
