"""`--solver`: distances at the places where other packages' solvers end, and everything else as usual."""

import sys
import warnings
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.errors import InputError
from rnnkit.metrics import METRICS, SOLVERS, MetricOptions, check_solver, dsa, get_metric, pif
from rnnkit.metrics.weights import UnitWeights
from rnnkit.numerics.reference_solvers import PACKAGES
from rnnkit.stages import compare, sensitivity
from rnnkit.stages.compare import Scale
from rnnkit.stages.kept import Earlier, Kept
from tests.metrics.test_values import network, operators

NETS = [network(f"n{k}", k, units=9) for k in range(3)]
CHOICE = {"components": 3, "delay": 2, "starts": 3}


def needs(package):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(PACKAGES[package], exc_type=ImportError)


@pytest.fixture
def quick(monkeypatch):
    """Fewer iterations than the package's."""
    needs("dsa-metric")
    full = dsa.dsa_metric_rotations
    monkeypatch.setattr(dsa, "dsa_metric_rotations", lambda a, b, **rest: full(a, b, iterations=30, **rest))


def table(solver, metrics, nets=NETS, **rest):
    scale = rest.pop("scale", None)
    kept = rest.pop("kept", None)
    options = MetricOptions(solver=solver, **{**CHOICE, **rest})
    found = pa.concat_tables(compare(nets, metrics, trials=8, options=options, scale=scale, kept=kept))
    return found.drop_columns(["seconds"]).to_pylist()


def same(rows, others, but=()):
    return all(a[k] == b[k] for a, b in zip(rows, others, strict=True) for k in a if k not in but)


def test_dsa_is_evaluated_where_dsa_metric_ends(quick):
    metrics = ["dsa", "dsa-angular", "dsa-wasserstein", "input-dsa", "pif"]
    ours, theirs = table("rnnkit", metrics), table("dsa-metric", metrics)
    touched = [row["metric"] in ("dsa", "dsa-angular") for row in ours]
    assert sum(touched) == 6
    for row, other, by_them in zip(ours, theirs, touched, strict=True):
        if not by_them:
            assert row == other
            continue
        assert (other["status"], other["starts"], other["starts_at_best"]) == ("reference", 2, None)
        assert other["lower_bound"] == row["lower_bound"] <= row["distance"] * (1 + 1e-9)
        assert other["distance"] > row["distance"]
    for row, angle in zip(theirs[:3], theirs[3:6], strict=True):
        assert angle["distance"] == pytest.approx(2 * np.arcsin(row["relative_distance"] / 2))


def test_a_long_descent_is_not_below_ours(monkeypatch):
    needs("dsa-metric")
    long = partial(dsa.dsa_metric_rotations, iterations=300)
    monkeypatch.setattr(dsa, "dsa_metric_rotations", long)
    held = np.random.default_rng(0).normal(size=(2, 4, 4))
    metric = get_metric("dsa")
    ours, theirs = (
        metric.distances(operators(*held), [(0, 1)], MetricOptions(solver=solver))[0]
        for solver in ("rnnkit", "dsa-metric")
    )
    assert ours.lower_bound <= ours.distance <= theirs.distance * (1 + 1e-7)
    assert theirs.distance < np.linalg.norm(held[0] - held[1])
    a, b = held
    rotation = long(a[None], b[None], seed=0)[0]
    assert theirs.distance == pytest.approx(np.linalg.norm(a - rotation @ b @ rotation.T), rel=1e-12)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    assert theirs.relative == pytest.approx(np.linalg.norm(a - rotation @ b @ rotation.T), rel=1e-12)


def test_pairs_that_dsa_metric_has_no_answer_for(quick, monkeypatch):
    a = np.random.default_rng(0).normal(size=(3, 3, 3))
    b = a[::-1].copy()
    b[0] = 0
    a[1, 0, 0] = np.nan
    zero, broken, plain = get_metric("dsa").between(a, b, MetricOptions(solver="dsa-metric"))
    assert (zero.status, zero.distance) == ("reference", pytest.approx(np.linalg.norm(a[0])))
    assert (broken.status, plain.status) == ("invalid", "reference")
    monkeypatch.setattr(dsa, "dsa_metric_rotations", lambda a, b, **_: np.full(a.shape, np.nan))
    (gone,) = get_metric("dsa").between(a[2:], b[2:], MetricOptions(solver="dsa-metric"))
    assert gone.status == "no_reference"
    assert np.isnan(gone.distance)


def test_pif_is_evaluated_where_nmf_ends(quick):
    needs("qc-procrustes")
    metrics = ["pif", "pif-initial", "frobenius", "dsa"]
    ours, theirs = table("rnnkit", metrics), table("qc-procrustes", metrics)
    assert same(ours[6:], theirs[6:])
    for row, other in zip(ours[:6], theirs[:6], strict=True):
        assert (other["status"], other["starts"], other["starts_at_best"]) == ("reference", 1, None)
        assert other["lower_bound"] == row["lower_bound"] <= row["distance"] < other["distance"]
        assert other["per_parameter"] == pytest.approx(other["distance"] / 81)
    for row, unmatched in zip(theirs[:3], ours[6:9], strict=True):
        assert row["distance"] == pytest.approx(unmatched["distance"], rel=1e-12)
        assert row["relative_distance"] == pytest.approx(unmatched["relative_distance"], rel=1e-12)


def test_pif_at_a_permutation(monkeypatch):
    order = np.array([2, 0, 1, 4, 3])
    a, b = (np.random.default_rng(k).normal(size=(1, 1, 5, 5)) for k in range(2))
    monkeypatch.setattr(pif, "qc_procrustes_permutations", lambda *_: order[None])
    weights = [UnitWeights(x, np.empty((1, 5, 0))) for x in (a, b)]
    (found,) = get_metric("pif").measure(*weights, MetricOptions(solver="qc-procrustes"))
    assert found.distance == pytest.approx(np.linalg.norm(a[0, 0] - b[0, 0][order][:, order]))
    monkeypatch.setattr(pif, "qc_procrustes_permutations", lambda *_: np.full((1, 5), -1))
    (found,) = get_metric("pif").measure(*weights, MetricOptions(solver="qc-procrustes"))
    assert found.status == "no_reference"
    assert np.isnan(found.distance)


def test_gates_are_more_than_qc_procrustes_can_match():
    needs("qc-procrustes")
    gated = [network(f"g{k}", k, family="gru") for k in range(2)]
    (row,) = table("qc-procrustes", ["pif"], gated)
    assert (row["status"], row["distance"], row["size_a"]) == ("no_reference", None, 5)


@pytest.mark.slow
def test_who_does_the_work_changes_nothing():
    needs("dsa-metric")
    nets = [network(f"m{k}", k, units=2) for k in range(2)]
    small = {"components": 1, "delay": 2}
    plain = table("dsa-metric", ["dsa"], nets, **small)
    assert same(plain, table("dsa-metric", ["dsa"], nets, **small, scale=Scale(workers=2)))


def test_threads_change_nothing(quick):
    plain = table("dsa-metric", ["dsa", "dsa-angular"])
    assert same(plain, table("dsa-metric", ["dsa", "dsa-angular"], threads=3))
    assert not same(plain, table("dsa-metric", ["dsa", "dsa-angular"], seed=1))


def test_rows_of_another_solver_are_not_taken_over(quick):
    kept = Kept()
    options = MetricOptions(**CHOICE)
    old = pa.concat_tables(compare(NETS[:2], ["dsa", "svcca"], trials=8, options=options, kept=kept))
    (seconds,) = (i for i, name in enumerate(old.column_names) if name == "seconds")
    old = old.set_column(seconds, "seconds", pa.array([77.0, 77.0]))
    for note in (kept.note, {**kept.note, "metrics": {k: dict(v) for k, v in kept.note["metrics"].items()}}):
        if note is not kept.note:
            for identity in note["metrics"].values():
                del identity["solver"]  # a table from before there was a choice
        with pytest.raises(InputError, match=r"its dsa is of solver rnnkit, this one of solver dsa-metric .*--solver"):
            table("dsa-metric", ["dsa"], kept=Kept(earlier=Earlier(old, note, "old")))
        again = Kept(earlier=Earlier(old, note, "old"))
        options = MetricOptions(**CHOICE, solver="dsa-metric")
        rows = pa.concat_tables(compare(NETS, ["svcca", "dsa-angular"], trials=8, options=options, kept=again))
        assert rows["seconds"].to_pylist().count(77.0) == 1  # svcca has no solver to differ in


def test_reductions_are_the_same_for_all_solvers(quick, tmp_path):
    scale = Scale(cache=tmp_path)
    table("rnnkit", ["dsa"], scale=scale)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    table("dsa-metric", ["dsa"], scale=scale)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_sensitivity_is_by_the_same_solver(quick):
    needs("qc-procrustes")

    def grid(solver):
        options = MetricOptions(solver=solver, **CHOICE)
        return sensitivity(NETS, 3, 2, grid_components=[2], grid_delays=[1], options=options, trials=8).to_pylist()

    assert grid("qc-procrustes") == grid("rnnkit")
    assert grid("dsa-metric") != grid("rnnkit")


def test_what_is_refused(monkeypatch):
    def check(solver, *metrics, **rest):
        check_solver(MetricOptions(solver=solver, **rest), [get_metric(name) for name in metrics])

    with pytest.raises(InputError, match="did you mean 'dsa-metric'"):
        check("dsa-metrics", "dsa")
    with pytest.raises(InputError, match=r"dsa-metric has no part in pif, svcca \(it is for dsa, dsa-angular\)"):
        check("dsa-metric", "pif", "svcca")
    with pytest.raises(InputError, match=r"qc-procrustes has no part in dsa \(it is for pif, pif-initial\)"):
        check("qc-procrustes", "dsa")
    with pytest.raises(InputError, match="--match: io is more than qc-procrustes can match"):
        check("qc-procrustes", "pif", match="io")
    monkeypatch.setitem(sys.modules, PACKAGES["dsa-metric"], None)
    with pytest.raises(InputError, match=r"pip install 'rnnkit\[reference\]'"):
        table("dsa-metric", ["dsa"])


def test_solvers_of_metrics_are_solvers():
    assert {solver for name in METRICS for solver in get_metric(name).solvers} == set(SOLVERS) - {"rnnkit"}
