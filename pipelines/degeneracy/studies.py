"""One study, a factor on a task, as its tables hold it: every statistic by value of the factor, and the difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from rnnkit.errors import InputError
from rnnkit.numerics.group_differences import difference, permute_contributions
from rnnkit.numerics.network_statistics import mean
from rnnkit.random_streams import stream
from rnnkit.tables import group_columns, read

#: Relabellings of the tests made here: as many as `rnnkit degeneracy` draws.
_PERMUTATIONS = 4999


@dataclass(frozen=True)
class Effect:
    """What a factor does to a statistic: its values in order, and the last less the first.

    Attributes
    ----------
    values : tuple of float
        One for each value of the factor, from least to most; NaN for null.
    networks : tuple of int
        That entered each.
    difference, low, high, p_value : float
        Last less first, with 95 % interval and permutation test; NaN for null.
    """

    values: tuple[float, ...]
    networks: tuple[int, ...]
    difference: float
    low: float
    high: float
    p_value: float

    @property
    def share(self) -> tuple[float, float, float]:
        """The difference and its interval over the size of the first value; NaN where that is 0 or null.

        Examples
        --------
        >>> Effect((2.0, 3.0), (8, 8), 1.0, 0.5, 1.5, 0.01).share
        (0.5, 0.25, 0.75)
        """
        size = abs(self.values[0])
        if not size > 0:
            return math.nan, math.nan, math.nan
        return self.difference / size, self.low / size, self.high / size


class Study:
    """The tables of a factor on a task.

    Parameters
    ----------
    folder : Path
        FACTOR-TASK, with `degeneracy.parquet`, `features.parquet` and `losses.parquet`.

    Raises
    ------
    InputError
        When the folder is named otherwise, or its table does not vary one setting against its least value.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.factor, _, self.task = folder.name.partition("-")
        if not self.task:
            raise InputError(str(folder), "is not named FACTOR-TASK", "give folders that the Makefile filled")

    @cached_property
    def _degeneracy(self) -> tuple[str, pd.DataFrame]:
        return self._held("degeneracy", "degeneracy")

    @cached_property
    def _features(self) -> tuple[str, pd.DataFrame]:
        return self._held("features", "feature_learning")

    @cached_property
    def _converged(self) -> set[str]:
        losses = read(self.folder / "losses.parquet", "summary").to_pandas()
        return set(losses.loc[losses["converged"], "network"])

    def _held(self, name: str, schema: str) -> tuple[str, pd.DataFrame]:
        """Return a table and the one setting that it is grouped by."""
        path = self.folder / f"{name}.parquet"
        table: pa.Table = read(path, schema)
        keys = group_columns(table, schema)
        if len(keys) != 1:
            raise InputError(str(path), f"is grouped by {', '.join(keys) or 'nothing'}", "group it by one setting")
        return keys[0], table.to_pandas()

    @cached_property
    def settings(self) -> list[str]:
        """The values of the factor, from least to most."""
        key, table = self._degeneracy
        return sorted(table[key].unique(), key=_place)

    def effect(self, metric: str) -> Effect | None:
        """Return what the factor does to a statistic of the degeneracy table; None where it holds none such."""
        key, table = self._degeneracy
        rows = table[table["metric"] == metric].set_index(key)
        if rows.empty:
            return None
        rows = rows.reindex(self.settings)
        last, against = rows.iloc[-1], f"{key}={self.settings[0]}"
        if last["against"] != against:
            what = f"sets {metric} against {last['against'] or 'nothing'}"
            raise InputError(str(self.folder / "degeneracy.parquet"), what, f"write it with --against {against}")
        numbers = [_number(last[name]) for name in ("difference", "difference_low", "difference_high", "p_value")]
        return Effect(tuple(map(_number, rows["value"])), tuple(int(n) for n in rows["networks"].fillna(0)), *numbers)

    def feature_effect(self, column: str) -> Effect:
        """Return what the factor does to the mean of a column of the feature-learning table.

        Networks that missed their stop loss are left out, as in the degeneracy table. Means, intervals and test are
        those of `rnnkit degeneracy` for means over networks.
        """
        key, table = self._features
        table = table[table["network"].isin(self._converged)]
        found = [mean(self._column(table[table[key] == value], column)) for value in self.settings]
        apart = difference(found[-1], found[0])
        p_value, _ = permute_contributions(found[-1], found[0], _PERMUTATIONS, stream(0, "permutation"))
        values, counts = tuple(one.value for one in found), tuple(one.networks for one in found)
        return Effect(values, counts, apart.value, apart.ci_low, apart.ci_high, p_value)

    @staticmethod
    def _column(rows: pd.DataFrame, column: str) -> np.ndarray:
        return rows.loc[rows["status"] == "ok", column].to_numpy(dtype=float, na_value=np.nan)


def _place(value: str) -> tuple[float, str]:
    """Order settings by number; words, such as False and True, by the alphabet."""
    try:
        return float(value), value
    except ValueError:
        return 0.0, value


def _number(value: object) -> float:
    """Return a table's number, NaN for null."""
    return math.nan if value is None or pd.isna(value) else float(value)  # type: ignore[arg-type]
