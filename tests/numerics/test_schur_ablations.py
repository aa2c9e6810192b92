"""Sectors and ablations beside eigenvectors taken one at a time, and what must hold for any matrix."""

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.ordered_schur import ordered_schur, shuffled_sectors
from rnnkit.numerics.schur_ablations import ABLATIONS, ablated, coupling_part, norms, removals, spectral_part, split
from tests.oracles.schur import ablation, without_cross_coupling


def random(units=14, seed=0):
    return np.random.default_rng(seed).normal(size=(units, units))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ABLATIONS)
def test_ablations_are_those_of_the_eigenvectors(name, seed):
    w = random(seed=seed)
    schur = ordered_schur(w)
    dim = split(schur, 0.7).dim_r
    assert 0 < dim < 14
    found = ablated(w, schur.vectors, removals(schur, dim, [name]))[0]
    np.testing.assert_allclose(found, ablation(w, dim, name.split("+")), atol=1e-10 * np.linalg.norm(w))


@pytest.mark.parametrize("seed", range(6))
def test_the_cross_coupling_needs_no_order(seed):
    """W - P W (I - P): only the leading subspace enters."""
    w = random(20, seed)
    schur = ordered_schur(w)
    sectors = split(schur, 0.6)
    expected, dim = without_cross_coupling(w, 0.6 * schur.spectral_radius)
    assert sectors.dim_r == dim
    assert sectors.gap > 0.001
    for form in (schur, *(shuffled_sectors(schur, dim, np.random.default_rng(k)) for k in range(12))):
        found = ablated(w, form.vectors, removals(form, dim, ["CR"]))[0]
        assert np.linalg.norm(found - expected) <= 1e-12 * np.linalg.norm(w)


def test_the_other_sectors_do():
    w = random(20, 1)
    schur = ordered_schur(w)
    dim = split(schur, 0.6).dim_r
    norms_of = [
        norms(removals(shuffled_sectors(schur, dim, np.random.default_rng(k)), dim, ["RR", "CC"])) for k in range(8)
    ]
    assert (np.ptp(norms_of, axis=0) > 1e-3).all()
    # T_RR and T_CC move, but the norm of the cross coupling does not.
    cross = [norms(removals(shuffled_sectors(schur, dim, np.random.default_rng(k)), dim, ["CR"])) for k in range(8)]
    assert np.ptp(cross) < 1e-12 * norms(w)


def test_parts_add_up():
    w = random(21)
    schur = ordered_schur(w)
    assert np.array_equal(spectral_part(schur) + coupling_part(schur), schur.form)
    for dim in (0, int(schur.starts[4]), 21):
        rr, cr, cc, *_, everything = removals(schur, dim)
        assert np.array_equal(rr + cr + cc, everything)
        assert np.array_equal(schur.form - everything, spectral_part(schur))
        assert np.array_equal(everything, coupling_part(schur))
        assert not rr[dim:].any()
        assert not cr[dim:].any()
        assert not cr[:, :dim].any()
        assert not cc[:dim].any()
        for name, removed in zip(ABLATIONS, removals(schur, dim), strict=True):
            expected = sum({"RR": rr, "CR": cr, "CC": cc}[part] for part in name.split("+"))
            assert np.array_equal(removed, expected)


def test_without_all_couplings_the_blocks_are_left():
    w = random(16, 3)
    schur = ordered_schur(w)
    dim = split(schur, 0.9).dim_r
    left = ablated(w, schur.vectors, removals(schur, dim, ["RR+CR+CC"]))[0]
    values = np.linalg.eigvals(left)
    for value in schur.eigenvalues:
        assert np.abs(values - value).min() < 1e-12 * np.linalg.norm(w)
    turned = schur.vectors.T @ left @ schur.vectors
    np.testing.assert_allclose(turned, spectral_part(schur), atol=1e-12 * np.linalg.norm(w))


def test_nothing_removed_is_the_same_matrix():
    w = random(9).astype(np.float32)
    schur = ordered_schur(w)
    removed = np.stack([np.zeros((9, 9)), coupling_part(schur)])
    left = ablated(w, schur.vectors, removed)
    assert left[0].astype(np.float32).tobytes() == w.tobytes()
    assert (left[1] != w).any()


def test_relabelled_units_lose_the_same():
    w, order = random(18, 2), np.random.default_rng(1).permutation(18)
    first, second = ordered_schur(w), ordered_schur(w[order][:, order])
    dim = split(first, 0.7).dim_r
    one = ablated(w, first.vectors, removals(first, dim))
    other = ablated(w[order][:, order], second.vectors, removals(second, dim))
    np.testing.assert_allclose(one[:, order][:, :, order], other, atol=1e-11 * np.linalg.norm(w))
    np.testing.assert_allclose(norms(removals(first, dim)), norms(removals(second, dim)), rtol=1e-10)


def test_a_pair_counts_two_and_is_never_cut():
    c, s = np.cos(1.0), np.sin(1.0)
    w = np.diag([0.0, 0.0, 0.95, 0.3])
    w[:2, :2] = [[c, -s], [s, c]]
    found = split(ordered_schur(w), 0.9)
    assert (found.dim_r, found.blocks_r, found.blocks) == (3, 2, 3)
    assert found.gap == pytest.approx(0.65)
    alone = split(ordered_schur(w), 1.0 - 1e-15)
    assert (alone.dim_r, alone.blocks_r) == (2, 1)


def test_a_tie_at_the_threshold_stays_together():
    schur = ordered_schur(np.diag([1.0, 0.9 + 2e-12, 0.9 - 2e-12, 0.9 - 6e-12, 0.5]))
    found = split(schur, 0.9)
    assert (found.dim_r, found.tied) == (4, True)
    assert found.gap == pytest.approx(0.4, rel=1e-6)
    apart = split(ordered_schur(np.diag([1.0, 0.9, 0.9 - 1e-9, 0.5])), 0.9 - 1e-12)
    assert (apart.dim_r, apart.tied) == (2, False)
    assert apart.gap == pytest.approx(1e-9, rel=1e-3)


@pytest.mark.parametrize("w", [np.zeros((4, 4)), np.triu(np.ones((4, 4)), 1), np.eye(4), np.roll(np.eye(4), 1, 0)])
def test_all_moduli_alike_leave_no_complement(w):
    schur = ordered_schur(w)
    found = split(schur, 0.9)
    assert found.dim_r == 4
    assert np.isnan(found.gap)
    assert not removals(schur, 4)[[1, 2]].any()


def test_alpha_is_a_share():
    with pytest.raises(InputError, match="--alpha"):
        split(ordered_schur(np.eye(2)), 0.0)
    with pytest.raises(InputError, match="--alpha"):
        split(ordered_schur(np.eye(2)), 1.1)
