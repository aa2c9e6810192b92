"""Optimal transport between eigenvalues: brute force, the axioms of a metric, dsa-metric's score."""

import itertools
import warnings

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.spectra import spectral_distance


def points(seed, pairs, n):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(pairs, n)) + 1j * rng.normal(size=(pairs, n))


def brute_force(x, y):
    orders = np.array(list(itertools.permutations(range(len(y)))))
    return np.sqrt((np.abs(x - y[orders]) ** 2).mean(1).min())


@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_the_best_of_all_matchings(n):
    x, y = points(n, 6, n), points(n + 10, 6, n)
    expected = [brute_force(*pair) for pair in zip(x, y, strict=True)]
    np.testing.assert_allclose(spectral_distance(x, y), expected, rtol=1e-12)


def test_the_axioms_of_a_metric():
    x, y, z = points(0, 3000, 6).reshape(3, 1000, 6)
    order = np.random.default_rng(1).permutation(6)
    assert spectral_distance(x, x[:, order]).max() == 0
    first, second, across = spectral_distance(x, y), spectral_distance(y, z), spectral_distance(x, z)
    np.testing.assert_allclose(spectral_distance(y, x), first, rtol=0, atol=1e-12)
    assert (across <= first + second + 1e-12).all()


def test_similar_matrices_have_one_spectrum():
    rng = np.random.default_rng(2)
    a, change = rng.normal(size=(2, 20, 20))
    similar = np.linalg.solve(change, a @ change)
    assert spectral_distance(*(np.linalg.eigvals(z)[None] for z in (a, similar)))[0] < 1e-10


def test_it_is_the_root_of_dsa_metrics_score():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simdist = pytest.importorskip("DSA.simdist")
    a, b = np.random.default_rng(3).normal(size=(2, 12, 12)) / 12**0.5
    peer = simdist.SimilarityTransformDist(score_method="wasserstein")
    score = peer.fit_score(a.copy(), b.copy())  # in float32
    found = spectral_distance(*(np.linalg.eigvals(z)[None] for z in (a, b)))[0]
    assert found**2 == pytest.approx(score, rel=1e-4)


def test_what_is_not_finite_has_no_number_and_shapes_must_fit():
    x, y = points(4, 2, 3), points(5, 2, 3)
    x[0, 1] = np.nan
    found = spectral_distance(x, y)
    assert np.isnan(found[0])
    assert found[1] > 0
    for bad in ((x, y[:, :2]), (x[0], y[0]), (x[:, :0], y[:, :0])):
        with pytest.raises(InputError):
            spectral_distance(*bad)
