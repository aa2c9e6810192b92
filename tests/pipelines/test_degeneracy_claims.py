"""The study of degeneracy: rules on planted numbers, claims on planted tables, the Makefile's targets."""

from __future__ import annotations

import doctest
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from rnnkit.provenance import Provenance
from rnnkit.tables import build, open_writer, read, table_metadata
from tests.conftest import QUICK, run_cli
from tests.pipelines.scripts import load

ROOT = Path(__file__).parents[2] / "pipelines" / "degeneracy"
NETWORKS = 10


rules, paper, studies, claims = (load("degeneracy", name) for name in ("rules", "paper", "studies", "claims"))


@pytest.mark.parametrize(("script", "least"), [(rules, 7), (paper, 2), (studies, 1), (claims, 2)])
def test_examples(script, least):
    ran = doctest.testmod(script)
    assert ran.failed == 0
    assert ran.attempted >= least


def test_a_p_value_at_the_level_counts_and_one_above_does_not():
    assert rules.arrow(1.0, rules.LEVEL) == "↑"
    assert rules.arrow(1.0, np.nextafter(rules.LEVEL, 1)) == "–"
    assert rules.arrow(0.0, 0.001) == "–"
    assert rules.arrow(1.0, float("nan")) == "–"


#: Statistics at 0, .0001 and .001 of the L1 penalty: level, values, p-value of the last against the first.
PLANTED = {
    "dsa": ("dynamics", (0.5, 0.4, 0.1), 0.001),
    "dsa-relative": ("dynamics", (0.2, 0.25, 0.3), 0.02),
    "pif": ("weights", (7.0, 5.0, 6.0), 0.001),
    "pif-initial": ("weights", (5.6, 5.6, 5.6), 1.0),
    "pif-relative": ("weights", (0.8, 0.7, 0.5), 0.0004),
    "pif-initial-relative": ("weights", (0.86, 0.8, 0.7), 0.0004),
    "pif-ratio-to-initial": ("weights", (1.2, 1.0, 0.9), 0.3),
    "ood-loss": ("behaviour", (1e-3, 9e-4, 4e-4), 0.05),
    "ood-log-loss": ("behaviour", (0.5, 0.4, None), None),
}
SETTINGS = ("0.0", "0.0001", "0.001")


def write(path: Path, schema: str, rows, keys) -> None:
    with open_writer(path, "parquet", table_metadata(schema, Provenance())) as writer:
        writer.write(build(schema, list(rows), keys))


def planted_degeneracy(key: str, settings, planted, against: int = 0):
    for metric, (level, values, p_value) in planted.items():
        for k, (setting, value) in enumerate(zip(settings, values, strict=True)):
            row = {key: setting, "level": level, "metric": metric, "value": value, "networks": NETWORKS, "pairs": 45}
            row["status"] = "no_data" if value is None else "ok"
            if k != against:
                row |= {"against": f"{key}={settings[against]}", "p_value": p_value, "test": "contributions"}
                if value is not None:
                    change = value - values[against]
                    row |= {"difference": change, "difference_low": change - 0.1, "difference_high": change + 0.1}
            yield row


def planted_features(key: str, settings, centres):
    """Kernel alignments around the centres; the weights move by ten times as much."""
    rng = np.random.default_rng(0)
    for setting, centre in zip(settings, centres, strict=True):
        for seed in range(NETWORKS):
            value = centre + 0.01 * rng.standard_normal()
            row = {"network": f"{setting}-s{seed}", key: setting, "parameters": "recurrent", "centred": False}
            yield {**row, "kernel_alignment": value, "weight_change_norm_absolute": 10 * value, "status": "ok"}


def planted_losses(key: str, settings, missed=()):
    for setting in settings:
        for seed in range(NETWORKS):
            name = f"{setting}-s{seed}"
            row = {"network": name, "condition": "ood", key: setting, "task": "flipflop", "task_parameters": "{}"}
            yield {**row, "trials": 4, "steps": 4, "loss": 1e-3, "converged": name not in missed, "status": "ok"}


def study(folder: Path, key="l1", settings=SETTINGS, planted=PLANTED, centres=(0.1, 0.1, 0.1), **more) -> Path:
    folder.mkdir()
    order = np.random.default_rng(1).permutation(len(planted) * len(settings))
    rows = list(planted_degeneracy(key, settings, planted, more.get("against", 0)))
    write(folder / "degeneracy.parquet", "degeneracy", [rows[k] for k in order], [key])
    write(folder / "features.parquet", "feature_learning", planted_features(key, settings, centres), [key])
    write(folder / "losses.parquet", "summary", planted_losses(key, settings, more.get("missed", ())), [key])
    return folder


def verdicts(folder: Path) -> dict[str, str]:
    return {row.statistic.split()[0]: row.verdict for row in claims.judged([studies.Study(folder)], "small")}


def test_planted_verdicts(tmp_path):
    found = verdicts(study(tmp_path / "l1-flipflop"))
    assert found == {
        "dsa": "holds",
        "dsa-relative": "does not hold",
        "pif": "holds, not monotone",
        "pif-relative": "holds, and so it does before training",
        "pif-ratio-to-initial": "undecided",
        "ood-loss": "holds",
        "ood-log-loss": "undecided",
    }


def test_the_same_numbers_against_the_other_arrow(tmp_path):
    """Delay asks weights to go up; what fell under the penalty then speaks against the claim."""
    found = verdicts(study(tmp_path / "delay-delayed-discrimination", "delay_max", ("5", "10", "20")))
    assert found["dsa"] == "holds"
    assert found["pif"] == "does not hold, not monotone"
    assert found["pif-relative"] == "does not hold"


def test_settings_go_by_number_and_words_by_the_alphabet(tmp_path):
    one = studies.Study(study(tmp_path / "width-flipflop", "units", ("32", "64", "128")))
    assert one.settings == ["32", "64", "128"]
    two = {metric: (level, values[:2], p) for metric, (level, values, p) in PLANTED.items()}
    other = study(tmp_path / "auxiliary-delayed-discrimination", "auxiliary", ("False", "True"), two, (0.1, 0.1))
    assert studies.Study(other).settings == ["False", "True"]


def test_feature_learning_is_tested_over_networks(tmp_path):
    """Alignment falls and weights move less: the first speaks for gamma's claim, the second against."""
    folder = study(tmp_path / "gamma-flipflop", "gamma", ("0.5", "1.0", "4.0"), centres=(0.3, 0.2, 0.1))
    found = verdicts(folder)
    assert found["kernel_alignment"] == "holds"
    assert found["weight_change_norm_absolute"] == "does not hold"
    effect = studies.Study(folder).feature_effect("kernel_alignment")
    assert effect.networks == (NETWORKS,) * 3
    assert effect.difference == pytest.approx(-0.2, abs=0.02)
    assert effect.low < effect.difference < effect.high < 0
    assert effect.p_value <= 0.001


def test_networks_that_missed_their_threshold_do_not_count(tmp_path):
    folder = study(tmp_path / "width-flipflop", "units", ("32", "64", "128"), missed=("32-s0", "32-s7"))
    assert studies.Study(folder).feature_effect("kernel_alignment").networks == (NETWORKS - 2, NETWORKS, NETWORKS)


@pytest.mark.parametrize(
    ("centres", "verdict"),
    [((0.1, 0.1, 0.1), "holds"), ((0.1, 0.1, 0.3), "does not hold"), ((0.1,) * 2 + (0.15,), "undecided")],
)
def test_alignment_over_widths(tmp_path, centres, verdict):
    folder = study(tmp_path / "width-flipflop", "units", ("32", "64", "128"), centres=centres)
    assert verdicts(folder)["kernel_alignment"] == verdict


def test_widths_are_compared_per_parameter(tmp_path):
    """Untrained pairs fall with width as trained ones do: the arrow holds, and says nothing of training."""
    falling = ("weights", (7e-3, 3e-3, 9e-4), 0.0002)
    planted = {"pif": PLANTED["pif"], "pif-per-parameter": falling, "pif-initial-per-parameter": falling}
    found = verdicts(study(tmp_path / "width-flipflop", "units", ("32", "64", "128"), planted))
    assert found["pif-per-parameter"] == "holds, and so it does before training"
    assert "pif" not in found


def test_the_row_of_table_1(tmp_path):
    page = claims.rows_page([studies.Study(study(tmp_path / "l1-flipflop"))])
    head, _, row = page.strip().splitlines()
    assert head.count("|") == row.count("|")
    cells = [text.strip() for text in row.strip("|").split("|")]
    assert cells[:4] == ["l1, 0.0 to 0.001", "flipflop", "↓ ↓ ↓", "↓ -80 % [-100, -60], p 0.001"]
    assert cells[4].startswith("↑ +50 % ")
    assert cells[7].startswith("– +0 % ")
    assert cells[8].startswith("– -25 % ")


def test_the_page_the_file_and_the_errors(tmp_path, capsys):
    folder = study(tmp_path / "l1-flipflop")
    table = tmp_path / "claims.parquet"
    assert claims.main([str(folder), "--table", str(table), "--scale", "paper"]) == 0
    page = capsys.readouterr().out
    assert "7 claims: 4 holds, 1 does not hold, 2 undecided." in page
    rows = read(table, "claims").to_pylist()
    assert [row["statistic"] for row in rows[:2]] == ["dsa", "dsa-relative (of unit norm)"]
    assert {row["command"] for row in rows} == {"make -C pipelines/degeneracy SCALE=paper l1-flipflop"}
    assert rows[0]["values"] == "0.0: 0.5, 0.0001: 0.4, 0.001: 0.1"
    assert [rows[0][name] for name in ("estimate", "ci_low", "ci_high")] == pytest.approx([-0.4, -0.5, -0.3])
    assert rows[0]["networks"] == "10, 10, 10"
    # Six p-values in the table; the second smallest, .001, stands for five.
    assert rows[0]["p_holm"] == pytest.approx(0.005)
    assert [(row["verdict"], row["note"]) for row in rows[2:4]] == [
        ("holds", "not monotone"),
        ("holds", "so it does before training"),
    ]
    (folder / "losses.parquet").unlink()
    assert claims.main([str(folder)]) == 0  # no claim on L1 is about features
    (folder / "degeneracy.parquet").unlink()
    assert claims.main([str(folder)]) == 2
    assert "degeneracy.parquet" in capsys.readouterr().err
    assert claims.main([str(study(tmp_path / "noise-flipflop"))]) == 2
    assert "'noise' is no factor" in capsys.readouterr().err
    assert claims.main([str(tmp_path)]) == 2
    assert claims.main([str(study(tmp_path / "nuclear-flipflop", "nuclear", against=1))]) == 2
    assert "nuclear=0.0001" in capsys.readouterr().err


def planned(*words: str) -> list[str]:
    line = ["make", "-n", "-C", str(ROOT), "OUT=none", "RNNKIT=rnnkit", "BIN=", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60)
    return [" ".join(text.split()) for text in done.stdout.replace("\\\n", " ").splitlines()]


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_every_factor_is_asked_for(scale):
    """Each study trains, compares, tests against its least value, draws and judges; ten networks a point at least."""
    lines = planned(f"SCALE={scale}")
    trained = [line for line in lines if line.startswith("rnnkit train ")]
    studied = {line.partition(f"none/{scale}/")[2].partition("/")[0] for line in trained}
    assert {name.partition("-")[0] for name in studied} == set(paper.TABLE_1)
    assert {name.partition("-")[2] for name in studied} >= {"flipflop", "delayed-discrimination"}
    for line in trained:
        low, high = re.search(r"--seeds (\d+):(\d+)", line).groups()
        assert int(high) - int(low) >= 10
        assert "--resume" in line
        key, values = re.search(r"--vary (\w+)=(\S+)", line).groups()
        name = line.partition(f"none/{scale}/")[2].partition("/")[0]
        tested = [one for one in lines if one.startswith("rnnkit degeneracy ") and f"/{name}/" in one]
        first = values.split(",")[0]
        assert [f"--against {key}={'False' if first == 'false' else first} " in one for one in tested] == [True]
        for command in ("compare", "rollout", "feature-learning", "plot degeneracy"):
            assert sum(one.startswith(f"rnnkit {command} ") and f"/{name}/" in one for one in lines) == 1
    rows = [line for line in lines if " python claims.py " in line and "--row" in line]
    assert len(rows) == len(trained)
    assert sum("--table" in line for line in lines) == 1
    widths = [line for line in trained if "--vary units=" in line]
    assert widths
    assert all("--model mup" in line and "--gamma 4" in line for line in widths)


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_trials_of_several_lengths_have_one_embedding(scale, tmp_path):
    """Delays make trials longer, so that no delay of the embedding can be chosen for all: the study gives one."""
    nets = tmp_path / "nets"
    train = ["train", "delayed-discrimination", "--units", 3, "--epochs", 1, "--steps-per-epoch", 1]
    assert (
        run_cli(*train, "--validation-trials", 4, "--vary", "delay_max=10,15", "--seeds", "0:2", "-o", nets).code == 0
    )
    line = next(line for line in planned(f"SCALE={scale}", "delay") if line.startswith("rnnkit compare "))
    options = line.partition("--metric ")[2].partition(" --threads")[0].split()[1:]
    words = ["compare", nets, "--within", "delay_max", "--metric", "dsa", *options, "-o", tmp_path / "d.csv"]
    assert run_cli(*words, "--trials", 8).code == 0


def test_a_part_of_it(tmp_path):
    assert sum(line.startswith("rnnkit train") for line in planned("l1-flipflop")) == 1
    assert sum(line.startswith("rnnkit train") for line in planned("l1")) == 2
    line = ["make", "-n", "-C", str(ROOT), "SCALE=tiny"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "SCALE is small or paper, not 'tiny'" in done.stderr


def test_from_networks_to_a_row(tmp_path, capsys):
    """The tables that the commands write are the tables that the scripts read."""
    folder = tmp_path / "gamma-flipflop"
    nets = folder / "networks"
    loose = ["--stop-loss", 9, "--patience", 0, "--seeds", "0:3", "--vary", "gamma=1,4"]
    assert run_cli("train", *QUICK, *loose, "-o", nets, "-q").code == 0
    pairs, losses = folder / "distances.parquet", folder / "losses.parquet"
    distances = ["--metric", "dsa,pif,pif-initial", "--delay", 1, "--trials", 8, "--bound", "spectra"]
    assert run_cli("compare", nets, "--within", "gamma", *distances, "-o", pairs, "-q").code == 0
    assert run_cli("rollout", nets, "--ood", "--summary", "--by", "gamma", "--trials", 8, "-o", losses, "-q").code == 0
    measured = ["--by", "gamma", "--trials", 2, "-o", folder / "features.parquet", "-q"]
    assert run_cli("feature-learning", nets, *measured).code == 0
    tested = ["--comparisons", pairs, "--summary", losses, "--against", "gamma=1", "--permutations", 19]
    assert run_cli("degeneracy", *tested, "-o", folder / "degeneracy.parquet", "-q").code == 0
    assert claims.main([str(folder)]) == 0
    page = capsys.readouterr().out
    # The same seeds start from the same weights: before training, no pair is further apart at one gamma.
    row = next(line for line in page.splitlines() if line.startswith("| gamma, 1.0 to 4.0 | flipflop | ↓ ↑ ↑ |"))
    assert "– +0 % " in row.split("|")[8]
    assert page.count("`make -C pipelines/degeneracy SCALE=small gamma-flipflop`") == 10
