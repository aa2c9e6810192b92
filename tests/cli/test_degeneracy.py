"""`degeneracy --embed` writes a second table, whole or not at all."""

import pyarrow.parquet as pq

from rnnkit.schemas import SCHEMAS
from rnnkit.tables import build, read
from tests.conftest import folder_state, run_cli, table_note


def words(tables, *more):
    return ["degeneracy", "--include-unconverged", "--comparisons", tables / "comparisons.parquet", *more]


def test_both_tables_say_where_they_come_from(tables, tmp_path):
    done = run_cli(*words(tables, "--embed", tmp_path / "placed.parquet", "-o", tmp_path / "out.parquet"), "-q")
    assert (done.code, done.out, done.err) == (0, b"", "")
    notes = {name: table_note(tmp_path / f"{name}.parquet") for name in ("placed", "out")}
    assert [(note["schema"], note["version"]) for note in notes.values()] == [("embedding", 1), ("degeneracy", 2)]
    assert notes["placed"]["inputs"] == notes["out"]["inputs"] != {}
    table = read(tmp_path / "placed.parquet", "embedding")
    declared = [column.name for column in SCHEMAS["embedding"].columns]
    assert table.column_names == [*declared[:2], "gamma", "model", *declared[2:]]
    assert table["status"].to_pylist() == ["ok"] * 3
    # The same command gives the same table.
    first = pq.read_table(tmp_path / "placed.parquet")
    run_cli(*words(tables, "--embed", tmp_path / "placed.parquet", "-o", tmp_path / "out.parquet"))
    assert pq.read_table(tmp_path / "placed.parquet").equals(first)


def test_what_is_refused_later_leaves_no_second_table(tables, tmp_path):
    before = folder_state(tmp_path)
    more = ("--summary", tables / "comparisons.parquet", "--embed", tmp_path / "placed.csv")
    assert run_cli(*words(tables, *more)).code == 2
    assert folder_state(tmp_path) == before


def test_networks_that_cannot_be_placed_give_exit_code_one(tables, tmp_path):
    rows = pq.read_table(tables / "comparisons.parquet").to_pylist()
    for row in rows:
        row["distance"] = None
    pq.write_table(build("comparisons", rows, ["gamma", "model"]), tmp_path / "pairs.parquet")
    line = [
        "degeneracy",
        "--include-unconverged",
        "--comparisons",
        tmp_path / "pairs.parquet",
        "-o",
        tmp_path / "o.csv",
    ]
    done = run_cli(*line, "--embed", tmp_path / "placed.csv")
    assert done.code == 1
    assert "missing_pairs" in done.err
    assert "3 of 3 pairs without a distance (exact), left out" in done.err
    assert "missing_pairs" in (tmp_path / "placed.csv").read_text()
