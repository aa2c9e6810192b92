"""The subspace account beside sampled activity."""

import numpy as np
import pytest

from rnnkit.numerics.subspace_account import principal_axes, row_space, subspace_account


def test_by_sampled_activity():
    rng = np.random.default_rng(0)
    w, parts = rng.normal(size=(5, 5)), rng.normal(size=(2, 5, 5))
    x = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5)) + 1.0
    axes, readout = np.linalg.qr(rng.normal(size=(5, 2)))[0], np.linalg.qr(rng.normal(size=(5, 1)))[0]
    found = subspace_account(parts, w, axes, readout, x.T @ x / len(x))
    for k, part in enumerate(parts):
        total = np.square(part).sum()
        drive = np.mean([np.square(part @ row).sum() for row in x]) / np.mean([np.square(w @ row).sum() for row in x])
        assert found.drive[k] == pytest.approx(drive)
        assert found.in_pcs[k] == pytest.approx(np.square(part @ axes @ axes.T).sum() / total)
        assert found.out_pcs[k] == pytest.approx(np.square(axes @ axes.T @ part).sum() / total)
        assert found.out_readout[k] == pytest.approx(np.square(readout @ readout.T @ part).sum() / total)
    same = subspace_account(1e200 * parts, 1e200 * w, axes, readout, x.T @ x / len(x))
    np.testing.assert_allclose(same.drive, found.drive)


def test_nothing_removed_has_no_account():
    found = subspace_account(np.zeros((1, 3, 3)), np.eye(3), np.eye(3)[:, :1], np.eye(3)[:, :1], np.eye(3))
    for share in (found.in_pcs, found.out_pcs, found.out_readout, found.drive):
        assert np.isnan(share).all()


def test_silence_has_no_drive():
    part = np.ones((1, 3, 3))
    found = subspace_account(part, np.eye(3), np.empty((3, 0)), np.eye(3)[:, :1], np.zeros((3, 3)))
    assert np.isnan(found.drive).all()
    assert found.in_pcs.tolist() == [0]


@pytest.mark.parametrize(("share", "count"), [(0.5, 1), (0.7, 1), (0.71, 2), (0.95, 3), (1.0, 4)])
def test_the_fewest_axes_that_hold_the_share(share, count):
    q = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    values = np.array([0.7, 0.2, 0.07, 0.03, 0.0])
    found = principal_axes(q @ np.diag(values) @ q.T, share)
    assert found.shape == (5, count)
    np.testing.assert_allclose(found @ found.T, q[:, :count] @ q[:, :count].T, atol=1e-10)


def test_no_variance_has_no_axes():
    assert principal_axes(np.zeros((3, 3))).shape == (3, 0)


def test_row_spaces():
    rng = np.random.default_rng(2)
    weights = np.vstack([rng.normal(size=(2, 6)), np.zeros(6)])
    weights[2] = weights[0] - 2 * weights[1]
    axes = row_space(weights)
    assert axes.shape == (6, 2)
    np.testing.assert_allclose(weights @ axes @ axes.T, weights, atol=1e-12)
    assert row_space(np.zeros((2, 4))).shape == (4, 0)
