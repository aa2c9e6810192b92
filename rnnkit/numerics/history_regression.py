"""Two-layer networks that predict a target from histories of several lengths, trained in one batch.

All histories of all seeds are one ensemble. A seed's networks see the same samples, gathered once for the longest
history of the batch; a network of a shorter one has zeros where its weights would meet older features, and its
gradient is cleared there. The weights of the first layer so make one matrix a seed, (histories * hidden, features),
and a pass over the ensemble is one product of matrices a layer and seed instead of one a network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.numerics.history_windows import HistoryWindows

__all__ = ["Predictors", "fit_predictors", "initial_predictors", "squared_errors"]

#: Positions that are evaluated at a time.
_BLOCK = 1024


@dataclass(frozen=True)
class Predictors:
    """Networks y = V relu(W s + b) + c, for every seed and history.

    Attributes
    ----------
    histories : tuple of int
    first : (seeds, histories, hidden, features + 1) float32
        W, and b in the last column; 0 at features beyond a network's history.
    second : (seeds, histories, outputs, hidden) float32
        V.
    bias : (seeds, histories, outputs) float32
        c.
    """

    histories: tuple[int, ...]
    first: Tensor
    second: Tensor
    bias: Tensor


def initial_predictors(
    windows: HistoryWindows,
    histories: Sequence[int],
    hidden: int,
    streams: Sequence[Sequence[np.random.Generator]],
    device: torch.device,
) -> Predictors:
    """Draw weights uniformly in +- 1/sqrt(features), or 1/sqrt(hidden) in the second layer, as torch.nn.Linear does.

    Parameters
    ----------
    windows : HistoryWindows
        Its features reach the longest of the histories at least.
    histories : sequence of int
    hidden : int
        Units of the hidden layer.
    streams : (seeds, histories) generators
        A network's weights depend on its own stream and history alone.
    device : torch.device
    """
    outputs, width = len(windows.targets), len(windows.channel)
    first = np.zeros((len(streams), len(histories), hidden, width + 1), np.float32)
    second = np.empty((len(streams), len(histories), outputs, hidden), np.float32)
    bias = np.empty((len(streams), len(histories), outputs), np.float32)
    for seed, row in enumerate(streams):
        for place, (history, stream) in enumerate(zip(histories, row, strict=True)):
            own, bound = windows.features(history), 1 / np.sqrt(hidden)
            drawn = stream.uniform(-1, 1, (hidden, own + 1)) / np.sqrt(own)
            first[seed, place, :, :own], first[seed, place, :, -1] = drawn[:, :-1], drawn[:, -1]
            second[seed, place] = stream.uniform(-bound, bound, (outputs, hidden))
            bias[seed, place] = stream.uniform(-bound, bound, outputs)
    tensors = [torch.from_numpy(array).to(device) for array in (first, second, bias)]
    return Predictors(tuple(histories), *tensors)


class _Gather:
    """Takes windows and targets at positions out of series that lie on the device."""

    def __init__(self, windows: HistoryWindows, device: torch.device) -> None:
        positions = windows.series.shape[1]
        # Channel and lag in one offset into the flattened series.
        offset = windows.channel * positions - windows.lag
        self._series = torch.from_numpy(windows.series.reshape(-1)).to(device)
        self._offset = torch.from_numpy(offset).to(device)[:, None]
        self._targets = torch.from_numpy(windows.targets).to(device)
        self.features = len(offset)

    def into(self, positions: Tensor, out: Tensor) -> None:
        """Write the windows at (samples,) positions into (features + 1, samples); the last row is 1."""
        torch.index_select(self._series, 0, (self._offset + positions).view(-1), out=out[:-1].view(-1))
        out[-1] = 1

    def targets(self, positions: Tensor) -> Tensor:
        """Return the targets at positions, (outputs, *positions)."""
        return self._targets[:, positions]


def _allowed(windows: HistoryWindows, histories: Sequence[int], device: torch.device) -> Tensor:
    """Return (histories, 1, features + 1), 1 where a history holds the feature and at the bias."""
    held = windows.least[None] <= np.asarray(histories)[:, None]
    held = np.concatenate([held, np.ones((len(histories), 1), bool)], axis=1)
    return torch.from_numpy(held[:, None].astype(np.float32)).to(device)


def fit_predictors(
    windows: HistoryWindows,
    start: Predictors,
    batches: NDArray[np.int64],
    lr: float,
    tick: Callable[[], None] = lambda: None,
) -> Predictors:
    """Train all predictors by Adam on their mean squared error, with a one-cycle learning rate.

    Parameters
    ----------
    windows : HistoryWindows
    start : Predictors
        Not changed.
    batches : (seeds, steps, batch) int64
        Positions to train on.
    lr : float
        Peak of the learning rate; torch's OneCycleLR and Adam with their other settings as they come.
    tick : callable
        Called after every step.

    Returns
    -------
    Predictors
        Weights that are not finite are left as they are.

    Notes
    -----
    Kingma & Ba (2015) for Adam; Smith & Topin (2019), "Super-convergence", for the one-cycle schedule.
    """
    seeds, steps, batch = batches.shape
    _, count, hidden, width = start.first.shape
    device, outputs = start.first.device, start.second.shape[2]
    first, second, bias = (tensor.clone() for tensor in (start.first, start.second, start.bias))
    gather, allowed = _Gather(windows, device), _allowed(windows, start.histories, device)
    optimiser = torch.optim.Adam([first, second, bias], lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=lr, total_steps=steps)
    # (networks, ...) views of one memory; gradients and activity are allocated once.
    first.grad, second.grad, bias.grad = (torch.empty_like(tensor) for tensor in (first, second, bias))
    seen = torch.empty((seeds, width, batch), device=device)
    active = torch.empty((seeds, count * hidden, batch), device=device)
    back = torch.empty_like(active)
    rows, units = first.view(seeds, count * hidden, width), active.view(seeds * count, hidden, batch)
    readout = second.view(seeds * count, outputs, hidden)
    for step in range(steps):
        positions = torch.from_numpy(batches[:, step]).to(device)
        for seed in range(seeds):
            gather.into(positions[seed], seen[seed])
        torch.bmm(rows, seen, out=active).relu_()
        error = torch.baddbmm(bias.view(-1, outputs, 1), readout, units).view(seeds, count, outputs, batch)
        error -= gather.targets(positions).transpose(0, 1)[:, None]
        error *= 2 / (outputs * batch)
        flat = error.view(seeds * count, outputs, batch)
        torch.bmm(flat, units.transpose(1, 2), out=second.grad.view_as(readout))
        torch.sum(error, -1, out=bias.grad)
        torch.bmm(readout.transpose(1, 2), flat, out=back.view_as(units))
        torch.ops.aten.threshold_backward(back, active, 0, grad_input=back)
        torch.bmm(back, seen.transpose(1, 2), out=first.grad.view_as(rows))
        first.grad.mul_(allowed)
        optimiser.step()
        schedule.step()
        tick()
    return Predictors(start.histories, first.detach(), second.detach(), bias.detach())


def squared_errors(windows: HistoryWindows, predictors: Predictors, trials: range) -> NDArray[np.float64]:
    """Return each predictor's squared error on each trial, summed over the steps that count.

    Parameters
    ----------
    windows : HistoryWindows
    predictors : Predictors
    trials : range

    Returns
    -------
    (histories, seeds, trials) float64
        Mean over outputs, weighted by `windows.weights`, in units of the targets' variance.
    """
    seeds, count, hidden, width = predictors.first.shape
    device, outputs = predictors.first.device, predictors.second.shape[2]
    gather = _Gather(windows, device)
    rows = predictors.first.view(seeds * count * hidden, width)
    readout = predictors.second.view(seeds * count, outputs, hidden)
    (counted,) = np.nonzero(windows.weights[trials.start * windows.stride : trials.stop * windows.stride])
    counted += trials.start * windows.stride
    sums = np.zeros((seeds * count, len(trials)))
    for begin in range(0, len(counted), _BLOCK):
        chosen = counted[begin : begin + _BLOCK]
        positions = torch.from_numpy(chosen).to(device)
        seen = torch.empty((width, len(chosen)), device=device)
        gather.into(positions, seen)
        units = (rows @ seen).relu_().view(seeds * count, hidden, -1)
        error = torch.baddbmm(predictors.bias.view(-1, outputs, 1), readout, units) - gather.targets(positions)
        square = (error.double() ** 2).mean(1).cpu().numpy() * windows.weights[chosen]
        # Positions come trial by trial: sums between the places where a trial begins.
        own, begins = np.unique(chosen // windows.stride - trials.start, return_index=True)
        sums[:, own] += np.add.reduceat(square, begins, axis=1)
    return np.moveaxis(sums.reshape(seeds, count, -1), 0, 1)
