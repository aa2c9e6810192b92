"""Overlaps of the loading vectors of networks, after training, before it, or at every snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.architectures import CAYLEY_TENSORS
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.numerics.loading_vectors import Layout, overlaps_of
from rnnkit.schemas import get_schema
from rnnkit.stages.evaluation import require_sound
from rnnkit.stages.loadings import Loadings, layout_of, loadings, sees_linearly
from rnnkit.tables import arrow_schema

__all__ = ["Snapshots", "check_history", "overlaps", "snapshot_of", "snapshots_of", "trained_steps", "weights_of"]

#: Bytes of the snapshots, in double precision, that are worked on together.
_BLOCK_BYTES = 1 << 23


@dataclass(frozen=True)
class Snapshots:
    """Some snapshots of one network.

    Attributes
    ----------
    steps : (k,) int64
        Optimiser steps of training.
    weights : dict of (k, ...) arrays
        By the names of the checkpoint format, those that do not train included.
    """

    steps: NDArray[np.int64]
    weights: dict[str, NDArray[Any]]


def trained_steps(network: Checkpoint) -> int:
    """Return the optimiser steps a network was trained for, or 0 where its checkpoint does not say.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=1, inputs=1, outputs=1)
    >>> trained_steps(Checkpoint("a", shape, {}, training={"epochs_trained": 3, "steps_per_epoch": 10}))
    30
    """
    epochs, each = network.training.get("epochs_trained"), network.training.get("steps_per_epoch")
    return epochs * each if isinstance(epochs, int) and isinstance(each, int) else 0


def weights_of(network: Checkpoint, initial: bool) -> tuple[int, dict[str, NDArray[Any]]]:
    """Return the steps trained and the weights after training, or 0 and those before it.

    Raises
    ------
    InputError
        When the weights before training are not known.
    """
    if not initial:
        return trained_steps(network), network.weights
    if not network.initial:
        raise InputError(network.name, "holds no weights before training", "leave out --initial")
    return 0, network.initial


def overlaps(
    networks: Sequence[Checkpoint],
    ranks: Sequence[int] = (),
    *,
    initial: bool = False,
    histories: Sequence[History] = (),
) -> Iterator[pa.Table]:
    """Yield the overlaps of networks, a table for each network or block of its snapshots.

    Parameters
    ----------
    networks : sequence of Checkpoint
    ranks : sequence of int
        Ranks to truncate the recurrent weights to. Without any, the own vectors of low-rank networks.
    initial : bool
        Of the weights before training instead of those after it.
    histories : sequence of History
        Of every snapshot instead: one file for each network, or none at all.

    Yields
    ------
    pyarrow.Table
        Of schema `overlaps`.

    Raises
    ------
    InputError
        For networks with gates, ranks that do not fit, and full-rank networks without a rank.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(
    ...     family="lowrank", units=2, inputs=1, outputs=1, rank=1, nonlinearity="identity", bias=False
    ... )
    >>> net = {name: np.ones(size) for name, size in shape.shapes().items() if name != "initial_state"}
    >>> (table,) = overlaps([Checkpoint("a", shape, net | {"input.weight": np.array([[1.0], [3.0]])})])
    >>> table.select(["left", "right", "value", "visible"]).to_pylist()[:3]  # doctest: +NORMALIZE_WHITESPACE
    [{'left': 'm', 'right': 'm', 'value': 5.0, 'visible': False},
     {'left': 'm', 'right': 'u', 'value': 2.0, 'visible': False},
     {'left': 'm', 'right': 'v', 'value': 2.0, 'visible': True}]
    """
    wanted: Sequence[int | None] = ranks or (None,)
    layouts = []
    for network in networks:
        weights = weights_of(network, initial and not histories)[1]
        first, *_ = (layout_of(network.name, network.architecture, weights, rank) for rank in wanted)
        layouts.append(first)
    for network, history in zip(networks, histories, strict=False):
        check_history(network, history)  # before anything is written
    if not histories:
        require_sound([replace(network, weights=weights_of(network, initial)[1]) for network in networks])
    for k, (network, layout) in enumerate(zip(networks, layouts, strict=True)):
        for block in snapshots_of(network, histories[k]) if histories else [snapshot_of(network, initial)]:
            yield _table(network, layout, block, wanted)


def snapshot_of(network: Checkpoint, initial: bool) -> Snapshots:
    """Return the weights after training, or before it, as one snapshot.

    Raises
    ------
    InputError
        When the weights before training are not known.
    """
    step, weights = weights_of(network, initial)
    return Snapshots(np.array([step]), {name: value[None] for name, value in weights.items()})


def check_history(network: Checkpoint, history: History) -> None:
    """Raise InputError unless the snapshots are of such a network."""
    shapes = network.architecture.shapes()
    for name in history.names:
        held = history.places[name].shape[1:]
        if shapes.get(name) != held:
            what = f"tensor '{name}' of shape {held} is not that of {network.name}"
            raise InputError(str(history.path), what, "keep the files of a network together")


def snapshots_of(network: Checkpoint, history: History) -> Iterator[Snapshots]:
    """Yield a few snapshots at a time; what is not trained is that of the network.

    Raises
    ------
    InputError
        When the snapshots are not of such a network.
    """
    check_history(network, history)
    still = {name: value for name, value in network.weights.items() if name not in history.names}
    if set(CAYLEY_TENSORS) <= set(history.names):
        still.pop("recurrent.weight", None)
    each = sum(8 * int(np.prod(history.places[name].shape[1:])) for name in history.names)
    for steps, held in history.blocks(max(1, _BLOCK_BYTES // max(1, each))):
        constant = {name: np.broadcast_to(value, (len(steps), *value.shape)) for name, value in still.items()}
        yield Snapshots(steps, held | constant)


def _table(network: Checkpoint, layout: Layout, block: Snapshots, ranks: Sequence[int | None]) -> pa.Table:
    status = _statuses(block)
    sound = np.array([one == "ok" for one in status])
    # Of weights that are not finite nothing is computed: they are set aside here, and flagged.
    clean = {name: np.where(_over(sound, value.ndim), value, 0) for name, value in block.weights.items()}
    tables = [
        _rows(network, found, block.steps, status) for found in loadings(layout, network.architecture, clean, ranks)
    ]
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)


def _over(flags: NDArray[np.bool_], dimensions: int) -> NDArray[np.bool_]:
    return flags.reshape(-1, *[1] * (dimensions - 1))


def _statuses(block: Snapshots) -> list[str]:
    """Return `ok`, or the first tensor that is not finite, of each snapshot."""
    status = ["ok"] * len(block.steps)
    for name, value in sorted(block.weights.items(), reverse=True):
        for k in np.flatnonzero(~np.isfinite(value).all(axis=tuple(range(1, value.ndim)))):
            status[k] = f"not_finite:{name}"
    return status


def _rows(network: Checkpoint, found: Loadings, steps: NDArray[np.int64], status: Sequence[str]) -> pa.Table:
    """Return the rows of some snapshots at one rank: all pairs of the first, all of the second, and so on."""
    rows, columns = found.layout.pairs()
    names, count, pairs = found.layout.names, len(steps), len(rows)
    with np.errstate(invalid="ignore"):  # an initial state beyond the range of tanh
        values = overlaps_of(found.vectors)[:, rows, columns]
    unsettled = found.unsettled[:, rows] | found.unsettled[:, columns]
    linear = sees_linearly(network.architecture)
    flags = np.where(unsettled, "degenerate_singular_values", "no_theory" if linear is None else "ok")
    flags = np.where(np.isfinite(values), flags, "not_finite:initial_state").astype(object)
    sound = np.array([one == "ok" for one in status])
    flags[~sound] = np.array(status, object)[~sound, None]
    good = (flags == "ok") | (flags == "no_theory")
    share = np.repeat(np.where(sound, found.share, np.nan), pairs)
    seen = None if linear is None else np.tile(found.layout.visible(linear)[rows, columns], count)
    schema = arrow_schema(get_schema("overlaps"))
    held: dict[str, Any] = {
        "network": pa.array([network.name] * (count * pairs), pa.string()),
        "step": pa.array(np.repeat(steps, pairs)),
        "left": pa.array([names[k] for k in rows] * count),
        "right": pa.array([names[k] for k in columns] * count),
        "value": pa.array(values.ravel(), mask=~good.ravel()),
        "visible": pa.nulls(count * pairs, pa.bool_()) if seen is None else pa.array(seen),
        "share_of_norm": pa.array(share, mask=~np.isfinite(share)),
        "rank": pa.array(np.full(count * pairs, found.rank)),
        "status": pa.array(flags.ravel().tolist(), pa.string()),
    }
    return pa.table(held, schema=schema)
