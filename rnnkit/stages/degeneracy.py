"""How far apart the networks of a group are, per level, with standard errors that respect shared networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.numerics.resampling import Estimate, PairEstimate, correlation, pair_mean, spread
from rnnkit.random_streams import stream
from rnnkit.tables import build, check_group_keys, group_columns

__all__ = ["degeneracy"]

_NONE_CONVERGED = "none_converged"

_FORMS = (("distance", ""), ("relative_distance", "-relative"), ("per_parameter", "-per-parameter"))


def _row(keys: Mapping[str, str | None], level: str, metric: str, found: Estimate, pairs: int = 0) -> dict[str, Any]:
    enough = np.isfinite(found.value)
    return {
        **keys,
        "level": level,
        "metric": metric,
        "value": found.value,
        "se": found.se,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "networks": found.networks,
        "pairs": pairs,
        "status": "ok" if enough else "no_data",
    }


def _pair_rows(frame: pd.DataFrame, keys: Mapping[str, str | None], bootstrap: int, seed: int) -> list[dict[str, Any]]:
    """Mean pairwise distances of one group."""
    rows: list[dict[str, Any]] = []
    for (level, metric), part in frame.groupby(["level", "metric"], sort=False):
        names = pd.unique(pd.concat([part["a"], part["b"]]))
        place = {name: k for k, name in enumerate(names)}
        first, second = part["a"].map(place).to_numpy(), part["b"].map(place).to_numpy()
        for column, suffix in _FORMS:
            values = part[column].to_numpy(dtype=float)
            if column != "distance" and np.isnan(values).all():
                continue
            found: PairEstimate = pair_mean(
                values, first, second, len(names), bootstrap, stream(seed, "bootstrap", len(rows))
            )
            rows.append(_row(keys, str(level), f"{metric}{suffix}", found, found.pairs))
    return rows


def _moment(
    values: np.ndarray[Any, np.dtype[np.float64]],
    statistic: Callable[..., Any],
    bootstrap: int,
    rng: np.random.Generator,
) -> Estimate:
    """A statistic over networks with the standard error and interval of its bootstrap."""
    held = values[np.isfinite(values)]
    if len(held) < 3:
        nan = float("nan")
        return Estimate(nan, nan, nan, nan, len(held), len(values) - len(held))
    # A mean of 0 has no variation: NaN, which becomes null.
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = statistic(held[rng.integers(len(held), size=(bootstrap, len(held)))], axis=1)
        low, high = np.quantile(drawn, (0.025, 0.975))
        value = float(statistic(held[None], axis=1)[0])
        se = float(drawn.std(ddof=1))
    return Estimate(value, se, float(low), float(high), len(held), len(values) - len(held))


def _variation(values: np.ndarray[Any, np.dtype[np.float64]], axis: int) -> Any:
    return values.std(axis=axis, ddof=1) / values.mean(axis=axis)


def _behaviour_rows(
    frame: pd.DataFrame, keys: Mapping[str, str | None], bootstrap: int, seed: int
) -> list[dict[str, Any]]:
    """Spread of the out-of-distribution loss over the networks of one group (specification 5.2)."""
    twice = frame[frame.duplicated(["network", "condition"])]
    if len(twice):
        name, condition = twice.iloc[0][["network", "condition"]]
        raise InputError("--summary", f"network '{name}' stands twice under '{condition}'", "give each network once")
    table = frame.pivot(index="network", columns="condition", values="loss")

    def losses(condition: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return table[condition].to_numpy(dtype=float) if condition in table else np.full(len(table), np.nan)

    ood, train = losses("ood"), losses("train")

    def rng(k: int) -> np.random.Generator:
        return stream(seed, "bootstrap", 1000 + k)

    with np.errstate(divide="ignore"):
        log = np.where(ood > 0, np.log(ood), np.nan)
    found = {
        "ood-loss": spread(ood, bootstrap, rng(0)),
        "ood-log-loss": spread(log, bootstrap, rng(1)),
        "ood-loss-mean": _moment(ood, np.mean, bootstrap, rng(2)),
        "ood-loss-variation": _moment(ood, _variation, bootstrap, rng(3)),
    }
    if np.isfinite(train).any():
        found["ood-excess-loss"] = spread(ood - train, bootstrap, rng(4))
        found["ood-training-correlation"] = correlation(ood, train, bootstrap, rng(5))
        if found["ood-training-correlation"].networks < 3:  # two points are always in line
            found["ood-training-correlation"] = _moment(np.empty(0), np.mean, bootstrap, rng(5))
    return [_row(keys, "behaviour", name, estimate) for name, estimate in found.items()]


def _checked_keys(table: pa.Table, by: Sequence[str], name: str, extra: Sequence[str]) -> None:
    for key in by:
        # Of the declared columns only the task says what a network is; steps and the like differ by condition.
        if key not in group_columns(table, name) and not (key == "task" and key in table.column_names):
            known = group_columns(table, name) + list(extra)
            fix = f"known: {', '.join(known)}" if known else f"write the table with it ({_HOW[name]})"
            raise InputError("--by", f"the {name} table has no column '{key}'", fix)


_HOW = {"comparisons": "compare --within", "summary": "rollout --summary --by"}


def degeneracy(
    comparisons: pa.Table | None = None,
    summary: pa.Table | None = None,
    by: Sequence[str] | None = None,
    *,
    include_unconverged: bool = False,
    bootstrap: int = 2000,
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
    include_unconverged : bool
        Also count networks that did not get below their stop loss.
    bootstrap : int
        Draws.
    seed : int

    Returns
    -------
    pyarrow.Table
        Of schema `degeneracy`. Pair means: jackknife standard error over networks, bootstrap interval over
        networks (paper "degeneracy", section 3; specification 5.5). `ood-loss`: standard deviation over
        networks (ddof 1).

    Raises
    ------
    InputError
        Without any table, with a missing column, or with a summary without `ood` rows.
    """
    if comparisons is None and summary is None:
        raise InputError("--comparisons, --summary", "no table was given", "give --comparisons, --summary or both")
    if bootstrap < 2:
        raise InputError("--bootstrap", f"{bootstrap} draws are too few", "give 2 or more, such as 2000")
    held = [(t, n) for t, n in ((comparisons, "comparisons"), (summary, "summary")) if t is not None]
    if by is None:
        by = sorted({key for table, name in held for key in group_columns(table, name)})
    check_group_keys("degeneracy", by)
    rows: list[dict[str, Any]] = []
    for table, name in held:
        _checked_keys(table, by, name, ())
        if name == "summary" and "ood" not in table.column("condition").to_pylist():
            raise InputError("--summary", "holds no rows of condition 'ood'", "write it with rollout --summary --ood")
        frame = table.to_pandas()
        parts = frame.groupby(list(by), sort=False, dropna=False) if by else [((), frame)]
        for key, part in parts:
            keys = {name: str(value) if value == value else None for name, value in zip(by, key, strict=True)}
            if name == "summary":
                _require_one_task(part)
            counted = part if include_unconverged else part[part["converged"]]
            if not len(counted):
                rows += _empty_rows(part, keys, name)
            else:
                rows += (_pair_rows if name == "comparisons" else _behaviour_rows)(counted, keys, bootstrap, seed)
    if all(row["status"] == _NONE_CONVERGED for row in rows):
        raise InputError("--comparisons", "no network got below its stop loss", "add --include-unconverged")
    return build("degeneracy", rows, by)


def _require_one_task(frame: pd.DataFrame) -> None:
    tasks = (frame["task"] + " " + frame["task_parameters"]).unique()
    if len(tasks) > 1:
        raise InputError(
            "--summary",
            f"a group holds different tasks: {tasks[0]}; {tasks[1]}",
            "write both tables with what differs (compare --within, rollout --summary --by)",
        )


def _empty_rows(frame: pd.DataFrame, keys: dict[str, str | None], name: str) -> list[dict[str, Any]]:
    """Rows without numbers of a group in which no network converged."""
    nan = float("nan")
    empty = Estimate(nan, nan, nan, nan, 0, len(frame))
    kinds = frame[["level", "metric"]].drop_duplicates().itertuples(index=False) if name == "comparisons" else ()
    rows = [_row(keys, str(level), str(metric), empty) for level, metric in kinds]
    rows = rows or [_row(keys, "behaviour", "ood-loss", empty)]
    return [{**row, "status": _NONE_CONVERGED} for row in rows]
