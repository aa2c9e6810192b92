"""Fixed points along training: snapshots are searched as the networks they hold, by both methods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, save_history
from rnnkit.errors import InputError
from rnnkit.history import History, open_history
from rnnkit.numerics.fixed_point_search import Descent
from rnnkit.stages import fixedpoints
from rnnkit.stages.fixed_point_searches import Searches

from .planted import relabelled
from .test_relabelled import network

TRAINED = Path(__file__).parents[2] / "fixtures" / "plrnn_delayed_addition.npz"
STEPS = np.array([0, 10, 20, 30, 40])
SHORT = Descent(0.1, 60)


def standing(seed: int = 0, units: int = 9) -> Checkpoint:
    """A piecewise-linear network with a fixed point planted at zero input, and no task."""
    rng, net = np.random.default_rng(seed), network("plrnn", units, seed)
    weights = dict(net.weights)
    weights["recurrent.diagonal"] = rng.uniform(0.1, 0.8, units).astype(np.float32)
    weights["recurrent.weight"] = (rng.normal(size=(units, units)) / units).astype(np.float32)
    point = rng.normal(size=units)
    gap = point - weights["recurrent.diagonal"] * point - weights["recurrent.weight"] @ np.maximum(point, 0)
    return replace(net, weights=weights | {"recurrent.bias": gap.astype(np.float32)}, initial={})


def course(folder: Path, last: Checkpoint, bad: int | None = None) -> tuple[History, list[Checkpoint]]:
    """A history that leads from small recurrent weights to the network, and the network of every snapshot."""
    scale = np.linspace(0.2, 1.0, len(STEPS), dtype=np.float32)
    held = {
        name: value * (scale if name.startswith("recurrent") else np.ones_like(scale)).reshape(-1, *[1] * value.ndim)
        for name, value in last.weights.items()
    }
    if bad is not None:
        held["recurrent.weight"][bad, 0, 0] = np.nan
    file = folder / f"{last.name}.history.safetensors"
    save_history(file, STEPS, held, last.name)
    nets = [replace(last, weights={name: value[k] for name, value in held.items()}) for k in range(len(STEPS))]
    return open_history(file), nets


def run(networks: list[Checkpoint], **options: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts = list(fixedpoints(networks, starts=12, descent=SHORT, **options))
    points, covered = (pa.concat_tables(held).to_pandas() for held in zip(*parts, strict=True))
    return points, covered


@pytest.mark.parametrize("family", ["vanilla", "plrnn"])
def test_a_history_is_the_networks_it_holds(tmp_path: Path, family: str) -> None:
    last = standing() if family == "plrnn" else network(family)
    history, nets = course(tmp_path, last)
    along = run([last], histories=[history], method="both", slow=True)
    for table, whole in zip(range(2), along, strict=True):
        assert sorted(set(whole["step"])) == STEPS.tolist()
        for step, net in zip(STEPS, nets, strict=True):
            own = run([net], method="both", slow=True)[table]
            assert "step" not in own
            part = whole[whole["step"] == step].drop(columns="step").reset_index(drop=True)
            pd.testing.assert_frame_equal(part, own[part.columns], check_exact=False, rtol=1e-6, atol=1e-9)


def test_every_takes_the_first_and_the_last(tmp_path: Path) -> None:
    history, _ = course(tmp_path, standing())
    points, covered = run([standing()], histories=[history], every=3)
    assert sorted(set(points["step"])) == sorted(set(covered["step"])) == [0, 30, 40]
    whole, _ = run([standing()], histories=[history])
    picked = whole[whole["step"].isin([0, 30, 40])].reset_index(drop=True)
    pd.testing.assert_frame_equal(points, picked, check_exact=False, rtol=1e-6, atol=1e-9)


def test_a_relabelled_history_has_the_same_points(tmp_path: Path) -> None:
    last, order = standing(), np.random.default_rng(1).permutation(9)
    first, second = (
        run([net], histories=[course(tmp_path / name, net)[0]], method="both", slow=True)[0]
        for name, net in (("a", last), ("b", relabelled(last, order)))
        if not (tmp_path / name).mkdir()
    )
    exact = ["step", "method", "kind", "status", "certified", "unstable_dims", "converged", "starts_share"]
    for name in exact:
        assert first[name].astype(object).fillna(0).tolist() == second[name].astype(object).fillna(0).tolist(), name
    for a, b in zip(first["state"], second["state"], strict=True):
        np.testing.assert_allclose(b, np.asarray(a)[order], rtol=0, atol=1e-6)


def test_how_many_snapshots_wait_together_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no more of them are held than are worked on: memory does not grow with the length of a history."""
    sizes: list[int] = []
    whole = Searches.run

    def counted(self: Searches, members: list, task: object, told: object) -> Iterator[tuple[pa.Table, pa.Table]]:
        sizes.append(len(members))
        return whole(self, members, task, told)

    monkeypatch.setattr(Searches, "run", counted)
    history, _ = course(tmp_path, standing())
    together, _ = run([standing()], histories=[history])
    assert sizes == [5]
    monkeypatch.setitem(fixedpoints.__globals__, "_SNAPSHOT_ELEMENTS", 2 * 12 * 9)
    apart, _ = run([standing()], histories=[history])
    assert sizes[1:] == [2, 2, 1]
    pd.testing.assert_frame_equal(together, apart, check_exact=False, rtol=1e-6, atol=1e-9)


def test_a_snapshot_that_is_no_numbers_is_flagged_and_stops_nothing(tmp_path: Path) -> None:
    last = standing()
    history, _ = course(tmp_path, last, bad=2)
    points, covered = run([last], histories=[history], method="both")
    assert points["step"].is_monotonic_increasing
    here = points[points["step"] == 20]
    assert here["status"].tolist() == ["not_finite:recurrent.weight"] * 2
    assert here["method"].tolist() == ["lm", "descent"]
    assert here["kind"].isna().all()
    assert (points.loc[points["step"] != 20, "kind"] == "fixed").any()
    assert (covered.loc[covered["step"] == 20, "starts"] == 0).all()


def test_both_is_one_method_after_the_other() -> None:
    net = standing()
    both, covered = run([net], method="both", slow=True)
    assert both["point"].tolist() == list(range(len(both)))
    for method in ("lm", "descent"):
        alone, also = run([net], method=method, slow=method == "lm")
        for whole, own in ((both, alone), (covered, also)):
            part = whole[whole["method"] == method].reset_index(drop=True)
            shared = [name for name in own.columns if name not in ("point", "method")]
            pd.testing.assert_frame_equal(part[shared], own[shared], check_dtype=False)
        assert ("method" in alone) == (method == "descent")
    old, _ = run([net], method="newton")
    assert "converged" not in old
    assert old["certified"].any()


def test_what_the_solver_says_of_the_starts_of_descent() -> None:
    """One planted point: the solver reaches it from every start, sixty steps of descent from none."""
    net = standing()
    points, covered = run([net], method="descent")
    assert set(points["kind"]) == {"moving"}
    assert (points["converged"] == 1).all()
    assert (points["solver_speed"] < 1e-24).all()
    assert (points["speed"] > 1e-24).all()
    assert (points["gradient"] > 0).all()
    kinds = covered.set_index("starts_from")
    assert kinds["arrived"].to_dict() == {"all": 0, "states": 0, "solver": 12}
    assert kinds.loc["solver", "points"] == 1
    arrived, _ = run_long(net)
    assert arrived["kind"].tolist() == ["fixed"]
    assert arrived["certified"].all()


def run_long(net: Checkpoint) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts = list(fixedpoints([net], starts=3, descent=Descent(0.2, 4000), method="descent"))
    return parts[0][0].to_pandas(), parts[0][1].to_pandas()


def test_descents_that_leave_the_numbers_have_a_row() -> None:
    (part,) = fixedpoints([standing()], starts=5, descent=Descent(60.0, 400), method="descent")
    (row,) = part[0].to_pylist()
    assert (row["status"], row["kind"], row["starts_share"], row["state"]) == ("diverged", "moving", 1.0, None)
    assert row["speed"] is None
    assert row["converged"] == 1


def test_refusals(tmp_path: Path) -> None:
    history, _ = course(tmp_path, standing())
    with pytest.raises(InputError, match="--every: 0"):
        run([standing()], histories=[history], every=0)
    with pytest.raises(InputError, match="keep the files of a network together"):
        run([network("vanilla", units=4)], histories=[history])
    with pytest.raises(InputError, match="did you mean 'descent'"):
        run([standing()], method="descend")


def test_starts_are_of_the_same_trials_at_every_snapshot(tmp_path: Path) -> None:
    """The trials of a task do not move with the weights: an input that drives one unit alone shows itself."""
    shape = Architecture(family="vanilla", units=1, inputs=2, outputs=2, nonlinearity="identity")
    held = {
        "input.weight": np.repeat(np.array([[[1.0, 0.0]]]), 5, 0),
        "recurrent.weight": np.zeros((5, 1, 1)),
        "readout.weight": np.ones((5, 2, 1)),
        "recurrent.bias": np.zeros((5, 1)),
    }
    task = {"task": "flipflop", "task_parameters": {"bits": 2, "steps": 30}}
    net = Checkpoint("one", shape, {name: value[-1] for name, value in held.items()}, **task)
    file = tmp_path / "one.history.safetensors"
    save_history(file, STEPS, held, "one")
    points, _ = run([net], histories=[open_history(file)], method="descent")
    each = [part[["starts_share", "speed"]].to_numpy().tolist() for _, part in points.groupby("step")]
    assert len(each) == 5
    assert all(one == each[0] for one in each)


def test_descent_does_not_arrive_where_the_solver_does() -> None:
    """A trained network: what looks slow after 1000 steps of descent is mostly on its way to two fixed points."""
    shape = Architecture(family="plrnn", units=40, inputs=2, outputs=1, nonlinearity="relu")
    weights = dict(np.load(TRAINED))
    task = {"task": "delayed-addition", "task_parameters": {"steps": 40}}
    (part,) = fixedpoints([Checkpoint("plrnn", shape, weights, **task)], starts=60, method="both", slow=True)
    points, covered = (table.to_pandas() for table in part)
    lm, descent = (points[points["method"] == method] for method in ("lm", "descent"))
    fixed = lm[lm["kind"] == "fixed"]
    assert fixed["certified"].all()
    assert fixed["unstable_dims"].tolist() == [1, 2]
    assert (fixed["speed"] < 1e-24).all()
    assert not (descent["kind"] == "fixed").any()
    assert descent["speed"].min() > 1e-7
    arrived = (descent["converged"] * descent["starts_share"]).sum()
    assert 0.6 < arrived < 0.9
    kinds = covered.set_index(["method", "starts_from"])
    assert kinds.loc[("descent", "solver"), "arrived"] == round(60 * arrived)
    assert kinds.loc[("descent", "solver"), "points"] == 2
    # From the others the solver gets stuck too, on kinks.
    assert lm.loc[lm["kind"] == "slow", "kink"].all()
    assert (descent.loc[descent["converged"] == 0, "solver_speed"] > 1e-3).all()
