"""Named presets: a task with a paper's parameters and training settings, as in `rnnkit train schur/flipflop`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["PRESETS", "NamedPreset"]

_SCHUR = "Task-restricted symmetries in recurrent weight space"


@dataclass(frozen=True, kw_only=True)
class NamedPreset:
    """What a name like `schur/flipflop` stands for; what the command line gives goes before all of it.

    Attributes
    ----------
    task : str
        Name of the task.
    parameters : mapping
        Task parameters that differ from their defaults.
    settings : mapping
        Model and training settings by name.
    summary, source : str
    """

    task: str
    parameters: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    settings: Mapping[str, bool | int | float | str]
    summary: str
    source: str


def _schur(**more: bool | int | float | str) -> Mapping[str, bool | int | float | str]:
    """Settings of section 4. Patience spans the run: its whole budget is used, and the status says how it ended."""
    shared: dict[str, bool | int | float | str] = {
        "model": "vanilla",
        "units": 64,
        "bias": False,
        "init": "orthogonal",
        "lr": 1e-3,
        "batch": 64,
        "epochs": 30,
        "steps_per_epoch": 128,
        "patience": 30,
        "schedule": "none",
    }
    return MappingProxyType(shared | more)


PRESETS: dict[str, NamedPreset] = {
    "schur/flipflop": NamedPreset(
        task="flipflop",
        parameters={"bits": 3, "steps": 25, "probability": 0.05},
        settings=_schur(stop_loss=0.005),
        summary="3-bit flip-flop of 25 steps with rare pulses, orthogonal start, no biases",
        source=f"{_SCHUR}, section 4",
    ),
    "schur/sine": NamedPreset(
        task="sine",
        parameters={
            "steps": 50,
            "dt": 0.02,
            "frequencies": 0,
            "frequency_min": 1.0,
            "frequency_max": 3.0,
            "cue": "share",
            "first": 1,
        },
        settings=_schur(stop_loss=0.01),
        summary="one to three cycles of a sine in 50 steps, orthogonal start, no biases",
        source=f"{_SCHUR}, section 4",
    ),
    "schur/context-integration": NamedPreset(
        task="context-integration",
        settings=_schur(stop_loss=0.001),
        summary="context-dependent integration over 48 steps, orthogonal start, no biases",
        source=f"{_SCHUR}, section 4",
    ),
    "schur/copy": NamedPreset(
        task="copy",
        settings=_schur(units=72, epochs=60, steps_per_epoch=100, patience=60, stop_loss=0.02),
        summary="repeat copy of 8 symbols, trained on three replays, orthogonal start, no biases",
        source=f"{_SCHUR}, section 3",
    ),
}
"""Presets by name."""
