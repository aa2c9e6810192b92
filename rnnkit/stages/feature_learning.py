"""How much each network learnt features: weights, tangent kernel and representation, after training and before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.models import make_model
from rnnkit.models.ensembles import stack_weights
from rnnkit.models.jacobians import PARAMETERS, OutputJacobian, held_bytes, jacobian_size, trained_tensors
from rnnkit.numerics.representation_alignment import align_representations
from rnnkit.numerics.tangent_kernel import KernelAlignment, align_kernels, kernel_memory
from rnnkit.numerics.threads import one_thread
from rnnkit.stages.copies import as_dense
from rnnkit.stages.evaluation import TaskChoice, flaw, require_sound, same_task, sample_trials
from rnnkit.stages.weight_change import weight_changes
from rnnkit.tables import build, check_group_keys

__all__ = ["feature_learning"]

_CPU = torch.device("cpu")
_MEBI = 1 << 20


def _flaw(network: Checkpoint) -> str | None:
    """Return the status of a network of which nothing can be said, or None."""
    if (status := flaw(network)) is not None:
        return status
    if not network.initial:
        return "no_initial_weights"
    tensor = replace(network, weights=network.initial).bad_tensor()
    return None if tensor is None else f"not_finite:init.{tensor}"


def _by_matrix(network: Checkpoint) -> Checkpoint:
    """Return a Cayley network as one with a dense matrix: its kernel is by W, as that of the others."""
    return as_dense(network) if network.architecture.recurrent == "cayley" else network


def _batches(
    networks: Sequence[Checkpoint], parameters: str, trials: int, steps: int, memory: int
) -> Iterator[tuple[list[Checkpoint], list[str], int]]:
    """Yield networks of one architecture, the tensors W, and the bytes left for their kernels.

    Networks go together when all rows of all of them fit: otherwise each has the memory to itself. Networks that hold
    other tensors have other kernels, so they never go together.
    """
    groups: dict[Any, list[Checkpoint]] = {}
    for network in networks:
        held = frozenset(network.weights) | frozenset(network.initial)
        groups.setdefault((replace(network.architecture, gamma=1.0), held), []).append(network)
    for (architecture, held), members in groups.items():
        if architecture.readout == "latent":
            what = "has latent outputs: what it reads with is part of its recurrence, and has no kernel here"
            raise InputError(members[0].name, what, "give networks with a linear readout")
        names = [name for name in trained_tensors(architecture, parameters) if name in held]
        activity = 2 * held_bytes(architecture, trials, steps)
        least, most = kernel_memory(jacobian_size(architecture, names, 2, trials, steps))
        if memory < activity + least:
            what = f"{memory / _MEBI:.3g}M, and {members[0].name} takes {(activity + least) / _MEBI:.3g}M at least"
            raise InputError("--memory", what, "give more, or fewer --trials")
        together = max(1, memory // (activity + most))
        for first in range(0, len(members), together):
            part = members[first : first + together]
            yield part, names, memory - len(part) * activity


def _kernel_status(kernel: KernelAlignment, k: int) -> str | None:
    if np.isfinite(kernel.value[k]):
        return None
    return "zero_kernel" if min(kernel.norm[k], kernel.initial_norm[k]) == 0 else "kernel_not_finite"


def _measure(
    networks: Sequence[Checkpoint],
    names: Sequence[str],
    inputs: NDArray[np.float32],
    centred: bool,
    memory: int,
    device: torch.device,
    progress: Callable[[float], None],
) -> Iterator[dict[str, Any]]:
    """Yield the alignments of networks of one architecture, and a status where one is missing."""
    count = len(networks)
    both = [*networks, *(replace(network, weights=network.initial) for network in networks)]
    x = torch.from_numpy(np.ascontiguousarray(inputs.transpose(1, 0, 2))).to(device=device, dtype=torch.float64)
    with torch.inference_mode():
        gamma = torch.tensor([n.architecture.gamma for n in both], dtype=torch.float64, device=device)
        batch = x.expand(len(both), *x.shape).contiguous()
        weights = stack_weights(both, device)
        jacobian = OutputJacobian(make_model(networks[0].architecture), weights, gamma, batch, names)
        sound = jacobian.readout().isfinite().flatten(1).all(1) & jacobian.trace.states.isfinite().flatten(1).all(1)
        kernel = align_kernels(jacobian.size, jacobian.factors, memory, progress)
        states = jacobian.trace.states.flatten(1, 2).cpu().numpy()
        finite = (sound[:count] & sound[count:]).cpu().numpy()
    with one_thread():
        representation = align_representations(states[:count], states[count:], centred)
    for k in range(count):
        if not finite[k]:
            yield {"status": "diverged"}
            continue
        lacking = None if np.isfinite(representation[k]) else "zero_representation"
        yield {
            "kernel_alignment": float(kernel.value[k]),
            "representation_alignment": float(representation[k]),
            "status": _kernel_status(kernel, k) or lacking or "ok",
        }


def feature_learning(
    networks: Sequence[Checkpoint],
    choice: TaskChoice | None = None,
    *,
    trials: int = 20,
    seed: int = 0,
    parameters: str = "recurrent",
    centred: bool = False,
    by: Sequence[str] = (),
    memory: int = 1 << 30,
    device: torch.device = _CPU,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> pa.Table:
    """Return how far weights, tangent kernel and representation of each network moved in training.

    Parameters
    ----------
    networks : sequence of Checkpoint
        With their weights before training; a network without them gets a row of status `no_initial_weights`.
    choice : TaskChoice, optional
        The task; each network's own by default.
    trials, seed : int
        Of the evaluation trials, the same after training and before, and for all networks of a task.
    parameters : str
        What the tangent kernel is by: `recurrent`, or `all` trained tensors.
    centred : bool
        Subtract each unit's mean before the representations are compared.
    by : sequence of str
        Settings of the networks to add as columns.
    memory : int
        Bytes for kernels and activity. Values do not depend on it but for rounding.
    device : torch.device
    progress : function of networks done and their number

    Returns
    -------
    pyarrow.Table
        Of schema `feature_learning`, in the order given.

    Raises
    ------
    InputError
        When channels do not fit, no network has finite weights, or one does not fit into `memory`.
    """
    if parameters not in PARAMETERS:
        raise unknown_name("--parameters", parameters, PARAMETERS, "value")
    check_group_keys("feature_learning", by)
    require_sound(networks)
    groups: dict[tuple[str, str], tuple[Any, list[Checkpoint]]] = {}
    rows: dict[str, Mapping[str, Any]] = {}
    for network in networks:
        keys = {"network": network.name, **{key: str(network.setting(key)) for key in by}}
        rows[network.name] = {**keys, "parameters": parameters, "centred": centred, "status": _flaw(network)}
        task = (choice or TaskChoice()).of(network)
        groups.setdefault(same_task(task), (task, []))[1].append(network)
    done = 0
    for task, members in groups.values():
        inputs = sample_trials(task, trials, seed).inputs[0]
        ready = [_by_matrix(network) for network in members if rows[network.name]["status"] is None]
        for part, names, left in _batches(ready, parameters, trials, inputs.shape[1], memory):

            def share(one: float, before: int = done, count: int = len(part)) -> None:
                progress(before + one * count, len(networks))

            measured = _measure(part, names, inputs, centred, left, device, share)
            for network, found in zip(part, measured, strict=True):
                changes = weight_changes(network)
                started = changes["weight_change_norm_relative"] is not None
                status = found["status"] if started or found["status"] != "ok" else "zero_initial_weights"
                rows[network.name] = {**rows[network.name], **changes, **found, "status": status}
            done += len(part)
    return build("feature_learning", [rows[network.name] for network in networks], by)
