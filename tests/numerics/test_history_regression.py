"""The ensemble of predictors, against a loop over torch.nn.Sequential with the same weights and samples."""

import numpy as np
import pytest
import torch

from rnnkit.numerics.history_regression import fit_predictors, initial_predictors, squared_errors
from rnnkit.numerics.history_windows import history_windows
from tests.oracles.history_regression import fit, network

CPU = torch.device("cpu")
HISTORIES, SEEDS, HIDDEN = (1, 3, 4), 2, 6


def streams(histories=HISTORIES, seeds=SEEDS):
    return [[np.random.default_rng([seed, h]) for h in histories] for seed in range(seeds)]


@pytest.fixture
def windows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 8, 2)).astype(np.float32)
    y = np.stack([x[..., 0] * x[..., 1], np.roll(x[..., 0], 2, axis=1)], -1)
    mask = rng.uniform(0.2, 1, size=(30, 8)).astype(np.float32)
    return history_windows(x, y, mask, HISTORIES[-1], training=20)


@pytest.fixture
def batches(windows):
    places = np.flatnonzero(windows.weights[: 20 * windows.stride])
    return np.random.default_rng(1).choice(places, size=(SEEDS, 25, 16))


def features(windows, history, places):
    own = windows.up_to(history)
    return torch.from_numpy(windows.series[own.channel[:, None], places - own.lag[:, None]].T.copy())


def own_part(predictors, windows, seed, k):
    """One network's weights, without those beyond its history."""
    first = predictors.first[seed, k]
    kept = windows.features(HISTORIES[k])
    return torch.cat([first[:, :kept], first[:, -1:]], 1), predictors.second[seed, k], predictors.bias[seed, k]


def test_weights_and_errors_are_those_of_the_loop(windows, batches):
    start = initial_predictors(windows, HISTORIES, HIDDEN, streams(), CPU)
    fitted = fit_predictors(windows, start, batches, 0.02)
    errors = squared_errors(windows, fitted, range(20, 30))
    assert errors.shape == (3, SEEDS, 10)
    everywhere = np.arange(windows.series.shape[1])
    targets = torch.from_numpy(windows.targets.T.copy())
    for k, history in enumerate(HISTORIES):
        seen = features(windows, history, everywhere.clip(min=windows.rest))
        for seed in range(SEEDS):
            layers = network(*own_part(start, windows, seed, k))
            layers = fit(layers, seen, targets, batches[seed], 0.02)
            for found, expected in zip(own_part(fitted, windows, seed, k), own_part_of(layers), strict=True):
                torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
            square = ((layers(seen) - targets) ** 2).mean(1).detach().numpy() * windows.weights
            expected = square.reshape(30, -1)[20:].sum(1)
            np.testing.assert_allclose(errors[k, seed], expected, rtol=1e-3)


def own_part_of(layers):
    first, _, second = layers
    joined = torch.cat([first.weight, first.bias[:, None]], 1)
    return joined.detach(), second.weight.detach(), second.bias.detach()


def test_weights_beyond_a_history_stay_zero_and_the_start_is_kept(windows, batches):
    start = initial_predictors(windows, HISTORIES, HIDDEN, streams(), CPU)
    before = start.first.clone()
    fitted = fit_predictors(windows, start, batches, 0.02)
    assert torch.equal(start.first, before)
    for k, history in enumerate(HISTORIES):
        beyond = fitted.first[:, k, :, windows.features(history) : -1]
        assert torch.count_nonzero(beyond) == 0
        assert torch.count_nonzero(fitted.first[:, k] - start.first[:, k]) > 0


def test_initial_weights_do_not_depend_on_the_company(windows):
    together = initial_predictors(windows, HISTORIES, HIDDEN, streams(), CPU)
    alone = initial_predictors(windows.up_to(3), (3,), HIDDEN, streams((3,), 1), CPU)
    kept = windows.features(3)
    assert torch.equal(together.first[0, 1, :, :kept], alone.first[0, 0, :, :kept])
    assert torch.equal(together.first[0, 1, :, -1], alone.first[0, 0, :, -1])
    assert torch.equal(together.second[0, 1], alone.second[0, 0])
    own = together.first[:, 0, :, : windows.features(1)]
    assert 0.7 / np.sqrt(4) < own.abs().max() <= 1 / np.sqrt(4)
    assert not torch.equal(together.first[0, 0], together.first[1, 0])


def test_one_network_that_diverges_leaves_the_others_alone(windows, batches):
    start = initial_predictors(windows, HISTORIES, HIDDEN, streams(), CPU)
    sound = squared_errors(windows, fit_predictors(windows, start, batches, 0.02), range(20, 30))
    start.first[0, 1, 0, 0] = float("nan")
    errors = squared_errors(windows, fit_predictors(windows, start, batches, 0.02), range(20, 30))
    hit = np.zeros(errors.shape[:2], bool)
    hit[1, 0] = True
    assert np.isnan(errors[hit]).all()
    np.testing.assert_allclose(errors[~hit], sound[~hit], rtol=1e-6)


def test_evaluation_in_blocks(windows, batches, monkeypatch):
    start = initial_predictors(windows, HISTORIES, HIDDEN, streams(), CPU)
    whole = squared_errors(windows, start, range(20, 30))
    monkeypatch.setattr("rnnkit.numerics.history_regression._BLOCK", 5)
    np.testing.assert_allclose(squared_errors(windows, start, range(20, 30)), whole, rtol=1e-6)
