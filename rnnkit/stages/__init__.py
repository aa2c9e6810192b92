"""Every command as a function: checkpoints and tables in, a table out.

The functions are imported when they are first asked for, so that this package costs nothing to import.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = [
    "FreezeIn",
    "Predictor",
    "Probe",
    "TaskChoice",
    "compare",
    "conserved_quantities",
    "decode",
    "degeneracy",
    "eigenvalues",
    "embedding",
    "export_network",
    "feature_learning",
    "fixedpoints",
    "freeze_in",
    "gram_matrices",
    "import_network",
    "info",
    "latent",
    "latent_flow",
    "memory_demand",
    "onset",
    "overlap_theory",
    "overlaps",
    "path_dependence",
    "plan_networks",
    "plot",
    "ramping",
    "report",
    "rollout",
    "sample",
    "sample_gram",
    "schur_ablate",
    "sensitivity",
    "spectrum",
    "summary",
    "train",
    "truncations",
    "twins",
    "weight_correlation",
    "weight_updates",
]

_WHERE = {
    "FreezeIn": "rnnkit.stages.freezing",
    "Predictor": "rnnkit.stages.predictors",
    "Probe": "rnnkit.stages.freezing",
    "TaskChoice": "rnnkit.stages.evaluation",
    "compare": "rnnkit.stages.compare",
    "conserved_quantities": "rnnkit.stages.overlap_views",
    "decode": "rnnkit.stages.decode",
    "degeneracy": "rnnkit.stages.degeneracy",
    "eigenvalues": "rnnkit.stages.eigenvalues",
    "embedding": "rnnkit.stages.embedding",
    "export_network": "rnnkit.interop",
    "fixedpoints": "rnnkit.stages.fixedpoints",
    "feature_learning": "rnnkit.stages.feature_learning",
    "freeze_in": "rnnkit.stages.freeze_in",
    "gram_matrices": "rnnkit.stages.overlap_views",
    "import_network": "rnnkit.interop",
    "info": "rnnkit.stages.info",
    "latent": "rnnkit.stages.latent",
    "latent_flow": "rnnkit.stages.latent",
    "memory_demand": "rnnkit.stages.memory_demand",
    "onset": "rnnkit.stages.onset",
    "overlap_theory": "rnnkit.stages.overlap_theory",
    "overlaps": "rnnkit.stages.overlaps",
    "path_dependence": "rnnkit.stages.path_dependence",
    "plan_networks": "rnnkit.training.plans",
    "plot": "rnnkit.stages.plot",
    "ramping": "rnnkit.stages.ramping",
    "report": "rnnkit.stages.report",
    "rollout": "rnnkit.stages.rollout",
    "sample": "rnnkit.stages.sample",
    "sample_gram": "rnnkit.stages.sample_gram",
    "schur_ablate": "rnnkit.stages.schur_ablate",
    "sensitivity": "rnnkit.stages.sensitivity",
    "spectrum": "rnnkit.stages.spectrum",
    "summary": "rnnkit.stages.rollout",
    "train": "rnnkit.stages.train",
    "truncations": "rnnkit.stages.truncations",
    "twins": "rnnkit.stages.twins",
    "weight_correlation": "rnnkit.stages.weight_correlation",
    "weight_updates": "rnnkit.stages.weight_updates",
}


class _Stages(ModuleType):
    """This package: a stage's name is its function, also once the module of the same name was imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds a submodule to its package, over whatever had that name.
        super().__setattr__(name, getattr(value, name) if name in _WHERE and isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = _Stages


def __getattr__(name: str) -> Any:
    """Import a stage when it is first asked for (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(import_module(_WHERE[name]), name)
    return globals()[name]
