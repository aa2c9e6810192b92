"""The end of the search phase: where a loss that stood at chance begins to fall for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.hinges import fit_hinges, knot_intervals

__all__ = ["NONE", "WINDOW", "Phases", "first_crossings", "search_phases"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Evaluations whose median has to agree with a crossing: dips of up to four pass by.
WINDOW = 9
#: A loss is at chance, or where it falls to, once it is no more than this much of it.
_NEAR = 1.15
#: Difference in BIC from which on a hinge is believed.
_EVIDENCE = 10.0
#: The smallest loss, as a share of the largest, whose logarithm is told from that of smaller ones.
_LEAST = 1e-9
#: Where there is no such evaluation.
NONE = -1
#: Evaluations of networks that are worked on at a time.
_BLOCK = 1 << 18


@dataclass(frozen=True)
class Phases:
    """When networks' search ended, in evaluations counted from 0; `NONE` where there is none.

    Attributes
    ----------
    crossing : (networks,) int64
        The first evaluation beyond the level, to stay there.
    onset, low, high : (networks,) int64
        The last evaluation on the plateau, and its 95 % interval.
    plateau : (networks,) float64
        Level of the plateau in units of the loss; NaN where there is none.
    evidence : (networks,) float64
        For a change point, in units of BIC (:meth:`rnnkit.numerics.hinges.Hinges.evidence`); NaN where none was sought.
    relapses : (networks,) int64
        Times that the median went back after the crossing.
    searching : (networks,) int64
        The last evaluation at which the search was seen to go on, of networks without a crossing.
    status : list of str
    """

    crossing: Counts
    onset: Counts
    low: Counts
    high: Counts
    plateau: Floats
    evidence: Floats
    relapses: Counts
    searching: Counts
    status: list[str]


def _padded(curves: Sequence[Floats]) -> tuple[Floats, Counts]:
    """Return curves as rows of one array, NaN behind their ends, and their lengths."""
    lengths = np.array([len(curve) for curve in curves], dtype=np.int64)
    held = np.full((len(curves), max(1, int(lengths.max(initial=0)))), np.nan)
    for row, curve in zip(held, curves, strict=True):
        row[: len(curve)] = curve
    return held, lengths


def _steady(beyond: Flags, lengths: Counts) -> Flags:
    """Return where most of the `WINDOW` evaluations from each one on are beyond the level, and all are there."""
    summed = np.cumsum(np.pad(beyond, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    found = np.zeros_like(beyond)
    if beyond.shape[1] >= WINDOW:
        most = summed[:, WINDOW:] - summed[:, :-WINDOW] > WINDOW // 2
        found[:, : most.shape[1]] = most & _whole(beyond, lengths)[:, : most.shape[1]]
    return found


def _whole(beyond: Flags, lengths: Counts) -> Flags:
    """Return where a window that begins there is over before the curve is."""
    found: Flags = np.arange(beyond.shape[1]) <= lengths[:, None] - WINDOW
    return found


def _first(there: Flags) -> Counts:
    found: Counts = np.where(there.any(axis=1), there.argmax(axis=1), NONE)
    return found


def _relapses(steady: Flags, beyond: Flags, lengths: Counts, crossing: Counts) -> Counts:
    """Count the stretches after a crossing in which the median of a window is not beyond the level."""
    later = (np.arange(beyond.shape[1]) > crossing[:, None]) & (crossing >= 0)[:, None]
    back = _whole(beyond, lengths) & ~steady & later
    begins = back & ~np.pad(back, ((0, 0), (1, 0)))[:, :-1]
    found: Counts = begins.sum(axis=1)
    return found


def first_crossings(
    curves: Sequence[Floats], level: Floats, diverged: Flags, *, rising: bool = False
) -> tuple[Counts, Counts, Counts, list[str]]:
    """Return where curves first cross a level, whatever they do after: the rule of the paper.

    Parameters
    ----------
    curves : sequence of (evaluations,) float64
        One a network, without NaN.
    level : (networks,) float64
    diverged : (networks,) bool
        The training ended with values that are no numbers; after a crossing this counts as one more relapse.
    rising : bool
        The curve has to rise to the level, as an accuracy does, and not to fall.

    Returns
    -------
    crossing, relapses, searching : (networks,) int64
        As in :class:`Phases`; a relapse is a median of nine that is not beyond the level.
    status : list of str
        `ok`, `no_end` or `diverged`.

    Examples
    --------
    >>> curve = np.array([0.0, 0.09, 0.07, 0.02, 0.01, 0, 0, 0, 0, 0, 0, 0])
    >>> crossing, relapses, _, status = first_crossings([curve], np.array([0.08]), np.array([False]), rising=True)
    >>> int(crossing[0]), int(relapses[0]), status
    (1, 1, ['ok'])
    """
    values, lengths = _padded(curves)
    beyond = values >= level[:, None] if rising else values <= level[:, None]
    crossing = _first(beyond)
    relapses = _relapses(_steady(beyond, lengths), beyond, lengths, crossing) + (diverged & (crossing >= 0))
    status = ["ok" if at >= 0 else "diverged" if bad else "no_end" for at, bad in zip(crossing, diverged, strict=True)]
    return crossing, relapses, np.where(crossing < 0, lengths - 1, NONE), status


def search_phases(
    curves: Sequence[Floats],
    chance: Floats,
    diverged: Flags,
    generator: np.random.Generator,
    *,
    level: float = 0.7,
    draws: int = 200,
) -> Phases:
    """Find the end of the search phase of networks, by a change point in the logarithm of the loss.

    With l_k the loss at evaluation k and c chance: b is the first k with l_k <= 1.15 c. The crossing x >= b is the
    first k with l_k <= `level` c and a median of l_k .. l_{k+8} of no more than that. A hinge is fitted to log l_k from
    b to the first k >= x with l_k <= 1.15 min(l_x .. l_{x+9}), where the fall is over or the window is
    (:func:`rnnkit.numerics.hinges.fit_hinges`); its knot is the onset, its level the plateau. Where a constant or a
    fall from b on does as well, by less than 10 in BIC, there was no plateau to end.

    =============  ==============================================================================================
    `ok`           the search ended; all numbers are there
    `no_end`       no crossing: the search went on at `searching`, and may since
    `diverged`     the same, and then the loss was no number
    `no_plateau`   fewer than 9 evaluations from b to the crossing
    `gradual`      the fall has no beginning: evidence below 10
    `too_sparse`   fewer than 9 evaluations in all, or on the plateau
    `no_chance`    chance is 0 or no number: constant answers are right, and there is nothing to search for
    =============  ==============================================================================================

    Parameters
    ----------
    curves : sequence of (evaluations,) float64
        One a network: losses above 0, at evaluations of equal distance.
    chance : (networks,) float64
        NaN where there is none.
    diverged : (networks,) bool
        As in :func:`first_crossings`.
    generator : numpy.random.Generator
        Of the bootstrap.
    level : float
        Share of chance that a loss has to fall to: above 0, below 1.
    draws : int
        Of the bootstrap; 0 for no intervals.

    Raises
    ------
    InputError
        When a loss is negative or no number.

    References
    ----------
    Haputhanthri et al., arXiv 2502.07256, speak of a search phase and end it at a first crossing; the rest is ours.

    Examples
    --------
    >>> loss = np.exp(-0.3 * np.maximum(0, np.arange(60) - 30)) / 6
    >>> found = search_phases([loss], np.array([1 / 6]), np.array([False]), np.random.default_rng(0))
    >>> int(found.onset[0]), int(found.crossing[0]), round(float(found.plateau[0]), 4), found.status
    (30, 32, 0.1667, ['ok'])
    """
    if not all(np.isfinite(curve).all() and (curve >= 0).all() for curve in curves):
        raise InputError("loss", "is negative or no number", "leave such evaluations out")
    order = sorted(range(len(curves)), key=lambda k: len(curves[k]))
    state = generator.bit_generator.state
    parts: list[tuple[list[int], Phases]] = []
    while order:  # curves of about one length together, few enough for the memory
        most = max(1, _BLOCK // max(1, len(curves[order[-1]])))
        rows, order = order[-most:], order[:-most]
        generator.bit_generator.state = state
        values, lengths = _padded([curves[k] for k in rows])
        parts.append((rows, _found(values, lengths, chance[rows], diverged[rows], generator, level, draws)))
    return _in_order(parts, len(curves))


def _in_order(parts: list[tuple[list[int], Phases]], networks: int) -> Phases:
    """Put the networks of all parts back to their places."""
    status = [""] * networks
    for rows, part in parts:
        for row, one in zip(rows, part.status, strict=True):
            status[row] = one
    arrays = {}
    for name in ("crossing", "onset", "low", "high", "plateau", "evidence", "relapses", "searching"):
        kind = np.float64 if name in ("plateau", "evidence") else np.int64
        arrays[name] = np.zeros(networks, kind)
        for rows, part in parts:
            arrays[name][rows] = getattr(part, name)
    return Phases(**arrays, status=status)  # type: ignore[arg-type]


def _found(
    values: Floats,
    lengths: Counts,
    chance: Floats,
    diverged: Flags,
    generator: np.random.Generator,
    level: float,
    draws: int,
) -> Phases:
    """Find the phases of curves of one array, NaN behind their ends."""
    known = np.isfinite(chance) & (chance > 0)
    # A loss of 0 is at a chance of 0; where there is no chance, nothing is beyond a level.
    beyond = (values <= level * chance[:, None]) & known[:, None]
    steady = _steady(beyond, lengths)
    begin = _first(values <= _NEAR * chance[:, None])
    crossing = _first(beyond & steady)
    there = crossing >= 0
    status = [
        "ok" if at >= 0 else "diverged" if bad else "too_sparse" if n < WINDOW else "no_end"
        for at, n, bad in zip(crossing, lengths, diverged, strict=True)
    ]
    for k in np.flatnonzero(~known):
        status[k] = "no_chance"
    onset, low, high = (np.full(len(values), NONE) for _ in range(3))
    plateau, evidence = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for k in np.flatnonzero(there & (crossing - begin < WINDOW)):
        status[k] = "no_plateau"
    rows = np.flatnonzero(there & (crossing - begin >= WINDOW))
    if len(rows):
        first = begin[rows]
        held, sizes = _logarithms(values[rows], first, _fallen(values[rows], crossing[rows]) + 1)
        fitted = fit_hinges(held, sizes)
        evidence[rows] = fitted.evidence(sizes)
        long_enough = fitted.knot + 1 >= WINDOW
        for k, enough in zip(rows, long_enough, strict=True):
            status[k] = "gradual" if not evidence[k] >= _EVIDENCE else "ok" if enough else "too_sparse"
        good = (evidence[rows] >= _EVIDENCE) & long_enough
        at, fitted = rows[good], fitted.rows(good)
        ends = knot_intervals(held[good], sizes[good], fitted, draws, generator)
        onset[at], low[at], high[at] = (first[good] + knot for knot in (fitted.knot, *ends))
        plateau[at] = np.exp(fitted.level)
    relapses = _relapses(steady, beyond, lengths, crossing) + (diverged & there)
    searching = np.where(there | ~known, NONE, _last(~beyond & (np.arange(values.shape[1]) < lengths[:, None])))
    return Phases(crossing, onset, low, high, plateau, evidence, relapses, searching, status)


def _fallen(values: Floats, crossing: Counts) -> Counts:
    """Return where each loss has fallen to where it is within `WINDOW` evaluations behind its crossing, (rows,).

    What comes behind the fall is no part of a hinge: a fall within a step, to a floor that holds, would draw the knot
    back by five evaluations.
    """
    behind = np.arange(values.shape[1]) - crossing[:, None]
    near = np.where((behind >= 0) & (behind <= WINDOW) & np.isfinite(values), values, np.inf)
    return _first(near <= _NEAR * near.min(axis=1, keepdims=True))


def _last(there: Flags) -> Counts:
    found: Counts = np.where(there.any(axis=1), there.shape[1] - 1 - there[:, ::-1].argmax(axis=1), NONE)
    return found


def _logarithms(values: Floats, first: Counts, end: Counts) -> tuple[Floats, Counts]:
    """Return the logarithms of each row from its first evaluation to before its end, at the left, and their numbers."""
    sizes = end - first
    places = np.minimum(first[:, None] + np.arange(sizes.max()), values.shape[1] - 1)
    cut = np.take_along_axis(values, places, axis=1)
    # A loss of 0 has no logarithm; so small a number stands for it as does not outweigh all others.
    return np.log(np.maximum(cut, _LEAST * np.nanmax(cut, axis=1, keepdims=True))), sizes
