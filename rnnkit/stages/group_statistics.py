"""The statistics of one group of networks, each with what a test against another group needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.group_differences import permute_contributions, permute_spreads
from rnnkit.numerics.network_statistics import correlation, mean, spread, variation
from rnnkit.numerics.pair_statistics import PairEstimate, pair_mean, pair_ratio
from rnnkit.numerics.resampling import Estimate
from rnnkit.random_streams import stream

__all__ = ["Statistic", "behaviour", "empty", "pair_distances"]

Floats = NDArray[np.float64]
Test = Callable[[Any, Any, int, np.random.Generator], tuple[float, int]]

#: What a mean over pairs is called, after the metric.
_FORMS = (("distance", ""), ("relative_distance", "-relative"), ("per_parameter", "-per-parameter"))
#: Metrics of the untrained networks are called so, and the ratio to them.
_INITIAL, _RATIO = "-initial", "-ratio-to-initial"


@dataclass(frozen=True)
class Statistic:
    """One row: a statistic of a group.

    Attributes
    ----------
    level, metric : str
    estimate : Estimate
    status : str
    sample : Estimate or (networks,)
        What `test` compares between groups.
    test : callable
    """

    level: str
    metric: str
    estimate: Estimate
    status: str
    sample: Estimate | Floats
    test: Test = permute_contributions

    @property
    def pairs(self) -> int:
        """Pairs that entered; 0 for a statistic of single networks."""
        return self.estimate.pairs if isinstance(self.estimate, PairEstimate) else 0


def _statistic(level: str, metric: str, found: Estimate) -> Statistic:
    return Statistic(level, metric, found, "ok" if np.isfinite(found.value) else "no_data", found)


def pair_distances(frame: pd.DataFrame, bootstrap: int, seed: int) -> list[Statistic]:
    """Mean pairwise distances of one group, and their ratios to those before training.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of a `comparisons` table.
    bootstrap : int
        As in :func:`rnnkit.numerics.pair_statistics.pair_mean`.
    seed : int
    """
    rows: list[Statistic] = []

    def rng() -> np.random.Generator:
        return stream(seed, "bootstrap", len(rows))

    parts = {str(metric): part for metric, part in frame.groupby("metric", sort=False)}
    for metric, part in parts.items():
        level = str(part["level"].iloc[0])
        names, first, second = _places(part)
        for column, suffix in _FORMS:
            values = part[column].to_numpy(dtype=float)
            if column == "distance" or not np.isnan(values).all():
                found = pair_mean(values, first, second, names, bootstrap, rng())
                rows.append(_statistic(level, f"{metric}{suffix}", found))
        if f"{metric}{_INITIAL}" in parts:
            both = _matched(part, parts[f"{metric}{_INITIAL}"])
            names, first, second = _places(both)
            before = both["initial"].to_numpy(dtype=float)
            found = pair_ratio(both["distance"].to_numpy(dtype=float), before, first, second, names, bootstrap, rng())
            rows.append(_statistic(level, f"{metric}{_RATIO}", found))
    return rows


def _places(frame: pd.DataFrame) -> tuple[int, NDArray[Any], NDArray[Any]]:
    """Return the number of networks and the places of each pair's two, (pairs,) each."""
    names = pd.unique(pd.concat([frame["a"], frame["b"]]))
    place = {name: k for k, name in enumerate(names)}
    return len(names), frame["a"].map(place).to_numpy(dtype=int), frame["b"].map(place).to_numpy(dtype=int)


def _matched(trained: pd.DataFrame, untrained: pd.DataFrame) -> pd.DataFrame:
    """Return the trained pairs with the untrained distance of the same two networks, in either order."""
    before = {frozenset(pair): d for *pair, d in untrained[["a", "b", "distance"]].itertuples(index=False)}
    found = [before.get(frozenset(pair), np.nan) for pair in trained[["a", "b"]].itertuples(index=False)]
    return trained.assign(initial=found)


def _deviation(metric: str, values: Floats, bootstrap: int, rng: np.random.Generator) -> Statistic:
    found = spread(values, bootstrap, rng)
    kept = values[np.isfinite(values)]
    return Statistic("behaviour", metric, found, "ok" if np.isfinite(found.value) else "no_data", kept, permute_spreads)


def _relative(values: Floats, bootstrap: int, rng: np.random.Generator) -> Statistic:
    found = variation(values, bootstrap, rng)
    kept = values[np.isfinite(values)]
    kept = kept / kept.mean() if np.isfinite(found.value) else np.empty(0)
    return Statistic(
        "behaviour",
        "ood-loss-variation",
        found,
        "ok" if np.isfinite(found.value) else "no_data",
        kept,
        permute_spreads,
    )


def behaviour(frame: pd.DataFrame, bootstrap: int, seed: int) -> list[Statistic]:
    """Spread of the out-of-distribution loss over the networks of one group (specification 5.2).

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of a `summary` table.
    bootstrap, seed : int
        As in :func:`pair_distances`.
    """
    twice = frame[frame.duplicated(["network", "condition"])]
    if len(twice):
        name, condition = twice.iloc[0][["network", "condition"]]
        raise InputError("--summary", f"network '{name}' stands twice under '{condition}'", "give each network once")
    table = frame.pivot(index="network", columns="condition", values="loss")

    def losses(condition: str) -> Floats:
        return table[condition].to_numpy(dtype=float) if condition in table else np.full(len(table), np.nan)

    ood, train = losses("ood"), losses("train")

    def rng(k: int) -> np.random.Generator:
        return stream(seed, "bootstrap", 1000 + k)

    with np.errstate(divide="ignore"):
        log = np.where(ood > 0, np.log(ood), np.nan)
    rows = [
        _deviation("ood-loss", ood, bootstrap, rng(0)),
        _deviation("ood-log-loss", log, bootstrap, rng(1)),
        _statistic("behaviour", "ood-loss-mean", mean(ood, bootstrap, rng(2))),
        _relative(ood, bootstrap, rng(3)),
    ]
    if np.isfinite(train).any():
        found = correlation(ood, train, bootstrap, rng(5))
        if found.networks < 3:  # two points are always in line
            found = empty(found.missing, found.networks)
        rows += [
            _deviation("ood-excess-loss", ood - train, bootstrap, rng(4)),
            _statistic("behaviour", "ood-training-correlation", found),
        ]
    return rows


def empty(missing: int, networks: int = 0) -> Estimate:
    """Return an estimate without numbers."""
    nan = float("nan")
    return Estimate(nan, nan, nan, nan, networks, missing)
