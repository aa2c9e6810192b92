"""Random removals: of the real norm to rounding, and each with what it is meant to keep."""

import numpy as np
import pytest

from rnnkit.numerics.ablation_controls import CONTROLS, against_null, draw_entries, draw_rotated, shared_mass
from rnnkit.numerics.ordered_schur import ordered_schur
from rnnkit.numerics.schur_ablations import ABLATIONS, coupling_part, removals, split


def taken(scale=1.0):
    w = np.random.default_rng(7).normal(size=(18, 18)) * scale
    schur = ordered_schur(w)
    dim = split(schur, 0.7).dim_r
    return schur, dim, removals(schur, dim)


@pytest.mark.parametrize("scale", [1.0, 1e-160, 1e150])
@pytest.mark.parametrize("kind", CONTROLS)
def test_the_norm_is_the_real_one(kind, scale):
    schur, dim, removed = taken(scale)
    rng = np.random.default_rng(0)
    for real in removed:
        for _ in range(5):
            drawn = CONTROLS[kind](schur, real, dim, rng)
            unit = np.abs(real).max()
            assert np.linalg.norm(drawn / unit) == pytest.approx(np.linalg.norm(real / unit), rel=1e-12)


@pytest.mark.parametrize("kind", CONTROLS)
def test_draws_differ_and_repeat_with_the_seed(kind):
    schur, dim, removed = taken()
    first, second = (CONTROLS[kind](schur, removed[1], dim, np.random.default_rng(k)) for k in range(2))
    again = CONTROLS[kind](schur, removed[1], dim, np.random.default_rng(0))
    assert np.array_equal(first, again)
    assert np.abs(first - second).max() > 0.01


def test_entries_are_a_removal():
    schur, dim, removed = taken()
    couplings, rng = coupling_part(schur), np.random.default_rng(1)
    eigenvalues = np.sort_complex(np.linalg.eigvals(schur.form))
    for real in removed:
        drawn = draw_entries(schur, real, dim, rng)
        left = couplings - drawn
        partly = (drawn != 0) & (np.abs(left) > 1e-15)
        assert partly.sum() <= 1
        assert (np.abs(left) <= np.abs(couplings) + 1e-15).all()
        assert (np.sign(drawn) * np.sign(couplings) >= 0).all()
        np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(schur.form - drawn)), eigenvalues, atol=1e-9)
    everything = draw_entries(schur, removed[-1], dim, rng)
    np.testing.assert_allclose(everything, couplings, atol=1e-12)


def test_every_entry_has_its_turn():
    schur, dim, removed = taken()
    rng = np.random.default_rng(2)
    hit = sum((draw_entries(schur, removed[1], dim, rng) != 0).astype(int) for _ in range(100))
    assert (hit[coupling_part(schur) != 0] > 0).all()


@pytest.mark.parametrize("name", ["RR", "CR", "CC"])
def test_rotations_keep_sector_and_singular_values(name):
    schur, dim, removed = taken()
    real = removed[list(ABLATIONS).index(name)]
    drawn = draw_rotated(schur, real, dim, np.random.default_rng(3))
    rows = slice(dim) if name[1] == "R" else slice(dim, None)
    columns = slice(dim) if name[0] == "R" else slice(dim, None)
    outside = drawn.copy()
    outside[rows, columns] = 0
    assert np.abs(outside).max() < 1e-14
    np.testing.assert_allclose(
        np.linalg.svd(drawn, compute_uv=False), np.linalg.svd(real, compute_uv=False), atol=1e-12
    )
    values = np.sort(np.abs(np.linalg.eigvals(schur.form - drawn)))
    kept = np.allclose(values, np.sort(np.abs(np.linalg.eigvals(schur.form))), atol=1e-8)
    assert kept == (name == "CR")


def test_rotations_have_no_preferred_direction():
    schur, dim, _ = taken()
    real = np.zeros_like(schur.form)
    real[0, dim] = 1.0
    rng = np.random.default_rng(4)
    mean = sum(draw_rotated(schur, real, dim, rng) ** 2 for _ in range(2000)) / 2000
    expected = 1 / (dim * (18 - dim))
    np.testing.assert_allclose(mean[:dim, dim:], expected, atol=6 * np.sqrt(8 / 2000) * expected)


def test_shared_mass_by_hand():
    drawn, real = np.array([[0.0, 1.0, 2.0]]), np.array([[0.0, 7.0, 0.0]])
    assert shared_mass(drawn, real) == pytest.approx(0.2)
    assert shared_mass(drawn * 1e200, real) == pytest.approx(0.2)
    assert shared_mass(real, real) == 1


def test_p_values_by_counting():
    null = np.array([0.1, 0.5, 0.5, np.inf])
    found = against_null(0.5, null)
    assert (found.share_at_most, found.p_value) == (0.75, 4 / 5)
    assert (found.least, found.median, found.most) == (0.1, 0.5, np.inf)
    assert against_null(0.05, null).p_value == 1
    assert against_null(1e9, null).p_value == 2 / 5
