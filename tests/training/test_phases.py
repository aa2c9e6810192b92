"""Protocols: phases of one task on one network, alone, chained by hand, interrupted and resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnkit.checkpoints import Checkpoint, load_history, load_native
from rnnkit.errors import InputError
from rnnkit.provenance import Provenance
from rnnkit.stages.train import train, train_into
from rnnkit.tables import read
from rnnkit.training.batches import training_batches
from rnnkit.training.folder import TrainingFolder
from rnnkit.training.loop import EpochReport
from rnnkit.training.phases import make_phases, parse_phases, parse_protocol
from rnnkit.training.plans import plan_networks

QUICK = {"units": 6, "batch": 4, "epochs": 3, "steps_per_epoch": 5, "validation_trials": 4, "stop_loss": 0.0}
TASK = {"bits": 2, "steps": 6}
CHANGES = {"B": {"probability": "0.9"}, "C": {"start": "pulse"}}


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": "adam"},
        {"optimizer": "sgd", "momentum": 0.9, "lr": 0.01},
        {"schedule": "cosine", "restart": 2},
        {"schedule": "plateau", "recurrent": "cayley", "bias": False},
    ],
    ids=["adam", "momentum", "cosine", "cayley"],
)
def test_a_protocol_is_trainings_one_after_the_other(more: dict) -> None:  # type: ignore[type-arg]
    """Byte for byte, where trials are fixed: moments, steps and schedules begin anew with each phase."""
    settings = QUICK | {"fixed_trials": True} | more
    phases = {"B": CHANGES["B"]}
    at_once = train(plan_networks("flipflop", TASK, settings, [1], protocol=["A", "B", "A"], phases=phases))
    kept = {key: value for key, value in settings.items() if key not in ("units", "recurrent", "bias")}
    here: list[Checkpoint] = []
    losses: list[float] = []
    for parameters in (TASK, TASK | {"probability": 0.9}, TASK):
        part = train(plan_networks("flipflop", parameters, kept if here else settings, [1], starts=here))
        here = part.networks
        losses += part.table["loss"].to_pylist()
    for name, value in at_once.networks[0].weights.items():
        assert np.array_equal(value, here[0].weights[name])
    assert at_once.table["loss"].to_pylist() == losses


def test_phases_are_told_in_table_and_metadata() -> None:
    plans = plan_networks("flipflop", TASK, QUICK, [0], protocol=["A", "B", "A"], phases={"B": CHANGES["B"]})
    trained = train(plans)
    table, network = trained.table.to_pandas(), trained.networks[0]
    assert table["epoch"].tolist() == list(range(1, 10))
    assert table["phase"].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert table["status"].tolist() == ["training"] * 8 + ["budget"]
    held = network.training["protocol"]
    assert [phase["name"] for phase in held] == ["A", "B", "A"]
    assert [phase["parameters"]["probability"] for phase in held] == [0.3, 0.9, 0.3]
    assert [(phase["first_step"], phase["last_step"]) for phase in held] == [(0, 15), (15, 30), (30, 45)]
    assert [phase["loss"] for phase in held] == table["loss"].tolist()[2::3]
    assert network.task_parameters["probability"] == 0.3
    assert network.losses["training"] == table["loss"].tolist()[-1]
    assert "protocol" not in train(plan_networks("flipflop", TASK, QUICK, [0])).networks[0].training


def test_the_last_phase_is_the_network_s_task() -> None:
    plans = plan_networks("flipflop", TASK, QUICK | {"epochs": 1}, [0], protocol=["A", "B"], phases={"B": CHANGES["B"]})
    assert train(plans).networks[0].task_parameters["probability"] == 0.9


@pytest.mark.parametrize(("stop", "status"), [(1e9, "converged"), (1e-9, "budget")])
def test_every_phase_runs_to_its_end_and_the_stop_loss_decides_the_status(stop: float, status: str) -> None:
    plans = plan_networks("flipflop", TASK, QUICK | {"stop_loss": stop, "patience": 0}, [0], protocol=["A", "A"])
    trained = train(plans)
    assert trained.table.num_rows == 6
    assert trained.networks[0].status == status


def test_one_phase_above_the_stop_loss_is_enough_not_to_have_converged() -> None:
    plans = plan_networks("flipflop", TASK, QUICK, [0], protocol=["A", "A", "A"])
    ends = train(plans).table["loss"].to_pylist()[2::3]
    below = float(np.mean([max(ends), sorted(ends)[1]]))
    again = plan_networks("flipflop", TASK, QUICK | {"stop_loss": below}, [0], protocol=["A", "A", "A"])
    assert train(again).networks[0].status == "budget"


def test_two_ways_to_one_phase_see_the_same_draws() -> None:
    """`A,C` and `B,C` with one seed: the same weights before training, and the same trials in C."""
    ways = [
        train(plan_networks("flipflop", TASK, QUICK, [5], protocol=[first, "C"], phases=CHANGES_OF[first])).networks[0]
        for first in ("A", "B")
    ]
    for name, value in ways[0].initial.items():
        assert np.array_equal(value, ways[1].initial[name])
    batches = [list(training_batches(network)) for network in ways]
    same = [np.array_equal(a.trials.inputs, b.trials.inputs) for a, b in zip(*batches, strict=True)]
    assert same == [False] * 15 + [True] * 15
    assert not np.array_equal(ways[0].weights["input.weight"], ways[1].weights["input.weight"])


CHANGES_OF = {"A": {"C": CHANGES["C"]}, "B": CHANGES}


def test_snapshots_stand_at_the_ends_of_phases(tmp_path: Path) -> None:
    for kind, every, expected in (
        ("snapshots", 2, [0, 10, 15, 20, 30]),
        ("snapshot_steps", 4, [0, 4, 8, 12, 15, 16, 20, 24, 28, 30]),
    ):
        plans = plan_networks("flipflop", TASK, QUICK | {kind: every}, [0], protocol=["A", "A"])
        train_into(TrainingFolder(tmp_path / kind, plans, Provenance(), False, False))
        steps, tensors = load_history(tmp_path / kind / f"{plans[0].name}.history.safetensors")
        assert steps.tolist() == expected
        network = load_native(tmp_path / kind / f"{plans[0].name}.safetensors")
        assert np.array_equal(tensors["input.weight"][-1], network.weights["input.weight"])


class _Killed(Exception):
    pass


@pytest.mark.parametrize(
    ("kill_at", "more"),
    [
        (2, {}),
        (3, {}),
        (4, {"optimizer": "sgd", "momentum": 0.9, "fixed_trials": True}),
        (5, {"freeze": "input.weight:1"}),
    ],
)
def test_a_run_cut_in_any_phase_and_resumed_is_the_uninterrupted_one(
    tmp_path: Path, kill_at: int, more: dict[str, object]
) -> None:
    settings = QUICK | {"dtype": "float64", "snapshot_steps": 2, "schedule": "plateau"} | more
    plans = plan_networks(
        "flipflop", TASK, settings, [0, 1], {"lr": ["1e-3", "1e-2"]}, protocol=["A", "B"], phases={"B": CHANGES["B"]}
    )

    def stop(report: EpochReport) -> None:
        if report.state.epoch == kill_at:
            raise _Killed

    train_into(TrainingFolder(tmp_path / "whole", plans, Provenance(), False, False))
    cut = TrainingFolder(tmp_path / "cut", plans, Provenance(), False, False)
    save = cut.save_state
    cut.save_state = lambda group, state, force: save(group, state, True)  # type: ignore[method-assign]
    with pytest.raises(_Killed):
        train_into(cut, on_epoch=stop)
    train_into(TrainingFolder(tmp_path / "cut", plans, Provenance(), True, False))
    names = sorted(path.name for path in (tmp_path / "whole").glob("*.safetensors"))
    assert len(names) == 8
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()
    rows = [read(tmp_path / way / "training.parquet", "training").drop_columns(["seconds"]) for way in ("whole", "cut")]
    assert rows[0].equals(rows[1])


def test_a_network_that_diverges_says_how_far_it_came() -> None:
    plans = plan_networks(
        "flipflop", TASK, QUICK | {"nonlinearity": "relu", "lr": 1e30, "snapshots": 1}, [0], protocol=["A", "B"]
    )
    network = train(plans).networks[0]
    assert network.status == "diverged"
    assert network.bad_tensor() is None
    (phase,) = network.training["protocol"]
    assert (phase["first_step"], phase["last_step"]) == (0, (network.training["epochs_trained"] - 1) * 5)


def test_a_group_holds_one_protocol() -> None:
    """Networks whose phases change at other epochs are trained apart."""
    vary = {"epochs": ["1", "2"], "gamma": ["1", "2"]}
    trained = train(plan_networks("flipflop", TASK, QUICK, [0], vary, protocol=["A", "B"], phases={"B": CHANGES["B"]}))
    lasts = [network.training["protocol"][-1]["last_step"] for network in trained.networks]
    assert lasts == [10, 10, 20, 20]


@pytest.mark.parametrize(
    ("protocol", "phases", "says"),
    [
        ((), {"A": {"bits": 2}}, "add --protocol"),
        (("A", "B"), {"C": {"bits": 2}}, "unknown phase of the protocol 'C'"),
        (("A", "B"), {"B": {"bits": 3}}, "'B' has 3 inputs, 'A' has 2"),
        (("A", "B"), {"B": {"steps": 9}}, "'B' has 9 steps, 'A' has 6"),
        (("A", "B"), {"B": {"bitz": 3}}, "did you mean 'bits'"),
    ],
)
def test_protocols_that_make_no_sense(protocol: tuple, phases: dict, says: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=says):
        make_phases("flipflop", TASK, protocol, phases)


@pytest.mark.parametrize("text", ["", "A,", "A:B", "A=1"])
def test_texts_that_are_no_protocol(text: str) -> None:
    with pytest.raises(InputError, match="A,B,A"):
        parse_protocol(text)


@pytest.mark.parametrize("texts", [["A"], ["A:bits"], ["A:=1"], [":bits=1"], ["A:bits="], ["A:bits=1", "A:bits=2"]])
def test_texts_that_are_no_phase(texts: list[str]) -> None:
    with pytest.raises(InputError, match="--phase"):
        parse_phases(texts)
