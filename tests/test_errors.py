"""The error tree, and the one line that it makes."""

import os
import pickle
import threading

import pytest

from rnnkit.atomic import atomic_path, check_target
from rnnkit.errors import FileError, InputError, RnnkitError, unknown_name


@pytest.mark.parametrize("kind", [RnnkitError, InputError, FileError])
def test_where_what_and_how_to_mend(kind):
    error = kind("net.pt", "is damaged", "copy it again")
    assert str(error) == "net.pt: is damaged (copy it again)"
    assert (error.where, error.what, error.fix) == ("net.pt", "is damaged", "copy it again")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_leaves_are_what_they_are():
    assert issubclass(InputError, ValueError)
    assert issubclass(FileError, OSError)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("flipflip", "did you mean 'flipflop'? "), ("zzz", ""), ("", ""), ("sine ", "did you mean 'sine'? ")],
)
def test_the_nearest_name(name, hint):
    error = unknown_name("TASK", name, ["sine", "flipflop"], "task")
    assert str(error) == f"TASK: unknown task '{name}' ({hint}known: flipflop, sine)"


def test_an_error_of_ours_keeps_its_words_through_a_write(tmp_path):
    def fail():
        with atomic_path(tmp_path / "t"):
            raise FileError("elsewhere", "is damaged", "copy it again")

    with pytest.raises(FileError, match=r"^elsewhere: is damaged"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_permissions_are_those_of_a_plain_file(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_path(tmp_path / "new") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_checking_a_target_makes_nothing(tmp_path):
    check_target(tmp_path / "a" / "b" / "t.csv")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for target in (tmp_path, tmp_path / "file" / "t.csv"):
        with pytest.raises(FileError):
            check_target(target)


def test_a_named_pipe_is_written_to_and_stays(tmp_path):
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    with atomic_path(pipe) as temporary:
        temporary.write_bytes(b"whole")
    reader.join()
    assert heard == [b"whole"]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
