"""The end of the search phase: planted onsets, each status, dips and spikes, the rule of the paper."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.search_phase import NONE, first_crossings, search_phases
from tests.oracles import hinges as slowly

CHANCE = 1 / 6


def planted(onsets, noise, seed=0, length=151):
    """A plateau at chance, then a fall by a rate of its own, to a floor; noise is a share of the loss."""
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.1, 0.5, len(onsets))
    since = np.maximum(0, np.arange(length) - np.asarray(onsets)[:, None])
    loss = np.maximum(CHANCE * np.exp(-rates[:, None] * since), 1e-3)
    return list(loss * np.exp(noise * rng.standard_normal(loss.shape)))


def found(curves, diverged=None, chance=CHANCE, seed=0, **more):
    lost = np.zeros(len(curves), bool) if diverged is None else np.array(diverged)
    return search_phases(curves, np.full(len(curves), chance), lost, np.random.default_rng(seed), **more)


@pytest.mark.parametrize(("noise", "most"), [(0.03, 1), (0.1, 3)])
def test_planted_onsets(noise, most):
    onsets = np.random.default_rng(1).integers(20, 120, 200)
    phases = found(planted(onsets, noise))
    assert phases.status == ["ok"] * 200
    assert np.abs(phases.onset - onsets).max() <= most
    assert ((phases.low <= onsets) & (onsets <= phases.high)).mean() >= 0.9
    assert (phases.high - phases.low).mean() < 3
    np.testing.assert_allclose(phases.plateau, CHANCE, rtol=0.1)
    assert (phases.searching == NONE).all()


def plateaus(count, factor, seed=2, length=151):
    """Plateaus with four stretches of three evaluations that are off, far apart."""
    rng = np.random.default_rng(seed)
    loss = CHANCE * np.exp(0.03 * rng.standard_normal((count, length)))
    for row in loss:
        for first in (10, 45, 80, 115):
            at = first + rng.integers(0, 20)
            row[at : at + 3] *= factor
    return list(loss)


@pytest.mark.parametrize("factor", [3.0, 0.6])
def test_no_false_alarm_on_plateaus_with_spikes_and_dips(factor):
    curves = plateaus(200, factor)
    assert min(curve.min() for curve in curves) < 0.7 * CHANCE or factor > 1
    phases = found(curves)
    assert phases.status == ["no_end"] * 200
    assert not any((phases.onset != NONE) | (phases.crossing != NONE))


def test_crossings_and_relapses_are_those_of_medians():
    rng = np.random.default_rng(4)
    curves = [CHANCE * rng.choice([0.5, 1.0], size=rng.integers(1, 60), p=[0.6, 0.4]) for _ in range(100)]
    phases = found(curves, draws=0)
    assert len(set(phases.status)) > 2
    for k, curve in enumerate(curves):
        at = slowly.crossing(curve, 0.7 * CHANCE)
        assert phases.crossing[k] == at
        assert phases.relapses[k] == (slowly.relapses(curve, 0.7 * CHANCE, at) if at >= 0 else 0)


def test_each_status():
    level, low = np.full(40, CHANCE), np.full(20, CHANCE / 100)
    slope = CHANCE * np.exp(-0.03 * np.arange(80))
    early = np.concatenate([level[:5], CHANCE * np.exp(-0.03 * np.arange(1, 90))])
    curves = {
        "ok": np.concatenate([level, CHANCE * np.exp(-0.5 * np.arange(1, 21))]),
        "no_end": level,
        "no_plateau": np.concatenate([level[:5], low]),
        "gradual": slope,
        "too_sparse": early,
        "diverged": level[:12],
    }
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(200))
    phases = found([curve * noise[: len(curve)] for curve in curves.values()], [name == "diverged" for name in curves])
    assert phases.status == list(curves)
    assert phases.onset.tolist() == [39, *[NONE] * 5]
    assert (np.isfinite(phases.plateau) == [True, *[False] * 5]).all()
    # A crossing is there wherever the loss fell, a search that was seen wherever it did not.
    assert (phases.crossing[[0, 2, 3, 4]] >= 0).all()
    assert phases.searching.tolist() == [NONE, 39, NONE, NONE, NONE, 11]
    assert phases.evidence[3] < 10 <= phases.evidence[[0, 4]].min()


FALLS = {"exponential": lambda k: np.exp(-k / 60), "linear": lambda k: 1 - k / 160, "power": lambda k: 1 / (1 + k / 30)}


@pytest.mark.parametrize("fall", FALLS.values(), ids=FALLS)
def test_a_fall_from_the_first_evaluation_on_is_gradual(fall):
    noise = np.exp(0.05 * np.random.default_rng(0).standard_normal((50, 151)))
    phases = found(list(CHANCE * fall(np.arange(151.0)) * noise))
    assert phases.status == ["gradual"] * 50


def test_few_evaluations_say_nothing():
    assert found([np.full(8, CHANCE), np.full(9, CHANCE), np.empty(0)]).status == ["too_sparse", "no_end", "too_sparse"]
    assert found([np.full(8, CHANCE)], [True]).status == ["diverged"]


def test_without_chance_there_is_nothing_to_find():
    curves = [planted([30], 0.03)[0]] * 3
    phases = search_phases(curves, np.array([0.0, np.nan, CHANCE]), np.zeros(3, bool), np.random.default_rng(0))
    assert phases.status == ["no_chance", "no_chance", "ok"]
    assert phases.crossing[:2].tolist() == phases.searching[:2].tolist() == [NONE, NONE]
    assert found([np.zeros(20)], chance=0.0).status == ["no_chance"]


def test_a_search_is_seen_up_to_the_last_loss_at_chance():
    """The last six evaluations are low: too few for a crossing, and no sign that the search went on."""
    curve = np.r_[np.full(30, CHANCE), np.full(6, CHANCE / 10)]
    phases = found([curve])
    assert phases.status == ["no_end"]
    assert phases.searching[0] == 29


def test_losses_above_chance_are_no_plateau():
    """A transient high above chance comes before the plateau and has no part in the fit."""
    plain = planted([60], 0.03)[0]
    late = np.concatenate([np.linspace(5, 1.3, 30) * CHANCE, plain])
    assert found([late]).onset[0] == found([plain]).onset[0] + 30


def test_relapses_are_counted_and_divergence_is_one():
    curve = planted([30], 0.0, length=120)[0]
    curve[60:70], curve[90:92] = CHANCE, CHANCE  # ten at chance are a relapse, two a spike
    assert found([curve]).relapses[0] == 1
    later = found([curve], [True])
    assert later.relapses[0] == 2
    assert later.status == ["ok"]


def test_a_network_is_found_alone_as_in_company():
    curves = planted(np.arange(20, 110, 5), 0.1) + plateaus(3, 3.0, length=90)
    company = found(curves)
    for k, curve in enumerate(curves):
        alone = found([curve])
        for name in ("onset", "low", "high", "crossing", "relapses", "searching"):
            assert getattr(alone, name)[0] == getattr(company, name)[k], name
        np.testing.assert_allclose(alone.plateau[0], company.plateau[k], rtol=1e-12)


def test_chunks_make_no_difference(monkeypatch):
    curves = planted(np.arange(20, 110, 10), 0.1) + plateaus(3, 3.0, length=90)
    whole = found(curves)
    monkeypatch.setattr("rnnkit.numerics.search_phase._BLOCK", 300)
    parts = found(curves)
    assert parts.status == whole.status
    np.testing.assert_array_equal([parts.low, parts.onset, parts.high], [whole.low, whole.onset, whole.high])


def test_level_seed_and_draws():
    curves = planted([40, 70], 0.3, seed=3)
    assert (found(curves, level=0.2).crossing > found(curves).crossing).all()
    assert found(curves, draws=0).low.tolist() == found(curves).onset.tolist()
    intervals = {
        tuple(np.r_[found(curves, seed=s, draws=20).low, found(curves, seed=s, draws=20).high]) for s in range(9)
    }
    assert len(intervals) > 1


def test_a_loss_of_zero_is_small():
    curve = np.r_[np.full(30, CHANCE), np.full(20, 0.0)]
    phases = found([curve])
    assert phases.status == ["ok"]
    assert phases.onset[0] == 29


@pytest.mark.parametrize("floor", [0.1, 0.5])
@pytest.mark.parametrize("rate", [0.3, 1.0, 5.0])
def test_a_floor_behind_the_fall_does_not_draw_the_onset_back(rate, floor):
    """Fitted to nine evaluations behind the crossing whatever they are, a step would end its plateau five too early."""
    rng = np.random.default_rng(6)
    onsets = np.arange(30, 110)
    fall = np.maximum(CHANCE * np.exp(-rate * np.maximum(0, np.arange(151) - onsets[:, None])), floor * CHANCE)
    phases = found(list(fall * np.exp(0.05 * rng.standard_normal(fall.shape))))
    assert phases.status == ["ok"] * 80
    assert np.abs(phases.onset - onsets).max() <= 3
    assert abs((phases.onset - onsets).mean()) < 0.3
    assert ((phases.low <= onsets) & (onsets <= phases.high)).mean() > 0.8


def test_refusals():
    with pytest.raises(InputError, match="loss: is negative or no number"):
        found([np.array([1.0, -1.0])])


def test_the_rule_of_the_paper():
    """A first crossing counts whatever comes after; accuracies rise to it."""
    curves = [np.r_[np.full(12, 0.05), 0.09, np.full(20, 0.05)], np.full(20, 0.01), np.linspace(0, 1, 30)]
    crossing, relapses, searching, status = first_crossings(
        curves, np.full(3, 0.08), np.array([False, True, False]), rising=True
    )
    assert crossing.tolist() == [12, NONE, 3]
    assert relapses.tolist() == [1, 0, 0]
    assert searching.tolist() == [NONE, 19, NONE]
    assert status == ["ok", "diverged", "ok"]
    falling, *_ = first_crossings([curves[2][::-1]], np.array([0.08]), np.array([False]))
    assert falling.tolist() == [27]


def test_chance_accuracy_fires_on_networks_that_never_learn():
    """Three hundred trials at the accuracy of chance, .0784: one of the first evaluations is at .08 or above."""
    rng = np.random.default_rng(0)
    curves = [rng.binomial(300, 0.0784, 151) / 300 for _ in range(50)]
    crossing, *_ = first_crossings(curves, np.full(50, 0.08), np.zeros(50, bool), rising=True)
    assert (crossing >= 0).all()
    assert np.median(crossing) < 5
