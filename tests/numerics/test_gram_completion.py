"""Overlaps with the same visible part: all of them are completions, and completions are all that is drawn."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import InputError
from rnnkit.numerics.gram_completion import complete, slack, vary


def gram(size: int, rank: int, seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((size, rank))
    return root @ root.T


@settings(max_examples=40, deadline=None)
@given(inner=st.integers(1, 4), outer=st.integers(1, 4), short=st.integers(0, 3), seed=st.integers(0, 99))
def test_every_gram_is_a_completion_of_its_slack(inner, outer, short, seed):
    whole = gram(inner + outer, max(1, inner + outer - short), seed)
    left_over = slack(whole, inner)
    assert np.linalg.eigvalsh(left_over).min() > -1e-9 * abs(whole).max()
    np.testing.assert_allclose(
        complete(whole[inner:, :inner], whole[:inner, :inner], left_over), whole, atol=1e-8 * abs(whole).max()
    )


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_what_is_seen_stays_and_the_rest_moves(linear, spread):
    whole = gram(5, 7, 0)
    found = vary(whole, 3, linear, spread, np.random.default_rng(1))
    assert (found[3:, :3] == whole[3:, :3]).all()
    assert (found[:3, :3] == whole[:3, :3]).all() != linear
    assert np.linalg.eigvalsh(found).min() > 0
    # Each free block is `spread` away: the norm of the logarithm of P^-1 P'.
    pairs = [(slack(whole, 3), slack(found, 3))] + [(whole[:3, :3], found[:3, :3])] * linear
    for before, after in pairs:
        logs = np.log(scipy.linalg.eigh(after, before, eigvals_only=True))
        assert np.linalg.norm(logs) == pytest.approx(spread, rel=1e-6)


def test_singular_overlaps_keep_their_range():
    whole = gram(6, 3, 0)
    found = vary(whole, 3, True, 1.0, np.random.default_rng(1))
    assert np.linalg.eigvalsh(found).min() > -1e-12 * abs(found).max()
    np.testing.assert_allclose(found[3:, :3], whole[3:, :3], atol=1e-12)
    assert abs(found - whole).max() > 0.1


def test_no_freedom():
    """Outer vectors in the span of the inner ones: tanh leaves nothing open, a linear network the inner overlaps."""
    across = np.array([[1.0, 0.5]])
    whole = complete(across, np.eye(2), np.zeros((1, 1)))
    with pytest.raises(InputError, match="leave no freedom"):
        vary(whole, 2, False, 1.0, np.random.default_rng(0))
    assert abs(vary(whole, 2, True, 1.0, np.random.default_rng(0)) - whole).max() > 0.1
    with pytest.raises(InputError, match="eigenvalue"):
        vary(-whole, 2, True, 1.0, np.random.default_rng(0))
