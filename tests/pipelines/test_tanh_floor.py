"""The script that measures how far trained tanh networks stray from the theory."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from rnnkit.numerics.loading_vectors import overlaps_of
from tests.pipelines.scripts import load

floor = load("overlaps", "tanh_floor")


def planted(networks: int, shift: float, spread: float) -> object:
    """Overlaps all `shift` from 0, half of the networks `spread` above and half below; losses 1, then 0.5 + shift."""
    sides = np.where(np.arange(networks) % 2 == 0, spread, -spread)
    overlaps = np.full((networks, 9, 4, 4), shift) + sides[:, None, None, None]
    losses = np.full((networks, 8), 0.5 + shift)
    losses[:, 0] = 1.0
    return floor.Measured(overlaps=overlaps, losses=losses)


def test_figures_of_planted_deviations() -> None:
    found = floor.row(planted(4, 0.25, 0.1), planted(1, 0.0, 0.0))
    assert found["spread of seeds (rms)"] == pytest.approx(0.1 * (4 / 3) ** 0.5)
    # The theory is one network, 0 above itself.
    assert found["deviation of mean (rms)"] == pytest.approx(0.25)
    assert found["largest at 2"] == found["largest at 8"] == pytest.approx(0.25)
    assert found["loss, of the first"] == pytest.approx(0.25)
    assert found["last loss, of the first"] == pytest.approx(0.75)
    assert np.isnan(floor.row(planted(1, 0.25, 0.0), planted(1, 0.0, 0.0))["spread of seeds (rms)"])


def test_vectors_have_the_overlaps_asked_for() -> None:
    exact = floor.vectors_of(floor.START, 50, range(2))
    assert np.abs(overlaps_of(exact) - floor.START).max() < 1e-12
    loose = overlaps_of(floor.vectors_of(floor.START, 50, range(2), exact=False))
    assert 0.01 < np.abs(loose - floor.START).max() < 1


def test_trials_hold_every_sign_that_matters() -> None:
    trials = floor.flip_flop(2.0, 0.5)
    signs = np.sign(trials.inputs[0][:, [0, 20, 40], 0])
    assert (signs[:, 0] == 1).all()
    assert len(np.unique(signs, axis=0)) == 4
    assert np.abs(trials.inputs).max() == 2.0
    assert np.array_equal(trials.targets[0][:, [19, 39, 59], 0], 0.5 * signs)
    assert trials.mask[0].sum(1).tolist() == [30.0] * 4


def test_table_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "argv", ["tanh_floor.py", "--units", "16,32", "--seeds", "2,1", "--steps", "4", "--task", "weak"]
    )
    floor.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[1:3] for row in rows[2:]] == [[" 16 ", " 2 "], [" 32 ", " 1 "]]
    assert "largest at 4" in rows[0]
    monkeypatch.setattr(sys, "argv", ["tanh_floor.py", "--units", "16", "--seeds", "2,1"])
    with pytest.raises(SystemExit):
        floor.main()
    assert "--seeds: 2 numbers for 1 sizes" in capsys.readouterr().err
