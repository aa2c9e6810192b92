"""Every command's help ends in an example that can be pasted as it stands."""

from __future__ import annotations

import shlex

import pytest

from rnnkit.cli.main import app
from tests.conftest import run_cli
from tests.test_docs import _check_rnnkit

EPILOGS = {info.name: str(info.epilog) for info in app.registered_commands}


@pytest.mark.parametrize("name", EPILOGS)
def test_the_example_of_a_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said, _, example = EPILOGS[name].partition(": ")
    assert said == "Example"
    program, *words = shlex.split(example)
    assert (program, words[0]) == ("rnnkit", name)
    assert len(words) > 1
    _check_rnnkit(words)
    # At the usual width it stands on one line.
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    shown = run_cli(name, "--help").out.decode()
    assert any(line.strip().endswith(example) for line in shown.splitlines()), shown
