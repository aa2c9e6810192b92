"""Lower bounds of the orthogonal alignment: below every rotation, proven, and close."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from rnnkit.errors import InputError
from rnnkit.numerics import alignment_bounds
from rnnkit.numerics.alignment_bounds import LARGEST, descent_bound, programme_bound, spectral_bound, tight_bound
from rnnkit.numerics.alignment_programme import solve_dual
from rnnkit.numerics.orthogonal_alignment import align_orthogonal

Array = npt.NDArray[np.float64]


def _pair(seed: int, n: int) -> tuple[Array, Array]:
    a, b = np.random.default_rng(seed).normal(size=(2, n, n)) / n
    return a, b


def _rotation(seed: int, n: int) -> Array:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 7), scale=st.floats(1e-3, 1e3), steps=st.integers(0, 12))
def test_no_rotation_comes_closer(seed: int, n: int, scale: float, steps: int) -> None:
    """Whatever rotation the descent is made from, and wherever the programme is told that it may stop."""
    a, b = _pair(seed, n)
    b = b * scale
    bound = descent_bound(a, b, _rotation(seed, n), steps)
    found = align_orthogonal(a[None], b[None], starts=3, rounds=0, bound="spectra")
    reached = float(found.distance[0])
    most = reached * (1 + 1e-12) + 1e-14
    assert bound <= most
    assert descent_bound(a, b, found.rotation[0], steps) <= most
    assert programme_bound(a, b, reached) <= most
    assert programme_bound(a, b, reached * 3) <= most


def test_the_programme_against_another_solver() -> None:
    """The relaxation's value by L-BFGS on the smoothed largest eigenvalue, S and T free: an upper bound of the same."""
    rng = np.random.default_rng(4)
    for n in (2, 3, 4):
        a, b = (x / np.linalg.norm(x) for x in rng.normal(size=(2, n, n)))
        upper = np.triu_indices(n)

        def smoothed(entries: Array, a: Array = a, b: Array = b, n: int = n, upper: tuple = upper) -> float:
            left, right = np.zeros((2, n, n))
            left[upper], right[upper] = np.split(entries, 2)
            left, right = left + left.T, right + right.T
            values = np.linalg.eigvalsh(alignment_bounds._matrix(a, b, left, right))
            width = 1e-4
            top = values[-1] + width * np.log(np.exp((values - values[-1]) / width).sum())
            return float(np.trace(left) + np.trace(right) + n * top)

        found = minimize(smoothed, np.zeros(n * (n + 1)), method="L-BFGS-B", options={"maxiter": 2000, "maxfun": 10**6})
        dual = solve_dual(a, b, lambda value, gap: gap < 1e-8)
        np.testing.assert_allclose(dual.slack, -alignment_bounds._matrix(a, b, dual.left, dual.right), atol=1e-14)
        assert np.linalg.eigvalsh(dual.slack)[0] > -1e-12
        assert dual.value - 1e-6 <= found.fun <= dual.value + 3e-3


@pytest.mark.parametrize("seed", range(6))
def test_far_above_the_spectra(seed: int) -> None:
    a, b = _pair(seed, 8)
    plain = align_orthogonal(a[None], b[None], bound="spectra")
    tight = align_orthogonal(a[None], b[None])
    assert plain.distance[0] == tight.distance[0]
    assert plain.lower_bound[0] == spectral_bound(a[None], b[None])[0]
    assert tight.lower_bound[0] > max(0.7 * tight.distance[0], 1.3 * plain.lower_bound[0])


@pytest.mark.parametrize("n", [3, 6, 12])
def test_many_pairs_are_proven_optimal(n: int) -> None:
    """Operators that are noisy rotations of one another: no search could do better."""
    rng = np.random.default_rng(n)
    a = rng.normal(size=(6, n, n)) / n
    turn = np.linalg.qr(rng.normal(size=(6, n, n)))[0]
    b = turn @ (a + 0.05 * rng.normal(size=a.shape) / n) @ turn.mT
    found = align_orthogonal(a, b)
    assert (found.status == "optimal").all()
    assert np.abs(found.distance - found.lower_bound).max() < 1e-7
    assert (found.distance > 0.01).all()


def test_full_effort_comes_closer_than_quick_effort() -> None:
    n = alignment_bounds.QUICK + 1
    a, b = (x[None] for x in _pair(1, n))
    b = 0.55 * a + 0.45 * b
    quick, full, spectra = (
        align_orthogonal(a, b, starts=3, rounds=0, bound=effort) for effort in ("quick", "full", "spectra")
    )
    bounds = [found.lower_bound[0] for found in (spectra, quick, full)]
    assert bounds[0] < 0.9 * bounds[1] < 0.9 * 0.98 * bounds[2]
    assert bounds[2] <= full.distance[0]
    assert quick.distance[0] == full.distance[0]
    with pytest.raises(InputError, match="effort"):
        align_orthogonal(a, b, bound="best")


def test_a_bound_from_a_wrong_rotation_is_weak_and_not_wrong() -> None:
    a, b = _pair(3, 6)
    best = align_orthogonal(a[None], b[None])
    right = descent_bound(a, b, best.rotation[0])
    wrong = descent_bound(a, b, _rotation(9, 6))
    assert wrong < right <= programme_bound(a, b, best.distance[0]) <= best.distance[0]


def test_the_descent_keeps_its_bound_when_it_is_nearly_tight() -> None:
    """Many eigenvalues meet at the largest there; Lanczos may give up, and the bound goes on."""
    rng = np.random.default_rng(2)
    a = rng.normal(size=(8, 8)) / 8
    b = a + 0.01 * rng.normal(size=a.shape) / 8
    found = align_orthogonal(a[None], b[None], bound="spectra")
    bounds = [descent_bound(a, b, found.rotation[0], steps) for steps in (10, 30, 100, 300, 600)]
    assert bounds == sorted(bounds)
    assert bounds[-1] > 0.97 * found.distance[0]


def test_the_eigenvalue_is_proven() -> None:
    """Never below the largest eigenvalue, within a thousandth of it; the dense matrix does what its product does."""
    rng = np.random.default_rng(1)
    a, b, left, right = rng.normal(size=(4, 5, 5))
    left, right = left + left.T, right + right.T
    dense = alignment_bounds._matrix(a, b, left, right)
    x = rng.normal(size=(5, 5))
    np.testing.assert_allclose(
        (dense @ x.ravel()).reshape(5, 5), a @ x @ b.T + a.T @ x @ b - left @ x - x @ right, atol=1e-12
    )
    largest = np.linalg.eigvalsh(dense)[-1]
    estimate = alignment_bounds._leading_eigenvalue(a, b, left, right, dense, x)
    proven = alignment_bounds._proven_eigenvalue(dense, estimate, 1e-4 * abs(estimate))
    assert proven is not None
    assert largest <= proven <= largest + 1e-3 * abs(largest)


def test_large_operators_have_the_spectral_bound() -> None:
    n = LARGEST + 1
    a, b = _pair(0, n)
    found = align_orthogonal(a[None], b[None], starts=0, rounds=0, explore_iterations=1, max_iterations=1)
    assert found.lower_bound[0] == spectral_bound(a[None], b[None])[0]


def test_zero_operators() -> None:
    zero, one = np.zeros((3, 3)), np.eye(3)
    for a, b in ((zero, zero), (zero, one), (one, zero)):
        assert 0 <= tight_bound(a, b, one) <= np.linalg.norm(a - b)
        assert 0 <= descent_bound(a, b, one) <= np.linalg.norm(a - b)
