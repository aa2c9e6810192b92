"""Eigenvalues of recurrent weights: planted ones, every family, relabelled copies, statuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rnnkit.architectures import FAMILIES
from rnnkit.metrics import acting_weights
from rnnkit.numerics.ordered_schur import ordered_schur
from rnnkit.numerics.spectra import eigenvalues as of_matrices
from rnnkit.stages import eigenvalues, schur_ablate
from tests.stages.test_feature_learning import network

from .planted import relabelled


def values(rows):
    return np.array([complex(row["re"], row["im"]) for row in rows])


@pytest.mark.parametrize("family", FAMILIES)
def test_they_are_those_of_the_weights_that_act(family):
    net = network(family)
    rows = eigenvalues([net]).to_pylist()
    gates = FAMILIES[family].gate_names
    assert [row["gate"] for row in rows] == [gate for _ in range(2) for gate in gates for _ in range(6)]
    for weights, initial in (("initial", True), ("trained", False)):
        for gate, matrix in zip(gates, acting_weights(net, initial), strict=True):
            own = [row for row in rows if (row["weights"], row["gate"]) == (weights, gate)]
            found = values(own)
            # The characteristic polynomial, evaluated by determinants.
            for value in found:
                assert abs(np.linalg.det(matrix - value * np.eye(6))) < 1e-9
            np.testing.assert_allclose(found.sum(), np.trace(matrix), atol=1e-9)
            assert [row["index"] for row in own] == list(range(6))
            np.testing.assert_allclose([row["modulus"] for row in own], abs(found))
            assert all(row["status"] == "ok" for row in own)


@pytest.mark.parametrize("family", FAMILIES)
def test_relabelled_units_change_nothing(family):
    net = network(family)
    order = np.random.default_rng(1).permutation(6)
    moved = relabelled(net, order).weights
    copy = replace(net, weights=moved, initial=relabelled(replace(net, weights=net.initial), order).weights)
    one, other = (eigenvalues([n]).to_pylist() for n in (net, copy))
    np.testing.assert_allclose(values(one), values(other), atol=1e-9)
    assert [(r["gate"], r["index"]) for r in one] == [(r["gate"], r["index"]) for r in other]


def test_networks_of_other_sizes_keep_their_order():
    nets = [network("gru", 5, 0).named("a"), network("vanilla", 7, 1).named("b"), network("gru", 5, 2).named("c")]
    table = eigenvalues(nets)
    alone = [row for net in nets for row in eigenvalues([net]).to_pylist()]
    assert table.to_pylist() == alone


def test_what_is_missing_has_one_row():
    net, untrained = network(), replace(network(seed=1), initial={})
    bad = replace(network(seed=2), weights={**net.weights, "recurrent.weight": np.full((6, 6), np.nan, np.float32)})
    rows = eigenvalues([untrained, bad]).to_pylist()
    gone = [
        (row["network"], row["weights"], row["index"], row["re"], row["status"]) for row in rows if row["re"] is None
    ]
    assert gone == [
        ("net1", "initial", 0, None, "no_initial_weights"),
        ("net2", "trained", 0, None, "not_finite:recurrent.weight"),
    ]
    assert len(rows) == 2 * (1 + 6)
    # Other tensors have no part in it.
    other = replace(net, weights={**net.weights, "readout.bias": np.full(2, np.inf, np.float32)})
    assert set(eigenvalues([other])["status"].to_pylist()) == {"ok"}


def test_the_order_of_ties():
    block = np.zeros((4, 4))
    block[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]
    block[2, 2], block[3, 3] = -1.0, 1.0
    np.testing.assert_allclose(of_matrices(block), [1, 1j, -1j, -1], atol=1e-15)
    order = np.random.default_rng(0).permutation(4)
    np.testing.assert_allclose(of_matrices(block[order][:, order]), [1, 1j, -1j, -1], atol=1e-12)


def test_large_small_and_not_finite_matrices():
    w = np.random.default_rng(0).normal(size=(2, 5, 5))
    np.testing.assert_allclose(of_matrices(np.ldexp(w, 900)), np.ldexp(1.0, 900) * of_matrices(w), rtol=1e-9)
    np.testing.assert_allclose(of_matrices(np.ldexp(w, -900)), np.ldexp(1.0, -900) * of_matrices(w), rtol=1e-9)
    w[1, 0, 0] = np.inf
    found = of_matrices(w)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[0], of_matrices(w[0]))
    np.testing.assert_array_equal(of_matrices(np.zeros((3, 3))), np.zeros(3))


def test_one_failure_costs_the_others_nothing(monkeypatch):
    w = np.random.default_rng(0).normal(size=(3, 4, 4))
    right, lapack = of_matrices(w), np.linalg.eigvals

    def fails(matrices):
        if (matrices == w[1]).all((-1, -2)).any():
            raise np.linalg.LinAlgError("Eigenvalues did not converge")
        return lapack(matrices)

    monkeypatch.setattr(np.linalg, "eigvals", fails)
    found = of_matrices(w)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[[0, 2]], right[[0, 2]])


def test_schur_rows_are_those_of_the_ordered_form():
    net = network()
    table = schur_ablate([net], trials=3, schur_rows=True).schur
    form = ordered_schur(acting_weights(net)[0]).form
    np.testing.assert_array_equal(np.concatenate(table["rows"].to_pylist()).reshape(6, 6), form)
    assert [len(rows) for rows in table["rows"].to_pylist()] == [6 * size for size in table["size"].to_pylist()]
    assert schur_ablate([net], trials=3).schur["rows"].null_count == table.num_rows
