"""How far the overlaps of trained tanh networks stray from the Gaussian theory, as the number of units grows.

    python tanh_floor.py --units 256,1024,4096 --seeds 16,8,4 --steps 200 > floor.md

Networks of rank one, with exactly the same overlaps and otherwise Gaussian entries, learn a flip-flop by gradient
descent on their vectors; the theory goes the same steps from the same overlaps. The spread over seeds shrinks as the
networks grow. The deviation of the mean does not: training makes the rows of the vectors non-Gaussian.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.models import Workspace, make_model
from rnnkit.numerics.loading_vectors import Layout, overlaps_of
from rnnkit.numerics.overlap_descent import DescentRule, descend
from rnnkit.numerics.reduced_activity import ReducedModel, Trials
from rnnkit.training.gradients import batch_loss

Array = NDArray[np.float64]

ALPHA = 0.2
LAYOUT = Layout(inputs=1, rank=1, outputs=1)
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


def vectors_of(overlaps: Array, units: int, seeds: range, exact: bool = True) -> Array:
    """Return loading vectors (networks, units, n): Gaussian, with these overlaps exactly or in the mean."""
    found = []
    for seed in seeds:
        x = np.random.default_rng(seed).standard_normal((units, len(overlaps)))
        if exact:
            x = x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / units)).T
        found.append(x @ np.linalg.cholesky(overlaps).T)
    return np.stack(found)


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


def train(
    vectors: Array, trials: Trials, rate: float, steps: int, linear: bool = False, layout: Layout = LAYOUT
) -> Measured:
    """Return overlaps (networks, steps + 1, n, n) and losses (networks, steps) of gradient descent."""
    path, losses = [overlaps_of(vectors)], []
    for _ in range(steps):
        loss, slope = gradients(vectors, trials, linear, layout)
        vectors = vectors - rate * slope
        losses.append(loss)
        path.append(overlaps_of(vectors))
    return Measured(overlaps=np.stack(path, 1), losses=np.stack(losses, 1))


def predicted(trials: Trials, rate: float, steps: int) -> Measured:
    """Return the same of the theory."""
    model = ReducedModel(layout=LAYOUT, alpha=ALPHA, linear=False)
    path = descend(model, START[None], trials, DescentRule(rate=rate), range(steps + 1))
    return Measured(overlaps=path.overlaps, losses=path.losses)


def row(measured: Measured, theory: Measured) -> dict[str, float]:
    """Return the figures of one size of networks."""
    upper = np.triu_indices(LAYOUT.size)
    apart = (measured.overlaps - theory.overlaps)[:, :, upper[0], upper[1]]
    steps = apart.shape[1] - 1
    spread = np.sqrt(apart.var(0, ddof=1).mean()) if len(apart) > 1 else np.nan
    mean, first = apart.mean(0), theory.losses[0, 0]
    return {
        "spread of seeds (rms)": float(spread),
        "deviation of mean (rms)": float(np.sqrt((mean**2).mean())),
        **{f"largest at {t}": float(np.abs(mean[t]).max()) for t in sorted({steps // 10, steps // 4, steps})},
        "loss, of the first": float(np.abs(measured.losses.mean(0) - theory.losses[0]).max() / first),
        "last loss, of the first": float(measured.losses[:, -1].max() / first),
    }


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--units", default="256,1024,4096", help="sizes, each 4 or more")
    words.add_argument("--seeds", default="16,8,4", help="networks of each size, 1 or more")
    words.add_argument("--steps", type=int, default=200, help="steps of descent, 4 or more")
    words.add_argument("--rate", type=float, default=0.25, help="learning rate, above 0")
    words.add_argument("--task", choices=TASKS, default="standard", help="how large pulses and targets are")
    given = words.parse_args()
    units, seeds = ([int(word) for word in text.split(",")] for text in (given.units, given.seeds))
    if len(units) != len(seeds):
        words.error(f"--seeds: {len(seeds)} numbers for {len(units)} sizes (give one for each)")
    trials = flip_flop(*TASKS[given.task])
    theory = predicted(trials, given.rate, given.steps)
    change = np.abs(theory.overlaps - START).max()
    print(f"Task {given.task}, learning rate {given.rate}, {given.steps} steps; overlaps move by up to {change:.3f}.\n")
    for i, (size, count) in enumerate(zip(units, seeds, strict=True)):
        found = row(train(vectors_of(START, size, range(count)), trials, given.rate, given.steps), theory)
        if i == 0:
            print("| units | networks |", " | ".join(found), "|")
            print("|---|---|" + "---|" * len(found))
        print(f"| {size} | {count} |", " | ".join(f"{value:.2g}" for value in found.values()), "|", flush=True)


if __name__ == "__main__":
    main()
