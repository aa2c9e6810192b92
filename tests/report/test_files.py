"""Files of a folder, and what is read of each."""

import numpy as np
import pytest

from rnnkit.errors import FileError, InputError
from rnnkit.provenance import file_digest
from rnnkit.report.files import find_files, open_table
from rnnkit.tables import open_writer
from tests.plots import planted as pictures
from tests.report import planted


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return planted.run(tmp_path_factory.mktemp("a") / "run")


def opened(folder, name, rows=3):
    return open_table(next(file for file in find_files(folder) if file.name == name), rows)


def test_what_is_found_and_in_which_order(folder):
    nets = [f"ckpts/flipflop-n8-s{k}.safetensors" for k in range(5)]
    rest = ["fixedpoints.parquet", "rollout.parquet", "summary.csv"]
    found = find_files(folder)
    assert [file.name for file in found] == [planted.ODD, *nets, "ckpts/training.parquet", *rest]
    assert {file.digest for file in found} == {file_digest(file.path) for file in found}


def test_patterns(folder):
    def names(**given):
        return [file.name for file in find_files(folder, **given)]

    assert names(include=["*.csv", "roll*"]) == ["rollout.parquet", "summary.csv"]
    assert names(include=["ckpts/*"], exclude=["*s[0-3].safe*"]) == [
        "ckpts/flipflop-n8-s4.safetensors",
        "ckpts/training.parquet",
    ]
    for given, said in (
        ({"include": ["*.npz"]}, r"--include: '\*.npz' fits no file"),
        ({"exclude": ["*.npz"]}, r"--exclude: '\*.npz' fits no file"),
        ({"exclude": ["*"]}, "leaves no file"),
    ):
        with pytest.raises(InputError, match=said):
            names(**given)


def test_a_folder_with_nothing_says_what_to_run(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "t.csv").write_text("x")
    with pytest.raises(FileError, match=r"holds no checkpoint and no table .*rnnkit train flipflop"):
        find_files(tmp_path)
    with pytest.raises(FileError, match="no such folder"):
        find_files(tmp_path / "missing")
    with pytest.raises(FileError, match="a file, not a folder"):
        find_files(tmp_path / "notes.txt")


def test_a_table_is_the_same_in_every_form(folder, tmp_path):
    for form in ("parquet", "csv", "jsonl"):
        with open_writer(tmp_path / f"t.{form}", form, {}) as to:
            to.write(pictures.training(3))
    first, *others = (open_table(file, 4) for file in find_files(tmp_path))
    assert first.head[0][:3] == ("flipflop-n8-s0", "1", "1")
    for table in (first, *others):
        assert (table.schema, table.rows, len(table.head)) == ("training", 15, 4)
        assert table.statuses == {"training": 10, "converged": 2, "diverged": 3}
        values = [[[float(cell or "nan") for cell in row[1:-1]] for row in one.head] for one in (table, first)]
        np.testing.assert_array_equal(*values)


def test_the_head_is_no_more_than_asked_for(folder):
    table = opened(folder, "rollout.parquet", 7)
    assert (table.rows, len(table.head)) == (5 * 30 * 10, 7)
    assert table.head[0][table.columns.index("hidden")] == "2, 0, 0, 0"
    assert table.note["command"] == "rnnkit rollout run/ckpts"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "a,b\n1\n"),
        ("t.csv", "a,b\n1,2,3\n"),
        ("t.csv", 'a,b\n"1,2\n'),
        ("t.jsonl", '{"a": 1}\n[2]\n'),
        ("t.jsonl", '{"a": 1'),
        ("t.parquet", "PAR1"),
    ],
)
def test_damage_is_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(FileError, match=rf"^{name}: is no readable table: .+ \(write it again\)$"):
        opened(tmp_path, name)


def test_a_table_from_elsewhere_has_no_schema(tmp_path):
    (tmp_path / "t.csv").write_text("animal,rate\nm1,0.5\nm2,\n")
    table = opened(tmp_path, "t.csv")
    assert (table.schema, table.columns, table.head) == (None, ("animal", "rate"), (("m1", "0.5"), ("m2", "")))


def test_tables_without_rows_keep_their_columns(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n")
    (tmp_path / "u.jsonl").write_text("")
    assert (opened(tmp_path, "t.csv").columns, opened(tmp_path, "t.csv").rows) == (("a", "b"), 0)
    assert opened(tmp_path, "u.jsonl").columns == ()
