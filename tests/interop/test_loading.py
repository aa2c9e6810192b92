"""Files, folders and patterns into networks with names of their own."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file
from torch import nn

from rnnkit.checkpoints import save_history, save_native
from rnnkit.errors import FileError, InputError
from rnnkit.interop import find_checkpoints, load, load_all, network_names


@pytest.fixture
def tree(tmp_path, network, monkeypatch):
    """runs/{b,a}.safetensors with snapshots, other/deep/{one,two}/a.safetensors, and an empty folder."""
    net = replace(network("leaky"), initial={})
    runs = tmp_path / "runs"
    folders = [tmp_path / "other" / "deep" / name for name in ("one", "two")]
    for folder in (runs, tmp_path / "empty" / ".cache", *folders):
        folder.mkdir(parents=True)
    files = [runs / "b.safetensors", runs / "a.safetensors", runs / ".hidden.safetensors"]
    files += [tmp_path / "empty" / ".cache" / "c.safetensors"]
    for path in files + [folder / "a.safetensors" for folder in folders]:
        save_native(net, path)
    snapshots = {name: value[None] for name, value in net.weights.items()}
    save_history(runs / "a.history.safetensors", np.array([0]), snapshots, "a")
    (runs / "training.parquet").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*arguments):
    return [path.as_posix() for path in find_checkpoints(arguments)]


def test_files_keep_their_order(tree):
    assert found("runs/b.safetensors", "runs/a.safetensors") == ["runs/b.safetensors", "runs/a.safetensors"]


def test_folders_are_searched_in_order(tree):
    assert found("runs") == ["runs/a.safetensors", "runs/b.safetensors"]
    assert found(str(tree / "runs")) == [f"{tree}/runs/a.safetensors", f"{tree}/runs/b.safetensors"]
    assert found("other") == ["other/deep/one/a.safetensors", "other/deep/two/a.safetensors"]


def test_patterns_the_shell_left_alone(tree):
    assert found("runs/*.safetensors") == ["runs/a.safetensors", "runs/b.safetensors"]
    assert found("**/one/?.safetensors") == ["other/deep/one/a.safetensors"]
    assert found(f"{tree}/other/deep/*") == [f"{tree}/other/deep/{name}/a.safetensors" for name in ("one", "two")]


def test_a_name_with_brackets_is_a_name_first(tree):
    (tree / "runs" / "a.safetensors").rename(tree / "runs" / "a[1].safetensors")
    assert found("runs/a[1].safetensors") == ["runs/a[1].safetensors"]


def test_duplicates_count_once(tree):
    assert found("runs/b.safetensors", "runs", str(tree / "runs")) == [
        "runs/b.safetensors",
        "runs/a.safetensors",
    ]


def test_snapshots_stand_back_behind_their_network(tree):
    both = ("runs/a.history.safetensors", "runs/a.safetensors")
    assert found(*both) == ["runs/a.safetensors"]
    assert found(both[0]) == [both[0]]
    with pytest.raises(FileError, match="holds snapshots, not one network"):
        load(Path(both[0]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs/none.safetensors"], "runs/none.safetensors: no such file or folder"),
        (["empty"], r"empty: holds no \*.safetensors file"),
        (["runs/z*"], r"runs/z\*: matches no file"),
        ([], "no checkpoints were given"),
    ],
)
def test_nothing_there(tree, arguments, message):
    with pytest.raises(FileError, match=message):
        find_checkpoints(arguments)


def test_load_all_gives_unique_names_and_paths(tree):
    loaded = load_all(["runs", "other"])
    assert [net.name for net in loaded.checkpoints] == ["runs-a", "b", "one-a", "two-a"]
    assert [path.name for path in loaded.paths] == [
        "a.safetensors",
        "b.safetensors",
        "a.safetensors",
        "a.safetensors",
    ]
    assert loaded.checkpoints[0].architecture.rate == 0.3


def test_other_files_go_through_import(tree):
    with pytest.raises(FileError, match=r"is a table, not a checkpoint \(give .safetensors files"):
        load(Path("runs/training.parquet"))
    Path("net.h5").touch()
    with pytest.raises(FileError, match="bring it in with rnnkit import"):
        load(Path("net.h5"))
    with pytest.raises(FileError, match="no such file"):
        load(Path("runs/none.pt"))
    save_file(nn.Linear(2, 3).state_dict(), "linear.safetensors")
    with pytest.raises(InputError, match=r"no nn.RNN, nn.GRU or nn.LSTM among its tensors: "):
        load(Path("linear.safetensors"))


@pytest.mark.parametrize(("module", "family"), [(nn.RNN, "vanilla"), (nn.GRU, "gru"), (nn.LSTM, "lstm")])
def test_state_dicts_load_directly(tmp_path, module, family):
    model = nn.ModuleDict({"core": module(2, 3), "head": nn.Linear(3, 1)})
    save_file(model.state_dict(), tmp_path / "net.safetensors", metadata={"format": "pt"})
    net = load(tmp_path / "net.safetensors")
    assert (net.name, net.architecture.family, net.status, net.task) == ("net", family, "imported", None)
    np.testing.assert_array_equal(net.weights["readout.weight"], model["head"].weight.detach())


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/a.pt", "y/b.pt"], ["a", "b"]),
        (["x/a.pt", "y/a.pt", "y/b.pt"], ["x-a", "y-a", "b"]),
        (["p/x/w.pt", "q/x/w.pt", "q/y/w.pt"], ["p-x-w", "q-x-w", "y-w"]),
        (["x/a.pt", "x/a.npz", "x/a-2.pt"], ["x-a", "x-a-2", "a-2"]),
        (["x/a.s0.lr0.1.pt"], ["a.s0.lr0.1"]),
        (["a-b/c.pt", "a/b-c.pt", "d/c.pt"], ["a-b-c", "b-c", "d-c"]),
    ],
)
def test_network_names(paths, names):
    found = network_names([Path("/") / path for path in paths])
    assert len(set(found)) == len(paths)
    if paths[1:] != ["x/a.npz", "x/a-2.pt"]:
        assert found == names


def test_importing_the_package_is_light():
    code = "import sys, rnnkit.interop; print([m for m in ('torch', 'scipy', 'pandas', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
