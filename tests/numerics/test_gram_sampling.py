"""Vectors with exactly the overlaps asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from rnnkit.errors import InputError
from rnnkit.numerics.gram_sampling import check_gram, sample_vectors


def gram(size: int, rank: int, seed: int, scale: float = 1.0) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((size, rank))
    return scale * root @ root.T


@settings(max_examples=30, deadline=None)
@given(
    size=st.integers(1, 9),
    short=st.integers(0, 8),
    more=st.integers(0, 300),
    seed=st.integers(0, 99),
    quasi=st.booleans(),
)
def test_overlaps_are_exact(size, short, more, seed, quasi):
    rank = max(1, size - short)
    wanted = gram(size, rank, seed)
    drawn = sample_vectors(wanted, rank + more, np.random.default_rng(seed), quasi)
    assert drawn.shape == (rank + more, size)
    np.testing.assert_allclose(drawn.T @ drawn / len(drawn), wanted, atol=1e-12 * max(1.0, abs(wanted).max()))


def test_small_large_and_no_overlaps():
    rng = np.random.default_rng(0)
    for scale in (1e-8, 1e8):
        wanted = gram(4, 4, 1, scale)
        drawn = sample_vectors(wanted, 100, rng)
        np.testing.assert_allclose(drawn.T @ drawn / 100, wanted, atol=1e-12 * abs(wanted).max())
    assert not sample_vectors(np.zeros((3, 3)), 5, rng).any()
    silent = np.diag([1.0, 0.0, 2.0])
    assert abs(sample_vectors(silent, 50, rng)[:, 1]).max() == 0


def test_entries_are_gaussian():
    drawn = sample_vectors(np.diag([1.0, 4.0]), 5000, np.random.default_rng(3))
    for column, size in zip(drawn.T, (1, 2), strict=True):
        assert kstest(column / size, "norm").pvalue > 1e-3


def test_quasi_random_vectors_are_nearer_to_infinitely_many():
    """Means of tanh' over units, against the Gaussian integral by the trapezoid rule."""
    grid = np.linspace(-9, 9, 4001)
    exact = np.trapezoid(np.cosh(grid) ** -2.0 * np.exp(-(grid**2) / 2), grid) / np.sqrt(2 * np.pi)
    off = {
        quasi: [
            abs(np.mean(np.cosh(sample_vectors(np.eye(4), 4096, np.random.default_rng(seed), quasi)) ** -2.0) - exact)
            for seed in range(5)
        ]
        for quasi in (False, True)
    }
    assert np.mean(off[True]) < np.mean(off[False]) / 3


def test_draws_go_by_the_generator():
    first, second, other = (sample_vectors(np.eye(3), 20, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert (first == second).all()
    assert (first != other).all()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "eigenvalue of -1"),
        (-np.eye(2), "eigenvalue of -1"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), "not symmetric"),
        (np.array([[np.nan]]), "not all finite"),
    ],
)
def test_what_no_vectors_have(wanted, message):
    with pytest.raises(InputError, match=message):
        check_gram(wanted)
    with pytest.raises(InputError, match=message):
        sample_vectors(wanted, 10, np.random.default_rng(0))


def test_too_few_units():
    with pytest.raises(InputError, match="--units: 2 units for overlaps of rank 3"):
        sample_vectors(np.eye(3), 2, np.random.default_rng(0))
