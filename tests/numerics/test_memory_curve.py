"""Where a curve levels off: planted curves, the rule read literally, and spreads known in advance."""

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.memory_curve import memory_curve, plateau


def curve(errors, reference=None, weights=None, tolerance=0.1, floor=1e-3, draws=200, seed=0):
    errors = np.asarray(errors, dtype=np.float64)
    ones = np.ones(errors.shape[-1])
    return memory_curve(
        errors,
        ones if reference is None else reference,
        ones if weights is None else weights,
        tolerance=tolerance,
        floor=floor,
        draws=draws,
        rng=np.random.default_rng(seed),
    )


def constant(levels, seeds=3, trials=40):
    return np.asarray(levels)[:, None, None] * np.ones((len(levels), seeds, trials))


def literally(mse, tolerance, floor):
    for k, value in enumerate(mse):
        if value - min(mse) <= max(tolerance * (mse[0] - min(mse)), floor):
            return k
    raise AssertionError


def test_the_rule():
    rng = np.random.default_rng(0)
    curves = rng.gamma(0.5, size=(200, 6))
    for tolerance, floor in ((0.1, 1e-3), (0.5, 0.0), (0.0, 0.3)):
        expected = [literally(list(mse), tolerance, floor) for mse in curves]
        assert plateau(curves, tolerance, floor).tolist() == expected
        assert len(set(expected)) > 2


@pytest.mark.parametrize(
    ("levels", "place"),
    [([0.5, 0.3, 0.01, 0.01, 0.01], 2), ([0.0002, 0.0004, 0.0003], 0), ([0.9, 0.9, 0.9, 0.1, 0.1], 3)],
)
def test_planted_curves(levels, place):
    found = curve(constant(levels))
    assert (found.place, found.place_low, found.place_high) == (place, place, place)
    assert found.learned
    assert found.share.tolist() == np.eye(len(levels))[place].tolist()
    np.testing.assert_allclose([found.mse, found.ci_low, found.ci_high], [levels] * 3, rtol=1e-12)


def test_a_curve_that_still_falls_has_no_plateau():
    found = curve(constant([0.9, 0.6, 0.3]))
    assert found.place is None
    assert found.place_low is None
    assert np.isnan(found.share).all()


def test_nothing_learned():
    rng = np.random.default_rng(0)
    squares = rng.normal(size=50) ** 2
    errors = np.broadcast_to(squares, (4, 3, 50)) * np.array([1.02, 1.01, 1.04, 1.05])[:, None, None]
    found = curve(errors, reference=squares)
    assert not found.learned
    assert (found.place, found.place_low) == (0, None)
    assert curve(0.9 * errors, reference=squares).learned


def test_what_is_not_finite_makes_no_plateau():
    errors = constant([0.5, 0.2, 0.01, 0.01])
    errors[1, 2, 7] = np.nan
    found = curve(errors)
    assert found.place is None
    assert np.isnan(found.mse).tolist() == [False, True, False, False]
    assert np.isnan(found.ci_low).tolist() == [False, True, False, False]


def test_the_interval_counts_trials_and_seeds():
    """A mean over crossed seeds and trials has variance var(seeds)/S + var(trials)/n."""
    rng = np.random.default_rng(0)
    seeds, trials = 12, 400
    of_seed, of_trial = rng.normal(size=seeds), rng.normal(size=trials)
    base = 10 + np.zeros((2, seeds, trials))
    for errors, variance in (
        (base + 0.2 * of_seed[None, :, None], 0.04 * of_seed.var(ddof=1) / seeds),
        (base + of_trial, of_trial.var() / trials),
        (
            base + 0.2 * of_seed[None, :, None] + of_trial,
            0.04 * of_seed.var(ddof=1) / seeds + of_trial.var() / trials,
        ),
    ):
        found = curve(errors, reference=np.full(trials, 100.0), draws=4000)
        width = found.ci_high[0] - found.ci_low[0]
        assert width == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.15)


def test_weights_of_trials():
    rng = np.random.default_rng(1)
    weights = rng.integers(0, 4, size=60).astype(np.float64)
    levels = np.array([0.5, 0.1])[:, None, None]
    errors = levels * weights * np.ones((2, 3, 60))
    found = curve(errors, reference=weights, weights=weights)
    np.testing.assert_allclose(found.mse, [0.5, 0.1], rtol=1e-12)
    np.testing.assert_allclose(found.ci_high, [0.5, 0.1], rtol=1e-12)


def test_uncertain_places_have_shares():
    rng = np.random.default_rng(2)
    errors = constant([0.5, 0.062, 0.01, 0.01], trials=100) + 0.08 * rng.normal(size=(4, 3, 100))
    found = curve(errors, draws=1000)
    assert found.share.sum() == pytest.approx(1)
    assert found.place in (1, 2)
    assert (found.place_low, found.place_high) == (1, 2)
    assert 0.05 < found.share[1] < 0.95
    again = curve(errors, draws=1000)
    assert np.array_equal(found.share, again.share)


def test_draws_in_blocks_fill_all_rows(monkeypatch):
    monkeypatch.setattr("rnnkit.numerics.memory_curve._BLOCK", 7)
    assert curve(constant([0.5, 0.3, 0.01, 0.01]), draws=20).share.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("shape", [(1, 3, 5), (3, 1, 5), (3, 3, 1)])
def test_too_few(shape):
    with pytest.raises(InputError, match="at least two"):
        curve(np.ones(shape))
