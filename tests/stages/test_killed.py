"""What a killed `compare` leaves behind: its reductions are used again, and nothing stays when the table is whole."""

import signal
import subprocess
import sys
import tempfile

import pyarrow.parquet as pq
import pytest

from rnnkit.checkpoints import save_native
from rnnkit.errors import InputError
from rnnkit.journal import Journal
from rnnkit.stages.bench import Bench
from rnnkit.stages.reductions import passing_folder
from tests.conftest import run_cli, without_seconds
from tests.stages.test_scale import NETS

#: The command line, killed when it is about to write so many batches to the table.
KILLED = """
import os, signal, sys
from rnnkit.tables import TableWriter

write, left = TableWriter.write, [int(sys.argv.pop(1))]

def written(self, table):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, table)

TableWriter.write = written
from rnnkit.__main__ import main
main()
"""


@pytest.fixture
def words(tmp_path):
    for one in NETS:
        save_native(one, tmp_path / "ckpts" / f"{one.name}.safetensors")
    settings = ("--metric", "dsa,svcca", "--trials", 6, "--delay", 1, "--starts", 2, "--threads", 1)
    return ["compare", tmp_path / "ckpts", *settings]


def test_what_a_killed_run_leaves_is_used_and_cleared(words, tmp_path, monkeypatch):
    assert run_cli(*words, "-o", tmp_path / "whole.parquet").code == 0
    out, temporary = tmp_path / "out" / "t.parquet", tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    line = [sys.executable, "-c", KILLED, 3, *words, "-o", out, "--workers", 2]
    # It returns when the workers, who have the same standard output, are gone too.
    done = subprocess.run(list(map(str, line)), capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(temporary.glob("rnnkit-*"))) == 1
    assert len(list(temporary.rglob("*.npz"))) == 2 * len(NETS)
    assert list(out.parent.glob(".t.parquet.*.part"))

    def opened(*_):
        raise AssertionError("a network was opened again")

    monkeypatch.setattr(Bench, "network", opened)
    assert run_cli(*words, "-o", out, "--resume", out).code == 0
    assert [path.name for path in out.parent.iterdir()] == ["t.parquet"]
    assert not list(temporary.glob("rnnkit-*"))
    assert without_seconds(pq.read_table(out)).equals(without_seconds(pq.read_table(tmp_path / "whole.parquet")))


def test_a_folder_of_somebody_else_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    of = tmp_path / "t.part"
    with passing_folder(of) as plain:
        pass
    plain.mkdir()
    plain.chmod(0o777)
    with passing_folder(of) as folder:
        assert folder not in (plain, None)
    assert plain.is_dir()
    plain.rmdir()
    plain.symlink_to(tmp_path)
    with passing_folder(of) as folder:
        assert folder.resolve() != tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks")
def test_two_runs_of_one_part(words, tmp_path):
    out = tmp_path / "t.parquet"
    first = Journal(tmp_path / "t.parquet.part")
    first.begin({"run": {}, "state": {}})
    first.add(0, [])
    before = first.path.read_bytes()
    refused = run_cli(*words, "-o", out, "--resume", out)
    assert (refused.code, "another run is writing it" in refused.err) == (2, True)
    with pytest.raises(InputError, match="another run"):
        Journal(first.path).add(1, [])
    assert first.path.read_bytes() == before
    first.close()
    second = Journal(first.path)
    second.claim()
    second.add(1, [])
    second.close()
    assert len(Journal(first.path)) == 2
