"""Probes: beside a plain loop, and what counts as settled, distinct and silent."""

import numpy as np
import pytest

from rnnkit.numerics.cue_responses import judge, respond
from tests.oracles import freeze_in as oracle

UNITS = 19


@pytest.fixture(scope="module")
def networks():
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(2, UNITS, UNITS)) * 1.3 / np.sqrt(UNITS)
    return weights, rng.normal(size=(2, 4, UNITS))


def test_as_a_plain_loop_has_it(networks):
    weights, drives = networks
    found = respond(weights, drives, alpha=0.2, cue_steps=6, free_steps=30)
    for k in range(2):
        for cue in range(4):
            expected = oracle.respond(weights[k], drives[k, cue], 0.2, 6, 30)
            np.testing.assert_allclose(found[k, cue], expected, atol=1e-12)


def test_steps_at_rest_are_left_out_and_change_nothing():
    """Two cues that settle within 400 steps; 10^6 steps more cost nothing."""
    pair, cues = np.array([[[0.0, 2.0], [2.0, 0.0]]]), np.array([[[1.0, 1.0], [-1.0, -1.0]]])
    short, endless = (respond(pair, cues, alpha=0.1, cue_steps=5, free_steps=n) for n in (2000, 10**7))
    assert (short == endless).all()


def test_speed_rms_and_bounds(networks):
    weights, _ = networks
    states = np.random.default_rng(2).uniform(-1, 1, (2, 3, UNITS))
    speeds = [[np.linalg.norm(np.tanh(weights[k] @ one) - one) for one in states[k]] for k in range(2)]
    found = judge(weights, states, still=float(np.median(speeds)), apart=0.05)
    np.testing.assert_allclose(found.speed, speeds)
    np.testing.assert_allclose(found.rms, np.sqrt((states**2).mean(2)))
    assert (found.settled == (speeds < np.median(speeds))).all()
    assert (found.point[~found.settled] == -1).all()


def test_points_are_clusters_whatever_the_order():
    """A chain of neighbours is one point; silence is none. W = 0 has speed |r|: all below 100."""
    places = np.array([0.5, 0.9, 0.53, 0.56, 0.01, 0.2, 0.92])
    for order in (np.arange(7), np.array([3, 6, 4, 0, 5, 2, 1])):
        states = np.repeat(places[order][None, :, None], UNITS, axis=2)
        point = judge(np.zeros((1, UNITS, UNITS)), states, still=100.0, apart=0.04).point[0]
        assert point[order == 4] == -1
        kept = point[order != 4]
        first = [int(label) for k, label in enumerate(kept) if label not in kept[:k]]
        assert first == [0, 1, 2]
        groups = {frozenset(order[point == label].tolist()) for label in range(3)}
        assert groups == {frozenset({0, 2, 3}), frozenset({1, 6}), frozenset({5})}


def test_relabelled_units(networks):
    weights, drives = networks
    order = np.random.default_rng(3).permutation(UNITS)
    found, other = (
        judge(w, respond(w, d, alpha=0.2, cue_steps=6, free_steps=50), still=0.5, apart=0.05)
        for w, d in ((weights, drives), (weights[:, order][:, :, order], drives[:, :, order]))
    )
    np.testing.assert_allclose(found.speed, other.speed, atol=1e-12)
    np.testing.assert_allclose(found.rms, other.rms, atol=1e-12)
    assert (found.point == other.point).all()
