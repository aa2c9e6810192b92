"""Lower bounds of the orthogonal alignment: below every rotation, proven, and close."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.numerics import alignment_bounds
from rnnkit.numerics.alignment_bounds import LARGEST, semidefinite_bound, spectral_bound
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
    """Whatever rotation the bound is made from."""
    a, b = _pair(seed, n)
    b = b * scale
    bound = semidefinite_bound(a, b, _rotation(seed, n), steps)
    found = align_orthogonal(a[None], b[None], starts=3, rounds=0, bound_steps=0)
    assert bound <= found.distance[0] * (1 + 1e-12) + 1e-14
    again = semidefinite_bound(a, b, found.rotation[0], steps)
    assert again <= found.distance[0] * (1 + 1e-12) + 1e-14


@pytest.mark.parametrize("seed", range(6))
def test_far_above_the_spectra(seed: int) -> None:
    a, b = _pair(seed, 8)
    plain = align_orthogonal(a[None], b[None], bound_steps=0)
    tight = align_orthogonal(a[None], b[None])
    assert plain.distance[0] == tight.distance[0]
    assert plain.lower_bound[0] == spectral_bound(a[None], b[None])[0]
    assert tight.lower_bound[0] > max(0.7 * tight.distance[0], 1.3 * plain.lower_bound[0])


def test_most_small_pairs_are_proven_optimal_with_more_steps() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 12, 3, 3))
    found = align_orthogonal(a, b, bound_steps=300)
    assert (found.status == "optimal").sum() >= 6
    gap = (found.distance - found.lower_bound)[found.status == "optimal"]
    assert gap.max() < 1e-7 * 10
    assert gap.min() >= -1e-12


def test_a_bound_from_a_wrong_rotation_is_weak_and_not_wrong() -> None:
    a, b = _pair(3, 6)
    best = align_orthogonal(a[None], b[None])
    right = semidefinite_bound(a, b, best.rotation[0])
    wrong = semidefinite_bound(a, b, _rotation(9, 6))
    assert wrong < right <= best.distance[0]


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
    proven = alignment_bounds._largest_eigenvalue_below(a, b, left, right)
    assert proven is not None
    assert largest <= proven <= largest + 1e-3 * abs(largest)


def test_large_operators_have_the_spectral_bound() -> None:
    n = LARGEST + 1
    a, b = _pair(0, n)
    found = align_orthogonal(a[None], b[None], starts=0, rounds=0, explore_iterations=1, max_iterations=1)
    assert found.lower_bound[0] == spectral_bound(a[None], b[None])[0]


def test_zero_operators() -> None:
    assert semidefinite_bound(np.zeros((3, 3)), np.zeros((3, 3)), np.eye(3)) == 0
