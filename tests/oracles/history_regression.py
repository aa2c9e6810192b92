"""Predictors from histories the slow way: windows by loops, one torch.nn.Sequential after the other, autograd."""

import numpy as np
import torch


def window(inputs, targets, trial, step, history, inputs_until, outputs):
    """The window's values in the order of `history_windows`: by least history, then channel, then lag."""
    late = 0 if inputs_until == "t" else 1
    values = []
    for h in range(1, history + 1):
        for series, lag, held in (
            (inputs, h - 1 + late, True),
            (targets, h, outputs == "window" or (outputs == "previous" and h == 1)),
        ):
            if held:
                source = series[trial, step - lag] if step >= lag else np.zeros(series.shape[-1])
                values += list(source)
    return np.array(values)


def network(first, second, bias):
    """A torch.nn.Sequential with copies of given weights; `first` has the bias in its last column."""
    hidden, features = first.shape[0], first.shape[1] - 1
    layers = torch.nn.Sequential(
        torch.nn.Linear(features, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, len(second))
    )
    with torch.no_grad():
        for parameter, value in zip(layers.parameters(), (first[:, :-1], first[:, -1], second, bias), strict=True):
            parameter.copy_(value)
    return layers


def fit(layers, features, targets, batches, lr):
    """Train one network on rows of `features`; `batches` (steps, batch) are row numbers."""
    optimiser = torch.optim.Adam(layers.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=lr, total_steps=len(batches))
    for rows in batches:
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(layers(features[rows]), targets[rows]).backward()
        optimiser.step()
        schedule.step()
    return layers
