"""Both forms of a stack against whole matrices and numpy's own decompositions."""

import numpy as np
import pytest

from rnnkit.numerics import matrix_stacks
from rnnkit.numerics.matrix_stacks import Dense, Product

RNG = np.random.default_rng(0)


def product(count: int = 4, rank: int = 2) -> Product:
    return Product(RNG.normal(size=(count, 7, rank)), RNG.normal(size=(count, 5, rank)))


def dense(stack: Product) -> Dense:
    return Dense(stack.left @ stack.right.swapaxes(-1, -2))


PAIRS = [(one := product(), two := product()), (dense(one), dense(two))]


@pytest.mark.parametrize(("one", "two"), PAIRS, ids=["product", "dense"])
def test_a_stack_is_its_matrices(one, two):
    whole, other = dense(PAIRS[0][0]).values, dense(PAIRS[0][1]).values
    rank = min(5, 4)
    difference = one.minus(two)
    for k in range(4):
        expected = np.linalg.svd(whole[k] - other[k])[1]
        np.testing.assert_allclose(difference.singular_values()[k, :rank], expected[:rank], atol=1e-12)
        assert difference.norms()[k] == pytest.approx(np.linalg.norm(whole[k] - other[k]), rel=1e-12)
        assert one.inner(two)[k] == pytest.approx((whole[k] * other[k]).sum(), rel=1e-11)
        for j in range(4):
            expected = np.corrcoef(whole[k].ravel(), other[j].ravel())[0, 1]
            assert one.standardised().gram(two.standardised())[k, j] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(one.part(1, 3).singular_values(), one.singular_values()[1:3], atol=1e-12)
    last = one.part(3, 4)
    np.testing.assert_allclose(last.minus(two).norms(), np.linalg.norm(whole[3] - other, axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(two.minus(last).norms(), last.minus(two).norms(), rtol=1e-12)


def test_a_small_difference_of_products_keeps_its_digits():
    """Formed and subtracted, 1e-12 of the matrices would have four digits."""
    one = product(1)
    step = RNG.normal(size=one.left.shape)
    moved = Product(one.left + 1e-12 * step, one.right)
    actual = (moved.left - one.left) @ one.right.swapaxes(-1, -2)
    np.testing.assert_allclose(moved.minus(one).singular_values()[0, :2], np.linalg.svd(actual[0])[1][:2], rtol=1e-10)
    assert moved.minus(moved).singular_values().max() == 0.0


@pytest.mark.parametrize("form", [Product(np.ones((1, 3, 1)), 2 * np.ones((1, 3, 1))), Dense(np.full((1, 3, 3), 0.1))])
def test_constant_matrices_have_no_correlation(form):
    assert np.isnan(form.standardised().inner(form.standardised())).all()


def test_a_decomposition_that_gives_up_is_done_otherwise(monkeypatch):
    """Divide and conquer fails on some sound matrices, which cannot be had by design."""
    expected = np.linalg.svd(dense(one).values, compute_uv=False)

    def fails(*_, **__):
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(matrix_stacks.np.linalg, "svd", fails)
    np.testing.assert_allclose(dense(one).singular_values(), expected, atol=1e-12)
