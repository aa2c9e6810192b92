"""Pairs of loading vectors in pictures: their names, what the loss sees of them, steps, motions and phases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from rnnkit.errors import InputError
from rnnkit.plots.frames import having
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import BLACK, BLUE, COLOURS, GREY, ORANGE, PURPLE, RED, axis_label
from rnnkit.schemas import GOOD, get_schema

__all__ = [
    "LOSS",
    "MOTIONS",
    "MOTION_COLOURS",
    "OVERLAP",
    "PAIRS_NAMED",
    "SEEN_COLOURS",
    "STEP",
    "WORDS",
    "at_step",
    "draw_phases",
    "missing_numbers",
    "name_pairs",
    "of_networks",
    "pair_legend",
    "pair_name",
    "seen_classes",
    "shades_of",
]

#: In both columns of a pair, it is the loss and no overlap.
LOSS = "loss"
#: How the motions of the theory are dashed, in the order in which they are drawn and named.
MOTIONS = {"descent": "--", "flow": ":", "direct": "-."}
MOTION_COLOURS = {"descent": BLUE, "flow": ORANGE, "direct": RED}
#: What the loss sees of an overlap, in words; None is where no theory says.
WORDS = {True: "seen by the loss", False: "not seen", None: "no theory says"}
SEEN_COLOURS = {True: BLUE, False: RED, None: PURPLE}
#: Pairs that the legend of a panel can hold.
PAIRS_NAMED = 10
STEP = axis_label("overlaps", "step")
OVERLAP = f"overlap ({get_schema('overlaps').column('value').unit})"  # type: ignore[union-attr]


def pair_name(left: str, right: str) -> str:
    """Return what an overlap is called.

    Examples
    --------
    >>> pair_name("m", "u2")
    'm·u2'
    """
    return f"{left}·{right}"


def name_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the columns `pair`, its name, and `seen`: True, False, or None where no theory says."""
    seen = [None if pd.isna(value) else bool(value) for value in rows["visible"]]
    pairs = [pair_name(left, right) for left, right in zip(rows["left"], rows["right"], strict=True)]
    return rows.assign(pair=pairs, seen=pd.Series(seen, index=rows.index, dtype=object))


def seen_classes(rows: pd.DataFrame) -> list[bool | None]:
    """Return which of True, False and None the column `seen` has, in this order.

    Examples
    --------
    >>> seen_classes(pd.DataFrame({"seen": [None, True]}, dtype=object))
    [True, None]
    """
    held = {None if pd.isna(value) else bool(value) for value in rows["seen"]}
    return [one for one in WORDS if one in held]


def of_networks(rows: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return the rows of the networks asked for, each network's steps in order."""
    rows = having(rows, "network", settings.networks, "--network")
    return rows.sort_values("step", kind="stable")


def at_step(rows: pd.DataFrame, settings: Settings) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """Return the rows at the step that --step names, or at each network's last, with lines on what is left out.

    Returns
    -------
    tuple of (pandas.DataFrame, tuple of str, tuple of str)
        The rows, a line for each network that does not have the step, and one where there are other steps.

    Raises
    ------
    InputError
        When no network has the step.

    Examples
    --------
    >>> rows = pd.DataFrame({"network": ["a", "a", "b"], "step": [0, 5, 0]})
    >>> held, left_out, notes = at_step(rows, Settings())
    >>> held["step"].tolist(), left_out, notes
    ([5, 0], (), ('of several steps the last is drawn (--step chooses another)',))
    >>> at_step(rows, Settings(step=5))[1]
    ('b: no step 5',)
    """
    if settings.step is None:
        last = rows.groupby("network", sort=False)["step"].transform("max")
        held = rows[rows["step"] == last]
        several = len(held) < len(rows)
        return held, (), ("of several steps the last is drawn (--step chooses another)",) if several else ()
    held = rows[rows["step"] == settings.step]
    if held.empty:
        steps = sorted(set(rows["step"]))
        known = ", ".join(map(str, steps)) if len(steps) <= 8 else f"{len(steps)} from {steps[0]} to {steps[-1]}"
        raise InputError("--step", f"no row is of step {settings.step}", f"known: {known}")
    without = [name for name in dict.fromkeys(rows["network"]) if name not in set(held["network"])]
    return held, tuple(f"{name}: no step {settings.step}" for name in without), ()


def pair_legend(axes: Axes, pairs: Sequence[str], shades: Mapping[Any, Any], words: str) -> tuple[str, ...]:
    """Name pairs by their colours beside a panel, or return a line that says that they are too many."""
    if len(pairs) > PAIRS_NAMED:
        return (f"{len(pairs)} overlaps {words} have a colour each, and no legend",)
    handles = [Line2D([], [], color=shades[pair], label=pair) for pair in pairs]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.02), borderaxespad=0.2, handlelength=1.0)
    return ()


def shades_of(names: Sequence[str]) -> dict[str, Any]:
    """Return a colour for each name, in the order of the table: Okabe and Ito's for up to eight, else a colour map's.

    Examples
    --------
    >>> len(set(shades_of([str(k) for k in range(12)]).values()))
    12
    """
    if len(names) <= len(COLOURS):
        return dict(zip(names, COLOURS, strict=False))
    shades = mpl.colormaps["viridis"]
    return {name: shades(k / (len(names) - 1)) for k, name in enumerate(names)}


def draw_phases(axes: Axes, rows: pd.DataFrame) -> None:
    """Shade every second phase of a protocol, and number them; a single phase is left as it is."""
    if "phase" not in rows or rows["phase"].nunique() < 2:
        return
    ends = rows.groupby("phase")["step"].max().sort_index()
    starts = [int(rows["step"].min()), *ends.iloc[:-1]]
    for k, (phase, start, end) in enumerate(zip(ends.index, starts, ends, strict=True)):
        if k % 2:
            axes.axvspan(start, end, color=GREY, alpha=0.15, linewidth=0, gid="phase")
        axes.text(
            (start + end) / 2,
            0.99,
            f"phase {phase}" if len(ends) <= 3 else f"{phase}",
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            color=BLACK,
            fontsize="x-small",
            gid="phase name",
        )


def missing_numbers(rows: pd.DataFrame, columns: Iterable[str]) -> tuple[str, ...]:
    """Return a line for each network some of whose numbers are not there, though its status is not good.

    Examples
    --------
    >>> rows = pd.DataFrame({"network": ["a", "a"], "value": [1.0, None], "status": ["ok", "diverged"]})
    >>> missing_numbers(rows, ["value"])
    ('a: 1 of 2 rows without value (diverged)',)
    """
    lines = []
    for name, part in rows.groupby("network", sort=False):
        for column in columns:
            bad = part[part[column].isna() & ~part["status"].isin(GOOD)]
            if len(bad):
                why = ", ".join(dict.fromkeys(bad["status"].astype(str)))
                lines.append(f"{name}: {len(bad)} of {len(part)} rows without {column} ({why})")
    return tuple(lines)
