"""Theory beside training: networks trained here, and predicted from their overlaps before training alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnkit.errors import InputError
from rnnkit.history import history_beside, open_history
from rnnkit.interop import load_all
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.overlap_connection import gram_matrix
from rnnkit.stages import conserved_quantities, gram_matrices
from rnnkit.stages.overlap_theory import overlap_theory
from rnnkit.stages.overlaps import overlaps
from tests.conftest import run_cli

QUICK = ("-t", "steps=30", "--units", 30, "--epochs", 3, "--validation-trials", 1, "--seeds", "0:2", "-q")


def trained(folder: Path, task: str, *options: object):
    """Train quickly; return networks and their histories."""
    done = run_cli("train", task, *QUICK, "--snapshot-steps", 5, *options, "-o", folder)
    assert done.code == 0, done.err
    loaded = load_all([str(folder)])
    return loaded.checkpoints, [open_history(history_beside(path)) for path in loaded.paths]


def beside(found, **options) -> pd.DataFrame:
    networks, histories = found
    return pd.concat([table.to_pandas() for table in overlap_theory(networks, histories, **options)])


LINEAR = {
    "impulse": ("overlaps/filter",),
    "noise, other trials at each step": ("overlaps/filter", "-t", "drive=noise", "--fresh-trials", "--batch", 3),
    "rank two": ("overlaps/damped-filter", "-t", "drive=noise", "--batch", 2),
    "momentum": ("overlaps/filter", "--momentum", 0.7, "--lr", 0.02),
    "gamma": ("overlaps/filter", "--gamma", 2),
    "biases": ("overlaps/filter", "--bias", "--lr", 0.02),
    "frozen": ("overlaps/damped-filter", "--freeze", "recurrent.left:1,readout.weight"),
    "phases": ("overlaps/filter", "--protocol", "A,B,A", "--phase", "B:decay=0.6"),
    "phases, other trials, momentum": (
        *("overlaps/filter", "-t", "drive=noise", "--fresh-trials", "--momentum", 0.5, "--lr", 0.02),
        *("--protocol", "A,B", "--phase", "B:gain=2"),
    ),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_networks_are_predicted_to_rounding(name, tmp_path):
    found = trained(tmp_path, *LINEAR[name])
    rows = beside(found)
    assert (rows["status"] == "ok").all()
    assert rows["deviation"].abs().max() < 1e-12
    moved = rows[rows["step"] == rows["step"].max()]["measured"].to_numpy() - rows[rows["step"] == 0]["measured"]
    assert moved.abs().max() > 1e-3
    # What was measured is what the stage of overlaps says.
    said = pd.concat([table.to_pandas() for table in overlaps(found[0], histories=found[1])])
    measured = rows[rows["left"] != "loss"]
    assert np.array_equal(measured["measured"], said["value"])
    assert measured["visible"].tolist() == said["visible"].tolist()


def test_losses_are_those_of_training(tmp_path):
    found = trained(tmp_path, "overlaps/filter", "--steps-per-epoch", 1, "--snapshot-steps", 1)
    rows = beside(found).query("left == 'loss'")
    table = pd.read_parquet(tmp_path / "training.parquet")
    for network, own in table.groupby("network"):
        # Training's loss is that before its step, on the same trials.
        before = rows[rows["network"] == network].sort_values("step")["predicted"].to_numpy()[: len(own)]
        assert before == pytest.approx(own.sort_values("epoch")["loss"].to_numpy(), abs=1e-12)


def test_phases_are_numbered(tmp_path):
    rows = beside(trained(tmp_path, *LINEAR["phases"]))
    assert rows.groupby("step")["phase"].first().to_dict() == {s: 1 + max(0, s - 1) // 30 for s in range(0, 95, 5)}


def test_flow_is_the_limit_of_small_steps(tmp_path):
    apart = []
    for k, rate in enumerate((0.1, 0.05)):
        options = ("--lr", rate, "--steps-per-epoch", 20 * (k + 1))
        rows = beside(trained(tmp_path / str(k), "overlaps/filter", *options), motions=["flow"])
        apart.append(rows[rows["step"] == rows["step"].max()]["deviation"].abs().max())
    assert 1.7 < apart[0] / apart[1] < 2.3


def test_direct_descent_leaves_the_unseen_where_it_is(tmp_path):
    rows = beside(trained(tmp_path, "overlaps/filter"), motions=["descent", "direct"])
    direct = rows[(rows["motion"] == "direct") & (rows["visible"] == False)]  # noqa: E712 - null is neither
    assert direct.groupby(["network", "left", "right"])["predicted"].nunique().max() == 1
    assert direct.groupby(["network", "left", "right"])["measured"].nunique().min() > 1


TANH = {
    "plain": (),
    "momentum": ("--momentum", 0.7, "--lr", 0.08),
    "biases": ("--bias", "--lr", 0.1),
    "frozen": ("--freeze", "recurrent.left,input.weight"),
    "other trials at each step": ("--fresh-trials",),
}


@pytest.mark.parametrize("name", TANH)
def test_tanh_networks_of_many_units_are_near(name, tmp_path):
    line = ("overlaps/flipflop-pulse", "--units", 1024, "--epochs", 2, "--batch", 8, "--seeds", 0, *TANH[name])
    rows = beside(trained(tmp_path, *line))
    loss = rows[rows["left"] == "loss"]
    assert loss["deviation"].abs().max() < 0.05 * loss["measured"].iloc[0]
    pairs = rows[rows["left"] != "loss"]
    assert 0 < pairs["deviation"].abs().max() < 0.06
    moved = pairs["measured"] - pairs.groupby(["left", "right"])["measured"].transform("first")
    assert moved.abs().max() > 4 * pairs["deviation"].abs().max()
    if name == "frozen":
        assert moved[(pairs["left"].isin(["m", "u"])) & (pairs["right"].isin(["m", "u"]))].abs().max() == 0


def test_without_a_history_the_ends_are_compared(tmp_path):
    networks, _ = trained(tmp_path, "overlaps/filter")
    rows = beside((networks, ()))
    assert sorted(rows["step"].unique()) == [0, 30]
    assert rows["deviation"].abs().max() < 1e-12


@pytest.mark.parametrize(
    ("task", "options", "says"),
    [
        ("overlaps/filter", ("--optimizer", "adam", "--lr", 1e-3), "was trained with --optimizer adam"),
        ("overlaps/filter", ("--schedule", "cosine"), "--schedule cosine"),
        ("overlaps/filter", ("--l1", 1e-3), "--l1 0.001"),
        ("filter", (), "is a 'vanilla' network with tanh"),
        ("overlaps/filter", ("--nonlinearity", "relu"), "with relu"),
    ],
)
def test_what_the_theory_is_not_of(task, options, says, tmp_path):
    found = trained(tmp_path, task, *options)
    with pytest.raises(InputError, match=says):
        beside(found)


def test_flow_is_of_fixed_trials(tmp_path):
    found = trained(tmp_path, *LINEAR["noise, other trials at each step"])
    with pytest.raises(InputError, match="'flow' is of training on fixed trials"):
        beside(found, motions=["flow"])
    with pytest.raises(InputError, match="did you mean 'flow'"):
        beside(found, motions=["flo"])


def test_what_flow_conserves_drifts_less_in_smaller_steps(tmp_path):
    drifts = []
    for k, rate in enumerate((0.1, 0.05)):
        found = trained(tmp_path / str(k), "overlaps/filter", "--lr", rate, "--steps-per-epoch", 20 * (k + 1))
        rows = pd.concat([table.to_pandas() for table in conserved_quantities(*found)])
        assert rows["holds"].all()
        drifts.append(rows.groupby("quantity")["drift"].apply(lambda drift: drift.abs().max()))
    ratio = (drifts[0] / drifts[1]).to_numpy()
    assert (ratio > 1.7).all()
    assert (ratio < 2.4).all()
    adam = trained(tmp_path / "adam", "overlaps/filter", "--optimizer", "adam", "--lr", 1e-2)
    assert not pd.concat([table.to_pandas() for table in conserved_quantities(*adam)])["holds"].any()


def test_without_a_history_a_drift_is_that_of_the_whole_training(tmp_path):
    networks, histories = trained(tmp_path, "overlaps/filter")
    ends, whole = (
        pd.concat([table.to_pandas() for table in conserved_quantities(networks, held)]) for held in ((), histories)
    )
    assert sorted(ends["step"].unique()) == [0, 30]
    assert ends[ends["step"] == 30]["drift"].abs().min() > 0
    last = whole[whole["step"] == 30].set_index(["network", "quantity"])["drift"]
    assert np.allclose(ends[ends["step"] == 30].set_index(["network", "quantity"])["drift"], last, atol=1e-15)


def test_gram_matrices_are_those_of_the_overlaps(tmp_path):
    networks, histories = trained(tmp_path, "overlaps/filter")
    rows = pd.concat([table.to_pandas() for table in gram_matrices(networks, histories)])
    held = pd.concat([table.to_pandas() for table in overlaps(networks, histories=histories)])
    layout = Layout(inputs=1, rank=1, outputs=1)
    a, b = layout.pairs()
    for (network, step), own in held.groupby(["network", "step"]):
        square = np.zeros((4, 4))
        square[a, b] = square[b, a] = own["value"]
        entries = rows[(rows["network"] == network) & (rows["step"] == step)]["value"].to_numpy()
        assert entries.reshape(10, 10) == pytest.approx(gram_matrix(square), abs=1e-12)
    assert rows["by_visible"].sum() == rows["visible"].sum() == 4 * 10 * 2 * 7
