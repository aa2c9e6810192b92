"""What comes before the first pair: passes over all networks, one at a time, for what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnnkit.errors import InputError
from rnnkit.metrics import Metric
from rnnkit.stages.crews import Crew, gather
from rnnkit.stages.pairs import edge

__all__ = ["Prepared", "prepare"]


@dataclass
class Prepared:
    """What is decided before the first row.

    Attributes
    ----------
    commons : dict
        By metric, what is common to all networks.
    chosen : dict
        The same to be told and kept in the table's metadata.
    flaws : dict
        Networks that diverged, by index, with their status.
    """

    commons: dict[str, dict[str, Any]] = field(default_factory=dict)
    chosen: dict[str, dict[str, Any]] = field(default_factory=dict)
    flaws: dict[int, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"commons": self.commons, "chosen": self.chosen, "flaws": {str(k): v for k, v in self.flaws.items()}}

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Prepared:
        """Return what :meth:`to_json` was given."""
        return cls(dict(held["commons"]), dict(held["chosen"]), {int(k): v for k, v in held["flaws"].items()})


class _TooFewError(Exception):
    """Fewer than two networks are left."""


class _Passes:
    """Passes over the networks that are sound; those found to diverge drop out."""

    def __init__(self, crew: Crew, sound: Sequence[int]) -> None:
        self._crew = crew
        self.sound = list(sound)
        self.flaws: dict[int, str] = {}

    def each(
        self, function: Callable[..., Any] | None, *arguments: Any, only: Sequence[int] | None = None
    ) -> list[Any]:
        """Return function(network, *arguments) of every network, or of the `only` ones."""
        members = self.sound if only is None else [self.sound[k] for k in only]
        return self._over(members, lambda k: ("visit", k, function, arguments))

    def _over(self, members: Sequence[int], job: Callable[[int], tuple[Any, ...]]) -> list[Any]:
        found = dict(gather(self._crew, ((k, job(k)) for k in members)))
        wild = {k for k, (finite, _) in found.items() if not finite}
        self.flaws |= dict.fromkeys(wild, "diverged")
        self.sound = [k for k in self.sound if k not in wild]
        if len(self.sound) < 2:
            raise _TooFewError
        return [found[k][1] for k in members if k not in wild]

    def reduce(self, commons: Mapping[str, Any], members: Sequence[int]) -> list[dict[str, tuple[str, int]]]:
        """Reduce networks for all metrics; return statuses and sizes."""
        wanted = set(members)
        return self._over([k for k in self.sound if k in wanted], lambda k: ("reduce", k, commons))


def prepare(
    crew: Crew,
    metrics: Sequence[Metric],
    sound: Sequence[int],
    needed: Sequence[int],
    before: Prepared | None,
    options: Any,
    memory: int,
    largest: int,
) -> Prepared:
    """Decide what is common to all sound networks, and reduce those needed.

    Parameters
    ----------
    crew : Crew
    metrics : sequence of Metric
    sound, needed : sequence of int
        Indices of networks.
    before : Prepared or None
        What the run that is continued had decided.
    options : MetricOptions
    memory : int
        Bytes that one worker may hold.
    largest : int
        Networks in the largest group.
    """
    found = Prepared() if before is None else before
    passes = _Passes(crew, [k for k in sound if k not in found.flaws])
    try:
        if before is None:
            shared: dict[Any, dict[str, Any]] = {}
            for metric in metrics:
                method = type(metric).common
                if metric.reduces() and method not in shared:
                    shared[method] = metric.common(passes.each, options)
                found.commons[metric.name] = shared[method] if metric.reduces() else {}
            if any(metric.needs_activity and not metric.reduces() for metric in metrics):
                passes.each(None)
        reduced = passes.reduce(found.commons, needed) if any(metric.reduces() for metric in metrics) else []
        found.flaws |= passes.flaws
        for metric in metrics:
            held = [one[metric.name] for one in reduced if metric.name in one]
            size = 2 * edge(largest) * max([nbytes for _, nbytes in held], default=0)
            if size > memory:
                what = f"{2 * edge(largest)} networks of {metric.name} take {size / 2**20:.3g} MiB at once"
                raise InputError("--memory", what, f"give each worker {size / 2**20 + 1:.0f}M or more, or fewer trials")
            if before is None and metric.reduces():
                found.chosen[metric.name] = metric.chosen(found.commons[metric.name], [status for status, _ in held])
            elif before is None:
                job = [(0, ("describe", metric.name, passes.sound))]
                found.chosen[metric.name] = next(gather(crew, job))[1]
    except _TooFewError:
        found.flaws |= passes.flaws
    return found
