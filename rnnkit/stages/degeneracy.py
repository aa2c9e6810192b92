"""How far apart the networks of a group are, per level, with errors that respect shared networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.numerics.group_differences import difference
from rnnkit.random_streams import stream
from rnnkit.stages.group_statistics import Statistic, behaviour, empty, pair_distances
from rnnkit.stages.grouping import Keys, check_against, chosen_keys, reference_of, split
from rnnkit.tables import build

__all__ = ["degeneracy"]

_NONE_CONVERGED = "none_converged"


def degeneracy(
    comparisons: pa.Table | None = None,
    summary: pa.Table | None = None,
    by: Sequence[str] | None = None,
    *,
    against: Mapping[str, str] | None = None,
    include_unconverged: bool = False,
    bootstrap: int = 0,
    permutations: int = 4999,
    seed: int = 0,
) -> pa.Table:
    """Return mean pairwise distances per metric, and the spread of the out-of-distribution loss.

    Parameters
    ----------
    comparisons : pyarrow.Table, optional
        Of schema `comparisons`.
    summary : pyarrow.Table, optional
        Of schema `summary`, with rows of condition `ood`.
    by : sequence of str, optional
        Columns to group by; by default every group column that a table holds; both must hold it.
    against : mapping of str to str, optional
        Group columns and values: set every group against the one that has these values and agrees in all
        other columns.
    include_unconverged : bool
        Also count networks that did not get below their stop loss.
    bootstrap : int
        With 0, intervals of the jackknife; otherwise percentile bootstraps with so many draws.
    permutations : int
        Relabellings of a test.
    seed : int

    Returns
    -------
    pyarrow.Table
        Of schema `degeneracy`. Errors are jackknives over networks (paper "degeneracy", section 3;
        specification 5.5). `ood-loss`: standard deviation over networks (ddof 1).

    Raises
    ------
    InputError
        Without any table, with a missing column, with a summary without `ood` rows, or with a group to
        compare with that is not there.
    """
    if comparisons is None and summary is None:
        raise InputError("--comparisons, --summary", "no table was given", "give --comparisons, --summary or both")
    if bootstrap == 1 or bootstrap < 0:
        raise InputError("--bootstrap", f"{bootstrap} draws are too few", "give 2 or more, such as 2000")
    if permutations < 1:
        raise InputError("--permutations", f"{permutations} are too few", "give 1 or more, such as 4999")
    held = [(t, n) for t, n in ((comparisons, "comparisons"), (summary, "summary")) if t is not None]
    for table, name in held:
        if not table.num_rows:
            raise InputError(f"--{name}", "the table holds no rows", "look at the command that wrote it")
    by = chosen_keys(held, by, "degeneracy")
    found: list[tuple[Keys, Statistic]] = []
    for table, name in held:
        if name == "summary" and "ood" not in table.column("condition").to_pylist():
            raise InputError("--summary", "holds no rows of condition 'ood'", "write it with rollout --summary --ood")
        for keys, part in split(table, by):
            if name == "summary":
                _require_one_task(part)
            counted = part if include_unconverged else part[part["converged"]]
            statistics = pair_distances if name == "comparisons" else behaviour
            group = statistics(counted, bootstrap, seed) if len(counted) else _without_numbers(part, name)
            found += [(keys, statistic) for statistic in group]
    if all(statistic.status == _NONE_CONVERGED for _, statistic in found):
        raise InputError("--comparisons", "no network got below its stop loss", "add --include-unconverged")
    rows = [_row(keys, statistic) for keys, statistic in found]
    if against is not None:
        against = check_against(against, [keys for keys, _ in found])
        for row, (keys, statistic) in zip(rows, found, strict=True):
            row |= _compared(keys, statistic, found, against, permutations, seed)
    return build("degeneracy", rows, by)


def without_distance(comparisons: pa.Table) -> list[str]:
    """Say which metrics lack distances, of how many pairs and why: those pairs count in no mean.

    Examples
    --------
    >>> rows = {"metric": ["pif", "dsa"], "distance": [None, 1.0], "status": ["different_units", "ok"]}
    >>> without_distance(pa.table(rows))
    ['pif: 1 of 1 pairs without a distance (different_units), left out']
    """
    frame = comparisons.select(["metric", "distance", "status"]).to_pandas()
    said = []
    for metric, part in frame.groupby("metric", sort=False):
        reasons = sorted(set(part["status"][part["distance"].isna()]))
        if reasons:
            missing = f"{part['distance'].isna().sum()} of {len(part)}"
            said.append(f"{metric}: {missing} pairs without a distance ({', '.join(reasons)}), left out")
    return said


def _row(keys: Keys, found: Statistic) -> dict[str, Any]:
    estimate = found.estimate
    return {
        **keys,
        "level": found.level,
        "metric": found.metric,
        "value": estimate.value,
        "se": estimate.se,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "networks": estimate.networks,
        "pairs": found.pairs,
        "status": found.status,
    }


def _compared(
    keys: Keys,
    found: Statistic,
    others: Sequence[tuple[Keys, Statistic]],
    against: Mapping[str, str],
    permutations: int,
    seed: int,
) -> dict[str, Any]:
    """Return the columns that set a group's statistic against that of the reference group."""
    reference = reference_of(keys, against)
    if reference is None:
        return {}
    wanted = (reference, found.level, found.metric)
    other = next((one for k, one in others if (k, one.level, one.metric) == wanted), None)
    if other is None:
        return {"test": "no_group"}
    apart = difference(found.estimate, other.estimate)
    p_value, drawn = float("nan"), 0
    if np.isfinite(apart.se):
        p_value, drawn = found.test(found.sample, other.sample, permutations, stream(seed, "permutation"))
    return {
        "against": ",".join(f"{key}={value}" for key, value in against.items()),
        "difference": apart.value,
        "difference_se": apart.se,
        "difference_low": apart.ci_low,
        "difference_high": apart.ci_high,
        "p_value": p_value,
        "permutations": drawn,
        "test": found.test.__name__.replace("permute_", "") if drawn else "no_data",
    }


def _require_one_task(frame: pd.DataFrame) -> None:
    tasks = (frame["task"] + " " + frame["task_parameters"]).unique()
    if len(tasks) > 1:
        raise InputError(
            "--summary",
            f"a group holds different tasks: {tasks[0]}; {tasks[1]}",
            "write both tables with what differs (compare --within, rollout --summary --by)",
        )


def _without_numbers(frame: pd.DataFrame, name: str) -> list[Statistic]:
    """Rows of a group in which no network converged."""
    kinds = [("behaviour", "ood-loss")]
    if name == "comparisons":
        pairs = frame[["level", "metric"]].drop_duplicates().itertuples(index=False)
        kinds = [(str(level), str(metric)) for level, metric in pairs]
    none = np.empty(0)
    return [Statistic(level, metric, empty(len(frame)), _NONE_CONVERGED, none) for level, metric in kinds]
