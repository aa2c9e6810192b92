"""What `compare` compares: networks or recordings, opened one at a time, and the trials they are run on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, RnnkitError
from rnnkit.stages.evaluation import TaskChoice, flaw, same_task, sample_trials
from rnnkit.tasks import Task

__all__ = ["Drive", "Held", "Member", "Source", "as_source", "drives", "survey"]

#: Activity beyond this is as good as infinite.
_LARGEST = 1e100


class Source(Protocol):
    """A network, or a recording, that is opened when it is needed; can be sent to another process."""

    @property
    def name(self) -> str:
        """Its name in the table."""

    def open(self) -> Checkpoint:
        """Return the network; of a recording a checkpoint without weights, that carries name and units."""

    def activity(self) -> NDArray[np.float64] | None:
        """Return the activity of a recording, (trials, steps, units); None for a network, which is run."""


@dataclass(frozen=True)
class Held:
    """A network that is in memory already."""

    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        """Its name in the table."""
        return self.checkpoint.name

    def open(self) -> Checkpoint:
        """Return the network."""
        return self.checkpoint

    def activity(self) -> None:
        """Return nothing: it is run."""
        return


def as_source(network: Checkpoint | Source) -> Source:
    """Return the network as something that is opened when it is needed."""
    return Held(network) if isinstance(network, Checkpoint) else network


@dataclass(frozen=True)
class Drive:
    """The trials that the networks of a group are run on: a task's, or given inputs.

    Attributes
    ----------
    task : Task or None
    inputs : (trials, steps, inputs) float32 or None
    trials, seed : int
        Of the task.
    """

    task: Task | None
    inputs: NDArray[np.float32] | None
    trials: int
    seed: int

    @cached_property
    def key(self) -> str:
        """A text that is equal for equal trials."""
        if self.inputs is not None:
            return hashlib.sha256(repr(self.inputs.shape).encode() + self.inputs.tobytes()).hexdigest()
        return "" if self.task is None else repr((same_task(self.task), self.trials, self.seed))

    @property
    def shape(self) -> tuple[int, int]:
        """Trials and steps."""
        if self.inputs is not None:
            return self.inputs.shape[0], self.inputs.shape[1]
        return (0, 0) if self.task is None else (self.trials, self.task.length)

    def draw(self, ood: bool = False) -> tuple[NDArray[np.float32], int | None, NDArray[np.bool_] | None]:
        """Return inputs (trials, steps, inputs), the outputs that the task scores, and the steps it counts."""
        if self.inputs is not None:
            return self.inputs, None, None
        if self.task is None:
            raise InputError("--task", "there are no trials to run on", "name a task")
        drawn = sample_trials(self.task, self.trials, self.seed, ood)
        counted = None if drawn.mask is None else drawn.mask[0] > 0
        return drawn.inputs[0], self.task.main_outputs, counted


@dataclass
class Member:
    """What is kept of one network or recording while the others are open.

    Attributes
    ----------
    name, digest : str
        SHA-256 of the network, or of the recording.
    group : tuple of str
        Its settings under the `--within` keys.
    converged : bool
    flaw : str or None
        Why it cannot be run; found later for those that diverge.
    inputs : int
        Input channels.
    task : Task or None
    trouble : RnnkitError or None
        Why it has none.
    recorded : (trials, steps) or None
        Of a recording.
    tasked : bool
        It has a task of its own.
    """

    name: str
    digest: str
    group: tuple[str, ...]
    converged: bool
    flaw: str | None
    inputs: int = 0
    task: Task | None = None
    trouble: RnnkitError | None = None
    recorded: tuple[int, int] | None = None
    tasked: bool = False


def survey(sources: Sequence[Source], within: Sequence[str], choice: TaskChoice) -> list[Member]:
    """Open every network once, and keep what is to be known of all of them."""
    return [_member(source, within, choice) for source in sources]


def _member(source: Source, within: Sequence[str], choice: TaskChoice) -> Member:
    network, activity = source.open(), source.activity()
    if activity is not None and within:
        what = f"{source.name} is a recording, which has no setting '{within[0]}'"
        raise InputError("--within", what, "leave out --within, or --activity")
    group = tuple(str(network.setting(name)) for name in within)
    if activity is not None:
        total = hashlib.sha256(repr(activity.shape).encode() + np.ascontiguousarray(activity).tobytes())
        # Squares and their sums must be finite too.
        largest = float(np.abs(activity).max(initial=0)) if np.isfinite(activity).all() else np.inf
        bad = None if largest < _LARGEST else "not_finite:activity"
        recorded = (activity.shape[0], activity.shape[1])
        return Member(source.name, total.hexdigest(), group, network.converged, bad, recorded=recorded)
    found = Member(source.name, network.digest(), group, network.converged, flaw(network), network.architecture.inputs)
    found.tasked = network.task is not None
    try:
        found.task = choice.of(network)
    except RnnkitError as error:
        found.trouble = error
    return found


def drives(
    members: Sequence[Member],
    choice: TaskChoice,
    inputs: NDArray[np.float32] | None,
    trials: int,
    seed: int,
    needed: bool,
) -> tuple[Drive | None, ...]:
    """Return the trials of each network: those of its group, None for recordings and what cannot be run.

    Raises
    ------
    InputError
        When the networks of a group differ in task or inputs, or, where activity is `needed`, one has no task.
    """
    found: list[Drive | None] = [None] * len(members)
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, member in enumerate(members):
        if member.recorded is None:
            groups.setdefault(member.group, []).append(index)
    if inputs is None and choice.name is None:
        for group in groups.values():
            _one_task([members[k] for k in group if members[k].tasked])
    if not needed:
        return tuple(found)
    for group in groups.values():
        usable = [k for k in group if members[k].flaw is None]
        if not usable:
            continue
        if inputs is not None:
            drive = Drive(None, inputs, len(inputs), 0)
            for k in usable:
                if members[k].inputs != inputs.shape[-1]:
                    what = f"has {members[k].inputs} inputs, the trials have {inputs.shape[-1]} channels"
                    raise InputError(members[k].name, what, "compare networks of the same inputs")
        else:
            drive = Drive(_one_task([members[k] for k in usable]), None, trials, seed)
        for k in usable:
            found[k] = drive
    return tuple(found)


def _one_task(group: Sequence[Member]) -> Task | None:
    """Return the task that all networks of a group share."""
    tasks: dict[tuple[str, str], Member] = {}
    for member in group:
        if member.trouble is not None:
            raise member.trouble
        if member.task is not None:
            tasks.setdefault(same_task(member.task), member)
    if len(tasks) > 1:
        first, second, *_ = (member.name for member in tasks.values())
        raise InputError(
            f"{first}, {second}",
            "have different tasks or task parameters",
            "name one task with --task and -t, or compare --within what differs",
        )
    return next((member.task for member in tasks.values()), None)
