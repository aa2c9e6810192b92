"""The scripts that measure how exact the Gaussian theory of tanh networks is."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.numerics.loading_vectors import overlaps_of
from rnnkit.tables import read
from tests.pipelines.scripts import load

floor, limit = load("overlaps", "tanh_floor"), load("overlaps", "gaussian_limit")


def planted(networks: int, shift: float, spread: float) -> object:
    """Overlaps all `shift` from 0, half of the networks `spread` above and half below; losses 1, then 0.5 + shift."""
    sides = np.where(np.arange(networks) % 2 == 0, spread, -spread)
    overlaps = np.full((networks, 9, 4, 4), shift) + sides[:, None, None, None]
    losses = np.full((networks, 8), 0.5 + shift)
    losses[:, 0] = 1.0
    return floor.Measured(overlaps=overlaps, losses=losses)


def test_figures_of_planted_deviations() -> None:
    found = limit.row(planted(4, 0.25, 0.1), planted(1, 0.0, 0.0))
    assert found["spread of seeds (rms)"] == pytest.approx(0.1 * (4 / 3) ** 0.5)
    # The theory is one network, 0 above itself.
    assert found["deviation of mean (rms)"] == pytest.approx(0.25)
    assert found["largest at 2"] == found["largest at 8"] == pytest.approx(0.25)
    assert found["loss, of the first"] == pytest.approx(0.25)
    assert found["last loss, of the first"] == pytest.approx(0.75)
    assert np.isnan(limit.row(planted(1, 0.25, 0.0), planted(1, 0.0, 0.0))["spread of seeds (rms)"])


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


def test_redrawn_vectors_keep_their_overlaps() -> None:
    trials = floor.flip_flop(1.0, 0.5)
    kept, redrawn = (
        floor.train(floor.vectors_of(floor.START, 40, range(3)), trials, 0.25, 2, redraw=redraw)
        for redraw in (False, True)
    )
    assert np.abs(kept.overlaps[:, 1] - redrawn.overlaps[:, 1]).max() < 1e-12
    assert np.abs(kept.overlaps[:, 2] - redrawn.overlaps[:, 2]).max() > 1e-4
    several = np.stack([floor.START, 2 * floor.START])
    assert np.abs(overlaps_of(floor.vectors_of(several, 30, range(2))) - several).max() < 1e-12


def test_rates_at_the_start_are_those_of_small_steps() -> None:
    trials, vectors = floor.flip_flop(1.0, 0.5), floor.vectors_of(floor.START, 60, range(2))
    step = 1e-6
    moved = floor.train(vectors, trials, step, 1).overlaps
    assert np.abs((moved[:, 1] - moved[:, 0]) / step - floor.rates(vectors, trials)).max() < 1e-5


@pytest.mark.parametrize(
    ("large", "verdict"), [(0.01, "holds"), (0.1, "does not hold")], ids=["as the root of N", "a floor"]
)
def test_what_shrinks_and_what_does_not(large: float, verdict: str) -> None:
    noise = 1 + 0.01 * np.random.default_rng(0).normal(size=8)
    found = limit.shrinking("c", "Floor", 0.1 * noise, large * noise, [256, 16384])
    assert found.verdict == verdict
    assert found.ci_low < found.estimate < found.ci_high
    assert found.networks == "16"
    assert found.command == "make -C pipelines/overlaps floor"


@pytest.mark.parametrize("study", ["rates", "floor", "closure"])
def test_a_study_prints_its_table_and_writes_claims(study: str, capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    words = [study, "--units", "16,32", "--seeds", "3,2", "--task", "weak", "-o", str(tmp_path / "c.csv")]
    assert limit.main(words + ([] if study == "rates" else ["--steps", "4"])) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| 16 ") or "| 32 " in line]
    assert [row.split("|")[1:3] for row in rows] == [[" 16 ", " 3 "], [" 32 ", " 2 "]]
    claims = read(tmp_path / "c.csv", "claims").to_pylist()
    assert len(claims) == (3 if study == "floor" else 1)
    assert claims[0]["command"] == f"make -C pipelines/overlaps {study}"


@pytest.mark.parametrize(
    ("words", "says"),
    [(["floor", "--units", "16", "--seeds", "2,1"], "2 numbers for 1 sizes"), (["rates", "--steps", "4"], "no part")],
)
def test_what_does_not_fit_is_told(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        limit.main([*words, "-o", "c.csv"])
    assert says in capsys.readouterr().err
