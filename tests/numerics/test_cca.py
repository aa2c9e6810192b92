import itertools

import numpy as np
import pytest
from scipy.stats import ortho_group

from rnnkit.errors import InputError
from rnnkit.numerics.cca import SvccaBases, svcca, svcca_basis, svcca_from_bases
from tests.oracles.canonical_correlation import svcca_distance


def activity(networks, rng, samples=400, units=20, latents=6):
    """Networks that share some latents, at falling variance, and have noise of their own."""
    shared = rng.normal(size=(samples, latents)) * 0.6 ** np.arange(latents)
    mixing = rng.normal(size=(networks, latents, units))
    return shared @ mixing + 0.2 * rng.normal(size=(networks, samples, units)) + rng.normal(size=units)


@pytest.mark.parametrize("variance", [0.8, 0.99, 1.0])
def test_pairs_agree_with_the_generalised_eigenproblem(variance):
    hidden = activity(5, np.random.default_rng(0))
    a, b = np.triu_indices(5, k=1)
    result = svcca_from_bases(svcca_basis(hidden, variance), a, b)
    for pair, (i, j) in enumerate(zip(a, b, strict=True)):
        distance, kx, ky = svcca_distance(hidden[i], hidden[j], variance)
        assert result.distance[pair] == pytest.approx(distance, abs=1e-10)
        assert (result.components_x[pair], result.components_y[pair]) == (kx, ky)
    assert set(result.status) == {"ok"}


def test_variance_kept_changes_components_and_distance():
    hidden = activity(2, np.random.default_rng(1))
    low, high = (svcca(hidden[:1], hidden[1:], variance) for variance in (0.7, 0.99))
    assert low.components_x[0] < high.components_x[0]
    assert low.distance[0] != pytest.approx(high.distance[0], abs=1e-3)


def test_relabelled_rotated_scaled_and_shifted_networks_are_at_distance_zero():
    rng = np.random.default_rng(2)
    hidden = activity(4, rng)
    rotation = ortho_group.rvs(20, random_state=3)
    copies = [hidden[0], hidden[1][:, rng.permutation(20)], hidden[2] @ rotation, -7 * hidden[3] + 2.5]
    result = svcca(hidden, np.stack(copies))
    assert np.abs(result.distance).max() < 1e-12
    assert (result.distance >= 0).all()
    assert np.nanmax(result.correlations) <= 1.0


def test_float32_copies_are_at_distance_zero():
    hidden = activity(1, np.random.default_rng(4)).astype(np.float32)
    assert abs(svcca(hidden, hidden[:, :, ::-1]).distance[0]) < 1e-8


def test_distance_is_symmetric_and_invariant_to_rotating_either():
    rng = np.random.default_rng(5)
    x, y = activity(2, rng)[:, None]
    rotation = ortho_group.rvs(20, random_state=6)
    plain = svcca(x, y).distance[0]
    assert 0.02 < plain < 1
    assert svcca(y, x).distance[0] == pytest.approx(plain, abs=1e-12)
    assert svcca(0.1 * x @ rotation, y).distance[0] == pytest.approx(plain, abs=1e-12)


def test_planted_correlations_are_found():
    """x and y share two of three directions exactly; the third pair correlates at cos(angle)."""
    rng = np.random.default_rng(7)
    basis = np.linalg.qr(rng.normal(size=(500, 5)) - 0.0)[0]
    basis = np.linalg.qr(basis - basis.mean(axis=0))[0]
    angle = 0.7
    x = basis[:, [0, 1, 2]]
    y = np.column_stack([basis[:, 0], basis[:, 1], np.cos(angle) * basis[:, 2] + np.sin(angle) * basis[:, 3]])
    result = svcca(x[None] @ rng.normal(size=(3, 9)), y[None] @ rng.normal(size=(3, 7)), 1.0)
    assert result.correlations[0] == pytest.approx([1, 1, np.cos(angle)], abs=1e-10)
    assert result.distance[0] == pytest.approx((1 - np.cos(angle)) / 3, abs=1e-10)


def test_mean_is_over_the_smaller_number_of_components():
    rng = np.random.default_rng(8)
    latent = rng.normal(size=(300, 4))
    result = svcca(latent[None], latent[None, :, :1], 1.0)
    assert (result.components_x[0], result.components_y[0]) == (4, 1)
    assert result.distance[0] == pytest.approx(0, abs=1e-12)
    assert np.isnan(result.correlations[0, 1:]).all()


def test_block_size_and_bases_shared_by_all_pairs_change_nothing():
    hidden = activity(6, np.random.default_rng(9))
    a, b = np.array(list(itertools.permutations(range(6), 2))).T
    bases = svcca_basis(hidden)
    one, many = svcca_from_bases(bases, a, b, block=1), svcca_from_bases(bases, a, b, block=100)
    assert np.abs(one.distance - many.distance).max() < 1e-13
    assert many.distance[0] == pytest.approx(svcca(hidden[:1], hidden[1:2]).distance[0], abs=1e-13)


def test_bases_are_orthonormal_even_for_directions_that_hardly_vary():
    rng = np.random.default_rng(10)
    hidden = rng.normal(size=(1, 300, 5)) * 10.0 ** -np.arange(5) @ ortho_group.rvs(5, random_state=11)
    bases = svcca_basis(hidden, 1.0)
    assert bases.components.tolist() == [5]
    assert np.abs(bases.basis[0].T @ bases.basis[0] - np.eye(5)).max() < 1e-13


def test_all_variance_of_float32_activity_leaves_its_rounding_out():
    rng = np.random.default_rng(10)
    hidden = (rng.normal(size=(1, 300, 3)) @ rng.normal(size=(3, 40))).astype(np.float32)
    assert svcca_basis(hidden, 1.0).components.tolist() == [3]


@pytest.mark.parametrize("constant", [0.0, 0.3])
def test_constant_activity_has_no_distance(constant):
    rng = np.random.default_rng(11)
    dead = np.full((300, 10), constant, dtype=np.float32)
    result = svcca_from_bases(svcca_basis([rng.normal(size=(300, 8)), dead]), [0, 1, 0], [1, 1, 0])
    assert np.isnan(result.distance).tolist() == [True, True, False]
    assert result.status == ("no_variance", "no_variance", "ok")
    assert result.components_y.tolist() == [0, 0, 8]


def test_constant_activity_with_float32_rounding_has_no_distance():
    rng = np.random.default_rng(12)
    dead = np.float32(0.3) + np.spacing(np.float32(0.3)) * rng.integers(0, 2, (300, 10)).astype(np.float32)
    assert dead.dtype == np.float32
    assert svcca(dead[None], rng.normal(size=(1, 300, 8))).status == ("no_variance",)


def test_bases_that_are_not_orthonormal_are_refused_not_clipped():
    bases = svcca_basis(activity(2, np.random.default_rng(13)))
    scaled = SvccaBases(1.1 * bases.basis, bases.components, bases.variance)
    with pytest.raises(InputError, match="canonical correlation"):
        svcca_from_bases(scaled, [0], [0])


def test_what_does_not_fit_is_refused():
    rng = np.random.default_rng(14)
    bases = svcca_basis(rng.normal(size=(2, 30, 3)))
    with pytest.raises(InputError, match="samples"):
        svcca_basis([rng.normal(size=(30, 3)), rng.normal(size=(31, 3))])
    with pytest.raises(InputError, match="not finite"):
        svcca_basis([np.full((30, 3), np.nan)])
    with pytest.raises(InputError, match="share"):
        svcca_basis(rng.normal(size=(2, 30, 3)), 1.5)
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        svcca_basis([np.ones(3)])
    with pytest.raises(InputError, match="shapes"):
        svcca(np.ones((1, 30, 3)), np.ones((2, 30, 3)))
    for a, b in [([0], [2]), ([-1], [0]), ([0.5], [1]), ([0, 1], [1])]:
        with pytest.raises(InputError, match="a, b"):
            svcca_from_bases(bases, a, b)
    with pytest.raises(InputError, match="block"):
        svcca_from_bases(bases, [0], [1], block=0)


def test_arguments_are_not_changed():
    hidden = activity(2, np.random.default_rng(15))
    before = hidden.copy()
    svcca(hidden[:1], hidden[1:])
    assert (hidden == before).all()
