"""`memory-demand`: planted memories, the paper's tasks at a small budget, invariances, statuses."""

import json
import sys

import numpy as np
import pytest
import torch

from rnnkit.errors import InputError
from rnnkit.stages import memory_demand
from rnnkit.stages.predictors import Predictor
from rnnkit.tasks import TASKS, task_names

#: The module; its name is its function's too.
STAGE = sys.modules["rnnkit.stages.memory_demand"]
SMALL = {"hidden": 32, "steps": 400, "batch": 128, "lr": 0.03}


@pytest.fixture(autouse=True)
def planted(monkeypatch):
    monkeypatch.setitem(TASKS, "planted", "tests.stages.planted_history:Planted")


def scan(task="planted", histories=range(1, 6), trials=240, seeds=(0, 1), predictor=None, **more):
    parameters = {key: more.pop(key) for key in list(more) if key not in ("seed", "tolerance", "floor", "progress")}
    predictor = Predictor(**{**SMALL, **(predictor or {})})
    return memory_demand(
        task,
        parameters,
        histories=list(histories),
        trials=trials,
        seeds=seeds,
        predictor=predictor,
        bootstrap=200,
        **more,
    )


def demand(table):
    assert set(table["status"].to_pylist()) <= {"ok", "budget"}
    (found,) = set(zip(*(table[name].to_pylist() for name in ("h_star_low", "h_star", "h_star_high")), strict=True))
    return found


@pytest.mark.parametrize("back", [0, 1, 3])
def test_a_linear_function_of_one_earlier_input(back):
    table = scan(back=back)
    assert demand(table) == (back + 1,) * 3
    relative = np.array(table["mse_relative"].to_pylist())
    assert (relative[:back] > 0.8).all()
    assert (relative[back:] < 0.02).all()


def test_without_the_present_input_the_same_memory_is_one_shorter():
    assert demand(scan(back=2, predictor={"inputs_until": "t-1"})) == (2, 2, 2)


def test_a_boolean_function_of_the_present_and_an_earlier_input():
    table = scan(back=2, rule="parity", predictor={"steps": 800})
    assert demand(table) == (3, 3, 3)
    # Neither input alone says anything of their product.
    assert min(table["mse_relative"].to_pylist()[:2]) > 0.95


def test_only_steps_that_count_are_asked_for():
    table = scan(back=2, rule="masked", predictor={"outputs": "none"})
    assert demand(table) == (3, 3, 3)
    assert table["mse_relative"].to_pylist()[-1] < 0.05


def test_noise_is_unpredictable():
    table = scan(rule="noise")
    assert set(table["status"].to_pylist()) == {"unpredictable"}
    assert set(table["h_star"].to_pylist()) == {1}
    assert set(table["h_star_low"].to_pylist()) == {None}
    assert min(table["mse_relative"].to_pylist()) > 0.9


def test_a_scan_that_ends_too_early_says_so():
    table = scan(back=3, histories=[1, 2, 3, 4])
    assert set(table["status"].to_pylist()) == {"no_plateau"}
    assert table["h_star"].null_count == 4
    assert table["mse"].null_count == 0


def test_what_diverges_has_no_number():
    table = scan(predictor={"lr": 1e30})
    assert set(table["status"].to_pylist()) == {"not_finite"}
    for name in ("mse", "ci_low", "ci_high", "mse_relative", "seed_sd", "h_star", "h_star_share"):
        assert table[name].null_count == 5


def test_one_that_diverges_leaves_the_curve_incomplete(monkeypatch):
    whole = STAGE.held_out_errors

    def broken(*arguments):
        errors = whole(*arguments)
        errors[3, 1] = np.inf
        return errors

    monkeypatch.setattr(STAGE, "held_out_errors", broken)
    table = scan()
    assert table["status"].to_pylist() == ["incomplete"] * 3 + ["not_finite", "incomplete"]
    assert table["mse"].null_count == 1
    assert table["h_star"].null_count == 5


def test_a_longer_history_that_is_worse_is_not_trained_to_the_end():
    table = scan(back=0, histories=[1, 19], predictor={"steps": 60})
    assert table["status"].to_pylist() == ["ok", "budget"]
    assert demand(table)[1] == 1


@pytest.mark.parametrize(
    ("task", "more", "expected"),
    [
        ("flipflop", {"bits": 2, "steps": 30}, 1),
        ("sine", {"steps": 50}, 2),
        ("path-integration", {"steps": 40}, 1),
    ],
)
def test_the_papers_tasks(task, more, expected):
    assert demand(scan(task, histories=range(1, 5), trials=400, **more)) == (expected,) * 3


@pytest.mark.parametrize("task", task_names())
def test_every_task(task):
    table = scan(task, histories=[1, 3], trials=16, predictor={"steps": 2, "hidden": 3, "batch": 4})
    assert table["mse"].null_count == 0
    assert table["task"].to_pylist() == [task] * 2
    # Hardly trained: no better than the mean, and not far worse.
    assert 0.3 < min(table["mse_relative"].to_pylist()) < 3


def test_the_delay_decides_the_memory_of_delayed_discrimination():
    found = [
        demand(
            scan(
                "delayed-discrimination",
                histories=range(delay + 1, delay + 15, 1),
                trials=1200,
                predictor={"hidden": 64, "steps": 700, "batch": 256},
                delay_min=delay - 1,
                delay_max=delay,
                steps=delay + 18,
                loss="response",
            )
        )[1]
        for delay in (1, 4)
    ]
    # The last step of the first pulse lies delay + 6 steps before the response.
    assert abs(found[1] - found[0] - 3) <= 1
    assert 6 <= found[0] <= 9


def test_powers_of_two_in_the_units_change_nothing_but_the_units():
    plain, large = scan(), scan(scale=4.0)
    same = ["history", "mse_relative", "h_star", "h_star_share", "status"]
    assert plain.select(same).equals(large.select(same))
    np.testing.assert_allclose(np.array(large["mse"]), 16 * np.array(plain["mse"]), rtol=1e-12)


def test_the_same_whatever_the_threads_and_the_company(monkeypatch):
    before = torch.get_num_threads()
    together = np.array(scan()["mse_relative"])
    # One history at a time, so that threads have something to share.
    monkeypatch.setattr("rnnkit.stages.predictors._ACTIVE", 1)
    try:
        torch.set_num_threads(1)
        one = scan()
        torch.set_num_threads(3)
        assert scan().equals(one)
    finally:
        torch.set_num_threads(before)
    # Sums are taken in another order; the networks are the same.
    np.testing.assert_allclose(together, np.array(one["mse_relative"]), rtol=0.02)


def test_columns():
    table = scan(back=1, trials=80, seeds=(3, 5, 8), tolerance=0.2)
    row = table.to_pylist()[2]
    assert (row["task"], row["history"], row["seeds"], row["trials"]) == ("planted", 3, 3, 20)
    assert json.loads(row["task_parameters"])["back"] == 1
    assert row["ci_low"] <= row["mse"] <= row["ci_high"]
    assert row["seed_sd"] > 0
    assert sum(table["h_star_share"].to_pylist()) == pytest.approx(1)


def test_progress_counts_every_step_of_every_network():
    seen = []
    scan(predictor={"steps": 7}, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (35, 35)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_histories_by_default_end_with_the_trial():
    table = memory_demand("planted", {"steps": 6}, trials=40, predictor=Predictor(steps=2, hidden=4), bootstrap=2)
    assert table["history"].to_pylist() == [1, 2, 3, 4, 5, 6]
    table = memory_demand("planted", {"steps": 60}, trials=40, predictor=Predictor(steps=2, hidden=4), bootstrap=2)
    assert table["history"].to_pylist() == list(range(1, 41))


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"histories": [3]}, "--history"),
        ({"histories": [0, 3]}, "--history"),
        ({"histories": [2, 2]}, "--history"),
        ({"histories": [1, 21]}, "--history"),
        ({"trials": 7}, "--trials"),
        ({"seeds": [0]}, "--seeds"),
        ({"tolerance": 1.0}, "--tolerance"),
        ({"floor": float("nan")}, "--floor"),
        ({"predictor": {"hidden": 0}}, "--hidden"),
        ({"predictor": {"lr": float("inf")}}, "--lr"),
        ({"rule": "constant"}, "targets"),
    ],
)
def test_refusals(more, where):
    with pytest.raises(InputError) as refused:
        scan(**more)
    assert refused.value.where == where
