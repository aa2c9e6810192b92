"""Loading vectors of full-rank matrices: the best truncation, in a gauge that depends on nothing but the network."""

import numpy as np
import pytest

from rnnkit.numerics.balanced_vectors import balanced_vectors, factors, factors_of_product

RNG = np.random.default_rng(0)


def given(units: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.standard_normal((units, units)), rng.standard_normal((units, 2)), rng.standard_normal((units, 1))


@pytest.mark.parametrize("rank", [1, 3, 12])
def test_the_product_is_the_best_truncation(rank):
    matrix, inputs, outputs = given()
    found = factors(matrix)
    u, v = balanced_vectors(found, rank, inputs, outputs)
    left, singular, right = np.linalg.svd(matrix)
    expected = sum(singular[k] * np.outer(left[:, k], right[k]) for k in range(rank))
    np.testing.assert_allclose(u @ v.T / 12, expected, atol=1e-12)
    np.testing.assert_allclose(found.truncated(rank), expected, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(u, axis=0), np.linalg.norm(v, axis=0))
    residual = ((matrix - expected) ** 2).sum() / (matrix**2).sum()
    assert found.share(rank) == pytest.approx(1 - residual)


def test_signs_are_those_of_the_first_cosine():
    matrix, inputs, outputs = given()
    u, v = balanced_vectors(factors(matrix), 4, inputs, outputs)
    assert (inputs[:, 0] @ u > 0).all()
    # Nothing of the inputs is left in u or v: the readout decides, and where that is so of it too, the cubes.
    silent = np.zeros((12, 2))
    u, v = balanced_vectors(factors(matrix), 4, silent, outputs)
    assert (outputs[:, 0] @ u > 0).all()
    u, v = balanced_vectors(factors(matrix), 4, silent, silent[:, :1])
    assert ((u**3).sum(0) > 0).all()
    found = factors(matrix)
    u, v = balanced_vectors(
        found, 1, found.right[:, :1] - (found.right[:, :1].T @ found.left[:, :1]) * found.left[:, :1], outputs
    )
    assert v[:, 0] @ found.right[:, 0] * (1 - (found.right[:, 0] @ found.left[:, 0]) ** 2) > 0


def test_relabelled_or_turned_round_it_is_the_same():
    matrix, inputs, outputs = given()
    order = RNG.permutation(12)
    u, v = balanced_vectors(factors(matrix), 5, inputs, outputs)
    moved = balanced_vectors(factors(matrix[order][:, order]), 5, inputs[order], outputs[order])
    np.testing.assert_allclose(moved[0], u[order], atol=1e-10)
    np.testing.assert_allclose(moved[1], v[order], atol=1e-10)


def test_a_product_is_taken_apart_without_being_formed():
    left, right = RNG.standard_normal((2, 20, 3))
    thin, whole = factors_of_product(left, right), factors(left @ right.T / 20)
    np.testing.assert_allclose(thin.singular, whole.singular[:3], rtol=1e-12)
    np.testing.assert_allclose(thin.truncated(2), whole.truncated(2), atol=1e-12)
    assert (whole.singular[3:] == 0).all()


def test_a_stack_is_taken_apart_one_by_one():
    matrices = RNG.standard_normal((4, 6, 6))
    inputs, outputs = RNG.standard_normal((4, 6, 1)), RNG.standard_normal((4, 6, 2))
    u, v = balanced_vectors(factors(matrices), 2, inputs, outputs)
    for k in range(4):
        one = balanced_vectors(factors(matrices[k]), 2, inputs[k], outputs[k])
        np.testing.assert_allclose((u[k], v[k]), one, atol=1e-12)


def test_double_singular_values_are_found():
    q, p = (np.linalg.qr(RNG.standard_normal((5, 5)))[0] for _ in range(2))
    found = factors(q * np.array([3.0, 2.0, 2.0, 1.0, 0.0]) @ p)
    assert found.unsettled(1).tolist() == [False]
    assert found.unsettled(2).tolist() == [False, True]
    assert found.unsettled(5).tolist() == [False, True, True, False, False]
    assert [bool(found.ambiguous(rank)) for rank in (1, 2, 3, 4, 5)] == [False, True, False, False, False]
    assert np.isnan(factors(np.zeros((3, 3))).share(1))
