"""Frequencies in the activity of networks that run trial after trial without a pause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.history import History
from rnnkit.numerics.activity_spectra import GroupSpectra, mean_spectra, unit_spectra
from rnnkit.stages.evaluation import TaskChoice, sample_trials
from rnnkit.stages.moments import GROUPS, Batch, batches, run_states, table_of

__all__ = ["spectrum"]

_CPU = torch.device("cpu")


def spectrum(
    networks: Sequence[Checkpoint],
    choice: TaskChoice | None = None,
    *,
    initial: bool = False,
    histories: Sequence[History] = (),
    memory_units: int | None = None,
    summary: bool = False,
    trials: int = 50,
    seed: int = 0,
    device: torch.device = _CPU,
) -> Iterator[pa.Table]:
    """Yield the spectra of networks' activity over trials that are put end to end (paper "abrupt-learning", Methods 8).

    The state is carried from each trial into the next: it is one long run, from the network's initial state.

    Parameters
    ----------
    networks, choice, initial, histories, memory_units, seed, device
        As in :func:`rnnkit.stages.ramping`.
    summary : bool
        The mean frequency of each group instead of the whole spectrum.
    trials : int
        Put end to end; of at least three steps together.

    Yields
    ------
    pyarrow.Table
        Of schema `spectra`, or `spectra_summary`, some networks or snapshots at a time, in the order given.

    Raises
    ------
    InputError
        When channels do not fit, or no network is sound.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=2, inputs=1, outputs=1, nonlinearity="identity")
    >>> held = {name: np.zeros(size) for name, size in shape.shapes().items()}
    >>> held |= {"recurrent.weight": np.array([[0.0, -1], [1, 0]]), "initial_state": np.ones(2)}  # a turn in 4 steps
    >>> found = next(spectrum([Checkpoint("a", shape, held)], TaskChoice("sine", {"steps": 10}), trials=2))
    >>> [(row["frequency"], row["amplitude"]) for row in found.to_pylist() if row["amplitude"] > 1e-9]
    [(0.25, 1.0)]
    """
    choice = choice or TaskChoice()
    for network in networks:
        steps = choice.of(network).length * trials
        if 0 < steps < 3:
            raise InputError("--trials", f"{trials} of them make a run of {steps} steps", "give 3 steps or more")

    def held(network: Checkpoint, task: object) -> int:
        # A transform, its absolute value, and two spectra of every unit.
        return 48 * choice.of(network).length * trials * network.architecture.units

    found = batches(networks, choice, initial=initial, histories=histories, memory_units=memory_units, held=held)
    for batch in found:
        inputs = sample_trials(batch.task, trials, seed).inputs[0]
        run = inputs.reshape(1, -1, inputs.shape[-1])
        activity = _activity(batch, run, device)
        spectra = unit_spectra(activity)
        means = {
            name: mean_spectra(spectra, batch.groups[name], activity.shape[1])
            for name in GROUPS
            if name in batch.groups
        }
        sound: NDArray[np.bool_] = np.asarray(np.isfinite(activity).all(axis=(1, 2)))
        yield (_summary if summary else _rows)(batch, spectra.frequency, means, sound)


def _activity(batch: Batch, run: NDArray[np.float32], device: torch.device) -> NDArray[np.float64]:
    """Return the states of one run, (moments, steps, units); NaN where a network cannot be run, or diverged."""
    units = batch.moments[0].network.architecture.units
    activity = np.full((len(batch.moments), run.shape[1], units), np.nan)
    if batch.sound:
        for _, states, finite in run_states([batch.moments[k] for k in batch.sound], run, device):
            activity[batch.sound] = np.where(finite[..., None], states[:, 0], np.nan)
    return activity


def _status(batch: Batch, found: GroupSpectra, k: int, sound: bool) -> str:
    """Return what is to be said of a group at one moment."""
    if not sound:
        return batch.moments[k].status or "diverged"
    return "silent" if not found.units[k] else "constant" if not found.units_moving[k] else "ok"


def _rows(
    batch: Batch, frequency: NDArray[np.float64], means: dict[str, GroupSpectra], sound: NDArray[np.bool_]
) -> pa.Table:
    """Return a row for each moment, group and frequency."""
    each = len(frequency)
    places = [(k, name) for k in range(len(batch.moments)) for name in means]

    def spread(values: list[object]) -> NDArray[np.object_]:
        return np.repeat(np.array(values, object), each)

    def amplitudes(kind: str) -> NDArray[np.float64]:
        # One unit that has diverged is a network that has.
        return np.concatenate([np.where(sound[k], getattr(means[name], kind)[k], np.nan) for k, name in places])

    return table_of(
        "spectra",
        {
            "network": spread([batch.moments[k].network.name for k, _ in places]),
            "step": spread([batch.moments[k].step for k, _ in places]),
            "group": spread([name for _, name in places]),
            "frequency": np.tile(frequency, len(places)),
            "amplitude": amplitudes("amplitude"),
            "amplitude_no_dc": amplitudes("amplitude_no_dc"),
            "status": spread([_status(batch, means[name], k, bool(sound[k])) for k, name in places]),
        },
    )


def _summary(
    batch: Batch, frequency: NDArray[np.float64], means: dict[str, GroupSpectra], sound: NDArray[np.bool_]
) -> pa.Table:
    """Return a row for each moment and group."""
    columns: dict[str, list[object]] = {}
    for k, moment in enumerate(batch.moments):
        for name, found in means.items():
            good = bool(sound[k])
            row = {
                "network": moment.network.name,
                "step": moment.step,
                "group": name,
                "units": int(found.units[k]) if good else None,
                "units_moving": int(found.units_moving[k]) if good else None,
                "centroid": float(found.centroid[k]) if good else np.nan,
                "centroid_no_dc": float(found.centroid_no_dc[k]) if good else np.nan,
                "status": _status(batch, found, k, good),
            }
            for column, value in row.items():
                columns.setdefault(column, []).append(value)
    return table_of("spectra_summary", columns)
