"""Results that are kept while they come: appended to one file, each with its checksum.

A run that is killed, at whatever moment, leaves whole records and at most one that is cut off; that one is not read.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import IO, Any

from rnnkit.errors import FileError, InputError

__all__ = ["Journal"]

_FORMAT = "rnnkit journal 1"


def _line(content: Any) -> bytes:
    text = json.dumps(content, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _content(line: bytes) -> Any:
    """Return what a line holds; raise ValueError if it is not whole."""
    if not line.endswith(b"\n") or int(line[:8], 16) != zlib.crc32(line[9:-1]):
        raise ValueError("checksum")
    return json.loads(line[9:-1])


def _lock(file: IO[bytes]) -> bool:
    """Lock a file for as long as this process has it open; return whether nobody else has."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


class Journal:
    """Numbered records behind one header, in a file that exists from the first record on.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    header : dict or None
        None when there is no file, or none with a whole header and record.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(Path(folder) / "a.part")
    ...     journal.begin({"run": 1})
    ...     journal.add(7, [0.5, None])
    ...     journal.close()
    ...     again = Journal(Path(folder) / "a.part")
    ...     again.header, again.get(7), again.get(8)
    ({'run': 1}, [0.5, None], None)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: dict[str, Any] | None = None
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0
        self._file: IO[bytes] | None = None
        self._begun = False
        if path.is_file():
            self._scan()

    def __len__(self) -> int:
        return len(self._places)

    def _scan(self) -> None:
        with self.path.open("rb") as handle:
            header: Any = None
            torn = False
            for line in handle:
                torn = not line.endswith(b"\n")
                try:
                    content = _content(line)
                    if header is None:
                        header = content if content["format"] == _FORMAT else None
                    else:
                        self._places[content[0]] = (self._end, len(line))
                except (ValueError, KeyError, TypeError, IndexError):
                    break
                if header is None:
                    break
                self._end += len(line)
        if header is None and self.path.stat().st_size and not torn:
            raise FileError(str(self.path), "is no part of a table", "delete it, or choose another --out")
        self.header = header["header"] if header is not None and self._places else None

    def claim(self) -> None:
        """Keep other runs away from the file, if it is there, until this one closes it or is killed.

        Raises
        ------
        InputError
            When another run is writing it.
        """
        if self._file is None and self.path.is_file():
            self._file = self._locked()

    def begin(self, header: dict[str, Any]) -> None:
        """Set the header of a new journal; nothing is written yet."""
        self.header, self._places, self._end = header, {}, 0

    def get(self, number: int) -> Any:
        """Return a record, or None if it is not there."""
        if number not in self._places:
            return None
        start, length = self._places[number]
        with self.path.open("rb") as handle:
            handle.seek(start)
            return _content(handle.read(length))[1]

    def __contains__(self, number: object) -> bool:
        return number in self._places

    def add(self, number: int, record: Any) -> None:
        """Append a record; it is there for a later run when this returns, whatever happens to this one."""
        file = self._writing()
        line = _line([number, record])
        self._write(file, line)
        self._places[number] = (self._end, len(line))
        self._end += len(line)

    def _locked(self) -> IO[bytes]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise FileError(str(self.path), f"cannot be written: {error.strerror}", "choose another place") from error
        if not _lock(file):
            file.close()
            raise InputError(str(self.path), "another run is writing it", "wait for it, or choose another --out")
        return file

    def _writing(self) -> IO[bytes]:
        """Return the file, behind its last whole record."""
        if self._file is None:
            self._file = self._locked()
        if not self._begun:
            try:
                self._file.truncate(self._end)
            except OSError as error:
                what = f"cannot be written: {error.strerror}"
                raise FileError(str(self.path), what, "choose another place") from error
            if not self._end:
                line = _line({"format": _FORMAT, "header": self.header})
                self._write(self._file, line)
                self._end = len(line)
            self._begun = True
        return self._file

    def _write(self, file: IO[bytes], line: bytes) -> None:
        try:
            file.write(line)
        except OSError as error:
            raise FileError(str(self.path), f"cannot be written: {error.strerror}", "free some space") from error

    def close(self, remove: bool = False) -> None:
        """Let go of the file, and delete it when it has served."""
        if self._file is not None:
            self._file.close()
        self._file, self._begun = None, False
        if remove:
            self.path.unlink(missing_ok=True)
