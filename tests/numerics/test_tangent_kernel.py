"""Alignment of tangent kernels: against dense kernels, whatever the memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit.errors import InputError
from rnnkit.numerics import tangent_kernel
from rnnkit.numerics.tangent_kernel import Factor, JacobianSize, align_kernels, kernel_memory
from tests.oracles.tangent_kernel import alignment

#: By which form each of its factors goes.
SIZES = {
    "summed": JacobianSize(networks=2, trials=3, steps=9, outputs=2, widths=[(4, 3)]),
    "by steps": JacobianSize(networks=2, trials=3, steps=5, outputs=1, widths=[(4, 30)]),
    "both": JacobianSize(networks=6, trials=4, steps=7, outputs=3, widths=[(5, 2), (3, 20), (1, 1)], scratch=10),
    "one step": JacobianSize(networks=2, trials=5, steps=1, outputs=2, widths=[(3, 2)]),
}


class Drawn:
    """Random factors of every row of the size, and the dense Jacobians that they make."""

    def __init__(self, size: JacobianSize, seed: int = 0) -> None:
        draw = torch.Generator().manual_seed(seed)
        rows = size.steps * size.outputs
        shape = size.networks, size.trials, size.steps
        ahead = torch.arange(size.steps)[:, None] > torch.arange(rows)[None] // size.outputs
        self.size, self.calls = size, 0
        self.backs, self.forwards = [], []
        for k, m in size.widths:
            back = torch.randn(*shape, rows, k, generator=draw, dtype=torch.float64)
            self.backs.append(back.masked_fill(ahead[..., None], 0.0))
            self.forwards.append(torch.randn(*shape, m, generator=draw, dtype=torch.float64))

    def __call__(self, trial: int, first: int, last: int) -> list[Factor]:
        self.calls += 1
        rows = slice(first * self.size.outputs, last * self.size.outputs)
        return [
            Factor(back[:, trial, :last, rows], forward[:, trial, :last])
            for back, forward in zip(self.backs, self.forwards, strict=True)
        ]

    def dense(self) -> np.ndarray:
        parts = [
            torch.einsum("nbsrk,nbsm->nbrkm", back, forward).flatten(3)
            for back, forward in zip(self.backs, self.forwards, strict=True)
        ]
        return torch.cat(parts, -1).flatten(1, 2).numpy()


@pytest.mark.parametrize("least_rows", [1, 64])
@pytest.mark.parametrize("name", SIZES)
def test_agrees_with_dense_kernels_whatever_the_memory(
    name: str, least_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tangent_kernel, "_ROWS", least_rows)
    drawn = Drawn(SIZES[name])
    jacobians = drawn.dense()
    pairs = drawn.size.networks // 2
    expected = [alignment(jacobians[k], jacobians[pairs + k]) for k in range(pairs)]
    least, most = kernel_memory(drawn.size)
    calls = []
    for memory in (least, (3 * least + most) // 4, most, 10 * most):
        drawn.calls = 0
        found = align_kernels(drawn.size, drawn, memory)
        calls.append(drawn.calls)
        np.testing.assert_allclose(found.value, expected, rtol=1e-12)
        norms = [np.linalg.norm(j @ j.T) for j in jacobians]
        np.testing.assert_allclose([*found.norm, *found.initial_norm], norms, rtol=1e-12)
    assert max(expected) < 0.99
    # Memory buys rows that are not made again.
    assert calls[0] > calls[-2] == calls[-1]


def test_both_forms_are_in_the_sizes() -> None:
    assert [SIZES[name].summed for name in SIZES] == [[True], [False], [True, False, True], [False]]


def test_equal_networks_are_aligned() -> None:
    size = SIZES["both"]
    drawn = Drawn(size)
    for values in (drawn.backs, drawn.forwards):
        for value in values:
            value[3:] = value[:3]
    found = align_kernels(size, drawn, kernel_memory(size)[1])
    np.testing.assert_allclose(found.value, 1.0, rtol=0, atol=1e-12)
    assert (found.value <= 1).all()


def test_scale_does_not_matter() -> None:
    size = SIZES["summed"]
    drawn, scaled = Drawn(size), Drawn(size)
    scaled.backs[0] *= 1e-20
    scaled.forwards[0][1] *= 1e30
    values = [align_kernels(size, rows, 1 << 20).value for rows in (drawn, scaled)]
    np.testing.assert_allclose(*values, rtol=1e-12)


@pytest.mark.parametrize("fill", [0.0, float("nan"), float("inf"), 1e200])
def test_kernels_without_an_alignment(fill: float) -> None:
    size = SIZES["both"]
    drawn = Drawn(size)
    for back in drawn.backs:
        back[4] = fill
    found = align_kernels(size, drawn, 1 << 20)
    assert np.isnan(found.value).tolist() == [False, True, False]
    assert (found.initial_norm[1] == 0) == (fill == 0)


def test_too_little_memory_is_refused() -> None:
    size = SIZES["both"]
    least, _ = kernel_memory(size)
    with pytest.raises(InputError, match=f"take {least}"):
        align_kernels(size, Drawn(size), least - 1)


def test_progress_grows_to_1() -> None:
    size = SIZES["both"]
    seen: list[float] = []
    align_kernels(size, Drawn(size), kernel_memory(size)[0], seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(seen) > 10
