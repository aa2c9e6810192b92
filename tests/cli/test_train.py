"""Settings of `train` by command line, configuration file and grid: the same networks whichever way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnkit.checkpoints import Checkpoint, load_native
from tests.conftest import QUICK, run_cli


def trained(folder: Path, *words: object) -> list[Checkpoint]:
    done = run_cli("train", *QUICK, "--seeds", 0, *words, "-o", folder, "-q")
    assert (done.code, done.err) == (0, "")
    paths = (path for path in sorted(folder.glob("*.safetensors")) if not path.name.endswith(".history.safetensors"))
    return [load_native(path) for path in paths]


def same(a: Checkpoint, b: Checkpoint) -> bool:
    return a.training == b.training and all(np.array_equal(value, b.weights[name]) for name, value in a.weights.items())


def test_phases_come_from_tables_and_the_command_line_wins_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        'protocol = ["A", "B"]\n[phase.A]\nprobability = 0.7\nstart = "pulse"\n[phase.B]\nprobability = 0.1\n'
    )
    from_file = trained(tmp_path / "file", "--config", tmp_path / "c.toml", "--phase", "A:probability=0.9")[0]
    phases = ["A:probability=0.9", "A:start=pulse", "B:probability=0.1"]
    words = [word for phase in phases for word in ("--phase", phase)]
    typed = trained(tmp_path / "typed", "--protocol", "A,B", *words)[0]
    assert same(from_file, typed)
    held = typed.training["protocol"]
    assert [(one["parameters"]["probability"], one["parameters"]["start"]) for one in held] == [
        (0.9, "pulse"),
        (0.1, "zero"),
    ]
    assert typed.provenance["parameters"]["protocol"] == "A,B"
    assert typed.provenance["parameters"]["phase"] == {
        "A": {"probability": "0.9", "start": "pulse"},
        "B": {"probability": "0.1"},
    }


def test_new_settings_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        'optimizer = "sgd"\nmomentum = 0.5\ndtype = "float64"\nfixed-trials = true\nsnapshot-steps = 3\n'
        'freeze = ["input.weight:0", "readout.bias"]\n'
    )
    from_file = trained(tmp_path / "file", "--config", tmp_path / "c.toml")[0]
    words = ["--optimizer", "sgd", "--momentum", 0.5, "--dtype", "float64", "--fixed-trials", "--snapshot-steps", 3]
    typed = trained(tmp_path / "typed", *words, "--freeze", "input.weight:0,readout.bias")[0]
    assert same(from_file, typed)
    assert typed.training["fixed_trials"] is True
    undone = trained(tmp_path / "undone", "--config", tmp_path / "c.toml", "--fresh-trials")[0]
    assert undone.training["fixed_trials"] is False
    assert not np.array_equal(undone.weights["recurrent.weight"], typed.weights["recurrent.weight"])


@pytest.mark.parametrize(
    ("grid", "fixed", "singles"),
    [
        ("optimizer=adam,sgd", (), [("--optimizer", "adam"), ("--optimizer", "sgd")]),
        ("momentum=0,0.9", ("--optimizer", "sgd"), [("--momentum", 0), ("--momentum", 0.9)]),
        ("dtype=float32,float64", (), [("--dtype", "float32"), ("--dtype", "float64")]),
        ("fixed-trials=false,true", (), [("--fresh-trials",), ("--fixed-trials",)]),
        ("freeze=none,recurrent.bias+input.weight", (), [(), ("--freeze", "recurrent.bias,input.weight")]),
        ("snapshot-steps=2,4", (), [("--snapshot-steps", 2), ("--snapshot-steps", 4)]),
    ],
)
def test_a_grid_is_what_each_setting_gives_alone(tmp_path: Path, grid: str, fixed: tuple, singles: list) -> None:
    both = trained(tmp_path / "grid", *fixed, "--vary", grid)
    for k, words in enumerate(singles):
        alone = trained(tmp_path / str(k), *fixed, *words)[0]
        member = next(one for one in both if _setting(one, grid) == str(_setting(alone, grid)))
        for name, value in alone.weights.items():
            assert member.weights[name].dtype == value.dtype
            np.testing.assert_allclose(value, member.weights[name], atol=1e-6)


def _setting(network: Checkpoint, grid: str) -> str:
    key = grid.partition("=")[0].replace("-", "_")
    return str(network.setting(key)).replace(",", "+")
