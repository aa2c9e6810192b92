"""Latent circuits of networks of rank one, a few at a time, whatever networks and snapshots they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.numerics.latent_circuits import Circuits
from rnnkit.stages.overlaps import Snapshots, snapshot_of, snapshots_of

__all__ = ["TENSORS", "CircuitBlock", "blocks_of", "check_rank_one", "constant_input"]

#: What a latent circuit is made of.
TENSORS = ("recurrent.left", "recurrent.right", "input.weight", "recurrent.bias")
#: Circuits that are worked on together.
_MOST = 256


@dataclass(frozen=True)
class CircuitBlock:
    """Circuits of one size and nonlinearity, a row for each network and step.

    Attributes
    ----------
    networks : list of str
    steps : (rows,) int64
    status : list of str
        `ok`, or the tensor that is not finite; the circuit of such a row has weights 0.
    rates : (rows,) float64
        alpha: the share of a time constant that a step of the network takes.
    circuits : Circuits
    """

    networks: list[str]
    steps: NDArray[np.int64]
    status: list[str]
    rates: NDArray[np.float64]
    circuits: Circuits

    @property
    def kind(self) -> tuple[int, str]:
        """Units and nonlinearity."""
        return self.circuits.left.shape[1], self.circuits.nonlinearity


def check_rank_one(network: Checkpoint) -> None:
    """Raise InputError unless a network has a latent circuit of one variable."""
    shape = network.architecture
    if shape.low_rank and shape.rank == 1:
        return
    what = f"is a '{shape.family}' network of {f'rank {shape.rank}' if shape.low_rank else 'full rank'}"
    raise InputError(network.name, f"{what}: its latent circuit has not one variable", "train with --rank 1")


def constant_input(network: Checkpoint, given: Sequence[float] | None) -> NDArray[np.float64]:
    """Return the input that a circuit is looked at with, zero by default, or raise InputError where it does not fit."""
    channels = network.architecture.inputs
    if given is None:
        return np.zeros(channels)
    if len(given) != channels:
        shown = ",".join(f"{value:g}" for value in given)
        what = f"'{shown}' has {len(given)} numbers, {network.name} has {channels} inputs"
        raise InputError("--input", what, "give a number for each input channel")
    return np.asarray(given, dtype=np.float64)


def blocks_of(
    networks: Sequence[Checkpoint], histories: Sequence[History], given: Sequence[float] | None
) -> Iterator[CircuitBlock]:
    """Yield the circuits of all networks, or of all their snapshots, in this order.

    Parameters
    ----------
    networks : sequence of Checkpoint
        Of rank one.
    histories : sequence of History
        One for each network, or none: then the weights after training.
    given : sequence of float, optional
        Constant input; zero by default.
    """
    held: list[CircuitBlock] = []
    for k, network in enumerate(networks):
        constant = constant_input(network, given)
        for snapshots in snapshots_of(network, histories[k]) if histories else [snapshot_of(network, False)]:
            for first in range(0, len(snapshots.steps), _MOST):
                part = _block(network, snapshots, slice(first, first + _MOST), constant)
                if held and (held[0].kind != part.kind or sum(len(one.steps) for one in [*held, part]) > _MOST):
                    yield _joined(held)
                    held = []
                held.append(part)
    if held:
        yield _joined(held)


def _block(network: Checkpoint, snapshots: Snapshots, rows: slice, constant: NDArray[np.float64]) -> CircuitBlock:
    """Return the circuits of some snapshots of a network."""
    shape, steps = network.architecture, snapshots.steps[rows]
    held = {name: snapshots.weights[name][rows].astype(np.float64) for name in TENSORS if name in snapshots.weights}
    status = ["ok"] * len(steps)
    for name in reversed(list(held)):
        for k in np.flatnonzero(~np.isfinite(held[name]).all(axis=tuple(range(1, held[name].ndim)))):
            status[k] = f"not_finite:{name}"
    sound = np.array([one == "ok" for one in status])
    # Of weights that are not finite nothing is computed.
    tensors = {name: np.where(sound.reshape(-1, *[1] * (value.ndim - 1)), value, 0) for name, value in held.items()}
    drive = tensors["input.weight"] @ constant + tensors.get("recurrent.bias", 0.0)
    circuits = Circuits(
        tensors["recurrent.left"][..., 0], tensors["recurrent.right"][..., 0], drive, shape.nonlinearity
    )
    return CircuitBlock([network.name] * len(steps), steps, status, np.full(len(steps), shape.rate), circuits)


def _joined(parts: Sequence[CircuitBlock]) -> CircuitBlock:
    """Return the rows of all parts in one."""
    circuits = Circuits(
        *(np.concatenate([getattr(part.circuits, name) for part in parts]) for name in ("left", "right", "drive")),
        parts[0].circuits.nonlinearity,
    )
    return CircuitBlock(
        [name for part in parts for name in part.networks],
        np.concatenate([part.steps for part in parts]),
        [one for part in parts for one in part.status],
        np.concatenate([part.rates for part in parts]),
        circuits,
    )
