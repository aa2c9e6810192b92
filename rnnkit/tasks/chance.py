"""Chance: how well who knows the task, but nothing of a trial, does on given trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.random_streams import stream
from rnnkit.tasks.base import Array, Task, Trials

__all__ = ["Chance", "chance", "validation_chance"]

#: A loss of no more than this share of the targets' mean square is rounding.
_ROUNDING = 1e-20


@dataclass(frozen=True)
class Chance:
    """What the best constant answers reach.

    Attributes
    ----------
    loss : (networks,) float64
        Mean squared error; NaN where no step counts.
    accuracy : (networks,) float64 or None
        Of the same answers; None where the task defines none.
    """

    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64] | None


def chance(task: Task, trials: Trials, main: bool = True) -> Chance:
    """Return loss and accuracy of the best predictor that answers the same in every trial.

    At each step and output its answer is the mean of the targets over trials, weighted by the mask; its loss is
    sum m (y - p)^2 / (outputs sum m), as in training. It is the best such predictor on these very trials, and so a
    little better there than on others: by 1/B of the loss with B trials.

    Parameters
    ----------
    task : Task
    trials : Trials
    main : bool
        The loss is over the task's own outputs; over the auxiliary ones too if False.

    Examples
    --------
    >>> from rnnkit.tasks import make_task
    >>> task = make_task("delayed-addition", {"steps": 20})
    >>> found = chance(task, task.sample([np.random.default_rng(0)], 20000))
    >>> bool(abs(found.loss[0] - 1 / 6) < 0.01), bool(abs(found.accuracy[0] - 0.0784) < 0.01)
    (True, True)
    """
    targets = trials.targets.astype(np.float64)
    outputs = task.main_outputs if main else task.outputs
    weight = np.ones(targets.shape[:3]) if trials.mask is None else trials.mask.astype(np.float64)
    counted = weight.sum(axis=1)[..., None]
    total = np.einsum("nbt,nbto->nto", weight, targets)
    answers = np.divide(total, counted, out=np.zeros_like(total), where=counted > 0)
    apart = (targets[..., :outputs] - answers[:, None, :, :outputs]) ** 2
    every = counted.sum(axis=(1, 2)) * outputs
    loss = np.full(len(targets), np.nan)
    np.divide(np.einsum("nbt,nbto->n", weight, apart), every, out=loss, where=every > 0)
    # Targets that are the same in every trial leave the rounding of their mean.
    loss[loss <= _ROUNDING * (targets**2).mean(axis=(1, 2, 3))] = 0.0
    said: Array = np.ascontiguousarray(np.broadcast_to(answers[:, None], targets.shape), np.float32)
    return Chance(loss, task.accuracy(said, trials))


def validation_chance(
    task: Task, seeds: Sequence[int], trials: int, main: bool = True
) -> list[dict[str, float | None]]:
    """Return chance on the validation sets of networks, as it stands in their checkpoints.

    Parameters
    ----------
    task : Task
    seeds : sequence of int
        One a network.
    trials : int
        Size of a validation set.
    main : bool
        As in :func:`chance`.

    Returns
    -------
    list of dict
        `chance_loss` and `chance_accuracy` of each network; the latter None where the task defines no accuracy.

    Examples
    --------
    >>> from rnnkit.tasks import make_task
    >>> validation_chance(make_task("sine"), [0], 64)[0]["chance_accuracy"] is None
    True
    """
    found = []
    for seed in seeds:  # one at a time: a set is drawn once in a network's life, and its memory is that of one
        one = chance(task, task.sample([stream(seed, "validation")], trials), main)
        accuracy = None if one.accuracy is None else float(one.accuracy[0])
        found.append({"chance_loss": float(one.loss[0]), "chance_accuracy": accuracy})
    return found
