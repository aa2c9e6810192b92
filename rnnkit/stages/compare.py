"""Distances between networks, by any number of metrics, within groups or across all."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.metrics import Metric, MetricOptions, Network, PairDistance, get_metric
from rnnkit.models.ensembles import Run, run_networks
from rnnkit.stages.evaluation import TaskChoice, check_inputs, flaw, same_task, sample_trials
from rnnkit.tables import build, check_group_keys
from rnnkit.tasks import Task

__all__ = ["compare"]

#: Pairs solved in one batch: enough to fill a device, few enough to report progress.
_BATCH = 64

Progress = Callable[[int, int], None]


def _groups(networks: Sequence[Checkpoint], within: Sequence[str]) -> dict[tuple[str, ...], list[int]]:
    """Indices of the networks by their settings under the `within` keys."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, network in enumerate(networks):
        key = tuple(str(network.setting(name)) for name in within)
        groups.setdefault(key, []).append(index)
    return groups


def _runs(
    networks: Sequence[Checkpoint],
    members: Sequence[int],
    choice: TaskChoice,
    inputs: NDArray[np.float32] | None,
    trials: int,
    seed: int,
    options: MetricOptions,
    ood: bool = False,
) -> Iterator[tuple[int, NDArray[np.float32], Run, NDArray[np.float64]]]:
    """Run a group's networks on the same trials: index, inputs, run and the outputs that the task scores."""
    group = [networks[k] for k in members]
    main, counted = None, None
    if inputs is None:
        task = _require_one_task(group, choice)
        drawn = sample_trials(task, trials, seed, ood)
        inputs, main = drawn.inputs[0], task.main_outputs
        counted = None if drawn.mask is None else drawn.mask[0] > 0
    check_inputs(group, inputs)
    for run in run_networks(group, inputs, options.device):
        outputs = run.outputs[..., :main]
        scored = np.concatenate(outputs) if counted is None else outputs[counted]
        yield members[run.index], inputs, run, scored


def _require_one_task(group: Sequence[Checkpoint], choice: TaskChoice) -> Task:
    """Return the task that all networks of a group share."""
    tasks: dict[tuple[str, str], tuple[Checkpoint, Task]] = {}
    for network in group:
        task = choice.of(network)
        tasks.setdefault(same_task(task), (network, task))
    if len(tasks) > 1:
        first, second, *_ = (network.name for network, _ in tasks.values())
        raise InputError(
            f"{first}, {second}",
            "have different tasks or task parameters",
            "name one task with --task and -t, or compare --within what differs",
        )
    return next(iter(tasks.values()))[1]


def _settle(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _row(
    a: Checkpoint, b: Checkpoint, metric: Metric, found: PairDistance, seconds: float, keys: dict[str, str]
) -> dict[str, Any]:
    counts = {name: getattr(found, name) for name in ("starts", "starts_at_best", "size_a", "size_b")}
    return {
        "a": a.name,
        "b": b.name,
        "metric": metric.name,
        **keys,
        "distance": _settle(found.distance),
        "lower_bound": _settle(found.lower_bound),
        "status": found.status,
        "seconds": seconds,
        "level": metric.level,
        "relative_distance": _settle(found.relative),
        "per_parameter": _settle(found.per_parameter),
        "converged": a.converged and b.converged,
        **{name: None if value < 0 else value for name, value in counts.items()},
    }


def _pairs(groups: dict[tuple[str, ...], list[int]]) -> list[tuple[int, int]]:
    return [pair for members in groups.values() for pair in itertools.combinations(members, 2)]


def compare(
    networks: Sequence[Checkpoint],
    metrics: Sequence[str] = ("dsa", "pif", "svcca"),
    choice: TaskChoice | None = None,
    *,
    within: Sequence[str] = (),
    inputs: NDArray[np.float32] | None = None,
    trials: int = 100,
    seed: int = 0,
    rates: bool = False,
    options: MetricOptions | None = None,
    progress: Progress | None = None,
    report: Callable[[str, dict[str, Any]], None] | None = None,
) -> Iterator[pa.Table]:
    """Compare every pair of networks and yield rows as they come.

    Parameters
    ----------
    networks : sequence of Checkpoint
    metrics : sequence of str
        Names in :data:`rnnkit.metrics.METRICS`.
    choice : TaskChoice, optional
        The task whose trials the networks are run on; their own by default.
    within : sequence of str
        Compare only networks that agree in these settings; the settings become columns. Dimension and delay
        of `dsa` are common to all groups.
    inputs : (trials, steps, inputs) float32, optional
        Run on these instead of a task's trials.
    trials, seed : int
    rates : bool
        Compare phi(h) instead of h.
    options : MetricOptions, optional
    progress : callable, optional
        Called with pairs done and pairs in all.
    report : callable, optional
        Called with each metric's name and what it chose.

    Yields
    ------
    pyarrow.Table
        Of schema `comparisons`. A network that cannot be run has rows with null distances.

    Raises
    ------
    InputError
        With fewer than two networks, networks of different inputs or tasks, or none that is sound.
    """
    chosen = [get_metric(name) for name in metrics]
    options = options or MetricOptions(seed=seed)
    check_group_keys("comparisons", within)
    if inputs is not None and any(metric.needs_ood for metric in chosen):
        raise InputError("--inputs", "has no out-of-distribution trials", "leave it out, or the metrics -ood")
    groups = _groups(networks, within)
    pairs = _pairs(groups)
    if not pairs:
        what = f"{len(networks)} network{'s' * (len(networks) != 1)} in {len(groups)} group{'s' * (len(groups) != 1)}"
        raise InputError("networks", what, "give at least two networks that agree in the --within settings")
    flaws = [flaw(network) for network in networks]
    sound = [k for k, status in enumerate(flaws) if status is None]
    choice = choice or TaskChoice()
    if inputs is None and choice.name is None:
        for members in groups.values():
            doing = [networks[k] for k in members if networks[k].task is not None]
            if doing:
                _require_one_task(doing, choice)
    if not sound:
        raise InputError(networks[0].name, f"tensor '{networks[0].bad_tensor()}' holds NaN or infinity", "mend it")
    ready = {k: Network(networks[k]) for k in sound}
    usable = [held for members in groups.values() if (held := [k for k in members if flaws[k] is None])]
    if any(metric.needs_activity for metric in chosen):
        for members in usable:
            driven: NDArray[np.float64] | None = None  # one copy for the group
            for k, given, run, outputs in _runs(networks, members, choice, inputs, trials, seed, options):
                driven = given.astype(np.float64) if driven is None else driven
                ready[k] = Network(networks[k], run.rates if rates else run.hidden, driven, outputs)
    if any(metric.needs_ood for metric in chosen):
        for members in usable:
            for k, _, _, outputs in _runs(networks, members, choice, None, trials, seed, options, ood=True):
                ready[k] = replace(ready[k], outputs_ood=outputs)
    for k in list(sound):
        activity = ready[k].activity
        if activity is not None and not np.isfinite(activity).all():
            flaws[k] = "diverged"
            sound.remove(k)
    place = {index: position for position, index in enumerate(sound)}
    done, total = 0, len(pairs) * len(chosen)
    keys = {k: dict(zip(within, key, strict=True)) for key, members in groups.items() for k in members}
    good = [pair for pair in pairs if flaws[pair[0]] is None and flaws[pair[1]] is None]
    bad = [pair for pair in pairs if flaws[pair[0]] is not None or flaws[pair[1]] is not None]
    # All metrics are prepared before the first row is out: what one of them refuses leaves no half table.
    entering = [ready[k] for k in sound]
    prepared_all = [metric.prepare(entering, options) if good else None for metric in chosen]
    if report is not None and good:
        for metric, prepared in zip(chosen, prepared_all, strict=True):
            report(metric.name, metric.parameters(prepared))
    for metric, prepared in zip(chosen, prepared_all, strict=True):
        rows = []
        for i, j in bad:
            found = PairDistance(float("nan"), flaws[i] or flaws[j] or "")
            rows.append(_row(networks[i], networks[j], metric, found, 0.0, keys[i]))
        if rows:
            yield build("comparisons", rows, within)
            done += len(rows)
        if not good:
            continue
        for first in range(0, len(good), _BATCH):
            batch = good[first : first + _BATCH]
            started = time.perf_counter()
            found_all = metric.distances(prepared, [(place[i], place[j]) for i, j in batch], options)
            seconds = (time.perf_counter() - started) / len(batch)
            rows = [
                _row(networks[i], networks[j], metric, found, seconds, keys[i])
                for (i, j), found in zip(batch, found_all, strict=True)
            ]
            done += len(batch)
            if progress is not None:
                progress(done, total)
            yield build("comparisons", rows, within)
