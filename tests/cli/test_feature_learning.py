"""`feature-learning` as a user meets it: networks without their start are flagged, and the line says what to do."""

import torch

from tests.conftest import run_cli


def test_networks_without_initial_weights_are_flagged(ensemble, tmp_path):
    state = {"rnn.weight_ih_l0": torch.ones(4, 2), "rnn.weight_hh_l0": torch.eye(4) / 2, "out.weight": torch.ones(2, 4)}
    torch.save(state, tmp_path / "after.pt")
    torch.save({name: value / 2 for name, value in state.items()}, tmp_path / "before.pt")
    task = ("--task", "flipflop", "-t", "bits=2", "-t", "steps=5")
    made = run_cli("import", tmp_path / "after.pt", *task, "-o", tmp_path / "bare")
    assert made.code == 0
    done = run_cli("feature-learning", tmp_path / "bare", ensemble, "--trials", 2)
    flagged, *others = done.table().to_pylist()
    assert done.code == 1
    assert "after: no weights before training (rnnkit import FILE --initial FILE adds them)" in done.err
    assert flagged["status"] == "no_initial_weights"
    assert flagged["weight_change_norm"] is flagged["kernel_alignment"] is flagged["representation_alignment"] is None
    assert [other["status"] for other in others] == ["ok"] * 3
    # What the line says to do mends it.
    words = ("import", tmp_path / "after.pt", "--initial", tmp_path / "before.pt", *task, "-o", tmp_path / "whole")
    assert run_cli(*words).code == 0
    mended = run_cli("feature-learning", tmp_path / "whole", "--trials", 2)
    assert (mended.code, mended.err) == (0, "")
    (row,) = mended.table().to_pylist()
    assert row["weight_change_norm_relative"] == 1
