"""The online rule: beside a plain loop, as a gradient, at rest, in company."""

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.freeze_in import PLASTIC, learning_steps, present_
from tests.oracles import freeze_in as oracle

UNITS = 23


def drawn(networks=3, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(networks, UNITS, UNITS)) * 1.8 / np.sqrt(UNITS)
    weights[:, range(UNITS), range(UNITS)] = 0
    return weights, rng.uniform(-1, 1, (networks, UNITS)), rng.normal(size=(networks, UNITS)), rng


def told(**changed):
    return {"alpha": 0.1, "rate": 0.02, "cue_steps": 7, "plastic_steps": 5, "plastic": "after", **changed}


@pytest.mark.parametrize("plastic", PLASTIC)
@pytest.mark.parametrize("noisy", [False, True])
def test_as_a_plain_loop_has_it(plastic, noisy):
    weights, state, drive, rng = drawn()
    steps = learning_steps(plastic, 7, 5)[0]
    noise = rng.normal(size=(3, steps if noisy else 0, UNITS))
    new, moved = weights.copy(), state.copy()
    present_(new, moved, drive, noise, **told(plastic=plastic))
    assert np.abs(new - weights).max() > 1e-3
    assert (new[:, range(UNITS), range(UNITS)] == 0).all()
    for k in range(3):
        kicks = noise[k] if noisy else None
        expected = oracle.present(weights[k], state[k], drive[k], kicks, 0.1, 0.02, 7, 5, plastic)
        np.testing.assert_allclose(new[k], expected[0], atol=1e-12)
        np.testing.assert_allclose(moved[k], expected[1], atol=1e-12)


def test_a_step_is_minus_the_gradient_but_for_slope_and_leak():
    """Of |r' - r|^2 / 2 by W_ij: alpha (1 - tanh^2) (r'_i - r_i) r_j, here by differences."""
    weights, state, _, _ = drawn(1)
    silent = np.zeros((1, 0, UNITS))
    new, moved = weights.copy(), state.copy()
    present_(new, moved, np.zeros((1, UNITS)), silent, **told(cue_steps=0, plastic_steps=1))
    r, w, small = state[0], weights[0], 1e-6

    def loss(changed):
        return 0.5 * (((0.9 * r + 0.1 * np.tanh(changed @ r)) - r) ** 2).sum()

    for i, j in ((0, 1), (4, 2), (11, 22)):
        one = np.zeros((UNITS, UNITS))
        one[i, j] = small
        slope = (loss(w + one) - loss(w - one)) / (2 * small)
        lumped = 0.1 * (1 - np.tanh(w @ r)[i] ** 2)
        assert (new[0] - w)[i, j] == pytest.approx(-0.02 * slope / lumped, rel=1e-5)


def test_what_is_at_rest_stays_as_it_is():
    held = 0.9575040240772687
    pair, state = np.array([[[0.0, 2.0], [2.0, 0.0]]]), np.full((1, 2), held)
    present_(pair, state, np.zeros((1, 2)), np.zeros((1, 0, 2)), **told(cue_steps=0, plastic_steps=100, rate=1.0))
    np.testing.assert_allclose(pair[0], [[0, 2], [2, 0]], atol=1e-13)
    np.testing.assert_allclose(state, held, atol=1e-14)


def test_learning_slows_what_moves():
    weights, state, _, _ = drawn(1)
    silent, rest = np.zeros((1, 0, UNITS)), np.zeros((1, UNITS))

    def last_step(rate):
        w, r = weights.copy(), state.copy()
        present_(w, r, rest, silent, **told(cue_steps=0, plastic_steps=40, rate=rate))
        return np.linalg.norm(np.tanh(w[0] @ r[0]) - r[0])

    assert last_step(0.5) < 0.01 * last_step(0.0)


def test_a_network_does_the_same_alone():
    weights, state, drive, rng = drawn()
    noise = rng.normal(size=(3, 12, UNITS))
    new, moved = weights.copy(), state.copy()
    present_(new, moved, drive, noise, **told())
    alone, there = weights[1:2].copy(), state[1:2].copy()
    present_(alone, there, drive[1:2], noise[1:2], **told())
    assert (alone[0] == new[1]).all()
    assert (there[0] == moved[1]).all()


def test_shapes_that_do_not_fit():
    weights, state, drive, _ = drawn()
    with pytest.raises(InputError, match="recurrent: has shape"):
        present_(weights[:2], state, drive, np.zeros((3, 0, UNITS)), **told())
    with pytest.raises(InputError, match=r"noise: has shape \(3, 7, 23\)"):
        present_(weights, state, drive, np.zeros((3, 7, UNITS)), **told())
    with pytest.raises(InputError, match="plastic: 'later'"):
        present_(weights, state, drive, np.zeros((3, 0, UNITS)), **told(plastic="later"))
