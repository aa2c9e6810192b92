"""`plot` as a command: where the picture goes, what it holds, and how it ends."""

import json
import re
import subprocess
import sys

import pyarrow.csv
import pytest

from rnnkit.plots import KINDS
from rnnkit.provenance import file_digest
from rnnkit.tables import build, open_writer
from tests.conftest import run_cli
from tests.plots import planted


@pytest.fixture
def losses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for ending in ("parquet", "csv", "jsonl"):
        with open_writer(tmp_path / f"losses.{ending}", ending, {}) as to:
            to.write(planted.training(3))
    return tmp_path


def test_files_by_their_ending(losses):
    for ending, magic in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        done = run_cli("plot", "training", "losses.parquet", "-o", f"new/losses.{ending}", "--dpi", 50)
        assert (done.code, done.out, done.err) == (0, b"", "")
        held = (losses / "new" / f"losses.{ending}").read_bytes()
        assert held.startswith(magic)
        piped = run_cli("plot", "training", "losses.parquet", "--format", ending, "--dpi", 50)
        assert piped.code == 0
        assert piped.out.startswith(magic)


def test_every_form_of_a_table_gives_the_same_picture(losses):
    def drawn(*words, stdin=b""):
        done = run_cli("plot", "training", *words, stdin=stdin)
        assert done.code == 0, done.err
        return re.sub(rb"<dc:description>.*?</dc:description>", b"", done.out, flags=re.DOTALL)

    first = drawn("losses.parquet")
    assert drawn("losses.csv") == first
    assert drawn("losses.jsonl") == first
    assert drawn("-", stdin=(losses / "losses.parquet").read_bytes()) == first


@pytest.mark.parametrize(
    ("kind", "name", "table"),
    [
        ("schur", "schur", planted.schur(2)),
        ("spectrum", "eigenvalues", planted.eigenvalues(2)),
        ("trajectories", "rollout", planted.rollout(2)),
        ("task", "sample", planted.sample()),
    ],
)
def test_lists_are_drawn_from_every_form(tmp_path, kind, name, table):
    pictures = set()
    for ending in ("parquet", "csv", "jsonl"):
        with open_writer(tmp_path / f"{name}.{ending}", ending, {}) as to:
            to.write(table)
        done = run_cli("plot", kind, tmp_path / f"{name}.{ending}")
        assert done.code == 0, done.err
        pictures.add(re.sub(rb"<dc:description>.*?</dc:description>", b"", done.out, flags=re.DOTALL))
    assert len(pictures) == 1


def test_what_was_left_out_for_room_is_said_and_the_code_stays_0(tmp_path):
    with open_writer(tmp_path / "e.parquet", "parquet", {}) as to:
        to.write(planted.eigenvalues(13))
    done = run_cli("plot", "spectrum", tmp_path / "e.parquet", "-o", tmp_path / "new.svg")
    assert (done.code, done.err) == (0, "12 of 13 networks are drawn (--network chooses others)\n")


def test_the_caption_names_command_and_digest(losses):
    svg = run_cli("plot", "training", "losses.parquet", "--width", 5).out.decode()
    found = re.search(r"<dc:description>(.*?)</dc:description>", svg, re.DOTALL)
    assert found is not None
    note = json.loads(found[1].replace("&quot;", '"'))
    assert note["command"] == "rnnkit plot training losses.parquet --width 5"
    assert note["parameters"]["width"] == 5
    assert note["inputs"] == {"losses.parquet": file_digest(losses / "losses.parquet")}


def test_what_cannot_be_drawn_is_said_and_the_code_is_1(losses):
    rows = [
        row | {"val_loss": None} if row["network"].endswith("s2") else row for row in planted.training(3).to_pylist()
    ]
    pyarrow.csv.write_csv(build("training", rows), losses / "part.csv")
    done = run_cli("plot", "training", "part.csv", "-o", "part.svg")
    assert (done.code, done.err) == (1, "flipflop-n8-s2: no val_loss\n")
    assert (losses / "part.svg").is_file()
    assert run_cli("plot", "training", "part.csv", "-o", "part.svg", "-q").err == ""


def test_nothing_goes_to_a_terminal(losses):
    done = run_cli("plot", "training", "losses.parquet", terminal=True)
    assert (done.code, done.out) == (2, b"")
    assert "--out" in done.err


def test_tables_of_a_run_are_drawn(tables):
    for kind, name in (("distances", "comparisons"), ("embedding", "comparisons")):
        done = run_cli("plot", kind, tables / f"{name}.parquet")
        assert done.code == 0, done.err
    beside = run_cli(
        "plot", "embedding", tables / "comparisons.parquet", tables / "summary.parquet", "--colour", "task"
    )
    assert beside.code == 0, beside.err


def test_help_imports_no_matplotlib():
    code = (
        "import sys\nfrom rnnkit.cli.main import main\nsys.argv = ['rnnkit', 'plot', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print({'matplotlib', 'torch', 'scipy', 'pandas', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert all(kind in done.stdout for kind in KINDS)


def test_without_matplotlib_it_says_what_to_install(losses, monkeypatch):
    for name in [
        name for name in sys.modules if name.startswith(("matplotlib", "rnnkit.plots.")) and "settings" not in name
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run_cli("plot", "training", "losses.parquet", "-o", "new.svg")
    assert (done.code, (losses / "new.svg").exists()) == (2, False)
    assert "matplotlib is not installed (pip install 'rnnkit[plots]')" in done.err
