"""`report` as a command: where the page goes, what it says, and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import run_cli
from tests.plots import planted
from tests.report.planted import Reading, table


@pytest.fixture
def folder(tables, tmp_path, monkeypatch):
    """Tables of a run, in a folder of their own, and nothing else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").symlink_to(tables)
    return tmp_path


def test_a_file_a_pipe_and_standard_output_get_the_same_page(folder):
    words = ("report", "run", "--plots", "none")
    assert run_cli(*words, "-o", "new/report.html").code == 0
    written = (folder / "new" / "report.html").read_text()
    first = " ".join(["rnnkit", *words])
    for more in ([], ["-o", "-"]):
        done = run_cli(*words, *more)
        assert (done.code, done.err) == (0, "")
        line = " ".join(["rnnkit", *words, *more])
        assert done.out.decode().replace(line, "") == written.replace(f"{first} -o new/report.html", "")


def test_what_is_said_and_the_name_of_the_folder(folder):
    done = run_cli("report", "run", "--plots", "none", "-o", "r.html", "-v")
    assert done.code == 0
    assert done.err.startswith("r.html: 4 files, ")
    assert Reading((folder / "r.html").read_text()).said("title")[0].startswith("rnnkit report: ")


def test_what_is_missing_is_said_and_the_code_is_1(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "t.csv").write_text("a,b\n1\n")
    (tmp_path / "run" / "u.csv").write_text("a\n1\n")
    done = run_cli("report", "run", "-o", "r.html")
    assert (done.code, done.err) == (1, "t.csv: is no readable table: line 2 has not 2 cells (write it again)\n")
    assert "t.csv: is no readable table" in (tmp_path / "r.html").read_text()
    assert run_cli("report", "run", "-o", "r.html", "-q").err == ""


def test_overlaps_and_their_theory_are_drawn_and_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "history").mkdir(parents=True)
    table(tmp_path / "run" / "theory.parquet", "overlap_theory", planted.overlap_theory(1))
    table(tmp_path / "run" / "gram.parquet", "gram_matrix", planted.gram_matrix(1))
    table(tmp_path / "run" / "history" / "overlaps.parquet", "overlaps", planted.overlaps(2))
    assert run_cli("report", "run", "--static", "-o", "r.html").code == 0
    read = Reading((tmp_path / "r.html").read_text())
    drawn = [element["id"] for element in read.all("section") if element.get("id", "").startswith("plot-")]
    # Of overlaps and matrices there are two tables each.
    assert drawn == [
        "plot-overlaps-0",
        "plot-overlaps-1",
        "plot-theory-loss",
        "plot-gram-3",
        "plot-gram-4",
        "plot-twins",
    ]
    lines = " ".join(read.said("li"))
    for said in (
        "Sizes of overlaps",
        "Largest deviations of the theory (flow)",
        "Augmented Gram matrices of 1 network",
    ):
        assert said in lines
    commands = [text for text in read.said("code") if text.startswith("rnnkit plot ")]
    assert commands[0].startswith("rnnkit plot overlaps run/theory.parquet")


def test_path_dependence_is_drawn_and_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    table(tmp_path / "run" / "paths.parquet", "path_dependence", planted.path_dependence(2))
    assert run_cli("report", "run", "--static", "-o", "r.html").code == 0
    read = Reading((tmp_path / "r.html").read_text())
    drawn = [element["id"] for element in read.all("section") if element.get("id", "").startswith("plot-")]
    assert drawn == ["plot-path-dependence"]
    assert "Left of the way to another task and back" in " ".join(read.said("li"))
    commands = [text for text in read.said("code") if text.startswith("rnnkit plot ")]
    assert commands == ["rnnkit plot path-dependence run/paths.parquet -o path-dependence.pdf"]


def test_nothing_goes_to_a_terminal(folder):
    done = run_cli("report", "run", terminal=True)
    assert (done.code, done.out) == (2, b"")
    assert "name an .html file" in done.err


def test_a_failure_midway_leaves_the_page_before(folder, monkeypatch):
    (folder / "r.html").write_text("before")

    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    done = run_cli("report", "run", "--plots", "none", "-o", "r.html")
    assert done.code == 2
    assert "r.html: cannot be written: No space left on device" in done.err
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["r.html"]
    assert (folder / "r.html").read_text() == "before"


@pytest.mark.parametrize("name", ["jinja2", "itables"])
def test_without_its_libraries_it_says_what_to_install(folder, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    done = run_cli("report", "run", "-o", "r.html")
    assert (done.code, (folder / "r.html").exists()) == (2, False)
    assert f"{name} is not installed (pip install 'rnnkit[report]')" in done.err


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom rnnkit.cli.main import main\nsys.argv = ['rnnkit', 'report', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print({'matplotlib', 'torch', 'scipy', 'pandas', 'pyarrow', 'jinja2', 'itables'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert "rnnkit report demo -o report.html" in done.stdout
