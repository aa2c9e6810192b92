"""The null of the alignment, scores and spikes, on courses whose answer is known."""

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.restructuring import EventRule, random_walk_alignment, running_median, scores_of, spikes_of


def walk(seed: int, steps: int = 60, entries: int = 1600) -> np.ndarray:
    """Steps of a random walk whose length falls by a factor of 3."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(steps, entries)) * np.geomspace(3, 1, steps)[:, None]


def cosines(steps: np.ndarray) -> np.ndarray:
    left = np.cumsum(steps[::-1], axis=0)[::-1]
    return (steps * left).sum(-1) / np.linalg.norm(steps, axis=-1) / np.linalg.norm(left, axis=-1)


@pytest.mark.parametrize("seed", range(5))
def test_the_null_is_that_of_a_random_walk(seed):
    steps = walk(seed)
    null = random_walk_alignment(np.linalg.norm(steps, axis=-1))
    found = cosines(steps)
    assert np.abs(found - null).max() < 0.1
    # Both rise: the second half is far above the first, of a walk that is about nothing.
    assert found[30:].mean() > 1.3 * found[:30].mean()


def test_a_course_with_an_aim_is_above_the_null():
    steps = walk(0) + 3 * np.ones(1600)
    assert (cosines(steps) - random_walk_alignment(np.linalg.norm(steps, axis=-1)))[:50].min() > 0.3


def test_a_norm_that_is_not_known_has_no_null_before_it():
    null = random_walk_alignment(np.array([1.0, np.nan, 1.0, 0.0]))
    np.testing.assert_array_equal(np.isfinite(null), [False, False, True, False])


def test_the_running_median_against_a_loop():
    values = np.random.default_rng(0).normal(size=40)
    values[[3, 4, 20]] = np.nan
    padded = np.concatenate([np.full(6, np.nan), values, np.full(6, np.nan)])
    expected = [np.nanmedian(padded[k : k + 13]) for k in range(40)]
    np.testing.assert_array_equal(running_median(values, 6), expected)
    assert np.isnan(running_median(np.full(3, np.nan), 1)).all()


def test_scores_do_not_see_a_slow_drift_or_a_unit():
    rng = np.random.default_rng(1)
    sizes = np.exp(0.1 * rng.normal(size=300) + np.linspace(0, -4, 300))
    sizes[150] *= 3
    found = scores_of(sizes, 25)
    assert (found.status, int(np.argmax(found.values))) == ("ok", 150)
    assert found.values[150] > 8
    assert np.delete(found.values, 150).max() < 4.5
    np.testing.assert_allclose(scores_of(1000 * sizes, 25).values, found.values, atol=1e-9)


def test_scores_that_cannot_be_had():
    assert scores_of(np.ones(50), 25).status == "too_few_snapshots"
    assert scores_of(np.ones(51), 25).status == "no_spread"
    assert np.isnan(scores_of(np.ones(51), 25).values).all()
    sizes = np.exp(np.random.default_rng(0).normal(size=60))
    sizes[:10] = np.nan
    assert scores_of(sizes, 25).status == "too_few_snapshots"
    assert scores_of(sizes, 24).status == "ok"
    assert np.isnan(scores_of(sizes, 24).values[:10]).all()


@pytest.mark.parametrize(("merge", "runs"), [(0, [(2, 2), (4, 4), (9, 10)]), (1, [(2, 4), (9, 10)]), (4, [(2, 10)])])
def test_runs_are_merged_over_short_gaps(merge, runs):
    scores = np.zeros(12)
    scores[[2, 4, 9, 10]] = [5, 6, 9, 8]
    scores[6] = np.nan
    found = spikes_of(scores, EventRule(merge=merge, margin=1))
    assert [(one.first, one.last) for one in found] == runs
    assert found[-1].peak == 9
    # Snapshot 11 is after update 10, of 13 snapshots in all.
    assert [(one.before, one.after) for one in found] == [(a - 1, b + 1) for a, b in runs]


def test_weights_are_compared_within_the_course():
    (one,) = spikes_of(np.array([9.0, 0.0, 0.0]), EventRule())
    assert (one.before, one.after) == (0, 3)
    assert spikes_of(np.array([3.4, np.nan]), EventRule()) == []


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"window": 0}, "--window: 0"),
        ({"threshold": 0.0}, "--threshold: 0.0"),
        ({"threshold": np.nan}, "--threshold: nan"),
        ({"merge": -1}, "--merge: -1"),
        ({"margin": 0}, "--margin: 0 .* 1 or more"),
        ({"sustained": -1.0}, "--sustained: -1.0"),
    ],
)
def test_rules_out_of_range(value, says):
    with pytest.raises(InputError, match=says):
        EventRule(**value)
