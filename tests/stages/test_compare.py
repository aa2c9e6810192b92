"""`compare`: which pairs, on which activity, with what said of those that have no distance."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.metrics import MetricOptions
from rnnkit.stages import TaskChoice, compare, rollout
from tests.oracles.canonical_correlation import svcca_distance

TASK = {"bits": 2, "steps": 8}


def network(name, draw=0, units=5, family="vanilla", **rest) -> Checkpoint:
    rate = {"rate": 0.4} if family == "current" else {}
    shape = Architecture(family=family, units=units, inputs=2, outputs=2, gamma=rest.pop("gamma", 1.0), **rate)
    rng = np.random.default_rng(draw)
    held = [{k: rng.normal(size=s).astype(np.float32) for k, s in shape.shapes().items()} for _ in range(2)]
    return Checkpoint(name, shape, *held, **{"task": "flipflop", "task_parameters": TASK, **rest})


def rows(networks, metrics=("svcca",), *args, **options):
    return pa.concat_tables(compare(networks, metrics, *args, **options)).to_pylist()


#: Few starts at one delay: the solver has tests of its own.
QUICK = MetricOptions(delay=1, starts=2)

NETS = [network(name, seed) for seed, name in enumerate("abcd")]


def hidden(net, trials=6, seed=0):
    (table,) = rollout([net], trials=trials, seed=seed)
    return np.array(table["hidden"].to_pylist())


def test_each_unordered_pair_once_in_the_order_given():
    found = rows([NETS[2], NETS[0], NETS[1]], ("svcca", "dsa"), trials=6, options=QUICK)
    pairs = [(row["metric"], row["a"], row["b"]) for row in found]
    assert pairs == [(m, *p) for m in ("svcca", "dsa") for p in itertools.combinations("cab", 2)]


def test_values_are_the_oracles():
    for row in rows(NETS, trials=6, seed=4):
        x, y = (hidden(NETS["abcd".index(row[side])], seed=4) for side in "ab")
        distance, size_a, size_b = svcca_distance(x.astype(float), y.astype(float), 0.99)
        assert row["distance"] == pytest.approx(distance, abs=1e-4)
        assert (row["size_a"], row["size_b"]) == (size_a, size_b)
        assert (row["status"], row["level"]) == ("exact", "representation")
        assert row["lower_bound"] is row["relative_distance"] is row["starts"] is None


def test_a_pairs_distance_does_not_depend_on_its_company():
    alone = rows(NETS[:2], ("svcca", "dsa"), trials=6, options=QUICK)
    company = rows(NETS[:3], ("svcca", "dsa"), trials=6, options=QUICK)
    for row in alone:
        (other,) = [r for r in company if (r["a"], r["b"], r["metric"]) == (row["a"], row["b"], row["metric"])]
        assert row["distance"] == pytest.approx(other["distance"], rel=1e-6, abs=1e-9)


def test_rates_are_what_the_readout_sees():
    nets = [network("a", 0, family="current"), network("b", 1, family="current")]
    (row,) = rows(nets, trials=6, rates=True)
    expected, *_ = svcca_distance(*(np.tanh(hidden(net).astype(float)) for net in nets), 0.99)
    assert row["distance"] == pytest.approx(expected, abs=1e-4)
    (states,) = rows(nets, trials=6)
    assert states["distance"] != pytest.approx(expected, abs=1e-6)


def test_given_inputs_and_another_task():
    inputs = np.random.default_rng(0).normal(size=(5, 8, 2)).astype(np.float32)
    (row,) = rows(NETS[:2], inputs=inputs)
    parts = [np.array(next(rollout([net], inputs=inputs))["hidden"].to_pylist(), float) for net in NETS[:2]]
    assert row["distance"] == pytest.approx(svcca_distance(*parts, 0.99)[0], abs=1e-4)
    changed = rows(NETS[:2], ("svcca",), TaskChoice(None, {"probability": 1.0}), trials=6)
    assert changed[0]["distance"] != rows(NETS[:2], trials=6)[0]["distance"]


def test_within_groups():
    nets = [network(f"{g}{s}", s, gamma=g) for g in (1.0, 2.0) for s in range(3)]
    found = rows(nets, trials=4, within=["gamma"])
    assert len(found) == 6
    assert all(row["a"][:3] == row["b"][:3] == row["gamma"] for row in found)
    assert len(rows(nets, trials=4)) == 15
    with pytest.raises(InputError, match=r"6 networks in 6 groups \(give at least two networks that agree"):
        rows([network(str(s), s, seed=s) for s in range(6)], within=["seed"])
    with pytest.raises(InputError, match="'level': is a column of every comparisons table already"):
        rows(nets, within=["level"])


def test_groups_may_have_tasks_of_their_own():
    short, long = {**TASK, "steps": 6}, {**TASK, "steps": 12}
    nets = [network(f"n{k}", k, task_parameters=p) for k, p in enumerate((short, short, long, long))]
    assert len(rows(nets, trials=4, within=["steps"])) == 2
    with pytest.raises(InputError, match="n0, n2: have different tasks or task parameters"):
        rows(nets, trials=4)
    # What one metric refuses leaves no rows of another.
    parts = compare(nets, ("svcca", "dsa"), trials=4, within=["steps"])
    with pytest.raises(InputError, match="no common delay can be chosen"):
        next(parts)


def test_a_bad_network_has_rows_without_numbers():
    bad = network("bad", 7)
    bad.weights["recurrent.weight"][0, 0] = np.nan
    found = rows([*NETS[:2], bad], trials=4)
    assert [(row["a"], row["b"]) for row in found if row["status"] == "exact"] == [("a", "b")]
    for row in found:
        if "bad" in (row["a"], row["b"]):
            assert row["status"] == "not_finite:recurrent.weight"
            assert row["distance"] is row["lower_bound"] is row["size_a"] is None
    one_sound = rows([bad, NETS[0]], trials=4)
    assert [row["status"] for row in one_sound] == ["not_finite:recurrent.weight"]
    with pytest.raises(InputError, match=r"bad: tensor 'recurrent\.weight' holds NaN"):
        rows([bad, bad], trials=4)


def test_a_network_that_blows_up_has_rows_without_numbers():
    shape = Architecture(family="vanilla", units=5, inputs=2, outputs=2, nonlinearity="identity")
    wild = {key: np.full(size, 1e200) for key, size in shape.shapes().items()}
    found = rows([*NETS[:2], Checkpoint("wild", shape, wild, task="flipflop", task_parameters=TASK)], trials=4)
    assert {(row["a"], row["b"]): row["status"] for row in found} == {
        ("a", "b"): "exact",
        ("a", "wild"): "diverged",
        ("b", "wild"): "diverged",
    }


def test_a_network_that_stands_still_has_no_distance():
    still = network("still")
    for value in still.weights.values():
        value.fill(0)
    found = {row["metric"]: row for row in rows([NETS[0], still], ("svcca", "dsa"), trials=6, options=QUICK)}
    assert all(row["distance"] is None and row["status"] == "no_variance" for row in found.values())


def test_relative_distances():
    for row in rows(NETS[:3], ("dsa",), trials=10, options=QUICK):
        assert 0 <= row["relative_distance"] <= 1 + 1e-12
        assert row["lower_bound"] <= row["distance"] + 1e-12
        assert row["starts"] >= row["starts_at_best"] >= 1
    assert {row["relative_distance"] for row in rows(NETS[:2], trials=4)} == {None}


def test_weights_and_weights_before_training():
    nets = [network("a", 0, units=4), network("b", 1, units=4)]
    found = {row["metric"]: row for row in rows(nets, ("pif", "pif-initial"))}
    for name, held in (("pif", "weights"), ("pif-initial", "initial")):
        a, b = (getattr(net, held)["recurrent.weight"].astype(float) for net in nets)
        every = (np.array(p) for p in itertools.permutations(range(4)))
        least = min(np.linalg.norm(a - b[p][:, p]) for p in every)
        row = found[name]
        assert row["distance"] == pytest.approx(least, rel=1e-9)
        assert row["relative_distance"] == pytest.approx(least / np.sqrt((a**2).sum() + (b**2).sum()), rel=1e-9)
        assert row["per_parameter"] == pytest.approx(least / 16, rel=1e-9)
        assert (row["level"], row["size_a"], row["size_b"]) == ("weights", 4, 4)


def test_weights_that_cannot_be_compared():
    bare = Checkpoint("bare", NETS[0].architecture, NETS[0].weights)
    statuses = {row["status"] for row in rows([NETS[1], bare], ("pif-initial",))}
    assert statuses == {"no_initial_weights"}
    (row,) = rows([NETS[0], network("wide", units=6)], ("pif",))
    assert (row["status"], row["distance"], row["size_a"], row["size_b"]) == ("different_units", None, 5, 6)
    # No activity is needed, so no task either.
    assert rows([bare, NETS[1]], ("pif",))[0]["distance"] > 0


def test_initial_weights_that_are_no_numbers():
    bad = network("bad", 3)
    bad.initial["recurrent.weight"][0, 0] = np.inf
    found = {(row["a"], row["b"]): row for row in rows([*NETS[:2], bad], ("pif-initial",))}
    assert found["a", "b"]["distance"] > 0
    assert found["a", "bad"]["distance"] is None
    assert found["a", "bad"]["status"] not in ("optimal", "converged", "budget")


def test_converged_says_whether_both_did():
    nets = [network(s, k, status=s) for k, s in enumerate(("converged", "imported", "budget", "diverged"))]
    found = {(row["a"], row["b"]): row["converged"] for row in rows(nets, trials=4)}
    assert [pair for pair, converged in found.items() if converged] == [("converged", "imported")]


def test_progress_and_report():
    seen, chosen = [], {}
    parts = compare(
        NETS[:3],
        ("dsa", "svcca"),
        trials=8,
        options=MetricOptions(max_delay=2, starts=1),
        progress=lambda done, total: seen.append((done, total)),
        report=lambda name, found: chosen.update({name: found}),
    )
    first = next(parts)
    assert chosen["dsa"]["delays"] >= 1
    assert chosen["dsa"]["delay_choice"] == "heldout"
    list(parts)
    assert first.num_rows == 3
    assert seen == [(3, 6), (6, 6)]


def test_too_few_networks():
    for nets in ([], NETS[:1]):
        with pytest.raises(InputError, match="give at least two networks"):
            rows(nets)
    with pytest.raises(InputError, match="did you mean 'svcca'"):
        rows(NETS, ("svca",))
