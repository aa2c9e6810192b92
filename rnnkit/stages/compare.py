"""Distances between networks, by any number of metrics, within groups or across all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.metrics import Metric, MetricOptions, check_solver, get_metric
from rnnkit.stages.bench import Study
from rnnkit.stages.comparison import Comparison, Progress, Report, grouped
from rnnkit.stages.crews import Cluster, Crew, Inline, Processes
from rnnkit.stages.evaluation import TaskChoice
from rnnkit.stages.kept import Kept
from rnnkit.stages.pairs import pairs_of
from rnnkit.stages.reductions import passing_folder
from rnnkit.stages.sources import Drive, Member, Source, as_source, drives, survey
from rnnkit.tables import check_group_keys

__all__ = ["Scale", "compare"]


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
        of weights is asked of recordings, what is kept is of another run, or the solver asked for is unknown,
        missing, or has no part in the metrics.
    """
    chosen = [get_metric(name) for name in metrics]
    options, scale, kept = options or MetricOptions(seed=seed), scale or Scale(), kept or Kept()
    check_solver(options, chosen)
    check_group_keys("comparisons", within)
    sources = tuple(as_source(network) for network in networks)
    members = survey(sources, within, choice or TaskChoice())
    driven = _checked(members, chosen, within, choice or TaskChoice(), inputs, trials, seed)
    settings = {"trials": len(inputs) if inputs is not None else trials, "rates": rates}
    comparison = Comparison(members, driven, chosen, tuple(within), options, settings, kept, progress, report)
    with ExitStack() as stack:
        folder = scale.cache
        if folder is None:
            folder = stack.enter_context(passing_folder(None if kept.journal is None else kept.journal.path))
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
    within: Sequence[str],
    choice: TaskChoice,
    inputs: NDArray[np.float32] | None,
    trials: int,
    seed: int,
) -> tuple[Drive | None, ...]:
    """Return the trials of each network; refuse what cannot be compared."""
    groups = grouped(members)
    if not pairs_of(groups):
        what = f"{len(members)} network{'s' * (len(members) != 1)} in {len(groups)} group{'s' * (len(groups) != 1)}"
        agree = f" that agree in {', '.join(within)}" if within else ""
        raise InputError("networks", what, f"give at least two networks{agree}")
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
