"""Ordered Schur forms: of well-behaved matrices exactly, of the worst ones with what is left out of order."""

import sys

import numpy as np
import pytest
import scipy.linalg

from rnnkit.errors import InputError
from rnnkit.numerics.ordered_schur import ordered_schur, separation, shuffled_sectors
from rnnkit.numerics.threads import one_thread
from tests.oracles.schur_matrices import CLASSES, bent_jordan, gaussian

UNITS = 32
#: 158 matrices; benchmarks/test_schur.py takes a thousand of twice the size.
COUNTS = dict(zip(CLASSES, (40, 22, 22, 30, 22, 14, 8), strict=True))


@pytest.fixture(autouse=True)
def _threads():
    with one_thread():
        yield


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_of_matrices(kind):
    rng = np.random.default_rng(len(kind))
    for _ in range(COUNTS[kind]):
        w = CLASSES[kind](rng, UNITS)
        found = ordered_schur(w)
        t, q = found.form, found.vectors
        size = np.abs(w).max() or 1.0
        assert np.linalg.norm(q @ (t / size) @ q.T - w / size) <= 1e-13 * np.linalg.norm(w / size)
        assert np.linalg.norm(q.T @ q - np.eye(UNITS)) <= 1e-13
        block = np.repeat(np.arange(len(found.starts)), found.sizes)
        assert not t[block[:, None] > block].any()
        for start in found.starts[found.sizes == 2]:
            (a, b), (c, d) = t[start : start + 2, start : start + 2]
            assert a == d
            assert np.sign(b) * np.sign(c) == -1
            assert abs(b) >= abs(c)
        assert found.violation <= (1e-6 if kind == "ill-conditioned jordan" else 1e-10)
        steps = np.diff(found.moduli).max(initial=0.0) if size == 1.0 or found.moduli.max() > 0 else 0.0
        assert steps <= found.violation * found.spectral_radius


def test_the_moduli_are_those_of_the_eigenvalues():
    rng = np.random.default_rng(1)
    for _ in range(10):
        w = gaussian(rng, UNITS)
        found = ordered_schur(w)
        moduli = np.repeat(found.moduli, found.sizes)
        np.testing.assert_allclose(moduli, np.sort(np.abs(np.linalg.eigvals(w)))[::-1], rtol=1e-10)
        assert (np.diff(moduli) <= 1e-12).all()
        upper = np.linalg.eigvals(w)
        upper = upper[upper.imag >= 0]
        distance = np.abs(upper[:, None] - found.eigenvalues).min(1)
        assert distance.max() < 1e-10


def test_ties_go_by_the_angle():
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    w = scipy.linalg.block_diag([[-1.0]], turn, [[1.0]], [[0.5]])
    found = ordered_schur(w)
    np.testing.assert_allclose(found.eigenvalues, [1, 1j, -1, 0.5], atol=1e-12)


class Refusing:
    """LAPACK that will not make some moves."""

    def __init__(self, refuses):
        self.refuses = refuses

    def dtrexc(self, t, q, first, last, **rest):
        if self.refuses(t[first - 1, first - 1], first - last):
            return t, q, 1
        return scipy.linalg.lapack.dtrexc(t, q, first, last, **rest)


def with_lapack(monkeypatch, refuses):
    monkeypatch.setattr(sys.modules["rnnkit.numerics.ordered_schur"], "lapack", Refusing(refuses))
    w = np.diag([1.0, 3.0, 2.0, 5.0, 4.0]) + np.triu(np.ones((5, 5)), 1)
    found = ordered_schur(w)
    np.testing.assert_allclose(found.vectors @ found.form @ found.vectors.T, w, atol=1e-13)
    return found


def test_adjacent_swaps_mend_what_insertion_cannot(monkeypatch):
    found = with_lapack(monkeypatch, lambda value, way: way > 1)
    np.testing.assert_allclose(found.moduli, [5, 4, 3, 2, 1])
    assert (found.violation, found.refused) == (0, 0)


def test_blocks_that_cannot_move_stay_and_it_is_told(monkeypatch):
    w = gaussian(np.random.default_rng(9), 12)
    monkeypatch.setattr(sys.modules["rnnkit.numerics.ordered_schur"], "lapack", Refusing(lambda value, way: True))
    found = ordered_schur(w)
    diagonal = np.diagonal(scipy.linalg.schur(w)[0])
    np.testing.assert_allclose(found.eigenvalues.real, diagonal[found.starts], atol=1e-12)
    m = found.moduli
    expected = max((m[j] - m[i]) / max(m) for i in range(len(m)) for j in range(i, len(m)))
    assert found.violation == pytest.approx(expected)
    assert found.violation > 0.1
    assert found.refused == sum(m[i + 1] > m[i] for i in range(len(m) - 1))


def test_a_matrix_whose_swaps_are_refused(monkeypatch):
    """Found among 300 ill-conditioned defective matrices; insertion alone leaves moduli out of order by a third."""
    rng = np.random.default_rng(40)
    bent_jordan(rng, 32)
    w = bent_jordan(rng, 64)
    module = sys.modules["rnnkit.numerics.ordered_schur"]
    found = ordered_schur(w)
    assert found.violation <= 1e-6
    monkeypatch.setattr(module, "_bubbled", lambda t, q: (t, q, 1))
    inserted = ordered_schur(w)
    if not inserted.refused:
        pytest.skip("this LAPACK refuses no swap of it")
    assert inserted.violation > 0.1


def test_powers_of_two_change_the_scale_only():
    w = gaussian(np.random.default_rng(2), 12)
    plain, small = ordered_schur(w), ordered_schur(w * 2.0**-500)
    np.testing.assert_array_equal(plain.vectors, small.vectors)
    np.testing.assert_array_equal(plain.form * 2.0**-500, small.form)


def test_relabelled_units_give_the_same_form():
    rng = np.random.default_rng(3)
    w, order = gaussian(rng, 20), rng.permutation(20)
    plain, moved = ordered_schur(w), ordered_schur(w[order][:, order])
    np.testing.assert_allclose(plain.form, moved.form, atol=1e-11)
    np.testing.assert_allclose(plain.vectors[order], moved.vectors, atol=1e-11)


def test_shuffled_sectors_keep_matrix_and_sectors():
    rng = np.random.default_rng(5)
    w = gaussian(rng, 24)
    first = ordered_schur(w)
    cut = int(first.starts[5])
    seen = set()
    for draw in range(30):
        other = shuffled_sectors(first, cut, np.random.default_rng(draw))
        np.testing.assert_allclose(other.vectors @ other.form @ other.vectors.T, w, atol=1e-13)
        inside, outside = (np.sort(other.moduli[part]) for part in (other.starts < cut, other.starts >= cut))
        np.testing.assert_allclose(inside, np.sort(first.moduli[:5]), rtol=1e-9)
        np.testing.assert_allclose(outside, np.sort(first.moduli[5:]), rtol=1e-9)
        seen.add(tuple(other.moduli[:5].round(6)))
    assert len(seen) > 15
    whole = shuffled_sectors(first, 24, np.random.default_rng(0))
    assert np.argmax(whole.moduli) != 0
    with pytest.raises(InputError, match="cut a block"):
        shuffled_sectors(first, int(first.starts[first.sizes == 2][0]) + 1, rng)


def test_all_orders_are_equally_likely():
    first = ordered_schur(np.diag([4.0, 3.0, 2.0, 0.1]) + np.triu(np.ones((4, 4)), 1))
    rng = np.random.default_rng(0)
    counts: dict[tuple[float, ...], int] = {}
    for _ in range(1200):
        key = tuple(shuffled_sectors(first, 3, rng).moduli.round(6))
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 6
    assert max(abs(count - 200) for count in counts.values()) < 60  # 4.6 standard deviations
    assert {key[3] for key in counts} == {0.1}


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e150])
def test_separation_is_the_least_singular_value_of_sylvesters_operator(scale):
    w = gaussian(np.random.default_rng(6), 10)
    found = ordered_schur(w * scale)
    cut = int(found.starts[3])
    a, b = found.form[:cut, :cut] / scale, found.form[cut:, cut:] / scale
    operator = np.kron(np.eye(len(b)), a) - np.kron(b.T, np.eye(len(a)))
    least = np.linalg.svd(operator, compute_uv=False)[-1]
    # dtrsen estimates in the 1-norm: within a factor of the root of the number of entries.
    assert least / np.sqrt(len(operator)) <= separation(found, cut) / scale <= least * np.sqrt(len(operator))
    assert np.isnan(separation(found, 10))


@pytest.mark.parametrize("bad", [np.zeros((2, 3)), np.zeros((0, 0)), np.array([[np.nan]]), np.zeros(3)])
def test_what_has_no_schur_form(bad):
    with pytest.raises(InputError, match="matrix"):
        ordered_schur(bad)


@pytest.mark.parametrize("seed", [35, 45, 126, 160, 190, 202, 280, 320])
def test_a_pair_that_splits_where_it_stands_is_put_in_order(seed):
    rng = np.random.default_rng(seed)
    w, first = np.zeros((5, 5)), 0
    while first < 5:
        size = min(rng.integers(1, 5), 5 - first)
        part = slice(first, first + size)
        w[part, part] = rng.choice([-0.9, -0.5, 0.5, 0.9, 0.3, -0.3]) * np.eye(size) + np.diag(np.ones(size - 1), 1)
        first += size
    q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    found = ordered_schur(q @ w @ q.T)
    assert found.violation <= 1e-10 or found.refused
