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


_OVERLAPS = "Ger & Barak, Learning reveals invisible structure in low-rank RNNs"


def _overlaps(**more: bool | int | float | str) -> Mapping[str, bool | int | float | str]:
    """Return settings of the low-rank networks of the theory; the paper's sizes and rates are not known."""
    shared: dict[str, bool | int | float | str] = {
        "model": "lowrank",
        "alpha": 0.2,
        "bias": False,
        "optimizer": "sgd",
        "lr": 0.1,
        "dtype": "float64",
        "fixed_trials": True,
        "schedule": "none",
        "steps_per_epoch": 10,
    }
    # Patience spans the run, as above.
    return MappingProxyType(shared | {"patience": more["epochs"]} | more)


def _filter(**more: bool | int | float | str) -> Mapping[str, bool | int | float | str]:
    """The same of linear networks on a filter, where all trials are the same impulse: few are as good as many."""
    shared: dict[str, bool | int | float | str] = {
        "units": 200,
        "nonlinearity": "identity",
        "batch": 1,
        "validation_trials": 8,
        "stop_loss": 1e-6,
    }
    return _overlaps(**(shared | more))


_ABRUPT = "Haputhanthri et al., arXiv 2502.07256"

PRESETS: dict[str, NamedPreset] = {
    # Strong connections (g = 3, 4) are --init gaussian --gain G, or --vary gain=...: no number of the paper's is here
    # but the sizes, the leak and the optimiser. Patience spans the run, so that relapses are seen.
    "abrupt/evidence": NamedPreset(
        task="evidence-accumulation",
        settings=MappingProxyType(
            {
                "model": "leaky",
                "units": 50,
                "alpha": 0.8,
                "init": "gaussian",
                "gain": 1.0,
                "bias": False,
                "lr": 1e-3,
                "batch": 32,
                "epochs": 60,
                "steps_per_epoch": 50,
                "patience": 60,
                "stop_loss": 0.06,
            }
        ),
        summary="evidence accumulation over 50 steps, a leaky network of 50 units",
        source=f"{_ABRUPT}, figures 6 and S7",
    ),
    "abrupt/flipflop": NamedPreset(
        task="flipflop",
        parameters={"bits": 3, "probability": 0.1, "steps": 50},
        settings=MappingProxyType(
            {
                "model": "leaky",
                "units": 50,
                "alpha": 0.8,
                "init": "gaussian",
                "gain": 3.0,
                "bias": False,
                "lr": 1e-3,
                "batch": 32,
                "epochs": 100,
                "steps_per_epoch": 20,
                "patience": 100,
                "stop_loss": 0.2,
            }
        ),
        summary="3-bit flip-flop with pulses of probability .1, a strongly connected leaky network",
        source=f"{_ABRUPT}, figure S7",
    ),
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
    "overlaps/filter": NamedPreset(
        task="filter",
        settings=_filter(rank=1, epochs=80),
        summary="exponential filter, a linear network of rank 1",
        source=f"{_OVERLAPS}, figures 1 to 5",
    ),
    "overlaps/damped-filter": NamedPreset(
        task="damped-filter",
        settings=_filter(rank=2, lr=0.2, epochs=200),
        summary="damped oscillation, a linear network of rank 2",
        source=f"{_OVERLAPS}, figure 12",
    ),
    "overlaps/flipflop-pulse": NamedPreset(
        task="flipflop-pulse",
        settings=_overlaps(units=1024, rank=1, nonlinearity="tanh", batch=16, lr=0.25, epochs=100, stop_loss=0.0025),
        summary="flip-flop with pulses that last, a tanh network of rank 1",
        source=f"{_OVERLAPS}, figure 4",
    ),
}
"""Presets by name."""
