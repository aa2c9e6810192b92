"""Rows of Jacobians against autograd, and the kernels they make against dense ones, for every family."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit.models.jacobians import PARAMETERS, OutputJacobian, held_bytes, jacobian_size, trained_tensors
from rnnkit.numerics.tangent_kernel import align_kernels, kernel_memory
from tests.oracles.tangent_kernel import alignment, jacobian

from .helpers import CASES, architecture, random_ensemble

GAMMA = torch.tensor([1.0, 2.0, 0.5, 1.0], dtype=torch.float64)


def made(family: str, phi: str, parameters: str, steps: int = 4) -> tuple[OutputJacobian, np.ndarray]:
    """Two pairs of networks on two trials, and their Jacobians."""
    model, weights = random_ensemble(family, phi, networks=4, units=5)
    draw = torch.Generator().manual_seed(2)
    inputs = torch.randn(2, steps, 3, generator=draw, dtype=torch.float64)
    names = trained_tensors(model.architecture, parameters)
    batch = inputs.transpose(0, 1).expand(4, steps, 2, 3).contiguous()
    return OutputJacobian(model, weights, GAMMA, batch, names), jacobian(model, weights, GAMMA, inputs, names)


@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize(("family", "phi"), CASES)
def test_kernels_agree_with_autograd(family: str, phi: str, parameters: str) -> None:
    """1e-8 asked for, and 1e-10 between sizes of chunks; measured 2e-15."""
    rows, dense = made(family, phi, parameters)
    expected = [alignment(dense[k], dense[2 + k]) for k in (0, 1)]
    for memory in kernel_memory(rows.size):
        found = align_kernels(rows.size, rows.factors, memory)
        np.testing.assert_allclose(found.value, expected, rtol=1e-12)
        norms = [np.linalg.norm(j @ j.T) for j in dense]
        np.testing.assert_allclose([*found.norm, *found.initial_norm], norms, rtol=1e-12)


@pytest.mark.parametrize("family", ["vanilla", "mup", "lowrank", "gru", "lstm"])
def test_rows_agree_with_autograd(family: str) -> None:
    rows, dense = made(family, "tanh", "all")
    found = torch.cat(
        [
            torch.cat([_summed(f, name) for f, name in zip(rows.factors(trial, 0, 4), _names(rows), strict=True)], -1)
            for trial in range(2)
        ],
        1,
    )
    np.testing.assert_allclose(found.numpy(), dense, rtol=1e-10, atol=1e-14)


def _names(rows: OutputJacobian) -> list[str]:
    return trained_tensors(architecture(rows._model.architecture.family), "all")


def _summed(factor, name):  # type: ignore[no-untyped-def]
    whole = torch.einsum("nsrk,nsm->nrkm", factor.back, factor.forward)
    return (whole.transpose(2, 3) if name == "recurrent.right" else whole).flatten(2)


def test_outputs_are_those_of_the_model() -> None:
    rows, _ = made("lstm", "tanh", "recurrent")
    assert rows.readout().shape == (4, 4, 2, 2)
    doubled = GAMMA * 2
    other = OutputJacobian(rows._model, rows._weights, doubled, rows._inputs, ["recurrent.weight"])
    torch.testing.assert_close(rows.readout(), 2 * other.readout())


@pytest.mark.parametrize("family", ["vanilla", "leaky", "current", "lowrank", "gru", "lstm"])
def test_what_is_held_is_within_its_bound(family: str) -> None:
    rows, _ = made(family, "tanh", "all", steps=30)
    kept = {v.untyped_storage().data_ptr(): v.untyped_storage().nbytes() for v in rows._weights.values()}
    trace = rows.trace
    for value in (trace.states, trace.features, rows._inputs, *trace.saved.values()):
        kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
    shape = rows._model.architecture
    bound = 4 * held_bytes(shape, 2, 30)
    assert 0.3 * bound < sum(kept.values()) <= bound


def test_factors_have_the_widths_announced() -> None:
    for family in ("lowrank", "gru"):
        rows, _ = made(family, "tanh", "all")
        shapes = [(f.back.shape[3], f.forward.shape[2]) for f in rows.factors(0, 1, 3)]
        assert shapes == list(rows.size.widths)
        assert shapes == jacobian_size(rows._model.architecture, _names(rows), 4, 2, 4).widths
