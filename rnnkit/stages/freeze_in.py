"""Freeze-in: cues that a network learns to stay at, by a local rule, with their fixed points proven."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pyarrow as pa

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.numerics.threads import one_thread
from rnnkit.stages.freeze_in_rows import Row, probe_rows
from rnnkit.stages.freezing import Crowd, FreezeIn, Probe, network_names
from rnnkit.tables import build

__all__ = ["freeze_in"]

#: Numbers that the networks of a batch may have: 256 MB, with their weights before learning.
_ELEMENTS = 2**25


def freeze_in(
    settings: FreezeIn | None = None,
    seeds: Sequence[int] = (0,),
    probe: Probe | None = None,
    *,
    threads: int = 1,
    keep: Callable[[Checkpoint], None] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Iterator[pa.Table]:
    """Yield, a few networks at a time, where cues leave them as freeze-in learning goes on.

    Parameters
    ----------
    settings : FreezeIn, optional
    seeds : sequence of int
        A network for each.
    probe : Probe, optional
    threads : int
        Networks are shared out among them; no number depends on how many there are.
    keep : callable, optional
        Given each network when it has learnt.
    progress : callable, optional
        Called with the epochs done, all of them, and what is under way.

    Yields
    ------
    pyarrow.Table
        Schema `freeze_in`.

    Raises
    ------
    InputError
        When there is no seed, or no thread.

    Examples
    --------
    >>> (table,) = freeze_in(FreezeIn(units=100, cues=3, rate=1e-2, epochs=12), [0], Probe(every=12))
    >>> table.column_names[:4], table["epoch"].to_pylist()
    (['network', 'epoch', 'cue', 'settled'], [0, 0, 0, 12, 12, 12])
    >>> table["point"].to_pylist()[3:], table["certified"].to_pylist()[3:]
    ([0, 1, 2], [True, True, True])
    """
    settings, probe = settings or FreezeIn(), probe or Probe()
    if not seeds:
        raise InputError("--seeds", "names no network", "give one seed or more")
    if threads < 1:
        raise InputError("--threads", f"{threads} is not a number of threads", "give 1 or more")
    together = max(threads, _ELEMENTS // Crowd.elements(settings))
    batches = [list(seeds[k : k + together]) for k in range(0, len(seeds), together)]
    for number, batch in enumerate(batches):

        def told(epoch: int, what: str, before: int = number * settings.epochs) -> None:
            if progress is not None:
                progress(before + epoch, len(batches) * settings.epochs, what)

        crowds = [Crowd.drawn(settings, part) for part in _parts(batch, threads)]
        rows = _rows(crowds, probe, threads, told)
        if keep is not None:  # before the table, whose reader may have had enough
            for crowd in crowds:
                for k in range(len(crowd.seeds)):
                    keep(crowd.network(k))
        yield build("freeze_in", rows)


def _parts(batch: list[int], count: int) -> list[list[int]]:
    """Split seeds into at most so many parts of about equal length.

    Examples
    --------
    >>> _parts([0, 1, 2], 2), _parts([0], 4)
    ([[0, 1], [2]], [[0]])
    """
    count = min(count, len(batch))
    ends = [-(-len(batch) * k // count) for k in range(count + 1)]
    return [batch[first:last] for first, last in itertools.pairwise(ends)]


def _rows(crowds: list[Crowd], probe: Probe, threads: int, told: Callable[[int, str], None]) -> list[Row]:
    """Train networks and probe them; return the rows, network by network."""
    settings = crowds[0].settings
    last = settings.epochs
    probed = set(probe.epochs(last))
    found: list[list[Row]] = [[] for _ in crowds]

    def on(crowd: Crowd, epoch: int) -> list[Row]:
        if epoch:
            crowd.advance()
        if epoch not in probed:
            return []
        return probe_rows(crowd, probe, network_names(settings, crowd.seeds), probe.certifies(epoch, last))

    with ExitStack() as held:
        held.enter_context(one_thread())
        share = held.enter_context(ThreadPoolExecutor(threads)).map if threads > 1 else map
        for epoch in range(last + 1):
            told(epoch, "proofs" if probe.certifies(epoch, last) else "")
            for rows, new in zip(found, share(on, crowds, [epoch] * len(crowds)), strict=True):
                rows += new
    order = {name: k for k, name in enumerate(network_names(settings, [s for crowd in crowds for s in crowd.seeds]))}
    return sorted((row for rows in found for row in rows), key=lambda row: (order[row["network"]], row["epoch"]))
