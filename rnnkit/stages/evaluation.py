"""What stages share: the trials that networks are evaluated on, and which networks can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.tasks import Task, Trials, make_task, override, task_parameters

__all__ = ["TaskChoice", "check_inputs", "flaw", "require_sound", "same_task", "sample_trials"]


@dataclass(frozen=True)
class TaskChoice:
    """The task that networks are evaluated on: their own, or another, with some parameters changed.

    Attributes
    ----------
    name : str or None
        None for each network's own task.
    parameters : dict
        Parameters that replace the task's.
    """

    name: str | None = None
    parameters: Mapping[str, Any] | None = None

    def of(self, network: Checkpoint) -> Task:
        """Return the task for a network.

        Raises
        ------
        InputError
            When the network has no task and none was named, or its channels do not fit.
        """
        changes = dict(self.parameters or {})
        if self.name is not None:
            task = make_task(self.name, changes)
        elif network.task is None:
            raise InputError(network.name, "has no task of its own", "name one with --task")
        else:
            task = override(make_task(network.task, network.task_parameters), changes)
        shape = network.architecture
        for kind, has, needs in (
            ("inputs", shape.inputs, task.inputs),
            ("outputs", shape.outputs, task.outputs),
        ):
            if has != needs:
                raise InputError(
                    network.name,
                    f"has {has} {kind}, the task '{task.name}' has {needs}",
                    "choose the task with --task and its parameters with -t",
                )
        return task


def sample_trials(task: Task, trials: int, seed: int, ood: bool = False) -> Trials:
    """Draw the evaluation trials of a task, (1, trials, steps, channels): the same for every network."""
    if trials < 1:
        raise InputError("--trials", f"{trials} is not a number of trials", "give 1 or more")
    chosen = task.ood() if ood else task
    return chosen.sample([stream(seed, "ood" if ood else "evaluation")], trials)


def flaw(network: Checkpoint) -> str | None:
    """Return the status of a network that cannot be run, or None: weights that are NaN or infinite."""
    tensor = network.bad_tensor()
    return None if tensor is None else f"not_finite:{tensor}"


def require_sound(networks: Sequence[Checkpoint]) -> None:
    """Raise InputError when there is no network with finite weights."""
    if networks and all(flaw(network) is not None for network in networks):
        tensor = networks[0].bad_tensor()
        raise InputError(networks[0].name, f"tensor '{tensor}' holds NaN or infinity", "give finite weights")


def check_inputs(networks: Sequence[Checkpoint], inputs: NDArray[np.float32]) -> None:
    """Raise InputError unless every network has as many inputs as the array has channels."""
    for network in networks:
        if network.architecture.inputs != inputs.shape[-1]:
            raise InputError(
                network.name,
                f"has {network.architecture.inputs} inputs, the trials have {inputs.shape[-1]} channels",
                "compare networks of the same inputs",
            )


def same_task(task: Task) -> tuple[str, str]:
    """Return a key that is equal for equal tasks."""
    return task.name, repr(sorted(task_parameters(task).items()))
