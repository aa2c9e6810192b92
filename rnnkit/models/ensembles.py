"""Saved networks as batches: stacked by architecture and run over common trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.models import make_model
from rnnkit.models.base import Weights, Workspace

__all__ = ["Run", "run_networks", "stack_weights"]

#: Elements of one chunk's states, (networks, steps, trials, units): 256 MiB in float64.
_CHUNK_ELEMENTS = 32_000_000


@dataclass(frozen=True)
class Run:
    """One network run over trials.

    Attributes
    ----------
    index : int
        Its place among the networks given.
    hidden : (trials, steps, units) float64
        h after each step.
    rates : (trials, steps, units) float64
        What the readout sees: h, or phi(h) where the family reads rates.
    outputs : (trials, steps, outputs) float64
    """

    index: int
    hidden: NDArray[np.float64]
    rates: NDArray[np.float64]
    outputs: NDArray[np.float64]


def stack_weights(
    networks: Sequence[Checkpoint],
    device: torch.device,
    dtype: torch.dtype = torch.float64,
    initial: bool = False,
) -> Weights:
    """Stack the weights (or, with `initial`, those before training) of networks of one architecture.

    Tensors that only some hold are zero in the others.
    """
    held = [network.initial if initial else network.weights for network in networks]
    weights: Weights = {}
    for name, shape in networks[0].architecture.shapes().items():
        if any(name in tensors for tensors in held):
            rows = [np.asarray(tensors.get(name, np.zeros(shape)), dtype=np.float64) for tensors in held]
            weights[name] = torch.from_numpy(np.stack(rows)).to(device=device, dtype=dtype)
    return weights


def run_networks(networks: Sequence[Checkpoint], inputs: NDArray[np.float32], device: torch.device) -> Iterator[Run]:
    """Run networks over the same trials, in float64, batched by architecture, in the order of the batches.

    Parameters
    ----------
    networks : sequence of Checkpoint
        Of any architectures, all with the inputs' number of channels.
    inputs : (trials, steps, inputs) float32
    device : torch.device
    """
    trials, steps, channels = inputs.shape
    x = torch.from_numpy(np.ascontiguousarray(inputs.transpose(1, 0, 2))).to(device=device, dtype=torch.float64)
    groups: dict[object, list[int]] = {}
    for index, network in enumerate(networks):
        groups.setdefault(replace(network.architecture, gamma=1.0), []).append(index)
    for members in groups.values():
        architecture = networks[members[0]].architecture
        model = make_model(architecture)
        size = max(1, _CHUNK_ELEMENTS // max(1, trials * steps * architecture.units * architecture.spec.gates))
        for first in range(0, len(members), size):
            part = members[first : first + size]
            weights = stack_weights([networks[k] for k in part], device)
            gamma = torch.tensor([networks[k].architecture.gamma for k in part], dtype=torch.float64, device=device)
            batch = x.expand(len(part), steps, trials, channels).contiguous()
            with torch.inference_mode():
                trace = model.scan(weights, batch, Workspace())
                out = model.readout(weights, gamma, trace.features.flatten(1, 2))
            out = out.view(len(part), steps, trials, architecture.outputs)
            for k, index in enumerate(part):
                arrays = (trace.states[k], trace.features[k], out[k])
                yield Run(index, *(a.transpose(0, 1).cpu().numpy() for a in arrays))
