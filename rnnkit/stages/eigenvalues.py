"""Eigenvalues of the recurrent weights that act, before training and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import acting_weights
from rnnkit.numerics import spectra
from rnnkit.tables import build

__all__ = ["eigenvalues"]

#: Elements of the matrices that are in memory together.
_ELEMENTS = 16_000_000
_WEIGHTS = ("initial", "trained")


def eigenvalues(networks: Sequence[Checkpoint]) -> pa.Table:
    """Return the eigenvalues of each network's recurrent weights, before training and after.

    The weights are those that act: J / N in `mup`, left right^T / N in `lowrank`, as the spectral radius of
    :func:`rnnkit.stages.schur_ablate`. Of a gated cell, those of each gate's block: what is between the gates is no
    linear map, so these are of the blocks and not of the cell's dynamics. Leaks and nonlinearities have no part.

    Parameters
    ----------
    networks : sequence of Checkpoint

    Returns
    -------
    pyarrow.Table
        Of schema `eigenvalues`, in the order given, those before training first. Weights that are not there
        (`no_initial_weights`), not finite (`not_finite:TENSOR`) or on which the iteration stopped
        (`not_converged`) have one row, without numbers.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="mup", units=2, inputs=1, outputs=1)
    >>> net = Checkpoint("a", shape, {"recurrent.weight": np.diag([4.0, 2.0])})
    >>> table = eigenvalues([net])
    >>> table["status"].to_pylist(), table["re"].to_pylist()
    (['no_initial_weights', 'ok', 'ok'], [None, 2.0, 1.0])
    """
    groups: dict[tuple[int, int], list[tuple[int, str]]] = {}
    rows: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for k, network in enumerate(networks):
        for weights in _WEIGHTS:
            status = _flaw(network, weights)
            if status is not None:
                rows[k, weights] = _empty(network, weights, status)
            else:
                shape = network.architecture
                groups.setdefault((shape.spec.gates, shape.units), []).append((k, weights))
    for (gates, units), members in groups.items():
        size = max(1, _ELEMENTS // (gates * units**2))
        for first in range(0, len(members), size):
            part = members[first : first + size]
            found = spectra.eigenvalues(np.stack([acting_weights(networks[k], w == "initial") for k, w in part]))
            for (k, weights), values in zip(part, found, strict=True):
                rows[k, weights] = list(_rows(networks[k], weights, values))
    return build("eigenvalues", [row for k in range(len(networks)) for w in _WEIGHTS for row in rows[k, w]])


def _flaw(network: Checkpoint, weights: str) -> str | None:
    """Return why there is nothing to be had of these weights, or None."""
    tensors = network.initial if weights == "initial" else network.weights
    if not tensors:
        return "no_initial_weights"
    names = [name for name in ("recurrent.weight", "recurrent.left", "recurrent.right") if name in tensors]
    bad = next((name for name in names if not np.isfinite(tensors[name]).all()), None)
    return None if bad is None else f"not_finite:{'init.' * (weights == 'initial')}{bad}"


def _empty(network: Checkpoint, weights: str, status: str) -> list[dict[str, Any]]:
    names = network.architecture.spec.gate_names
    return [{"network": network.name, "weights": weights, "gate": g, "index": 0, "status": status} for g in names]


def _rows(network: Checkpoint, weights: str, values: NDArray[np.complex128]) -> Iterator[dict[str, Any]]:
    """Yield the rows of one set of weights, values (gates, units)."""
    for gate, own in zip(network.architecture.spec.gate_names, values, strict=True):
        place = {"network": network.name, "weights": weights, "gate": gate}
        if not np.isfinite(own).all():
            yield {**place, "index": 0, "status": "not_converged"}
            continue
        for index, value in enumerate(own.tolist()):
            yield {
                **place,
                "index": index,
                "re": value.real,
                "im": value.imag,
                "modulus": abs(value),
                "status": "ok",
            }
