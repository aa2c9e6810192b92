"""What follows from the overlaps of a low-rank network at each snapshot: what flow conserves, and how they move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.history import History
from rnnkit.numerics.loading_vectors import Layout, overlaps_of
from rnnkit.numerics.overlap_connection import gram_matrix
from rnnkit.numerics.overlap_invariants import conserved
from rnnkit.schemas import get_schema
from rnnkit.stages.loadings import layout_of, loadings
from rnnkit.stages.overlap_replay import descends, is_linear, vector_factors
from rnnkit.stages.overlaps import Snapshots, snapshot_of, snapshots_of
from rnnkit.tables import arrow_schema

__all__ = ["conserved_quantities", "gram_matrices"]

Floats = NDArray[np.float64]


def conserved_quantities(
    networks: Sequence[Checkpoint], histories: Sequence[History] = (), *, initial: bool = False
) -> Iterator[pa.Table]:
    """Yield what gradient flow would conserve, a table for each network.

    Parameters
    ----------
    networks : sequence of Checkpoint
        Of the `lowrank` family.
    histories : sequence of History
        Their snapshots, one file for each, or none at all.
    initial : bool
        Of the weights before training alone. Where there are no histories, without it, before and after.

    Yields
    ------
    pyarrow.Table
        Of schema `conserved`.

    Raises
    ------
    InputError
        For networks of full rank, or with another nonlinearity than tanh and identity.

    Examples
    --------
    >>> from rnnkit.stages import plan_networks, train
    >>> quick = {"units": 8, "epochs": 1, "validation_trials": 1}
    >>> (table,) = conserved_quantities(train(plan_networks("overlaps/filter", {}, quick, [0])).networks)
    >>> table["quantity"].to_pylist()
    ['I1', 'I2', 'I3', 'I4', 'uu-vv', 'mm-zz', 'I1', 'I2', 'I3', 'I4', 'uu-vv', 'mm-zz']
    """
    for network, history in _paired(networks, histories):
        layout, linear = _theory_of(network)
        relative = np.array(vector_factors(network, layout)[0])
        plainly = descends(network)
        tables, first = [], None
        blocks = _ends(network, layout, initial) if history is None else _overlaps(network, layout, history)
        for steps, overlaps in blocks:
            found = conserved(layout, overlaps, linear, relative)
            first = found.values[0] if first is None else first
            count, each = len(steps), len(found.names)
            with np.errstate(invalid="ignore"):
                drift = (found.values - first).ravel()
            held = {
                "network": [network.name] * (count * each),
                "step": np.repeat(steps, each),
                "quantity": list(found.names) * count,
                "value": found.values.ravel(),
                "drift": drift,
                "holds": np.tile(found.holds & plainly, count),
            }
            tables.append(_table("conserved", held, ("value", "drift")))
        yield pa.concat_tables(tables)


def gram_matrices(
    networks: Sequence[Checkpoint], histories: Sequence[History] = (), *, initial: bool = False
) -> Iterator[pa.Table]:
    """Yield the augmented Gram matrices of networks' overlaps, a table for each network or block of its snapshots.

    Parameters and errors as of :func:`conserved_quantities`.

    Yields
    ------
    pyarrow.Table
        Of schema `gram_matrix`.

    Examples
    --------
    >>> from rnnkit.stages import plan_networks, train
    >>> quick = {"units": 8, "epochs": 1, "validation_trials": 1}
    >>> (table,) = gram_matrices(train(plan_networks("overlaps/filter", {}, quick, [0])).networks)
    >>> table.num_rows
    100
    """
    for network, history in _paired(networks, histories):
        layout, linear = _theory_of(network)
        relative = np.array(vector_factors(network, layout)[0])
        rows, columns = layout.pairs()
        left, right = (np.array(layout.names)[k] for k in (rows, columns))
        seen = layout.visible(linear)[rows, columns]
        pairs = len(rows)
        for steps, overlaps in _overlaps(network, layout, history, initial):
            count = len(steps)
            moving, driving = (np.tile(index.ravel(), count) for index in np.indices((pairs, pairs)))
            held = {
                "network": [network.name] * len(moving),
                "step": np.repeat(steps, pairs * pairs),
                "left": left[moving],
                "right": right[moving],
                "by_left": left[driving],
                "by_right": right[driving],
                "value": gram_matrix(overlaps, relative).ravel(),
                "visible": seen[moving],
                "by_visible": seen[driving],
            }
            yield _table("gram_matrix", held, ("value",))


def _paired(
    networks: Sequence[Checkpoint], histories: Sequence[History]
) -> Iterator[tuple[Checkpoint, History | None]]:
    for network in networks:
        is_linear(network)  # before anything is written
    for k, network in enumerate(networks):
        yield network, histories[k] if histories else None


def _theory_of(network: Checkpoint) -> tuple[Layout, bool]:
    """Return the layout, and whether the network is linear."""
    return layout_of(network.name, network.architecture, network.weights, None), is_linear(network)


def _ends(network: Checkpoint, layout: Layout, initial: bool) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Yield the overlaps before training, and with them those after it: a drift is between two steps."""
    both = (True,) if initial else (True, False) if network.initial else (False,)
    for before in both:
        yield from _overlaps(network, layout, initial=before)


def _overlaps(
    network: Checkpoint, layout: Layout, history: History | None = None, initial: bool = False
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Yield steps and overlaps as training has them: the readout is not yet over gamma."""
    gamma = network.architecture.gamma
    whole = np.array([gamma if name[0] == "z" else 1.0 for name in layout.names])
    blocks: Iterator[Snapshots] = (
        iter([snapshot_of(network, initial)]) if history is None else snapshots_of(network, history)
    )
    for block in blocks:
        (found,) = loadings(layout, network.architecture, block.weights, [None])
        with np.errstate(invalid="ignore"):
            yield block.steps, overlaps_of(found.vectors) * whole * whole[:, None]


def _table(name: str, held: dict[str, Any], numbers: Sequence[str]) -> pa.Table:
    """Build a table; numbers that are not finite are null, and flagged."""
    good = np.logical_and.reduce([np.isfinite(held[number]) for number in numbers])
    columns: dict[str, Any] = {key: pa.array(value) for key, value in held.items()}
    columns |= {number: pa.array(held[number], mask=~good) for number in numbers}
    columns["status"] = pa.array(np.where(good, "ok", "not_finite").tolist(), pa.string())
    return pa.table(columns, schema=arrow_schema(get_schema(name)))
