"""Alignment of representations: against samples x samples matrices, and what it must not see."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from rnnkit.errors import InputError
from rnnkit.numerics.representation_alignment import align_representations


def activity(seed: int, units: int = 6) -> np.ndarray:
    return 0.5 + np.random.default_rng(seed).normal(size=(3, 40, units))


@pytest.mark.parametrize("centred", [False, True])
def test_agrees_with_samples_by_samples(centred: bool) -> None:
    x, y = activity(0), activity(1, units=4)
    expected = []
    for a, b in zip(x, y, strict=True):
        a, b = (v - v.mean(0) if centred else v for v in (a, b))
        first, second = a @ a.T, b @ b.T
        expected.append(np.trace(first @ second) / np.linalg.norm(first) / np.linalg.norm(second))
    np.testing.assert_allclose(align_representations(x, y, centred), expected, rtol=1e-12)
    assert max(expected) < 0.9


@pytest.mark.parametrize("centred", [False, True])
def test_rotation_order_and_scale_do_not_matter(centred: bool) -> None:
    x, y = activity(0), activity(1)
    turned = 1e-170 * x @ ortho_group(6, seed=0).rvs()
    order = np.random.default_rng(0).permutation(40)
    expected = align_representations(x, y, centred)
    np.testing.assert_allclose(align_representations(turned[:, order], 1e170 * y[:, order], centred), expected)
    np.testing.assert_allclose(align_representations(turned, x, centred), 1, rtol=0, atol=1e-12)


def test_centring_takes_a_common_shift_away() -> None:
    x, y = activity(0), activity(1)
    shifted = [v + 100 for v in (x, y)]
    assert align_representations(*shifted).min() > 0.99
    np.testing.assert_allclose(align_representations(*shifted, True), align_representations(x, y, True))


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf])
def test_no_activity_has_no_alignment(fill: float) -> None:
    x, y = activity(0), activity(1)
    y[1] = fill
    for centred in (False, True):
        assert np.isnan(align_representations(x, y, centred)).tolist() == [False, True, False]


def test_constant_activity_has_none_when_centred() -> None:
    x, y = activity(0), activity(1)
    y[2] = y[2, :1]
    assert np.isfinite(align_representations(x, y)).all()
    assert np.isnan(align_representations(x, y, True)).tolist() == [False, False, True]


@pytest.mark.parametrize("shape", [(3, 40), (3, 0, 6), (3, 39, 6), (2, 40, 6)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="shape"):
        align_representations(activity(0), np.ones(shape))
