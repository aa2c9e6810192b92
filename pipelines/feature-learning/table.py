"""Print means and standard errors over networks of `feature_learning` tables, by gamma, as Markdown.

``python table.py TABLE...``. The last row of a table counts the seeds at which the largest gamma has a larger value
than the smallest: networks of one seed start from the same weights.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from rnnkit.tables import read

COLUMNS = {
    "weight_change_norm_absolute": "weight change",
    "weight_change_norm_relative": "relative",
    "kernel_alignment": "kernel alignment",
    "representation_alignment": "representation alignment",
}


def lines(path: Path) -> list[str]:
    """Return the lines of one table."""
    rows = [row for row in read(path, "feature_learning").to_pylist() if row["status"] == "ok"]
    groups: dict[float, dict[str, dict[str, float]]] = {}
    for row in rows:
        groups.setdefault(float(row["gamma"]), {})[row["network"].rsplit("-", 1)[1]] = row
    found = [f"| {path.stem}, gamma | networks | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 2) + "|"]
    for gamma, members in sorted(groups.items()):
        cells = []
        for column in COLUMNS:
            values = np.array([member[column] for member in members.values()])
            cells.append(f"{values.mean():.3f} ± {values.std(ddof=1) / len(values) ** 0.5:.3f}")
        found.append(f"| {gamma:g} | {len(members)} | {' | '.join(cells)} |")
    low, high = groups[min(groups)], groups[max(groups)]
    shared = sorted(low.keys() & high.keys())
    larger = [sum(high[seed][column] > low[seed][column] for seed in shared) for column in COLUMNS]
    return [*found, f"| seeds larger | {len(shared)} | {' | '.join(map(str, larger))} |"]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print("\n".join(lines(Path(name))), end="\n\n")
