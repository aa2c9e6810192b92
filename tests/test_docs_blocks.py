"""Every shell block of the documentation runs: a page's blocks in order, in one folder, at small sizes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from rnnkit.schemas import get_schema
from tests.conftest import run_cli
from tests.shell_blocks import blocks, lines, pipeline, run_line, smaller

ROOT = Path(__file__).parents[1]
PAGES = {
    path.name: path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}

#: Programs whose lines are looked at (tests/test_docs.py) and not run here, and why.
NOT_RUN = {
    "make": "sets up an environment of its own and takes minutes to hours; its targets are checked to exist",
    "pip": "changes the environment that the tests run in",
    "python": "benchmarks, which measure for minutes",
    "dask": "starts servers that do not end",
    "sbatch": "needs a cluster",
    "srun": "needs a cluster",
    "source": "changes the shell that it runs in",
}

#: What a page takes for granted: made by `SHELF`, copied into its folder.
NEEDS: dict[str, tuple[str, ...]] = {
    "README.md": ("mine.safetensors", "other.safetensors", "mine.pt", "arrays.npz"),
    "compare.md": (
        *("ckpts", "demo", "external", "session1.npz", "session2.npz", "recordings.npz", "rollout.parquet"),
    ),
    "degeneracy.md": ("ckpts", "grid", "losses.parquet"),
    "feature-learning.md": ("ckpts", "after.pt", "before.pt"),
    "fixedpoints.md": ("ckpts", "demo"),
    "formats.md": ("dist.parquet",),
    "import-export.md": (
        *("ckpts", "nets", "net.pt", "current.pt", "lowrank.pt", "net.npz", "net.mat"),
        *("a.pt", "b.pt", "a0.pt", "b0.pt"),
    ),
    "overlaps.md": ("ckpts",),
    "plot.md": ("ckpts", "grid"),
    "report.md": ("demo",),
    "own-network.md": ("net.npz", "inputs.npz"),
    "weight-updates.md": ("onsets.csv",),
    "rollout.md": ("ckpts",),
    "running.md": ("ckpts",),
    "shell.md": ("ckpts", "dist.parquet"),
    "incumbents.md": ("demo",),
    "schur-ablate.md": ("ckpts",),
    "schur-findings.md": ("ckpts",),
}


def _state(seed: int, channels: int = 3, units: int = 8) -> dict[str, torch.Tensor]:
    """The state dict of a `torch.nn.RNN` and a linear readout."""
    torch.manual_seed(seed)
    cell, readout = torch.nn.RNN(channels, units), torch.nn.Linear(units, channels)
    return {
        f"{name}.{key}": value
        for name, part in (("rnn", cell), ("out", readout))
        for key, value in part.state_dict().items()
    }


def _leaky_currents(rank: int) -> dict[str, torch.Tensor]:
    """The layout of Dubreuil, Valente et al."""
    draw = torch.Generator().manual_seed(rank)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw)

    held = {"wi": normal(2, 6), "si": torch.ones(2), "wo": normal(6, 1), "so": torch.ones(1), "h0": torch.zeros(6)}
    return held | ({"m": normal(6, rank), "n": normal(6, rank)} if rank else {"wrec": normal(6, 6)})


def _train(*words: str, out: str) -> None:
    line = [*("train", *words, "--batch", "4", "--epochs", "1", "--steps-per-epoch", "2", "--validation-trials", "4")]
    assert run_cli(*line, "--stop-loss", "1e9", "--patience", "0", "-o", out, "-q").code == 0


def _grid() -> None:
    if not Path("grid").exists():
        _train("flipflop", "-t", "steps=20", "--units", "8", "--vary", "gamma=0.3,1", "--seeds", "0:3", out="grid")


def _networks() -> None:
    """Three networks under the names that pages call them by; eight units do."""
    if not Path("ckpts").exists():
        _train("flipflop", "-t", "steps=20", "--units", "8", "--seeds", "0:3", out="ckpts")
        for path in Path("ckpts").glob("*.safetensors"):
            path.rename(path.with_name(path.name.replace("n8", "n64")))


def _table(*words: str, out: str) -> None:
    assert run_cli(*words, "-o", out, "-q").code == 0


def _saved(seed: int, **more: int) -> Callable[[str], None]:
    return lambda name: torch.save(_state(seed, **more), name)


def _safetensors(seed: int) -> Callable[[str], None]:
    from safetensors.torch import save_file

    return lambda name: save_file(_state(seed), name)


def _arrays(name: str) -> None:
    draw = np.random.default_rng(0)
    np.savez(name, W=draw.normal(size=(6, 6)), U=draw.normal(size=(6, 3)), R=draw.normal(size=(3, 6)))


def _matlab(name: str) -> None:
    draw = np.random.default_rng(1)
    held = {"Wrec": draw.normal(size=(6, 6)), "Win": draw.normal(size=(3, 6)), "Wout": draw.normal(size=(1, 6))}
    savemat(name, held)


def _recorded(seed: int) -> Callable[[str], None]:
    return lambda name: np.savez(name, activity=np.random.default_rng(seed).normal(size=(10, 30, 5)))


def _demo(_: str) -> None:
    _networks()
    shutil.copytree("ckpts", "demo/ckpts")
    _table("info", "ckpts", out="demo/networks.csv")
    _table("rollout", "ckpts", "--trials", "2", out="demo/rollout.parquet")
    _table("compare", "ckpts", "--metric", "svcca", "--trials", "6", out="demo/comparisons.parquet")
    _table("rollout", "ckpts", "--ood", "--summary", "--trials", "8", out="demo/summary.parquet")


def _folder(files: dict[str, int], channels: int = 3) -> Callable[[str], None]:
    def make(name: str) -> None:
        for file, seed in files.items():
            (Path(name) / file).parent.mkdir(parents=True, exist_ok=True)
            torch.save(_state(seed, channels), Path(name) / file)

    return make


def _pulsed(name: str) -> None:
    """Networks for the delayed discrimination of others: two inputs, one output."""
    for seed in (0, 1):
        held = _state(seed, 2)
        held |= {"out.weight": held["out.weight"][:1], "out.bias": held["out.bias"][:1]}
        (Path(name) / f"set{seed}" / "net").mkdir(parents=True)
        torch.save(held, Path(name) / f"set{seed}" / "net" / "weights.pt")


def _from_networks(*words: str) -> Callable[[str], None]:
    def make(name: str) -> None:
        _networks()
        _table(*words, out=name)

    return make


def _from_grid(*words: str) -> Callable[[str], None]:
    def make(name: str) -> None:
        _grid()
        _table(*words, out=name)

    return make


def _onsets(name: str) -> None:
    """The ends of search phases, at the first step, of the networks that the page trains."""
    columns = [column.name for column in get_schema("onsets").columns]
    held = {"onset": 1, "onset_low": 0, "crossing": 1, "censored": "false", "status": "ok", "criterion": "hinge"}
    held |= {"relapses": 0, "evaluations": 9, "steps_per_epoch": 2, "chance": 1, "search_steps": 1}
    rows = [held | {"network": f"flipflop-vanilla-n40-s{seed}"} for seed in range(4)]
    lines = [",".join(str(row.get(column, "")) for column in columns) for row in rows]
    Path(name).write_text("\n".join([",".join(columns), *lines, ""]))


#: How each thing is made, in the current folder.
SHELF: dict[str, Callable[[str], None]] = {
    "ckpts": lambda _: _networks(),
    "grid": lambda _: _grid(),
    "demo": _demo,
    "external": _pulsed,
    "dist.parquet": _from_networks("compare", "ckpts", "--metric", "svcca", "--trials", "6"),
    "losses.parquet": _from_grid("rollout", "grid", "--ood", "--summary", "--by", "gamma", "--trials", "8"),
    "rollout.parquet": _from_grid("rollout", "grid/flipflop-vanilla-n8-gamma1-s0.safetensors", "--trials", "8"),
    "session1.npz": _recorded(1),
    "session2.npz": _recorded(2),
    "recordings.npz": _recorded(3),
    "mine.safetensors": _safetensors(0),
    "other.safetensors": _safetensors(1),
    "mine.pt": _saved(0),
    "net.pt": _saved(0),
    "after.pt": _saved(0),
    "before.pt": _saved(1),
    **{f"{name}.pt": _saved(seed) for seed, name in enumerate(("a", "b", "a0", "b0"))},
    "nets": _folder({"one.pt": 0, "two.pt": 1}),
    "current.pt": lambda name: torch.save(_leaky_currents(0), name),
    "lowrank.pt": lambda name: torch.save(_leaky_currents(2), name),
    "arrays.npz": _arrays,
    "net.npz": _arrays,
    "net.mat": _matlab,
    "onsets.csv": _onsets,
    "inputs.npz": lambda name: np.savez(name, np.random.default_rng(4).normal(size=(4, 9, 3))),
}


#: Python blocks with a title that a page's commands build on.
SCRIPTS = {"own-network.md": "save.py"}


def script(page: str, title: str) -> str:
    """The Python block of a page with this title."""
    (found,) = re.findall(rf'^```python title="{title}"\n(.*?)^```', PAGES[page].read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf")


def _take(name: str, shelf: Path) -> None:
    """Copy what a page needs into the current folder; made when it is first asked for."""
    if not (shelf / name).exists():
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(shelf)
            SHELF[name](name)
    (shutil.copytree if (shelf / name).is_dir() else shutil.copy)(shelf / name, name)


WITH_BLOCKS = [name for name, path in PAGES.items() if any(line.startswith("rnnkit") for line in lines(path))]


#: The package's descents have no smaller size: 1500 iterations a pair.
SLOW = "--solver dsa-metric"
SLOW_PAGES = ("compare.md", "incumbents.md")


@pytest.mark.parametrize(
    ("page", "slow"),
    [
        *((page, False) for page in WITH_BLOCKS),
        *(pytest.param(page, True, marks=pytest.mark.slow) for page in SLOW_PAGES),
    ],
)
def test_a_page_runs(page: str, slow: bool, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NEEDS.get(page, ()):
        _take(name, shelf)
    if page in SCRIPTS:
        exec(compile(script(page, SCRIPTS[page]), SCRIPTS[page], "exec"), {"__name__": "__main__"})
    for line in lines(PAGES[page]):
        if line.split()[0] in NOT_RUN or (SLOW in line and not slow):
            continue
        for done in run_line(line):
            # Code 1: done, with rows that carry a flag; at these sizes many do.
            assert done.code in (0, 1), f"{page}: {line}\n{done.err}"


def test_what_is_not_run_is_listed() -> None:
    programs = {command.words[0] for path in PAGES.values() for line in lines(path) for command in pipeline(line)}
    assert programs <= {"rnnkit", *NOT_RUN}


def test_slow_lines_are_on_slow_pages() -> None:
    assert {page for page in WITH_BLOCKS if any(SLOW in line for line in lines(PAGES[page]))} == set(SLOW_PAGES)


def test_what_is_prepared_is_used() -> None:
    assert {name for names in NEEDS.values() for name in names} == set(SHELF)
    for page, names in NEEDS.items():
        for name in names:
            assert any(name in line for line in lines(PAGES[page])), f"{page}: {name}"


def test_blocks_inside_lists_are_found() -> None:
    assert any("lags=8" in block for block in blocks(ROOT / "docs" / "tasks.md"))


def test_sizes_are_cut_and_nothing_else() -> None:
    assert smaller(("schur-ablate", "ckpts", "--controls", "99"))[:4] == ["schur-ablate", "ckpts", "--controls", "99"]
    assert smaller(("schur-ablate", "ckpts", "--controls", "99"))[-2:] == ["--controls", "2"]
    assert smaller(("info", "ckpts")) == ["info", "ckpts"]


def test_a_line_that_fails_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (done,) = run_line("rnnkit info nothing.safetensors")
    assert done.code == 2


@pytest.mark.slow
def test_a_cluster_on_this_computer(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _take("ckpts", shelf)
    Path("cluster.py").write_text(script("running.md", "cluster.py"))
    done = subprocess.run([sys.executable, "cluster.py"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert run_cli("info", "dist.parquet").code == 0
