"""`info` on every file that the tools write: what it holds, and where it comes from."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from rnnkit.plots import KINDS
from rnnkit.plots.captions import read_caption
from rnnkit.provenance import Provenance, file_digest
from rnnkit.schemas import SCHEMAS
from rnnkit.tables import build, open_writer, table_metadata
from tests.conftest import run_cli

#: A value for a column of each type.
VALUES = {
    "string": "a",
    "int64": 1,
    "float64": 0.5,
    "bool": True,
    "vector": [1.0, 2.0],
    "vector64": [1.0, 2.0],
    "complexes": [{"re": 1.0, "im": -1.0}],
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_table_says_what_it_is_and_shows_every_column(name, tmp_path):
    schema = SCHEMAS[name]
    table = build(name, [{column.name: VALUES[column.type] for column in schema.columns}])
    ran = Provenance(f"rnnkit make {name}", {}, {"ckpts/a.safetensors": "f" * 64})
    with open_writer(tmp_path / "t.parquet", "parquet", table_metadata(name, ran)) as to:
        to.write(table)
    done = run_cli("info", tmp_path / "t.parquet")
    said = done.out.decode()
    assert (done.code, done.err) == (0, "")
    assert f"{name} table, 1 rows, {len(schema.columns)} columns" in said
    assert f"made by: rnnkit make {name}" in said
    assert "from: ckpts/a.safetensors (SHA-256 ffffffffffff…)" in said
    assert "with: rnnkit " in said
    # Every name whole: nothing is folded or left out, however wide the table.
    for column in schema.columns:
        assert f" {column.name} " in said


def test_a_wide_table_on_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    names = [column.name for column in SCHEMAS["ablations"].columns]
    rows = [{c.name: VALUES[c.type] for c in SCHEMAS["ablations"].columns} | {"network": f"n{k}"} for k in range(5)]
    with open_writer(tmp_path / "t.parquet", "parquet", {}) as to:
        to.write(build("ablations", rows))
    done = run_cli("info", tmp_path / "t.parquet", terminal=True)
    shown = re.sub("\x1b\\[[0-9;]*m", "", done.out.decode())
    assert max(map(len, shown.splitlines()[1:])) <= 80
    assert all(word in shown for word in (" network ", " status ", " n4 "))
    left = done.err.partition("5 of 5 rows, without the columns ")[2].partition(";")[0].split(", ")
    assert all((f" {name} " in shown) != (name in left) for name in names)
    assert "5 of" not in run_cli("info", tmp_path / "t.parquet").err


def test_rows_of_a_table_that_are_shown(tmp_path):
    row = {"epoch": 1, "lr": 1, "seconds": 1, "phase": 1, "status": "ok"}
    with open_writer(tmp_path / "t.csv", "csv", {}) as to:
        to.write(build("training", [row | {"network": f"n{k}"} for k in range(30)]))
    few, all_ = run_cli("info", tmp_path / "t.csv"), run_cli("info", tmp_path / "t.csv", "--rows", 30)
    assert (" n19 " in few.out.decode(), " n20 " in few.out.decode()) == (True, False)
    assert "20 of 30 rows; --rows N shows more rows" in few.err
    assert (" n29 " in all_.out.decode(), all_.err) == (True, "")


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_pictures(ending, tables, tmp_path):
    table, picture = tables / "comparisons.parquet", tmp_path / f"a (é) b.{ending}"
    line = ["plot", "distances", table, "-o", picture, "--title", "A (b) \\ c é"]
    assert run_cli(*line).code == 0
    done = run_cli("info", picture)
    assert (done.code, done.err) == (0, "")
    said = done.out.decode()
    assert said.startswith(f"{picture}: picture\nmade by: rnnkit plot distances ")
    assert f"from: {table} (SHA-256 {file_digest(table)[:12]}…)" in said
    assert "matplotlib " in said
    held = json.loads(run_cli("info", "-v", picture).out)
    assert held == read_caption(picture)
    assert held["parameters"]["title"] == "A (b) \\ c é"
    assert held["parameters"]["kind"] in KINDS


def test_snapshots(ensemble):
    path = next(ensemble.glob("*.history.safetensors"))
    done = run_cli("info", path)
    said = done.out.decode()
    assert done.code == 0
    assert f"{path}: 3 snapshots of flipflop-vanilla-n8-s" in said
    assert "at optimiser steps 0, 4, 8" in said
    assert "recurrent.weight (3, 8, 8) float32" in said


def test_a_checkpoint_says_all_of_itself(ensemble):
    path = ensemble / "flipflop-vanilla-n8-s0.safetensors"
    held = json.loads(run_cli("info", "-v", path).out)
    assert held["name"] == "flipflop-vanilla-n8-s0"
    assert held["provenance"]["command"].startswith("rnnkit train")
    assert held["task"]["name"] == "flipflop"
    assert held["tensors"]["recurrent.weight"] == [8, 8]


def test_a_folder_of_a_run_that_was_cut_off_says_so(ensemble, tmp_path):

    shutil.copytree(ensemble, tmp_path / "ckpts")
    (tmp_path / "ckpts" / ".rnnkit-train").mkdir()
    assert "--resume goes on" in run_cli("info", tmp_path / "ckpts").err
    assert run_cli("info", ensemble).err.count("--resume") == 0


@pytest.mark.parametrize(
    ("name", "data"), [("a.png", b"\x89PNG"), ("a.svg", b"<svg/>"), ("a.pdf", b"%PDF-1.4"), ("b.png", b"")]
)
def test_pictures_of_others(name, data, tmp_path):
    (tmp_path / name).write_bytes(data)
    done = run_cli("info", tmp_path / name)
    assert (done.code, done.out) == (2, b"")
    assert "says nothing of how it was made (give a picture that rnnkit plot wrote)" in done.err
    gone = run_cli("info", tmp_path / f"no-{name}")
    assert (gone.code, "no such file" in gone.err) == (2, True)
    assert run_cli("info", tmp_path / name, "-o", tmp_path / "t.csv").code == 2
