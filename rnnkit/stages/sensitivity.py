"""How the matrix of `dsa` changes with rank and delay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.metrics import MetricOptions, get_metric
from rnnkit.stages.compare import compare
from rnnkit.stages.sources import Source
from rnnkit.tables import build

__all__ = ["around", "sensitivity"]


def around(value: int) -> list[int]:
    """Return half of a number, the number, and twice it.

    Examples
    --------
    >>> around(1), around(5)
    ([1, 2], [2, 5, 10])
    """
    return sorted({max(1, value // 2), value, 2 * value})


def sensitivity(
    networks: Sequence[Checkpoint | Source],
    components: int,
    delays: int,
    *,
    grid_components: Sequence[int] = (),
    grid_delays: Sequence[int] = (),
    options: MetricOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> pa.Table:
    """Compare by `dsa` at each point of a grid, and each matrix with that of the point chosen.

    Parameters
    ----------
    networks : sequence of Checkpoint or Source
    components, delays : int
        The point chosen.
    grid_components, grid_delays : sequence of int
        By default half of the number chosen, the number, and twice it.
    options : MetricOptions, optional
    progress : callable, optional
        Called with points done and points in all.
    **settings
        Of :func:`rnnkit.stages.compare.compare`.

    Returns
    -------
    pyarrow.Table
        Of schema `sensitivity`: Spearman's correlation of the distances with those at the point chosen, and the
        ratio of their means, over the pairs that have both. A point that cannot be had has a status that says why.
    """
    rows_of = sorted({*(grid_components or around(components)), components})
    columns = sorted({*(grid_delays or around(delays)), delays})
    options = options or MetricOptions()
    options = replace(options, solver=get_metric("dsa").solver(options))

    def matrix(k: int, d: int) -> tuple[NDArray[np.float64], set[str]]:
        there = replace(options, components=k, delay=d)
        parts = pa.concat_tables(compare(networks, ("dsa",), options=there, **settings))
        distance = parts.column("distance").to_numpy(zero_copy_only=False).astype(np.float64)
        return distance, {str(status) for status in parts.column("status").to_pylist()}

    reference, _ = matrix(components, delays)
    rows: list[dict[str, Any]] = []
    for k in rows_of:
        for d in columns:
            chosen = (k, d) == (components, delays)
            row: dict[str, Any] = {"components": k, "delays": d, "chosen": chosen, "size": k * d, "pairs": 0}
            try:
                found, statuses = (reference, set()) if chosen else matrix(k, d)
            except InputError:  # more components than units, or delays than steps
                rows.append({**row, "status": "out_of_range"})
            else:
                rows.append({**row, **_compared(reference, found, statuses)})
            if progress is not None:
                progress(len(rows), len(rows_of) * len(columns))
    return build("sensitivity", rows)


def _compared(reference: NDArray[np.float64], found: NDArray[np.float64], statuses: set[str]) -> dict[str, Any]:
    both = np.isfinite(reference) & np.isfinite(found)
    if not both.any():
        return {"status": "underdetermined" if "underdetermined" in statuses else "no_data"}
    x, y = reference[both], found[both]
    ratio = float(y.mean() / x.mean()) if x.mean() > 0 else None
    status, rank = "ok", None
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        status = "no_data"
    else:
        from scipy.stats import spearmanr

        rank = float(spearmanr(x, y).statistic)
    return {"pairs": len(x), "spearman": rank, "mean_ratio": ratio, "status": status}
