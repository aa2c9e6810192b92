"""The copies that `schur-ablate` runs: ablated, ablated in another order, and with random removals of equal norm."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import acting_weights
from rnnkit.numerics.ablation_controls import CONTROLS, shared_mass
from rnnkit.numerics.ordered_schur import OrderedSchur, ordered_schur, separation, shuffled_sectors
from rnnkit.numerics.schur_ablations import ABLATIONS, Sectors, ablated, coupling_part, norms, removals, split
from rnnkit.numerics.threads import one_thread
from rnnkit.random_streams import stream
from rnnkit.stages.copies import Company, Score, recurrent_scale

__all__ = ["EMPTY", "Cut", "Plan", "Taken", "run_copies", "take"]

#: Nothing was removed: below this share of the norm of T.
EMPTY = 1e-6

Floats = NDArray[np.float64]
Sinks = deque[Callable[[Score], None]]


@dataclass(frozen=True)
class Plan:
    """What is asked of every network: parameters of :func:`rnnkit.stages.schur_ablate`."""

    alphas: tuple[float, ...]
    orders: int
    controls: int
    kinds: tuple[str, ...]
    epsilon: float
    seed: int
    schur_rows: bool = False

    @property
    def copies(self) -> int:
        """Copies of a network, at most."""
        return len(self.alphas) * len(ABLATIONS) * (1 + self.orders + self.controls * len(self.kinds))


@dataclass(frozen=True)
class Cut:
    """One partition of a Schur form into R and C, and what the copies came to; filled by :func:`run_copies`.

    Attributes
    ----------
    dim_r : int
    removed : (ablations, units, units) float64
        What each ablation takes out of T.
    norm, mass : (ablations,) float64
        Its Frobenius norm, and that over the norm of T.
    sep : float
    free : bool array, (ablations,)
        Whether there is more in N than what is removed.
    scores : list
        Of each ablation; None where nothing was removed and no copy was run.
    orders : list of lists of float
        For each ablation, fvu by random order; NaN where that order had nothing to remove.
    null : dict of lists of float
        By ablation and control, fvu by draw.
    overlap : list of lists of float
        For each ablation, the share of the mass of each draw of `entries` that is on the real block.
    """

    dim_r: int
    removed: Floats
    norm: Floats
    mass: Floats
    sep: float
    free: NDArray[np.bool_]
    scores: list[Score | None] = field(default_factory=lambda: [None] * len(ABLATIONS))
    orders: list[list[float]] = field(default_factory=lambda: [[] for _ in ABLATIONS])
    null: dict[tuple[int, str], list[float]] = field(default_factory=dict)
    overlap: list[list[float]] = field(default_factory=lambda: [[] for _ in ABLATIONS])

    def empty(self, ablation: int) -> bool:
        """Whether there was nothing to remove but rounding."""
        return bool(self.mass[ablation] < EMPTY)


@dataclass(frozen=True)
class Taken:
    """A network taken apart: its Schur form, its sectors by alpha, and a cut for each dimension of R among them."""

    network: Checkpoint
    schur: OrderedSchur
    sectors: dict[float, Sectors]
    cuts: dict[int, Cut]

    def cut(self, alpha: float) -> Cut:
        """Return the cut of one alpha."""
        return self.cuts[self.sectors[alpha].dim_r]

    def without(self, schur: OrderedSchur, removed: Floats) -> Floats:
        """Return the stored recurrent matrix of the copies that lack `removed`, (..., units, units)."""
        stored = self.network.weights["recurrent.weight"]
        return ablated(stored, schur.vectors, removed / recurrent_scale(self.network))


def take(network: Checkpoint, alphas: Sequence[float]) -> Taken:
    """Take the recurrent weights that act apart, at each alpha.

    Parameters
    ----------
    network : Checkpoint
        With one dense recurrent matrix.
    alphas : sequence of float
    """
    with one_thread():
        schur = ordered_schur(acting_weights(network)[0])
        sectors = {alpha: split(schur, alpha) for alpha in alphas}
        whole, couplings = norms(schur.form), norms(coupling_part(schur))
        cuts = {}
        for dim in {found.dim_r: None for found in sectors.values()}:
            removed = removals(schur, dim)
            norm = norms(removed)
            mass = norm / whole if whole > 0 else np.zeros_like(norm)
            # Far above rounding, and too little to draw from.
            free = norm < (1 - 1e-9) * couplings
            cuts[dim] = Cut(dim, removed, norm, mass, separation(schur, dim), free)
        return Taken(network, schur, sectors, cuts)


def run_copies(company: Company, taken: Mapping[int, Taken], plan: Plan, ran: Callable[[], None]) -> None:
    """Run all copies of these networks as one ensemble, and write what they come to into the cuts.

    Parameters
    ----------
    company : Company
    taken : dict
        The networks to copy, by their place in the company.
    plan : Plan
    ran : callable
        Called after each copy.
    """
    sinks: Sinks = deque()
    for score in company.copies(_copies(taken, plan, sinks)):
        sinks.popleft()(score)
        ran()


def _copies(taken: Mapping[int, Taken], plan: Plan, sinks: Sinks) -> Iterator[tuple[int, Floats]]:
    """Yield each copy's network and recurrent matrix, and note where its score goes."""
    for place, one in taken.items():
        for cut in one.cuts.values():
            parts = [_ablated(one, cut, sinks)]
            parts += [_reordered(one, cut, stream(plan.seed, "permutation", k), sinks) for k in range(plan.orders)]
            parts += [_controls(one, cut, kind, plan, sinks) for kind in plan.kinds if plan.controls]
            for matrix in chain.from_iterable(parts):
                yield place, matrix


def _ablated(one: Taken, cut: Cut, sinks: Sinks) -> Iterator[Floats]:
    with one_thread():
        copies = one.without(one.schur, cut.removed)
    for k in np.flatnonzero(cut.norm > 0):
        sinks.append(partial(cut.scores.__setitem__, int(k)))
        yield copies[k]


def _reordered(one: Taken, cut: Cut, rng: np.random.Generator, sinks: Sinks) -> Iterator[Floats]:
    with one_thread():
        schur = shuffled_sectors(one.schur, cut.dim_r, rng)
        removed = removals(schur, cut.dim_r)
        copies = one.without(schur, removed)
    for k, found in enumerate(cut.orders):
        if removed[k].any():
            sinks.append(partial(_note, found))
            yield copies[k]
        else:
            found.append(float("nan"))


def _controls(one: Taken, cut: Cut, kind: str, plan: Plan, sinks: Sinks) -> Iterator[Floats]:
    for k in range(len(ABLATIONS)):
        if cut.empty(k):
            continue
        null = cut.null.setdefault((k, kind), [])
        rng = stream(plan.seed, "reference", k, list(CONTROLS).index(kind))
        for _ in range(plan.controls):
            with one_thread():
                drawn = CONTROLS[kind](one.schur, cut.removed[k], cut.dim_r, rng)
                copy = one.without(one.schur, drawn)
            if kind == "entries":
                cut.overlap[k].append(shared_mass(drawn, cut.removed[k]))
            sinks.append(partial(_note, null))
            yield copy


def _note(found: list[float], score: Score) -> None:
    found.append(score.fvu)
