"""What the kinds share in reading their tables: rows chosen, vectors stacked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.errors import InputError, unknown_name
from rnnkit.plots.settings import Settings

__all__ = [
    "chosen_column",
    "few",
    "frame",
    "groups",
    "having",
    "list_rows",
    "several",
    "short_names",
    "vectors",
    "wanted",
]

#: Panels of networks that one page holds legibly.
_MOST = 12


def frame(table: pa.Table, leaving: Iterable[str] = ()) -> pd.DataFrame:
    """Return a table without some of its columns (its vectors, say) as a data frame."""
    gone = [name for name in leaving if name in table.column_names]
    return table.drop_columns(gone).to_pandas()


def having(rows: pd.DataFrame, column: str, wanted: Sequence[str], option: str) -> pd.DataFrame:
    """Return the rows with one of these values, in the order of the table; all when none is asked for.

    Raises
    ------
    InputError
        For a value that no row has.

    Examples
    --------
    >>> having(pd.DataFrame({"metric": ["dsa", "pif"]}), "metric", ["pif"], "--metric")
      metric
    1    pif
    """
    known = [str(value) for value in rows[column].unique()]
    for value in wanted:
        if value not in known:
            raise unknown_name(option, value, known, column)
    return rows[rows[column].isin(list(wanted))] if wanted else rows


def groups(rows: pd.DataFrame, keys: Sequence[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Split rows by columns, in order of first appearance; null is a value as any other."""
    if not keys:
        return [({}, rows)]
    # Of several keys groupby keeps the order of each, not that of the rows.
    parts = rows.assign(_place=np.arange(len(rows))).groupby(list(keys), sort=False, dropna=False)
    ordered = sorted(parts, key=lambda part: int(part[1]["_place"].iloc[0]))
    return [(dict(zip(keys, values, strict=True)), part.drop(columns="_place")) for values, part in ordered]


def chosen_column(settings: Settings, default: str, known: Sequence[str]) -> str:
    """Return the column that --value names, or the default."""
    if settings.value is None:
        return default
    if settings.value not in known:
        raise unknown_name("--value", settings.value, known, "column to show")
    return settings.value


def several(settings: Settings, default: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the columns that --value names, separated by commas, or the default."""
    names = list(default) if settings.value is None else settings.value.split(",")
    for name in names:
        if name not in known:
            raise unknown_name("--value", name, known, "column to show")
    return names


def wanted(names: Sequence[str], settings: Settings) -> list[str]:
    """Return the networks that --network names, in the order of the table; all when it names none.

    Examples
    --------
    >>> wanted(["a", "b"], Settings(networks=("b",)))
    ['b']
    """
    return [
        str(name)
        for name in having(pd.DataFrame({"network": list(names)}), "network", settings.networks, "--network")["network"]
    ]


def few(names: Sequence[str], settings: Settings, each: int = 1) -> tuple[list[str], tuple[str, ...]]:
    """Return the networks that are drawn, and a line about the others: those asked for, or the first few.

    The first few take twelve panels at most, `each` of them so many; one network is always drawn.

    Examples
    --------
    >>> few(["a", "b"], Settings())
    (['a', 'b'], ())
    >>> few([str(k) for k in range(50)], Settings(), each=4)[1]
    ('3 of 50 networks are drawn (--network chooses others)',)
    """
    most = max(1, _MOST // each)
    if settings.networks or len(names) <= most:
        return list(names), ()
    return list(names[:most]), (f"{most} of {len(names)} networks are drawn (--network chooses others)",)


def short_names(names: Sequence[str]) -> list[str]:
    """Leave out the words that all names begin with.

    Examples
    --------
    >>> short_names(["flipflop-n8-s0", "flipflop-n8-s12"]), short_names(["a"])
    (['s0', 's12'], ['a'])
    """
    words = [name.split("-") for name in names]
    shared = 0
    while len(names) > 1 and all(len(w) > shared + 1 and w[shared] == words[0][shared] for w in words):
        shared += 1
    return ["-".join(w[shared:]) for w in words]


def list_rows(table: pa.Table, name: str) -> list[NDArray[np.float64] | None]:
    """Return a column of lists as arrays, None where there is none."""
    return [None if value is None else np.asarray(value, dtype=np.float64) for value in table[name].to_pylist()]


def vectors(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a column of lists of one length as an array, (rows, length); rows without a list are left out.

    Raises
    ------
    InputError
        When the lengths differ, or a number is not finite.

    Examples
    --------
    >>> vectors(pa.table({"hidden": [[1.0, 2.0], None, [3.0, 4.0]]}), "hidden")
    array([[1., 2.],
           [3., 4.]])
    """
    column: Any = table[name].drop_null().combine_chunks()
    count = len(column)
    flat = np.asarray(column.flatten(), dtype=np.float64)
    width = len(flat) // count if count else 0
    lengths = {len(value) for value in column.slice(0, 1)} if count else set()
    if count and (lengths != {width} or width * count != len(flat)):
        raise InputError(f"column '{name}'", "its lists differ in length", "plot networks of one size at a time")
    if not np.isfinite(flat).all():
        raise InputError(f"column '{name}'", "holds a number that is not finite", "write the table again")
    return flat.reshape(count, width)
