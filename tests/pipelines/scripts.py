"""Scripts of the studies, imported as they are run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

PIPELINES = Path(__file__).parents[2] / "pipelines"


def load(study: str, name: str) -> ModuleType:
    """Import a script with its own folder, and what studies share, on the path."""
    folders = [str(PIPELINES / study), str(PIPELINES)]
    sys.path[:0] = folders
    try:
        return importlib.import_module(name)
    finally:
        for folder in folders:
            sys.path.remove(folder)
