"""Fixed points in the space of the leading principal components, with trajectories and unstable directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.principal_space import PrincipalSpace, principal_space
from rnnkit.plots.activity import TRIALS, activity, label_axes
from rnnkit.plots.frames import few, frame, having, list_rows, short_names
from rnnkit.plots.settings import Settings
from rnnkit.plots.stability import LOOK, kinds_of, of_step
from rnnkit.plots.style import GREY, RED, Picture, finish, legend, panels
from rnnkit.plots.words import many

__all__ = ["draw"]

Floats = NDArray[np.float64]

#: Half the length of an unstable direction that lies in the plane, as a share of the picture's diagonal.
_REACH = 0.08
_LISTS = ("input", "output", "state", "eigenvalues", "unstable_directions")


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw the points of a `fixedpoints` table: a panel for each network and constant input.

    The axes are the principal components of the network's states in a `rollout` table, whose first trials are drawn as
    lines; without one they are those of the points themselves. Of points along training those of the last step are
    drawn, or of the one that --step names. Points are open where they are not certified. A line through a point goes
    along an unstable direction; it is as long as the share of the direction that lies in the axes drawn.
    """
    table, absent, steps = of_step(tables["fixedpoints"], settings)
    rows = having(frame(table, _LISTS).fillna({"system": 0}), "network", settings.networks, "--network")
    lists: dict[str, list[Floats | None]] = {
        name: list_rows(table, name) for name in ("state", "unstable_directions") if name in table.column_names
    }
    names, notes = few(list(dict.fromkeys(rows["network"])), settings, rows["system"].nunique())
    rows = rows[rows["network"].isin(names)]
    spaces, paths, left_out, notes = {}, {}, list(absent), (*steps, *notes)
    count = TRIALS if settings.trials is None else settings.trials
    for name in names:
        part = rows[rows["network"] == name]
        states = [state for k in part.index if (state := lists["state"][k]) is not None]
        run = None if "rollout" not in tables else activity(tables["rollout"], name, settings.dims, count)
        if not states and run is None:
            left_out.append(f"{name}: no points ({part['status'].iloc[0]})")
            continue
        if run is None and len(states) == 1:
            notes = (*notes, f"{name}: one point alone has no principal components (add its rollout table)")
        spaces[name] = principal_space(_stack(states, name), settings.dims) if run is None else run.space
        paths[name] = [] if run is None else run.paths
    if not spaces:
        raise InputError("TABLE", "no network has a point", "look at its statuses")
    keys = [
        (name, system)
        for name, system in dict.fromkeys(zip(rows["network"], rows["system"], strict=True))
        if name in spaces
    ]
    figure, places = panels(len(keys), settings, aspect=0.9, projection="3d" if settings.dims == 3 else None)
    shown: set[str] = set()
    short = dict(zip(spaces, short_names(list(spaces)), strict=True))
    for (name, system), axes in zip(keys, places, strict=True):
        part = rows[(rows["network"] == name) & (rows["system"] == system)]
        _panel(axes, part, lists, spaces[name], paths[name])
        shown |= {str(kind) for kind in kinds_of(part).dropna()}
        several = sum(1 for other, _ in keys if other == name) > 1
        title = short[name] if len(short) > 1 else name
        axes.set_title(f"{title}, input {int(system)}" if several else title, fontsize="small")
    label_axes(figure, places, [spaces[name] for name, _ in keys])
    _key(places[0], shown, any(paths.values()), bool((rows.loc[rows["kind"] == "fixed", "certified"] == False).any()))  # noqa: E712 - null is neither
    legend(figure, places[0])
    finish(figure, places, settings)
    counts = kinds_of(rows[rows["network"].isin(spaces)]).value_counts()
    held = ", ".join(f"{counts[kind]} {kind}" for kind in LOOK if kind in counts)
    plane = f"in {settings.dims} principal components" + (", with trajectories" if any(paths.values()) else "")
    alt = f"Fixed points of {many(len(spaces), 'network')} {plane}: {held}."
    return Picture(figure, alt, tuple(left_out), notes)


def _stack(states: Sequence[Floats], name: str) -> Floats:
    if len({len(state) for state in states}) > 1:
        raise InputError(f"network '{name}'", "its states differ in length", "write the table again")
    return np.stack(states)


def _panel(
    axes: Axes,
    part: pd.DataFrame,
    lists: Mapping[str, Any],
    space: PrincipalSpace,
    paths: Sequence[Floats],
) -> None:
    for path in paths:
        axes.plot(*path.T, color=GREY, alpha=0.45, linewidth=0.4, zorder=1, gid="trajectory")
    units, held = len(space.mean), []
    rows: Any = part
    for k, kind in kinds_of(rows).dropna().items():
        state = lists["state"][k]
        if state is None:
            continue
        # A state of an LSTM is h, then c; a rollout holds h.
        if len(state) not in (units, 2 * units):
            what = f"states of {len(state)} numbers, and of {units} in the rollout"
            raise InputError(f"network '{part['network'].iloc[0]}'", what, "give tables of the same networks")
        held.append((k, kind, space.project(state[:units]), len(state)))
    corners = np.array([*(place for _, _, place, _ in held), *(row for path in paths for row in path)])
    reach = _REACH * float(np.linalg.norm(np.ptp(corners, axis=0))) if len(corners) else 0.0
    for k, kind, place, width in held:
        found = lists["unstable_directions"][k] if "unstable_directions" in lists else None
        for direction in space.turn((np.zeros(0) if found is None else found).reshape(-1, width)[:, :units]):
            ends = np.stack([place - reach * direction, place + reach * direction])
            axes.plot(*ends.T, color=RED, linewidth=0.9, zorder=2, gid="direction")
        marker, shade = LOOK[kind]
        face = shade if bool(rows.loc[k, "certified"]) or kind in ("slow", "moving") else "none"
        axes.plot(
            *place[:, None],
            marker,
            color=shade,
            markerfacecolor=face,
            markersize=3.5,
            zorder=4 if kind == "stable" else 3,
            gid=kind,
        )


def _key(axes: Axes, shown: set[str], paths: bool, uncertified: bool) -> None:
    """Put what is drawn in any panel into the legend."""
    nowhere: Any = [[]] * (3 if axes.name == "3d" else 2)
    for kind, (marker, shade) in LOOK.items():
        if kind in shown:
            axes.plot(*nowhere, marker, color=shade, label=kind)
    if uncertified and shown & {"stable", "saddle"}:
        axes.plot(*nowhere, "o", color=GREY, markerfacecolor="none", label="not certified")
    if paths:
        axes.plot(*nowhere, color=GREY, label="trajectory")
