"""What the shell offers after Tab, by the protocol that the installed completion speaks."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import typer.main

from rnnkit.architectures import FAMILIES
from rnnkit.cli.completion import METRIC_NAMES
from rnnkit.cli.main import app
from rnnkit.cli.manual import MANUAL
from rnnkit.metrics import METRICS, SOLVERS
from rnnkit.models.initialisation import INITIALISATIONS
from rnnkit.plots import KINDS
from rnnkit.tasks import PRESETS, task_names
from rnnkit.training.settings import DTYPES, OPTIMIZERS, SCHEDULES
from tests.conftest import run_cli


def offered(line: str, monkeypatch: pytest.MonkeyPatch, shell: str = "bash") -> list[str]:
    """What is offered for the last word of a line."""
    words = line.split(" ")
    monkeypatch.setenv("_RNNKIT_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", "\n".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
    done = run_cli()
    assert done.code == 0, done.err
    return done.out.decode().split()


def test_the_list_of_metrics_is_that_of_the_metrics():
    assert list(METRIC_NAMES) == list(METRICS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rnnkit sch", ["schur-ablate"]),
        ("rnnkit train flip", ["flipflop", "flipflop-pulse"]),
        ("rnnkit train ", [*task_names(), *PRESETS]),
        ("rnnkit tasks schur/c", ["schur/context-integration", "schur/copy"]),
        ("rnnkit rollout ckpts --task si", ["sine"]),
        ("rnnkit train --model ", list(FAMILIES)),
        ("rnnkit import a.pt --model lo", ["lowrank"]),
        ("rnnkit compare ckpts --metric ", list(METRICS)),
        ("rnnkit compare ckpts --metric dsa,pi", ["dsa,pif", "dsa,pif-initial"]),
        ("rnnkit compare ckpts --metric pif,pif", ["pif,pif-initial"]),
        ("rnnkit compare ckpts --solver ", list(SOLVERS)),
        ("rnnkit plot ", list(KINDS)),
        ("rnnkit train flipflop -t b", ["bits="]),
        ("rnnkit train flipflop -t bits=2 -t ", ["probability=", "steps=", "start="]),
        ("rnnkit rollout ckpts --task sine -t ph", []),
        ("rnnkit rollout ckpts --task sine -t fi", ["first="]),
        ("rnnkit sample copy -t ", ["channels=", "lags=", "symbols="]),
        ("rnnkit train schur/copy -t l", ["lags="]),
        ("rnnkit train --init ", ["default", *INITIALISATIONS]),
        ("rnnkit train --schedule ", list(SCHEDULES)),
        ("rnnkit train --optimizer ", list(OPTIMIZERS)),
        ("rnnkit train --dtype ", list(DTYPES)),
        ("rnnkit export ckpts --to ", ["torch", "npz", "mat"]),
        ("rnnkit info ckpts --format c", ["csv"]),
        ("rnnkit rollout ck", []),
    ],
)
def test_bash(line, expected, monkeypatch):
    assert sorted(offered(line, monkeypatch)) == sorted(expected)


def test_zsh_also_shows_what_things_are(monkeypatch):
    shown = " ".join(offered("rnnkit tasks flip", monkeypatch, "zsh"))
    assert '"flipflop":"hold the sign of the last pulse on each of several bits"' in shown


def test_completion_imports_nothing_heavy():
    code = (
        "import sys\nfrom rnnkit.cli.main import main\nsys.argv = ['rnnkit']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print({'torch', 'scipy', 'pandas', 'pyarrow', 'matplotlib', 'numba'} & set(sys.modules))"
    )
    for line in ("rnnkit train flipflop -t b", "rnnkit compare --metric d", "rnnkit plot t"):
        words = line.split(" ")
        told = {"_RNNKIT_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            env={**os.environ, **told},
        )
        assert len(done.stdout.splitlines()) >= 2
        assert done.stdout.splitlines()[-1] == "set()"


def test_the_script_to_install_names_the_command(monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    for shell, says in (("bash", "complete -o default -F"), ("zsh", "#compdef rnnkit")):
        shown = run_cli("--show-completion", shell).out.decode()
        assert says in shown
        assert f"_RNNKIT_COMPLETE=complete_{shell}" in shown


def test_bash_itself_completes_with_the_script(monkeypatch, tmp_path):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    script = tmp_path / "complete.sh"
    script.write_bytes(run_cli("--show-completion", "bash").out)
    program = tmp_path / "rnnkit"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rnnkit "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    lines = [
        f'source "{script}"',
        "COMP_WORDS=(rnnkit plot fix); COMP_CWORD=2",
        "name=$(complete -p rnnkit | sed 's/.*-F \\([^ ]*\\).*/\\1/')",
        '"$name" rnnkit',
        'echo "${COMPREPLY[@]}"',
    ]
    done = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["fixedpoints"], done.stderr


def test_every_command_says_what_it_reads_and_writes():
    names = {info.name for info in app.registered_commands}
    assert names <= set(MANUAL)
    for name in names:
        shown = " ".join(run_cli(name, "--help").out.decode().replace("│", " ").split())
        for word in ("Reads:", "Writes:", "Exit codes: 0 done;", "2 bad usage", "130 interrupted"):
            assert word in shown, name
        assert ("; 1 " in shown) == bool(MANUAL[name].flagged)


def test_the_list_of_commands_is_in_groups():
    shown = run_cli("--help").out.decode()
    places = [
        shown.index(f" {title} ")
        for title in ("Networks", "Tasks", "Run and compare", "Take apart", "Along training", "Look")
    ]
    assert places == sorted(places)


#: Numbers whose range depends on others, or that may be any.
ANY = {
    ("plot", "dims"): "2 or 3",
    ("train", "momentum"): "0 to below 1",
    ("train", "rank"): "1 to the units",
    ("memory-demand", "tolerance"): "from 0 to below 1",
    ("ramping", "memory_units"): "from 1 to one less than all",
    ("decode", "memory_units"): "from 1 to one less than all",
    ("spectrum", "memory_units"): "from 1 to one less than all",
}


def test_every_number_says_its_range():
    silent = []
    for name, command in typer.main.get_command(app).commands.items():
        for option in command.params:
            if option.type_descriptor.annotation not in (int, float):
                continue
            says = "or more" in option.help or "above 0" in option.help or re.search(r"\d to \d", option.help)
            known = option.type_descriptor.parameter_info.min is not None
            if not (says or known or ANY.get((name, option.name), "-") in option.help):
                silent.append(f"{name} {option.opts[0]}: {option.help}")
    assert not silent
