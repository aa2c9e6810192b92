"""Run networks over trials: a row per network, trial and step, or a summary row per network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.models.ensembles import Run, run_networks
from rnnkit.schemas import get_schema
from rnnkit.stages.evaluation import TaskChoice, check_inputs, flaw, require_sound, same_task, sample_trials
from rnnkit.tables import arrow_schema, build, check_group_keys
from rnnkit.tasks import Task, Trials, task_parameters

__all__ = ["rollout", "score", "summary"]

_CPU = torch.device("cpu")


def _by_task(networks: Sequence[Checkpoint], choice: TaskChoice) -> list[tuple[Task, list[Checkpoint]]]:
    """Group networks by the task they are run on, in order of first appearance."""
    groups: dict[tuple[str, str], tuple[Task, list[Checkpoint]]] = {}
    for network in networks:
        task = choice.of(network)
        groups.setdefault(same_task(task), (task, []))[1].append(network)
    return list(groups.values())


def _widths(networks: Sequence[Checkpoint]) -> dict[str, int]:
    """Length of each vector column, where all networks have the same; lists may differ in length elsewhere.

    Networks without a readout have lists of no fixed length: Parquet does not read lists of a fixed length of 0.
    """
    shapes = [network.architecture for network in networks]
    lengths = {
        "input": {shape.inputs for shape in shapes},
        "target": {shape.outputs for shape in shapes},
        "output": {shape.outputs for shape in shapes},
        "hidden": {shape.units for shape in shapes},
    }
    return {name: found.pop() for name, found in lengths.items() if len(found) == 1 and found != {0}}


def _rows(
    network: Checkpoint,
    trials: Trials | None,
    inputs: NDArray[np.float32],
    run: Run | None,
    status: str,
    widths: Mapping[str, int],
) -> pa.Table:
    """Return one network's rows; `widths` is the length of the vector columns that have one."""
    count, steps, _ = inputs.shape
    total = count * steps
    schema = arrow_schema(get_schema("rollout"), (), widths)

    def vectors(name: str, values: NDArray[np.float32] | None) -> Any:
        if values is None:
            return pa.nulls(total, schema.field(name).type)
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        if not values.shape[-1]:
            return pa.array([[]] * total, schema.field(name).type)
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[-1]).cast(schema.field(name).type)

    hidden = output = None
    if run is not None:
        with np.errstate(over="ignore"):
            hidden, output = run.hidden.astype(np.float32), run.outputs.astype(np.float32)
    finite = hidden is not None and output is not None and bool(np.isfinite(hidden).all() and np.isfinite(output).all())
    columns: dict[str, pa.Array[Any]] = {
        "network": pa.array([network.name] * total, pa.string()),
        "trial": pa.array(np.repeat(np.arange(count), steps)),
        "step": pa.array(np.tile(np.arange(steps), count)),
        "input": vectors("input", inputs),
        "target": vectors("target", None if trials is None else trials.targets[0]),
        "output": vectors("output", output if finite else None),
        "hidden": vectors("hidden", hidden if finite else None),
        "status": pa.array([status if finite or run is None else "diverged"] * total, pa.string()),
    }
    return pa.table(columns, schema=schema)


def rollout(
    networks: Sequence[Checkpoint],
    choice: TaskChoice | None = None,
    *,
    trials: int = 100,
    seed: int = 0,
    ood: bool = False,
    inputs: NDArray[np.float32] | None = None,
    device: torch.device = _CPU,
) -> Iterator[pa.Table]:
    """Run networks over trials and yield their rows, network by network.

    Parameters
    ----------
    networks : sequence of Checkpoint
    choice : TaskChoice, optional
        The task; each network's own by default.
    trials : int
    seed : int
        Of the trials: all networks of a task see the same ones.
    ood : bool
        Take the out-of-distribution version of the task.
    inputs : (trials, steps, inputs) float32, optional
        Run on these instead of a task's trials; targets are then null.
    device : torch.device

    Yields
    ------
    pyarrow.Table
        Of schema `rollout`. A network with weights that are not finite gets rows with null vectors.

    Raises
    ------
    InputError
        When channels do not fit, or no network is sound.
    """
    require_sound(networks)
    if inputs is not None:
        check_inputs(networks, inputs)
        groups: list[tuple[Trials | None, NDArray[np.float32], list[Checkpoint]]] = [(None, inputs, list(networks))]
    else:
        groups = []
        for task, members in _by_task(networks, choice or TaskChoice()):
            drawn = sample_trials(task, trials, seed, ood)
            groups.append((drawn, drawn.inputs[0], members))
    widths = _widths(networks)
    for drawn_or_none, x, members in groups:
        running = [network for network in members if flaw(network) is None]
        for run in run_networks(running, x, device):
            yield _rows(running[run.index], drawn_or_none, x, run, "ok", widths)
        for network in members:
            status = flaw(network)
            if status is not None:
                yield _rows(network, drawn_or_none, x, None, status, widths)


def score(task: Task, trials: Trials, run: Run) -> dict[str, Any]:
    """Return loss, fraction of variance unexplained, accuracy and status of one run, auxiliary outputs left out.

    Parameters
    ----------
    task : Task
    trials : Trials
        (1, trials, steps, channels): those that were run.
    run : Run
    """
    main = task.main_outputs
    target = trials.targets[0, ..., :main].astype(np.float64)
    # What overflows here is found below: such a network has diverged.
    with np.errstate(over="ignore", invalid="ignore"):
        square = (run.outputs[..., :main] - target) ** 2
        outputs = run.outputs.astype(np.float32)
    weight = np.ones(square.shape[:2]) if trials.mask is None else trials.mask[0].astype(np.float64)
    weight = np.broadcast_to(weight[..., None], square.shape)
    total = weight.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        loss = float((weight * square).sum() / total)
    mean = (weight * target).sum((0, 1)) / weight.sum((0, 1))
    variance = float((weight * (target - mean) ** 2).sum() / total)
    accuracy = task.accuracy(outputs[None], trials)
    finite = np.isfinite(loss)
    return {
        "loss": loss if finite else None,
        "fvu": loss / variance if finite and variance > 0 else None,
        "accuracy": None if accuracy is None or not finite else float(accuracy[0]),
        "status": "ok" if finite else "diverged",
    }


def summary(
    networks: Sequence[Checkpoint],
    choice: TaskChoice | None = None,
    *,
    trials: int = 2000,
    seed: int = 0,
    ood: bool = False,
    by: Sequence[str] = (),
    device: torch.device = _CPU,
) -> pa.Table:
    """Return how well each network does its task, and with `ood` also its out-of-distribution version.

    Parameters
    ----------
    networks : sequence of Checkpoint
    choice : TaskChoice, optional
    trials, seed, ood, device
        As in :func:`rollout`; `ood` adds rows of condition `ood` to those of `train`.
    by : sequence of str
        Settings of the networks to add as columns, to group by later.

    Returns
    -------
    pyarrow.Table
        Of schema `summary`: loss is the mean squared error over the task's own outputs (auxiliary ones left
        out, as in the training loss), weighted by its mask; fvu divides it by the variance of the target
        about its mean per output.
    """
    check_group_keys("summary", by)
    require_sound(networks)
    rows: dict[tuple[str, str], Mapping[str, Any]] = {}
    for task, members in _by_task(networks, choice or TaskChoice()):
        for condition in ("train", "ood") if ood else ("train",):
            drawn = sample_trials(task, trials, seed, condition == "ood")
            steps = drawn.inputs.shape[2]
            running = [network for network in members if flaw(network) is None]
            scores = {
                running[r.index].name: score(task, drawn, r) for r in run_networks(running, drawn.inputs[0], device)
            }
            for network in members:
                rows[network.name, condition] = {
                    "network": network.name,
                    "condition": condition,
                    **{key: str(network.setting(key)) for key in by},
                    "task": task.name,
                    "task_parameters": json.dumps(task_parameters(task), sort_keys=True),
                    "trials": trials,
                    "steps": steps,
                    "training_loss": network.losses.get("training"),
                    "converged": network.converged,
                    "status": flaw(network),
                    **scores.get(network.name, {}),
                }
    conditions = ("train", "ood") if ood else ("train",)
    return build("summary", [rows[network.name, c] for network in networks for c in conditions], by)
