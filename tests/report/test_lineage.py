"""Commands in an order that works, and what became of their inputs."""

import random
from pathlib import Path

from rnnkit.report.files import File
from rnnkit.report.lineage import Made, commands, versions


def chain():
    """a -> b -> d, c -> d, each by a command of its own."""
    files = {name: File(Path(name), f"{name}.parquet", name * 64) for name in "abcd"}
    before = {"a": "", "b": "a", "c": "", "d": "bc"}
    return [
        Made(files[name], {"command": f"make {name}", "inputs": {f"x/{one}.parquet": one * 64 for one in before[name]}})
        for name in files
    ], list(files.values())


def test_each_command_stands_after_those_that_made_what_it_read():
    made, files = chain()
    for seed in range(10):
        order = random.Random(seed).sample(made, 4)
        places = [step.command[-1] for step in commands(order, files)]
        assert places.index("a") < places.index("b") < places.index("d")
        assert places.index("c") < places.index("d")


def test_one_command_for_all_its_files():
    files = [File(Path(name), name, name) for name in ("n1", "n2")]
    (step,) = commands([Made(file, {"command": "train"}) for file in files], files)
    assert step.files == ("n1", "n2")


def test_an_input_that_changed_is_told_from_one_that_is_elsewhere():
    made, files = chain()
    files[0] = File(Path("a"), "a.parquet", "9" * 64)
    (step,) = (step for step in commands(made, files) if step.command == "make b")
    assert step.read == (("x/a.parquet", "a" * 64, "changed"),)
    (step,) = (step for step in commands(made, files[1:]) if step.command == "make b")
    assert step.read == (("x/a.parquet", "a" * 64, "elsewhere"),)


def test_a_circle_ends():
    files = [File(Path(name), name, name) for name in ("p", "q")]
    notes = [
        Made(files[0], {"command": "P", "inputs": {"q": "q"}}),
        Made(files[1], {"command": "Q", "inputs": {"p": "p"}}),
    ]
    assert [step.command for step in commands(notes, files)] == ["P", "Q"]


def test_versions_differ():
    made = [Made(File(Path(n), n, n), {"software": {"numpy": v, "rnnkit": "1"}}) for n, v in (("a", "1"), ("b", "2"))]
    made.append(Made(File(Path("c"), "c", "c"), {}))
    assert versions(made) == [("rnnkit 1, numpy 1", ("a",)), ("rnnkit 1, numpy 2", ("b",))]
