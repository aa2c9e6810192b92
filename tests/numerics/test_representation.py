"""Debiased CKA and shape angles: oracles, what they do not see, and the axioms of a metric."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from rnnkit.errors import InputError
from rnnkit.numerics.representation import centred, debiased_cka, shape_angle
from tests.oracles import representation as oracle

MEASURES = {"cka": (debiased_cka, oracle.cka), "procrustes": (shape_angle, oracle.shape_angle)}


def activity(seed, samples=60, units=7, mean=3.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, units)) @ rng.normal(size=(units, units)) + mean * rng.normal(size=units)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("units", [2, 7, 80])
def test_values_are_the_oracles(name, units):
    """Also with fewer units, and with more units than samples."""
    measure, slow = MEASURES[name]
    x, y = activity(0), activity(1, units=units)
    assert measure(centred(x), centred(y)) == pytest.approx(slow(x, y), abs=1e-10)
    assert measure(centred(y), centred(x)) == pytest.approx(slow(x, y), abs=1e-10)


@pytest.mark.parametrize("name", MEASURES)
def test_rotation_shift_and_scale_change_nothing(name):
    measure = MEASURES[name][0]
    x, y = activity(2), activity(3)
    moved = -4 * x @ ortho_group.rvs(7, random_state=0) + 100
    assert measure(centred(moved), centred(y)) == pytest.approx(measure(centred(x), centred(y)), abs=1e-10)
    itself = measure(centred(moved), centred(x))
    assert itself == pytest.approx(1.0 if name == "cka" else 0.0, abs=1e-12)
    skewed = x * np.arange(1, 8)
    assert abs(measure(centred(skewed), centred(x)) - itself) > 1e-3


def test_shape_angle_is_a_metric_on_random_triples():
    shapes = [centred(activity(seed, samples=12, units=2 + seed % 4)) for seed in range(60)]
    rng = np.random.default_rng(0)
    angles = {(i, j): shape_angle(shapes[i], shapes[j]) for i in range(60) for j in range(60)}
    for _ in range(1000):
        i, j, k = rng.integers(60, size=3)
        assert angles[i, k] <= angles[i, j] + angles[j, k] + 1e-9
        assert angles[i, j] == pytest.approx(angles[j, i], abs=1e-9)
        assert 0 <= angles[i, j] <= np.pi / 2


def test_a_small_angle_keeps_its_digits():
    x, change = activity(4, samples=500), activity(5, samples=500, mean=0)
    once, twice = (shape_angle(centred(x), centred(x + step * change)) for step in (1e-9, 2e-9))
    assert twice / once == pytest.approx(2, rel=1e-4)


def test_cka_of_unrelated_activity_is_zero_on_average():
    """The biased estimator would say 0.9 with three times as many units as samples."""
    rng = np.random.default_rng(6)
    pairs = [[centred(x) for x in rng.normal(size=(2, 20, 60))] for _ in range(200)]
    found = [debiased_cka(x, y) for x, y in pairs]
    assert abs(np.mean(found)) < 4 * np.std(found) / 200**0.5
    assert min(found) < 0


@pytest.mark.parametrize("name", MEASURES)
def test_activity_that_does_not_vary_has_no_number(name):
    still = centred(np.full((30, 4), 0.1))
    assert not still.varies
    assert np.isnan(MEASURES[name][0](still, centred(activity(7, samples=30))))


def test_few_samples_and_other_faults():
    three = centred(activity(8, samples=3))
    assert np.isnan(debiased_cka(three, three))
    with pytest.raises(InputError, match="60 and 50 samples"):
        debiased_cka(centred(activity(0)), centred(activity(0, samples=50)))
    for bad in (np.full((3, 2), np.nan), np.zeros(3), np.zeros((0, 2))):
        with pytest.raises(InputError):
            centred(bad)
