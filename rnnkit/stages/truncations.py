"""How much of a network's weights and behaviour is left when its recurrent weights are truncated to a low rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.metrics import acting_readout
from rnnkit.models.ensembles import Run, run_networks
from rnnkit.numerics.balanced_vectors import Factors
from rnnkit.numerics.threads import one_thread
from rnnkit.stages.copies import recurrent_scale
from rnnkit.stages.evaluation import TaskChoice, check_inputs, flaw, require_sound, same_task, sample_trials
from rnnkit.stages.loadings import layout_of, recurrent_factors
from rnnkit.stages.overlaps import weights_of
from rnnkit.stages.rollout import score
from rnnkit.tables import build
from rnnkit.tasks import Task, Trials

__all__ = ["truncated", "truncations"]

_CPU = torch.device("cpu")
#: Outputs that vary by less than this share of their mean square do not vary.
_STILL = 1e-20


def truncated(network: Checkpoint, found: Factors, rank: int) -> Checkpoint:
    """Return the network with its recurrent weights truncated, in double precision, all else as it is.

    Parameters
    ----------
    network : Checkpoint
    found : Factors
        Of its recurrent weights, as :func:`rnnkit.stages.loadings.recurrent_factors` gives them.
    rank : int
        From 1 to theirs.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> from rnnkit.numerics.balanced_vectors import factors
    >>> shape = Architecture(family="vanilla", units=2, inputs=1, outputs=1)
    >>> net = Checkpoint("a", shape, {"recurrent.weight": np.diag([1.0, 3.0])})
    >>> truncated(net, factors(net.weights["recurrent.weight"]), 1).weights["recurrent.weight"].round(12).tolist()
    [[0.0, 0.0], [0.0, 3.0]]
    """
    shape = network.architecture
    if shape.low_rank:
        size = np.sqrt(shape.units * found.singular[:rank])
        thin = {"recurrent.left": found.left[:, :rank] * size, "recurrent.right": found.right[:, :rank] * size}
        if shape.readout == "latent":  # what is read stays, whatever is cut from the recurrence
            thin["readout.weight"] = acting_readout(shape, network.weights) * shape.gamma
        small = replace(shape, rank=rank, readout="linear")
        return replace(network, architecture=small, weights=network.weights | thin)
    plain = replace(shape, recurrent="dense")
    kept = {name: value for name, value in network.weights.items() if name in plain.shapes()}
    kept["recurrent.weight"] = found.truncated(rank) / recurrent_scale(network)
    return replace(network, architecture=plain, weights=kept)


def truncations(
    networks: Sequence[Checkpoint],
    ranks: Sequence[int],
    choice: TaskChoice | None = None,
    *,
    initial: bool = False,
    trials: int = 100,
    seed: int = 0,
    ood: bool = False,
    inputs: NDArray[np.float32] | None = None,
    device: torch.device = _CPU,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[pa.Table]:
    """Truncate each network to each rank, run it and what is left over the same trials, and yield its rows.

    Parameters
    ----------
    networks : sequence of Checkpoint
    ranks : sequence of int
    choice : TaskChoice, optional
        The task; each network's own by default.
    initial : bool
        Of the weights before training instead of those after it.
    trials, seed, ood, inputs, device
        As in :func:`rnnkit.stages.rollout.rollout`; with `inputs` there are no targets, and only distances.
    progress : function of networks done and their number

    Yields
    ------
    pyarrow.Table
        Of schema `truncations`, a table for each network.

    Raises
    ------
    InputError
        When a rank or the channels do not fit, or no network is sound.
    """
    if not ranks:
        raise InputError("--truncations", "needs ranks to truncate to", "add --rank R")
    taken = []
    for network in networks:
        step, weights = weights_of(network, initial)
        taken.append((step, replace(network, weights=dict(weights))))
        for rank in ranks:
            layout_of(network.name, network.architecture, weights, rank)
    require_sound([network for _, network in taken])
    drawn = _drawn([network for _, network in taken], choice or TaskChoice(), trials, seed, ood, inputs)
    for done, ((step, network), (task, given, x)) in enumerate(zip(taken, drawn, strict=True), 1):
        keys = {"network": network.name, "step": step, "trials": x.shape[0]}
        rows = [keys | {"rank": rank, "status": flaw(network)} for rank in ranks]
        if flaw(network) is None:
            found = _compare(network, ranks, task, given, x, device)
            rows = [row | measured for row, measured in zip(rows, found, strict=True)]
        progress(done, len(networks))
        yield build("truncations", rows)


def _drawn(
    networks: Sequence[Checkpoint],
    choice: TaskChoice,
    trials: int,
    seed: int,
    ood: bool,
    inputs: NDArray[np.float32] | None,
) -> list[tuple[Task | None, Trials | None, NDArray[np.float32]]]:
    """Return each network's task, trials and inputs; networks of one task share them."""
    if inputs is not None:
        check_inputs(networks, inputs)
        return [(None, None, inputs)] * len(networks)
    tasks = [choice.of(network) for network in networks]
    shared = {same_task(task): sample_trials(task, trials, seed, ood) for task in tasks}
    return [(task, shared[same_task(task)], shared[same_task(task)].inputs[0]) for task in tasks]


def _compare(
    network: Checkpoint,
    ranks: Sequence[int],
    task: Task | None,
    trials: Trials | None,
    inputs: NDArray[np.float32],
    device: torch.device,
) -> Iterator[dict[str, Any]]:
    """Yield what each truncation of a network comes to."""
    with one_thread():
        stacked = recurrent_factors(network.architecture, {k: value[None] for k, value in network.weights.items()})
        found = Factors(stacked.left[0], stacked.singular[0], stacked.right[0])
        copies = [network, *(truncated(network, found, rank) for rank in ranks)]
    runs = {run.index: run for run in run_networks(copies, inputs, device)}
    whole = _scored(task, trials, runs[0])
    for k, rank in enumerate(ranks, 1):
        row: dict[str, Any] = {"share_of_norm": float(found.share(rank))}
        if found.ambiguous(rank):
            yield row | {"status": "degenerate_singular_values"}
            continue
        own = _scored(task, trials, runs[k])
        row |= {name: value for name, value in own.items() if name in ("fvu", "accuracy", "status")}
        row |= {f"{name}_full": whole[name] for name in ("fvu", "accuracy")}
        if own["fvu"] is not None and whole["fvu"] is not None:
            row["delta_fvu"] = own["fvu"] - whole["fvu"]
        weight = np.ones(inputs.shape[:2]) if trials is None or trials.mask is None else trials.mask[0]
        row["rollout_distance"], status = _distance(runs[0], runs[k], weight)
        yield row | ({"status": status} if row["status"] == "ok" else {})


def _scored(task: Task | None, trials: Trials | None, run: Run) -> dict[str, Any]:
    if task is None or trials is None:
        return {"fvu": None, "accuracy": None, "status": "ok" if np.isfinite(run.outputs).all() else "diverged"}
    return score(task, trials, run)


def _distance(whole: Run, part: Run, weight: NDArray[np.floating]) -> tuple[float | None, str]:
    """Return the squared distance of outputs over the variance of the network's own about their mean per output."""
    counted = weight[..., None]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (counted * whole.outputs).sum((0, 1)) / counted.sum()
        spread = (counted * (whole.outputs - mean) ** 2).sum()
        size = (counted * whole.outputs**2).sum()
        off = (counted * (part.outputs - whole.outputs) ** 2).sum()
    if not np.isfinite(off) or not np.isfinite(spread):
        return None, "diverged"
    return (float(off / spread), "ok") if spread > _STILL * size else (None, "no_variance")
