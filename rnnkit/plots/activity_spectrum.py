"""Frequencies in the activity of groups of units."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.plots.by_group import draw_lines, groups_of
from rnnkit.plots.frames import chosen_column, frame, having
from rnnkit.plots.pairs import at_step
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import Picture, axis_label, finish, legend, panels, set_scale
from rnnkit.plots.words import many, number

__all__ = ["VALUES", "draw"]

VALUES = ("amplitude", "amplitude_no_dc")


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a `spectra` table: amplitude against frequency, a colour for each group, networks under their median.

    At the step of training that `--step` names, or each network's last. `--value amplitude_no_dc` leaves frequency 0
    out.
    """
    value = chosen_column(settings, "amplitude", VALUES)
    rows = having(frame(tables["spectra"]), "network", settings.networks, "--network")
    rows, left_out, notes = at_step(rows, settings)
    held = rows[rows[value].notna()]
    if held.empty:
        raise InputError(f"column '{value}'", "has no numbers", "its column 'status' says why")
    groups = groups_of(held, "group")
    figure, (axes,) = panels(1, settings, aspect=0.75)
    draw_lines(axes, held, "frequency", value, "group", groups)
    axes.set_xlabel(axis_label("spectra", "frequency"))
    axes.set_ylabel("amplitude, without frequency 0" if value == "amplitude_no_dc" else "amplitude")
    set_scale(axes, settings, held[value], value)
    if settings.scale != "log":
        axes.set_ylim(bottom=0)
    axes.set_xlim(0, 0.5)
    legend(figure, axes)
    finish(figure, [axes], settings)
    places = held[held["frequency"] > 0].sort_values(value, kind="stable").groupby("group", sort=False).tail(1)
    peaks = dict(zip(places["group"], places["frequency"], strict=True))
    said = ", ".join(f"{group} at {number(float(peaks[group]))}" for group in groups if group in peaks)
    alt = f"Amplitudes by frequency of {many(held['network'].nunique(), 'network')}; largest beyond 0: {said}."
    return Picture(figure, alt, left_out, notes)
