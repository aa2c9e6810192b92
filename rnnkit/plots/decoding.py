"""What can be read from groups of units, over the steps of a trial."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.plots.by_group import draw_lines, groups_of
from rnnkit.plots.frames import chosen_column, frame, having
from rnnkit.plots.pairs import at_step
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import Picture, axis_label, finish, legend, outer_labels, panels, set_scale
from rnnkit.plots.words import many, number

__all__ = ["VALUES", "draw"]

VALUES = ("r2", "mse", "r2_fit")
#: R2 is shown from here on: a readout that is worse than the mean can be worse by any amount.
_FLOOR = -0.5


def draw(tables: Mapping[str, pa.Table], settings: Settings) -> Picture:
    """Draw a `decoding` table: a panel for each target, a colour for each group of units, networks under their median.

    At the step of training that `--step` names, or each network's last. R2 below -0.5 is cut off, which is said.
    """
    value = chosen_column(settings, "r2", VALUES)
    rows = having(frame(tables["decoding"]), "network", settings.networks, "--network")
    rows, left_out, notes = at_step(rows, settings)
    held = rows[rows[value].notna()]
    if held.empty:
        raise InputError(f"column '{value}'", "has no numbers", "its column 'status' says why")
    targets, groups = list(dict.fromkeys(held["target"])), groups_of(held, "units")
    figure, places = panels(len(targets), settings, aspect=0.8)
    for axes, target in zip(places, targets, strict=True):
        draw_lines(axes, held[held["target"] == target], "time", value, "units", groups)
        axes.set_title(target)
        set_scale(axes, settings, held[value], value)
        if value != "mse" and settings.scale != "log":
            axes.set_ylim(max(_FLOOR, min(0.0, float(held[value].min()))) - 0.03, 1.03)
    below = int((held[value] < _FLOOR).sum()) if value != "mse" else 0
    if below:
        notes = (*notes, f"{many(below, 'value')} below {_FLOOR} cut off")
    outer_labels(places, "step of the trial", axis_label("decoding", value))
    legend(figure, places[0])
    finish(figure, places, settings)
    middles = [
        (target, units, held.loc[(held["target"] == target) & (held["units"] == units), value].median())
        for target in targets
        for units in groups
    ]
    said = ", ".join(f"{target} from {units} {number(float(middle))}" for target, units, middle in middles)
    alt = f"{value} over the trial, of {many(held['network'].nunique(), 'network')}; medians over steps: {said}."
    return Picture(figure, alt, left_out, notes)
