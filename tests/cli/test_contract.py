"""Section 1 of the contract, for every registered command."""

import contextlib
import csv
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rnnkit._version import __version__
from rnnkit.cli.main import app, main
from rnnkit.cli.talk import talk
from rnnkit.history import history_beside
from rnnkit.provenance import file_digest
from rnnkit.schemas import SCHEMAS
from rnnkit.tables import arrow_schema, read
from tests.conftest import QUICK, edit_weights, folder_state, run_cli, table_note, without_seconds
from tests.stages.planted_circuits import fill_rank_one
from tests.stages.planted_courses import save_course
from tests.stages.planted_onsets import fill

REGISTERED = {info.name: info for info in app.registered_commands}

#: Commands that write one table, with a line that does, the table's name, and the options to say where.
#: `{ckpts}` and `{tables}` stand for folders; the lines are tried with -o, --format, a pipe and a terminal.
TABLES = {
    "sample": (["sample", "flipflop", "--trials", "2", "-t", "steps=5"], "sample"),
    "info": (["info", "{ckpts}"], "info"),
    "rollout": (["rollout", "{ckpts}", "--trials", "2"], "rollout"),
    "rollout --summary": (["rollout", "{ckpts}", "--trials", "4", "--summary", "--ood"], "summary"),
    "compare": (["compare", "{ckpts}", "--metric", "svcca", "--trials", "4"], "comparisons"),
    "degeneracy": (
        [
            *("degeneracy", "--include-unconverged", "--bootstrap", "20"),
            *("--comparisons", "{tables}/comparisons.parquet", "--summary", "{tables}/summary.parquet"),
        ],
        "degeneracy",
    ),
    "schur-ablate": (["schur-ablate", "{ckpts}", "--trials", "4", "--orders", "2"], "ablations"),
    "feature-learning": (["feature-learning", "{ckpts}", "--trials", "2"], "feature_learning"),
    "overlaps": (["overlaps", "{ckpts}", "--rank", "1"], "overlaps"),
    "overlaps --history": (["overlaps", "{ckpts}", "--rank", "2", "--history"], "overlaps"),
    "path-dependence": (["path-dependence", "{courses}"], "path_dependence"),
    "onset": (["onset", "{searched}"], "onsets"),
    "weight-updates": (["weight-updates", "{ckpts}"], "weight_updates"),
    "ramping": (["ramping", "{ckpts}", "--trials", "3"], "ramping"),
    "ramping --history": (["ramping", "{ckpts}", "--trials", "3", "--history", "--summary"], "ramping_summary"),
    "decode": (["decode", "{ckpts}", "--fit-trials", "30", "--test-trials", "9"], "decoding"),
    "spectrum": (["spectrum", "{ckpts}", "--trials", "2"], "spectra"),
    "latent": (["latent", "{circuits}"], "latent"),
    "latent --history": (["latent", "{circuits}", "--history"], "latent"),
    "memory-demand": (
        [
            *("memory-demand", "flipflop", "-t", "steps=8", "--history", "1:4", "--trials", "20"),
            *("--steps", "3", "--hidden", "4", "--bootstrap", "9"),
        ],
        "memory_demand",
    ),
    "freeze-in": (
        ["freeze-in", "--units", "20", "--cues", "2", "--epochs", "1", "--free-steps", "9", "--seeds", "0:2"],
        "freeze_in",
    ),
    "fixedpoints": (["fixedpoints", "{ckpts}", "--starts", "12"], "fixedpoints"),
}
#: Commands that fill a folder, with a line but for -o; and those that print text.
FOLDERS = {
    "train": ["train", *QUICK, "--seeds", "0:2", "--snapshots", "1"],
    "import": ["import", "{exported}/flipflop-vanilla-n8-s0.pt"],
    "export": ["export", "{ckpts}", "--to", "npz"],
    "twin": ["twin", "{ckpts}", "--rank", "1"],
    "sample-gram": ["sample-gram", "--start", "random", "--units", "20", "--seeds", "0:2"],
}
#: Those that replace what is there only when asked.
OVERWRITING = ("train", "import", "twin", "sample-gram")
TEXTS = {"tasks": ["tasks"]}
#: Commands that draw; tests/cli/test_plot.py tries them.
PICTURES = {"plot"}
#: Commands that write a page; tests/cli/test_report.py tries them.
PAGES = {"report"}
#: What only some networks or starts have: files read, to be named with their digests.
READ = {
    "sample": [],
    "info": ["{ckpts}"],
    "rollout": ["{ckpts}"],
    "rollout --summary": ["{ckpts}"],
    "compare": ["{ckpts}"],
    "degeneracy": ["{tables}/comparisons.parquet", "{tables}/summary.parquet"],
    "schur-ablate": ["{ckpts}"],
    "feature-learning": ["{ckpts}"],
    "fixedpoints": ["{ckpts}"],
    "overlaps": ["{ckpts}"],
    "overlaps --history": ["{ckpts}"],
    "path-dependence": ["{courses}"],
    "onset": ["{searched}", "{searched}/training.parquet"],
    "weight-updates": ["{ckpts}"],
    "ramping": ["{ckpts}"],
    "ramping --history": ["{ckpts}"],
    "decode": ["{ckpts}"],
    "spectrum": ["{ckpts}"],
    "latent": ["{circuits}"],
    "latent --history": ["{circuits}"],
    "memory-demand": [],
    "freeze-in": [],
}


@pytest.fixture(scope="session")
def places(ensemble, tables, tmp_path_factory) -> dict[str, str]:
    exported = tmp_path_factory.mktemp("exported")
    assert run_cli("export", ensemble, "--to", "torch", "-o", exported, "-q").code == 0
    courses = tmp_path_factory.mktemp("courses")
    for name in ("ABA", "AAA"):
        save_course(courses, name.lower(), name, length=4000, every=2000)
    searched = fill(tmp_path_factory.mktemp("searched"))
    (searched / "other.parquet").unlink()
    return {
        "circuits": str(fill_rank_one(tmp_path_factory.mktemp("circuits"))),
        "searched": str(searched),
        "courses": str(courses),
        "ckpts": str(ensemble),
        "tables": str(tables),
        "exported": str(exported),
    }


@pytest.fixture
def line(places):
    return lambda words: [word.format(**places) for word in words]


def values(cell):
    """All numbers in a cell, at any depth."""
    if isinstance(cell, list):
        for item in cell:
            yield from values(item)
    elif isinstance(cell, float):
        yield cell


def test_every_command_is_covered():
    covered = {name.split()[0] for name in TABLES} | set(FOLDERS) | set(TEXTS) | PICTURES | PAGES
    assert covered == set(REGISTERED)


@pytest.mark.parametrize("name", REGISTERED)
def test_help(name):
    listed = run_cli("--help")
    assert listed.code == 0
    assert re.search(rf"^\W*{name}\b", listed.out.decode(), re.MULTILINE)
    assert REGISTERED[name].callback.__doc__.strip()
    shown = run_cli(name, "--help")
    assert (shown.code, shown.err) == (0, "")
    text = shown.out.decode()
    assert "Usage: rnnkit" not in text or name in text
    for option in ("--quiet", "--verbose", "--debug", "--help"):
        assert option in text
    assert run_cli(name, "-h").out == shown.out


def test_version_and_no_command():
    assert run_cli("--version").out.decode() == f"rnnkit {__version__}\n"
    assert run_cli().code == 2


@pytest.mark.parametrize("name", TABLES)
def test_a_pipe_gets_parquet_with_the_declared_columns(name, line):
    words, schema = TABLES[name]
    done = run_cli(*line(words))
    assert done.code in (0, 1)
    table = done.table()
    extra = [c for c in table.column_names if SCHEMAS[schema].column(c) is None]
    assert extra == (["gamma", "model"] if name == "degeneracy" else [])
    left_out = {c.name for c in SCHEMAS[schema].columns if c.optional} - set(table.column_names)
    declared = [field for field in arrow_schema(SCHEMAS[schema], extra) if field.name not in left_out]
    assert table.column_names == [field.name for field in declared]
    for field in declared:
        found = table.schema.field(field.name)
        column = SCHEMAS[schema].column(field.name)
        if column is not None and column.type == "vector":
            assert pa.types.is_fixed_size_list(found.type)
            assert found.type.value_type == pa.float32()
        else:
            assert found.type == field.type
        assert found.nullable == field.nullable
        assert found.metadata == field.metadata
    rows = table.to_pylist()
    assert rows
    assert all(np.isfinite(v) for row in rows for cell in row.values() for v in values(cell))
    key = (*SCHEMAS[schema].key, *extra)
    assert len({tuple(row[c] for c in key) for row in rows}) == len(rows)


@pytest.mark.parametrize("name", TABLES)
def test_metadata(name, line):
    words, schema = TABLES[name]
    note = table_note(run_cli(*line(words)).out)
    assert (note["schema"], note["version"]) == (schema, SCHEMAS[schema].version)
    assert note["command"].split() == ["rnnkit", *line(words)]
    assert note["parameters"]
    assert {"rnnkit", "python", "numpy", "torch", "pyarrow"} <= set(note["software"])
    files = []
    for where in line(READ[name]):
        path = Path(where)
        held = sorted(p for p in path.glob("*.safetensors") if ".history." not in p.name) if path.is_dir() else [path]
        files += held + (
            [history_beside(p) for p in held]
            if "--history" in words or name in ("path-dependence", "weight-updates")
            else []
        )
    assert note["inputs"] == {str(path): file_digest(path) for path in files}


@pytest.mark.parametrize("name", TABLES)
def test_formats_hold_the_same_rows(name, line, tmp_path):
    words, schema = TABLES[name]
    words = line(words)
    table = without_seconds(run_cli(*words).table()).replace_schema_metadata()
    for form in ("parquet", "csv", "jsonl"):
        assert run_cli(*words, "-o", tmp_path / f"t.{form}").out == b""
        found = read(tmp_path / f"t.{form}", schema)
        assert without_seconds(found).select(table.column_names).to_pylist() == table.to_pylist()
    text = run_cli(*words, "--format", "csv").out.decode()
    assert len(list(csv.reader(io.StringIO(text)))) == table.num_rows + 1
    piped = run_cli(*words, "-o", "-", "--format", "jsonl").out
    assert [set(json.loads(row)) >= set(table.column_names) for row in piped.splitlines()] == [True] * table.num_rows
    assert run_cli(*words, "-o", tmp_path / "t.data", "--format", "parquet").code in (0, 1)
    assert pq.read_metadata(tmp_path / "t.data").num_rows == table.num_rows
    assert run_cli(*words, "-o", "-", terminal=True).out[:4] == b"PAR1"
    assert run_cli(*words, "-o", tmp_path / "new" / "deep" / "t.csv").code in (0, 1)


@pytest.mark.parametrize("name", TABLES)
def test_a_terminal_gets_the_first_rows(name, line):
    words, _ = TABLES[name]
    shown = run_cli(*line(words), terminal=True).out.decode()
    assert "PAR1" not in shown
    assert "\N{BOX DRAWINGS LIGHT HORIZONTAL}" in shown


@pytest.mark.parametrize("name", TABLES)
def test_the_same_table_twice(name, line):
    words, _ = TABLES[name]
    first, second = (run_cli(*line(words)).out for _ in range(2))
    if name == "compare":
        first, second = (without_seconds(pq.read_table(pa.BufferReader(data))) for data in (first, second))
        assert first.schema.metadata == second.schema.metadata
        assert first.equals(second)
    else:
        assert first == second


@pytest.mark.parametrize("name", [*TABLES, *TEXTS, *FOLDERS])
def test_quiet_is_silent_and_messages_go_to_standard_error(name, line, tmp_path):
    words = line({**{k: v[0] for k, v in TABLES.items()}, **TEXTS, **FOLDERS}[name])
    where = ["-o", tmp_path / ("out" if name in FOLDERS else "out.csv")] if name not in TEXTS else []
    quiet = run_cli(*words, *where, "-q")
    assert quiet.code in (0, 1)
    assert quiet.err == ""
    assert bool(quiet.out) == (name in TEXTS)
    loud = run_cli(*words, *where, "-v", *(["--overwrite"] if name in OVERWRITING else []))
    assert bool(loud.out) == (name in TEXTS)
    assert bool(loud.err) == (name not in TEXTS)


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_twice_hold_the_same(name, line, tmp_path):
    states = []
    for _ in range(2):
        overwrite = ["--overwrite"] if name in OVERWRITING else []
        assert run_cli(*line(FOLDERS[name]), "-o", tmp_path / "out", *overwrite).code == 0
        state = folder_state(tmp_path / "out")
        if name == "train":
            training = pq.read_table(pa.BufferReader(state.pop("training.parquet")))
            state["training"] = without_seconds(training)
        states.append(state)
    assert states[0] == states[1]
    assert not [path for path in states[0] if path.startswith(".")]


@pytest.mark.parametrize("name", TABLES)
def test_a_failure_midway_leaves_nothing(name, line, tmp_path, monkeypatch):
    from rnnkit.tables import TableWriter

    words, _ = TABLES[name]
    (tmp_path / "t.csv").write_text("before")
    write = TableWriter.write

    def fail(self, table):
        write(self, table)
        raise KeyboardInterrupt

    monkeypatch.setattr(TableWriter, "write", fail)
    done = run_cli(*line(words), "-o", tmp_path / "t.csv")
    hint = " (the same command with --resume goes on)" if name == "compare" else ""
    assert (done.code, done.out, done.err) == (130, b"", f"rnnkit {words[0]}: interrupted{hint}\n")
    state = folder_state(tmp_path)
    assert (state.pop("t.csv.part", None) is not None) == bool(hint)
    assert state == {"t.csv": b"before"}
    assert not run_cli(*line(words)).out.endswith(b"PAR1")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_failure_midway_leaves_no_half_file(name, line, tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    done = run_cli(*line(FOLDERS[name]), "-o", tmp_path / "out", "-q")
    assert done.code == 2
    assert re.fullmatch(rf"rnnkit {name}: .*out.*: cannot be written: No space left on device \(.*\)\n", done.err)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", REGISTERED)
def test_debug_shows_the_traceback(name, tmp_path):
    words = {"train": ["--model", "x", "-o", tmp_path / "o"], "tasks": ["x"], "sample": ["x"], "degeneracy": []}
    words["plot"], words["freeze-in"] = ["x", "none.parquet"], ["--plastic", "x"]
    default = {"export": ["none", "--to", "npz", "-o", tmp_path / "o"], "import": ["none.pt", "-o", tmp_path / "o"]}
    words["twin"], words["sample-gram"] = ["none", "-o", tmp_path / "o"], ["--start", "x", "-o", tmp_path / "o"]
    rest = {**words, **default}.get(name, ["none"])
    plain, debug = run_cli(name, *rest), run_cli(name, *rest, "--debug")
    assert plain.code == debug.code == 2
    assert plain.err.count("\n") == 1
    assert "Traceback" not in plain.err
    assert debug.err.startswith("Traceback (most recent call last):\n")
    assert debug.err.endswith(plain.err)


def test_a_mistake_of_ours_is_one_line_too(monkeypatch, capsys):
    def fail():
        raise ZeroDivisionError("by zero\nreally")

    monkeypatch.setattr("rnnkit.tasks.task_names", fail)
    monkeypatch.setattr(sys, "argv", ["rnnkit", "tasks"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = "rnnkit tasks: internal error: ZeroDivisionError: by zero really (see the traceback with --debug, "
    assert capsys.readouterr().err == told + "and report it)\n"


def test_what_a_library_makes_of_an_interruption_is_one(monkeypatch, capsys):
    def fail():
        with contextlib.suppress(KeyboardInterrupt):
            talk.interrupt()
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr("rnnkit.tasks.task_names", fail)
    monkeypatch.setattr(sys, "argv", ["rnnkit", "tasks"])
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        talk.interrupted = False
    assert ended.value.code == 130
    assert capsys.readouterr().err == "rnnkit tasks: interrupted\n"


def test_failed_rows_end_in_code_1(ensemble, tmp_path):
    source = ensemble / "flipflop-vanilla-n8-s0.safetensors"
    edit_weights(source, tmp_path / "bad.safetensors", lambda w: w["recurrent.weight"].fill(np.nan))
    for words, nulls in (
        (["info"], None),
        (["rollout", "--trials", 2], "hidden"),
        (["rollout", "--summary", "--trials", 2], "loss"),
        (["compare", "--metric", "svcca", "--trials", 2], "distance"),
        (["schur-ablate", "--trials", 2], "fvu"),
        (["fixedpoints", "--starts", 40], "state"),
        (["overlaps", "--rank", 1], "value"),
        (["ramping", "--trials", 2], "slope"),
        (["decode", "--fit-trials", 30, "--test-trials", 5], "mse"),
        (["spectrum", "--trials", 2], "amplitude"),
    ):
        done = run_cli(words[0], ensemble, tmp_path / "bad.safetensors", *words[1:])
        assert done.code == 1
        assert done.err == "some rows are flagged: not_finite:recurrent.weight\n"
        rows = done.table().to_pylist()
        flagged = [row for row in rows if row["status"] == "not_finite:recurrent.weight"]
        assert flagged
        assert len(flagged) < len(rows)
        assert nulls is None or all((row[nulls] is None) == (row in flagged) for row in rows)
