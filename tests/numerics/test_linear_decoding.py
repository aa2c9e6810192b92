"""Least squares over blocks of trials, beside the textbook's; planted readouts, noise, and what has no answer."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.numerics import linear_decoding
from rnnkit.numerics.linear_decoding import empty_factor, fit_readouts, reduce_rows, score_readouts
from tests.oracles.linear_decoding import decoded


def factor(x, y, blocks=3):
    """Of x (..., trials, units) and y (..., trials, targets), a block at a time."""
    held = empty_factor(x.shape[:-2], 1 + x.shape[-1] + y.shape[-1])
    for rows in np.array_split(np.arange(x.shape[-2]), blocks):
        held = reduce_rows(held, x[..., rows, :], y[..., rows, :])
    return held


def both(x, y, units, fit, **rest):
    """Readouts fitted to the first trials, and their scores on the others."""
    targets, trials = y.shape[-1], x.shape[-2]
    found = fit_readouts(factor(x[..., :fit, :], y[..., :fit, :]), np.array(units), targets, fit, **rest)
    return found, score_readouts(found, factor(x[..., fit:, :], y[..., fit:, :]), trials - fit)


@pytest.mark.parametrize("units", [[0, 1, 2, 3, 4], [3, 1], [2]])
def test_every_system_is_the_textbook_s(units):
    rng = np.random.default_rng(0)
    x = 5 + rng.normal(size=(2, 3, 90, 5)) * [1, 10, 1e-3, 1, 1]
    y = x[..., :2] * [1, -2] + x[..., 2:3] + rng.normal(size=(2, 3, 90, 2))
    found, scores = both(x, y, units, 60)
    assert (found.rank == len(units)).all()
    for net, step, target in np.ndindex(2, 3, 2):
        one, wanted = x[net, step][:, units], y[net, step, :, target]
        r2, mse, fitted = decoded(one[:60], wanted[:60], one[60:], wanted[60:])
        assert scores.r2[net, step, target] == pytest.approx(r2, abs=1e-9)
        assert scores.mse[net, step, target] == pytest.approx(mse, rel=1e-9)
        assert found.r2[net, step, target] == pytest.approx(fitted, abs=1e-9)


def test_what_is_there_is_read_and_what_is_not_is_not():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1100, 6)) @ rng.normal(size=(6, 6))
    y = np.stack([7 - 3 * x[:, 2] + x[:, 5], rng.normal(size=1100)], axis=1)
    _, scores = both(x, y, range(6), 1000)
    assert scores.r2[0] == pytest.approx(1, abs=1e-12)
    assert scores.mse[0] < 1e-20
    assert -0.1 < scores.r2[1] < 0.02
    # Few trials for so many units: worse than the mean.
    assert both(x[:60], y[:60], range(6), 10)[1].r2[1] < -0.3


def test_how_the_trials_are_cut_and_the_units_ordered_does_not_matter():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(4, 80, 5)), rng.normal(size=(4, 80, 2))
    x[..., 4] = x[..., 0] - 2 * x[..., 1]
    first = fit_readouts(factor(x, y, 1), np.arange(5), 2, 80)
    order = rng.permutation(5)
    second = fit_readouts(factor(x[..., order], y, 7), np.arange(5), 2, 80)
    np.testing.assert_allclose(second.weights, first.weights[:, order], atol=1e-12)
    np.testing.assert_allclose(second.r2, first.r2, atol=1e-12)
    assert (first.rank == 4).all()
    # So does not the scale of a unit, but for its own weight.
    scaled = fit_readouts(factor(x * [1, 1, 1, 1, 1e6], y), np.arange(5), 2, 80)
    np.testing.assert_allclose(scaled.weights, first.weights / np.array([1, 1, 1, 1, 1e6])[:, None], atol=1e-12)


def test_units_that_stand_still_or_repeat_others_take_no_part():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 2))
    more = np.column_stack([x, 3 * x[:, 0] + 1, np.full(50, 1e8), np.zeros(50)])
    y = rng.normal(size=(50, 1))
    plain, scores = both(x, y, [0, 1], 40)
    found, same = both(more, y, range(5), 40)
    assert (int(plain.rank), int(found.rank)) == (2, 2)
    assert same.r2[0] == pytest.approx(scores.r2[0], abs=1e-12)
    assert (found.weights[3:] == 0).all()
    alone, nothing = both(more, y, [3, 4], 40)
    assert int(alone.rank) == 0
    assert nothing.r2[0] <= 0


def test_a_target_that_does_not_vary_has_no_r2():
    x = np.random.default_rng(4).normal(size=(30, 2))
    found, scores = both(x, np.column_stack([np.zeros(30), np.full(30, 1e3), x[:, 0]]), [0, 1], 20)
    assert np.isnan(scores.r2).tolist() == np.isnan(found.r2).tolist() == [True, True, False]
    assert (scores.mse < 1e-20).all()


def test_noise_is_what_drawing_it_would_give():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(40_000, 3)) @ rng.normal(size=(3, 3)) + 4
    y = x[:, :1] - x[:, 1:2]
    found, scores = both(x, y, range(3), 20_000, noise=0.5)
    drawn = x + 0.5 * x[:20_000].std(axis=0) * rng.normal(size=x.shape)
    noisy, sampled = both(drawn, y, range(3), 20_000)
    assert scores.r2[0] == pytest.approx(sampled.r2[0], abs=0.01)
    assert found.r2[0] == pytest.approx(noisy.r2[0], abs=0.01)
    np.testing.assert_allclose(found.weights, noisy.weights, atol=0.02)
    assert both(x, y, range(3), 20_000)[1].r2[0] == pytest.approx(1)


def test_where_divide_and_conquer_fails_iteration_does_not(monkeypatch):
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 3, 30, 4)), rng.normal(size=(2, 3, 30, 1))
    first = fit_readouts(factor(x, y), np.arange(4), 1, 30)

    def fail(*_, **__):
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(linear_decoding.np.linalg, "svd", fail)
    np.testing.assert_allclose(fit_readouts(factor(x, y), np.arange(4), 1, 30).weights, first.weights, atol=1e-12)
