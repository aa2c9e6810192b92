"""What checkpoints hold, a row each."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from rnnkit.checkpoints import Checkpoint
from rnnkit.stages.evaluation import flaw
from rnnkit.tables import build

__all__ = ["info"]

_COLUMNS = ("family", "units", "inputs", "outputs")


def info(networks: Sequence[Checkpoint], paths: Sequence[str] | None = None) -> pa.Table:
    """Return family, sizes, task, seed, losses and status of networks, as schema `info`."""
    rows = []
    for network, path in zip(networks, paths or [""] * len(networks), strict=True):
        constants = network.architecture.to_json()
        rows.append(
            {
                "network": network.name,
                "path": path,
                "model": constants["family"],
                "units": constants["units"],
                "inputs": constants["inputs"],
                "outputs": constants["outputs"],
                "constants": json.dumps({k: v for k, v in constants.items() if k not in _COLUMNS}),
                "task": network.task,
                "task_parameters": json.dumps(dict(network.task_parameters), sort_keys=True),
                "seed": network.seed,
                "training_loss": network.losses.get("training"),
                "val_loss": network.losses.get("validation"),
                "initial": bool(network.initial),
                "status": flaw(network) or network.status,
            }
        )
    return build("info", rows)
