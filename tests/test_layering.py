"""Imports point downwards only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rnnkit

ROOT = Path(rnnkit.__file__).parent
BASE = (
    *("_version", "architectures", "atomic", "checkpoints", "devices", "errors", "history", "journal"),
    *("provenance", "random_streams", "schemas", "tables"),
)
#: Which parts of the package each part may import, besides itself.
MAY = {
    "errors": (),
    "_version": (),
    "random_streams": (),
    "schemas": ("errors",),
    "architectures": ("errors",),
    "atomic": ("errors",),
    "devices": ("errors",),
    "journal": ("errors",),
    "provenance": ("_version",),
    "tables": ("atomic", "errors", "provenance", "schemas"),
    "checkpoints": ("architectures", "atomic", "errors"),
    "history": ("checkpoints", "errors"),
    "numerics": ("errors",),
    "plots": (*BASE, "numerics"),
    "report": (*BASE, "plots"),
    "tasks": BASE,
    "models": (*BASE, "numerics"),
    "metrics": (*BASE, "numerics"),
    "interop": (*BASE, "numerics", "tasks"),
    "training": (*BASE, "numerics", "tasks", "models"),
    "stages": (*BASE, "numerics", "tasks", "models", "training", "metrics", "interop", "plots", "report"),
    "cli": (*BASE, "stages", "interop", "metrics", "tasks", "training", "plots", "report"),
    "__main__": ("cli",),
}


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]


def imports(path: Path) -> set[str]:
    """Every part of the package that a module imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("rnnkit.")}
    return found


def top_level(path: Path) -> set[str]:
    """What a module imports when it is imported, by top-level package."""
    body, found = list(ast.parse(path.read_text()).body), set()
    while body:
        node = body.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            body += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            body += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    own = part(path)
    allowed = {own, *MAY[own]}
    names = imports(path) - allowed
    assert not names, f"{own} imports {', '.join(sorted(names))}"


@pytest.mark.parametrize("path", [p for p in modules() if part(p) == "cli"], ids=lambda path: path.name)
def test_commands_import_nothing_heavy(path):
    assert not top_level(path) & {"torch", "numpy", "scipy", "pandas", "pyarrow", "safetensors", "rich"}


def test_the_order_has_no_circle():
    seen: set[str] = set()
    waiting = dict(MAY)
    while waiting:
        ready = [name for name, below in waiting.items() if set(below) <= seen | (set(below) - set(MAY))]
        assert ready, f"a circle among {', '.join(waiting)}"
        seen |= set(ready)
        waiting = {name: below for name, below in waiting.items() if name not in ready}


@pytest.mark.parametrize("path", [p for p in modules() if part(p) in ("numerics", "stages", "models")], ids=str)
def test_no_printing_below_the_command_line(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id in ("print", "open", "input")]


@pytest.mark.parametrize("first", ["", "import rnnkit.stages.info, rnnkit.stages.compare, rnnkit.stages.rollout"])
def test_a_stages_name_is_its_function_whatever_was_imported_before(first):
    code = f"{first}\nfrom rnnkit.stages import info, compare, summary, rollout\n"
    code += "import rnnkit.stages as s\nfor f in (info, compare, summary, rollout, s.rollout): print(f.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["info", "compare", "summary", "rollout", "rollout"]


def test_every_stage_is_importable_from_one_place():
    from rnnkit import stages

    for name in stages.__all__:
        assert callable(getattr(stages, name))
    with pytest.raises(AttributeError, match="no attribute 'dance'"):
        _ = stages.dance
