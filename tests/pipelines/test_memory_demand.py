"""The study of memory demand: its commands are real, and its summary says what the tables hold."""

import runpy
import shlex
import subprocess
from pathlib import Path

import pytest
import typer.main

from rnnkit.cli.main import app
from rnnkit.tasks import make_task
from tests.conftest import run_cli

STUDY = Path(__file__).parents[2] / "pipelines" / "memory-demand"


def test_every_command_is_real(tmp_path):
    line = ["make", "-n", "-C", str(STUDY), f"OUT={tmp_path / 'new'}", "RNNKIT=rnnkit", "HISTORY=1:3", "SEED=5"]
    planned = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    lines = [text.partition("||")[0] for text in planned.splitlines() if text.startswith("rnnkit ")]
    assert len(lines) == 10
    command = typer.main.get_command(app).commands["memory-demand"]
    for text in lines:
        _, name, *words = shlex.split(text)
        assert name == "memory-demand"
        values = command.make_context(name, words).params
        assert (values["history"], values["seed"]) == ("1:3", 5)
        make_task(values["task"], dict(text.split("=") for text in values["parameters"] or []))


def test_the_summary(tmp_path, capsys):
    line = "memory-demand flipflop -t steps=20 -t bits=1 --trials 200 --steps 200 --hidden 16 --batch 64"
    line = f"{line} --bootstrap 20 --floor .01 -q"
    assert run_cli(*line.split(), "--history", "1:4", "-o", tmp_path / "a.csv").code == 0
    short = f"{line} --outputs none --history 1,2 --tolerance 0 --floor 0"
    assert run_cli(*short.split(), "-o", tmp_path / "b.csv").code == 1
    runpy.run_path(str(STUDY / "summary.py"))["main"](tmp_path)
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[1] == "h*"
    name, star, *interval = first.split()[:4]
    assert (name, star, interval) == ("a", "1", ["[1,", "1]"])
    assert second.split() == ["b", "no", "h*:", "no_plateau"]
    assert float(first.split()[-1]) == pytest.approx(0, abs=0.05)
