"""How a saved low-rank network was trained, as the theory of overlaps needs to know it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.numerics.loading_vectors import Layout, overlaps_of
from rnnkit.numerics.overlap_descent import DescentRule
from rnnkit.numerics.reduced_activity import ReducedModel, Trials
from rnnkit.stages.loadings import layout_of, loadings, sees_linearly
from rnnkit.stages.overlaps import Snapshots, trained_steps
from rnnkit.training.batches import training_batches
from rnnkit.training.frozen import frozen_names

__all__ = ["Phase", "Replay", "descends", "ends_of", "is_linear", "replay_of", "vector_factors"]

#: The tensor that holds the vectors of a letter of the layout.
_TENSORS = {
    "m": "input.weight",
    "b": "recurrent.bias",
    "h": "initial_state",
    "u": "recurrent.left",
    "v": "recurrent.right",
    "z": "readout.weight",
}


@dataclass(frozen=True)
class Phase:
    """A phase of training: optimiser steps from `first` to `last`, as snapshots count them."""

    first: int
    last: int


@dataclass(frozen=True)
class Replay:
    """What a theory starts from.

    Attributes
    ----------
    network : Checkpoint
    model : ReducedModel
        Of the network without the readout's divisor gamma in its vectors: its scale is 1 / gamma.
    rule : DescentRule
    start : (1, n, n) float64
        Overlaps before training, in the model's terms.
    offset : (1, outputs) float64 or None
        The readout's bias before training.
    phases : tuple of Phase
    fixed : bool
        The trials are the same at every step of a phase.
    """

    network: Checkpoint
    model: ReducedModel
    rule: DescentRule
    start: NDArray[np.float64]
    offset: NDArray[np.float64] | None
    phases: tuple[Phase, ...]
    fixed: bool

    @property
    def layout(self) -> Layout:
        """The network's loading vectors."""
        return self.model.layout

    def as_table(self, overlaps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return overlaps (..., n, n) in the terms of the model as tables have them: the readout over gamma."""
        gamma = self.network.architecture.gamma
        scale = np.array([1 / gamma if name[0] == "z" else 1.0 for name in self.layout.names])
        scaled: NDArray[np.float64] = overlaps * scale * scale[:, None]
        return scaled

    def phase_of(self, step: int) -> int:
        """Return the phase, from 1, that ends at a step or is under way; the first at step 0."""
        return 1 + next((k for k, phase in enumerate(self.phases) if step <= phase.last), len(self.phases) - 1)

    def batches(self) -> Iterator[tuple[int, Trials]]:
        """Yield optimiser step, from 1, and trials of each step of training; of fixed trials one object a phase."""
        held: tuple[Any, Trials] | None = None
        for batch in training_batches(self.network):
            if held is None or held[0] is not batch.trials:
                drawn = batch.trials
                mask = None if drawn.mask is None else drawn.mask.astype(np.float64)
                held = drawn, Trials.of(drawn.inputs.astype(np.float64), drawn.targets.astype(np.float64), mask)
            yield batch.step, held[1]


def replay_of(network: Checkpoint) -> Replay:
    """Return what the theory of overlaps starts from.

    Raises
    ------
    InputError
        For a network that was not trained by gradient descent at one learning rate in a low-rank family, or whose
        nonlinearity has no theory.

    Examples
    --------
    >>> from rnnkit.stages import plan_networks, train
    >>> quick = {"units": 8, "epochs": 2, "steps_per_epoch": 3, "validation_trials": 1}
    >>> replay = replay_of(train(plan_networks("overlaps/filter", {}, quick, [0])).networks[0])
    >>> replay.layout.names, replay.phases, replay.rule.rate
    (('m', 'u', 'v', 'z'), (Phase(first=0, last=6),), 0.1)
    """
    shape, held = network.architecture, network.training
    _check(network)
    layout = layout_of(network.name, shape, network.initial, None)
    relative, offset = vector_factors(network, layout)
    (found,) = loadings(layout, shape, {name: value[None] for name, value in network.initial.items()}, [None])
    model = ReducedModel(layout=layout, alpha=shape.rate, linear=is_linear(network), scale=1 / shape.gamma)
    rule = DescentRule(
        rate=held["lr"] * shape.gamma, momentum=held.get("momentum") or 0.0, relative=relative, offset=offset
    )
    phases = [Phase(phase["first_step"], phase["last_step"]) for phase in held.get("protocol") or []]
    bias = network.initial.get("readout.bias")
    # The layout's z is the readout over gamma; the theory's is the readout.
    whole = np.array([shape.gamma if name[0] == "z" else 1.0 for name in layout.names])
    return Replay(
        network,
        model,
        rule,
        overlaps_of(found.vectors) * whole * whole[:, None],
        None if bias is None else np.asarray(bias, dtype=np.float64)[None],
        tuple(phases) or (Phase(0, trained_steps(network)),),
        bool(held.get("fixed_trials")),
    )


def is_linear(network: Checkpoint) -> bool:
    """Return whether the theory is the linear one; InputError for a network that it says nothing of."""
    shape, linear = network.architecture, sees_linearly(network.architecture)
    if not shape.spec.low_rank or linear is None:
        what = f"is a '{shape.family}' network with {shape.nonlinearity}"
        raise InputError(network.name, what, "the theory is of 'lowrank' networks with tanh or identity")
    return linear


def _check(network: Checkpoint) -> None:
    held, name = network.training, network.name
    is_linear(network)
    if "optimizer" not in held or not network.initial:
        raise InputError(name, "does not say how it was trained", "give a network that rnnkit trained")
    wanted = {"optimizer": "sgd", "schedule": "none", "l1": 0.0, "nuclear": 0.0, "weight_decay": 0.0, "clip": 0.0}
    for key, value in wanted.items():
        if held.get(key, value) != value:
            option = f"--{key.replace('_', '-')}"
            raise InputError(name, f"was trained with {option} {held[key]}", f"the theory is of {option} {value}")


def vector_factors(network: Checkpoint, layout: Layout) -> tuple[tuple[float, ...], float]:
    """Return the factor on the rate of each loading vector, 0 for a frozen one, and of the readout's bias."""
    frozen = frozen_names(str(network.training.get("freeze", "none")))
    factors = []
    seen: dict[str, int] = {}
    for name in layout.names:
        letter = name[0]
        column = seen.get(letter, 0)
        seen[letter] = column + 1
        tensor = _TENSORS[letter]
        still = letter == "h" or (tensor, None) in frozen or (tensor, column) in frozen
        factors.append(0.0 if still else 1.0)
    return tuple(factors), 0.0 if ("readout.bias", None) in frozen else 1.0


def descends(network: Checkpoint) -> bool:
    """Tell whether a network was trained by plain gradient descent on its loss, of which flow is the limit."""
    held = network.training
    changed = ("momentum", "l1", "nuclear", "weight_decay", "clip")
    return held.get("optimizer") == "sgd" and not any(held.get(name) for name in changed)


def ends_of(network: Checkpoint) -> Snapshots:
    """Return the two snapshots that a checkpoint holds: its weights before training and after it.

    Examples
    --------
    >>> from rnnkit.stages import plan_networks, train
    >>> quick = {"units": 8, "epochs": 2, "steps_per_epoch": 3, "validation_trials": 1}
    >>> ends_of(train(plan_networks("overlaps/filter", {}, quick, [0])).networks[0]).steps
    array([0, 6])
    """
    names = [name for name in network.weights if name in network.initial]
    weights = {name: np.stack([network.initial[name], network.weights[name]]) for name in names}
    return Snapshots(np.array([0, trained_steps(network)]), weights)
