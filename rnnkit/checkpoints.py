"""Native checkpoints: one network, one safetensors file, its metadata signed together with its tensors."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.architectures import OPTIONAL_TENSORS, Architecture
from rnnkit.atomic import atomic_path
from rnnkit.errors import FileError, InputError

__all__ = [
    "FORMAT_VERSION",
    "HISTORY_SUFFIX",
    "Checkpoint",
    "check_metadata",
    "check_tensors",
    "digest_head",
    "load_history",
    "load_native",
    "read_safetensors",
    "save_history",
    "save_native",
]

FORMAT_VERSION = 1
HISTORY_SUFFIX = ".history.safetensors"
INITIAL_PREFIX = "init."

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """One network: its weights, the weights before training, and how it came about.

    Attributes
    ----------
    name : str
        The file's stem; the `network` key of every table.
    architecture : Architecture
    weights : dict of arrays
        Tensors by the names of the format, float32 or float64.
    initial : dict of arrays
        The same tensors before training; empty when they are not known.
    task : str or None
    task_parameters : dict
    training : dict
        Settings of the training run; empty for imported networks.
    seed : int or None
    losses : dict
        `training`, `validation`, `crossing`; None where not known.
    status : str
        `converged`, `budget`, `diverged` or `imported`.
    provenance : dict
        As :meth:`rnnkit.provenance.Provenance.to_json` gives it.
    """

    name: str
    architecture: Architecture
    weights: Tensors
    initial: Tensors = field(default_factory=dict)
    task: str | None = None
    task_parameters: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    losses: Mapping[str, float | None] = field(default_factory=dict)
    status: str = "imported"
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def named(self, name: str) -> Checkpoint:
        """Return the same network under another name."""
        return replace(self, name=name)

    def metadata(self) -> dict[str, Any]:
        """Return all but the tensors, as it stands in the file's metadata."""
        return {
            "model": self.architecture.to_json(),
            "task": {"name": self.task, "parameters": dict(self.task_parameters)},
            "training": dict(self.training),
            "seed": self.seed,
            "losses": dict(self.losses),
            "status": self.status,
            "provenance": dict(self.provenance),
        }

    @property
    def converged(self) -> bool:
        """Whether it stopped below its stop loss, or was trained elsewhere."""
        return self.status in ("converged", "imported")

    def digest(self) -> str:
        """Return the SHA-256 of what it computes: tensors, architecture, task and status, but not its name.

        Examples
        --------
        >>> shape = Architecture(family="vanilla", units=1, inputs=1, outputs=1)
        >>> a, b = (Checkpoint(name, shape, {"recurrent.weight": np.eye(1)}) for name in "ab")
        >>> a.digest() == b.digest()
        True
        """
        tensors = self.weights | {INITIAL_PREFIX + name: value for name, value in self.initial.items()}
        kept = {key: value for key, value in self.metadata().items() if key in ("model", "task", "status")}
        return _digest(tensors, json.dumps(_finite_or_none(kept), sort_keys=True, default=str))

    def bad_tensor(self) -> str | None:
        """Return the name of the first tensor that holds NaN or infinity, or None."""
        for key, value in self.weights.items():
            if not np.isfinite(value).all():
                return key
        return None

    def setting(self, key: str) -> Any:
        """Return a setting by name: a task parameter, an architecture constant or a training setting.

        Examples
        --------
        >>> shape = Architecture(family="vanilla", units=4, inputs=1, outputs=1)
        >>> Checkpoint("a", shape, {}).setting("units")
        4
        """
        # A file names these two only where they differ from the usual; a grid over them needs both values. Networks
        # trained elsewhere may have no biases though their architecture has places for them.
        usual = {"bias": any(name.endswith(".bias") for name in self.weights), "recurrent": self.architecture.recurrent}
        constants = {**usual, **self.architecture.to_json()}
        sources: tuple[Mapping[str, Any], ...] = (
            {"seed": self.seed, "task": self.task, "status": self.status, "model": self.architecture.family},
            self.task_parameters,
            constants,
            self.training,
        )
        for source in sources:
            if key in source:
                return source[key]
        known = sorted({name for source in sources for name in source})
        raise InputError(self.name, f"has no setting '{key}'", f"known: {', '.join(known)}")


def check_tensors(where: str, architecture: Architecture, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Raise InputError unless the tensors are those of the architecture, in name, shape and type."""
    shapes = architecture.shapes()
    for name, shape in shapes.items():
        if name not in tensors:
            if name in OPTIONAL_TENSORS:
                continue
            raise InputError(where, f"tensor '{name}' is missing", f"a {architecture.family} network needs it")
        value = tensors[name]
        if value.shape != shape:
            raise InputError(
                where,
                f"tensor '{name}' has shape {value.shape}, expected {shape}",
                f"as {architecture.family} with {architecture.units} units, {architecture.inputs} inputs, "
                f"{architecture.outputs} outputs",
            )
        if value.dtype not in (np.float32, np.float64):
            raise InputError(where, f"tensor '{name}' has type {value.dtype}", "store float32 or float64")
    for name in tensors:
        if name not in shapes:
            raise InputError(where, f"tensor '{name}' has no place in a {architecture.family} network", "remove it")


def _digest(tensors: Mapping[str, NDArray[Any]], metadata: str) -> str:
    """SHA-256 over the metadata text and every tensor's name, type, shape and bytes."""
    total = hashlib.sha256(metadata.encode())
    for name in sorted(tensors):
        value = np.ascontiguousarray(tensors[name])
        total.update(digest_head(name, value.dtype, value.shape))
        total.update(value.tobytes())
    return total.hexdigest()


def digest_head(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return what stands before a tensor's bytes in the digest of a file."""
    return f"{name}|{dtype.str}|{shape}".encode()


_NO_DIGEST = "0" * 64


def _finite_or_none(value: Any) -> Any:
    """Replace floats that JSON cannot hold by None, at any depth."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite_or_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite_or_none(item) for item in value]
    return value


def _sign(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> str:
    """Return the metadata as JSON with the digest of itself and the tensors filled in."""
    blank = json.dumps(
        _finite_or_none({**metadata, "digest": _NO_DIGEST}),
        sort_keys=True,
        allow_nan=False,
        separators=(",", ":"),
    )
    return blank.replace(f'"digest":"{_NO_DIGEST}"', f'"digest":"{_digest(tensors, blank)}"')


def _write(path: Path, tensors: Tensors, metadata: Mapping[str, Any]) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(contiguous, temporary, metadata={"rnnkit": _sign(contiguous, metadata)})
        except SafetensorError as error:  # a full disk, for one
            raise FileError(str(path), f"cannot be written: {error}", "free some space") from error


def read_safetensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Return the tensors and the string metadata of any safetensors file.

    Raises
    ------
    FileError
        When the file is missing, truncated or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise FileError(str(path), "no such file", "check the name")
    if path.is_dir():
        raise FileError(str(path), "is a folder, not a file", "give a file")
    try:
        with safe_open(path, framework="np") as handle:
            metadata = dict(handle.metadata() or {})
            return {name: handle.get_tensor(name) for name in handle.keys()}, metadata  # noqa: SIM118
    except (
        SafetensorError,
        OSError,
        struct.error,
        UnicodeDecodeError,
        AttributeError,
        TypeError,
        ValueError,
    ) as error:
        # numpy has no bfloat16 and no float8: the reader then fails with AttributeError or TypeError.
        raise FileError(
            str(path), f"is damaged or no safetensors file: {error}", "write or copy the file again"
        ) from error


def _verified(path: Path, tensors: Tensors, text: str) -> dict[str, Any]:
    """Return the metadata if the digest in it fits the tensors and the text itself."""
    return check_metadata(path, text, lambda blank: _digest(tensors, blank))


def check_metadata(path: Path, text: str, digest_of: Callable[[str], str]) -> dict[str, Any]:
    """Return the metadata of a file if its digest fits.

    Parameters
    ----------
    path : Path
    text : str
        The metadata, as they stand in the file.
    digest_of : callable
        Gives the digest of the file's tensors and of the text without its digest.

    Raises
    ------
    FileError
        When the digest does not fit, or the file is of another version of the format.
    """
    try:
        metadata = json.loads(text)
        digest = metadata["digest"]
        blank = text.replace(f'"digest":"{digest}"', f'"digest":"{_NO_DIGEST}"')
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(str(path), "its metadata is damaged", "write or copy the file again") from error
    if not isinstance(digest, str) or len(digest) != 64 or digest_of(blank) != digest:
        raise FileError(str(path), "its digest does not fit its content: it was damaged or edited", "copy it again")
    found = metadata.get("format")
    if found != FORMAT_VERSION:
        raise FileError(str(path), f"has format version {found}, expected {FORMAT_VERSION}", "update rnnkit")
    return dict(metadata)


def save_native(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint, atomically, with a digest of its tensors and metadata."""
    check_tensors(checkpoint.name, checkpoint.architecture, checkpoint.weights)
    if checkpoint.initial:
        check_tensors(f"{checkpoint.name} (init)", checkpoint.architecture, checkpoint.initial)
    tensors = dict(checkpoint.weights)
    tensors |= {INITIAL_PREFIX + name: value for name, value in checkpoint.initial.items()}
    _write(path, tensors, {"format": FORMAT_VERSION, **checkpoint.metadata()})


def load_native(path: Path, content: tuple[Tensors, dict[str, str]] | None = None) -> Checkpoint:
    """Read a native checkpoint; `content` is what :func:`read_safetensors` gave, if it was read already.

    Raises
    ------
    FileError
        When the file is damaged: any bit that was changed since it was written.
    InputError
        When a tensor is missing or has the wrong shape.
    """
    tensors, strings = content if content is not None else read_safetensors(path)
    if "rnnkit" not in strings:
        raise FileError(str(path), "is no native checkpoint", "bring it in with rnnkit import")
    metadata = _verified(path, tensors, strings["rnnkit"])
    if metadata.get("kind") == "history":
        raise FileError(str(path), "holds snapshots, not one network", "give the checkpoint beside it")
    try:
        return _network(path, tensors, metadata)
    except (KeyError, TypeError, AttributeError) as error:
        what = f"its metadata is not that of a checkpoint: {error!r}"
        raise FileError(str(path), what, "write it with rnnkit") from error


def _network(path: Path, tensors: Tensors, metadata: Mapping[str, Any]) -> Checkpoint:
    architecture = Architecture.from_json(metadata["model"])
    weights = {k: v for k, v in tensors.items() if not k.startswith(INITIAL_PREFIX)}
    initial = {k.removeprefix(INITIAL_PREFIX): v for k, v in tensors.items() if k.startswith(INITIAL_PREFIX)}
    check_tensors(str(path), architecture, weights)
    if initial:
        check_tensors(f"{path} (init)", architecture, initial)
    return Checkpoint(
        name=path.stem,
        architecture=architecture,
        weights=weights,
        initial=initial,
        task=metadata["task"]["name"],
        task_parameters=metadata["task"]["parameters"],
        training=metadata["training"],
        seed=metadata["seed"],
        losses=metadata["losses"],
        status=metadata["status"],
        provenance=metadata["provenance"],
    )


def save_history(path: Path, steps: NDArray[np.int64], tensors: Tensors, network: str) -> None:
    """Write snapshots: each tensor stacked along a first axis, with `step` (K,) optimiser steps."""
    _write(path, {**tensors, "step": steps}, {"format": FORMAT_VERSION, "kind": "history", "network": network})


def load_history(path: Path) -> tuple[NDArray[np.int64], Tensors]:
    """Read snapshots: `step` (K,) and each tensor with a first axis of length K."""
    tensors, strings = read_safetensors(path)
    if _verified(path, tensors, strings.get("rnnkit", "")).get("kind") != "history":
        raise FileError(str(path), "holds one network, not snapshots", "give the .history.safetensors file")
    return tensors.pop("step"), tensors
