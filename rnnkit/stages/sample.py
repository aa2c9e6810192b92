"""Trials of a task as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from rnnkit.schemas import get_schema
from rnnkit.stages.evaluation import sample_trials
from rnnkit.tables import arrow_schema
from rnnkit.tasks import make_task

__all__ = ["sample"]


def sample(
    task: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    trials: int = 10,
    seed: int = 0,
    ood: bool = False,
) -> pa.Table:
    """Return trials of a task: a row per trial and step, of schema `sample`.

    Examples
    --------
    >>> sample("flipflop", {"bits": 2, "steps": 5}, trials=3).num_rows
    15
    """
    drawn = sample_trials(make_task(task, parameters or {}), trials, seed, ood)
    _, count, steps, channels = drawn.inputs.shape
    outputs = drawn.targets.shape[-1]
    mask = np.ones((count, steps)) if drawn.mask is None else drawn.mask[0].astype(np.float64)
    columns = {
        "trial": pa.array(np.repeat(np.arange(count), steps)),
        "step": pa.array(np.tile(np.arange(steps), count)),
        "input": pa.FixedSizeListArray.from_arrays(pa.array(drawn.inputs.ravel()), channels),
        "target": pa.FixedSizeListArray.from_arrays(pa.array(drawn.targets.ravel()), outputs),
        "mask": pa.array(mask.ravel()),
    }
    schema = arrow_schema(get_schema("sample"), (), {"input": channels, "target": outputs})
    return pa.table(columns, schema=schema)
