"""Files appear under their final name whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rnnkit.errors import FileError, RnnkitError

__all__ = ["atomic_path", "check_target", "check_writable", "clear_unfinished"]


def check_target(path: Path) -> None:
    """Raise FileError unless a file could be created under this name; create nothing, not even its folder."""
    if path.is_dir():
        raise FileError(str(path), "is a folder, not a file", "give a file name")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    check_writable(folder)


def check_writable(folder: Path) -> None:
    """Raise FileError unless a file can be created in `folder`; create the folder if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise FileError(str(folder), f"cannot be written to: {error.strerror}", "choose another folder") from error


def clear_unfinished(path: Path) -> None:
    """Delete what a killed process left of :func:`atomic_path`; nobody may be writing `path`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in (".a.txt.0123abc_.part", ".a.txt.part", "a.txt.part", ".b.txt.0123abc_.part"):
    ...         _ = Path(folder, name).write_text("half")
    ...     clear_unfinished(Path(folder) / "a.txt")
    ...     sorted(left.name for left in Path(folder).iterdir())
    ['.a.txt.part', '.b.txt.0123abc_.part', 'a.txt.part']
    """
    name = re.compile(re.escape(f".{path.name}.") + r"[a-z0-9_]{8}\.part")
    if path.parent.is_dir():
        for left in path.parent.iterdir():
            if name.fullmatch(left.name) is not None:
                left.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; rename it to `path` when the block ends well.

    What is no regular file, such as a device or a named pipe, is written to instead of replaced.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     (Path(folder) / "a.txt").read_text()
    'whole'
    """
    if path.is_dir():
        raise FileError(str(path), "is a folder, not a file", "give a file name")
    special = path.exists() and not path.is_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=None if special else path.parent)
    except OSError as error:
        raise FileError(str(path), f"cannot be written: {error.strerror}", "choose another place") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if special:
            with temporary.open("rb") as whole, path.open("wb") as stream:
                shutil.copyfileobj(whole, stream)
            return
        # mkstemp makes private files; give the result the permissions a plain open() would have.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except RnnkitError:
        raise
    except OSError as error:
        raise FileError(
            str(path), f"cannot be written: {error.strerror}", "free some space or choose another place"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
