"""What theory predicts of training from the initial overlaps alone, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.history import History
from rnnkit.models import make_model
from rnnkit.models.base import Workspace
from rnnkit.numerics.loading_vectors import overlaps_of
from rnnkit.numerics.overlap_descent import descend, descend_directly
from rnnkit.numerics.overlap_flow import flow
from rnnkit.numerics.reduced_activity import ReducedModel, Trials, loss_gradient
from rnnkit.schemas import get_schema
from rnnkit.stages.loadings import loadings
from rnnkit.stages.overlap_replay import Phase, Replay, ends_of, replay_of
from rnnkit.stages.overlaps import Snapshots, snapshots_of
from rnnkit.tables import arrow_schema
from rnnkit.training.gradients import batch_loss

__all__ = ["MOTIONS", "overlap_theory"]

Floats = NDArray[np.float64]

#: What overlaps can be followed by: training itself, its limit of small steps, descent on the overlaps themselves.
MOTIONS = ("descent", "flow", "direct")

#: Elements of the states of snapshots that are run together, (snapshots, trials, steps, units).
_RUN_ELEMENTS = 8_000_000


@dataclass(frozen=True)
class _Path:
    """Overlaps (K, n, n) and losses (K,) at the steps of a table."""

    overlaps: Floats
    loss: Floats


def overlap_theory(
    networks: Sequence[Checkpoint], histories: Sequence[History] = (), *, motions: Sequence[str] = ("descent",)
) -> Iterator[pa.Table]:
    """Yield measured and predicted overlaps and losses, a table for each network.

    Parameters
    ----------
    networks : sequence of Checkpoint
        Of the `lowrank` family, trained here by gradient descent.
    histories : sequence of History
        Their snapshots, one file for each; without any, the weights before training and after it are compared.
    motions : sequence of str
        Of `MOTIONS`. The last two are of trials that stay the same, without momentum.

    Yields
    ------
    pyarrow.Table
        Of schema `overlap_theory`.

    Raises
    ------
    InputError
        For a network that the theory says nothing of.

    Notes
    -----
    The equations are derived in the documentation, "The theory of overlaps". `descent` of linear networks is training
    itself; that of tanh networks is its limit of many units with Gaussian rows.

    Examples
    --------
    >>> from rnnkit.stages import plan_networks, train
    >>> quick = {"units": 20, "epochs": 4, "validation_trials": 1}
    >>> (table,) = overlap_theory(train(plan_networks("overlaps/filter", {}, quick, [0])).networks)
    >>> bool(max(map(abs, table["deviation"].to_pylist())) < 1e-12)
    True
    """
    for motion in motions:
        if motion not in MOTIONS:
            raise unknown_name("--motion", motion, MOTIONS, "motion")
    replays = [replay_of(network) for network in networks]
    for replay in replays:
        _check_motions(replay, motions)
    for k, replay in enumerate(replays):
        yield _table(replay, histories[k] if histories else None, motions)


def _check_motions(replay: Replay, motions: Sequence[str]) -> None:
    for motion in motions:
        if motion != "descent" and (not replay.fixed or replay.rule.momentum):
            what = f"'{motion}' is of training on fixed trials without momentum, and {replay.network.name} had other"
            raise InputError("--motion", what, "leave it out, or train with --fixed-trials")


def _table(replay: Replay, history: History | None, motions: Sequence[str]) -> pa.Table:
    held = [ends_of(replay.network)] if history is None else snapshots_of(replay.network, history)
    steps = ends_of(replay.network).steps if history is None else history.steps
    trials = _trials_of(replay, steps)
    measured = _measured(replay, held, trials)
    return pa.concat_tables([_rows(replay, steps, measured, _predicted(replay, m, steps, trials), m) for m in motions])


def _trials_of(replay: Replay, steps: NDArray[np.int64]) -> list[Trials]:
    """Return, for each step of the table, the trials of the last optimiser step taken; at step 0 those of the first."""
    wanted = set(np.maximum(steps, 1).tolist())
    found = {step: trials for step, trials in replay.batches() if step in wanted}
    return [found[max(1, int(step))] for step in steps]


def _measured(replay: Replay, snapshots: Iterable[Snapshots], trials: Sequence[Trials]) -> _Path:
    """Return what the network's own weights say at each snapshot."""
    overlaps, losses, done = [], [], 0
    for block in snapshots:
        (found,) = loadings(replay.layout, replay.network.architecture, block.weights, [None])
        overlaps.append(overlaps_of(found.vectors))
        losses.append(_losses(replay, block.weights, trials[done : done + len(block.steps)]))
        done += len(block.steps)
    return _Path(np.concatenate(overlaps), np.concatenate(losses))


def _losses(replay: Replay, weights: Mapping[str, NDArray[Any]], trials: Sequence[Trials]) -> Floats:
    """Run snapshots over their trials; return the mean squared errors (k,)."""
    shape = replay.network.architecture
    model, losses = make_model(shape), []
    _, batch, length, _ = trials[0].inputs.shape
    size = max(1, _RUN_ELEMENTS // (batch * length * shape.units))
    for first in range(0, len(trials), size):
        part = slice(first, first + size)
        stacked = {name: torch.from_numpy(np.array(value[part], dtype=np.float64)) for name, value in weights.items()}
        data = [
            torch.from_numpy(np.concatenate([getattr(one, name) for one in trials[part]]))
            for name in ("inputs", "targets", "mask")
        ]
        count = len(data[0])
        gamma = torch.full((count,), shape.gamma, dtype=torch.float64)
        with torch.inference_mode():
            losses.append(batch_loss(model, stacked, gamma, data[0], data[1], data[2], Workspace()).total.numpy())
    return np.concatenate(losses)


def _predicted(replay: Replay, motion: str, steps: NDArray[np.int64], trials: Sequence[Trials]) -> _Path:
    """Follow the overlaps through the phases of training from those at step 0."""
    overlaps, offset = replay.start, replay.offset
    kept, offsets = [], []
    if steps[0] == 0:
        kept.append(overlaps)
        offsets.append(np.zeros((1, replay.layout.outputs)) if offset is None else offset)
    batches = replay.batches()
    for phase in replay.phases:
        inside = [int(step) - phase.first for step in steps if phase.first < step <= phase.last]
        ends = inside if inside and inside[-1] == phase.last - phase.first else [*inside, phase.last - phase.first]
        if not ends[-1]:
            continue
        path, biases = _follow(replay, motion, overlaps, offset, ends, phase, batches)
        kept.append(path[: len(inside)])
        offsets.append(biases[: len(inside)])
        overlaps, offset = path[-1:], None if offset is None else biases[-1:]
    found, constants = np.concatenate(kept), np.concatenate(offsets)
    return _Path(replay.as_table(found), _theory_losses(replay.model, found, constants, trials))


def _follow(
    replay: Replay,
    motion: str,
    overlaps: Floats,
    offset: Floats | None,
    ends: Sequence[int],
    phase: Phase,
    batches: Iterator[tuple[int, Trials]],
) -> tuple[Floats, Floats]:
    """Follow one phase; return overlaps (len(ends), n, n) and offsets at its steps `ends`, counted from its start."""
    model, rule = replay.model, replay.rule
    _, first = next(batches)

    def later(step: int) -> Trials:
        return first if step == 0 else next(batches)[1]

    chosen: Trials | Callable[[int], Trials] = first if replay.fixed else later
    if motion == "descent":
        taken = descend(model, overlaps, chosen, rule, ends, offset)
        path, biases = taken.overlaps[0], taken.offset[0]
    elif motion == "direct":
        moved = descend_directly(model, overlaps, first, rule.rate, ends, offset)
        path, biases = moved.overlaps[0], moved.offset[0]
    else:
        times = rule.rate * np.asarray(ends, dtype=np.float64)
        flowed = flow(model, overlaps, first, times, rule.relative, offset)
        path, biases = flowed.overlaps[0], flowed.offset[0]
    if replay.fixed:  # the next phase begins with its own trials
        for _ in range(phase.last - phase.first - 1):
            next(batches)
    return path, biases


def _theory_losses(model: ReducedModel, overlaps: Floats, offsets: Floats, trials: Sequence[Trials]) -> Floats:
    """Return the theory's loss at each step of the table, on that step's trials."""
    losses = np.full(len(overlaps), np.nan)
    sound = np.isfinite(overlaps).all(axis=(1, 2))
    # Steps on the same trials together: a phase of fixed ones is one call.
    for _, same in groupby(np.flatnonzero(sound), key=lambda k: id(trials[int(k)])):
        part = np.array(list(same))
        losses[part] = loss_gradient(model, overlaps[part], trials[int(part[0])], offsets[part]).loss
    return losses


def _rows(replay: Replay, steps: NDArray[np.int64], measured: _Path, predicted: _Path, motion: str) -> pa.Table:
    rows, columns = replay.layout.pairs()
    names, count, each = replay.layout.names, len(steps), len(rows) + 1
    values = []
    for path in (measured, predicted):
        whole = np.concatenate([path.overlaps[:, rows, columns], path.loss[:, None]], axis=1)
        values.append(np.where(np.isfinite(whole), whole, np.nan).ravel())
    with np.errstate(invalid="ignore"):
        apart = values[1] - values[0]
    good = np.isfinite(apart)
    seen = replay.layout.visible(replay.model.linear)[rows, columns]
    schema = arrow_schema(get_schema("overlap_theory"))
    held: dict[str, Any] = {
        "network": pa.array([replay.network.name] * (count * each), pa.string()),
        "step": pa.array(np.repeat(steps, each)),
        "left": pa.array([*(names[k] for k in rows), "loss"] * count),
        "right": pa.array([*(names[k] for k in columns), "loss"] * count),
        "motion": pa.array([motion] * (count * each)),
        "measured": pa.array(values[0], mask=np.isnan(values[0])),
        "predicted": pa.array(values[1], mask=np.isnan(values[1])),
        "deviation": pa.array(apart, mask=~good),
        "visible": pa.array([*seen.tolist(), None] * count, pa.bool_()),
        "phase": pa.array(np.repeat([replay.phase_of(int(step)) for step in steps], each)),
        "status": pa.array(np.where(good, "ok", "diverged").tolist(), pa.string()),
    }
    return pa.table(held, schema=schema)
