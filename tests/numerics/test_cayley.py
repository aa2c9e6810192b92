"""The Cayley map: normal matrices, planted eigenvalues, and its gradient against automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit.numerics.cayley import cayley_backward, cayley_matrix, real_blocks


def _parts(networks: int, units: int, scale: float, seed: int = 0) -> list[torch.Tensor]:
    noise = torch.Generator().manual_seed(seed)
    sizes = (units * (units - 1) // 2, units // 2, units // 2)
    return [scale * torch.randn(networks, size, generator=noise, dtype=torch.float64) for size in sizes]


def _literal(skew: np.ndarray, real: np.ndarray, imaginary: np.ndarray) -> np.ndarray:
    """One network, entry by entry, with an explicit inverse."""
    units = 2 * len(real)
    a, d, at = np.zeros((units, units)), np.zeros((units, units)), 0
    for i in range(units):
        for j in range(i):
            a[i, j], a[j, i], at = skew[at], -skew[at], at + 1
    for k in range(units // 2):
        d[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[real[k], -imaginary[k]], [imaginary[k], real[k]]]
    o = (np.eye(units) - a) @ np.linalg.inv(np.eye(units) + a)
    return o @ d @ o.T


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("units", [2, 4, 14])
def test_the_matrix_is_the_definition_s(units, scale):
    parts = _parts(3, units, scale)
    at = cayley_matrix(*parts)
    for network in range(3):
        expected = _literal(*(part[network].numpy() for part in parts))
        np.testing.assert_allclose(at.matrix[network].numpy(), expected, atol=1e-12 * scale)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_always_orthogonal_and_normal_with_the_planted_eigenvalues(scale):
    skew, _, _ = _parts(4, 20, scale)
    _, real, imaginary = _parts(4, 20, 1.0, seed=1)
    at = cayley_matrix(skew, real, imaginary)
    o, w = at.orthogonal, at.matrix
    assert (o @ o.mT - torch.eye(20, dtype=torch.float64)).abs().max() < 1e-12
    normal = (w @ w.mT - w.mT @ w).flatten(1).norm(dim=1) / w.flatten(1).norm(dim=1) ** 2
    assert normal.max() < 1e-13
    for network in range(4):
        found = np.sort_complex(np.linalg.eigvals(w[network].numpy()))
        half = (real[network] + 1j * imaginary[network].abs()).numpy()
        np.testing.assert_allclose(found, np.sort_complex(np.concatenate([half, half.conj()])), atol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_gradient_against_automatic_differentiation(scale):
    """Of a loss that is no linear function of W, for several networks at once; relative to 1e-12."""
    parts = [part.requires_grad_() for part in _parts(3, 12, scale)]
    target = torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    at = cayley_matrix(*parts)
    loss = (torch.tanh(at.matrix @ target) ** 2).sum()
    expected = torch.autograd.grad(loss, parts, retain_graph=True)
    [by_matrix] = torch.autograd.grad(loss, [at.matrix])
    with torch.no_grad():
        found = cayley_backward(at, by_matrix)
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() <= 1e-12 * max(1.0, float(other.abs().max()))
        assert other.abs().max() > 1e-6


def test_networks_do_not_see_each_other():
    """One whose numbers are no longer finite included."""
    parts = _parts(3, 8, 1.0)
    whole = cayley_matrix(*parts)
    grad = torch.ones(3, 8, 8, dtype=torch.float64)
    by_whole = cayley_backward(whole, grad)
    spoilt = [part.clone() for part in parts]
    spoilt[0][1] = torch.nan
    beside = cayley_matrix(*spoilt)
    by_beside = cayley_backward(beside, grad)
    assert not torch.isfinite(beside.matrix[1]).all()
    for k in (0, 2):
        assert torch.equal(beside.matrix[k], whole.matrix[k])
        assert all(torch.equal(one[k], other[k]) for one, other in zip(by_beside, by_whole, strict=True))


def test_blocks_of_real_eigenvalues_keep_trace_and_norm():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = np.linalg.eigvals(rng.normal(size=(10, 10))).astype(complex)
        a, b = real_blocks(values)
        assert len(a) == len(b) == 5
        assert 2 * a.sum() == pytest.approx(values.sum().real)
        assert 2 * (a**2 + b**2).sum() == pytest.approx((abs(values) ** 2).sum())
        pairs = values[values.imag > 0]
        assert set(np.round(pairs, 12)) <= set(np.round(a + 1j * b, 12))
