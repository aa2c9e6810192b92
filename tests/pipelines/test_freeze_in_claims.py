"""The claims on freeze-in: of planted tables, and the commands of their targets."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from rnnkit.errors import InputError
from rnnkit.provenance import Provenance
from rnnkit.tables import build, open_writer, table_metadata
from tests.pipelines.scripts import PIPELINES, load
from tests.test_docs import _check_rnnkit

claims = load("abrupt-learning", "freeze_in_claims")
ABRUPT = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 6, 10, 10, 10]
GRADUAL = [min(10, k) for k in range(15)]


def write(path: Path, course: list[int], cues: int = 10, proven: bool = True, networks: int = 3) -> Path:
    """Of each network's cues so many have a point of their own after 0, 1, ... presentations."""
    rows = [
        {
            "network": f"n{k}",
            "epoch": epoch,
            "cue": cue,
            "settled": cue < points,
            "speed": 0.0,
            "point": cue if cue < points else None,
            "rms": 0.9,
            "weight_norm_ratio": 1 + 0.001 * k,
            "weight_change": 0.1 * epoch,
            "abscissa": -0.3 - 0.01 * k if epoch == len(course) - 1 and cue < points else None,
            "certified": proven if epoch == len(course) - 1 and cue < points else None,
            "stability_certified": proven if epoch == len(course) - 1 and cue < points else None,
            "status": "ok",
        }
        for k in range(networks)
        for epoch, points in enumerate(course)
        for cue in range(cues)
    ]
    with open_writer(path, "parquet", table_metadata("freeze_in", Provenance())) as writer:
        writer.write(build("freeze_in", rows))
    return path


def verdicts(tmp_path: Path, course: list[int], both: list[int], proven: bool = True) -> dict[str, tuple[str, float]]:
    tables = [write(tmp_path / "a.parquet", course, proven=proven), write(tmp_path / "b.parquet", both)]
    found = claims.outcomes("fig7", tables[:1], tables[1])
    return {one.statistic: (one.verdict, one.estimate) for one in found}


def test_an_abrupt_rise_at_twelve(tmp_path):
    found = verdicts(tmp_path, ABRUPT, [0, 0])
    assert {verdict for verdict, _ in found.values()} == {"holds"}
    assert found["presentations until all cues have points"][1] == 12
    # 10 % at epoch 10, 90 % at 12.
    assert found["wait for 10 % less rise to 90 %"][1] == 8
    assert found["minus the largest abscissa without input"][1] == pytest.approx(0.31)


def test_a_gradual_rise_is_not_abrupt(tmp_path):
    found = verdicts(tmp_path, GRADUAL, [0, 3])
    assert found["wait for 10 % less rise to 90 %"] == ("does not hold", -7)
    assert found["points / cues"] == ("does not hold", pytest.approx(0.3))


def test_what_is_not_proven_or_never_comes_does_not_count(tmp_path):
    found = verdicts(tmp_path, ABRUPT, [0, 0], proven=False)
    assert found["share of cues without a proven one"] == ("does not hold", 1.0)
    late = verdicts(tmp_path, [0, 0, 0, 5], [0, 0])
    assert late["presentations until all cues have points"][0] == "undecided: 3 of 3 networks never did"


@pytest.mark.parametrize(("points", "verdict"), [(45, "holds"), (20, "does not hold")])
def test_capacity(tmp_path, points, verdict):
    tables = [write(tmp_path / "a.parquet", [0, 10], 10), write(tmp_path / "b.parquet", [0, points], 50)]
    (found,) = claims.outcomes("capacity", tables, None)
    assert (found.verdict, found.estimate) == (verdict, points - 25)
    assert found.values == f"10 cues: 10 ± 0 (3), 50 cues: {points} ± 0 (3)"
    with pytest.raises(InputError, match="10 cues: have two tables"):
        list(claims.outcomes("capacity", [tables[0], tables[0]], None))


def test_the_script(tmp_path, capsys):
    tables = [write(tmp_path / "a.parquet", ABRUPT), write(tmp_path / "b.parquet", [0, 0])]
    line = ["fig7", str(tables[0]), "-o", str(tmp_path / "c.csv")]
    assert claims.main([*line, "--both", str(tables[1])]) == 0
    assert "6 claims: 6 holds." in capsys.readouterr().out
    assert (tmp_path / "c.csv").read_text().count("fig7") == 6
    assert claims.main(line) == 2
    assert "--both: is needed for figure 7" in capsys.readouterr().err


def test_the_commands_of_the_targets_parse():
    """By themselves, so that they can be taken into the study's Makefile as they are."""
    given = f"include ../tools.mk\ninclude {PIPELINES / 'abrupt-learning' / 'freeze_in.mk'}\n"
    line = ["make", "-n", "-f", "-", "-C", str(PIPELINES / "abrupt-learning"), "OUT=none", "RNNKIT=rnnkit"]
    done = subprocess.run([*line, "fig7", "capacity"], input=given, capture_output=True, text=True, check=True)
    lines = [shlex.split(text.partition("||")[0]) for text in done.stdout.splitlines()]
    commands = [words[1:] for words in lines if words[:1] == ["rnnkit"]]
    assert len(commands) == 8
    for words in commands:
        _check_rnnkit(words)
