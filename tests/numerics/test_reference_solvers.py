"""What the packages behind published numbers return, and that calling them leaves nothing behind."""

import sys
import threading
import warnings

import numpy as np
import pytest
import torch

from rnnkit.errors import InputError
from rnnkit.numerics.orthogonal_alignment import align_orthogonal
from rnnkit.numerics.reference_solvers import (
    PACKAGES,
    dsa_metric_rotations,
    qc_procrustes_permutations,
    require_package,
)

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 3, 6, 6))


def needs(package):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(PACKAGES[package], exc_type=ImportError)


@pytest.fixture
def alignment():
    needs("dsa-metric")


@pytest.fixture
def matching():
    return needs("qc-procrustes")


def distances(a, b, rotation):
    return np.linalg.norm(a - rotation @ b @ rotation.mT, axis=(1, 2))


def test_rotations_are_where_the_package_ends(alignment):
    rotation = dsa_metric_rotations(A, B, iterations=300, seed=3)
    np.testing.assert_allclose(rotation @ rotation.mT, np.broadcast_to(np.eye(6), A.shape), atol=1e-13)
    first, second = (x / np.linalg.norm(x, axis=(1, 2))[:, None, None] for x in (A, B))
    from DSA.simdist import SimilarityTransformDist

    for k in range(3):
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(3)
            theirs = SimilarityTransformDist(iters=300, score_method="euclidean")
            score = theirs.fit_score(first[k].copy(), second[k].copy())
        assert distances(first, second, rotation)[k] == pytest.approx(score, abs=1e-5)
    ours = align_orthogonal(A, B)
    assert (distances(A, B, rotation) >= ours.distance * (1 - 1e-9)).all()
    assert (distances(A, B, rotation) >= ours.lower_bound).all()


def test_more_iterations_and_other_seeds_end_elsewhere(alignment):
    short, long = (distances(A, B, dsa_metric_rotations(A, B, iterations=n)) for n in (5, 300))
    assert (long < short).all()
    assert (dsa_metric_rotations(A, B, iterations=5, seed=1) != dsa_metric_rotations(A, B, iterations=5)).any()


def test_a_pair_does_not_depend_on_its_batch_nor_the_caller_on_the_call(alignment):
    a, b = A.copy(), B.copy()
    torch.manual_seed(7)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    with torch.no_grad():
        whole = dsa_metric_rotations(a, b, iterations=20)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(np.stack([a, b]), np.stack([A, B]))
    torch.rand(5)
    np.testing.assert_array_equal(dsa_metric_rotations(A[2:], B[2:], iterations=20), whole[2:])


def test_threads_do_not_share_a_generator(alignment):
    found = [np.empty(0)] * 4

    def one(k):
        found[k] = dsa_metric_rotations(A[:1], B[:1], iterations=30)

    threads = [threading.Thread(target=one, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_operators_out_of_the_ordinary(alignment):
    a, b = A.copy(), B.copy()
    a[0], b[1, 0, 0] = 0, np.inf
    a[2] *= 1e200  # past single precision, and its squares past double
    found = dsa_metric_rotations(a, b, iterations=20)
    np.testing.assert_array_equal(found[0], np.eye(6))
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[2], dsa_metric_rotations(A, B, iterations=20)[2], atol=1e-3)


def test_nmf_ends_where_it_begins(matching, capfd):
    order = RNG.permutation(6)
    copy = A[:, order][:, :, order]
    a, b = A.copy(), copy.copy()
    np.testing.assert_array_equal(qc_procrustes_permutations(a, b), np.tile(np.arange(6), (3, 1)))
    np.testing.assert_array_equal(np.stack([a, b]), np.stack([A, copy]))
    assert capfd.readouterr() == ("", "")


def test_permutations_are_the_packages_in_our_terms(matching, monkeypatch, capfd):
    """By a method of the package that does find a planted permutation."""
    order = RNG.permutation(6)
    symmetric = A + A.mT
    planted = symmetric[:, order][:, :, order]
    theirs = matching.permutation_2sided

    def spectral(a, b, single, method):
        assert (single, method) == (True, "nmf")
        vars(matching)["print"]("said")
        return theirs(a, b, single=True, method="approx-umeyama")

    monkeypatch.setattr(matching, "permutation_2sided", spectral)
    for a, b, p in zip(symmetric, planted, qc_procrustes_permutations(symmetric, planted), strict=True):
        np.testing.assert_array_equal(b[p][:, p], a)
    assert capfd.readouterr() == ("", "")
    assert "print" not in vars(matching)


def test_weights_that_are_not_finite_or_are_refused(matching, monkeypatch):
    a = A.copy()
    a[1, 2, 3] = np.nan
    assert qc_procrustes_permutations(a, B)[:, 0].tolist() == [0, -1, 0]

    def refuse(*_, **__):
        raise ValueError

    monkeypatch.setattr(matching, "permutation_2sided", refuse)
    assert (qc_procrustes_permutations(A, B) == -1).all()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_that_is_missing(name, monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    with pytest.raises(
        InputError, match=rf"--solver: .*{name} cannot be imported \(pip install 'rnnkit\[reference\]'\)"
    ):
        require_package(name)
