"""Where searches for fixed points start: in the box of states that can be reached, and along trajectories.

Half the starts are uniform, a quarter are states on trajectories, a quarter such states with noise. What is drawn is
drawn once and given to the units of every network in an order that does not depend on their labels: networks alike
but for their labels are searched alike, and a network is searched the same alone as in company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from rnnkit.architectures import CAYLEY_TENSORS
from rnnkit.checkpoints import Checkpoint
from rnnkit.models import make_model
from rnnkit.models.ensembles import stack_weights
from rnnkit.numerics.autonomous_maps import AutonomousMap, FloatArray
from rnnkit.random_streams import stream
from rnnkit.stages.evaluation import sample_trials
from rnnkit.tasks import Task

__all__ = ["KINDS", "Starts", "draw_starts", "unit_order"]

#: Kinds of starts, in their order.
KINDS = ("uniform", "states", "noisy")
#: Trials, or trajectories at the constant input, that states are taken from.
_TRIALS = 100
#: Steps of a trajectory of a network that has no task.
_STEPS = 50
#: States that give the range of networks whose states have no bound.
_RANGE = 400
_FAR = 1e3
#: Standard deviation of the noise, in units of the scale of states.
_NOISE = 0.3


@dataclass(frozen=True)
class Starts:
    """States to search from.

    Attributes
    ----------
    states : (networks, starts, size) float64
    kind : (starts,) str
        One of :data:`KINDS`.
    """

    states: FloatArray
    kind: NDArray[np.str_]


def draw_starts(
    networks: Sequence[Checkpoint],
    system: AutonomousMap,
    inputs: FloatArray,
    task: Task | None,
    count: int,
    seed: int,
    device: torch.device,
    states_only: bool = False,
) -> Starts:
    """Draw the starts of networks of one architecture.

    Parameters
    ----------
    networks : sequence of Checkpoint
    system : AutonomousMap
        Of these networks at `inputs`.
    inputs : (inputs,) float64
        The constant input.
    task : Task or None
        Whose trials the trajectories run on; None to run them at the constant input, from uniform states.
    count, seed : int
    states_only : bool
        Take nothing but states on trajectories, as "abrupt-learning", Algorithm 1, does.
    """
    quarter = count // 4
    shares = (0, count, 0) if states_only else (count - 2 * quarter, quarter, quarter)
    orders = np.stack([unit_order(network) for network in networks])
    draw = stream(seed, "solver", 0)
    begin = _uniform(networks, system, draw.uniform(-1.0, 1.0, (_TRIALS, system.units)), orders, None)
    range_of = _RANGE if system.nonlinearity != "tanh" else 0
    seen = _trajectories(networks, inputs, task, begin, shares[1] + shares[2] + range_of, seed, device)
    picks, seen = np.split(seen, [shares[1] + shares[2]], 1)
    box = draw.uniform(-1.0, 1.0, (shares[0], system.units))
    uniform = _uniform(networks, system, box, orders, seen if range_of else None)
    bounded = system.nonlinearity == "tanh" and system.form != "inner"
    squares = np.minimum(np.nan_to_num(picks, nan=0.0) ** 2, _FAR**2)
    scale = np.ones(len(networks)) if bounded or not picks.size else np.sqrt(squares.mean((1, 2)))
    noise = _placed(draw.normal(size=(shares[2], system.size)), orders)
    picks[:, shares[1] :] += _NOISE * scale[:, None, None] * noise
    return Starts(np.concatenate([uniform, picks], 1), np.repeat(np.array(KINDS), shares))


def unit_order(network: Checkpoint) -> NDArray[np.int64]:
    """Return the units of a network, (units,), in an order that moves with their labels.

    Sorted by numbers of each unit that a relabelling leaves untouched to the last bit: its weights to itself, from the
    inputs and to the outputs, and its biases.

    Examples
    --------
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="vanilla", units=2, inputs=1, outputs=1)
    >>> unit_order(Checkpoint("a", shape, {"recurrent.weight": np.diag([3.0, 1.0])}))
    array([1, 0])
    """
    units, columns = network.architecture.units, []
    for name, value in sorted(network.weights.items()):
        if name == "readout.bias" or name in CAYLEY_TENSORS:  # those are of blocks, not of units
            continue
        if name == "readout.weight":
            columns.append(value.T)
        elif name == "recurrent.weight":
            columns.append(np.stack([np.diagonal(block) for block in value.reshape(-1, units, units)], 1))
        else:
            columns.append(value.reshape(-1, units, *value.shape[1:]).swapaxes(0, 1).reshape(units, -1))
    return np.lexsort(np.concatenate(columns, 1).T)


def _placed(drawn: FloatArray, orders: NDArray[np.int64]) -> FloatArray:
    """Give drawn numbers (rows, size) to each network's units in its order: (networks, rows, size)."""
    rows, units = len(drawn), orders.shape[1]
    placed = np.empty((len(orders), rows, drawn.shape[1] // units, units))
    places = np.broadcast_to(orders[:, None, None], placed.shape)
    np.put_along_axis(placed, places, np.broadcast_to(drawn.reshape(placed.shape[1:]), placed.shape), -1)
    return placed.reshape(len(orders), *drawn.shape)


def _uniform(
    networks: Sequence[Checkpoint],
    system: AutonomousMap,
    drawn: FloatArray,
    orders: NDArray[np.int64],
    seen: FloatArray | None,
) -> FloatArray:
    """Turn numbers in [-1, 1], (rows, units), into states that hold all fixed points in their range.

    `outer` and the GRU: the box itself. `inner`: a fixed point is W r + v with rates r in the box; with W of low rank,
    left c / N + v with c in the box that rates can reach. LSTM: h in the box, and c where it stands still at that h.
    relu and identity have no box: twice the range of the states `seen` (networks, rows, size), or of what the input
    alone drives.
    """
    box = _placed(drawn, orders)
    states: FloatArray = box
    if system.nonlinearity != "tanh":
        if seen is None:
            return box * np.maximum(1.0, np.abs(system.drive))[:, None]
        # Trajectories of such networks may run away; how far is no range to search.
        near = np.clip(np.nan_to_num(seen, nan=0.0), -_FAR, _FAR)
        low, high = near.min(1, keepdims=True), near.max(1, keepdims=True)
        states = box * (high - low) + 0.5 * (low + high)
    elif networks[0].architecture.family == "lowrank":
        left, right = (
            np.stack([network.weights[f"recurrent.{side}"] for network in networks]).astype(np.float64)
            for side in ("left", "right")
        )
        reach = np.abs(right).sum(1) / system.units
        latent = drawn[:, : reach.shape[1]] * reach[:, None]
        states = np.matmul(latent, left.transpose(0, 2, 1)) + system.drive[:, None]
    elif system.form == "inner":
        states = np.matmul(box, system.recurrent.transpose(0, 2, 1)) + system.drive[:, None]
    elif system.form == "lstm":
        i, f, g, _ = np.split(np.matmul(box, system.recurrent.transpose(0, 2, 1)) + system.drive[:, None], 4, -1)
        states = np.concatenate([box, expit(i) * np.tanh(g) / expit(-f)], -1)
    return states


def _trajectories(
    networks: Sequence[Checkpoint],
    inputs: FloatArray,
    task: Task | None,
    begin: FloatArray,
    count: int,
    seed: int,
    device: torch.device,
) -> FloatArray:
    """Return states of `count` places (trial, step), the same for all networks: (networks, count, size) float64.

    Without a task, trials are trajectories at the constant input from `begin`, (networks, trials, size).
    """
    model, weights = make_model(networks[0].architecture), stack_weights(networks, device)
    steps = _STEPS if task is None else task.length
    places = stream(seed, "solver", 1).choice(_TRIALS * steps, count, replace=count > _TRIALS * steps)
    trial, step = torch.from_numpy(places // steps), places % steps
    if task is None:
        constant = torch.from_numpy(inputs).to(device)
        state = torch.from_numpy(begin).to(device)
    else:
        drawn = torch.from_numpy(sample_trials(task, _TRIALS, seed).inputs[0]).to(device, torch.float64)
        state = model.initial_state(weights, _TRIALS)
    found = np.empty((len(networks), count, state.shape[-1]))
    with torch.inference_mode():
        for t in range(steps):
            now = constant.expand(_TRIALS, -1) if task is None else drawn[:, t]
            state = model.step(weights, state, now.expand(len(networks), *now.shape))
            here = np.flatnonzero(step == t)
            found[:, here] = state[:, trial[here].to(device)].cpu().numpy()
    return found
