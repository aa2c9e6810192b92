"""Lower bounds on how far two networks stay apart under every relabelling of units.

For ``d(P)^2 = sum_g |a_g - P^T b_g P|_F^2 + |x - P^T y|_F^2`` (P a permutation; g the gates of the cell; x, y
the linear features), each bound gives P more freedom than it has and solves that problem exactly.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from rnnkit.numerics.two_exchange import Real

__all__ = ["permutation_lower_bound"]

_EPS = float(np.finfo(np.float64).eps)


def permutation_lower_bound(a: Real, b: Real, linear_a: Real, linear_b: Real) -> float:
    """Return the largest of three lower bounds on the distance over all permutations, rounding deducted.

    1. Spectra, with linear features beside them: any orthogonal Q instead of P. By Hoffman and
       Wielandt (1953, Duke Math. J. 20: 37-39) on the symmetric and the skew part, which are normal,
       ``|a - Q^T b Q|^2 >= sum (lam_i(a_s) - lam_i(b_s))^2 + sum (mu_i(a_k) - mu_i(b_k))^2``,
       all sorted; by Mirsky (1960, Q. J. Math. 11: 50-59) also
       ``>= sum (sigma_i(a) - sigma_i(b))^2``. Summed over gates, each with a Q of its own.
    2. The same off the constant vector, which P keeps (the projection bound of Hadley, Rendl and
       Wolkowicz 1992, Math. Oper. Res. 17: 727-739): the means and the row and column sums apart,
       the latter with the diagonal and the features in one linear assignment.
    3. Rows and columns (Gilmore 1962, J. SIAM 10: 305-313; Lawler 1963, Manag. Sci. 9: 586-599): unit i
       matched to k costs at least the distance of their diagonal entries and features, and half that of
       their sorted rows and columns; one linear assignment over these costs.

    Parameters
    ----------
    a, b : (gates, units, units) float64
    linear_a, linear_b : (units, features) float64

    Returns
    -------
    float

    Notes
    -----
    Rounding. 1 and 2 move by no more than a matrix moves (Frobenius), and computed spectra are those of
    a matrix within a few ``units eps |a|_F``: 16 units eps (|a| + |b| + |x| + |y|) is deducted. In an
    assignment the solver's potentials, sums of up to `units` rounded costs for each of `units` rows, and
    the costs' own sums err by at most ``units^2 eps`` of the largest cost and ``units eps`` of the total:
    deducted from the square, and twice over.

    Examples
    --------
    >>> import numpy as np
    >>> none = np.zeros((2, 0))
    >>> round(permutation_lower_bound(np.diag([1.0, 2.0])[None], np.diag([2.0, 4.0])[None], none, none), 12)
    2.2360679775
    """
    units = len(linear_a)
    size = sum(float(np.linalg.norm(x.ravel())) for x in (a, b, linear_a, linear_b))
    slack = 16 * units * _EPS * size
    features = cdist(linear_a, linear_b, "sqeuclidean") if linear_a.shape[1] else np.zeros((units, units))
    linear = _least(features)
    spectral = np.sqrt(_orthogonal(a, b) + linear) - slack
    return max(0.0, float(spectral), float(_projected(a, b, features) - slack), _row_bound(a, b, features))


def _least(cost: Real) -> float:
    """Return the least total of an assignment, less what rounding may have added."""
    total = float(cost[linear_sum_assignment(cost)].sum())
    units = len(cost)
    return max(0.0, total - 2 * units * _EPS * (units * float(cost.max()) + total))


def _orthogonal(a: Real, b: Real) -> float:
    """Bound with an orthogonal matrix for each gate, (gates, n, n) both."""
    return sum(max(_spectral(*gate), _singular(*gate)) for gate in zip(a, b, strict=True))


def _spectral(a: Real, b: Real) -> float:
    """Hoffman-Wielandt on the symmetric and the skew parts."""
    symmetric = np.linalg.eigvalsh((a + a.T) / 2) - np.linalg.eigvalsh((b + b.T) / 2)
    # eigenvalues of a real skew matrix are i times plus and minus its singular values
    return float(symmetric @ symmetric) + _singular((a - a.T) / 2, (b - b.T) / 2)


def _singular(a: Real, b: Real) -> float:
    """Mirsky's bound."""
    difference = np.linalg.svd(a, compute_uv=False) - np.linalg.svd(b, compute_uv=False)
    return float(difference @ difference)


def _projected(a: Real, b: Real, features: Real) -> float:
    """Bound with the diagonals apart: sums over rows and columns, and spectra orthogonal to them."""
    units = len(features)
    # a Householder reflection takes the first axis to the constant vector; its other columns span the rest
    normal = np.full(units, 1 / np.sqrt(units))
    normal[0] += 1
    basis = np.eye(units) - 2 * np.outer(normal, normal) / (normal @ normal)
    rest = basis[:, 1:]
    sums, cores, means = [], [], []
    for matrix in (a, b):
        own = np.diagonal(matrix, axis1=1, axis2=2)
        outside = matrix - own[:, None] * np.eye(units)
        mean = outside.mean(axis=(1, 2))
        rows = (outside.mean(axis=2) - mean[:, None]) * np.sqrt(units)
        columns = (outside.mean(axis=1) - mean[:, None]) * np.sqrt(units)
        sums.append(np.concatenate([own, rows, columns]).T)
        cores.append(rest.T @ outside @ rest)
        means.append(units * mean)
    joint = _least(cdist(sums[0], sums[1], "sqeuclidean") + features)
    return float(np.sqrt(np.sum((means[0] - means[1]) ** 2) + joint + _orthogonal(cores[0], cores[1])))


def _row_bound(a: Real, b: Real, features: Real) -> float:
    """Gilmore and Lawler's bound on sorted rows and columns, each off-diagonal entry half in either."""
    units = len(features)
    outside = ~np.eye(units, dtype=bool)

    def profile(matrices: Real) -> Real:
        parts = [np.diagonal(matrices, axis1=1, axis2=2).T]
        for matrix in matrices:
            for x in (matrix, matrix.T):
                parts.append(np.sqrt(0.5) * np.sort(x[outside].reshape(units, units - 1), axis=1))
        return np.concatenate(parts, axis=1)

    return float(np.sqrt(_least(cdist(profile(a), profile(b), "sqeuclidean") + features)))
