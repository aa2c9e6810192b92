"""Rows of a table by group: which columns group them, and what each group holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
import pyarrow as pa

from rnnkit.errors import InputError, unknown_name
from rnnkit.tables import check_group_keys, group_columns

__all__ = ["Keys", "check_against", "chosen_keys", "reference_of", "split"]

#: A group: the value under each key, None where a network has none.
Keys = dict[str, str | None]

_HOW = {"comparisons": "compare --within", "summary": "rollout --summary --by"}


def chosen_keys(held: Sequence[tuple[pa.Table, str]], by: Sequence[str] | None, name: str) -> list[str]:
    """Return the columns to group by: those named, or all group columns that any table holds.

    Parameters
    ----------
    held : sequence of (pyarrow.Table, str)
        Tables, each with its schema.
    by : sequence of str, optional
    name : str
        Schema of the table to be written.

    Raises
    ------
    InputError
        When a table lacks one, or the table to be written has a column of that name.
    """
    if by is None:
        by = sorted({key for table, schema in held for key in group_columns(table, schema)})
    check_group_keys(name, by)
    for table, schema in held:
        known = group_columns(table, schema)
        for key in by:
            # Of the declared columns only the task says what a network is; steps and the like differ by condition.
            if key not in known and not (key == "task" and key in table.column_names):
                fix = f"known: {', '.join(known)}" if known else f"write the table with it ({_HOW[schema]})"
                raise InputError("--by", f"the {schema} table has no column '{key}'", fix)
    return list(by)


def split(table: pa.Table, by: Sequence[str]) -> Iterator[tuple[Keys, pd.DataFrame]]:
    """Give each group's keys and rows, in the order in which the groups first stand."""
    frame = table.to_pandas()
    parts = frame.groupby(list(by), sort=False, dropna=False) if by else [((), frame)]
    for key, part in parts:
        yield {name: str(value) if value == value else None for name, value in zip(by, key, strict=True)}, part


def reference_of(keys: Keys, against: Mapping[str, str]) -> Keys | None:
    """Return the group that a group is set against: it has the values named, and agrees in all other keys.

    None for that group itself.

    Examples
    --------
    >>> reference_of({"gamma": "3", "units": "64"}, {"gamma": "1"})
    {'gamma': '1', 'units': '64'}
    >>> reference_of({"gamma": "1", "units": "64"}, {"gamma": "1"}) is None
    True
    """
    reference = {**keys, **against}
    return None if reference == keys else reference


def check_against(against: Mapping[str, str], groups: Sequence[Keys]) -> dict[str, str]:
    """Return `against` with values as the tables spell them: 1 may stand for 1.0.

    Raises
    ------
    InputError
        Unless it names groups that are there, and others to set against them.

    Examples
    --------
    >>> check_against({"gamma": "1"}, [{"gamma": "1.0"}, {"gamma": "3.0"}])
    {'gamma': '1.0'}
    """
    against = dict(against)
    keys = list(groups[0]) if groups else []
    if not keys:
        raise InputError(
            "--against", "there is one group only", "write the tables with groups, and name them with --by"
        )
    for key, value in against.items():
        if key not in keys:
            raise unknown_name("--against", key, keys, "group column")
        known = sorted({name for group in groups if (name := group[key]) is not None})
        alike = [name for name in known if name == value or _number(name) == _number(value) is not None]
        if not alike:
            raise unknown_name("--against", f"{key}={value}", [f"{key}={name}" for name in known], "group")
        against[key] = value if value in alike else alike[0]
    pairs = [group for group in groups if (found := reference_of(group, against)) is not None and found in groups]
    if not pairs:
        named = ",".join(f"{key}={value}" for key, value in against.items())
        raise InputError("--against", f"no group can be set against {named}", "name fewer keys, or compare more groups")
    return against


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
