"""Every command as a function: checkpoints and tables in, a table out.

The functions are imported when they are first asked for, so that this package costs nothing to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = [
    "TaskChoice",
    "compare",
    "degeneracy",
    "export_network",
    "import_network",
    "info",
    "plan_networks",
    "rollout",
    "sample",
    "summary",
    "train",
]

_WHERE = {
    "TaskChoice": "rnnkit.stages.evaluation",
    "compare": "rnnkit.stages.compare",
    "degeneracy": "rnnkit.stages.degeneracy",
    "export_network": "rnnkit.interop",
    "import_network": "rnnkit.interop",
    "info": "rnnkit.stages.info",
    "plan_networks": "rnnkit.training.plans",
    "rollout": "rnnkit.stages.rollout",
    "sample": "rnnkit.stages.sample",
    "summary": "rnnkit.stages.rollout",
    "train": "rnnkit.stages.train",
}


def __getattr__(name: str) -> Any:
    """Import a stage when it is first asked for (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_WHERE[name])
    # Importing a module of a stage's own name binds the module here: bind the functions over it.
    globals().update({stage: getattr(module, stage) for stage, where in _WHERE.items() if where == _WHERE[name]})
    return globals()[name]
