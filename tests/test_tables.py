"""Tables: three formats, one schema, nulls for what is no number, and damage refused."""

import contextlib
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import FileError, InputError, RnnkitError
from rnnkit.provenance import Provenance
from rnnkit.schemas import SCHEMAS
from rnnkit.tables import (
    arrow_schema,
    build,
    describe,
    group_columns,
    open_writer,
    read,
    read_any,
    read_parts,
    read_rows,
    table_metadata,
)

PAIR = {
    "a": "007",
    "b": "2020-01-01",
    "metric": "dsa",
    "distance": 0.1 + 0.2,
    "lower_bound": None,
    "status": "ok",
    "starts": 3,
    "starts_at_best": None,
    "seconds": 1e-9,
    "level": "dynamics",
    "relative_distance": None,
    "per_parameter": None,
    "size_a": 2**40,
    "size_b": None,
    "converged": True,
}
TRIAL = {"trial": 0, "step": 1, "input": [0.1, -1.0], "target": [3.0], "mask": 1.0}


def write(path, table, name, form=None):
    with open_writer(path, form or path.suffix.lstrip("."), table_metadata(name, Provenance("rnnkit x"))) as writer:
        writer.write(table)
    return path


@pytest.fixture
def pairs() -> pa.Table:
    rows = [{**PAIR, "gamma": "0.30"}, {**PAIR, "b": "NA", "distance": np.nan, "gamma": None, "converged": False}]
    return build("comparisons", [*rows, {**PAIR, "a": 'q"u,o', "b": "", "distance": -np.inf, "gamma": "x"}], ["gamma"])


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_round_trip(tmp_path, pairs, form):
    found = read(write(tmp_path / f"t.{form}", pairs, "comparisons"), "comparisons")
    assert found.to_pylist() == pairs.to_pylist()
    assert found.column_names == pairs.column_names
    assert [field.type for field in found.schema] == [field.type for field in pairs.schema]
    assert group_columns(found, "comparisons") == ["gamma"]


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_round_trip_of_vectors(tmp_path, form):
    schema = arrow_schema(SCHEMAS["sample"], (), {"input": 2, "target": 1})
    table = pa.Table.from_pylist([TRIAL, {**TRIAL, "step": 2}], schema=schema)
    found = read(write(tmp_path / f"t.{form}", table, "sample"), "sample")
    assert found.to_pylist() == table.to_pylist()


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_all_null_columns_keep_their_type(tmp_path, form):
    table = build("comparisons", [{**PAIR, "distance": None, "starts": None}])
    found = read(write(tmp_path / f"t.{form}", table, "comparisons"), "comparisons")
    assert (found.schema.field("distance").type, found.schema.field("starts").type) == (pa.float64(), pa.int64())


def test_numbers_that_are_none_become_null(pairs):
    assert pairs["distance"].to_pylist() == [0.1 + 0.2, None, None]
    with pytest.raises(InputError, match="table 'comparisons': column 'seconds' has no value"):
        build("comparisons", [{**PAIR, "seconds": np.inf}])


def test_numbers_that_are_none_in_tables_from_elsewhere(tmp_path):
    frame = pd.DataFrame([PAIR, {**PAIR, "b": "c", "distance": np.inf}, {**PAIR, "b": "d", "distance": np.nan}])
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet", "comparisons")["distance"].to_pylist() == [0.1 + 0.2, None, None]


def test_tables_from_elsewhere_in_other_types_that_hold_the_same(tmp_path):
    table = build("comparisons", [PAIR])
    changes = {"a": pa.large_string(), "metric": pa.dictionary(pa.int8(), pa.string()), "starts": pa.float64()}
    for name, kind in changes.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(kind))
    pq.write_table(table, tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet", "comparisons").to_pylist() == [PAIR]


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("column", ["a", "distance", "converged"])
def test_a_missing_column(tmp_path, pairs, form, column):
    path = write(tmp_path / f"t.{form}", pairs.drop_columns([column]), "comparisons")
    with pytest.raises(
        InputError, match=rf"t\.{form}: column '{column}' is missing \(a 'comparisons' table needs it\)"
    ):
        read(path, "comparisons")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("distance", ["far"]),
        ("distance", [[1.0]]),
        ("distance", [{"x": 1}]),
        ("distance", [True]),
        ("starts", [1.5]),
        ("starts", ["1"]),
        ("a", [1]),
        ("a", [b"\xff"]),
        ("converged", [1]),
        ("a", [None]),
        ("seconds", [float("nan")]),
    ],
)
def test_wrong_types_and_missing_values(tmp_path, column, values):
    table = build("comparisons", [PAIR])
    table = table.set_column(table.column_names.index(column), column, pa.array(values))
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match=f"t.parquet: column '{column}' (is .*, expected|has no value in row 0)"):
        read(tmp_path / "t.parquet", "comparisons")


@pytest.mark.parametrize("values", [[[["x"]]], ["[1]"], [3.0], [[1]]])
def test_vectors_of_wrong_types(tmp_path, values):
    table = pa.table({**{k: [v] for k, v in TRIAL.items()}, "input": pa.array(values)})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"t\.parquet: column 'input' is .*, expected lists"):
        read(tmp_path / "t.parquet", "sample")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no readable csv"),
        ("\xff\xfe", "missing|no readable"),
        ("trial,step,input,target,mask\n1\n", "no readable csv"),
        ("trial,step,input,target,mask\nx,0,[1],[1],1\n", "column 'trial': .*'x'"),
        ("trial,step,input,target,mask\n0,0,[1,[1],1\n", "column|no readable"),
        ('trial,step,input,target,mask\n0,0,"[1",[1],1\n', "column 'input' is .*, expected lists"),
        ('trial,step,input,target,mask\n0,0,"{}",[1],1\n', "column 'input' is .*, expected lists"),
        ("trial,step,input,target,mask\n0,,[1],[1],1\n", "column 'step' has no value in row 0"),
        ("trial,trial,input,target,mask\n0,0,[1],[1],1\n", "column 'trial' stands there twice"),
    ],
)
def test_bad_csv(tmp_path, text, what):
    (tmp_path / "t.csv").write_text(text, encoding="latin-1")
    with pytest.raises(RnnkitError, match=rf"t\.csv: .*({what})"):
        read(tmp_path / "t.csv", "sample")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "column 'trial' is missing"),
        ("{", "no readable jsonl"),
        ("3\n", "no JSON object"),
        ('{"trial": "x"}\n', "column 'trial'"),
        ('{"trial": 99999999999999999999}\n', "column 'trial'"),
        (json.dumps({**TRIAL, "input": 3}), "column 'input'"),
        (json.dumps(TRIAL) + "\n" + json.dumps({"trial": 1}), "column 'step' has no value in row 1"),
        ("[" * 100_000, "no readable jsonl"),
    ],
)
def test_bad_jsonl(tmp_path, text, what):
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(RnnkitError, match=rf"t\.jsonl: .*{what}"):
        read(tmp_path / "t.jsonl", "sample")


def test_another_table_or_version(tmp_path, pairs):
    path = write(tmp_path / "t.parquet", pairs, "comparisons")
    with pytest.raises(InputError, match="holds a 'comparisons' table, expected summary"):
        read(path, "summary")
    pq.write_table(pairs.replace_schema_metadata({"rnnkit": '{"schema": "comparisons", "version": 99}'}), path)
    with pytest.raises(InputError, match="has schema version 99, expected 1"):
        read(path, "comparisons")
    pq.write_table(pairs.replace_schema_metadata({"rnnkit": "{"}), path)
    with pytest.raises(FileError, match="its metadata is damaged"):
        read(path, "comparisons")
    pq.write_table(pairs.replace_schema_metadata({"rnnkit": "[]"}), path)
    assert read(path, "comparisons").num_rows == 3


def test_read_any(tmp_path):
    schema = arrow_schema(SCHEMAS["sample"], (), {"input": 2, "target": 1})
    table = pa.Table.from_pylist([TRIAL], schema=schema)
    for form in ("parquet", "csv", "jsonl"):
        assert read_any(write(tmp_path / f"t.{form}", table, "sample"), ("sample", "rollout"))[1] == "sample"
    with pytest.raises(InputError, match="expected comparisons or summary"):
        read_any(tmp_path / "t.parquet", ("comparisons", "summary"))


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read(tmp_path / "t.parquet", "summary")
    with pytest.raises(FileError, match="is a folder"):
        read(tmp_path, "summary")
    for source in (tmp_path, tmp_path / "t.csv"):
        with pytest.raises(FileError):
            read_rows(source)


def test_streams(pairs):
    stream = io.BytesIO()
    write_to = open_writer(stream, "parquet", table_metadata("comparisons", Provenance()))
    with write_to as writer:
        writer.write(pairs)
    found = read(io.BytesIO(stream.getvalue()), "comparisons")
    assert found.to_pylist() == pairs.to_pylist()
    assert describe(found, "-")["schema"] == "comparisons"
    assert describe(found, "-")["rows"] == 3
    with pytest.raises(FileError, match="standard input: is no readable Parquet table"):
        read(io.BytesIO(stream.getvalue()[:-1]), "comparisons")


def test_batches_of_one_table(tmp_path, pairs):
    for form in ("parquet", "csv", "jsonl"):
        with open_writer(tmp_path / f"t.{form}", form, {}) as writer:
            for k in range(3):
                writer.write(pairs.slice(k, 1))
        assert writer.rows == 3
        assert read(tmp_path / f"t.{form}", "comparisons").to_pylist() == pairs.to_pylist()


def test_an_abandoned_stream_is_no_table(pairs):
    import gc

    stream = io.BytesIO()

    def interrupted():
        with open_writer(stream, "parquet", {}) as writer:
            writer.write(pairs)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    gc.collect()
    with pytest.raises(FileError):
        read(io.BytesIO(stream.getvalue()), "comparisons")


def test_group_columns_may_not_be_columns():
    with pytest.raises(InputError, match="'status': is a column of every comparisons table already"):
        build("comparisons", [PAIR], ["status"])


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_parts_are_the_whole_with_some_columns(tmp_path, form):
    table = build("comparisons", [{**PAIR, "b": f"n{k}", "distance": np.nan if k == 3 else k} for k in range(10)])
    path = write(tmp_path / f"t.{form}", table, "comparisons")
    parts = list(read_parts(path, "comparisons", ["b", "distance"], rows=4))
    assert [part.num_rows for part in parts] == ([4, 4, 2] if form == "parquet" else [10])
    assert pa.concat_tables(parts).to_pylist() == read(path, "comparisons").select(["b", "distance"]).to_pylist()
    stream = io.BytesIO(write(tmp_path / "s.parquet", table, "comparisons").read_bytes())
    assert [part.column_names for part in read_parts(stream, "comparisons", ["b"])] == [["b"]]


def test_parts_are_checked_as_the_whole(sound, tmp_path):
    with pytest.raises(FileError, match="no such file"):
        next(read_parts(tmp_path / "t.parquet", "training", ["loss"]))
    with pytest.raises(InputError, match="holds a 'comparisons' table, expected training"):
        next(read_parts(sound["parquet"], "training", ["loss"]))
    elsewhere = pq.read_table(sound["parquet"]).replace_schema_metadata()
    for change, message in (
        (elsewhere.drop_columns(["distance"]), "column 'distance' is missing"),
        (elsewhere.set_column(0, "a", [[None] * 5]), "column 'a' has no value in row 0"),
        (elsewhere.set_column(0, "a", [[3] * 5]), "column 'a' is int64, expected string"),
    ):
        pq.write_table(change, tmp_path / "t.parquet")
        with pytest.raises(InputError, match=message):
            list(read_parts(tmp_path / "t.parquet", "comparisons", ["a"]))
    whole, wrong = sound["parquet"].read_bytes(), 0
    expected = read(sound["parquet"], "comparisons").select(["distance"])
    for place in range(4, len(whole), 25):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        (tmp_path / "t.parquet").write_bytes(damaged)
        with contextlib.suppress(RnnkitError):
            wrong += not pa.concat_tables(read_parts(tmp_path / "t.parquet", "comparisons", ["distance"])).equals(
                expected
            )
    assert wrong == 0


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    table = build("comparisons", [{**PAIR, "b": f"n{k}"} for k in range(5)])
    return {form: write(folder / f"t.{form}", table, "comparisons") for form in ("parquet", "csv", "jsonl")}


def test_every_truncation_of_parquet_is_refused(sound, tmp_path):
    whole = sound["parquet"].read_bytes()
    for length in range(0, len(whole), 3):
        (tmp_path / "t.parquet").write_bytes(whole[:length])
        with pytest.raises(FileError, match=r"t\.parquet: is no readable Parquet table"):
            read(tmp_path / "t.parquet", "comparisons")


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(["parquet", "csv", "jsonl"]))
def test_damage_is_an_error_of_ours_or_none(sound, tmp_path_factory, data, form):
    damaged = bytearray(sound[form].read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(damaged)))
        end = data.draw(st.integers(start, min(len(damaged), start + 8)))
        damaged[start:end] = data.draw(st.binary(max_size=8))
    path = tmp_path_factory.getbasetemp() / f"fuzzed.{form}"
    path.write_bytes(damaged)
    for look in (lambda: read(path, "comparisons").to_pandas(), lambda: describe(read_rows(path), "t")):
        try:
            look()
        except RnnkitError as error:
            assert str(path) in str(error)  # noqa: PT017 - damaged text may still be a table


def test_flipped_bits_in_the_pages_are_found(sound, tmp_path):
    whole = sound["parquet"].read_bytes()
    expected = read(sound["parquet"], "comparisons")
    wrong = 0
    for place in range(4, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        (tmp_path / "t.parquet").write_bytes(damaged)
        with contextlib.suppress(RnnkitError):
            wrong += not read(tmp_path / "t.parquet", "comparisons").equals(expected)
    assert wrong == 0
