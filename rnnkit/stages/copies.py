"""Copies of networks that differ from them in their recurrent weights alone, run over common trials and scored.

The copies of all networks are run as one ensemble, in batches of bounded size, in single precision. Only outputs
are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import acting_readout, acting_weights
from rnnkit.models import Weights, Workspace, make_model
from rnnkit.models.ensembles import stack_weights
from rnnkit.tasks import Task, Trials

__all__ = ["DENSE", "Activity", "Company", "Score", "as_dense", "recurrent_scale"]

#: Families whose recurrence is one dense matrix; one of low rank can be formed.
DENSE = ("vanilla", "leaky", "current", "mup", "lowrank", "plrnn")

#: Trials run through time together, and elements of one step's state: what keeps a core's cache.
_PIECE_TRIALS = 64
_STEP_ELEMENTS = 32768
#: Elements of a batch's outputs, (copies, trials, steps, outputs).
_OUTPUT_ELEMENTS = 4_000_000

Floats = NDArray[np.float64]


def as_dense(network: Checkpoint) -> Checkpoint:
    """Return the network with its recurrence as one matrix that is free to change.

    A `lowrank` network becomes the `current` one that it is, a `leaky` one of low rank one of full rank, with the
    readout's 1 / N in its weights, as float64. A Cayley network loses what its matrix was made from. The others are
    returned as they are.
    """
    shape = network.architecture
    if not shape.low_rank and shape.recurrent == "dense":
        return network
    family = "current" if shape.spec.low_rank else shape.family
    plain = replace(shape, family=family, rank=0, recurrent="dense", readout="linear")

    def formed(tensors: dict[str, NDArray[Any]], initial: bool) -> dict[str, NDArray[Any]]:
        kept = {name: value for name, value in tensors.items() if name in plain.shapes()}
        if shape.low_rank:
            kept["recurrent.weight"] = acting_weights(network, initial)[0]
            # The architecture keeps its gamma.
            kept["readout.weight"] = acting_readout(shape, tensors) * shape.gamma
        return kept

    initial = formed(network.initial, True) if network.initial else {}
    return replace(network, architecture=plain, weights=formed(network.weights, False), initial=initial)


def recurrent_scale(network: Checkpoint) -> float:
    """Return what the stored recurrent matrix is multiplied by where it acts: 1 / N in `mup`, else 1."""
    return 1.0 / network.architecture.units if network.architecture.family == "mup" else 1.0


@dataclass(frozen=True)
class Score:
    """How a copy does.

    Attributes
    ----------
    fvu : float
        Sum of squared errors over that of the targets about their mean per output, over trials, steps and outputs,
        weighted by the task's mask; infinite when the copy diverged, NaN when the targets do not vary.
    accuracy : float
        NaN where the task defines none, or the copy diverged.
    distance : float
        The same fraction with the outputs of the network itself for targets.
    """

    fvu: float
    accuracy: float
    distance: float

    @property
    def finite(self) -> bool:
        """Whether the copy's outputs are finite."""
        return self.fvu != float("inf")


@dataclass(frozen=True)
class Activity:
    """What the recurrent weights of a network act on, over trials and steps: h, or phi(h) in families that read it.

    Attributes
    ----------
    covariance, second_moment : (units, units) float64
        NaN or infinite when the network diverged.
    """

    covariance: Floats
    second_moment: Floats


class Company:
    """Networks of one architecture (gamma aside) with the trials that they and their copies are run on.

    Parameters
    ----------
    networks : sequence of Checkpoint
        Of a family in :data:`DENSE`, `lowrank` as :func:`as_dense` returns it.
    task : Task
    trials : Trials
        (1, trials, steps, channels), common to all.
    device : torch.device
    """

    def __init__(self, networks: Sequence[Checkpoint], task: Task, trials: Trials, device: torch.device) -> None:
        self._task, self._trials, self._device = task, trials, device
        self._model = make_model(networks[0].architecture)
        self._weights = stack_weights(networks, device, torch.float32)
        self._gamma = torch.tensor([n.architecture.gamma for n in networks], dtype=torch.float32, device=device)
        steps_first = np.ascontiguousarray(trials.inputs[0].transpose(1, 0, 2))
        self._inputs = torch.from_numpy(steps_first).to(device=device, dtype=torch.float32)
        self._work = Workspace()
        self._outputs: list[NDArray[np.float32]] = []
        main = task.main_outputs
        self._targets = trials.targets[0, ..., :main].astype(np.float64)
        mask = np.ones(self._targets.shape[:2]) if trials.mask is None else trials.mask[0].astype(np.float64)
        self._weight = np.broadcast_to(mask[..., None], self._targets.shape)
        self._plain = bool((mask == 1).all())
        self._variance = self._spread(self._targets[None])
        self._own_variance: list[float] = []
        units = networks[0].architecture.units
        fits = _OUTPUT_ELEMENTS // max(1, self._targets.size)
        self._batch = max(1, min(_STEP_ELEMENTS // (min(_PIECE_TRIALS, trials.inputs.shape[1]) * units), fits))

    def themselves(self) -> Iterator[tuple[Score, Activity]]:
        """Run the networks as they are, and keep their outputs for the distances of copies."""
        everyone = list(range(len(self._gamma)))
        self._outputs, self._own_variance = [], []
        for first in range(0, len(everyone), self._batch):
            part = everyone[first : first + self._batch]
            sums: tuple[Tensor, Tensor] | None = None
            pieces = []
            for outputs, features in self._pieces(self._of(part), part):
                pieces.append(outputs)
                rows = features.double()
                added = rows.sum(1), torch.bmm(rows.transpose(1, 2), rows)
                sums = added if sums is None else (sums[0] + added[0], sums[1] + added[1])
            outputs = np.concatenate(pieces, axis=1)
            self._outputs += list(outputs)
            self._own_variance += self._spread(outputs[..., : self._targets.shape[-1]]).tolist()
            if sums is None:
                continue
            count = outputs.shape[1] * outputs.shape[2]
            mean, second = (total.cpu().numpy() / count for total in sums)
            for k, score in enumerate(self._scores(outputs, part)):
                with np.errstate(invalid="ignore"):
                    yield score, Activity(second[k] - np.outer(mean[k], mean[k]), second[k])

    def copies(self, wanted: Iterable[tuple[int, Floats]]) -> Iterator[Score]:
        """Run copies, each given by its network's place and its own stored recurrent matrix, in the order given."""
        remaining = iter(wanted)
        while batch := list(islice(remaining, self._batch)):
            part = [index for index, _ in batch]
            weights = self._of(part)
            matrices = torch.from_numpy(np.stack([matrix for _, matrix in batch]))
            weights["recurrent.weight"] = matrices.to(device=self._device, dtype=torch.float32)
            outputs = np.concatenate([outputs for outputs, _ in self._pieces(weights, part)], axis=1)
            yield from self._scores(outputs, part)

    def _of(self, part: Sequence[int]) -> Weights:
        return {name: value[list(part)] for name, value in self._weights.items()}

    def _pieces(self, weights: Weights, part: Sequence[int]) -> Iterator[tuple[NDArray[np.float32], Tensor]]:
        """Run a batch, some trials at a time; yield outputs (copies, trials, steps, outputs) and features."""
        gamma = self._gamma[list(part)]
        for piece in self._inputs.split(_PIECE_TRIALS, dim=1):
            steps, trials, channels = piece.shape
            with torch.inference_mode():
                inputs = piece.expand(len(part), steps, trials, channels).contiguous()
                features = self._model.scan(weights, inputs, self._work).features.flatten(1, 2)
                outputs = self._model.readout(weights, gamma, features).view(len(part), steps, trials, -1)
                yield outputs.transpose(1, 2).cpu().numpy(), features

    def _scores(self, outputs: NDArray[np.float32], part: Sequence[int]) -> list[Score]:
        main = self._targets.shape[-1]
        finite = np.asarray(np.isfinite(outputs).all((1, 2, 3)))
        outputs = np.where(finite[:, None, None, None], outputs, np.float32(0))
        found = outputs[..., :main].astype(np.float64)
        own = np.stack([self._outputs[index][..., :main] for index in part])
        fvu = np.where(finite, _ratio(self._error(found, self._targets[None]), self._variance), np.inf)
        distance = _ratio(self._error(found, own), np.array([self._own_variance[index] for index in part]))
        distance = np.where(finite | np.isnan(distance), distance, np.inf)
        targets = np.broadcast_to(self._trials.targets, (len(part), *self._trials.targets.shape[1:]))
        share = self._task.accuracy(outputs, self._repeated(targets))
        accuracy = np.full(len(part), np.nan) if share is None else np.where(finite, share, np.nan)
        return [Score(*values) for values in zip(fvu.tolist(), accuracy.tolist(), distance.tolist(), strict=True)]

    def _repeated(self, targets: NDArray[np.float32]) -> Trials:
        """Return the trials once for each copy."""
        inputs, mask = self._trials.inputs, self._trials.mask
        many = len(targets)
        return Trials(
            np.broadcast_to(inputs, (many, *inputs.shape[1:])),
            targets,
            None if mask is None else np.broadcast_to(mask, (many, *mask.shape[1:])),
        )

    def _error(self, outputs: Floats, targets: NDArray[np.floating]) -> Floats:
        """Return the sum of squared errors of each copy."""
        with np.errstate(invalid="ignore", over="ignore"):  # of a network that diverged itself
            off = outputs - targets
            if self._plain:
                return np.asarray(np.einsum("ntso,ntso->n", off, off))
            return np.asarray(np.einsum("ntso,ntso,tso->n", off, off, self._weight))

    def _spread(self, targets: NDArray[np.floating]) -> Floats:
        """Return the sum of squares about the mean per output; NaN where nothing varies or something is not finite."""
        values = targets.astype(np.float64)
        counted = self._weight.sum((0, 1))
        with np.errstate(invalid="ignore", over="ignore"):
            mean = (self._weight * values).sum((1, 2), keepdims=True) / np.where(counted > 0, counted, 1.0)
            variance = (self._weight * (values - mean) ** 2).sum((1, 2, 3))
            # Rounding of equal float32 numbers leaves a variance that is none.
            varies = variance > 1e-12 * (self._weight * values**2).sum((1, 2, 3))
        return np.where(varies & np.isfinite(variance), variance, np.nan)


def _ratio(error: Floats, variance: Floats) -> Floats:
    """Divide; NaN where there is no variance."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(error / variance)
