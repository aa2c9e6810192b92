"""Operators of driven activity: planted systems, one-row-at-a-time least squares, bases and faults."""

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.dmd import fit_operators
from rnnkit.numerics.driven_dmd import fit_driven_operator


def driven(seed, trials=20, steps=25, size=3, channels=2, noise=0.0):
    """Activity of a random stable linear system, its inputs, and its operators; activity and inputs centred."""
    rng = np.random.default_rng(seed)
    operator = 0.9 * np.linalg.qr(rng.normal(size=(size, size)))[0]
    drive = rng.normal(size=(size, channels))
    inputs = rng.normal(size=(trials, steps, channels)) * [1.0, 5.0][:channels] + 2
    states = rng.normal(size=(trials, steps, size))
    for t in range(1, steps):
        states[:, t] = states[:, t - 1] @ operator.T + inputs[:, t] @ drive.T + noise * rng.normal(size=(trials, size))
    return states, inputs, operator, drive


def rows(states, inputs, delays):
    """Regressors and targets of every step, one at a time; newest block first."""
    before, after = [], []
    for trial, given in zip(states, (inputs - inputs.mean((0, 1))) / inputs.std((0, 1)), strict=True):
        for t in range(delays, len(trial)):
            before.append(np.concatenate([*(trial[t - 1 - i] for i in range(delays)), given[t]]))
            after.append(np.concatenate([trial[t - i] for i in range(delays)]))
    return np.array(before), np.array(after)


def test_a_planted_system_is_found():
    states, inputs, operator, drive = driven(0)
    # Without an intercept the fit is exact where the fixed point of the mean input is the origin.
    centre = np.linalg.solve(np.eye(3) - operator, drive @ inputs.mean((0, 1)))
    found = fit_driven_operator(states - centre, inputs, basis="pc")
    np.testing.assert_allclose(found.operator, operator, atol=1e-12)
    np.testing.assert_allclose(found.drive, drive * inputs.std((0, 1)), atol=1e-12)
    assert (found.status, found.rank) == ("ok", 3)


@pytest.mark.parametrize("delays", [1, 3])
def test_it_is_least_squares_over_all_steps(delays):
    states, inputs, *_ = driven(1, noise=0.5)
    states = states - states.mean((0, 1))
    before, after = rows(states, inputs, delays)
    expected = np.linalg.lstsq(before, after, rcond=None)[0].T
    found = fit_driven_operator(states, inputs, delays, "pc")
    np.testing.assert_allclose(np.concatenate([found.operator, found.drive], axis=1), expected, atol=1e-9)


def test_the_bases_are_one_map():
    states, inputs, *_ = driven(2, noise=0.5)
    states = states - states.mean((0, 1))
    white, plain = (fit_driven_operator(states, inputs, 2, basis) for basis in ("whitened", "pc"))
    values = [np.sort_complex(np.linalg.eigvals(found.operator)) for found in (white, plain)]
    np.testing.assert_allclose(*values, atol=1e-9)
    # Coordinates of unit mean square: the whole state is a fixed linear map of them.
    scaled = fit_driven_operator(7 * states, inputs * 3 + 1, 2)
    np.testing.assert_allclose(np.abs(scaled.drive), np.abs(white.drive), atol=1e-9)


def test_constant_inputs_leave_the_operator_alone():
    states, inputs, *_ = driven(3, noise=0.5)
    states = states - states.mean((0, 1))
    found = fit_driven_operator(states, np.full_like(inputs, 0.1), 2)
    np.testing.assert_allclose(found.operator, fit_operators(states[None], 2).operator[0], atol=1e-9)
    assert not found.drive.any()


def test_inputs_that_repeat_each_other_share_the_drive():
    states, inputs, *_ = driven(4, channels=1)
    states = states - states.mean((0, 1))
    once, twice = (fit_driven_operator(states, np.repeat(inputs, k, axis=2)) for k in (1, 2))
    np.testing.assert_allclose(twice.drive, np.repeat(once.drive, 2, axis=1) / 2, atol=1e-6)
    np.testing.assert_allclose(twice.operator, once.operator, atol=1e-6)


def test_statuses():
    states, inputs, *_ = driven(5)
    flat = fit_driven_operator(np.concatenate([states, states[..., :1]], axis=2), inputs)
    assert (flat.status, flat.rank) == ("rank_deficient", 3)
    assert not flat.operator[3].any()
    assert not flat.drive[3].any()
    still = fit_driven_operator(np.zeros_like(states), inputs)
    assert still.status == "no_variance"
    assert np.isnan(still.operator).all()
    short = fit_driven_operator(states[:1, :8], inputs[:1, :8])
    assert short.status == "underdetermined"
    for bad in ((states, inputs[:3], 1), (states, inputs, 25), (states[0], inputs[0], 1)):
        with pytest.raises(InputError):
            fit_driven_operator(*bad)
