"""The documentation: generated pages are complete, examples are real, links lead somewhere."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rnnkit.architectures import FAMILIES
from rnnkit.metrics import METRICS
from rnnkit.schemas import SCHEMAS
from rnnkit.stages.onset import METRICS as ONSET_METRICS
from rnnkit.tasks import PRESETS, describe, task_class, task_names
from tests.shell_blocks import lines

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]


def _load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _load_generator()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reference")
    generate.main(folder)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def _sections(page: str) -> dict[str, str]:
    """The text under each heading of the second level."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_generator_is_deterministic(reference: dict[str, str]) -> None:
    assert {name: page() for name, page in generate.FILES.items()} == reference


def test_the_manual_page_has_every_command_and_option(reference: dict[str, str]) -> None:
    page = reference["rnnkit.1"]
    parts = re.split(r"^\.SS rnnkit (\S+)$", page, flags=re.MULTILINE)
    sections = {name.replace("\\-", "-"): text for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    assert list(sections) == list(generate.commands())
    everywhere = page[page.index(".SH OPTIONS OF EVERY COMMAND") :]
    for name, command in generate.commands().items():
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                held = everywhere if parameter.rich_help_panel == "Talk" else sections[name]
                assert re.search(rf"^\.B .*{re.escape(option.replace('-', chr(92) + '-'))}\b", held, re.MULTILINE), (
                    option
                )
    # A line that begins with a dot is a request: there are only those that are meant.
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".I", ".nf", ".fi"}


def test_every_command_and_option_is_on_its_page(reference: dict[str, str]) -> None:
    sections = _sections(reference["commands.md"])
    assert list(sections) == [f"rnnkit {name}" for name in generate.commands()]
    for name, command in generate.commands().items():
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert re.search(rf"(?:<code>|, ){re.escape(option)}[ ,<]", sections[f"rnnkit {name}"]), option


def test_every_schema_and_column_is_on_its_page(reference: dict[str, str]) -> None:
    sections = _sections(reference["schemas.md"])
    assert list(sections) == list(SCHEMAS)
    for name, schema in SCHEMAS.items():
        for column in schema.columns:
            assert f"| <code>{column.name}</code> |" in sections[name]


def test_every_task_and_parameter_is_on_its_page(reference: dict[str, str]) -> None:
    sections = _sections(reference["tasks.md"])
    assert list(sections) == task_names()
    for name in task_names():
        for parameter in describe(task_class(name)):
            assert f"| <code>{parameter.name}</code> |" in sections[name]


def test_every_metric_and_family_is_on_its_page(reference: dict[str, str]) -> None:
    assert list(_sections(reference["metrics.md"])) == list(METRICS)
    assert list(_sections(reference["models.md"])) == list(FAMILIES)


def test_every_public_name_is_in_the_python_reference(reference: dict[str, str]) -> None:
    python = generate.python_reference
    pages = {name: text for name, text in reference.items() if name.startswith("python-")}
    described = {
        anchor for text in pages.values() for anchor in re.findall(r"^### .* \{ #(\S+) \}$", text, re.MULTILINE)
    }
    linked = {name: set(re.findall(r"^- \[\S+\]\(\S+#(\S+)\)$", text, re.MULTILINE)) for name, text in pages.items()}
    public = python.public()
    assert {"rnnkit.stages", "rnnkit.tables", "rnnkit.numerics.krawczyk", "rnnkit.tasks.flipflop"} <= set(public)
    for module, names in public.items():
        for name in names:
            found = f"{module}.{name}" in described
            # What a module only passes on is a link to where it is described.
            assert found or any(link.endswith(f".{name}") for link in linked[python._page_of(module)]), (module, name)
    assert set().union(*linked.values()) <= described


def test_every_public_function_and_class_says_what_it_is() -> None:
    silent = [
        f"{module}.{name}"
        for module, names in generate.python_reference.public().items()
        for name in names
        for found in [getattr(importlib.import_module(module), name)]
        if (inspect.isclass(found) or inspect.isroutine(found)) and not inspect.getdoc(found)
    ]
    assert not silent


def test_docstrings_become_markdown() -> None:
    said = """Return a_b * c (see :func:`rnnkit.tables.read`).

    Below is a formula::

        d = min |A|

    Parameters
    ----------
    x : (networks, units) float32
        What it is,
        on two lines.
    y

    Raises
    ------
    InputError
        When it does not fit.

    Examples
    --------
    >>> 1 + 1
    2
    """
    assert generate.python_reference.docstring(inspect.cleandoc(said)) == (
        "Return a&#95;b &#42; c (see <code>rnnkit.tables.read</code>).\n\nBelow is a formula:\n\n"
        "```text\nd = min |A|\n```\n\n**Parameters**\n\n"
        "- <code>x</code> ((networks, units) float32): What it is, on two lines.\n- <code>y</code>\n\n"
        "**Raises**\n\n- <code>InputError</code>: When it does not fit.\n\n"
        "**Examples**\n\n```pycon\n>>> 1 + 1\n2\n```\n"
    )


@pytest.mark.parametrize(
    ("page", "names"),
    [("tasks.md", task_names()), ("compare.md", list(METRICS))],
    ids=["tasks", "metrics"],
)
def test_guide_has_a_section_on_each(page: str, names: list[str]) -> None:
    assert set(names) <= set(_sections((DOCS / page).read_text(encoding="utf-8")))


def test_formats_name_every_table() -> None:
    page = (DOCS / "formats.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| `[\w /-]+` \| [^|]+ \|$", page, flags=re.MULTILINE)
    assert sorted(listed) == sorted(SCHEMAS)


def test_guide_names_every_command_family_and_setting() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`rnnkit {name}`" in readme for name in generate.commands())
    models = (DOCS / "models.md").read_text(encoding="utf-8")
    assert all(f"`{family}`" in models for family in FAMILIES)


# Shell blocks


def _shell_lines(path: Path) -> Iterator[str]:
    """Yield the command lines of the blocks marked `sh`."""
    yield from lines(path)


def _commands(line: str) -> Iterator[list[str]]:
    """Split a line at pipes, and leave out redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    skip = False
    for token in lexer:
        if token in ("|", "||", "&&", ";"):
            yield words
            words = []
        elif token in (">", "<", ">>"):
            skip = True
        elif skip:
            skip = False
        else:
            words.append(token)
    yield words


ALL_LINES = [(path.name, line) for path in WRITTEN for line in _shell_lines(path)]


def _check_rnnkit(words: list[str]) -> None:
    """Parse the words as the command line does; it raises what a user would see."""
    commands = generate.commands()
    if not words or words[0].startswith("-"):
        assert set(words) <= {"--help", "--version"}
        return
    assert words[0] in commands, words
    command: Any = commands[words[0]]
    context = command.context_class(command, info_name=words[0]) if hasattr(command, "context_class") else None
    assert context is not None
    values, _, _ = command.make_parser(context).parse_args(list(words[1:]))
    if words[0] in ("train", "sample", "tasks") and isinstance(values.get("task"), str):
        task = values["task"]
        assert task in {*task_names(), *PRESETS}
        known = {parameter.name for parameter in describe(task_class(task))}
        assert {text.partition("=")[0] for text in values.get("parameters") or []} <= known
    # A figure's metrics are those of its table, an onset's a column of the training table.
    if words[0] not in ("plot", "onset") and isinstance(values.get("metric"), str):
        assert set(values["metric"].split(",")) <= set(METRICS)
    if words[0] == "onset":
        assert values.get("metric", "val_loss") in ONSET_METRICS
    if isinstance(values.get("model"), str):
        assert values["model"] in FAMILIES


@pytest.mark.parametrize(("page", "line"), ALL_LINES, ids=[f"{page}-{k}" for k, (page, _) in enumerate(ALL_LINES)])
def test_shell_lines_are_real(page: str, line: str) -> None:
    for program, *words in _commands(line):
        if program == "rnnkit":
            _check_rnnkit(words)
        elif program == "make":
            folder = ROOT / (words[words.index("-C") + 1] if "-C" in words else "")
            known = subprocess.run(["make", "-C", folder, "-npq"], capture_output=True, text=True, check=False).stdout
            targets = re.findall(r"^([a-z0-9-]+):", known, flags=re.MULTILINE)
            asked = [word for word in words if word not in ("-C", str(folder.relative_to(ROOT)), "-j2")]
            assert {word for word in asked if "=" not in word} <= set(targets)
        else:
            assert program in ("pip", "head", "source", "python"), f"{page}: {line}"
            assert program != "python" or (ROOT / words[0]).is_file(), f"{page}: {line}"


def test_unknown_options_would_be_seen() -> None:
    with pytest.raises(Exception, match="No such option"):
        _check_rnnkit(["compare", "ckpts", "--no-such-option"])


def test_readme_begins_with_the_two_commands() -> None:
    assert list(_shell_lines(ROOT / "README.md"))[:2] == ["make demo", "make test"]


@pytest.mark.slow
def test_quick_start_runs(tmp_path: Path) -> None:
    """Run the quick start as a user would; its commands are small."""
    beside = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    lines = [line for line in _shell_lines(DOCS / "index.md") if line.startswith("rnnkit ")]
    assert len(lines) >= 4
    for line in lines:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, (line, done.stderr.decode())
        assert b"Traceback" not in done.stderr
    made = {"ckpts", "dist.parquet", "degeneracy.csv", "training.png", "distances.png", "embedding.png", "points.png"}
    assert made <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "ckpts" / "flipflop-vanilla-n16-s0.safetensors").is_file()
    written = (tmp_path / "degeneracy.csv").read_text()
    for metric in ("dsa", "pif", "svcca", "ood-loss"):
        assert f'"{metric}"' in written


# Links


def _anchors(text: str) -> set[str]:
    """The anchors that headings get, as Python-Markdown makes them."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"^#+ .+ \{ #(\S+) \}$", plain, flags=re.MULTILINE))
    found = re.findall(r"^#+ (.+)$", plain, flags=re.MULTILINE)
    return named | {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in found}


def test_internal_links_resolve(reference: dict[str, str]) -> None:
    pages = {path.resolve(): path.read_text(encoding="utf-8") for path in WRITTEN}
    pages |= {(DOCS / "reference" / name).resolve(): text for name, text in reference.items()}
    checked = 0
    for path, text in pages.items():
        for link in re.findall(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)", text):
            if link.startswith(("http://", "https://")):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target in pages or (path.parent == ROOT and target.is_file()), f"{path.name}: {link}"
            if anchor:
                assert anchor in _anchors(pages[target]), f"{path.name}: {link}"
            checked += 1
    assert checked > 20


def test_navigation_names_every_page() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r": ([\w/-]+\.md)$", text, flags=re.MULTILINE))
    assert listed == {path.name for path in DOCS.glob("*.md")} | {f"reference/{name}" for name in generate.PAGES}
