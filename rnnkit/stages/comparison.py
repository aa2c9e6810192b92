"""One comparison on its way: what is done already, what is left to do, and its rows in order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rnnkit._version import __version__
from rnnkit.metrics import Metric, MetricOptions, PairDistance
from rnnkit.stages.crews import Crew, gather
from rnnkit.stages.kept import Kept, Solved
from rnnkit.stages.pairs import InOrder, Tile, pairs_of, tiles
from rnnkit.stages.preparing import Prepared, prepare
from rnnkit.stages.sources import Drive, Member
from rnnkit.tables import build

__all__ = ["Comparison", "Progress", "Report", "grouped"]

Progress = Callable[[int, int], None]
Report = Callable[[str, dict[str, Any]], None]


def grouped(members: Sequence[Member]) -> list[list[int]]:
    """Indices of the networks by their settings under the `within` keys."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, member in enumerate(members):
        groups.setdefault(member.group, []).append(index)
    return list(groups.values())


def _settle(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


@dataclass
class Comparison:
    """One comparison on its way: what is known of the networks, and what is to be done."""

    members: Sequence[Member]
    driven: Sequence[Drive | None]
    metrics: Sequence[Metric]
    within: tuple[str, ...]
    options: MetricOptions
    settings: dict[str, Any]
    kept: Kept
    progress: Progress | None
    report: Report | None

    def rows(self, crew: Crew, memory: int) -> Iterator[pa.Table]:
        """Prepare, and solve the pairs that are not done yet."""
        names = [metric.name for metric in self.metrics]
        groups = grouped(self.members)
        run = self._run()
        state = self.kept.resume(run)
        before = None if state is None else Prepared.from_json(state)
        sound = [k for k, member in enumerate(self.members) if member.flaw is None]
        prepared = Prepared()
        if any(sum(self.members[k].flaw is None for k in group) > 1 for group in groups):
            needed = sound
            if before is not None:
                left = (tile for tile in tiles(groups, names) if not self.kept.has(tile.number))
                needed = sorted({k for tile in left for pair in tile.pairs for k in pair})
            largest = max(map(len, groups))
            prepared = prepare(crew, self.metrics, sound, needed, before, self.options, memory, largest)
        for index, flaw in prepared.flaws.items():
            self.members[index].flaw = flaw
        self.kept.begin(run, prepared.to_json(), self._note(prepared))
        if self.report is not None:
            for name, chosen in prepared.chosen.items():
                self.report(name, chosen)
        sound = [k for k, member in enumerate(self.members) if member.flaw is None]
        yield from self._tiles(crew, groups, prepared, sound)

    def _tiles(
        self, crew: Crew, groups: Sequence[Sequence[int]], prepared: Prepared, sound: Sequence[int]
    ) -> Iterator[pa.Table]:
        metrics = {metric.name: metric for metric in self.metrics}
        done, total, order = 0, pairs_of(groups) * len(metrics), InOrder[dict[str, Any]]()

        def jobs() -> Iterator[tuple[tuple[Tile, list[Solved | None], bool], tuple[Any, ...] | None]]:
            for tile in tiles(groups, list(metrics)):
                before = self.kept.tile(tile.number)
                metric = metrics[tile.metric]
                held: list[Solved | None] = [*before] if before is not None else self._known(metric, tile)
                pairs = [pair for pair, solved in zip(tile.pairs, held, strict=True) if solved is None]
                common = prepared.commons.get(tile.metric, {})
                entering = () if metric.reduces() else sound
                job = ("solve", tile.metric, common, pairs, entering) if pairs else None
                yield (tile, held, before is not None), job

        for (tile, held, before), solved in gather(crew, jobs()):
            found, seconds = solved or ([], 0.0)
            fresh: Iterator[PairDistance] = iter(found)
            rows = [one if one is not None else (next(fresh), seconds) for one in held]
            if not before:
                self.kept.keep(tile.number, rows)
            done += len(rows)
            if self.progress is not None:
                self.progress(done, total)
            named = [self._row(metrics[tile.metric], pair, *row) for pair, row in zip(tile.pairs, rows, strict=True)]
            for band in order.add(tile, named):
                yield build("comparisons", band, self.within)

    def _known(self, metric: Metric, tile: Tile) -> list[Solved | None]:
        """Return the pairs that need no solving: unfit networks, and what an earlier table holds."""
        found: list[Solved | None] = []
        for i, j in tile.pairs:
            flaw = self.members[i].flaw or self.members[j].flaw
            if flaw is None and metric.same_samples and self._shape(i) != self._shape(j):
                flaw = "different_samples"
            if flaw is not None:
                found.append((PairDistance(float("nan"), flaw), 0.0))
            else:
                found.append(self.kept.pair(metric.name, self._identity(metric, i), self._identity(metric, j)))
        return found

    def _shape(self, index: int) -> tuple[int, int] | None:
        """Trials and steps of a network's activity; None where it is not run."""
        drive, recorded = self.driven[index], self.members[index].recorded
        return recorded if recorded is not None else None if drive is None else drive.shape

    def _trials(self, index: int) -> str:
        drive = self.driven[index]
        return "" if drive is None else hashlib.sha256(drive.key.encode()).hexdigest()[:16]

    def _identity(self, metric: Metric, index: int) -> str:
        return self.members[index].digest + (self._trials(index) if metric.needs_activity else "")

    def _run(self) -> dict[str, Any]:
        """Return what makes two runs the same, as plain values."""
        listed = repr([(member.name, member.digest, self._trials(k)) for k, member in enumerate(self.members)])
        options = self.options.settings()
        return {
            "version": __version__,
            "metric": [metric.name for metric in self.metrics],
            "within": list(self.within),
            "options": {**options, **self.settings},
            "networks": hashlib.sha256(listed.encode()).hexdigest(),
        }

    def _note(self, prepared: Prepared) -> dict[str, Any]:
        """Return what a later run needs to know of this one to use its rows."""
        options = self.options.settings()
        metrics = {}
        for metric in self.metrics:
            if metric.reduces() and metric.uses is not None:
                found: Mapping[str, Any] = metric.settled(prepared.commons.get(metric.name, {}))
                used = {key: options[key] for key in metric.uses}
            else:
                found, used = prepared.chosen.get(metric.name, {}), dict(options)
            used["solver"] = metric.solver(self.options)
            metrics[metric.name] = {**used, **found, **(self.settings if metric.needs_activity else {})}
        return {
            "metrics": metrics,
            "networks": {member.name: member.digest for member in self.members},
            "driven": {member.name: self._trials(k) for k, member in enumerate(self.members)},
        }

    def _row(self, metric: Metric, pair: tuple[int, int], found: PairDistance, seconds: float) -> dict[str, Any]:
        a, b = (self.members[k] for k in pair)
        counts = {name: getattr(found, name) for name in ("starts", "starts_at_best", "size_a", "size_b")}
        return {
            "a": a.name,
            "b": b.name,
            "metric": metric.name,
            **dict(zip(self.within, a.group, strict=True)),
            "distance": _settle(found.distance),
            "lower_bound": _settle(found.lower_bound),
            "status": found.status,
            "seconds": seconds,
            "level": metric.level,
            "relative_distance": _settle(found.relative),
            "per_parameter": _settle(found.per_parameter),
            "converged": a.converged and b.converged,
            **{name: None if value < 0 else value for name, value in counts.items()},
        }
