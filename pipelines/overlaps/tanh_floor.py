"""Tanh networks of rank one with given overlaps and Gaussian entries, trained on a flip-flop, and the theory of them.

What `gaussian_limit.py` measures, and the tests of the theory use. `python tanh_floor.py` prints the overlaps that they
start from, as a table that `rnnkit sample-gram` reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.models import Workspace, make_model
from rnnkit.numerics.loading_vectors import Layout, overlaps_of
from rnnkit.numerics.overlap_descent import DescentRule, descend
from rnnkit.numerics.reduced_activity import ReducedModel, Trials, loss_gradient
from rnnkit.training.gradients import batch_loss

Array = NDArray[np.float64]

ALPHA = 0.2
LAYOUT = Layout(inputs=1, rank=1, outputs=1)
MODEL = ReducedModel(layout=LAYOUT, alpha=ALPHA, linear=False)
#: Overlaps of (m, u, v, z) at the start.
START = np.array([[0.7, 0.2, 0.4, 0.3], [0.2, 1.0, 0.8, 0.4], [0.4, 0.8, 1.2, 0.3], [0.3, 0.4, 0.3, 1.0]])
#: Amplitude of the pulses and of the target.
TASKS = {"weak": (0.3, 0.1), "standard": (1.0, 0.5), "strong": (2.0, 0.8)}


@dataclass(frozen=True)
class Measured:
    """What networks of one size did. Axes: networks, steps, vectors, vectors."""

    overlaps: Array
    losses: Array


def flip_flop(amplitude: float, level: float, trials: int = 4, steps: int = 60) -> Trials:
    """Pulses of 5 steps at steps 0, 20, 40, the target being `level` times the last one's sign.

    The 5 steps of a pulse and 5 more are not judged. The first signs are + and the others all that there are: with
    tanh, turning every sign turns every answer.
    """
    pulses, width = steps // 20, 5
    inputs, targets, mask = np.zeros((trials, steps, 1)), np.zeros((trials, steps, 1)), np.ones((trials, steps))
    for trial in range(trials):
        for pulse in range(pulses):
            sign = 1.0 if pulse == 0 or not trial >> (pulse - 1) & 1 else -1.0
            inputs[trial, 20 * pulse : 20 * pulse + width] = sign * amplitude
            targets[trial, 20 * pulse : 20 * (pulse + 1)] = sign * level
            mask[trial, 20 * pulse : 20 * pulse + 2 * width] = 0.0
    return Trials.of(inputs, targets, mask)


def vectors_of(overlaps: Array, units: int, seeds: Sequence[int], exact: bool = True) -> Array:
    """Return loading vectors (networks, units, n): Gaussian, with these overlaps exactly or in the mean.

    Overlaps are (n, n), or (networks, n, n), one for each seed.
    """
    size = overlaps.shape[-1]
    x = np.stack([np.random.default_rng(seed).standard_normal((units, size)) for seed in seeds])
    if exact:
        x = x @ np.linalg.inv(np.linalg.cholesky(overlaps_of(x))).swapaxes(1, 2)
    return np.asarray(x @ np.linalg.cholesky(overlaps).swapaxes(-1, -2))


def gradients(vectors: Array, trials: Trials, linear: bool, layout: Layout = LAYOUT) -> tuple[Array, Array]:
    """Return the loss (networks,) and N dLoss/dX (networks, units, n) by the package's own backpropagation."""
    units = vectors.shape[1]
    sizes = {"inputs": layout.inputs, "outputs": layout.outputs, "rank": layout.rank, "rate": ALPHA}
    phi = "identity" if linear else "tanh"
    model = make_model(Architecture(family="lowrank", units=units, nonlinearity=phi, bias=False, **sizes))
    parts = np.split(vectors, [layout.inputs, layout.inner, layout.inner + layout.rank], axis=2)
    names = ("input.weight", "recurrent.left", "recurrent.right", "readout.weight")
    weights = {name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in zip(names, parts, strict=True)}
    weights["readout.weight"] = weights["readout.weight"].transpose(1, 2).contiguous()
    grads = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    given, networks = (trials.inputs, trials.targets, trials.mask), len(vectors)
    held = [torch.from_numpy(np.broadcast_to(x, (networks, *x.shape[1:])).copy()) for x in given]
    loss = batch_loss(model, weights, torch.ones(networks, dtype=torch.float64), *held, Workspace(), grads)
    grads["readout.weight"] = grads["readout.weight"].transpose(1, 2)
    return loss.total.numpy(), units * np.concatenate([grads[name].numpy() for name in names], axis=2)


def rates(vectors: Array, trials: Trials) -> Array:
    """Return how fast overlaps (networks, n, n) move under gradient flow."""
    slope = gradients(vectors, trials, linear=False)[1]
    return -(vectors.swapaxes(1, 2) @ slope + slope.swapaxes(1, 2) @ vectors) / vectors.shape[1]


def predicted_rates(trials: Trials) -> Array:
    """Return the same (n, n) of the theory at `START`."""
    gamma = loss_gradient(MODEL, START[None], trials).gamma[0]
    return np.asarray(-(START @ gamma + gamma @ START))


def train(
    vectors: Array,
    trials: Trials,
    rate: float,
    steps: int,
    linear: bool = False,
    layout: Layout = LAYOUT,
    redraw: bool = False,
) -> Measured:
    """Return overlaps (networks, steps + 1, n, n) and losses (networks, steps) of gradient descent.

    With `redraw`, vectors are drawn anew after each step, Gaussian and with the overlaps that they have.
    """
    path, losses = [overlaps_of(vectors)], []
    networks, units = vectors.shape[:2]
    for step in range(steps):
        loss, slope = gradients(vectors, trials, linear, layout)
        vectors = vectors - rate * slope
        losses.append(loss)
        path.append(overlaps_of(vectors))
        if redraw:
            vectors = vectors_of(path[-1], units, [1000 * (step + 1) + k for k in range(networks)])
    return Measured(overlaps=np.stack(path, 1), losses=np.stack(losses, 1))


def predicted(trials: Trials, rate: float, steps: int) -> Measured:
    """Return the same of the theory."""
    path = descend(MODEL, START[None], trials, DescentRule(rate=rate), range(steps + 1))
    return Measured(overlaps=path.overlaps, losses=path.losses)


def main() -> None:
    """Print the overlaps at the start."""
    print("left,right,value")
    for a, left in enumerate(LAYOUT.names):
        for b, right in enumerate(LAYOUT.names[a:], a):
            print(f"{left},{right},{START[a, b]}")


if __name__ == "__main__":
    main()
