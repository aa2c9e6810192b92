"""What a worker does: open a network, run it, reduce it, compare a batch of pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from rnnkit._version import __version__
from rnnkit.metrics import Metric, MetricOptions, Network, PairDistance, Reduction, get_metric
from rnnkit.models.ensembles import Run, run_networks
from rnnkit.stages.reductions import Recent, ReductionFolder, content_key
from rnnkit.stages.sources import Drive, Source

__all__ = ["Bench", "Study", "perform"]

_SOLVER = ("solver", "starts", "bound", "seed")

Commons = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Study:
    """All that a worker has to know.

    Attributes
    ----------
    key : str
        Tells studies apart in one process.
    sources : tuple of Source
    digests : tuple of str
        Of the networks, by content.
    drives : tuple of Drive or None
        The trials of each network.
    metrics : tuple of str
    rates : bool
    options : MetricOptions
    folder : Path or None
        Where reductions are kept.
    memory : int
        Bytes of reductions that one worker keeps in memory.
    """

    key: str
    sources: tuple[Source, ...]
    digests: tuple[str, ...]
    drives: tuple[Drive | None, ...]
    metrics: tuple[str, ...]
    rates: bool
    options: MetricOptions
    folder: Path | None
    memory: int


class Bench:
    """A worker's view of a study: what it has opened, run and reduced last."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._metrics = {name: get_metric(name) for name in study.metrics}
        self._folder = ReductionFolder(study.folder)
        self._recent = Recent(study.memory // 2)
        self._latest: tuple[int, Network] | None = None
        self._drawn: dict[tuple[str, bool], Any] = {}
        self._whole: dict[str, tuple[list[int], Any]] = {}
        self._lock = RLock()

    def network(self, index: int) -> Network:
        """Open a network and run it on its trials, in float64."""
        with self._lock:
            if self._latest is not None and self._latest[0] == index:
                return self._latest[1]
            self._latest = None
            network = self._opened(index)
            self._latest = (index, network)
            return network

    def _opened(self, index: int) -> Network:
        source, drive = self.study.sources[index], self.study.drives[index]
        checkpoint, activity = source.open(), source.activity()
        if activity is not None:
            return Network(checkpoint, np.asarray(activity, dtype=np.float64))
        if drive is None:
            return Network(checkpoint)
        found = Network(checkpoint)
        if any(metric.needs_activity for metric in self._metrics.values()):
            inputs, run, outputs = self._run(checkpoint, drive, ood=False)
            found = Network(checkpoint, run.rates if self.study.rates else run.hidden, inputs, outputs)
        if any(metric.needs_ood for metric in self._metrics.values()):
            found = replace(found, outputs_ood=self._run(checkpoint, drive, ood=True)[2])
        return found

    def _run(self, checkpoint: Any, drive: Drive, ood: bool) -> tuple[Any, Run, Any]:
        """Run one network: inputs, run, and the outputs at the steps that count.

        Networks run one at a time, so that no number depends on which others are there.
        """
        place = (drive.key, ood)
        if place not in self._drawn:
            self._drawn = {key: held for key, held in self._drawn.items() if key[0] == drive.key}
            self._drawn[place] = drive.draw(ood)
        inputs, main, counted = self._drawn[place]
        (run,) = run_networks([checkpoint], inputs, self.study.options.device)
        outputs = run.outputs[..., :main]
        if counted is None:
            counted = np.ones(outputs.shape[:2], dtype=np.bool_)
        return inputs.astype(np.float64), run, outputs[counted]

    def visit(self, index: int, function: Callable[..., Any] | None, arguments: Sequence[Any]) -> tuple[bool, Any]:
        """Return whether a network's activity is finite, and function(network, *arguments) if so."""
        network = self.network(index)
        if network.activity is not None and not np.isfinite(network.activity).all():
            return False, None
        return True, None if function is None else function(network, *arguments)

    def reduce(self, index: int, commons: Commons) -> tuple[bool, dict[str, tuple[str, int]]]:
        """Reduce a network for every metric that does; return whether it is finite, statuses and sizes."""
        found: dict[str, tuple[str, int]] = {}
        for name, metric in self._metrics.items():
            if not metric.reduces():
                continue
            reduction = self._reduction(metric, index, commons[name])
            if reduction is None:
                return False, {}
            found[name] = (reduction.status, reduction.nbytes)
        return True, found

    def _reduction(self, metric: Metric, index: int, common: Mapping[str, Any]) -> Reduction | None:
        """Return a network's reduction: from memory, from disk, or made now; None if its activity is not finite."""
        place = (metric.reduction or metric.name, index)
        held = self._recent.get(place)
        if held is not None:
            return held
        key = self._key(metric, index, common)
        held = self._folder.load(key)
        if held is None:
            finite, held = self.visit(index, metric.reduce, (common, self.study.options))
            if not finite or held is None:
                return None
            self._folder.save(key, held)
        self._recent.put(place, held)
        return held

    def _key(self, metric: Metric, index: int, common: Mapping[str, Any]) -> str:
        options = {k: v for k, v in self.study.options.settings().items() if k not in _SOLVER}
        if metric.uses is not None:
            options = {k: v for k, v in options.items() if k in metric.uses}
        drive = self.study.drives[index]
        return content_key(
            network=self.study.digests[index],
            metric=metric.reduction or metric.name,
            common=metric.settled(common),
            options=options,
            trials=drive.key if drive is not None and (metric.needs_activity or metric.needs_ood) else "",
            rates=self.study.rates,
            device=self.study.options.device.type,
            version=__version__,
        )

    def solve(
        self, name: str, common: Mapping[str, Any], pairs: Sequence[tuple[int, int]], sound: Sequence[int]
    ) -> tuple[list[PairDistance], float]:
        """Return the distance of each pair, and the seconds that one took."""
        metric, options = self._metrics[name], self.study.options
        if metric.reduces():
            members = sorted({index for pair in pairs for index in pair})
            reductions = [self._reduction(metric, index, common) for index in members]
            prepared = metric.gather([one for one in reductions if one is not None], common, options)
        else:
            members, prepared = self._prepared(metric, sound)
        place = {index: position for position, index in enumerate(members)}
        started = time.perf_counter()
        found = metric.distances(prepared, [(place[i], place[j]) for i, j in pairs], options)
        return found, (time.perf_counter() - started) / len(pairs)

    def describe(self, name: str, sound: Sequence[int]) -> dict[str, Any]:
        """Return what a metric that sees all networks at once has chosen."""
        metric = self._metrics[name]
        return metric.parameters(self._prepared(metric, sound)[1])

    def _prepared(self, metric: Metric, sound: Sequence[int]) -> tuple[list[int], Any]:
        with self._lock:
            if metric.name not in self._whole:
                networks = [self.network(index) for index in sound]
                self._whole[metric.name] = (list(sound), metric.prepare(networks, self.study.options))
            return self._whole[metric.name]


_benches: dict[str, Bench] = {}
_lock = RLock()


def perform(study: Study, what: str, *arguments: Any) -> Any:
    """Do one of a bench's jobs, in whichever process; a process keeps its latest bench."""
    with _lock:
        if study.key not in _benches:
            _benches.clear()
            _benches[study.key] = Bench(study)
        bench = _benches[study.key]
    return getattr(bench, what)(*arguments)
