"""Distances between networks, by any number of metrics, within groups or across all."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit._version import __version__
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.metrics import Metric, MetricOptions, PairDistance, get_metric
from rnnkit.stages.bench import Study
from rnnkit.stages.crews import Cluster, Crew, Inline, Processes, gather
from rnnkit.stages.evaluation import TaskChoice
from rnnkit.stages.kept import Kept, Solved
from rnnkit.stages.pairs import InOrder, Tile, pairs_of, tiles
from rnnkit.stages.preparing import Prepared, prepare
from rnnkit.stages.sources import Drive, Member, Source, as_source, drives, survey
from rnnkit.tables import build, check_group_keys

__all__ = ["Scale", "compare"]

Progress = Callable[[int, int], None]
Report = Callable[[str, dict[str, Any]], None]

#: Options that say where and how fast, not what.
_PLACE = ("device", "threads")


@dataclass(frozen=True)
class Scale:
    """Who does the work, in how much room. No number in the table depends on it.

    Attributes
    ----------
    workers : int
        Processes on this computer; with 1, the work is done in this one.
    scheduler : str or None
        Address of a Dask scheduler, whose workers do the work instead.
    memory : int
        Bytes of networks' data in memory at once, shared by the workers.
    cache : Path or None
        Folder in which reductions are kept and found again; None for a temporary one.
    """

    workers: int = 1
    scheduler: str | None = None
    memory: int = 2 << 30
    cache: Path | None = None

    def crew(self, study: Study, threads: int = 1) -> Crew:
        """Return those who do the work: this process, on its threads, unless there are others."""
        if self.scheduler is not None:
            return Cluster(study, self.scheduler)
        return Inline(study, threads) if self.workers == 1 else Processes(study, self.workers)


def compare(
    networks: Sequence[Checkpoint | Source],
    metrics: Sequence[str] = ("dsa", "pif", "svcca"),
    choice: TaskChoice | None = None,
    *,
    within: Sequence[str] = (),
    inputs: NDArray[np.float32] | None = None,
    trials: int = 100,
    seed: int = 0,
    rates: bool = False,
    options: MetricOptions | None = None,
    scale: Scale | None = None,
    kept: Kept | None = None,
    progress: Progress | None = None,
    report: Report | None = None,
) -> Iterator[pa.Table]:
    """Compare every pair of networks and yield rows as they come.

    Networks are opened, run and reduced one at a time, pairs solved in tiles of a few networks with a few others:
    memory does not grow with the number of networks, but for a line of notes on each.

    Parameters
    ----------
    networks : sequence of Checkpoint or Source
        Networks in memory, or what is opened when it is needed: checkpoint files and recordings.
    metrics : sequence of str
        Names in :data:`rnnkit.metrics.METRICS`.
    choice : TaskChoice, optional
        The task whose trials the networks are run on; their own by default.
    within : sequence of str
        Compare only networks that agree in these settings; the settings become columns. Dimension and delay
        of `dsa` are common to all groups.
    inputs : (trials, steps, inputs) float32, optional
        Run on these instead of a task's trials.
    trials, seed : int
    rates : bool
        Compare phi(h) instead of h.
    options : MetricOptions, optional
    scale : Scale, optional
    kept : Kept, optional
        Rows found done, and where rows are kept for later.
    progress : callable, optional
        Called with pairs done and pairs in all.
    report : callable, optional
        Called with each metric's name and what it chose.

    Yields
    ------
    pyarrow.Table
        Of schema `comparisons`: metric by metric, the pairs in the order of the networks. A network that cannot be
        run has rows with null distances.

    Raises
    ------
    InputError
        With fewer than two networks, networks of different inputs or tasks, or none that is sound; when a metric
        of weights is asked of recordings, or what is kept is of another run.
    """
    chosen = [get_metric(name) for name in metrics]
    options, scale, kept = options or MetricOptions(seed=seed), scale or Scale(), kept or Kept()
    check_group_keys("comparisons", within)
    sources = tuple(as_source(network) for network in networks)
    members = survey(sources, within, choice or TaskChoice())
    driven = _checked(members, chosen, choice or TaskChoice(), inputs, trials, seed)
    settings = {"trials": len(inputs) if inputs is not None else trials, "rates": rates}
    comparison = _Comparison(members, driven, chosen, tuple(within), options, settings, kept, progress, report)
    with ExitStack() as stack:
        folder = scale.cache
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rnnkit-")))
        # On a graphics processor, batches follow one another.
        threads = options.threads if options.device.type == "cpu" else 1
        study = Study(
            uuid.uuid4().hex,
            sources,
            tuple(member.digest for member in members),
            driven,
            tuple(metric.name for metric in chosen),
            rates,
            replace(options, threads=1),
            folder,
            scale.memory // max(1, scale.workers),
        )
        crew = scale.crew(study, threads)
        stack.callback(crew.close)
        yield from comparison.rows(crew, study.memory)


def _checked(
    members: Sequence[Member],
    metrics: Sequence[Metric],
    choice: TaskChoice,
    inputs: NDArray[np.float32] | None,
    trials: int,
    seed: int,
) -> tuple[Drive | None, ...]:
    """Return the trials of each network; refuse what cannot be compared."""
    groups = _groups(members)
    if not pairs_of(groups):
        what = f"{len(members)} network{'s' * (len(members) != 1)} in {len(groups)} group{'s' * (len(groups) != 1)}"
        raise InputError("networks", what, "give at least two networks that agree in the --within settings")
    recorded = next((member.name for member in members if member.recorded is not None), None)
    for metric in metrics:
        if recorded is not None and not metric.activity_alone:
            what = f"{metric.name} needs more than activity, and {recorded} is a recording"
            raise InputError("--metric", what, "leave it out: dsa, svcca and other metrics of activity remain")
    if inputs is not None and any(metric.needs_ood for metric in metrics):
        raise InputError("--inputs", "has no out-of-distribution trials", "leave it out, or the metrics that need them")
    found = drives(members, choice, inputs, trials, seed, any(m.needs_activity or m.needs_ood for m in metrics))
    if all(member.flaw is not None for member in members):
        what = str(members[0].flaw).partition(":")[2]
        raise InputError(members[0].name, f"tensor '{what}' holds NaN or infinity", "mend it")
    return found


def _groups(members: Sequence[Member]) -> list[list[int]]:
    """Indices of the networks by their settings under the `within` keys."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, member in enumerate(members):
        groups.setdefault(member.group, []).append(index)
    return list(groups.values())


def _settle(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


@dataclass
class _Comparison:
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
        groups = _groups(self.members)
        run = self._run()
        state = self.kept.resume(run)
        before = None if state is None else Prepared.from_json(state)
        sound = [k for k, member in enumerate(self.members) if member.flaw is None]
        prepared = Prepared()
        if any(sum(k in set(sound) for k in group) > 1 for group in groups):
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
        options = {key: value for key, value in asdict(self.options).items() if key not in _PLACE}
        return {
            "version": __version__,
            "metric": [metric.name for metric in self.metrics],
            "within": list(self.within),
            "options": {**options, **self.settings},
            "networks": hashlib.sha256(listed.encode()).hexdigest(),
        }

    def _note(self, prepared: Prepared) -> dict[str, Any]:
        """Return what a later run needs to know of this one to use its rows."""
        options = {key: value for key, value in asdict(self.options).items() if key not in _PLACE}
        metrics = {}
        for metric in self.metrics:
            if metric.reduces() and metric.uses is not None:
                found: Mapping[str, Any] = metric.settled(prepared.commons.get(metric.name, {}))
                used = {key: options[key] for key in metric.uses}
            else:
                found, used = prepared.chosen.get(metric.name, {}), options
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
