"""Eigenvalues in the complex plane, beside the unit circle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.plots.frames import few, frame, having, short_names
from rnnkit.plots.settings import Settings
from rnnkit.plots.stability import LOOK, kinds_of, of_step
from rnnkit.plots.style import BLACK, BLUE, GREY, ORANGE, Picture, finish, legend, outer_labels, panels
from rnnkit.plots.words import listed, many, value_range

__all__ = ["draw"]

_CIRCLE = np.exp(1j * np.linspace(0.0, 2 * np.pi, 361))
_LISTS = ("input", "output", "state", "eigenvalues", "unstable_directions", "rows")


@dataclass(frozen=True)
class _Look:
    """How the eigenvalues of one kind are drawn."""

    marker: str
    colour: str
    filled: bool = True


_LOOKS = {
    "initial": _Look("o", GREY, False),
    "trained": _Look("o", BLUE),
    "R": _Look("o", ORANGE),
    "C": _Look("o", BLUE),
    **{kind: _Look(marker, colour) for kind, (marker, colour) in LOOK.items()},
}
#: What is drawn over what: the few over the many.
_ORDER = ("initial", "trained", "C", "R", "moving", "slow", "saddle", "stable")
#: Points from which on they are drawn smaller.
_MANY = 400
_SAID = {
    "R": "leading sector R",
    "C": "rest C",
    "stable": "at stable points",
    "saddle": "at saddles",
    "slow": "at slow points",
    "moving": "at moving points",
}


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw the eigenvalues of an `eigenvalues`, `schur` or `fixedpoints` table, a panel for each network.

    Of `eigenvalues`, those of the recurrent weights before training and after, and a panel for each gate; of `schur`,
    those after, by sector; of `fixedpoints`, those of the Jacobians, by the kind of point, along training those of the
    last step, or of the one that --step names. All panels have one scale.
    """
    source = next(name for name in ("eigenvalues", "schur", "fixedpoints") if name in tables)
    table, absent, steps = of_step(tables[source], settings)
    rows = {"eigenvalues": _of_weights, "schur": _of_blocks, "fixedpoints": _of_points}[source](table)
    rows = having(rows, "network", settings.networks, "--network")
    names, notes = few(list(dict.fromkeys(rows["network"])), settings, rows["part"].nunique())
    rows = rows[rows["network"].isin(names)]
    held = rows[rows["value"].notna()]
    if held.empty:
        raise InputError("TABLE", "no network has an eigenvalue", "look at its statuses")
    keys = list(dict.fromkeys(zip(held["network"], held["part"], strict=True)))
    short = dict(zip(names, short_names(names), strict=True))
    figure, places = panels(len(keys), settings, aspect=1.0)
    reach = 1.06 * max(1.0, float(np.abs(held["value"].to_numpy(dtype=complex)).max()))
    for (name, part), axes in zip(keys, places, strict=True):
        _panel(axes, held[(held["network"] == name) & (held["part"] == part)], reach)
        title = short[name] if len(keys) > 1 else name
        axes.set_title("\n".join(filter(None, [title, part])), fontsize="small")
    unit = "" if source != "fixedpoints" else " (per step)"
    outer_labels(places, f"real part{unit}", f"imaginary part{unit}")
    for kind in [kind for kind in _LOOKS if kind in set(held["kind"])]:
        look = _LOOKS[kind]
        face = look.colour if look.filled else "none"
        places[0].plot([], [], look.marker, color=look.colour, markerfacecolor=face, label=_SAID.get(kind, kind))
    places[0].plot([], [], color=BLACK, linewidth=0.6, label="unit circle")
    legend(figure, places[0])
    finish(figure, places, settings)
    missing = rows[rows["value"].isna()].drop_duplicates(["network", "kind", "status"])
    left_out = tuple(f"{n}: no {k} eigenvalues ({s})" for n, k, s in missing[["network", "kind", "status"]].to_numpy())
    return Picture(figure, _alt(held), (*absent, *left_out), (*steps, *notes))


def _alt(held: pd.DataFrame) -> str:
    radii = held.assign(modulus=np.abs(held["value"].to_numpy(dtype=complex)))
    largest = radii.groupby(["kind", "network"], sort=False)["modulus"].max()
    kinds = list(dict.fromkeys(held["kind"]))
    each = listed(f"{_SAID.get(kind, kind)} {value_range(largest[kind])}" for kind in kinds)
    count = many(held["network"].nunique(), "network")
    return f"Eigenvalues of {count} in the complex plane with the unit circle; largest modulus: {each}."


def _values(rows: pd.DataFrame) -> NDArray[np.complex128]:
    return np.asarray(rows["re"].to_numpy(dtype=float) + 1j * rows["im"].to_numpy(dtype=float), dtype=np.complex128)


def _of_weights(table: pa.Table) -> pd.DataFrame:
    """Return the rows of `eigenvalues` with what is common to all three: network, part, kind, value, status."""
    rows = frame(table)
    gated = rows["gate"] != "recurrent"
    return pd.DataFrame(
        {
            "network": rows["network"],
            "part": rows["gate"].where(gated, "") + gated.map({True: " gate", False: ""}),
            "kind": rows["weights"],
            "value": _values(rows),
            "status": rows["status"],
        }
    )


def _of_blocks(table: pa.Table) -> pd.DataFrame:
    """Return the same of `schur`: both eigenvalues of a pair, and a part for each threshold if there are several."""
    rows = frame(table, _LISTS)
    several = rows["alpha"].nunique() > 1
    own = pd.DataFrame(
        {
            "network": rows["network"],
            "part": [f"α = {alpha:g}" if several else "" for alpha in rows["alpha"]],
            "kind": rows["sector"],
            "value": _values(rows),
            "status": rows["status"],
        }
    )
    pairs = own[rows["im"] > 0]
    return pd.concat([own, pairs.assign(value=pairs["value"].to_numpy().conj())], ignore_index=True)


def _of_points(table: pa.Table) -> pd.DataFrame:
    """Return the same of `fixedpoints`: a row for each eigenvalue of each point."""
    rows = frame(table, _LISTS)
    kinds = kinds_of(rows)
    held = [
        {"network": rows["network"][k], "part": "", "kind": kinds[k], "value": value, "status": rows["status"][k]}
        for k, values in enumerate(_complex_lists(table))
        for value in (values if values is not None else [complex(np.nan, np.nan)])
    ]
    return pd.DataFrame(held)


def _complex_lists(table: pa.Table) -> list[NDArray[np.complex128] | None]:
    """Return the lists of {re, im} of each row as complex numbers."""
    return [
        None if one is None else np.array([complex(value["re"], value["im"]) for value in one], dtype=np.complex128)
        for one in table["eigenvalues"].to_pylist()
    ]


def _panel(axes: Axes, part: pd.DataFrame, reach: float) -> None:
    axes.plot(_CIRCLE.real, _CIRCLE.imag, color=BLACK, linewidth=0.6, zorder=1, gid="unit circle")
    size = 2.2 if len(part) <= _MANY else 1.2
    for kind in [kind for kind in _ORDER if kind in set(part["kind"])]:
        found = part.loc[part["kind"] == kind, "value"].to_numpy(dtype=complex)
        look = _LOOKS[kind]
        axes.plot(
            found.real,
            found.imag,
            look.marker,
            color=look.colour,
            markerfacecolor=look.colour if look.filled else "none",
            # An open one is larger: it can be seen around a filled one that has not moved.
            markersize=size if look.filled else 1.6 * size,
            markeredgewidth=0.5,
            alpha=0.8,
            linewidth=0,
            zorder=2,
            gid=kind,
        )
    axes.set_aspect("equal")
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
