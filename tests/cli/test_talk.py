"""Messages, progress bars and usage errors."""

import sys

import pytest

from rnnkit.cli.talk import progress, talk
from tests.conftest import QUICK, Stream, run_cli


@pytest.fixture
def stderr(monkeypatch):
    def install(terminal: bool) -> Stream:
        stream = Stream(terminal=terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    for name in ("quiet", "verbose", "interrupted"):
        monkeypatch.setattr(talk, name, False)
    return install


def test_a_bar_on_a_terminal_has_rate_and_time_left(stderr, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    stream = stderr(True)
    with progress("pairs") as bar:
        for k in range(1, 40):
            bar(k, 40, "half way")
    shown = stream.held().decode()
    for text in ("pairs", "39/40", "/s", "half way", "0:00:0"):
        assert text in shown


@pytest.mark.parametrize(("terminal", "quiet"), [(False, False), (True, True)])
def test_no_bar_elsewhere(stderr, monkeypatch, terminal, quiet):
    stream = stderr(terminal)
    monkeypatch.setattr(talk, "quiet", quiet)
    with progress("pairs") as bar:
        bar(1, 2)
    assert stream.held() == b""


def test_long_work_without_a_terminal_says_a_line_a_minute(stderr, monkeypatch):
    stream, clock = stderr(False), iter([0.0, 30.0, 61.0, 61.0, 90.0])
    monkeypatch.setattr("rnnkit.cli.talk.time.monotonic", lambda: next(clock))
    with progress("pairs") as bar:
        for k in range(3):
            bar(k, 8, "half way")
    assert stream.held() == b"pairs: 1 of 8 (half way)\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_an_interrupt_that_got_lost_stops_the_next_step(stderr, monkeypatch, terminal):
    stderr(terminal)
    with pytest.raises(KeyboardInterrupt):
        talk.interrupt()
    assert talk.interrupted
    with pytest.raises(KeyboardInterrupt), progress("pairs") as bar:
        bar(1, 2)


def test_say_and_detail(stderr, monkeypatch):
    stream = stderr(False)
    talk.say("one")
    talk.detail("two")
    monkeypatch.setattr(talk, "verbose", True)
    talk.detail("three")
    monkeypatch.setattr(talk, "quiet", True)
    talk.say("four")
    assert stream.held() == b"one\nthree\n"


@pytest.mark.parametrize(
    "words", [["rollout", "{}", "--trials", 2], ["compare", "{}", "--metric", "svcca"], ["train", *QUICK, "--seeds", 0]]
)
def test_bars_never_reach_a_pipe(ensemble, tmp_path, words):
    words = [str(word).format(ensemble) for word in words]
    done = run_cli(*words, "-o", tmp_path / ("out" if words[0] == "train" else "out.csv"))
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" not in done.err
    assert "\r" not in done.err


def test_long_tables_say_how_to_see_the_rest():
    done = run_cli("sample", "flipflop", "--trials", 1, "-t", "steps=30", "-t", "bits=5", terminal=True)
    assert done.err == "20 of 30 rows; add -o FILE to write them all\n"
    assert "[0, 0, " in done.out.decode() or "..." in done.out.decode()
