"""Eigenvalues against differences and known spectra; no count is proven that could be wrong."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.krawczyk import certify, certify_many
from rnnkit.numerics.stability_discs import certify_stability, certify_stability_many
from tests.oracles.precise_maps import DIGITS, numbers, permuted, random_map, scalar, settled, value

FIXTURES = Path(__file__).parents[2] / "fixtures"


def origin(weight):
    """h = tanh(W h), whose Jacobian at 0 is W."""
    n = len(weight)
    return AutonomousMap("outer", "tanh", 0.0, 1.0, weight[None], np.zeros((1, n)), np.zeros((1, n)))


def block_diagonal(values, seed=0):
    """A matrix with these real numbers and complex pairs as eigenvalues, turned by a random rotation."""
    blocks = [np.array([[v.real, -v.imag], [v.imag, v.real]]) if v.imag else np.array([[v.real]]) for v in values]
    n = sum(map(len, blocks))
    matrix, at = np.zeros((n, n)), 0
    for block in blocks:
        matrix[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    return turn @ matrix @ turn.T


def test_all_points_of_the_flipflop_networks_are_decided():
    with np.load(FIXTURES / "recurrent_weights.npz") as held:
        weight, bias = held["recurrent"].astype(np.float64), held["bias"].astype(np.float64)
    with np.load(FIXTURES / "flipflop_fixed_points.npz") as held:
        points = held["points"].astype(np.float64)
    system = AutonomousMap("outer", "tanh", 0.0, 1.0, weight, bias, np.zeros_like(bias))
    for network in range(10):
        found = certify_many(system, network, points[network])
        stability = certify_stability_many(system, network, found.point, found.radius)
        assert stability.certified.all()
        assert np.bincount(stability.unstable_dims).tolist() == [8, 12, 6, 1]
        assert stability.disc_radius.max() < 1e-6
        assert ((stability.unstable_dims == 0) == (stability.spectral_radius < 1)).all()


@pytest.mark.parametrize("form", ["outer", "inner", "gru", "lstm"])
def test_eigenvalues_are_those_of_differences(form):
    system = random_map(form, 8, 2)
    point = settled(system)
    found = certify_stability(system, 0, point, certify(system, 0, point).radius)
    h, size = mpf("1e-20"), system.size
    columns = []
    with mp.workdps(DIGITS):
        x = numbers(point)
        for j in range(size):
            ahead, behind = (value(system, 0, [*x[:j], x[j] + s * h, *x[j + 1 :]]) for s in (1, -1))
            columns.append([float((a - b) / (2 * h)) for a, b in zip(ahead, behind, strict=True)])
    exact = np.linalg.eigvals(np.array(columns).T)
    apart = np.abs(exact[:, None] - found.eigenvalues[None])
    assert apart.min(0).max() < 1e-9
    assert apart.min(1).max() < 1e-9
    assert found.certified
    assert found.unstable_dims == 0
    assert found.spectral_radius == pytest.approx(np.abs(exact).max(), abs=1e-9)
    assert (np.diff(np.abs(found.eigenvalues)) <= 1e-9).all()


def test_planted_spectra_are_counted_and_lie_in_the_discs():
    planted = [1.5, 1.2 + 0.5j, 0.3, -1.4, 0.6 + 0.6j, -0.2, 0.9]
    found = certify_stability(origin(block_diagonal(planted)), 0, np.zeros(9), 1e-12)
    assert (found.certified, found.unstable_dims) == (True, 4)
    truth = np.array([v for p in planted for v in ([p, np.conj(p)] if np.imag(p) else [p])])
    assert np.abs(truth[:, None] - found.eigenvalues[None]).min(1).max() <= found.disc_radius
    assert found.disc_radius < 1e-10


@pytest.mark.parametrize("on_circle", [1.0, -1.0, 0.6 + 0.8j, 1 + 1e-15])
@pytest.mark.parametrize("radius", [0.0, 1e-300, 1e-12])
def test_what_lies_on_the_unit_circle_is_never_decided(on_circle, radius):
    weight = block_diagonal([on_circle, 0.5, 0.2 + 0.3j])
    found = certify_stability(origin(weight), 0, np.zeros(len(weight)), radius)
    assert not found.certified
    assert found.spectral_radius == pytest.approx(1, abs=1e-12)


def test_a_wide_ball_decides_less_than_a_narrow_one():
    weight = block_diagonal([1.1, 0.9, 0.3])
    decided = [certify_stability(origin(weight), 0, np.zeros(3), r) for r in (1e-12, 1e-3, 0.2)]
    assert [one.certified for one in decided] == [True, True, False]
    assert decided[0].disc_radius < decided[1].disc_radius < decided[2].disc_radius
    assert [one.unstable_dims for one in decided] == [1, 1, 1]


def test_a_defective_jacobian_is_not_decided():
    found = certify_stability(origin(np.array([[0.5, 1.0], [0.0, 0.5]])), 0, np.zeros(2), 1e-12)
    assert not found.certified
    assert np.isnan(found.disc_radius) or found.disc_radius > 0.4
    assert found.unstable_dims == 0


def test_without_a_radius_nothing_is_proven_and_broken_points_have_no_eigenvalues():
    system = scalar(2.0, 0.0)
    found = certify_stability_many(system, 0, np.array([[0.0], [0.0], [np.nan]]), np.array([1e-15, np.nan, 1e-15]))
    assert found.certified.tolist() == [True, False, False]
    assert found.unstable_dims.tolist() == [1, 1, -1]
    assert np.isnan(found.disc_radius[1:]).all()
    assert np.isnan(found.eigenvalues[2]).all()
    assert np.isnan(found.spectral_radius[2])
    relu = AutonomousMap("outer", "relu", 0.0, 1.0, np.eye(1)[None], np.zeros((1, 1)), np.zeros((1, 1)))
    broken = certify_stability_many(relu, 0, np.array([[np.nan], [np.inf]]), np.zeros(2))
    assert broken.unstable_dims.tolist() == [-1, -1]
    assert np.isnan(broken.spectral_radius).all()
    none = certify_stability_many(system, 0, np.zeros((0, 1)), np.zeros(0))
    assert none.eigenvalues.shape == (0, 1)


def test_a_ball_over_a_kink_proves_no_stability():
    weight = np.array([[[0.1, 0.0], [0.0, 0.1]]])
    system = AutonomousMap("outer", "relu", 0.0, 1.0, weight, np.array([[0.5, 1e-3]]), np.zeros((1, 2)))
    point = np.array([0.5 / 0.9, 1e-3 / 0.9])
    assert certify_stability(system, 0, point, 1e-6).certified
    over = certify_stability(system, 0, point, 0.1)
    assert not over.certified
    assert over.unstable_dims == 0


@pytest.mark.parametrize("form", ["inner", "gru", "lstm"])
def test_relabelled_units_have_the_same_eigenvalues_in_the_same_order(form):
    system = random_map(form, 12, 7)
    order = np.random.default_rng(2).permutation(12)
    whole = np.concatenate([order + 12 * k for k in range(system.states_per_unit)])
    point = settled(system)
    first = certify_stability(system, 0, point, 1e-12)
    second = certify_stability(permuted(system, order), 0, point[whole], 1e-12)
    np.testing.assert_allclose(second.eigenvalues, first.eigenvalues, rtol=0, atol=1e-9)
    assert (second.certified, second.unstable_dims) == (first.certified, first.unstable_dims)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.floats(0.1, 3.0), st.floats(1e-14, 0.3))
def test_every_jacobian_of_the_ball_has_the_count_that_is_certified(seed, units, size, radius):
    rng = np.random.default_rng(seed)
    system = random_map(("outer", "inner", "gru", "lstm")[seed % 4], units, seed, size=size)
    point = rng.normal(size=system.size)
    found = certify_stability(system, 0, point, radius)
    assert found.eigenvalues.shape == (system.size,)
    if found.certified:
        states = point + radius * rng.uniform(-1, 1, (40, system.size))
        values = np.linalg.eigvals(system.jacobian(states[None])[0])
        assert ((np.abs(values) > 1).sum(1) == found.unstable_dims).all()
        nearest = np.abs(values[:, :, None] - found.eigenvalues).min(2).max()
        assert nearest <= found.disc_radius + 1e-9


def test_the_count_has_the_parity_of_the_index():
    """Complex pairs are even, so unstable dims and index part by eigenvalues below -1 alone."""
    weight = block_diagonal([1.5, 1.1, 1.3, 1.2 + 0.5j, -1.4, 0.3])
    system = origin(weight)
    found, stability = certify(system, 0, np.zeros(7)), certify_stability(system, 0, np.zeros(7), 1e-12)
    assert stability.unstable_dims == 6
    assert found.index == (-1) ** 3
