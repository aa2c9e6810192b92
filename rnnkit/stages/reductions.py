"""What networks come down to, kept: on disk by content, and the latest few in memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from rnnkit.atomic import atomic_path
from rnnkit.errors import FileError
from rnnkit.metrics import Reduction

__all__ = ["Recent", "ReductionFolder", "content_key", "passing_folder"]


def content_key(**parts: Any) -> str:
    """Return the SHA-256 of what a reduction depends on.

    Examples
    --------
    >>> content_key(network="a", metric="dsa") == content_key(metric="dsa", network="a")
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def passing_folder(of: Path | None = None) -> Iterator[Path]:
    """Give a folder that is deleted at the end; the same again to a run that goes on with one that was killed.

    Parameters
    ----------
    of : Path, optional
        The file that says which run it is.

    Examples
    --------
    >>> with passing_folder(Path("a.part")) as first, passing_folder(Path("b.part")) as other:
    ...     first == other
    False
    >>> with passing_folder(Path("a.part")) as again:
    ...     first == again
    True
    >>> again.exists()
    False
    """
    if of is not None:
        named = hashlib.sha256(os.fsencode(of.resolve())).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"rnnkit-{named}"
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
        if _is_private(folder):
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return
    with tempfile.TemporaryDirectory(prefix="rnnkit-") as fresh:
        yield Path(fresh)


def _is_private(folder: Path) -> bool:
    """Whether a folder is this user's, and nobody else writes there."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    own = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)
    return stat.S_ISDIR(found.st_mode) and own


class ReductionFolder:
    """Reductions on disk, one `.npz` each, by key; nothing but plain arrays is ever read.

    Parameters
    ----------
    folder : Path or None
        Where there is none (on another computer, say), nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def _path(self, key: str) -> Path | None:
        here = self._folder is not None and self._folder.is_dir()
        return self._folder / key[:2] / f"{key}.npz" if here and self._folder is not None else None

    def load(self, key: str) -> Reduction | None:
        """Return what is kept under this key; None when there is nothing, or nothing whole."""
        path = self._path(key)
        if path is None:
            return None
        try:
            with path.open("rb") as handle, np.load(handle, allow_pickle=False) as held:
                arrays = {name: held[name] for name in held.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        status = str(arrays.pop("status", np.array("")))
        return Reduction(arrays, status) if status else None

    def save(self, key: str, reduction: Reduction) -> None:
        """Keep a reduction; do without if the disk is full."""
        path = self._path(key)
        if path is None:
            return
        try:
            with atomic_path(path) as temporary, temporary.open("wb") as handle:
                content: Mapping[str, Any] = {**reduction.arrays, "status": np.array(reduction.status)}
                np.savez(handle, allow_pickle=False, **content)
        except FileError:
            return


class Recent:
    """The reductions used last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit, self.bytes = limit, 0
        self._held: OrderedDict[Hashable, Reduction] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Reduction | None:
        """Return a reduction if it is still there."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: Hashable, reduction: Reduction) -> None:
        """Keep a reduction, and let go of those not used for longest."""
        with self._lock:
            if key in self._held:
                return
            self._held[key] = reduction
            self.bytes += reduction.nbytes
            while self.bytes > self._limit and self._held:
                self.bytes -= self._held.popitem(last=False)[1].nbytes
