"""Print h* with its interval, and the errors around it, for every table of a folder.

python summary.py build
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def line(path: Path) -> str:
    """Return one table's line: name, h*, interval, share of the variance at 1, before h*, at h* and at the least."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    relative = {int(row["history"]): float(row["mse_relative"]) for row in rows if row["mse_relative"]}
    first = rows[0]
    if not first["h_star"]:
        return f"{path.stem:32} no h*: {first['status']}"
    star = int(first["h_star"])
    before = [history for history in relative if history < star]
    shown = [relative[min(relative)], relative[max(before)] if before else float("nan"), relative[star]]
    shown.append(min(relative.values()))
    interval = f"[{first['h_star_low'] or '-'}, {first['h_star_high'] or '-'}]"
    return f"{path.stem:32} {star:4} {interval:10} " + " ".join(f"{value:9.5f}" for value in shown)


def main(folder: Path) -> None:
    """Print every table's line."""
    columns = " ".join(f"{name:>9}" for name in ("shortest", "before", "h*", "least"))
    lines = [f"{'table':32}   h* {'interval':10} {columns}"]
    lines += [line(path) for path in sorted(folder.glob("*.csv"))]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
