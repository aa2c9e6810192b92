"""The studies: their commands parse, and their tables are what they say."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import QUICK, run_cli
from tests.test_docs import _check_rnnkit

PIPELINES = Path(__file__).parents[2] / "pipelines"


@pytest.mark.parametrize("study", sorted(path.parent.name for path in PIPELINES.glob("*/Makefile")))
def test_the_commands_of_a_study_parse(study: str) -> None:
    folder = PIPELINES / study
    line = ["make", "-n", "-C", folder, "OUT=none", "RNNKIT=rnnkit"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    # After || stands what is made of the exit code.
    lines = [shlex.split(line.partition("||")[0]) for line in done.stdout.replace("\\\n", " ").splitlines()]
    commands = [words[1:] for words in lines if words[:1] == ["rnnkit"]]
    assert len(commands) >= 2
    for words in commands:
        _check_rnnkit(words)


def test_the_table_of_gamma(tmp_path: Path) -> None:
    table = tmp_path / "quick.csv"
    made = run_cli("train", *QUICK, "--seeds", "0:2", "--vary", "gamma=1,4", "-o", tmp_path / "nets", "-q")
    assert made.code == 0
    measured = run_cli("feature-learning", tmp_path / "nets", "--trials", 2, "--by", "gamma", "-o", table, "-q")
    assert measured.code == 0
    script = PIPELINES / "feature-learning" / "table.py"
    done = subprocess.run([sys.executable, script, table], capture_output=True, text=True, check=True)
    head, _, first, second, last = done.stdout.strip().splitlines()
    assert head.startswith("| quick, gamma | networks | weight change |")
    assert [line.split(" | ")[:2] for line in (first, second)] == [["| 1", "2"], ["| 4", "2"]]
    # The learning rate grows with gamma, so the weights of both seeds move further.
    assert last.startswith("| seeds larger | 2 | 2 | 2 |")
