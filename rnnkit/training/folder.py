"""The folder a training run fills, and what it keeps there to go on after it was killed.

While a run lasts, `DIR/.rnnkit-train/` holds the plan's digest, the state of the group that is training (written
whole, every few seconds, at an epoch's end) and the tables of the groups that are done. It is removed when the
run ends. Data and weights depend on seeds and epochs only, so a resumed run gives the uninterrupted result.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import save_file

from rnnkit.atomic import atomic_path, check_writable
from rnnkit.checkpoints import HISTORY_SUFFIX, Checkpoint, read_safetensors, save_history, save_native
from rnnkit.errors import FileError, InputError
from rnnkit.provenance import Provenance
from rnnkit.tables import build, open_writer, read, table_metadata
from rnnkit.tasks import task_parameters
from rnnkit.tasks.chance import validation_chance
from rnnkit.training.settings import NetworkPlan, group_plans
from rnnkit.training.states import GroupState, Record, TrainedNetwork

__all__ = ["TrainingFolder", "to_checkpoint"]

_STATE_SECONDS = 10.0
_NUMBERS = (
    *("epoch", "phase", "loss", "task_loss", "tcr_loss", "mar_loss"),
    *("val_loss", "accuracy", "grad_norm", "lr", "seconds"),
)


def to_checkpoint(trained: TrainedNetwork, provenance: Provenance) -> Checkpoint:
    """Return the checkpoint of a network that has stopped."""
    plan = trained.plan
    s = plan.settings
    training = plan.to_json() | {"epochs_trained": trained.epochs, "crossing_epoch": trained.crossing_epoch}
    (level,) = validation_chance(plan.task, [plan.seed], s.validation_trials, s.stop_on == "main")
    training |= level
    if plan.protocol:
        training["protocol"] = _phases_trained(trained, training["protocol"])
    return Checkpoint(
        name=plan.name,
        architecture=plan.architecture,
        weights=dict(trained.weights),
        initial=dict(trained.initial),
        task=plan.task.name,
        task_parameters=task_parameters(plan.task),
        training=training,
        seed=plan.seed,
        losses=trained.losses,
        status=trained.status,
        provenance=provenance.to_json(),
    )


def _phases_trained(trained: TrainedNetwork, phases: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the phases that began, each with its first and last step and its final loss.

    Steps count as those of snapshots: a phase leads from the weights after `first_step` updates to those after
    `last_step`. Of a network that diverged the last phase ends where its weights are from.
    """
    s = trained.plan.settings
    done = trained.epochs - (trained.status == "diverged")
    ends = [
        {
            "first_step": k * s.epochs * s.steps_per_epoch,
            "last_step": min((k + 1) * s.epochs, done) * s.steps_per_epoch,
            "loss": loss,
        }
        for k, loss in enumerate(trained.phase_losses)
    ]
    return [phase | end for phase, end in zip(phases, ends, strict=False)]


def _plan_digest(plans: Sequence[NetworkPlan]) -> str:
    """Digest of everything that determines the run's result."""
    text = json.dumps(
        [[p.name, p.seed, p.task.name, task_parameters(p.task), p.architecture.to_json(), p.to_json()] for p in plans],
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _read_digest(plan_file: Path) -> str:
    """Return the digest of the run that was interrupted."""
    try:
        return str(json.loads(plan_file.read_text())["digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(str(plan_file), "is damaged", "start again with --overwrite") from error


def _lock(path: Path) -> int | None:
    """Keep a second run out of the folder; the system lets go of the lock when this process ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return None
    held = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise FileError(str(path), "another run is filling it", "wait, or choose another folder") from error
    except OSError:  # a file system without locks
        os.close(held)
        return None
    return held


class TrainingFolder:
    """Where a run's networks, table and state are written.

    Parameters
    ----------
    path : Path
    plans : sequence of NetworkPlan
        The whole run.
    provenance : Provenance
    resume : bool
        Go on with an interrupted run of the same plans.
    overwrite : bool
        Replace networks of the same names.

    Raises
    ------
    FileError
        When the folder cannot be written, or holds a run's results and neither option is given.
    InputError
        When the interrupted run there had other settings.
    """

    def __init__(
        self, path: Path, plans: Sequence[NetworkPlan], provenance: Provenance, resume: bool, overwrite: bool
    ) -> None:
        check_writable(path)
        self.path, self.provenance = path, provenance
        self.groups = group_plans(plans)
        self._state = path / ".rnnkit-train"
        self._saved = time.monotonic()
        plan_file = self._state / "plan.json"
        digest = _plan_digest(plans)
        existing = [p for p in plans if self.file(p.name).exists()]
        self.complete = resume and len(existing) == len(plans) and not plan_file.exists()
        self._lock: int | None = None
        if self.complete:
            return
        self._lock = _lock(path)
        try:
            self._begin(plan_file, digest, existing, resume, overwrite)
        except BaseException:
            self.close()
            raise

    def _begin(self, plan_file: Path, digest: str, existing: list[NetworkPlan], resume: bool, overwrite: bool) -> None:
        """Find what an interrupted run left, or make room for a new one."""
        path = self.path
        for leftover in (*path.glob(".*.part"), *self._state.glob(".*.part")):  # of a run that was killed
            leftover.unlink(missing_ok=True)
        if resume and plan_file.exists():
            if _read_digest(plan_file) != digest:
                raise InputError(
                    str(path),
                    "holds an interrupted run with other settings",
                    "repeat its command, or --overwrite",
                )
            return
        if (existing or plan_file.exists()) and not overwrite:
            what = f"holds '{existing[0].name}' already" if existing else "holds an interrupted run"
            how = "add --resume or --overwrite, or choose another folder"
            if resume:  # it is a finished run of some of these networks
                how = "train the others into a folder of their own, or --overwrite"
            raise FileError(str(path), what, how)
        if self._state.exists():
            shutil.rmtree(self._state)
        for plan in existing:
            self.file(plan.name).unlink()
            self.path.joinpath(plan.name + HISTORY_SUFFIX).unlink(missing_ok=True)
        self._state.mkdir()
        with atomic_path(plan_file) as temporary:
            temporary.write_text(json.dumps({"digest": digest, "command": self.provenance.command}))

    def file(self, name: str) -> Path:
        """Return the checkpoint file of a network."""
        return self.path / f"{name}.safetensors"

    def save_network(self, trained: TrainedNetwork) -> None:
        """Write a network that has stopped, and its snapshots."""
        if trained.snapshots:
            path = self.path / (trained.plan.name + HISTORY_SUFFIX)
            save_history(path, trained.snapshot_steps, dict(trained.snapshots), trained.plan.name)
        save_native(to_checkpoint(trained, self.provenance), self.file(trained.plan.name))

    def _group_file(self, group: int, ending: str) -> Path:
        return self._state / f"group-{group:04d}.{ending}"

    def done(self, group: int) -> bool:
        """Tell whether a group was finished before."""
        return self.complete or self._group_file(group, "parquet").exists()

    def finish_group(self, group: int, rows: Sequence[dict[str, Any]]) -> None:
        """Keep a group's table and drop its state."""
        with open_writer(self._group_file(group, "parquet"), "parquet", {}) as writer:
            writer.write(build("training", rows))
        self._group_file(group, "safetensors").unlink(missing_ok=True)

    def finish(self) -> pa.Table:
        """Write `training.parquet` beside the networks, in the plans' order, and drop the state."""
        target = self.path / "training.parquet"
        if self.complete:
            return read(target, "training") if target.exists() else build("training", [])
        parts = [read(self._group_file(k, "parquet"), "training") for k in range(len(self.groups))]
        table = pa.concat_tables(parts)
        with open_writer(target, "parquet", table_metadata("training", self.provenance)) as writer:
            writer.write(table)
        shutil.rmtree(self._state)
        return table

    def close(self) -> None:
        """Let other runs into the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def save_state(self, group: int, state: GroupState, force: bool) -> None:
        """Write the state of a group that is training, if some seconds have passed or `force`."""
        if not force and time.monotonic() - self._saved < _STATE_SECONDS:
            return
        tensors = {name: getattr(state, name).cpu().contiguous() for name in ("flat", "initial", "first", "second")}
        for k, kept in enumerate(state.snapshots):
            if kept:
                tensors[f"snapshots.{k}"] = torch.stack(kept).cpu()
        names = [plan.name for plan in self.groups[group]]
        tensors["rows.network"] = torch.tensor([names.index(row["network"]) for row in state.rows])
        tensors["rows.status"] = torch.tensor([_STATUSES.index(row["status"]) for row in state.rows])
        for name in _NUMBERS:
            values = [float("nan") if row[name] is None else row[name] for row in state.rows]
            tensors[f"rows.{name}"] = torch.tensor(values, dtype=torch.float64)
        records = [asdict(record) for record in state.records]
        text = json.dumps({"epoch": state.epoch, "active": state.active, "records": records})
        with atomic_path(self._group_file(group, "safetensors")) as temporary:
            save_file(tensors, temporary, metadata={"state": text})
        self._saved = time.monotonic()

    def load_state(self, group: int) -> GroupState | None:
        """Read the state of an interrupted group, or None when it had not begun."""
        path = self._group_file(group, "safetensors")
        if not path.exists():
            return None
        arrays, strings = read_safetensors(path)
        try:
            return self._state_of(group, arrays, json.loads(strings["state"]))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise FileError(str(path), "is damaged", "remove it: the group is then trained from the start") from error

    def _state_of(self, group: int, arrays: dict[str, np.ndarray[Any, Any]], held: dict[str, Any]) -> GroupState:
        tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
        names = [plan.name for plan in self.groups[group]]
        rows = [_row(arrays, names, k) for k in range(len(arrays["rows.network"]))]
        snapshots = [list(tensors.get(f"snapshots.{k}", [])) for k in range(len(held["active"]))]
        return GroupState(
            held["epoch"],
            held["active"],
            tensors["flat"],
            tensors["initial"],
            tensors["first"],
            tensors["second"],
            snapshots,
            [Record(**record) for record in held["records"]],
            rows,
        )

    def pending(self) -> Iterator[tuple[int, list[NetworkPlan], GroupState | None]]:
        """Go through the groups that are not done: index, plans, and the state to go on from."""
        for k, plans in enumerate(self.groups):
            if not self.done(k):
                yield k, plans, self.load_state(k)


_STATUSES = ("training", "converged", "budget", "diverged")


def _row(arrays: dict[str, np.ndarray[Any, Any]], names: Sequence[str], k: int) -> dict[str, Any]:
    row: dict[str, Any] = {name: float(arrays[f"rows.{name}"][k]) for name in _NUMBERS}
    row["epoch"], row["phase"] = int(row["epoch"]), int(row["phase"])
    row["network"] = names[int(arrays["rows.network"][k])]
    row["status"] = _STATUSES[int(arrays["rows.status"][k])]
    return row
