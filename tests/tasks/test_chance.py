"""Chance against loops, and against all other constant answers."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.random_streams import stream
from rnnkit.tasks import make_task, task_names
from rnnkit.tasks.base import Trials
from rnnkit.tasks.chance import chance, validation_chance


def slowly(task, trials, main):
    """By loops: the best constant of each step and output, and its weighted loss."""
    outputs = task.main_outputs if main else task.outputs
    found = []
    for network in range(len(trials.targets)):
        lost = weight = 0.0
        for step in range(trials.targets.shape[2]):
            m = np.ones(trials.targets.shape[1]) if trials.mask is None else trials.mask[network, :, step].astype(float)
            for k in range(outputs):
                y = trials.targets[network, :, step, k].astype(float)
                best = (m * y).sum() / m.sum() if m.sum() else 0.0
                lost += (m * (y - best) ** 2).sum()
                weight += m.sum()
        found.append(lost / weight)
    return found


@pytest.mark.parametrize("name", task_names())
def test_chance_of_every_task(name):
    task = make_task(name)
    trials = task.sample([stream(seed, "validation") for seed in (0, 1)], 30)
    np.testing.assert_allclose(chance(task, trials).loss, slowly(task, trials, True), rtol=1e-9, atol=1e-15)


def test_auxiliary_outputs_count_where_they_do_in_training():
    task = make_task("delayed-discrimination", {"auxiliary": True})
    trials = task.sample([stream(0, "validation")], 30)
    main, both = chance(task, trials).loss, chance(task, trials, main=False).loss
    np.testing.assert_allclose([main, both], [slowly(task, trials, True), slowly(task, trials, False)])
    assert main != both


def test_no_other_constant_is_better():
    task = make_task("flipflop", {"steps": 6, "bits": 1})
    trials = task.sample([stream(0, "validation")], 50)
    rng, best = np.random.default_rng(0), chance(task, trials).loss[0]
    mean = trials.targets[0].mean(axis=0)
    for size in (1e-3, 0.1, 1):
        other = mean + size * rng.standard_normal(mean.shape)
        assert ((trials.targets[0] - other) ** 2).mean() > best


@pytest.mark.parametrize("trials", [7, 30])
def test_targets_that_do_not_vary_have_a_chance_of_0(trials):
    task = make_task("damped-filter")
    assert chance(task, task.sample([stream(0, "validation")], trials)).loss[0] == 0


def test_where_no_step_counts_there_is_no_chance():
    task = make_task("copy", {"symbols": 2, "channels": 1, "lags": 2})
    trials = task.sample([stream(0, "validation")], 4)
    empty = Trials(trials.inputs, trials.targets, np.zeros_like(trials.mask))
    assert np.isnan(chance(task, empty).loss[0])


def test_a_network_has_that_of_its_own_validation_set():
    task = make_task("delayed-addition", {"steps": 10})
    alone, company = validation_chance(task, [3], 40), validation_chance(task, [1, 3], 40)
    assert alone[0] == company[1] != company[0]
    assert validation_chance(make_task("sine"), [0], 8)[0]["chance_accuracy"] is None
