"""The ensemble loop: company, stopping, divergence, snapshots, resuming."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from rnnkit.architectures import FAMILIES
from rnnkit.checkpoints import load_history, load_native
from rnnkit.devices import choose_device
from rnnkit.errors import FileError, InputError, RnnkitError
from rnnkit.provenance import Provenance
from rnnkit.stages.train import train, train_into
from rnnkit.training.folder import TrainingFolder
from rnnkit.training.loop import EpochReport, train_group
from rnnkit.training.plans import plan_networks

QUICK = {"units": 12, "batch": 8, "epochs": 3, "steps_per_epoch": 10, "validation_trials": 16, "lr": 3e-3}
SHORT = {"bits": 2, "steps": 12}


@pytest.mark.parametrize("family", FAMILIES)
def test_alone_and_in_company(family: str) -> None:
    """Same initial weights and data; losses equal to 1e-3 relative over the first 50 steps, weights to 1e-5."""
    settings = QUICK | {"model": family, "epochs": 50, "steps_per_epoch": 1}
    together = train(plan_networks("flipflop", SHORT, settings, range(8)), threads=2)
    alone = train(plan_networks("flipflop", SHORT, settings, [5]), threads=1)
    name = alone.networks[0].name
    member = next(network for network in together.networks if network.name == name)
    for key, value in alone.networks[0].initial.items():
        assert np.array_equal(value, member.initial[key])
    losses = together.table.to_pandas().query("network == @name")["loss"].to_numpy()
    np.testing.assert_allclose(losses, alone.table.to_pandas()["loss"].to_numpy(), rtol=1e-3)
    for key, value in alone.networks[0].weights.items():
        np.testing.assert_allclose(value, member.weights[key], atol=1e-5 * max(1.0, abs(value).max()))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns(family: str) -> None:
    settings = QUICK | {"model": family, "epochs": 8, "steps_per_epoch": 40, "lr": 1e-2}
    trained = train(plan_networks("flipflop", {"bits": 1, "steps": 10, "probability": 0.5}, settings, [0, 1]))
    losses = trained.table.to_pandas().pivot(index="network", columns="epoch", values="val_loss")
    share = 0.9 if family == "plrnn" else 0.75  # its first epoch has brought most of what it can
    assert (losses[8] < share * losses[1]).all()


def test_per_network_settings_act_inside_one_batch() -> None:
    """A grid over gamma, learning rate, penalties, initialisation and gain gives what each gives alone."""
    vary = {"gamma": ["0.5", "2"], "lr": ["1e-3", "1e-2"], "l1": ["0", "1e-2"], "init": ["uniform", "gaussian"]}
    grid = train(plan_networks("flipflop", SHORT, QUICK, [0], vary), threads=2)
    for combination in ({"gamma": "2", "lr": "1e-2", "l1": "1e-2", "init": "gaussian"}, dict.fromkeys(vary)):
        chosen = {key: value or vary[key][0] for key, value in combination.items()}
        single = train(plan_networks("flipflop", SHORT, QUICK, [0], {key: [value] for key, value in chosen.items()}))
        member = next(n for n in grid.networks if n.name == single.networks[0].name)
        for key, value in single.networks[0].weights.items():
            np.testing.assert_allclose(value, member.weights[key], atol=1e-5)
    ends = [network.weights["recurrent.weight"].tobytes() for network in grid.networks]
    assert len(set(ends)) == len(ends)


def test_gamma_divides_the_output_and_multiplies_the_learning_rate() -> None:
    plans = plan_networks("flipflop", SHORT, QUICK, [0], {"gamma": ["1", "4"]})
    rows = train(plans).table.to_pandas().groupby("network", sort=False)["lr"].first().to_numpy()
    assert rows[1] == pytest.approx(4 * rows[0])


def test_a_diverged_network_keeps_finite_weights_and_harms_no_other() -> None:
    plans = plan_networks(
        "flipflop", SHORT, QUICK | {"nonlinearity": "relu", "epochs": 4}, [0, 1], {"lr": ["1e-3", "1e9"]}
    )
    company = train(plans)
    alone = train([plan for plan in plans if plan.settings.lr < 1])
    statuses = {network.name: network.status for network in company.networks}
    assert [status for name, status in statuses.items() if "lr1e9" in name] == ["diverged"] * 2
    for network in company.networks:
        assert network.bad_tensor() is None
    for network in alone.networks:
        member = next(n for n in company.networks if n.name == network.name)
        for key, value in network.weights.items():
            np.testing.assert_allclose(value, member.weights[key], atol=1e-6)


def test_stops_three_epochs_after_crossing() -> None:
    settings = QUICK | {"stop_loss": 0.95, "epochs": 30, "lr": 1e-2}
    trained = train(plan_networks("flipflop", SHORT, settings, [0, 1, 2]))
    table = trained.table.to_pandas()
    for network in trained.networks:
        losses = table[table["network"] == network.name]["loss"].to_numpy()
        crossing = int(np.argmax(losses < 0.95)) + 1
        assert network.training["crossing_epoch"] == crossing
        assert network.training["epochs_trained"] == len(losses) == crossing + 3
        assert network.losses["crossing"] == losses[crossing - 1]
        assert network.losses["training"] == losses[-1]
        assert network.status == "converged"
    budget = train(plan_networks("flipflop", SHORT, QUICK | {"stop_loss": 0.0}, [0])).networks[0]
    assert (budget.status, budget.training["epochs_trained"]) == ("budget", 3)


def test_auxiliary_outputs_do_not_stop_training_unless_asked() -> None:
    task = {"auxiliary": True}
    by = {
        on: train(plan_networks("delayed-discrimination", task, QUICK | {"epochs": 1, "stop_on": on}, [0])).table
        for on in ("main", "all")
    }
    assert by["main"].column("loss")[0].as_py() != by["all"].column("loss")[0].as_py()


def test_snapshots_hold_the_weights_along_training(tmp_path: Path) -> None:
    plans = plan_networks("flipflop", SHORT, QUICK | {"snapshots": 2, "epochs": 5, "stop_loss": 0.0}, [0])
    train_into(TrainingFolder(tmp_path, plans, Provenance(), False, False))
    steps, tensors = load_history(tmp_path / f"{plans[0].name}.history.safetensors")
    network = load_native(tmp_path / f"{plans[0].name}.safetensors")
    assert steps.tolist() == [0, 20, 40, 50]
    for name, value in network.weights.items():
        assert np.array_equal(tensors[name][-1], value)
        assert np.array_equal(tensors[name][0], network.initial[name])


class _Killed(Exception):
    pass


@pytest.mark.parametrize("kill_at", [1, 2, 3, 5, 6, 7])
def test_resumed_run_is_the_uninterrupted_one(tmp_path: Path, kill_at: int) -> None:
    """Whatever epoch the run stops at, byte for byte, snapshots and table (but its times) included."""
    settings = QUICK | {"epochs": 4, "stop_loss": 0.9, "snapshots": 1}
    plans = plan_networks("flipflop", SHORT, settings, range(3), {"bits": ["1", "2"]})
    for folder in ("whole", "cut"):
        path = tmp_path / folder
        seen = 0

        def stop(report: EpochReport, folder: str = folder) -> None:
            nonlocal seen
            seen += 1
            if folder == "cut" and seen == kill_at:
                raise _Killed

        try:
            train_into(_eager(path, plans, resume=False), threads=2, on_epoch=stop)
        except _Killed:
            train_into(_eager(path, plans, resume=True), threads=2)
    for path in sorted((tmp_path / "whole").glob("*.safetensors")):
        assert path.read_bytes() == (tmp_path / "cut" / path.name).read_bytes()
    tables = [_table(tmp_path / folder / "training.parquet") for folder in ("whole", "cut")]
    assert tables[0].equals(tables[1])
    assert not (tmp_path / "cut" / ".rnnkit-train").exists()


def _eager(path: Path, plans: list, resume: bool) -> TrainingFolder:  # type: ignore[type-arg]
    """A folder that saves its state at every epoch."""
    folder = TrainingFolder(path, plans, Provenance(), resume, False)
    save = folder.save_state
    folder.save_state = lambda group, state, force: save(group, state, True)  # type: ignore[method-assign]
    return folder


def _table(path: Path):  # type: ignore[no-untyped-def]
    import pyarrow.parquet as pq

    return pq.read_table(path).drop_columns(["seconds"]).replace_schema_metadata(None)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"digest": 3}', b"\xff"])
def test_a_damaged_plan_is_refused_with_a_reason(tmp_path: Path, damage: bytes) -> None:
    plans = plan_networks("flipflop", SHORT, QUICK, [0])
    folder = TrainingFolder(tmp_path, plans, Provenance(), False, False)
    next(iter(train_group(plans, torch.device("cpu"), 1)))
    (tmp_path / ".rnnkit-train" / "plan.json").write_bytes(damage)
    assert not folder.complete
    folder.close()
    with pytest.raises(RnnkitError):
        TrainingFolder(tmp_path, plans, Provenance(), True, False)


def test_a_damaged_state_is_refused_and_leftovers_are_removed(tmp_path: Path) -> None:
    plans = plan_networks("flipflop", SHORT, QUICK, [0])
    folder = TrainingFolder(tmp_path, plans, Provenance(), False, False)
    report = next(iter(train_group(plans, torch.device("cpu"), 1)))
    folder.save_state(0, report.state, force=True)
    (tmp_path / ".x.safetensors.abc.part").write_bytes(b"half")
    state = tmp_path / ".rnnkit-train" / "group-0000.safetensors"
    save_file({"flat": np.zeros((1, 3), np.float32)}, state, metadata={"state": "{}"})
    with pytest.raises(FileError, match="another run"):
        TrainingFolder(tmp_path, plans, Provenance(), False, True)
    assert state.exists()
    folder.close()
    resumed = TrainingFolder(tmp_path, plans, Provenance(), True, False)
    assert not list(tmp_path.glob(".*.part"))
    with pytest.raises(FileError, match="damaged"):
        resumed.load_state(0)


def test_more_threads_change_nothing_but_rounding() -> None:
    plans = plan_networks("flipflop", SHORT, QUICK, range(4))
    one, three = train(plans, threads=1), train(plans, threads=3)
    for a, b in zip(one.networks, three.networks, strict=True):
        for key in a.weights:
            np.testing.assert_allclose(a.weights[key], b.weights[key], atol=1e-5)


@pytest.mark.parametrize("family", ["vanilla", "lstm", "lowrank"])
def test_one_kernel_for_all_networks_is_the_same_training(family: str) -> None:
    """The layout used on a GPU, run on the CPU: the same data and weights but for rounding."""
    plans = plan_networks("flipflop", SHORT, QUICK | {"model": family, "batch": 100}, range(3))
    ends = []
    for one_kernel in (True, False):
        *_, last = train_group(plans, torch.device("cpu"), 2, one_kernel=one_kernel)
        ends.append({one.plan.name: one.weights for one in last.finished})
    for name, weights in ends[0].items():
        for key, value in weights.items():
            np.testing.assert_allclose(value, ends[1][name][key], atol=1e-5)


def test_cuda_is_refused_with_a_reason_where_there_is_none() -> None:
    if torch.cuda.is_available():
        assert choose_device("auto").type == "cuda"
    else:
        with pytest.raises(InputError, match="0 CUDA devices"):
            choose_device("cuda")
        assert choose_device("auto").type == "cpu"


def test_an_interrupt_keeps_the_last_epoch(tmp_path: Path) -> None:
    plans = plan_networks("flipflop", SHORT, QUICK, [0])
    folder = TrainingFolder(tmp_path, plans, Provenance(), False, False)

    def interrupt(report: EpochReport) -> None:
        if report.state.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_into(folder, on_epoch=interrupt)
    state = TrainingFolder(tmp_path, plans, Provenance(), True, False).load_state(0)
    assert state is not None
    assert state.epoch == 2
