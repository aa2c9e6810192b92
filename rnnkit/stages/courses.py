"""The courses of networks that were trained in phases: their overlaps at every snapshot, and where phases ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.stages.loadings import layout_of, sees_linearly
from rnnkit.stages.overlaps import overlaps

__all__ = ["Course", "Leg", "course_of"]

Floats = NDArray[np.float64]

#: Settings that change what is recorded of a run and how it is judged, not what it does.
_OF_THE_RECORD = frozenset(
    {"protocol", "start", "epochs_trained", "crossing_epoch", "snapshots", "snapshot_steps", "stop_loss", "patience"}
    | {"validation_trials", "chance_loss", "chance_accuracy"}
)


@dataclass(frozen=True)
class Leg:
    """One phase of a course.

    Attributes
    ----------
    name : str
        In the protocol.
    task : str
        The task with all its parameters: equal texts are equal tasks, whatever the phases are called.
    first, last : int
        Optimiser steps; positions among the snapshots are `Course.at`.
    loss : float
        Of the last epoch; NaN where it is not known.
    """

    name: str
    task: str
    first: int
    last: int
    loss: float


@dataclass(frozen=True)
class Course:
    """What a network that was trained in phases went through.

    Attributes
    ----------
    network : Checkpoint
    layout : Layout
    linear : bool
        Whether the loss sees overlaps as a linear network's does.
    legs : tuple of Leg
    origin : str
        Equal where weights before training, seed and settings are; empty where the weights are not known.
    steps : (K,) int64
    path : (K, n, n) float64
        Overlaps at each snapshot; NaN where weights are not finite.
    flaw : str
        Why nothing can be measured, or empty.
    """

    network: Checkpoint
    layout: Layout
    linear: bool
    legs: tuple[Leg, ...]
    origin: str
    steps: NDArray[np.int64]
    path: Floats
    flaw: str

    @property
    def protocol(self) -> str:
        """Names of the phases, as `train --protocol` takes them."""
        return ",".join(leg.name for leg in self.legs)

    @property
    def losses(self) -> list[float | None]:
        """Loss at the end of each phase."""
        return [leg.loss if np.isfinite(leg.loss) else None for leg in self.legs]

    @property
    def stop_loss(self) -> float:
        """Below which a phase counts as converged; NaN where the settings have none."""
        found = self.network.training.get("stop_loss")
        return float(found) if isinstance(found, int | float) else float("nan")

    @property
    def converged(self) -> bool:
        """Whether every phase ended below the stop loss."""
        return all(leg.loss < self.stop_loss for leg in self.legs)

    def at(self, step: int) -> int:
        """Return which snapshot is of a step."""
        return int(np.searchsorted(self.steps, step))

    def end(self, leg: int) -> Floats:
        """Return the overlaps (n, n) at the end of a phase, counted from 0, or from the last with -1."""
        found: Floats = self.path[self.at(self.legs[leg].last)]
        return found


def course_of(network: Checkpoint, history: History) -> Course:
    """Return the course of one network.

    Parameters
    ----------
    network : Checkpoint
        Of the family `lowrank`, trained by a protocol.
    history : History
        Its snapshots; those at the ends of phases are always among them.

    Raises
    ------
    InputError
        For another family or nonlinearity, a network without a protocol, or a history that lacks the end of a phase.
    """
    shape, name = network.architecture, network.name
    if not shape.spec.low_rank:
        what = f"is a '{shape.family}' network, whose recurrent weights have no loading vectors"
        raise InputError(name, what, "train with --model lowrank")
    linear = sees_linearly(shape)
    if linear is None:
        what = f"has the nonlinearity {shape.nonlinearity}: no theory says which overlaps its loss sees"
        raise InputError(name, what, "give networks with tanh, or linear ones")
    legs = _legs(network)
    layout = layout_of(name, shape, network.weights, None)
    rows, columns = layout.pairs()
    steps, values, statuses = [], [], []
    for table in overlaps([network], histories=[history]):
        steps.append(table["step"].to_numpy()[:: len(rows)])
        values.append(table["value"].to_numpy(zero_copy_only=False).reshape(-1, len(rows)))
        statuses += table["status"].to_pylist()[:: len(rows)]
    at, pairs = np.concatenate(steps), np.concatenate(values)
    path = np.empty((len(at), layout.size, layout.size))
    path[:, rows, columns] = path[:, columns, rows] = pairs
    for step in (legs[0].first, *(leg.last for leg in legs)):
        if step not in at:
            what = f"holds no snapshot of step {step}, where a phase of {name} begins or ends"
            raise InputError(str(history.path), what, "keep the files of a network together")
    bad = [status for status in statuses if status not in ("ok", "no_theory")]
    flaw = "diverged" if network.status == "diverged" else str(bad[0]) if bad else ""
    return Course(network, layout, linear, legs, _origin(network), at, path, flaw)


def _legs(network: Checkpoint) -> tuple[Leg, ...]:
    held = network.training.get("protocol")
    if not held:
        raise InputError(network.name, "was not trained in phases", "train with --protocol, as in --protocol A,B,A")
    try:
        return tuple(_leg(network.task, phase) for phase in held)
    except (KeyError, TypeError, ValueError) as error:
        what = f"does not say how its phases ended ({error!r} in training.protocol)"
        raise InputError(network.name, what, "train it again") from error


def _leg(task: str | None, phase: Mapping[str, Any]) -> Leg:
    loss = phase["loss"]
    return Leg(
        str(phase["name"]),
        json.dumps([task, phase["parameters"]], sort_keys=True),
        int(phase["first_step"]),
        int(phase["last_step"]),
        float("nan") if loss is None else float(loss),
    )


def _origin(network: Checkpoint) -> str:
    """Return a digest of all that two runs share that differ in their tasks alone."""
    if not network.initial:
        return ""
    kept = {key: value for key, value in network.training.items() if key not in _OF_THE_RECORD}
    total = hashlib.sha256(
        json.dumps([network.architecture.to_json(), network.seed, kept], sort_keys=True, default=str).encode()
    )
    for name in sorted(network.initial):
        value = np.ascontiguousarray(network.initial[name])
        total.update(f"{name} {value.dtype} {value.shape}".encode())
        total.update(value.tobytes())
    return total.hexdigest()
